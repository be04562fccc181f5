// Package mysql holds what a MySQL server judges: the migrations, and the SQL that the
// documents tell people to run. The server is MariaDB, the nearest to Aurora MySQL 8.0
// that Debian has; it does not show Aurora's own variables, roles and DDL limits.
package mysql

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines"
)

// server is a MariaDB on loopback, with a database "wallet" that is empty, which takes
// connections over TLS alone, as Aurora does here (require_secure_transport).
type server struct {
	port      string
	authority string // file with the certificate that signed the server's
	roots     *x509.CertPool
}

// password is that of the administrator "owner".
const password = "only-on-loopback"

// start runs a server of its own until the test ends.
func start(t *testing.T) server {
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

	s := server{port: engines.FreePort(t)}
	first := filepath.Join(dir, "first.sql")
	require.NoError(t, os.WriteFile(first, []byte("CREATE DATABASE wallet;\nCREATE USER owner@'127.0.0.1' IDENTIFIED BY '"+password+"';\n"+
		"GRANT ALL ON *.* TO owner@'127.0.0.1' WITH GRANT OPTION;\n"), 0o600))
	arguments := []string{
		"--no-defaults", "--datadir=" + data, "--user=" + me.Username, "--bind-address=127.0.0.1", "--port=" + s.port,
		"--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"), "--init-file=" + first,
		"--skip-name-resolve", "--require-secure-transport=ON", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4",
	}
	command := exec.Command(program, append(arguments, s.certify(t, dir)...)...)
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	command.Stdout, command.Stderr = log, log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		log.Close()
	})
	s.wait(t, log.Name())
	return s
}

// certify makes an authority and a certificate of it for loopback, and returns the
// server's options for them.
func (s *server) certify(t *testing.T, dir string) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "engines"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	s.authority = filepath.Join(dir, "authority.pem")
	secret := filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(s.authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600))
	require.NoError(t, os.WriteFile(secret, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	trusted, err := x509.ParseCertificate(certificate)
	require.NoError(t, err)
	s.roots = x509.NewCertPool()
	s.roots.AddCert(trusted)
	return []string{"--ssl-cert=" + s.authority, "--ssl-key=" + secret}
}

// wait returns when the server takes a connection.
func (s server) wait(t *testing.T, log string) {
	t.Helper()
	db := s.open(t)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := db.PingContext(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log)
			t.Fatalf("MariaDB took no connection in a minute: %v\n%s", err, said)
		}
	}
}

// open prepares connections of the administrator to the database "wallet".
func (s server) open(t *testing.T) *sql.DB {
	t.Helper()
	settings := driver.NewConfig()
	settings.User, settings.Passwd, settings.DBName = "owner", password, "wallet"
	settings.Net, settings.Addr = "tcp", net.JoinHostPort("127.0.0.1", s.port)
	settings.TLS = &tls.Config{RootCAs: s.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	settings.ParseTime, settings.Loc = true, time.UTC
	connector, err := driver.NewConnector(settings)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// session is one connection of the administrator, which keeps its variables.
func (s server) session(t *testing.T) *sql.Conn {
	t.Helper()
	connection, err := s.open(t).Conn(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	return connection
}
