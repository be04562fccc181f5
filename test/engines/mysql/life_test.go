package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
	"wallet-infra/test/engines/mysql/server"
)

// table is a database for migrations, empty for each part of the test.
type table struct {
	server.Server
	owner *sql.Conn
}

func TestTheSchema(t *testing.T) {
	database := server.Start(t, nil, server.Arguments(server.Parameters(t, "production"))...)
	on := table{database, database.Session(t)}
	for _, part := range []struct {
		name string
		test func(*testing.T, table)
	}{
		{"they run once, in their order", runsOnce},
		{"one waits for another that is at work, and says so when the time is up", waitsForAnother},
		{"a table that is used all the time stops one with nothing changed", givesUpATable},
		{"a statement that the server refuses is not done at all, and the next release goes on", goesOnAfterARefusal},
		{"one that is told to stop ends the statement on the server", stopsOnTheServer},
		{"what a killed one left on the server is waited for, then seen to by a person", leavesWhatAPersonRepairs},
		{"after an end at any point the same command goes on, or a person is asked", goesOnAfterAnEnd},
		{"the first tables take what the application writes", takesWhatTheApplicationWrites},
		{"an expand lets the release before write, before, during and after", letsTheReleaseBeforeWrite},
		{"a release before notices what is no expand", noticesWhatIsNoExpand},
		{"the documents' example of a contract refuses the release that it would break", refusesTheBrokenRelease},
		{"every statement in the documents runs on the migrated schema", runsTheDocuments},
		{"events that Kafka lost are published again, once, and no others", publishesAgain},
		{"the fake of the migrations' own tests answers as the server", answersAsTheFake},
	} {
		t.Run(part.name, func(t *testing.T) {
			on.clear(t)
			part.test(t, on)
		})
	}
}

func (on table) clear(t *testing.T) {
	t.Helper()
	execute(t, on.owner, "DROP DATABASE IF EXISTS wallet")
	execute(t, on.owner, "CREATE DATABASE wallet")
	execute(t, on.owner, "USE wallet")
}

// with is a release with the committed migrations and others, from 0004 on.
func (on table) with(t *testing.T, tag string, more ...string) release {
	t.Helper()
	files := map[string]string{}
	for i, content := range more {
		files[fmt.Sprintf("%04d_step.up.sql", i+4)] = content
	}
	return newRelease(t, on.Server, tag, files)
}

// mark is what the database says of its schema.
func (on table) mark(t *testing.T) string {
	t.Helper()
	var version, dirty int
	require.NoError(t, on.owner.QueryRowContext(t.Context(), "SELECT version, dirty FROM schema_version").Scan(&version, &dirty))
	return strings.TrimSuffix(fmt.Sprintf("%d%s", version, strings.Repeat(" half-way", dirty)), " ")
}

// has tells whether a table has a column.
func (on table) has(t *testing.T, column string) bool {
	t.Helper()
	var count int
	require.NoError(t, on.owner.QueryRowContext(t.Context(),
		"SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'wallet' AND column_name = ?", column).Scan(&count))
	return count > 0
}

const addPurpose = "-- kind: expand\nALTER TABLE transaction ADD COLUMN purpose VARCHAR(100) NULL;\n"

func runsOnce(t *testing.T, on table) {
	first := on.with(t, "a")
	status, said := first.run(t, "check")
	assert.Equal(t, int(exit.Done), status, said)
	assert.Contains(t, said, "pending: 0001 wallets (expand)")
	status, said = first.run(t, "up", "--serving", "none")
	assert.Equal(t, int(exit.Done), status, said)
	assert.Less(t, strings.Index(said, "done: 0001"), strings.Index(said, "done: 0003"))
	assert.Equal(t, "3", on.mark(t))
	status, said = first.run(t, "up", "--serving", "a")
	assert.Equal(t, int(exit.Done), status, said)
	assert.Contains(t, said, "nothing to do")
	status, said = first.run(t, "repair", "--version", "3", "--applied")
	assert.Equal(t, int(exit.MigrationInvalid), status, said)
}

// hold uses a table until it is let go, as a transaction of the application does.
func (on table) hold(t *testing.T) (letGo func()) {
	t.Helper()
	use, err := on.Open(t).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = use.ExecContext(t.Context(), "SELECT COUNT(*) FROM transaction")
	require.NoError(t, err)
	return func() { _ = use.Rollback() }
}

// begin starts a release's migrations, and returns when their statement waits for the
// table.
func (on table) begin(t *testing.T, r release, arguments ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	command, said := r.command(append([]string{"up", "--serving", "a"}, arguments...)...), &bytes.Buffer{}
	command.Stdout, command.Stderr = said, said
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	require.Eventually(t, on.waits, 20*time.Second, 20*time.Millisecond, "the statement that waits for the table")
	return command, said
}

// waits tells whether a statement waits for a table.
func (on table) waits() bool {
	var count int
	err := on.owner.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock'").Scan(&count)
	return err == nil && count > 0
}

// status is how a program that was begun ends.
func ended(t *testing.T, command *exec.Cmd) int {
	t.Helper()
	_ = command.Wait()
	return command.ProcessState.ExitCode()
}

func waitsForAnother(t *testing.T, on table) {
	on.with(t, "a").migrate(t, "none")
	b := on.with(t, "b", addPurpose)
	letGo := on.hold(t)
	at, said := on.begin(t, b)
	status, other := b.run(t, "up", "--serving", "a", "--lock-wait", "1s")
	assert.Equal(t, int(exit.Locked), status, other)
	assert.Contains(t, other, "another migration holds the lock")
	_, shown := b.run(t, "status")
	assert.Contains(t, shown, "a migration is running")
	letGo()
	assert.Equal(t, int(exit.Done), ended(t, at), said)
	assert.Equal(t, "4", on.mark(t))
	b.migrate(t, "a")
}

func givesUpATable(t *testing.T, on table) {
	on.with(t, "a").migrate(t, "none")
	b := on.with(t, "b", addPurpose)
	letGo := on.hold(t)
	status, said := b.run(t, "up", "--serving", "a", "--table-wait", "1s")
	assert.Equal(t, int(exit.MigrationFailed), status, said)
	assert.Contains(t, said, "somebody else used the table all the time, nothing was changed")
	assert.Equal(t, "3", on.mark(t))
	letGo()
	b.migrate(t, "a")
}

// A server's error reply means "not at all": later deployments, also of the release
// before, go on.
func goesOnAfterARefusal(t *testing.T, on table) {
	a := on.with(t, "a")
	a.migrate(t, "none")
	for _, refused := range []string{
		"-- kind: expand\nALTER TABLE transaction ADD COLUMN amount INT NULL;\n",                      // it is there
		"-- kind: expand\nALTER TABLE transactions ADD COLUMN purpose INT NULL;\n",                    // no such table
		"-- kind: expand\nCREATE TABLE wallets (id INT);\n",                                           // it is there
		"-- kind: expand\n-- because: a test\nINSERT INTO wallets (id) VALUES ('1'), ('1');\n",        // strict, and twice
		"-- kind: contract\n-- floor: 3\nALTER TABLE transaction ADD CONSTRAINT c CHECK (nothing);\n", // no such column
	} {
		status, said := on.with(t, "b", refused).run(t, "up", "--serving", "none")
		if status == int(exit.Done) {
			// MySQL reads CHECK and forgets it before 8.0.16.
			require.Contains(t, refused, "CHECK")
			continue
		}
		assert.Equal(t, int(exit.MigrationFailed), status, said)
		assert.Contains(t, said, "the server refused it or was told to end it, nothing was changed", refused)
		assert.Equal(t, "3", on.mark(t))
		status, said = a.run(t, "up", "--serving", "none")
		assert.Equal(t, int(exit.Done), status, said)
	}
	var rows int
	require.NoError(t, on.owner.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM wallets").Scan(&rows))
	assert.Zero(t, rows, "a part of a refused statement")
}

func stopsOnTheServer(t *testing.T, on table) {
	a := on.with(t, "a")
	a.migrate(t, "none")
	b := on.with(t, "b", addPurpose)
	letGo := on.hold(t)
	at, said := on.begin(t, b)
	require.NoError(t, at.Process.Signal(syscall.SIGTERM)) // as ECS does
	assert.Equal(t, int(exit.MigrationFailed), ended(t, at), said)
	assert.False(t, on.waits(), "the server goes on with the statement")
	letGo()
	assert.Equal(t, "3", on.mark(t))
	assert.False(t, on.has(t, "purpose"))
	b.migrate(t, "a")
}

func leavesWhatAPersonRepairs(t *testing.T, on table) {
	a := on.with(t, "a")
	a.migrate(t, "none")
	b := on.with(t, "b", addPurpose)
	letGo := on.hold(t)
	at, _ := on.begin(t, b)
	require.NoError(t, at.Process.Kill())
	_ = at.Wait()
	status, said := b.run(t, "up", "--serving", "a", "--lock-wait", "20s")
	assert.Equal(t, int(exit.Locked), status, said)
	assert.Contains(t, said, "the server still runs a statement of a migration whose runner is gone")
	letGo()
	require.Eventually(t, func() bool { return on.has(t, "purpose") || !on.waits() }, 20*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		status, said = b.run(t, "up", "--serving", "a")
		return status != int(exit.Locked)
	}, 20*time.Second, 100*time.Millisecond)
	assert.Equal(t, int(exit.HalfWay), status, said)
	status, said = a.run(t, "up", "--serving", "a")
	assert.Equal(t, int(exit.HalfWay), status, "the release before: %s", said)
	on.repair(t, b, 4, on.has(t, "purpose"))
	b.migrate(t, "a")
	assert.True(t, on.has(t, "purpose"))
	assert.Equal(t, "4", on.mark(t))
}

// repair says what a person saw.
func (on table) repair(t *testing.T, r release, version int, applied bool) {
	t.Helper()
	seen := "--not-applied"
	if applied {
		seen = "--applied"
	}
	status, said := r.run(t, "repair", "--version", fmt.Sprint(version), seen)
	require.Equal(t, int(exit.Done), status, said)
}

// effects are how a person sees what became of the versions of the test.
var effects = map[int]string{1: "balance", 2: "referenceId", 3: "processed_at", 4: "purpose", 5: "description"}

func goesOnAfterAnEnd(t *testing.T, on table) {
	through := &breaker{}
	c := on.with(t, "c", addPurpose, "-- kind: contract\n-- floor: 4\nALTER TABLE transaction DROP COLUMN description;\n")
	c.migrate(t, "none")
	want, asked := on.schema(t), 0
	broken := c
	broken.port = through.proxy(t, on.Port)
	for last := 1; ; last++ {
		on.clear(t)
		command := broken.command("up", "--serving", "none")
		through.arm(last, func() { _ = command.Process.Kill() })
		output, err := command.CombinedOutput()
		what := through.reached()
		if err == nil { // nothing was left to ask for, or goodbye
			break
		}
		require.NotEmpty(t, what, "%s", output)
		status, said := again(t, c)
		if status == int(exit.HalfWay) {
			asked++
			var version int
			_, err := fmt.Sscanf(on.mark(t), "%d half-way", &version)
			require.NoError(t, err)
			there := on.has(t, effects[version])
			on.repair(t, c, version, there != (version == 5))
			status, said = again(t, c)
		}
		require.Equal(t, int(exit.Done), status, "after an end at %d: %s", last, said)
		require.Equal(t, "5", on.mark(t))
		require.Equal(t, want, on.schema(t), "after an end at %d", last)
	}
	assert.GreaterOrEqual(t, asked, 5, "ends between the mark and what it says, one at least for each version")
	t.Logf("a person was asked %d times", asked)
}

// again runs the release's migrations once the server has noticed that the one before is
// gone.
func again(t *testing.T, r release) (status int, said string) {
	t.Helper()
	for range 50 {
		status, said = r.run(t, "up", "--serving", "none", "--lock-wait", "10s")
		if status != int(exit.Locked) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return status, said
}

// schema is what the server says of the tables.
func (on table) schema(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"wallets", "transaction", "outbox_events"} {
		var text string
		require.NoError(t, on.owner.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+name).Scan(&name, &text))
		all.WriteString(text)
	}
	return all.String()
}
