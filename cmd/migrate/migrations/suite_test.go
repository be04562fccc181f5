package migrations

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
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

	"wallet-infra/internal/exit"
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

// silent is a server that accepts a connection and says nothing.
type silent struct{ *fakeMySQL }

func (silent) Connect(ctx context.Context) (driver.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAServerThatSaysNothingHoldsNoDeployment(t *testing.T) {
	db := sql.OpenDB(silent{newFakeMySQL()})
	defer db.Close()
	runner := Runner{Set: history(t, 1), DB: db, Database: "wallet", Limits: Limits{Connect: time.Millisecond}}
	assert.ErrorContains(t, runner.Up(t.Context()), "connect: context deadline exceeded")
	_, err := runner.Report(t.Context())
	assert.ErrorContains(t, err, "connect: context deadline exceeded")
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
	serves   []string // as ECS says
}

// release is a runner with the first versions of the history.
func (w *world) release(versions int) Runner { return w.with(history(w.t, versions)) }

func (w *world) with(set Set) Runner {
	return Runner{
		Set: set, DB: w.db, Database: w.database, Release: tag(set.Version()), Serving: Serving{Known: true, Releases: w.serves},
		Limits: Limits{Connect: time.Minute, Settle: 10 * time.Second, Stop: 10 * time.Second, Pause: 10 * time.Millisecond}, Now: time.Now,
		Logf: func(format string, values ...any) {
			w.lock.Lock()
			defer w.lock.Unlock()
			w.logged = append(w.logged, fmt.Sprintf(format, values...))
		},
	}
}

// tag names the release that has a number of versions.
func tag(versions int) string { return fmt.Sprintf("1.%d.0", versions) }

func (w *world) log() string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return strings.Join(w.logged, "\n")
}

// up runs a release's migrations and tells their exit status.
func (w *world) up(versions int) exit.Status { return w.ends(w.release(versions).Up(w.t.Context())) }

func (w *world) ends(err error) exit.Status {
	if err != nil {
		w.lock.Lock()
		defer w.lock.Unlock()
		w.logged = append(w.logged, err.Error())
	}
	return StatusOf(err)
}

// deploy runs a release's migrations, after which it serves.
func (w *world) deploy(versions int) {
	w.t.Helper()
	require.Equal(w.t, exit.Done, w.up(versions), w.log())
	w.serves = []string{tag(versions)}
}

// marked is version, whether it is dirty, and floor.
func (w *world) marked() mark {
	db, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	defer db.Close()
	now, err := readState(w.t.Context(), db)
	require.NoError(w.t, err)
	return mark{now.Version, now.Dirty, now.Floor}
}

// has tells whether a table of the history is there.
func (w *world) has(table string) bool {
	_, err := w.db.ExecContext(w.t.Context(), "ALTER TABLE "+table+" COMMENT 'seen'")
	return err == nil
}

// suite is what the runner does on any server.
func suite(t *testing.T, open func(*testing.T) (*sql.DB, string)) {
	for name, test := range map[string]func(*world){
		"an empty database gets every version once":                      everyVersionOnce,
		"a release before an expand runs on the newer schema":            newerSchema,
		"a release that a contract leaves behind is refused":             leftBehind,
		"a contract waits until its expand is served":                    tooEarly,
		"a contract waits after ECS has gone back by itself":             rolledBack,
		"a contract waits while nobody says what serves":                 servedUnknown,
		"a refused statement stops no later deployment":                  refusedStatement,
		"a refused first version leaves an empty schema":                 refusedFirst,
		"a refused contract gives its floor back":                        refusedContract,
		"what is there already can be marked as applied":                 applied,
		"a release is never said to know more than it did once":          claiming,
		"a second runner waits and gives up in time":                     locked,
		"runners at once run each version once":                          atOnce,
		"a runner that is told to stop ends between two versions":        told,
		"a runner that is told to stop ends the statement on the server": killed,
		"looking changes nothing":                                        looking,
		"a statement that outlives its runner is waited for":             outliving,
		"a table in use fails the deployment and leaves no mark":         busyTable,
		"a repair of another version than the one seen is refused":       otherRepair,
		"a report tells a running migration from a failed one":           reporting,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t}
			w.db, w.database = open(t)
			test(w)
		})
	}
}

func everyVersionOnce(w *world) {
	w.deploy(3)
	assert.Equal(w.t, mark{version: 3}, w.marked())
	assert.True(w.t, w.has("one") && w.has("two"))
	assert.Equal(w.t, exit.Done, w.up(3), "a second CREATE TABLE would fail")
	assert.Contains(w.t, w.log(), "nothing to do")
}

func newerSchema(w *world) {
	w.deploy(3)
	w.deploy(1)
	assert.Equal(w.t, mark{version: 3}, w.marked(), "a rollback must not need a change of the schema")
	assert.Contains(w.t, w.log(), "newer than this release's 1")
}

func leftBehind(w *world) {
	w.deploy(3)
	w.deploy(4)
	assert.Equal(w.t, mark{version: 4, floor: 3}, w.marked())
	assert.False(w.t, w.has("two"))
	assert.Equal(w.t, exit.SchemaTooNew, w.up(2), "its code reads the table that is gone")
	assert.Contains(w.t, w.log(), "runs releases from version 3 on; this release knows 2")
	assert.Equal(w.t, exit.Done, w.up(3))
}

func tooEarly(w *world) {
	w.deploy(2)
	assert.Equal(w.t, exit.Contract, w.up(4), "the release that serves reads the table meanwhile")
	assert.Contains(w.t, w.log(), "1.2.0, which serves, knows 2. Deploy a release with version 3 first")
	assert.Equal(w.t, mark{version: 2}, w.marked(), "not even the expand before it")
	w.deploy(3)
	w.serves = append(w.serves, tag(2))
	assert.Equal(w.t, exit.Contract, w.up(4), "of two that serve, one would break")
	w.serves = []string{tag(3), "1.99.0"}
	assert.Equal(w.t, exit.Contract, w.up(4), "what has never come here is not known to survive")
	assert.Contains(w.t, w.log(), "no migration of 1.99.0, which serves, has run here")
	w.serves = []string{tag(3)}
	w.deploy(4)
}

// ECS went back without a deployment: 3 ran its migration, failed its test, and never
// served.
func rolledBack(w *world) {
	w.deploy(2)
	require.Equal(w.t, exit.Done, w.up(3))
	assert.Equal(w.t, exit.Contract, w.up(4), "the schema has the expand, but the release that serves has not")
	w.deploy(3)
	w.deploy(4)
}

func servedUnknown(w *world) {
	w.deploy(3)
	byHand := w.release(4)
	byHand.Serving = Serving{Releases: []string{tag(3)}}
	assert.Equal(w.t, exit.Contract, w.ends(byHand.Up(w.t.Context())))
	assert.Contains(w.t, w.log(), "it is not known which releases serve")
	byHand.Set = history(w.t, 3)
	assert.Equal(w.t, exit.Done, w.ends(byHand.Up(w.t.Context())), "an expand asks nobody")
	empty := w.release(4)
	empty.Serving = Serving{Known: true}
	assert.Equal(w.t, exit.Done, w.ends(empty.Up(w.t.Context())), "where nothing serves, nothing breaks")
}

// broken is the history with a version that the server refuses.
func (w *world) broken(version int, kind string) Runner {
	return w.last(version, kind+"\nALTER TABLE absent ADD COLUMN secretly INT")
}

// last is the history with another last version.
func (w *world) last(version int, statement string) Runner {
	content := history(w.t, version).files.(fstest.MapFS)
	content[fmt.Sprintf("%04d_step.up.sql", version)] = &fstest.MapFile{Data: []byte(statement)}
	set, err := Read(content)
	require.NoError(w.t, err)
	return w.with(set)
}

// halfWay leaves the mark of a version whose fate nobody knows.
func (w *world) halfWay(version, floor int) {
	db, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	defer db.Close()
	require.NoError(w.t, prepare(w.t.Context(), db, "", 0))
	require.NoError(w.t, mark{version, true, floor}.write(w.t.Context(), db, "a runner that is gone"))
}

func refusedStatement(w *world) {
	err := w.broken(2, "-- kind: expand").Up(w.t.Context())
	assert.Equal(w.t, exit.MigrationFailed, StatusOf(err))
	assert.ErrorContains(w.t, err, "version 2 (step): the server refused it")
	assert.ErrorContains(w.t, err, "Error 1146")
	assert.NotContains(w.t, err.Error(), "secretly", "a statement does not belong into a log")
	assert.Equal(w.t, mark{version: 1}, w.marked())
	assert.Equal(w.t, exit.Done, w.up(1), "the release that serves must be able to come back")
	assert.Equal(w.t, exit.Done, w.up(2), w.log())
	assert.True(w.t, w.has("two"))
}

func refusedFirst(w *world) {
	require.Error(w.t, w.broken(1, "-- kind: expand").Up(w.t.Context()))
	assert.Equal(w.t, mark{}, w.marked())
	assert.Equal(w.t, exit.Done, w.up(2), w.log())
}

func refusedContract(w *world) {
	w.deploy(3)
	assert.Equal(w.t, exit.MigrationFailed, w.ends(w.broken(4, "-- kind: contract\n-- floor: 3").Up(w.t.Context())))
	assert.Equal(w.t, mark{version: 3}, w.marked())
	assert.Equal(w.t, exit.Done, w.up(2), "the schema still has all that it had")
}

func applied(w *world) {
	require.Equal(w.t, exit.Done, w.up(1))
	w.halfWay(2, 0)
	assert.Equal(w.t, exit.HalfWay, w.up(2))
	assert.Equal(w.t, exit.HalfWay, w.up(1), "nor may an older release run on it")
	assert.Contains(w.t, w.log(), `run "repair --version 2"`)
	_, err := w.db.ExecContext(w.t.Context(), "CREATE TABLE two (id INT PRIMARY KEY)")
	require.NoError(w.t, err)
	require.NoError(w.t, w.release(2).Repair(w.t.Context(), 2, true))
	assert.Equal(w.t, mark{version: 2}, w.marked())
	assert.Equal(w.t, exit.Done, w.up(3), w.log())

	w.halfWay(4, 3)
	require.NoError(w.t, w.release(4).Repair(w.t.Context(), 4, false))
	assert.Equal(w.t, mark{version: 3}, w.marked(), "a contract that did not happen leaves no floor")
}

// Somebody ran a newer image under an older tag: what the older one survives must not
// rise with it.
func claiming(w *world) {
	w.deploy(2)
	wrong := w.release(3)
	wrong.Release = tag(2)
	require.NoError(w.t, wrong.Up(w.t.Context()))
	assert.Equal(w.t, exit.Contract, w.up(4))
}

func locked(w *world) {
	holder, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	got, err := lock(w.t.Context(), holder, runnerLock(w.database), 0)
	require.NoError(w.t, err)
	require.True(w.t, got)
	assert.Equal(w.t, exit.Locked, w.up(1))
	assert.Equal(w.t, exit.Locked, StatusOf(w.release(1).Repair(w.t.Context(), 1, false)))
	assert.False(w.t, w.has("one"))
	// The runner dies: its connection ends, and with it the lock.
	require.ErrorIs(w.t, holder.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
	next := w.release(1)
	next.Lock = 10 * time.Second // until the server notices
	assert.NoError(w.t, next.Up(w.t.Context()))
}

func atOnce(w *world) {
	var all sync.WaitGroup
	ends := make([]exit.Status, 4)
	for i := range ends {
		all.Go(func() {
			runner := w.release(3)
			runner.Lock = 10 * time.Second
			ends[i] = StatusOf(runner.Up(w.t.Context()))
		})
	}
	all.Wait()
	for _, end := range ends {
		assert.Contains(w.t, []exit.Status{exit.Done, exit.Locked}, end, "a table made twice would be a failure")
	}
	assert.Equal(w.t, mark{version: 3}, w.marked())
}

func told(w *world) {
	ctx, stop := context.WithCancelCause(w.t.Context())
	runner := w.release(3)
	log := runner.Logf
	runner.Logf = func(format string, values ...any) {
		if log(format, values...); strings.HasPrefix(format, "done") {
			stop(errors.New("the limit is over"))
		}
	}
	err := runner.Up(ctx)
	require.ErrorContains(w.t, err, "told to stop before version 2: the limit is over")
	assert.Equal(w.t, exit.MigrationFailed, StatusOf(err))
	assert.Equal(w.t, mark{version: 1}, w.marked(), "nothing to repair")
	assert.Equal(w.t, exit.Done, w.up(3), w.log())
}

// A runner that only ended would leave the statement to the server, which ends it
// whenever that may be.
func killed(w *world) {
	w.deploy(3)
	ctx, stop := context.WithTimeoutCause(w.t.Context(), time.Second, errors.New("the limit is over"))
	defer stop()
	const slow = "-- kind: contract\n-- floor: 3\nCREATE TABLE slow AS SELECT 1 AS id FROM schema_version WHERE SLEEP(1000)"
	begin := time.Now()
	err := w.last(4, slow).Up(ctx)
	assert.Less(w.t, time.Since(begin), 10*time.Second)
	assert.Equal(w.t, exit.MigrationFailed, StatusOf(err), "%v", err)
	assert.ErrorContains(w.t, err, "Error 1317")
	assert.Contains(w.t, w.log(), "told to stop (the limit is over): asking the server")
	assert.Equal(w.t, mark{version: 3}, w.marked())
	assert.False(w.t, w.has("slow"))
	assert.Equal(w.t, exit.Done, w.up(4), w.log())
}

func looking(w *world) {
	require.NoError(w.t, w.release(3).Check(w.t.Context()))
	assert.Contains(w.t, w.log(), "pending: 0002 step (expand)")
	report, err := w.release(3).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.Equal(w.t, "3 to run", report.Verdict)
	for _, table := range []string{"schema_version", "schema_release", "one"} {
		assert.False(w.t, w.has(table), table)
	}
	w.deploy(3)
	w.deploy(4)
	assert.Equal(w.t, exit.SchemaTooNew, StatusOf(w.release(2).Check(w.t.Context())), "a rollback asks before it begins")
	assert.Equal(w.t, mark{version: 4, floor: 3}, w.marked())
}

// A runner that is killed loses its lock at once; the statement goes on until the
// server notices.
func outliving(w *world) {
	require.Equal(w.t, exit.Done, w.up(1))
	w.halfWay(2, 0)
	holder, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	got, err := lock(w.t.Context(), holder, statementLock(w.database), 0)
	require.NoError(w.t, err)
	require.True(w.t, got)
	report, err := w.release(2).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.True(w.t, report.Running)
	assert.Equal(w.t, exit.Locked, StatusOf(w.release(2).Repair(w.t.Context(), 2, false)), "its second run would meet the first")
	assert.Equal(w.t, exit.Locked, w.up(2), "a person who looks now would see what is not yet so")
	assert.True(w.t, w.marked().dirty)
	require.ErrorIs(w.t, holder.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
	assert.Eventually(w.t, func() bool { return w.release(2).Repair(w.t.Context(), 2, false) == nil }, 10*time.Second, 50*time.Millisecond)
}

// A change of a table waits for every transaction that has read it, and everybody
// else waits behind the change.
func busyTable(w *world) {
	w.deploy(2)
	reader, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	defer reader.Close()
	_, err = reader.ExecContext(w.t.Context(), "LOCK TABLES one WRITE")
	require.NoError(w.t, err)
	assert.Equal(w.t, exit.MigrationFailed, w.up(3))
	assert.Contains(w.t, w.log(), "version 3 (step): somebody else used the table all the time, nothing was changed: Error 1205")
	assert.Equal(w.t, mark{version: 2}, w.marked())
	_, err = reader.ExecContext(w.t.Context(), "UNLOCK TABLES")
	require.NoError(w.t, err)
	w.deploy(3)

	_, err = reader.ExecContext(w.t.Context(), "LOCK TABLES two WRITE")
	require.NoError(w.t, err)
	assert.Equal(w.t, exit.MigrationFailed, w.up(4))
	_, err = reader.ExecContext(w.t.Context(), "UNLOCK TABLES")
	require.NoError(w.t, err)
	assert.Equal(w.t, mark{version: 3}, w.marked(), "nor a floor for a contract that did not happen")
}

func otherRepair(w *world) {
	require.Equal(w.t, exit.Done, w.up(1))
	assert.Equal(w.t, exit.MigrationInvalid, StatusOf(w.release(1).Repair(w.t.Context(), 1, true)), "nothing failed")
	w.halfWay(2, 0)
	assert.Equal(w.t, exit.MigrationInvalid, StatusOf(w.release(2).Repair(w.t.Context(), 1, true)))
	assert.Equal(w.t, exit.MigrationInvalid, StatusOf(w.release(1).Repair(w.t.Context(), 2, true)), "an image without the statement")
	assert.True(w.t, w.marked().dirty)
}

func reporting(w *world) {
	require.Equal(w.t, exit.Done, w.up(1))
	w.halfWay(2, 0)
	report, err := w.release(3).Report(w.t.Context())
	require.NoError(w.t, err)
	assert.Equal(w.t, exit.HalfWay, report.Exit)
	var table strings.Builder
	require.NoError(w.t, report.Print(&table))
	assert.Regexp(w.t, `0001 +step +expand +- +applied\n0002 +step +expand +- +HALF-WAY\n0003 +step +expand +- +pending`, table.String())
	assert.Contains(w.t, table.String(), "release 1.1.0 has 1")

	holder, err := w.db.Conn(w.t.Context())
	require.NoError(w.t, err)
	defer holder.Close()
	_, err = lock(w.t.Context(), holder, runnerLock(w.database), 0)
	require.NoError(w.t, err)
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
