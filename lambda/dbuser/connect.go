package main

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// bundles are the public root certificates of RDS, one file for each region that
// an environment can run in, as AWS publishes them at
// truststore.pki.rds.amazonaws.com. Those of sa-east-1 end in 2061 and 2121.
//
//go:embed rds-*.pem
var bundles embed.FS

// open prepares connections as a user, over TLS to a server that proves its name
// with a certificate of RDS. It connects when the first statement is run.
func open(user credentials) (*sql.DB, error) {
	settings, err := connection(user)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// connection is how the function connects as a user.
func connection(user credentials) (*mysql.Config, error) {
	roots, err := authorities()
	if err != nil {
		return nil, err
	}
	settings := mysql.NewConfig()
	settings.User, settings.Passwd = user.Username, user.Password
	settings.Net, settings.Addr = "tcp", net.JoinHostPort(user.Host, user.Port.String())
	settings.TLS = &tls.Config{RootCAs: roots, ServerName: user.Host, MinVersion: tls.VersionTLS12}
	settings.Timeout, settings.ReadTimeout, settings.WriteTimeout = 10*time.Second, 15*time.Second, 15*time.Second
	// The server prepares no statement that names a user, so the driver fills in
	// and quotes the parameters.
	settings.InterpolateParams = true
	return settings, nil
}

// authorities are the roots that a server's certificate must go back to.
func authorities() (*x509.CertPool, error) {
	names, err := fs.Glob(bundles, "*.pem")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	for _, name := range names {
		bundle, err := bundles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !roots.AppendCertsFromPEM(bundle) {
			return nil, fmt.Errorf("%s: want certificates, got none", name)
		}
	}
	return roots, nil
}
