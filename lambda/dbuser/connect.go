package main

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// open prepares connections as a user, over TLS to a server that proves its name
// with a certificate of one of the authorities. It connects when the first statement is run.
func open(user credentials, authorities *x509.CertPool) (*sql.DB, error) {
	connector, err := mysql.NewConnector(connection(user, authorities))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// connection is how the function connects as a user.
func connection(user credentials, authorities *x509.CertPool) *mysql.Config {
	settings := mysql.NewConfig()
	settings.User, settings.Passwd = user.Username, user.Password
	settings.Net, settings.Addr = "tcp", net.JoinHostPort(user.Host, user.Port.String())
	settings.TLS = &tls.Config{RootCAs: authorities, ServerName: user.Host, MinVersion: tls.VersionTLS12}
	settings.Timeout, settings.ReadTimeout, settings.WriteTimeout = 10*time.Second, 15*time.Second, 15*time.Second
	// The server prepares no statement that names a user, so the driver fills in
	// and quotes the parameters.
	settings.InterpolateParams = true
	return settings
}
