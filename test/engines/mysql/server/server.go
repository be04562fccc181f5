// Package server starts the MySQL server that the tests of the database run on:
// MariaDB, the nearest to Aurora MySQL 8.0 that Debian has. It does not show Aurora's
// own variables, roles and DDL limits.
package server

import (
	"context"
	"crypto/tls"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines"
)

// The administrator.
const (
	Owner    = "owner"
	Password = "only-on-loopback"
)

// Server is a MariaDB on loopback, with a database "wallet" that is empty, which takes
// connections over TLS alone, as Aurora does here (require_secure_transport).
type Server struct {
	Port      string
	Authority *engines.Authority // who signed its certificate
}

// Start runs a server until the test ends. Its certificate is for loopback and the
// hosts; arguments are further options of the server.
func Start(t *testing.T, hosts []string, arguments ...string) Server {
	t.Helper()
	program := engines.Find(t, "mariadbd", "mariadb-server")
	installer := engines.Find(t, "mariadb-install-db", "mariadb-server")
	dir := t.TempDir()
	me, err := user.Current()
	require.NoError(t, err)
	data := filepath.Join(dir, "data")
	output, err := exec.CommandContext(t.Context(), installer, "--no-defaults", "--datadir="+data, "--user="+me.Username,
		"--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput()
	require.NoError(t, err, "%s", output)

	s := Server{Port: engines.FreePort(t), Authority: engines.NewAuthority(t)}
	certificate, key := s.Authority.Issue(t, "mysql", append(hosts, "127.0.0.1")...)
	first := filepath.Join(dir, "first.sql")
	require.NoError(t, os.WriteFile(first, []byte("CREATE DATABASE wallet;\nCREATE USER "+Owner+"@'127.0.0.1' IDENTIFIED BY '"+Password+"';\n"+
		"GRANT ALL ON *.* TO "+Owner+"@'127.0.0.1' WITH GRANT OPTION;\n"), 0o600))
	process := engines.Run(t, exec.Command(program, append([]string{
		"--no-defaults", "--datadir=" + data, "--user=" + me.Username, "--bind-address=127.0.0.1", "--port=" + s.Port,
		"--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"), "--init-file=" + first,
		"--skip-name-resolve", "--require-secure-transport=ON", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4",
		"--ssl-cert=" + certificate, "--ssl-key=" + key,
	}, arguments...)...))
	db := s.Open(t)
	process.Await(t, func() error { return db.PingContext(t.Context()) })
	return s
}

// Open prepares connections of the administrator to the database "wallet".
func (s Server) Open(t *testing.T) *sql.DB {
	t.Helper()
	settings := driver.NewConfig()
	settings.User, settings.Passwd, settings.DBName = Owner, Password, "wallet"
	settings.Net, settings.Addr = "tcp", net.JoinHostPort("127.0.0.1", s.Port)
	settings.TLS = &tls.Config{RootCAs: s.Authority.Pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	settings.ParseTime, settings.Loc = true, time.UTC
	connector, err := driver.NewConnector(settings)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Session is one connection of the administrator, which keeps its variables.
func (s Server) Session(t *testing.T) *sql.Conn {
	t.Helper()
	connection, err := s.Open(t).Conn(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}
