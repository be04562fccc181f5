package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// fakeMySQL is a server that understands exactly what the runner says. The suite that
// runs on it also runs on a real server (suite_test.go), so that it cannot drift. It
// adds what a real server does only by chance: connections that break.
type fakeMySQL struct {
	lock     sync.Mutex
	conns    int
	tables   map[string]bool
	mark     []driver.Value // version, dirty, oldest_release, run
	releases map[string]int64
	held     map[string]*fakeConn
	used     map[string]*fakeConn // tables, by who has locked them
	readOnly bool
	down     bool          // nobody answers
	changes  []string      // of the schema, that were done
	running  chan struct{} // closed when a statement that makes the table slow has begun
	killed   map[int]chan struct{}
	// fate is asked before each statement.
	fate func(code string) fate
	said int
}

// fate is what becomes of a statement.
type fate int

const (
	works      fate = iota
	unsent          // the connection is found broken before anything is sent
	lostBefore      // the connection breaks, and the server has done nothing
	lostAfter       // the connection breaks, and the server has done it
	refuses         // the server replies with an error
	shutsDown       // the server replies that it shuts down, and nobody knows what it did
	dies            // the connection breaks, and nobody answers from then on
)

func newFakeMySQL() *fakeMySQL {
	return &fakeMySQL{
		tables: map[string]bool{}, releases: map[string]int64{}, held: map[string]*fakeConn{}, used: map[string]*fakeConn{},
		running: make(chan struct{}), killed: map[int]chan struct{}{},
	}
}

func (f *fakeMySQL) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// Connect and Driver make it a driver.Connector.
func (f *fakeMySQL) Connect(context.Context) (driver.Conn, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.down {
		return nil, io.ErrUnexpectedEOF
	}
	f.conns++
	f.killed[f.conns] = make(chan struct{})
	return &fakeConn{server: f, id: f.conns}, nil
}

func (f *fakeMySQL) Driver() driver.Driver { return nil }

type fakeConn struct {
	server *fakeMySQL
	id     int
	broken bool
}

// Close drops the connection's locks (MySQL manual, Locking Functions).
func (c *fakeConn) Close() error {
	c.server.lock.Lock()
	defer c.server.lock.Unlock()
	c.drop()
	return nil
}

func (c *fakeConn) drop() {
	c.broken = true
	for name, holder := range c.server.held {
		if holder == c {
			delete(c.server.held, name)
		}
	}
}

// IsValid keeps a broken connection out of the pool.
func (c *fakeConn) IsValid() bool { return !c.broken }

func (c *fakeConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *fakeConn) ExecContext(ctx context.Context, query string, values []driver.NamedValue) (driver.Result, error) {
	_, err := c.server.say(ctx, c, query, values)
	return driver.RowsAffected(0), err
}

func (c *fakeConn) QueryContext(ctx context.Context, query string, values []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.server.say(ctx, c, query, values)
	return &fakeRows{rows: rows}, err
}

type fakeRows struct{ rows [][]driver.Value }

func (r *fakeRows) Columns() []string {
	if len(r.rows) == 0 {
		return nil
	}
	return make([]string, len(r.rows[0]))
}
func (r *fakeRows) Close() error { return nil }
func (r *fakeRows) Next(to []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(to, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

func refused(number uint16) error { return &mysql.MySQLError{Number: number, Message: "refused"} }

var (
	onTable   = regexp.MustCompile("^(CREATE TABLE IF NOT EXISTS|CREATE TABLE|DROP TABLE|ALTER TABLE) `?([a-z_]+)`?")
	fromTable = regexp.MustCompile("(?:FROM|INTO|UPDATE) `?(schema_[a-z]+)`?")
	// comments are the lines of a migration's header.
	comments = regexp.MustCompile(`(?m)^--.*$`)
)

// say runs one statement, or lets it meet its fate, and returns its rows.
func (f *fakeMySQL) say(ctx context.Context, c *fakeConn, query string, values []driver.NamedValue) ([][]driver.Value, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if ctx.Err() != nil { // as the real driver does
		return nil, ctx.Err()
	}
	if c.broken {
		return nil, driver.ErrBadConn
	}
	code := strings.Join(strings.Fields(comments.ReplaceAllString(query, "")), " ")
	f.said++
	meets := works
	if f.fate != nil {
		meets = f.fate(code)
	}
	switch meets {
	case unsent:
		c.drop()
		return nil, driver.ErrBadConn
	case lostBefore:
		c.drop()
		return nil, mysql.ErrInvalidConn
	case dies:
		f.down = true
		c.drop()
		return nil, mysql.ErrInvalidConn
	case refuses:
		return nil, refused(1064)
	case shutsDown:
		return nil, refused(1053)
	case works, lostAfter: // below
	}
	if strings.HasPrefix(code, "CREATE TABLE slow ") {
		if err := f.slowly(ctx, c); err != nil {
			return nil, err
		}
	}
	rows, err := f.does(c, code, values)
	if meets == lostAfter {
		c.drop()
		return nil, mysql.ErrInvalidConn
	}
	return rows, err
}

// slowly waits until the statement is killed, or the client leaves.
func (f *fakeMySQL) slowly(ctx context.Context, c *fakeConn) error {
	killed := f.killed[c.id]
	f.lock.Unlock()
	defer f.lock.Lock()
	close(f.running)
	select {
	case <-killed:
		return refused(1317) // ER_QUERY_INTERRUPTED
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeMySQL) does(c *fakeConn, code string, values []driver.NamedValue) ([][]driver.Value, error) {
	if name, locks := strings.CutPrefix(code, "LOCK TABLES "); locks {
		f.used[strings.TrimSuffix(name, " WRITE")] = c
		return nil, nil
	}
	if code == "UNLOCK TABLES" {
		clear(f.used)
		return nil, nil
	}
	if parts := onTable.FindStringSubmatch(code); parts != nil {
		if user := f.used[parts[2]]; user != nil && user != c { // gives up at once: the fake does not wait
			return nil, refused(lockTimeout)
		}
		return nil, f.table(parts[1], parts[2], code)
	}
	if parts := fromTable.FindStringSubmatch(code); parts != nil && !f.tables[parts[1]] {
		return nil, refused(noSuchTable)
	}
	value := func(i int) driver.Value { return values[i].Value }
	if strings.Contains(code, "_LOCK(") {
		return f.locks(c, code, value)
	}
	return f.row(c, code, value)
}

// locks gives locks at once or not at all: the fake does not wait.
func (f *fakeMySQL) locks(c *fakeConn, code string, value func(int) driver.Value) ([][]driver.Value, error) {
	name := value(0).(string)
	holder := f.held[name]
	switch {
	case strings.HasPrefix(code, "SELECT IS_USED_LOCK(") && holder != nil:
		return [][]driver.Value{{int64(holder.id)}}, nil
	case strings.HasPrefix(code, "SELECT IS_USED_LOCK("):
		return [][]driver.Value{{nil}}, nil
	case strings.HasPrefix(code, "DO RELEASE_LOCK(") && holder == c:
		delete(f.held, name)
		return nil, nil
	case holder != nil && holder != c:
		return [][]driver.Value{{int64(0)}}, nil
	}
	f.held[name] = c
	return [][]driver.Value{{int64(1)}}, nil
}

// row serves the program's two tables, and what a connection asks of the server.
func (f *fakeMySQL) row(c *fakeConn, code string, value func(int) driver.Value) ([][]driver.Value, error) {
	writes := strings.HasPrefix(code, "INSERT") || strings.HasPrefix(code, "UPDATE")
	switch {
	case writes && f.readOnly:
		return nil, refused(1290) // ER_OPTION_PREVENTS_STATEMENT
	case strings.HasPrefix(code, "SELECT @@global.innodb_read_only"):
		return [][]driver.Value{{f.readOnly}}, nil
	case code == "SELECT CONNECTION_ID()":
		return [][]driver.Value{{int64(c.id)}}, nil
	case strings.HasPrefix(code, "KILL QUERY "):
		for id, killed := range f.killed {
			if strings.HasSuffix(code, " "+strconv.Itoa(id)) {
				close(killed)
			}
		}
	case strings.HasPrefix(code, "SELECT version, dirty, oldest_release FROM schema_version"):
		if f.mark == nil {
			return nil, nil
		}
		return [][]driver.Value{f.mark[:3]}, nil
	case strings.HasPrefix(code, "INSERT IGNORE INTO schema_version"):
		if f.mark == nil {
			f.mark = []driver.Value{int64(0), false, int64(0), ""}
		}
	case code == "UPDATE schema_version SET version = ?, dirty = ?, oldest_release = ?, run = ? WHERE id = 1":
		f.mark = []driver.Value{value(0), value(1), value(2), value(3)}
	case code == "UPDATE schema_version SET version = ?, dirty = ?, oldest_release = ? WHERE id = 1 AND run = ?":
		if f.mark[3] == value(3) {
			f.mark = []driver.Value{value(0), value(1), value(2), value(3)}
		}
	case code == "SELECT tag, version FROM schema_release":
		var rows [][]driver.Value
		for tag, version := range f.releases {
			rows = append(rows, []driver.Value{tag, version})
		}
		return rows, nil
	case code == "INSERT INTO schema_release (tag, version) VALUES (?, ?) ON DUPLICATE KEY UPDATE version = LEAST(version, VALUES(version))":
		tag, version := value(0).(string), value(1).(int64)
		if before, known := f.releases[tag]; !known || version < before {
			f.releases[tag] = version
		}
	default:
		return nil, refused(1064)
	}
	return nil, nil
}

// table makes, drops or changes a table, or refuses with MySQL's own numbers.
func (f *fakeMySQL) table(verb, name, code string) error {
	switch {
	case f.readOnly:
		return refused(1290)
	case verb == "CREATE TABLE" && f.tables[name]:
		return refused(1050)
	case verb == "DROP TABLE" && !f.tables[name]:
		return refused(1051)
	case verb == "ALTER TABLE" && !f.tables[name]:
		return refused(noSuchTable)
	}
	f.tables[name] = verb != "DROP TABLE"
	if verb != "CREATE TABLE IF NOT EXISTS" {
		f.changes = append(f.changes, code)
	}
	return nil
}
