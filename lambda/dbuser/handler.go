package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/walletdb"
)

// pause is the time between two tries: a new cluster's name takes a moment to
// resolve, and a rotation can replace the administrator's password between reading
// and using it.
const pause = 10 * time.Second

// plainName is what may stand in a statement where MySQL takes no parameter.
var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// grantable are the privileges that an application may have. Everything else
// changes the schema or the server and belongs to the administrator.
var grantable = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}

// handler creates a user.
type handler struct {
	secrets walletdb.SecretReader
	open    walletdb.Opener
	pause   time.Duration
}

// request is what the stack asks for.
type request struct {
	AdminSecret string   // the secret of the user that connects
	AppSecret   string   // the secret of the user to create
	Schema      string   // the schema that the user works in
	Table       string   // the one table of it that the user may use; empty for all
	Privileges  []string // what the user may do there
}

// ensure brings the database to what the properties say. Every step can be
// repeated; what may pass is tried again until the time is up.
func (h handler) ensure(ctx context.Context, properties map[string]any) (map[string]any, error) {
	wanted, err := parse(properties)
	if err != nil {
		return nil, err
	}
	return nil, attempt.Until(ctx, h.pause, func(ctx context.Context) error { return h.apply(ctx, wanted) })
}

// parse reads the resource's properties and refuses what must not reach a
// statement.
func parse(properties map[string]any) (request, error) {
	var wanted request
	content, err := json.Marshal(properties)
	if err == nil {
		err = json.Unmarshal(content, &wanted)
	}
	if err != nil {
		return wanted, fmt.Errorf("resource properties: %w", err)
	}
	var problems []error
	if wanted.AdminSecret == "" || wanted.AppSecret == "" {
		problems = append(problems, errors.New("resource properties: AdminSecret and AppSecret: want two secrets' ARNs"))
	}
	if !plainName.MatchString(wanted.Schema) {
		problems = append(problems, fmt.Errorf("resource property Schema: want %s, got %q", plainName, wanted.Schema))
	}
	if wanted.Table != "" && !plainName.MatchString(wanted.Table) {
		problems = append(problems, fmt.Errorf("resource property Table: want nothing or %s, got %q", plainName, wanted.Table))
	}
	if len(wanted.Privileges) == 0 {
		problems = append(problems, errors.New("resource property Privileges: want at least one, got none"))
	}
	for _, privilege := range wanted.Privileges {
		if !slices.Contains(grantable, privilege) {
			problems = append(problems, fmt.Errorf("resource property Privileges: want some of %v, got %q", grantable, privilege))
		}
	}
	return wanted, errors.Join(problems...)
}

// apply reads both secrets as they are now and brings the database to what they
// and the request say.
func (h handler) apply(ctx context.Context, wanted request) error {
	admin, err := walletdb.Read(ctx, h.secrets, wanted.AdminSecret)
	if err != nil {
		return fmt.Errorf("the administrator's secret: %w", err)
	}
	app, err := walletdb.Read(ctx, h.secrets, wanted.AppSecret)
	if err != nil {
		return fmt.Errorf("the user's secret: %w", err)
	}
	db, err := h.open(admin)
	if err != nil {
		return fmt.Errorf("connect to %s as %s: %w", admin.Host, admin.Username, walletdb.WithoutText(err))
	}
	defer db.Close()
	if err := walletdb.Writer(ctx, db, admin.Host); err != nil {
		return err
	}
	return makeUser(ctx, db, app, wanted)
}

// makeUser creates the schema and the user if they are missing, and grants the
// privileges to the user and to the second user that rotation has made of it.
//
// An existing user keeps its password: rotation owns it from the first moment
// on, and whoever sets it again can lock out running tasks.
func makeUser(ctx context.Context, db *sql.DB, app walletdb.Credentials, wanted request) error {
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS `"+wanted.Schema+"`"); err != nil {
		return fmt.Errorf("create the schema %s: %w", wanted.Schema, walletdb.WithoutText(err))
	}
	// REQUIRE SSL holds even where somebody relaxes the cluster's own rule.
	if _, err := db.ExecContext(ctx, "CREATE USER IF NOT EXISTS ?@'%' IDENTIFIED BY ? REQUIRE SSL", app.Username, app.Password); err != nil {
		return fmt.Errorf("create the user %s: %w", app.Username, walletdb.WithoutText(err))
	}
	users, err := alternates(ctx, db, app.Username)
	if err != nil {
		return fmt.Errorf("find the users of %s: %w", app.Username, walletdb.WithoutText(err))
	}
	for _, user := range users {
		for _, statement := range wanted.grants() {
			if _, err := db.ExecContext(ctx, statement, user); err != nil {
				return fmt.Errorf("grant to the user %s: %w", user, walletdb.WithoutText(err))
			}
		}
	}
	return nil
}

// grants are the statements that give a user its privileges, of parts that were checked
// against what may stand in a statement. The table comes with the first migration, after
// the user, and MySQL takes a grant on a table that is not there only with CREATE among
// the privileges ("GRANT Statement" in its reference manual): the user has that for the
// moment between two statements.
func (r request) grants() []string {
	privileges, on := strings.Join(r.Privileges, ", "), " ON `"+r.Schema+"`."
	if r.Table == "" {
		return []string{"GRANT " + privileges + on + "* TO ?@'%'"}
	}
	on += "`" + r.Table + "`"
	return []string{"GRANT CREATE, " + privileges + on + " TO ?@'%'", "REVOKE CREATE" + on + " FROM ?@'%'"}
}

// alternates returns those of a user and its clone that exist: the secret names
// the one of the two that is current.
func alternates(ctx context.Context, db *sql.DB, current string) ([]string, error) {
	base, clone := walletdb.Alternates(current)
	rows, err := db.QueryContext(ctx, "SELECT user FROM mysql.user WHERE host = '%' AND user IN (?, ?) ORDER BY user", base, clone)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var users []string
	for rows.Next() {
		var user string
		if err := rows.Scan(&user); err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	return users, rows.Err()
}
