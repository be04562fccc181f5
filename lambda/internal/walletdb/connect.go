package walletdb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"wallet-infra/config/cabundle"
	"wallet-infra/lambda/internal/attempt"
)

// Opener prepares connections to the database as a user. It connects when the
// first statement is run.
type Opener func(Credentials) (*sql.DB, error)

// NewOpener returns how a function in that region connects: over TLS, to a server
// that proves its name with a certificate of the region's authorities.
func NewOpener(region string) (Opener, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(cabundle.PEM(region))) {
		return nil, fmt.Errorf("no certificates of the databases in region %q: want a file in config/cabundle", region)
	}
	return func(user Credentials) (*sql.DB, error) {
		connector, err := mysql.NewConnector(connection(user, roots))
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(connector), nil
	}, nil
}

// connection is how a function connects as a user.
func connection(user Credentials, roots *x509.CertPool) *mysql.Config {
	settings := mysql.NewConfig()
	settings.User, settings.Passwd = user.Username, user.Password
	settings.Net, settings.Addr = "tcp", net.JoinHostPort(user.Host, user.Port.String())
	settings.TLS = &tls.Config{RootCAs: roots, ServerName: user.Host, MinVersion: tls.VersionTLS12}
	settings.Timeout, settings.ReadTimeout, settings.WriteTimeout = 10*time.Second, 15*time.Second, 15*time.Second
	// The server prepares no statement that names a user, so the driver fills in
	// and quotes the parameters.
	settings.InterpolateParams = true
	return settings
}

// Refused is a server's answer that it did not do what it was asked. Its text is
// dropped: it can quote a statement and with it a password.
type Refused struct{ Number uint16 }

// Error is the number alone.
func (r Refused) Error() string { return fmt.Sprintf("MySQL error %d", r.Number) }

// AccessDenied is the number of a refused login (ER_ACCESS_DENIED_ERROR).
const AccessDenied = 1045

// passingNumbers are the refusals that may pass, by their names in the reference of
// MySQL 8.0's server errors.
var passingNumbers = map[uint16]bool{
	1040: true, // ER_CON_COUNT_ERROR: too many connections
	1053: true, // ER_SERVER_SHUTDOWN
	1205: true, // ER_LOCK_WAIT_TIMEOUT
	1213: true, // ER_LOCK_DEADLOCK
	1290: true, // ER_OPTION_PREVENTS_STATEMENT: read-only, until the name leads to the writer
	1836: true, // ER_READ_ONLY_MODE
	// A rotation can replace the password between reading and using it.
	AccessDenied: true,
}

// Passing tells whether another try may succeed (package attempt).
func (r Refused) Passing() bool { return passingNumbers[r.Number] }

// WithoutText keeps the number of a server's error and drops its message.
func WithoutText(err error) error {
	var refused *mysql.MySQLError
	if errors.As(err, &refused) {
		return Refused{refused.Number}
	}
	if errors.Is(err, mysql.ErrInvalidConn) {
		return attempt.Again(err)
	}
	return err
}

// ReadOnly is the answer of a server that is no writer.
type ReadOnly struct{ Host string }

// Error says what it means for the caller.
func (r ReadOnly) Error() string {
	return r.Host + " is read-only: another region writes, and the passwords and users stay as they are until the way back; or a failover is under way"
}

// Passing is true: a cluster's name leads to the former writer for some seconds
// after a failover.
func (ReadOnly) Passing() bool { return true }

// Writer refuses a server that is read-only, as every instance of a global
// database's secondary cluster is ("Why do I get a read-only error after an Aurora
// MySQL DB cluster fails over?" on AWS re:Post names the variable).
func Writer(ctx context.Context, db *sql.DB, host string) error {
	var readOnly bool
	if err := db.QueryRowContext(ctx, "SELECT @@innodb_read_only").Scan(&readOnly); err != nil {
		return fmt.Errorf("ask %s whether it writes: %w", host, WithoutText(err))
	}
	if readOnly {
		return ReadOnly{host}
	}
	return nil
}
