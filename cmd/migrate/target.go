package main

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"wallet-infra/config/cabundle"
)

// target is the database to change.
type target struct {
	host, port, database string
	reader               string // host that is asked where nobody answers, or none
	username, password   string
	roots                *x509.CertPool
	tableWait            time.Duration
}

// target reads the environment, and reports all that is missing.
func (a *app) target() (target, error) {
	var problems []error
	text := func(name string) string {
		value := a.getenv(name)
		if value == "" {
			problems = append(problems, fmt.Errorf("%s: want a value, got none", name))
		}
		return value
	}
	found := target{
		host: text("DATABASE_HOST"), reader: a.getenv("DATABASE_READER"), port: text("DATABASE_PORT"), database: text("DATABASE_NAME"),
		username: text("DATABASE_USERNAME"), password: text("DATABASE_PASSWORD"), roots: x509.NewCertPool(),
		tableWait: a.tableWait,
	}
	if _, err := strconv.ParseUint(found.port, 10, 16); err != nil && found.port != "" {
		problems = append(problems, fmt.Errorf("DATABASE_PORT: want a port, got %q", found.port))
	}
	if a.tableWait < time.Second {
		problems = append(problems, fmt.Errorf("--table-wait: want a second at least, got %s", a.tableWait))
	}
	trusted, from := cabundle.PEM(a.getenv("AWS_REGION")), "config/cabundle for AWS_REGION "+strconv.Quote(a.getenv("AWS_REGION"))
	if a.authority != "" {
		content, err := os.ReadFile(a.authority)
		if err != nil {
			problems = append(problems, err)
		}
		trusted, from = string(content), a.authority
	}
	if !found.roots.AppendCertsFromPEM([]byte(trusted)) {
		problems = append(problems, fmt.Errorf("the server's authorities: no certificate in %s", from))
	}
	return found, errors.Join(problems...)
}

// sqlMode is MySQL 8.0's own default, under which the parser of cmd/migrate/migrations and
// the server read the same, and which refuses what it would otherwise cut off. Aurora's
// parameter groups have another.
const sqlMode = "'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"

// open prepares the connections; there is a reader if it has a name.
func (t target) open() (writer, reader *sql.DB, err error) {
	if writer, err = t.at(t.host); err == nil && t.reader != "" {
		reader, err = t.at(t.reader)
	}
	return writer, reader, err
}

// at prepares the connections to a host. There is no limit to the time of an answer: a
// statement on a large table takes as long as it takes (--give-up-after).
func (t target) at(host string) (*sql.DB, error) {
	connector, err := mysql.NewConnector(t.settings(host))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (t target) settings(host string) *mysql.Config {
	settings := mysql.NewConfig()
	settings.User, settings.Passwd, settings.DBName = t.username, t.password, t.database
	settings.Net, settings.Addr = "tcp", net.JoinHostPort(host, t.port)
	settings.TLS = &tls.Config{RootCAs: t.roots, ServerName: host, MinVersion: tls.VersionTLS12}
	settings.Timeout = 10 * time.Second
	settings.Params = map[string]string{
		"lock_wait_timeout": strconv.Itoa(int(t.tableWait.Seconds())), "sql_mode": sqlMode,
	}
	// Several statements in one would be accepted and could stop between them.
	settings.MultiStatements = false
	return settings
}
