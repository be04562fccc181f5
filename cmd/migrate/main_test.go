package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/cmd/migrate/migrations"
	"wallet-infra/internal/exit"
)

func TestMain(m *testing.M) {
	limits.Connect = 300 * time.Millisecond // for a database that is never there
	os.Exit(m.Run())
}

// call runs the program with an environment.
func call(t *testing.T, environment map[string]string, arguments ...string) (status exit.Status, out, errs string) {
	var o, e strings.Builder
	status = run(t.Context(), arguments, func(name string) string { return environment[name] }, &o, &e)
	return status, o.String(), e.String()
}

func environment(port string) map[string]string {
	return map[string]string{
		"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": port, "DATABASE_NAME": "wallet", "AWS_REGION": "sa-east-1",
		"DATABASE_USERNAME": "wallet_admin", "DATABASE_PASSWORD": "s3cret-Pass",
	}
}

func TestEverythingThatIsMissingIsNamedBeforeAnythingIsDone(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "0001_one.up.sql"), []byte("CREATE TABLE one (id INT)"), 0o600))
	for _, command := range [][]string{{"up"}, {"check"}, {"status"}, {"repair", "--version", "1", "--applied"}} {
		status, _, errs := call(t, map[string]string{"AWS_REGION": "eu-west-9"}, append(command, "--dir", directory)...)
		assert.Equal(t, exit.MigrationInvalid, status)
		for _, want := range []string{
			"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USERNAME", "DATABASE_PASSWORD",
			"0001_one.up.sql: want a first line", `no certificate in config/cabundle for AWS_REGION "eu-west-9"`,
		} {
			assert.Contains(t, errs, want)
		}
	}
	wrong := environment("http")
	_, _, errs := call(t, wrong, "up", "--dir", "sql", "--ca", "absent.pem", "--table-wait", "10ms")
	assert.Contains(t, errs, "--table-wait: want a second at least, got 10ms")
	assert.Contains(t, errs, `DATABASE_PORT: want a port, got "http"`)
	assert.Contains(t, errs, "absent.pem")
}

func TestACommandLineThatSaysTooLittleIsRefused(t *testing.T) {
	for _, arguments := range [][]string{
		{"down"}, {"up", "now"}, {"up", "--fast"}, {"repair"}, {"repair", "--version", "3"}, {"repair", "--applied"},
		{"repair", "--version", "3", "--applied", "--not-applied"},
	} {
		status, _, errs := call(t, environment("3306"), arguments...)
		assert.Equal(t, exit.MigrationInvalid, status, arguments)
		assert.Contains(t, errs, "migrate: ", arguments)
	}
	status, out, _ := call(t, nil, "--help")
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "3  migrations: the schema no longer has what this release needs")
}

// A variable that is not set in the task's command line leaves an empty word.
func TestNoCommandTakesAnEmptyOrARepeatedFlagForAnAbsentOne(t *testing.T) {
	root := (&app{}).root()
	tried := 0
	for _, command := range root.Commands() {
		check := func(flag *pflag.Flag) {
			tried++
			for _, empty := range []string{"", " "} {
				status, _, errs := call(t, nil, command.Name(), "--"+flag.Name+"="+empty)
				assert.Equal(t, exit.MigrationInvalid, status, flag.Name)
				assert.Contains(t, errs, "--"+flag.Name+": want a value, got an empty one")
			}
			if _, list := flag.Value.(pflag.SliceValue); !list {
				status, _, errs := call(t, nil, command.Name(), "--"+flag.Name+"=1", "--"+flag.Name+"=2")
				assert.Equal(t, exit.MigrationInvalid, status, flag.Name)
				assert.Contains(t, errs, "--"+flag.Name+": want it once")
			}
		}
		command.LocalFlags().VisitAll(check)
		root.PersistentFlags().VisitAll(check)
	}
	assert.Greater(t, tried, 20, "flags that were tried")
}

func TestAnUnreachableDatabaseIsAFailureThatNamesNoPassword(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	target := environment(port)
	target["DATABASE_PASSWORD"] = "127.0.0.1" // which the error quotes, as the host's name
	status, out, errs := call(t, target, "up", "--dir", "sql")
	assert.Equal(t, exit.MigrationFailed, status)
	assert.Contains(t, errs, "dial tcp ***:"+port)
	assert.NotContains(t, out+errs, "127.0.0.1")
}

// server speaks MySQL's protocol up to the login, and returns all that it reads
// before the connection is encrypted, and whether somebody then logs in.
func server(t *testing.T, encrypts bool) (port, authority string, plain chan string, login chan bool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	authority = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	plain, login = make(chan string, 1), make(chan bool, 1)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		_ = listener.Close() // whoever tries again must not wait here
		_, _ = connection.Write(greeting(encrypts))
		request := make([]byte, 4+32) // an SSL request, shorter than any login
		read, _ := io.ReadFull(connection, request)
		plain <- string(request[:read])
		encrypted := tls.Server(connection, &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{content}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
		})
		_, err = encrypted.Read(make([]byte, 512))
		login <- err == nil
	}()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port, authority, plain, login
}

// greeting is the server's first packet (MySQL's Protocol::HandshakeV10).
func greeting(encrypts bool) []byte {
	// PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH and, perhaps, SSL.
	low, high := []byte{0x00, 0x82}, []byte{0x08, 0x00}
	if encrypts {
		low[1] |= 0x08
	}
	body := append([]byte{10}, "8.0.39\x00\x01\x00\x00\x00salt5678\x00"...)
	body = append(body, low...)
	body = append(body, 45, 2, 0) // character set, status
	body = append(body, high...)
	body = append(body, 21)
	body = append(body, make([]byte, 10)...)
	body = append(body, "salt56789012\x00caching_sha2_password\x00"...)
	return append([]byte{byte(len(body)), 0, 0, 0}, body...)
}

func TestThePasswordGoesOnlyToAServerThatProvesItsName(t *testing.T) {
	port, authority, plain, login := server(t, true)
	_, _, errs := call(t, environment(port), "check", "--dir", "sql", "--ca", authority)
	assert.NotContains(t, <-plain, "wallet_admin")
	assert.True(t, <-login, errs)

	port, _, plain, login = server(t, true)
	status, _, errs := call(t, environment(port), "check", "--dir", "sql")
	assert.Equal(t, exit.MigrationFailed, status)
	assert.Contains(t, errs, "certificate signed by unknown authority")
	assert.NotContains(t, <-plain, "wallet_admin")
	assert.False(t, <-login)

	port, authority, plain, _ = server(t, false)
	status, _, errs = call(t, environment(port), "check", "--dir", "sql", "--ca", authority)
	assert.Equal(t, exit.MigrationFailed, status)
	assert.Contains(t, errs, "server does not support TLS")
	assert.Empty(t, <-plain, "no login over a connection that is not encrypted")
}

func TestTheRunnerIsToldWhatTheTaskWasTold(t *testing.T) {
	variables := environment("3306")
	variables["RELEASE"], variables["DATABASE_READER"] = "1.5.0", "reader.test"
	a := &app{getenv: func(name string) string { return variables[name] }, directory: "sql", tableWait: time.Second, serving: []string{"1.4.0"}}
	require.NoError(t, a.with(func(r migrations.Runner) error {
		assert.Equal(t, "1.5.0", r.Release)
		assert.Equal(t, migrations.Serving{Known: true, Releases: []string{"1.4.0"}}, r.Serving)
		assert.NotNil(t, r.Reader, "a region that follows would answer nothing")
		return nil
	}))
	delete(variables, "DATABASE_READER")
	require.NoError(t, a.with(func(r migrations.Runner) error {
		assert.Nil(t, r.Reader)
		return nil
	}))
	found, err := a.target()
	require.NoError(t, err)
	settings := found.settings("reader.test")
	assert.Equal(t, "reader.test:3306", settings.Addr)
	assert.Equal(t, "reader.test", settings.TLS.ServerName)
	assert.Equal(t, "1", settings.Params["lock_wait_timeout"], "customers would wait behind a change for a year")
	assert.Contains(t, settings.Params["sql_mode"], "STRICT_TRANS_TABLES", "the server would cut off what does not fit")
	assert.NotContains(t, settings.Params["sql_mode"], "ANSI_QUOTES", "the parser and the server would read two statements")
	assert.False(t, settings.MultiStatements)
}

func TestWhatServesIsSaidOrNotKnown(t *testing.T) {
	for want, tags := range map[string][]string{
		"{false []}": nil, "{true []}": {"none"}, "{true [1.4.0 1.5.0]}": {"1.4.0", "1.5.0"},
	} {
		found, err := servingNow(tags)
		require.NoError(t, err)
		assert.Equal(t, want, fmt.Sprint(found))
	}
	for _, tags := range [][]string{{""}, {"none", "1.4.0"}, {"1.4.0", ""}} {
		_, err := servingNow(tags)
		require.ErrorContains(t, err, "--serving: want the tags of releases, or none alone", tags)
	}
	status, _, errs := call(t, environment("3306"), "up", "--dir", "sql", "--serving", "")
	assert.Equal(t, exit.MigrationInvalid, status, errs)
}

// Nobody may be left who looks after the task.
func TestTheProgramGivesUpByItself(t *testing.T) {
	limits.Connect = time.Minute
	defer func() { limits.Connect = 300 * time.Millisecond }()
	begin := time.Now()
	status, _, errs := call(t, environment("1"), "up", "--dir", "sql", "--give-up-after", "200ms")
	assert.Equal(t, exit.MigrationFailed, status, errs)
	assert.Less(t, time.Since(begin), 20*time.Second)
}
