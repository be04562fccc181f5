package migrations

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
)

// After every word to the server, the connection breaks or the server refuses. What is
// marked is then true, or says that nobody knows; and the next deployment, after a
// person's look where one is needed, ends with every change done once.
func TestAnInterruptionAfterAnyStatementLeavesATrueMark(t *testing.T) {
	names := map[fate]string{unsent: "unsent", lostBefore: "lost before", lostAfter: "lost after", refuses: "refused", shutsDown: "shutting down"}
	whole := newFakeMySQL()
	w := &world{t: t, db: whole.open(t), database: "wallet"}
	require.Equal(t, exit.Done, w.up(4))
	require.Greater(t, whole.said, 20)
	for at := 1; at <= whole.said; at++ {
		for what, name := range names {
			f := newFakeMySQL()
			w := &world{t: t, db: f.open(t), database: "wallet"}
			var met string
			f.fate = func(code string) fate {
				if f.said != at {
					return works
				}
				met = code
				return what
			}
			status := w.up(4)
			f.fate = nil
			where := fmt.Sprintf("%s at %d: %s: %v: %s", name, at, met, status, w.log())
			migration := strings.HasSuffix(met, "TABLE one (id INT PRIMARY KEY)") || strings.HasSuffix(met, "TABLE two (id INT PRIMARY KEY)") ||
				strings.HasSuffix(met, "COLUMN more INT") || strings.HasPrefix(met, "DROP TABLE")
			now := w.marked()
			if migration && (what == lostBefore || what == lostAfter || what == shutsDown) {
				assert.Equal(t, exit.HalfWay, status, where)
				require.True(t, now.dirty, where)
				require.NoError(t, w.release(4).Repair(t.Context(), now.version, len(f.changes) == now.version), where)
			} else {
				assert.False(t, now.dirty, "a person must look although it is known what happened: "+where)
				assert.Len(t, f.changes, now.version, "the mark is not true: "+where)
			}
			assert.Equal(t, exit.Done, w.up(4), where)
			assert.Len(t, f.changes, 4, where)
			assert.Equal(t, mark{version: 4, floor: 3}, w.marked(), where)
		}
	}
}

// A server that is away when the outcome is known cannot be told; the person is.
func TestAnOutcomeThatCannotBeWrittenIsSaid(t *testing.T) {
	for want, after := range map[string]fate{"it is done, and the mark does not say so: repair --applied": works, "the mark does not say so: repair --not-applied": refuses} {
		f := newFakeMySQL()
		w := &world{t: t, db: f.open(t), database: "wallet"}
		f.fate = func(code string) fate {
			switch {
			case strings.HasPrefix(code, "CREATE TABLE one"):
				return after
			case strings.Contains(code, "AND run = ?"):
				return dies
			}
			return works
		}
		runner := w.release(1)
		runner.Settle = 50 * time.Millisecond
		assert.Equal(t, exit.HalfWay, w.ends(runner.Up(t.Context())))
		assert.Contains(t, w.log(), want)
		f.down, f.fate = false, nil
		assert.Equal(t, mark{version: 1, dirty: true}, w.marked())
	}
}

// The lock went with the connection: another runner may have come between, and its
// mark is not ours to clear.
func TestALateOutcomeClearsNoOtherRunnersMark(t *testing.T) {
	f := newFakeMySQL()
	w := &world{t: t, db: f.open(t), database: "wallet"}
	f.fate = func(code string) fate {
		if strings.HasPrefix(code, "CREATE TABLE one") {
			f.mark = []driver.Value{int64(1), true, int64(0), "another"}
			return refuses
		}
		return works
	}
	assert.Equal(t, exit.MigrationFailed, w.up(1))
	f.fate = nil
	assert.Equal(t, mark{version: 1, dirty: true}, w.marked())
}

// A statement that the server does not end in time goes on without the runner, whatever
// the server says to the request to end it.
func TestAStatementThatCannotBeStoppedIsNamed(t *testing.T) {
	for _, answer := range []fate{lostBefore, refuses} {
		f := newFakeMySQL()
		w := &world{t: t, db: f.open(t), database: "wallet"}
		w.deploy(3)
		f.fate = func(code string) fate {
			if strings.HasPrefix(code, "KILL") {
				return answer
			}
			return works
		}
		ctx, stop := contextThatEnds(t, f.running)
		runner := w.last(4, "-- kind: contract\n-- floor: 3\nCREATE TABLE slow AS SELECT 1 AS id FROM schema_version WHERE SLEEP(1000)")
		runner.Stop = 50 * time.Millisecond
		assert.Equal(t, exit.HalfWay, w.ends(runner.Up(ctx)))
		stop()
		assert.Contains(t, w.log(), "had not within 50ms: see SHOW PROCESSLIST")
		f.fate = nil
		assert.Equal(t, mark{version: 4, dirty: true, floor: 3}, w.marked())
	}
}

// In a region that follows nothing is changed, and a release waits for its schema.
func TestARegionThatFollowsGetsNoMigration(t *testing.T) {
	f := newFakeMySQL()
	w := &world{t: t, db: f.open(t), database: "wallet"}
	w.deploy(2)
	f.readOnly = true
	assert.Equal(t, exit.Done, w.up(2), w.log())
	assert.Equal(t, exit.Done, w.up(1), w.log())
	assert.Equal(t, exit.ReadOnly, w.up(3))
	assert.Contains(t, w.log(), "the schema is at version 2, this release needs 3, and the database cannot be written to here")
	assert.Equal(t, exit.ReadOnly, StatusOf(w.release(3).Check(t.Context())))
	assert.Len(t, f.changes, 2)
	assert.Equal(t, mark{version: 2}, w.marked())
}

func TestARegionThatFollowsWaitsForTheChangeThatIsOnItsWay(t *testing.T) {
	for _, late := range []mark{{version: 2}, {version: 3, dirty: true}} {
		f := newFakeMySQL()
		w := &world{t: t, db: f.open(t), database: "wallet"}
		w.deploy(3)
		f.readOnly = true
		f.mark = []driver.Value{int64(late.version), late.dirty, int64(0), ""}
		looks := 0
		f.fate = func(code string) fate {
			if strings.HasPrefix(code, "SELECT version") {
				if looks++; looks == 3 {
					f.mark = []driver.Value{int64(3), false, int64(0), ""}
				}
			}
			return works
		}
		runner := w.release(3)
		runner.Follow = time.Minute
		assert.Equal(t, exit.Done, w.ends(runner.Up(t.Context())), w.log())
	}
}

// The endpoint of a cluster that does not write answers nobody.
func TestWhereNobodyAnswersTheReaderIsAsked(t *testing.T) {
	f, away := newFakeMySQL(), newFakeMySQL()
	w := &world{t: t, db: f.open(t), database: "wallet"}
	w.deploy(2)
	f.readOnly, away.down = true, true
	runner := w.release(2)
	runner.DB, runner.Reader, runner.Connect = away.open(t), f.open(t), 20*time.Millisecond
	assert.Equal(t, exit.Done, w.ends(runner.Up(t.Context())))
	runner.Set = history(t, 3)
	assert.Equal(t, exit.ReadOnly, w.ends(runner.Up(t.Context())))
	report, err := runner.Report(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Database.ReadOnly)
	f.down = true
	require.NoError(t, runner.Reader.Close())
	runner.Reader = f.open(t)
	assert.Equal(t, exit.MigrationFailed, w.ends(runner.Up(t.Context())))
}

// A database that is about to be there, such as during a failover, is waited for.
func TestADatabaseThatIsAwayForAMomentIsWaitedFor(t *testing.T) {
	f := newFakeMySQL()
	w := &world{t: t, db: f.open(t), database: "wallet"}
	f.down = true
	time.AfterFunc(50*time.Millisecond, func() {
		f.lock.Lock()
		defer f.lock.Unlock()
		f.down = false
	})
	assert.Equal(t, exit.Done, w.up(1), w.log())
}

// contextThatEnds ends when something has begun.
func contextThatEnds(t *testing.T, begun chan struct{}) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		<-begun
		stop()
	}()
	return ctx, stop
}
