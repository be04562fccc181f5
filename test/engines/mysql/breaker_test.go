package mysql

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// breaker ends a program once something that it asked for is done, and nothing after
// it: calls of AWS and messages to the database are counted together, in their order. A
// program that is ended before the next one has left the same behind.
type breaker struct {
	lock  sync.Mutex
	count int
	last  int    // what is done before the end; 0 for no end
	end   func() // of the program
	what  string // was done last
}

// begin counts what is asked for, and tells whether nothing may follow.
func (b *breaker) begin(what string) bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.count++
	ends := b.last > 0 && b.count >= b.last
	if ends {
		b.what = what
	}
	return ends
}

// arm ends the next program after that many requests.
func (b *breaker) arm(last int, end func()) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.count, b.last, b.end, b.what = 0, last, end, ""
}

// reached says what was done last, or nothing if the program asked for less.
func (b *breaker) reached() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.what
}

// proxy is a port on loopback from which all goes on to another, but for the answer to
// the message that the breaker ends a program after.
func (b *breaker) proxy(t *testing.T, port string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go b.carry(client, net.JoinHostPort("127.0.0.1", port))
		}
	}()
	_, own, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return own
}

// carry serves one connection until one side ends it.
func (b *breaker) carry(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var lock sync.Mutex
	last, answered := false, make(chan struct{})
	go func() {
		defer client.Close()
		buffer := make([]byte, 32<<10)
		for told := false; ; {
			read, err := server.Read(buffer)
			lock.Lock()
			held := last
			lock.Unlock()
			if held && !told {
				told = true
				close(answered) // and the program never learns it
			}
			if err != nil {
				return
			}
			if !held {
				if _, err := client.Write(buffer[:read]); err != nil {
					return
				}
			}
		}
	}()
	for {
		message, kind, err := record(client)
		if err != nil {
			return
		}
		ends := kind == applicationData && b.begin("a message to the database")
		lock.Lock()
		last = ends
		lock.Unlock()
		if _, err := server.Write(message); err != nil {
			return
		}
		if ends {
			// Some messages, such as the end of a prepared statement, have no answer.
			next := make(chan struct{})
			go func() {
				defer close(next)
				_, _, _ = record(client)
			}()
			select {
			case <-answered:
			case <-next:
			}
			b.end()
			return
		}
	}
}

// The types of TLS records (RFC 8446, "Record Layer"), and 0 for MySQL's own request of
// TLS, which goes before them.
const applicationData, lowestType, highestType = 23, 20, 24

// record reads one message of a client: of MySQL's in one record of TLS each.
func record(from io.Reader) (message []byte, kind byte, err error) {
	message = make([]byte, 4)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, 0, err
	}
	if message[0] < lowestType || message[0] > highestType || message[1] != 3 {
		// MySQL's packet: three bytes of length, the lowest first, and a number.
		body := make([]byte, int(message[0])|int(message[1])<<8|int(message[2])<<16)
		_, err = io.ReadFull(from, body)
		return append(message, body...), 0, err
	}
	rest := make([]byte, 1)
	if _, err := io.ReadFull(from, rest); err != nil {
		return nil, 0, err
	}
	body := make([]byte, int(message[3])<<8|int(rest[0]))
	_, err = io.ReadFull(from, body)
	return append(append(message, rest...), body...), message[0], err
}
