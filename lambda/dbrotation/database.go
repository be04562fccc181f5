package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

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
	if err := r.notHeld(ctx, wanted, now); err != nil {
		return err
	}
	return r.setOther(ctx, wanted, now)
}

// setOwn lets a user change its own password. The user may have the new one
// already, if a step before failed after the change, or one from before, if somebody
// moved a label by hand.
func (r rotation) setOwn(ctx context.Context, wanted, now walletdb.Credentials) error {
	if wanted.Username != now.Username {
		return fmt.Errorf("want the user %s in the new version, got %s", now.Username, wanted.Username)
	}
	db, as, err := r.loginAsOneOf(ctx, []walletdb.Credentials{wanted, now})
	if refused(err) {
		// A password that the database took in a rotation that was given up has no label
		// any more, and is kept for a day at least (API_PutSecretValue).
		former, unread := r.former(ctx, now)
		if unread != nil {
			return errors.Join(err, unread)
		}
		if len(former) > 0 {
			db, as, err = r.loginAsOneOf(ctx, former)
		}
	}
	if err != nil {
		return err
	}
	defer db.Close()
	if as.Password == wanted.Password {
		return nil
	}
	if err := walletdb.Writer(ctx, db, now.Host); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "ALTER USER USER() IDENTIFIED BY ?", wanted.Password); err != nil {
		return fmt.Errorf("change the password of %s: %w", wanted.Username, walletdb.WithoutText(err))
	}
	return nil
}

// loginAsOneOf tries one after the other for as long as the server refuses. Any other
// failure says nothing about a password.
func (r rotation) loginAsOneOf(ctx context.Context, users []walletdb.Credentials) (db *sql.DB, as walletdb.Credentials, err error) {
	for _, as = range users {
		if db, err = r.login(ctx, as); !refused(err) {
			break
		}
	}
	return db, as, err
}

// refused tells whether the server refused a password.
func refused(err error) bool {
	var answer walletdb.Refused
	return errors.As(err, &answer) && answer.Number == walletdb.AccessDenied
}

// former returns what the secret's other versions log in with as the same user, also
// those without a label.
func (r rotation) former(ctx context.Context, now walletdb.Credentials) ([]walletdb.Credentials, error) {
	var found []walletdb.Credentials
	pages := secretsmanager.NewListSecretVersionIdsPaginator(r.secrets, &secretsmanager.ListSecretVersionIdsInput{
		SecretId: new(r.secret), IncludeDeprecated: new(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the secret's versions: %w", err)
		}
		for _, version := range page.Versions {
			if id := aws.ToString(version.VersionId); id == r.token || id == r.active {
				continue
			}
			value, err := r.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new(r.secret), VersionId: version.VersionId})
			var gone *types.ResourceNotFoundException
			if errors.As(err, &gone) {
				continue // Secrets Manager deletes what has no label at any time
			}
			if err != nil {
				return nil, fmt.Errorf("read a version without a label: %w", err)
			}
			if user, err := walletdb.Parse(value); err == nil && user.Host == now.Host && user.Username == now.Username {
				found = append(found, user)
			}
		}
	}
	return found, nil
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
	if err := walletdb.Writer(ctx, db, master.Host); err != nil {
		return err
	}
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
