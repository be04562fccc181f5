package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
)

// worker is the connection that runs statements, apart from the one that holds the
// lock and can stop it.
type worker struct {
	*sql.Conn
	id   int // the server's number of the connection
	lock string
}

var stillRuns = exit.With(exit.Locked, "the server still runs a statement of a migration whose runner is gone: wait for its end, then see what it did")

// worker connects. While a statement of a runner that is gone still runs, it refuses.
func (r Runner) worker(ctx context.Context) (worker, error) {
	at := worker{lock: statementLock(r.Database)}
	var err error
	if at.Conn, err = r.login(ctx, r.DB); err != nil {
		return worker{}, err
	}
	got, err := lock(ctx, at.Conn, at.lock, 0)
	if err == nil && !got {
		err = stillRuns
	}
	if err == nil {
		asking, cancel := context.WithTimeout(ctx, quick)
		defer cancel()
		err = at.QueryRowContext(asking, "SELECT CONNECTION_ID()").Scan(&at.id)
	}
	if err != nil {
		return worker{}, errors.Join(err, at.Close())
	}
	return at, nil
}

func (w worker) close(ctx context.Context) {
	unlock(ctx, w.Conn, w.lock)
	_ = w.Close()
}

// statement runs one statement, and asks the server to end it when the context ends:
// without that, the server goes on with it whatever becomes of the runner (MySQL, KILL
// Statement: a user may end the statements of its own connections, and ALTER TABLE
// ends at the next block of rows, with nothing changed).
func (r Runner) statement(ctx context.Context, db *sql.Conn, at worker, code string) error {
	running, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	ended := make(chan error, 1)
	go func() {
		_, err := at.ExecContext(running, code)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	r.Logf("told to stop (%v): asking the server to end the statement of connection %d", context.Cause(ctx), at.id)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Stop)
	defer cancel()
	err := r.kill(stopping, db, at.id)
	select {
	case err := <-ended:
		return err
	case <-stopping.Done():
	}
	leave() // the connection, or closing it would wait for the statement
	// The reply to KILL says nothing of the statement, and must not be taken for its own.
	why := fmt.Sprint(err, "; ", <-ended)
	return fmt.Errorf("the server was told to end the statement of connection %d and had not within %s: see SHOW PROCESSLIST (%s)", at.id, r.Stop, why)
}

// kill asks on the connection that holds the lock, or on a new one.
func (r Runner) kill(ctx context.Context, db *sql.Conn, id int) error {
	statement := fmt.Sprintf("KILL QUERY %d", id)
	_, err := db.ExecContext(ctx, statement)
	for err != nil && poll.Sleep(ctx, r.Pause) == nil {
		var another *sql.Conn
		if another, err = r.login(ctx, r.DB); err == nil {
			_, err = another.ExecContext(ctx, statement)
			_ = another.Close()
		}
	}
	return err
}
