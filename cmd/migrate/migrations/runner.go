package migrations

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
)

// Runner runs a release's migrations on a database.
type Runner struct {
	Set Set
	// DB is the endpoint that writes. Reader, if it is not nil, is asked where nobody
	// answers at DB, as in a region that waits.
	DB, Reader *sql.DB
	Database   string // the schema's name
	// Release is this release's tag, empty outside of a deployment's image.
	Release string
	Serving Serving
	Limits
	Logf func(format string, values ...any)
	Now  func() time.Time
}

// Limits are how long a runner waits.
type Limits struct {
	Connect time.Duration // for a connection, login included
	Lock    time.Duration // for another runner's end; whole seconds
	Stop    time.Duration // for the end of a statement that the server was told to end
	Settle  time.Duration // for a connection on which to write what became of a statement
	Follow  time.Duration // for a change of the region that writes
	Pause   time.Duration // between two attempts
}

// connect logs in. Where nobody answers it tries again, then asks the reader;
// afterwards an answer may take as long as it takes.
func (r Runner) connect(ctx context.Context) (*sql.Conn, error) {
	db, err := r.login(ctx, r.DB)
	if err == nil || r.Reader == nil || !away(err) || ctx.Err() != nil {
		return db, err
	}
	r.Logf("nobody answers where the database is written to, asking its reader: %v", err)
	reader, readerErr := r.login(ctx, r.Reader)
	if readerErr != nil {
		return nil, errors.Join(err, readerErr)
	}
	return reader, nil
}

func (r Runner) login(ctx context.Context, pool *sql.DB) (*sql.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, r.Connect)
	defer cancel()
	for {
		db, err := pool.Conn(limited)
		if err == nil {
			return db, nil
		}
		if !away(err) || poll.Sleep(limited, r.Pause) != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
}

// Up brings the schema to the release's version, or finds that the release may run as
// it is. When the context ends, the server is told to end the statement that runs.
func (r Runner) Up(ctx context.Context) error {
	return r.locked(ctx, func(db *sql.Conn) error {
		now, pending, err := r.plan(ctx, db)
		if err != nil || now.ReadOnly {
			return err
		}
		if err := prepare(ctx, db, r.Release, r.Set.Version()); err != nil {
			return err
		}
		return r.run(ctx, db, now, pending)
	})
}

// Check says what Up would do, and fails as it would, without changing anything.
func (r Runner) Check(ctx context.Context) error {
	return r.locked(ctx, func(db *sql.Conn) error {
		_, pending, err := r.plan(ctx, db)
		for _, each := range pending {
			r.Logf("pending: %04d %s (%s)", each.Version, each.Name, each.Kind)
		}
		return err
	})
}

// plan says what it found. In a region that follows it waits for the change that the
// other region has just made, or is making.
func (r Runner) plan(ctx context.Context, db *sql.Conn) (now State, pending []Migration, err error) {
	for until := r.Now().Add(r.Follow); ; {
		if now, err = readState(ctx, db); err != nil {
			return now, nil, err
		}
		pending, err = r.Set.Plan(now, r.Serving)
		status := StatusOf(err)
		if !now.ReadOnly || (status != exit.ReadOnly && status != exit.HalfWay) || !r.Now().Before(until) {
			break
		}
		r.Logf("the database follows another region, whose change may be on its way: looking again")
		if err := poll.Sleep(ctx, r.Pause); err != nil {
			return now, nil, fmt.Errorf("told to stop: %w", context.Cause(ctx))
		}
	}
	switch own := r.Set.Version(); {
	case StatusOf(err) == exit.HalfWay:
		busy, asked := held(ctx, db, statementLock(r.Database))
		if asked == nil && busy {
			err = stillRuns
		}
	case err != nil:
	case now.Version > own:
		r.Logf("the schema is at version %d, newer than this release's %d, which it still runs (from %d on): nothing to do", now.Version, own, now.Floor)
	case len(pending) == 0:
		r.Logf("the schema is at version %d: nothing to do", now.Version)
	default:
		r.Logf("the schema is at version %d, this release has %d: %d to run", now.Version, own, len(pending))
	}
	return now, pending, err
}

// run runs the migrations one by one.
func (r Runner) run(ctx context.Context, db *sql.Conn, now State, pending []Migration) error {
	if len(pending) == 0 {
		return nil
	}
	at, err := r.worker(ctx)
	if err != nil {
		return err
	}
	defer at.close(ctx)
	before := mark{version: now.Version, floor: now.Floor}
	for _, each := range pending {
		if ctx.Err() != nil {
			return fmt.Errorf("told to stop before version %d: %w", each.Version, context.Cause(ctx))
		}
		begin := r.Now()
		if err := r.one(ctx, db, at, before, each); err != nil {
			return fmt.Errorf("version %d (%s): %w", each.Version, each.Name, err)
		}
		before = mark{version: each.Version, floor: max(before.floor, each.Floor)}
		r.Logf("done: %04d %s (%s) in %s", each.Version, each.Name, each.Kind, r.Now().Sub(begin).Round(time.Millisecond))
	}
	return nil
}

// one runs one migration. The floor rises before a contract and not after it:
// between the two, refusing an old release is the harmless mistake. A mark that says
// half-way stays only where nobody knows what the server did.
func (r Runner) one(ctx context.Context, db *sql.Conn, at worker, before mark, each Migration) error {
	run := rand.Text()
	begun := mark{version: each.Version, dirty: true, floor: max(before.floor, each.Floor)}
	if err := begun.write(context.WithoutCancel(ctx), db, run); err != nil {
		err = fmt.Errorf("it could not be marked as begun, and was not run: %w", err)
		return errors.Join(err, r.settle(ctx, db, run, before, "nothing of it was run, and the mark may say otherwise: repair --not-applied"))
	}
	err := r.statement(ctx, db, at, each.statement)
	switch {
	case err == nil:
		return r.settle(ctx, db, run, mark{version: each.Version, floor: begun.floor}, "it is done, and the mark does not say so: repair --applied")
	case !undone(err):
		return exit.With(exit.HalfWay, "nobody knows whether it was done, and the server may still run it: %v", err)
	case inUse(err):
		err = fmt.Errorf("somebody else used the table all the time, nothing was changed: %w", err)
	default:
		err = fmt.Errorf("the server refused it or was told to end it, nothing was changed: %w", err)
	}
	return errors.Join(err, r.settle(ctx, db, run, before, "the mark does not say so: repair --not-applied"))
}

// settle writes what is known to be true, over another connection if need be, and
// then only under the lock, which went with the first one.
func (r Runner) settle(ctx context.Context, db *sql.Conn, run string, m mark, otherwise string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Settle)
	defer cancel()
	err := m.settle(ctx, db, run)
	for err != nil && poll.Sleep(ctx, r.Pause) == nil {
		var reply *mysql.MySQLError
		if err = m.settle(ctx, db, run); err != nil && !errors.As(err, &reply) {
			anew := r
			anew.Reader, anew.Lock = nil, 0
			err = anew.locked(ctx, func(db *sql.Conn) error { return m.settle(ctx, db, run) })
		}
	}
	if err != nil {
		return exit.With(exit.HalfWay, "%s (%v)", otherwise, err)
	}
	return nil
}

// Repair clears the mark of a migration that stopped half-way, once a person has
// seen whether the schema has all of it or nothing. The version must be the marked
// one, so that nobody repairs another than the one that was looked at.
func (r Runner) Repair(ctx context.Context, version int, applied bool) error {
	return r.locked(ctx, func(db *sql.Conn) error {
		now, err := readState(ctx, db)
		switch {
		case err != nil:
			return err
		case !now.Dirty:
			return exit.With(exit.MigrationInvalid, "nothing to repair: the schema is at version %d, and no migration stopped half-way", now.Version)
		case now.Version != version:
			return exit.With(exit.MigrationInvalid, "the marked version is %d, not %d", now.Version, version)
		case version > r.Set.Version():
			return exit.With(exit.MigrationInvalid, "version %d is not in this image: use the one that holds it", version)
		}
		if !applied {
			version--
		}
		at, err := r.worker(ctx)
		if err != nil {
			return err
		}
		defer at.close(ctx)
		if err := (mark{version: version, floor: r.Set.floorAt(version)}).write(ctx, db, ""); err != nil {
			return fmt.Errorf("clear the mark: %w", err)
		}
		r.Logf("the schema is at version %d, and clean", version)
		return nil
	})
}

// locked does something as the only runner of the database.
func (r Runner) locked(ctx context.Context, do func(*sql.Conn) error) error {
	db, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	got, err := lock(ctx, db, runnerLock(r.Database), r.Lock)
	if err != nil {
		return err
	}
	if !got {
		return exit.With(exit.Locked, "another migration holds the lock, and did for %s. Wait for its end, or look for its task", r.Lock)
	}
	defer unlock(ctx, db, runnerLock(r.Database))
	return do(db)
}
