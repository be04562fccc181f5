// Package server starts the MySQL server that the tests of the database run on: MySQL
// Community Server 8.0.15, which a package of Maven Central holds. Aurora MySQL 3 is
// MySQL 8.0 with a storage of its own. This one does not show that storage (its failover,
// its replication, its instant changes of columns that are not the last, from 8.0.29
// on), TLS 1.3 (from 8.0.16 on) and what [NotShown] lists.
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
	"strings"
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

// Privileges are what Aurora MySQL 3 gives the administrator (Aurora user guide, "Master
// user account privileges"), but for SHOW_ROUTINE and FLUSH_…, which came after 8.0.15.
const Privileges = "ALTER, ALTER ROUTINE, APPLICATION_PASSWORD_ADMIN, CONNECTION_ADMIN, CREATE, CREATE ROLE, CREATE ROUTINE, " +
	"CREATE TEMPORARY TABLES, CREATE USER, CREATE VIEW, DELETE, DROP, DROP ROLE, EVENT, EXECUTE, INDEX, INSERT, LOCK TABLES, PROCESS, " +
	"REFERENCES, RELOAD, REPLICATION CLIENT, REPLICATION SLAVE, ROLE_ADMIN, SELECT, SET_USER_ID, SHOW DATABASES, SHOW VIEW, TRIGGER, " +
	"UPDATE, XA_RECOVER_ADMIN"

// Server is a MySQL server on loopback, with a database "wallet" that is empty, which
// takes connections over TLS alone, as Aurora does here (require_secure_transport).
type Server struct {
	Port      string
	Authority *engines.Authority // who signed its certificate
}

// Start runs a server until the test ends. Its certificate is for loopback and the
// hosts; arguments are further options of the server, such as those of [Parameters].
func Start(t *testing.T, hosts []string, arguments ...string) Server {
	t.Helper()
	engines.Want(t, "mysqld")
	// This version was built with an OpenSSL in which it switches on no ephemeral key
	// exchange that Go has; Aurora's does.
	t.Setenv("GODEBUG", "tlsrsakex=1")
	home, dir := filepath.Join(engines.Root(t), "build", "mysql"), t.TempDir()
	program := filepath.Join(home, "bin", "mysqld")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("MySQL is missing: `scripts/engines.sh install` brings it (Maven Central, for Linux on amd64): %v", err)
	}
	me, err := user.Current()
	require.NoError(t, err)
	data := filepath.Join(dir, "data")
	require.NoError(t, os.CopyFS(data, os.DirFS(filepath.Join(home, "data"))))
	s := Server{Port: engines.FreePort(t), Authority: engines.NewAuthority(t)}
	certificate, key := s.Authority.Issue(t, "mysql", append(hosts, "127.0.0.1")...)
	first := filepath.Join(dir, "first.sql")
	require.NoError(t, os.WriteFile(first, []byte("CREATE DATABASE wallet;\nCREATE USER "+Owner+"@'%' IDENTIFIED BY '"+Password+"';\n"+
		"GRANT "+Privileges+" ON *.* TO "+Owner+"@'%' WITH GRANT OPTION;\n"), 0o600))
	process := engines.Run(t, exec.Command(program, append([]string{
		"--no-defaults", "--datadir=" + data, "--user=" + me.Username, "--bind-address=127.0.0.1", "--port=" + s.Port,
		"--lc-messages-dir=" + filepath.Join(home, "share"), "--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--init-file=" + first, "--mysqlx=OFF", "--skip-log-bin", "--skip-name-resolve", "--innodb-log-file-size=4M",
		// It shows the certificates between its own and the root that stand in the second.
		"--ssl-cert=" + certificate, "--ssl-ca=" + s.Authority.Chain, "--ssl-key=" + key,
		"--require-secure-transport=ON", "--tls-version=TLSv1.2",
	}, arguments...)...))
	db := s.Open(t)
	process.Await(t, func() error { return db.PingContext(t.Context()) })
	return s
}

// Open prepares connections of the administrator to the database "wallet".
func (s Server) Open(t *testing.T) *sql.DB {
	t.Helper()
	return s.OpenAs(t, Owner, Password)
}

// OpenAs prepares connections of a user to the database "wallet".
func (s Server) OpenAs(t *testing.T, name, password string) *sql.DB {
	t.Helper()
	settings := driver.NewConfig()
	settings.User, settings.Passwd, settings.DBName = name, password, "wallet"
	settings.Net, settings.Addr = "tcp", net.JoinHostPort("127.0.0.1", s.Port)
	settings.TLS = &tls.Config{RootCAs: s.Authority.Pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	settings.ParseTime, settings.Loc, settings.InterpolateParams = true, time.UTC, true
	settings.Logger = &driver.NopLogger{}
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

// NotShown are the parameters that this server does not know, or not in the form that
// Aurora takes, with the reason.
var NotShown = map[string]string{
	"server_audit_events":  "Aurora's own log of what administrators do",
	"server_audit_logging": "Aurora's own log of what administrators do",
	"time_zone":            "an option here and no variable, and without tables of zones UTC has no name",
	"tls_version":          "TLS 1.3 came with 8.0.16",
}

// Parameters are the values of an environment's parameter groups, by name: an
// instance's group goes before its cluster's (Aurora user guide, "Parameter groups for
// Amazon Aurora").
func Parameters(t *testing.T, environment string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, group := range []string{"AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBParameterGroup"} {
		_, resource := engines.Resource(t, engines.Stacks(t, environment), "Data", group)
		values, ok := resource.Properties["Parameters"].(map[string]any)
		require.True(t, ok, "%s: Parameters", group)
		for name, value := range values {
			found[name], ok = value.(string)
			require.True(t, ok, "%s: %s", group, name)
		}
	}
	return found
}

// Arguments are a server's options for parameters.
func Arguments(parameters map[string]string) []string {
	var all []string
	for name, value := range parameters {
		if NotShown[name] == "" {
			all = append(all, "--"+strings.ReplaceAll(name, "_", "-")+"="+value)
		}
	}
	return all
}
