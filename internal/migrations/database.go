package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/golang-migrate/migrate/v4/database"
	driver "github.com/golang-migrate/migrate/v4/database/mysql"
)

// MySQL's error numbers.
const (
	noSuchTable = 1146
	lockTimeout = 1205
	deadlock    = 1213
)

// querier is a connection or a pool of them.
type querier interface {
	QueryRowContext(ctx context.Context, query string, values ...any) *sql.Row
	ExecContext(ctx context.Context, query string, values ...any) (sql.Result, error)
}

// readState asks the database, and changes nothing in it.
func readState(ctx context.Context, db querier) (State, error) {
	var now State
	err := db.QueryRowContext(ctx, "SELECT version, dirty FROM schema_migrations LIMIT 1").Scan(&now.Version, &now.Dirty)
	if err != nil && !nothing(err) {
		return now, fmt.Errorf("read the schema's version: %w", err)
	}
	err = db.QueryRowContext(ctx, "SELECT oldest_release, last_release FROM schema_release WHERE id = 1").Scan(&now.Floor, &now.Release)
	if err != nil && !nothing(err) {
		return now, fmt.Errorf("read the schema's floor: %w", err)
	}
	return now, nil
}

// nothing tells whether a question was answered with no row, or no table.
func nothing(err error) bool {
	var refused *mysql.MySQLError
	return errors.Is(err, sql.ErrNoRows) || errors.As(err, &refused) && refused.Number == noSuchTable
}

// unbegun tells whether the server gave a statement up because of somebody else's
// lock: nothing of it was done, or nothing is left.
func unbegun(err error) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused) && (refused.Number == lockTimeout || refused.Number == deadlock)
}

// ensureRelease makes the table that keeps the floor.
func ensureRelease(ctx context.Context, db querier) error {
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_release ("+
		"id TINYINT NOT NULL PRIMARY KEY, oldest_release BIGINT NOT NULL, last_release BIGINT NOT NULL, "+
		"changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)")
	if err == nil {
		_, err = db.ExecContext(ctx, "INSERT IGNORE INTO schema_release (id, oldest_release, last_release) VALUES (1, 0, 0)")
	}
	if err != nil {
		return fmt.Errorf("make the table schema_release: %w", err)
	}
	return nil
}

// setFloor writes what releases must know at least.
func setFloor(ctx context.Context, db querier, floor int) error {
	if _, err := db.ExecContext(ctx, "UPDATE schema_release SET oldest_release = ? WHERE id = 1", floor); err != nil {
		return fmt.Errorf("write the schema's floor: %w", err)
	}
	return nil
}

// setRelease writes which release was let through last.
func setRelease(ctx context.Context, db querier, version int) error {
	if _, err := db.ExecContext(ctx, "UPDATE schema_release SET last_release = ? WHERE id = 1", version); err != nil {
		return fmt.Errorf("write the release: %w", err)
	}
	return nil
}

// lockName is the server's lock that all runners of a database share.
func lockName(database string) string { return "wallet-migrations/" + database }

// lock waits for the lock, which the server drops with the connection: a runner
// that dies leaves none behind.
func lock(ctx context.Context, db querier, database string, wait time.Duration) error {
	var got sql.NullInt64
	err := db.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", lockName(database), int(wait.Seconds())).Scan(&got)
	switch {
	case err != nil:
		return fmt.Errorf("take the lock: %w", err)
	case got.Int64 != 1:
		return Refusal{Locked, fmt.Sprintf("another migration holds the lock, and did for %s. Wait for its end, or look for its task", wait)}
	}
	return nil
}

// statementLock is golang-migrate's own lock, which the connection holds that runs
// a statement: it outlives a runner that was killed, until the statement ends.
func statementLock(name string) (string, error) {
	return database.GenerateAdvisoryLockId(name + ":" + driver.DefaultMigrationsTable)
}

// running tells whether a runner is at work, or a statement that one left behind.
func running(ctx context.Context, db querier, name string) (bool, error) {
	inner, err := statementLock(name)
	if err != nil {
		return false, err
	}
	for _, each := range []string{lockName(name), inner} {
		var holder sql.NullInt64
		if err := db.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", each).Scan(&holder); err != nil {
			return false, fmt.Errorf("look at the lock: %w", err)
		}
		if holder.Valid {
			return true, nil
		}
	}
	return false, nil
}
