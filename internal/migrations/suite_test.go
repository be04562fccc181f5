package migrations

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOnAFakeServer runs the suite on the server in fake_test.go.
func TestOnAFakeServer(t *testing.T) {
	suite(t, func(t *testing.T) (*sql.DB, string) { return newFakeMySQL().open(t), "wallet" })
}

// TestOnARealServer runs the suite on the server that WALLET_TEST_MYSQL names, as
// USER:PASSWORD@tcp(HOST:PORT)/, with the certificates in the file that
// WALLET_TEST_MYSQL_CA names. Each test makes a database of its own and drops it.
func TestOnARealServer(t *testing.T) {
	name := os.Getenv("WALLET_TEST_MYSQL")
	if name == "" {
		t.Skip("WALLET_TEST_MYSQL names no server; TestOnAFakeServer ran the same suite")
	}
	settings, err := mysql.ParseDSN(name)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	content, err := os.ReadFile(os.Getenv("WALLET_TEST_MYSQL_CA"))
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(content))
	host, _, _ := strings.Cut(settings.Addr, ":")
	settings.Params = map[string]string{"lock_wait_timeout": "1"}
	settings.TLS = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	connect := func(database string) *sql.DB {
		own := settings.Clone()
		own.DBName = database
		connector, err := mysql.NewConnector(own)
		require.NoError(t, err)
		return sql.OpenDB(connector)
	}
	suite(t, func(t *testing.T) (*sql.DB, string) {
		var random [6]byte
		_, _ = rand.Read(random[:])
		database := "wallet_test_" + hex.EncodeToString(random[:])
		admin := connect("")
		_, err := admin.Exec("CREATE DATABASE " + database)
		require.NoError(t, err)
		db := connect(database)
		t.Cleanup(func() {
			assert.NoError(t, db.Close())
			_, err := admin.Exec("DROP DATABASE " + database)
			assert.NoError(t, err)
			assert.NoError(t, admin.Close())
		})
		return db, database
	})
}

// files is a set of migrations, by name without its ending.
func files(content map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range content {
		all[name+".up.sql"] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// history are the first versions of a schema, of which a release has some.
func history(t *testing.T, versions int) Set {
	all := []string{
		"-- kind: expand\nCREATE TABLE one (id INT PRIMARY KEY)",
		"-- kind: expand\nCREATE TABLE two (id INT PRIMARY KEY)",
		"-- kind: expand\nALTER TABLE one ADD COLUMN more INT",
		"-- kind: contract\n-- floor: 3\nDROP TABLE two",
	}
	content := map[string]string{}
	for i, text := range all[:versions] {
		content[fmt.Sprintf("%04d_step", i+1)] = text
	}
	set, err := Read(files(content))
	require.NoError(t, err)
	return set
}

// world is a database, and releases that meet it.
type world struct {
	t        *testing.T
	db       *sql.DB
	database string
	lock     sync.Mutex
	logged   []string
}

// release is a runner with the first versions of the history.
func (w *world) release(versions int) Runner { return w.with(history(w.t, versions)) }

func (w *world) with(set Set) Runner {
	return Runner{Set: set, DB: w.db, Database: w.database, Now: time.Now, Logf: func(format string, values ...any) {
		w.lock.Lock()
		defer w.lock.Unlock()
		w.logged = append(w.logged, fmt.Sprintf(format, values...))
	}}
}

func (w *world) log() string { return strings.Join(w.logged, "\n") }

// up runs a release and tells its exit status.
func (w *world) up(versions int) Status {
	err := w.release(versions).Up(w.t.Context())
	if err != nil {
		w.logged = append(w.logged, err.Error())
	}
	return StatusOf(err)
}

func (w *world) state() State {
	now, err := readState(w.t.Context(), w.db)
	require.NoError(w.t, err)
	return now
}

// has tells whether a table of the history is there.
func (w *world) has(table string) bool {
	_, err := w.db.ExecContext(w.t.Context(), "ALTER TABLE "+table+" COMMENT 'seen'")
	return err == nil
}

// suite is what the runner does on any server.
func suite(t *testing.T, open func(*testing.T) (*sql.DB, string)) {
	for name, test := range map[string]func(*world){
		"an empty database gets every version once":                everyVersionOnce,
		"a release before an expand runs on the newer schema":      newerSchema,
		"a release that a contract leaves behind is refused":       leftBehind,
		"a contract waits until its expand is served":              tooEarly,
		"a contract waits for a release that was rolled back":      rolledBack,
		"a statement that fails stops everything until repaired":   failing,
		"a first version that failed is repaired to an empty one":  failingFirst,
		"what is there already is marked as applied":               applied,
		"a contract that failed gives its floor back":              failingContract,
		"a second runner waits and gives up in time":               locked,
		"runners at once run each version once":                    atOnce,
		"a runner that is told to stop ends between two versions":  told,
		"looking changes nothing":                                  looking,
		"a statement that outlives its runner is waited for":       outliving,
		"a table in use fails the deployment and leaves no mark":   busyTable,
		"a repair of another version than the one seen is refused": otherRepair,
		"a report tells a running migration from a failed one":     reporting,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t}
			w.db, w.database = open(t)
			test(w)
		})
	}
}

func everyVersionOnce(w *world) {
	assert.Equal(w.t, OK, w.up(3), w.log())
	assert.Equal(w.t, State{Version: 3, Release: 3}, w.state())
	assert.True(w.t, w.has("one") && w.has("two"))
	assert.Equal(w.t, OK, w.up(3), "a second CREATE TABLE would fail")
	assert.Contains(w.t, w.log(), "nothing to do")
}

func newerSchema(w *world) {
	require.Equal(w.t, OK, w.up(3))
	assert.Equal(w.t, OK, w.up(1), "a rollback must not need a change of the schema")
	assert.Equal(w.t, State{Version: 3, Release: 1}, w.state())
	assert.Contains(w.t, w.log(), "newer than this release's 1")
}

func leftBehind(w *world) {
	require.Equal(w.t, OK, w.up(3))
	require.Equal(w.t, OK, w.up(4), w.log())
	assert.Equal(w.t, State{Version: 4, Floor: 3, Release: 4}, w.state())
	assert.False(w.t, w.has("two"))
	assert.Equal(w.t, TooNew, w.up(2), "its code reads the table that is gone")
	assert.Contains(w.t, w.log(), "runs releases from version 3 on; this release knows 2")
	assert.Equal(w.t, 4, w.state().Release, "a release that was refused does not serve")
	assert.Equal(w.t, OK, w.up(3))
}

func tooEarly(w *world) {
	require.Equal(w.t, OK, w.up(2))
	assert.Equal(w.t, TooEarly, w.up(4), "the release that serves reads the table meanwhile")
	assert.Equal(w.t, State{Version: 2, Release: 2}, w.state(), "not even the expand before it")
	require.Equal(w.t, OK, w.up(3))
	assert.Equal(w.t, OK, w.up(4))

	other := &world{t: w.t}
	other.db, other.database = newFakeMySQL().open(w.t), "wallet"
	assert.Equal(w.t, OK, other.up(4), "nothing is served from an empty database")
}

func rolledBack(w *world) {
	require.Equal(w.t, OK, w.up(2))
	require.Equal(w.t, OK, w.up(3))
	require.Equal(w.t, OK, w.up(2))
	assert.Equal(w.t, TooEarly, w.up(4), "the schema has the expand, but the release that serves has not")
	require.Equal(w.t, OK, w.up(3))
	assert.Equal(w.t, OK, w.up(4))
}

// broken is the history with a version that the server refuses.
func (w *world) broken(version int, kind string) Runner {
	set := history(w.t, version)
	name := fmt.Sprintf("%04d_step.up.sql", version)
	content := set.files.(fstest.MapFS)
	content[name] = &fstest.MapFile{Data: []byte(kind + "\nALTER TABLE absent ADD COLUMN secretly INT")}
	set, err := Read(content)
	require.NoError(w.t, err)
	return w.with(set)
}

func failing(w *world) {
	err := w.broken(2, "-- kind: expand").Up(w.t.Context())
	assert.Equal(w.t, Failure, StatusOf(err))
	assert.ErrorContains(w.t, err, "version 2 (step): Error 1146")
	assert.NotContains(w.t, err.Error(), "secretly", "a statement does not belong into a log")
	assert.Equal(w.t, State{Version: 2, Dirty: true}, w.state())
	assert.Equal(w.t, Dirty, w.up(2))
	assert.Equal(w.t, Dirty, w.up(1), "nor may an older release run on it")
	assert.Contains(w.t, w.log(), `run "repair --version 2"`)
	require.NoError(w.t, w.release(2).Repair(w.t.Context(), 2, false))
	assert.Equal(w.t, State{Version: 1}, w.state())
	assert.Equal(w.t, OK, w.up(2), w.log())
	assert.True(w.t, w.has("two"))
}

func failingFirst(w *world) {
	require.Error(w.t, w.broken(1, "-- kind: expand").Up(w.t.Context()))
	require.Equal(w.t, State{Version: 1, Dirty: true}, w.state())
	require.NoError(w.t, w.release(1).Repair(w.t.Context(), 1, false))
	assert.Equal(w.t, State{}, w.state())
	assert.Equal(w.t, OK, w.up(2), w.log())
}

func applied(w *world) {
	require.Equal(w.t, OK, w.up(1))
	_, err := w.db.ExecContext(w.t.Context(), "CREATE TABLE two (id INT PRIMARY KEY)")
	require.NoError(w.t, err)
	assert.Equal(w.t, Failure, w.up(2), "the table is there")
	require.NoError(w.t, w.release(2).Repair(w.t.Context(), 2, true))
	assert.Equal(w.t, State{Version: 2, Release: 1}, w.state())
	assert.Equal(w.t, OK, w.up(3), w.log())
}

func failingContract(w *world) {
	require.Equal(w.t, OK, w.up(3))
	require.Error(w.t, w.broken(4, "-- kind: contract\n-- floor: 3").Up(w.t.Context()))
	assert.Equal(w.t, State{Version: 4, Dirty: true, Floor: 3, Release: 3}, w.state())
	require.NoError(w.t, w.release(4).Repair(w.t.Context(), 4, false))
	assert.Equal(w.t, State{Version: 3, Release: 3}, w.state())
	assert.Equal(w.t, OK, w.up(2), "the schema still has all that it had")
}

func locked(w *world) {
	holder, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	require.NoError(w.t, lock(w.t.Context(), holder, w.database, 0))
	assert.Equal(w.t, Locked, w.up(1))
	assert.Equal(w.t, Locked, StatusOf(w.release(1).Repair(w.t.Context(), 1, false)))
	assert.False(w.t, w.has("one"))
	// The runner dies: its connection ends, and with it the lock.
	require.ErrorIs(w.t, holder.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
	next := w.release(1)
	next.LockWait = 10 * time.Second // until the server notices
	assert.NoError(w.t, next.Up(w.t.Context()))
}

func atOnce(w *world) {
	var all sync.WaitGroup
	ends := make([]Status, 4)
	for i := range ends {
		all.Go(func() {
			runner := w.release(3)
			runner.LockWait = 10 * time.Second
			ends[i] = StatusOf(runner.Up(w.t.Context()))
		})
	}
	all.Wait()
	for _, end := range ends {
		assert.Contains(w.t, []Status{OK, Locked}, end, "a table made twice would be a failure")
	}
	assert.Equal(w.t, State{Version: 3, Release: 3}, w.state())
}

func told(w *world) {
	ctx, stop := context.WithCancel(w.t.Context())
	runner := w.release(3)
	log := runner.Logf
	runner.Logf = func(format string, values ...any) {
		if log(format, values...); strings.HasPrefix(format, "done") {
			stop()
		}
	}
	require.ErrorContains(w.t, runner.Up(ctx), "told to stop before version 2")
	assert.Equal(w.t, State{Version: 1}, w.state(), "nothing to repair")
	assert.Equal(w.t, OK, w.up(3), w.log())
}

func looking(w *world) {
	require.NoError(w.t, w.release(3).Check(w.t.Context()))
	assert.Contains(w.t, w.log(), "pending: 0002 step (expand)")
	report, err := w.release(3).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.Equal(w.t, "3 to run", report.Verdict)
	for _, table := range []string{"schema_migrations", "schema_release", "one"} {
		assert.False(w.t, w.has(table), table)
	}
	require.Equal(w.t, OK, w.up(3))
	require.Equal(w.t, OK, w.up(4))
	assert.Equal(w.t, TooNew, StatusOf(w.release(2).Check(w.t.Context())), "a rollback asks before it begins")
	assert.Equal(w.t, State{Version: 4, Floor: 3, Release: 4}, w.state())
}

// A runner that is killed loses its lock at once; the statement goes on until the
// server notices.
func outliving(w *world) {
	require.Error(w.t, w.broken(2, "-- kind: expand").Up(w.t.Context()))
	holder, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	name, err := statementLock(w.database)
	require.NoError(w.t, err)
	var got int
	require.NoError(w.t, holder.QueryRowContext(w.t.Context(), "SELECT GET_LOCK(?, ?)", name, 0).Scan(&got))
	report, err := w.release(2).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.True(w.t, report.Running)
	assert.Equal(w.t, Locked, StatusOf(w.release(2).Repair(w.t.Context(), 2, false)), "its second run would meet the first")
	assert.True(w.t, w.state().Dirty)
	require.ErrorIs(w.t, holder.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
	assert.NoError(w.t, w.release(2).Repair(w.t.Context(), 2, false))
}

// A change of a table waits for every transaction that has read it, and everybody
// else waits behind the change.
func busyTable(w *world) {
	require.Equal(w.t, OK, w.up(2))
	reader, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	defer reader.Close()
	_, err = reader.ExecContext(w.t.Context(), "LOCK TABLES one WRITE")
	require.NoError(w.t, err)
	assert.Equal(w.t, Failure, w.up(3))
	assert.Contains(w.t, w.log(), "version 3 (step): somebody else used the table all the time, nothing was changed: Error 1205")
	assert.Equal(w.t, State{Version: 2, Release: 2}, w.state())
	_, err = reader.ExecContext(w.t.Context(), "UNLOCK TABLES")
	require.NoError(w.t, err)
	assert.Equal(w.t, OK, w.up(3))

	_, err = reader.ExecContext(w.t.Context(), "LOCK TABLES two WRITE")
	require.NoError(w.t, err)
	assert.Equal(w.t, Failure, w.up(4))
	_, err = reader.ExecContext(w.t.Context(), "UNLOCK TABLES")
	require.NoError(w.t, err)
	assert.Equal(w.t, State{Version: 3, Release: 3}, w.state(), "nor a floor for a contract that did not happen")
}

func otherRepair(w *world) {
	require.Equal(w.t, OK, w.up(1))
	assert.Equal(w.t, Invalid, StatusOf(w.release(1).Repair(w.t.Context(), 1, true)), "nothing failed")
	require.Error(w.t, w.broken(2, "-- kind: expand").Up(w.t.Context()))
	assert.Equal(w.t, Invalid, StatusOf(w.release(2).Repair(w.t.Context(), 1, true)))
	assert.Equal(w.t, Invalid, StatusOf(w.release(1).Repair(w.t.Context(), 2, true)), "an image without the statement")
	assert.True(w.t, w.state().Dirty)
}

func reporting(w *world) {
	require.Error(w.t, w.broken(2, "-- kind: expand").Up(w.t.Context()))
	report, err := w.release(3).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.Equal(w.t, Dirty, report.Exit)
	var table strings.Builder
	require.NoError(w.t, report.Print(&table))
	assert.Regexp(w.t, `0001 +step +expand +- +applied\n0002 +step +expand +- +HALF-WAY\n0003 +step +expand +- +pending`, table.String())

	holder, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	defer holder.Close()
	require.NoError(w.t, lock(w.t.Context(), holder, w.database, 0))
	report, err = w.release(3).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.True(w.t, report.Running)
	table.Reset()
	require.NoError(w.t, report.Print(&table))
	assert.Regexp(w.t, `0002 .* running`, table.String())
	var text strings.Builder
	require.NoError(w.t, report.PrintJSON(&text))
	assert.Contains(w.t, text.String(), `"exit": 4`)
}
