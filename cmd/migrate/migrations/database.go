package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MySQL's error numbers.
const (
	noSuchTable = 1146
	lockTimeout = 1205
)

// quick is how long a question or a mark may take. Statements of migrations have no
// such limit.
const quick = 30 * time.Second

// unsure are the server's replies after which a statement may have been done:
// ER_SERVER_SHUTDOWN, ER_ERROR_DURING_COMMIT, MariaDB's ER_CONNECTION_KILLED and
// ER_SESSION_WAS_KILLED (MySQL, Server Error Message Reference).
var unsure = []uint16{1053, 1180, 1927, 3169}

// undone tells whether nothing of a statement that failed is in the database. The
// server's reply to it says so: a statement is atomic (MySQL, Atomic Data Definition
// Statement Support; a row's change in a transaction of its own). Of a connection that
// broke, the driver tells when it sent nothing (driver.ErrBadConn).
func undone(err error) bool {
	var reply *mysql.MySQLError
	if errors.As(err, &reply) {
		return !slices.Contains(unsure, reply.Number)
	}
	return errors.Is(err, driver.ErrBadConn)
}

// away tells whether nobody answered, or stopped answering. A server without the right
// certificate, and one that refuses the user, answers.
func away(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn)
}

// inUse tells whether the server gave a statement up because of somebody else's lock.
func inUse(err error) bool {
	var reply *mysql.MySQLError
	return errors.As(err, &reply) && reply.Number == lockTimeout
}

// nothing tells whether a question was answered with no row, or no table.
func nothing(err error) bool {
	var reply *mysql.MySQLError
	return errors.Is(err, sql.ErrNoRows) || errors.As(err, &reply) && reply.Number == noSuchTable
}

// readState asks the database, and changes nothing in it.
func readState(ctx context.Context, db *sql.Conn) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	now := State{Releases: map[string]int{}}
	// Aurora's readers, and every instance of a region that does not write, are so.
	err := db.QueryRowContext(ctx, "SELECT @@global.innodb_read_only OR @@global.read_only").Scan(&now.ReadOnly)
	if err != nil {
		return now, fmt.Errorf("ask whether the database can be written to: %w", err)
	}
	err = db.QueryRowContext(ctx, "SELECT version, dirty, oldest_release FROM schema_version WHERE id = 1").Scan(&now.Version, &now.Dirty, &now.Floor)
	if err != nil && !nothing(err) {
		return now, fmt.Errorf("read the schema's version: %w", err)
	}
	return now, readReleases(ctx, db, now.Releases)
}

func readReleases(ctx context.Context, db *sql.Conn, into map[string]int) error {
	rows, err := db.QueryContext(ctx, "SELECT tag, version FROM schema_release")
	if err != nil {
		if nothing(err) {
			return nil
		}
		return fmt.Errorf("read the releases' versions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tag string
		var version int
		if err := rows.Scan(&tag, &version); err != nil {
			return fmt.Errorf("read the releases' versions: %w", err)
		}
		into[tag] = version
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the releases' versions: %w", err)
	}
	return nil
}

// prepare makes the tables of the program. What a release knows is true of its image,
// whether it ever serves or not. Of two claims the lower one is the safe one.
func prepare(ctx context.Context, db *sql.Conn, release string, version int) error {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS schema_version (id TINYINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, dirty BOOLEAN NOT NULL, " +
			"oldest_release BIGINT NOT NULL, run VARCHAR(32) NOT NULL, changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
		"INSERT IGNORE INTO schema_version (id, version, dirty, oldest_release, run) VALUES (1, 0, FALSE, 0, '')",
		"CREATE TABLE IF NOT EXISTS schema_release (tag VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, " +
			"version BIGINT NOT NULL, seen_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make the tables schema_version and schema_release: %w", err)
		}
	}
	if release == "" {
		return nil
	}
	_, err := db.ExecContext(ctx, "INSERT INTO schema_release (tag, version) VALUES (?, ?) ON DUPLICATE KEY UPDATE version = LEAST(version, VALUES(version))",
		release, version)
	if err != nil {
		return fmt.Errorf("write the release's version: %w", err)
	}
	return nil
}

// mark is what the database keeps of the schema. Its parts change together.
type mark struct {
	version int
	dirty   bool
	floor   int
}

// write replaces the mark in the name of a run.
func (m mark) write(ctx context.Context, db *sql.Conn, run string) error {
	return m.set(ctx, db, "UPDATE schema_version SET version = ?, dirty = ?, oldest_release = ?, run = ? WHERE id = 1", run)
}

// settle replaces the mark that the same run has left, and no other's.
func (m mark) settle(ctx context.Context, db *sql.Conn, run string) error {
	return m.set(ctx, db, "UPDATE schema_version SET version = ?, dirty = ?, oldest_release = ? WHERE id = 1 AND run = ?", run)
}

func (m mark) set(ctx context.Context, db *sql.Conn, statement, run string) error {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	_, err := db.ExecContext(ctx, statement, m.version, m.dirty, m.floor, run)
	return err
}

// runnerLock is the server's lock that all runners of a database share, and
// statementLock the one of the connection that runs a statement: it outlives a runner
// that was killed, until the statement ends.
func runnerLock(database string) string    { return "wallet-migrations/" + database }
func statementLock(database string) string { return "wallet-statement/" + database }

// lock waits for a lock, which the server drops with the connection: a runner that
// dies leaves none behind.
func lock(ctx context.Context, db *sql.Conn, name string, wait time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+quick)
	defer cancel()
	var got sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, int(wait.Seconds())).Scan(&got); err != nil {
		return false, fmt.Errorf("take the lock: %w", err)
	}
	return got.Int64 == 1, nil
}

// unlock gives a lock back, which a pool would keep with the connection.
func unlock(ctx context.Context, db *sql.Conn, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quick)
	defer cancel()
	_, _ = db.ExecContext(ctx, "DO RELEASE_LOCK(?)", name)
}

// running tells whether a runner is at work, or a statement that one left behind.
func running(ctx context.Context, db *sql.Conn, database string) (bool, error) {
	for _, each := range []string{runnerLock(database), statementLock(database)} {
		if busy, err := held(ctx, db, each); busy || err != nil {
			return busy, err
		}
	}
	return false, nil
}

func held(ctx context.Context, db *sql.Conn, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	var holder sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", name).Scan(&holder); err != nil {
		return false, fmt.Errorf("look at the lock: %w", err)
	}
	return holder.Valid, nil
}
