package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// fakeMySQL is a server that understands exactly what the runner and golang-migrate
// say. The suite that runs on it also runs on a real server (suite_test.go), so
// that it cannot drift.
type fakeMySQL struct {
	lock       sync.Mutex
	tables     map[string]bool
	version    []driver.Value // the row of schema_migrations
	release    []driver.Value // floor and release of schema_release
	held       map[string]*fakeConn
	used       map[string]*fakeConn // tables, by who has locked them
	statements []string
}

func newFakeMySQL() *fakeMySQL {
	return &fakeMySQL{tables: map[string]bool{}, held: map[string]*fakeConn{}, used: map[string]*fakeConn{}}
}

func (f *fakeMySQL) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// Connect and Driver make it a driver.Connector.
func (f *fakeMySQL) Connect(context.Context) (driver.Conn, error) { return &fakeConn{server: f}, nil }

func (f *fakeMySQL) Driver() driver.Driver { return nil }

type fakeConn struct{ server *fakeMySQL }

// Close drops the connection's locks (MySQL manual, Locking Functions).
func (c *fakeConn) Close() error {
	c.server.lock.Lock()
	defer c.server.lock.Unlock()
	for name, holder := range c.server.held {
		if holder == c {
			delete(c.server.held, name)
		}
	}
	return nil
}

func (c *fakeConn) Begin() (driver.Tx, error) { return fakeTx{}, nil }
func (c *fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return fakeTx{}, nil
}
func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *fakeConn) ExecContext(_ context.Context, query string, values []driver.NamedValue) (driver.Result, error) {
	_, err := c.server.say(c, query, values)
	return driver.RowsAffected(0), err
}

func (c *fakeConn) QueryContext(_ context.Context, query string, values []driver.NamedValue) (driver.Rows, error) {
	row, err := c.server.say(c, query, values)
	return &fakeRows{row: row}, err
}

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return nil }

// fakeRows is one row, or none.
type fakeRows struct{ row []driver.Value }

func (r *fakeRows) Columns() []string { return make([]string, len(r.row)) }
func (r *fakeRows) Close() error      { return nil }
func (r *fakeRows) Next(to []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(to, r.row)
	r.row = nil
	return nil
}

func refused(number uint16) error { return &mysql.MySQLError{Number: number, Message: "refused"} }

var (
	onTable   = regexp.MustCompile("^(CREATE TABLE IF NOT EXISTS|CREATE TABLE|DROP TABLE|ALTER TABLE) `?([a-z_]+)`?")
	fromTable = regexp.MustCompile("(?:FROM|INTO|UPDATE) `?(schema_[a-z]+)`?")
)

// say runs one statement and returns its row.
func (f *fakeMySQL) say(c *fakeConn, query string, values []driver.NamedValue) ([]driver.Value, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	code := strings.Join(strings.Fields(comments.ReplaceAllString(query, "")), " ")
	f.statements = append(f.statements, code)
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
		return nil, f.table(parts[1], parts[2])
	}
	if parts := fromTable.FindStringSubmatch(code); parts != nil && !f.tables[parts[1]] {
		return nil, refused(noSuchTable)
	}
	value := func(i int) driver.Value { return values[i].Value }
	switch {
	case strings.HasPrefix(code, "SELECT GET_LOCK("): // returns at once: the fake does not wait
		name := value(0).(string)
		if holder := f.held[name]; holder != nil && holder != c {
			return []driver.Value{int64(0)}, nil
		}
		f.held[name] = c
		return []driver.Value{int64(1)}, nil
	case strings.Contains(code, "RELEASE_LOCK("):
		if f.held[value(0).(string)] == c {
			delete(f.held, value(0).(string))
		}
		return nil, nil
	case strings.HasPrefix(code, "SELECT IS_USED_LOCK("):
		if f.held[value(0).(string)] != nil {
			return []driver.Value{int64(7)}, nil
		}
		return []driver.Value{nil}, nil
	case strings.HasPrefix(code, "SHOW TABLES LIKE"):
		if f.tables["schema_migrations"] {
			return []driver.Value{"schema_migrations"}, nil
		}
		return nil, nil
	}
	return f.row(code, value)
}

// comments are the lines of a migration's header.
var comments = regexp.MustCompile(`(?m)^--.*$`)

// row serves the two tables of one row each.
func (f *fakeMySQL) row(code string, value func(int) driver.Value) ([]driver.Value, error) {
	switch {
	case strings.HasPrefix(code, "SELECT version, dirty FROM"):
		return f.version, nil
	case strings.HasPrefix(code, "DELETE FROM `schema_migrations`"):
		f.version = nil
	case strings.HasPrefix(code, "INSERT INTO `schema_migrations`"):
		f.version = []driver.Value{value(0), value(1)}
	case strings.HasPrefix(code, "SELECT oldest_release, last_release"):
		return f.release, nil
	case strings.HasPrefix(code, "INSERT IGNORE INTO schema_release"):
		if f.release == nil {
			f.release = []driver.Value{int64(0), int64(0)}
		}
	case strings.HasPrefix(code, "UPDATE schema_release SET oldest_release"):
		f.release[0] = value(0)
	case strings.HasPrefix(code, "UPDATE schema_release SET last_release"):
		f.release[1] = value(0)
	default:
		return nil, refused(1064)
	}
	return nil, nil
}

// table makes, drops or changes a table, or refuses with MySQL's own numbers.
func (f *fakeMySQL) table(verb, name string) error {
	switch {
	case verb == "CREATE TABLE" && f.tables[name]:
		return refused(1050)
	case verb == "DROP TABLE" && !f.tables[name]:
		return refused(1051)
	case verb == "ALTER TABLE" && !f.tables[name]:
		return refused(noSuchTable)
	}
	f.tables[name] = verb != "DROP TABLE"
	return nil
}
