package walletdb

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"wallet-infra/config/authorities"
)

// Opener prepares connections to the database as a user. It connects when the
// first statement is run.
type Opener func(Credentials) (*sql.DB, error)

// NewOpener returns how a function in that region connects: over TLS, to a server
// that proves its name with a certificate of the region's authorities.
func NewOpener(region string) (Opener, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authorities.PEM(region))) {
		return nil, fmt.Errorf("no certificates of the databases in region %q: want a file in config/authorities", region)
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

// WithoutText keeps the number of a server's error and drops its message, which
// can quote a statement and with it a password.
func WithoutText(err error) error {
	var refused *mysql.MySQLError
	if errors.As(err, &refused) {
		return fmt.Errorf("MySQL error %d", refused.Number)
	}
	return err
}
