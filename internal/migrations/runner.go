package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	driver "github.com/golang-migrate/migrate/v4/database/mysql"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

// Runner runs a release's migrations on a database.
type Runner struct {
	Set      Set
	DB       *sql.DB
	Database string        // the schema's name
	LockWait time.Duration // for another runner's end; whole seconds
	Logf     func(format string, values ...any)
	Now      func() time.Time
}

// Up brings the schema to the release's version and lets the release through. On a
// newer schema that the release can live with it changes nothing. When the context
// ends it stops after the statement that runs.
func (r Runner) Up(ctx context.Context) error {
	return r.locked(ctx, func(db *sql.Conn) error {
		now, err := readState(ctx, db)
		if err != nil {
			return err
		}
		pending, err := r.plan(now)
		if err != nil {
			return err
		}
		if err := ensureRelease(ctx, db); err != nil {
			return err
		}
		if err := r.run(ctx, db, now, pending); err != nil {
			return err
		}
		return setRelease(ctx, db, r.Set.Version())
	})
}

// Check says what Up would do, and fails as it would, without changing anything.
func (r Runner) Check(ctx context.Context) error {
	return r.locked(ctx, func(db *sql.Conn) error {
		now, err := readState(ctx, db)
		if err != nil {
			return err
		}
		pending, err := r.plan(now)
		for _, each := range pending {
			r.Logf("pending: %04d %s (%s)", each.Version, each.Name, each.Kind)
		}
		return err
	})
}

// plan says what it found.
func (r Runner) plan(now State) ([]Migration, error) {
	pending, err := r.Set.Plan(now)
	switch own := r.Set.Version(); {
	case err != nil:
	case now.Version > own:
		r.Logf("the schema is at version %d, newer than this release's %d, which it still runs (from %d on): nothing to do", now.Version, own, now.Floor)
	case len(pending) == 0:
		r.Logf("the schema is at version %d: nothing to do", now.Version)
	default:
		r.Logf("the schema is at version %d, this release has %d: %d to run", now.Version, own, len(pending))
	}
	return pending, err
}

// run runs the migrations one by one.
func (r Runner) run(ctx context.Context, db *sql.Conn, now State, pending []Migration) error {
	if len(pending) == 0 {
		return nil
	}
	engine, err := r.engine(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	for _, each := range pending {
		if ctx.Err() != nil {
			return fmt.Errorf("told to stop before version %d", each.Version)
		}
		begin := r.Now()
		if err := r.one(ctx, db, engine, now, each); err != nil {
			return fmt.Errorf("version %d (%s): %w", each.Version, each.Name, err)
		}
		now.Floor = max(now.Floor, each.Floor)
		r.Logf("done: %04d %s (%s) in %s", each.Version, each.Name, each.Kind, r.Now().Sub(begin).Round(time.Millisecond))
	}
	return nil
}

// one runs one migration. The floor rises before a contract and not after it:
// between the two, refusing an old release is the harmless mistake. A statement that
// waited in vain for a table in use leaves no mark, so that the next deployment can
// try again.
func (r Runner) one(ctx context.Context, db *sql.Conn, engine *migrate.Migrate, now State, each Migration) error {
	if each.Floor > now.Floor {
		if err := setFloor(ctx, db, each.Floor); err != nil {
			return err
		}
	}
	err := plain(engine.Steps(1))
	if err == nil || !unbegun(err) {
		return err
	}
	err = fmt.Errorf("somebody else used the table all the time, nothing was changed: %w", err)
	return errors.Join(err, force(engine, each.Version-1), setFloor(ctx, db, now.Floor))
}

// force marks a version, or an untouched schema, as clean.
func force(engine *migrate.Migrate, version int) error {
	if version == 0 {
		version = database.NilVersion
	}
	if err := engine.Force(version); err != nil {
		return fmt.Errorf("clear the mark: %w", plain(err))
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
			return Refusal{Invalid, fmt.Sprintf("nothing to repair: the schema is at version %d, and no migration stopped half-way", now.Version)}
		case now.Version != version:
			return Refusal{Invalid, fmt.Sprintf("the marked version is %d, not %d", now.Version, version)}
		case version > r.Set.Version():
			return Refusal{Invalid, fmt.Sprintf("version %d is not in this image: use the one that holds it", version)}
		}
		if !applied {
			version--
		}
		engine, err := r.engine(ctx)
		if err != nil {
			return err
		}
		defer engine.Close()
		if err := ensureRelease(ctx, db); err != nil {
			return err
		}
		if err := setFloor(ctx, db, r.Set.floorAt(version)); err != nil {
			return err
		}
		if err := force(engine, version); err != nil {
			return err
		}
		r.Logf("the schema is at version %d, and clean", version)
		return nil
	})
}

// locked does something as the only runner of the database.
func (r Runner) locked(ctx context.Context, do func(*sql.Conn) error) error {
	db, err := r.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer db.Close()
	if err := lock(ctx, db, r.Database, r.LockWait); err != nil {
		return err
	}
	// A pool would keep the connection, and with it the lock.
	defer func() { _, _ = db.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", lockName(r.Database)) }()
	return do(db)
}

// engine is golang-migrate over a connection of its own. Its context does not end
// with ours: a statement that was begun is waited for.
func (r Runner) engine(ctx context.Context) (*migrate.Migrate, error) {
	files, err := iofs.New(r.Set.files, ".")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	db, err := r.DB.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	target, err := driver.WithConnection(context.WithoutCancel(ctx), db, &driver.Config{DatabaseName: r.Database})
	if errors.Is(err, database.ErrLocked) {
		return nil, errors.Join(Refusal{Locked, "the server still runs a statement of a migration whose runner is gone: wait for its end"}, db.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the table schema_migrations: %w", plain(err)), db.Close())
	}
	return migrate.NewWithInstance("files", files, "mysql", target)
}

// plain is the server's answer alone; golang-migrate adds the whole statement.
func plain(err error) error {
	var failed database.Error
	var failedPointer *database.Error
	switch {
	case errors.As(err, &failed) && failed.OrigErr != nil:
		return failed.OrigErr
	case errors.As(err, &failedPointer) && failedPointer.OrigErr != nil:
		return failedPointer.OrigErr
	}
	return err
}
