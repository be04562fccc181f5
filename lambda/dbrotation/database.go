package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"wallet-infra/lambda/internal/walletdb"
)

// set gives the database the new password.
func (r rotation) set(ctx context.Context) error {
	wanted, err := r.credentials(ctx, pending)
	if err != nil {
		return err
	}
	now, err := r.credentials(ctx, current)
	if err != nil {
		return err
	}
	// A password belongs to the server that the secret was made for: a version that
	// somebody else wrote must not lead the administrator elsewhere.
	if wanted.Host != now.Host || wanted.Master != now.Master {
		return errors.New("the new version has another host or master than the current one")
	}
	if now.Master == "" {
		return r.setOwn(ctx, wanted, now)
	}
	return r.setOther(ctx, wanted, now)
}

// setOwn lets a user change its own password. The user may have the new one
// already, if a step before failed after the change, or still the one before, if
// somebody moved a label by hand.
func (r rotation) setOwn(ctx context.Context, wanted, now walletdb.Credentials) error {
	if wanted.Username != now.Username {
		return fmt.Errorf("want the user %s in the new version, got %s", now.Username, wanted.Username)
	}
	if db, err := r.login(ctx, wanted); err == nil {
		return db.Close()
	}
	db, err := r.login(ctx, now)
	if err != nil {
		before, missing := r.credentials(ctx, previous)
		if missing != nil || before.Host != now.Host || before.Username != now.Username {
			return err
		}
		if db, missing = r.login(ctx, before); missing != nil {
			return errors.Join(err, missing)
		}
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "ALTER USER USER() IDENTIFIED BY ?", wanted.Password); err != nil {
		return fmt.Errorf("change the password of %s: %w", wanted.Username, walletdb.WithoutText(err))
	}
	return nil
}

// setOther lets the administrator make the other of two users, if it is not there
// yet, with the rights of the current one, and gives it the new password. The
// current user, with which tasks are logged in, stays as it is.
func (r rotation) setOther(ctx context.Context, wanted, now walletdb.Credentials) error {
	if wanted.Username != other(now.Username) {
		return fmt.Errorf("want the user %s in the new version, got %s", other(now.Username), wanted.Username)
	}
	master, err := walletdb.Read(ctx, r.secrets, now.Master)
	if err != nil {
		return fmt.Errorf("the administrator's secret: %w", err)
	}
	if master.Host != wanted.Host {
		return errors.New("the administrator's secret is for another host")
	}
	db, err := r.login(ctx, master)
	if err != nil {
		return err
	}
	defer db.Close()
	grants, err := grantsOf(ctx, db, now.Username)
	if err != nil {
		return fmt.Errorf("read the grants of %s: %w", now.Username, walletdb.WithoutText(err))
	}
	// REQUIRE SSL holds even where somebody relaxes the cluster's own rule.
	if _, err := db.ExecContext(ctx, "CREATE USER IF NOT EXISTS ?@'%' IDENTIFIED BY ? REQUIRE SSL", wanted.Username, wanted.Password); err != nil {
		return fmt.Errorf("create the user %s: %w", wanted.Username, walletdb.WithoutText(err))
	}
	for _, grant := range grants {
		if _, err := db.ExecContext(ctx, grant+"?@'%'", wanted.Username); err != nil {
			return fmt.Errorf("grant to the user %s: %w", wanted.Username, walletdb.WithoutText(err))
		}
	}
	if _, err := db.ExecContext(ctx, "ALTER USER ?@'%' IDENTIFIED BY ? REQUIRE SSL", wanted.Username, wanted.Password); err != nil {
		return fmt.Errorf("change the password of %s: %w", wanted.Username, walletdb.WithoutText(err))
	}
	return nil
}

// grantsOf returns the statements that give a user what it may do, each up to the
// user's name. What the service may do today, the other user may tomorrow, also
// where a person has changed it since.
func grantsOf(ctx context.Context, db *sql.DB, user string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SHOW GRANTS FOR ?@'%'", user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var grants []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		// With an end of its own, such as WITH GRANT OPTION, a grant is more than an
		// application gets, and nothing that should spread by itself.
		grant, found := strings.CutSuffix(line, "`"+user+"`@`%`")
		if !found || !strings.HasPrefix(line, "GRANT ") {
			return nil, errors.New("a grant that is not plain: rotation copies only those that end with the user")
		}
		grants = append(grants, grant)
	}
	return grants, rows.Err()
}

// test logs in with the new version.
func (r rotation) test(ctx context.Context) error {
	wanted, err := r.credentials(ctx, pending)
	if err != nil {
		return err
	}
	db, err := r.login(ctx, wanted)
	if err != nil {
		return err
	}
	defer db.Close()
	var one int
	if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("read as %s: %w", wanted.Username, walletdb.WithoutText(err))
	}
	return nil
}

// login connects, so that a refused password shows here and not at the first
// statement.
func (r rotation) login(ctx context.Context, user walletdb.Credentials) (*sql.DB, error) {
	db, err := r.open(user)
	if err == nil {
		if err = db.PingContext(ctx); err == nil {
			return db, nil
		}
		err = errors.Join(err, db.Close())
	}
	return nil, fmt.Errorf("connect to %s as %s: %w", user.Host, user.Username, walletdb.WithoutText(err))
}
