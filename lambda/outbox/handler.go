package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/walletdb"
)

const (
	// reserve is kept of the function's time to say why there is no measurement.
	reserve = 5 * time.Second
	// pause is between two tries: a failover, or a password that was rotated between
	// reading and using it, passes within the function's minute.
	pause = 2 * time.Second
)

// query asks for both numbers at one moment, and answers from the index on processed_at
// and created_at: the oldest is its first entry without processed_at, and the count
// reads no further than a million, so that a backlog of any size is measured in time.
// Behind a lock, or an index full of entries that are not purged, it ends by itself and
// nothing is measured. The time is UTC, as the service writes it.
const query = `SELECT /*+ MAX_EXECUTION_TIME(5000) */
(SELECT COUNT(*) FROM (SELECT 1 FROM %[1]s WHERE processed_at IS NULL LIMIT 1000000) AS waiting),
(SELECT TIMESTAMPDIFF(MICROSECOND, MIN(created_at), UTC_TIMESTAMP(6)) FROM %[1]s WHERE processed_at IS NULL)`

// handler measures once in each run.
type handler struct {
	secrets walletdb.SecretReader
	open    walletdb.Opener
	secret  string // of the user that reads, by its ARN
	// host is the database of the function's region. The secret names the first region's,
	// also in its replica.
	host    string
	table   string
	metrics metrics
	pause   time.Duration
	now     func() time.Time
	out     io.Writer
}

// measurement is what waits in the outbox.
type measurement struct {
	rows int64
	age  time.Duration // of the oldest; 0 where none waits
}

// handle measures, and writes nothing where it could not: a missing value says that
// nobody knows, and zero would say that all is well.
func (h handler) handle(ctx context.Context) error {
	ctx, cancel := attempt.WithReserve(ctx, reserve)
	defer cancel()
	var found measurement
	err := attempt.Until(ctx, h.pause, func(ctx context.Context) (err error) {
		found, err = h.measure(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("the outbox is not measured: %w", err)
	}
	return h.metrics.write(h.out, h.now(), found)
}

// measure logs in with the password of the moment and asks.
func (h handler) measure(ctx context.Context) (measurement, error) {
	user, err := walletdb.Read(ctx, h.secrets, h.secret)
	if err != nil {
		return measurement{}, fmt.Errorf("the secret of the user: %w", err)
	}
	user.Host = h.host
	db, err := h.open(user)
	if err != nil {
		return measurement{}, fmt.Errorf("connect to %s as %s: %w", user.Host, user.Username, walletdb.WithoutText(err))
	}
	defer db.Close()
	var found measurement
	var microseconds sql.NullInt64
	err = db.QueryRowContext(ctx, fmt.Sprintf(query, h.table)).Scan(&found.rows, &microseconds)
	if err != nil {
		return measurement{}, fmt.Errorf("read %s at %s as %s: %w", h.table, user.Host, user.Username, walletdb.WithoutText(err))
	}
	// An event that a task with a clock ahead of the database's wrote has waited for nothing.
	found.age = max(0, time.Duration(microseconds.Int64)*time.Microsecond)
	return found, nil
}
