package main

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/walletdb"
)

const (
	adminSecret = `{"username":"wallet_admin","password":"admin-pass","host":"db.example","port":3306}`
	appSecret   = `{"username":"wallet_app","password":"app-pass","host":"db.example","port":"3306"}`
	cloneSecret = `{"username":"wallet_app_clone","password":"clone-pass","host":"db.example","port":3306}`

	readOnly     = "SELECT @@innodb_read_only"
	createSchema = "CREATE DATABASE IF NOT EXISTS `wallet`"
	createUser   = "CREATE USER IF NOT EXISTS ?@'%' IDENTIFIED BY ? REQUIRE SSL"
	findUsers    = "SELECT user FROM mysql.user WHERE host = '%' AND user IN (?, ?) ORDER BY user"
	grant        = "GRANT SELECT, INSERT, UPDATE, DELETE ON `wallet`.* TO ?@'%'"
)

// fakeSecrets answers with the secret of that ARN.
type fakeSecrets map[string]string

func (f fakeSecrets) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	value, ok := f[*in.SecretId]
	if !ok {
		return nil, errors.New("no such secret")
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &value}, nil
}

// newHandler makes a handler over a scripted database, and records as whom it
// connects.
func newHandler(t *testing.T, app string) (handler, sqlmock.Sqlmock, *[]string) {
	t.Helper()
	var users []string
	db, mock, err := sqlmock.New(sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
	require.NoError(t, err)
	return handler{
		secrets: fakeSecrets{"admin": adminSecret, "app": app},
		open: func(c walletdb.Credentials) (*sql.DB, error) {
			users = append(users, c.Username)
			return db, nil
		},
		pause: time.Millisecond,
	}, mock, &users
}

// soon ends what waits for something that never passes.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// properties are the custom resource's, which constructs/aurora writes.
func properties() map[string]any {
	return map[string]any{
		"ServiceToken": "arn", "AdminSecret": "admin", "AppSecret": "app", "Schema": "wallet",
		"Privileges": []any{"SELECT", "INSERT", "UPDATE", "DELETE"},
	}
}

// writes is the answer of a server that is the writer, or is not.
func writes(mock sqlmock.Sqlmock, is bool) {
	mock.ExpectQuery(readOnly).WillReturnRows(sqlmock.NewRows([]string{"v"}).AddRow(!is))
}

func found(users ...string) *sqlmock.Rows {
	rows := sqlmock.NewRows([]string{"user"})
	for _, user := range users {
		rows.AddRow(user)
	}
	return rows
}

func TestTheFirstDeploymentCreatesSchemaUserAndPrivilegesAsTheAdministrator(t *testing.T) {
	h, mock, users := newHandler(t, appSecret)
	writes(mock, true)
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WithArgs("wallet_app", "app-pass").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectQuery(findUsers).WithArgs("wallet_app", "wallet_app_clone").WillReturnRows(found("wallet_app"))
	mock.ExpectExec(grant).WithArgs("wallet_app").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectClose()

	_, err := h.ensure(t.Context(), properties())

	require.NoError(t, err)
	assert.Equal(t, []string{"wallet_admin"}, *users)
	require.NoError(t, mock.ExpectationsWereMet())
}

// The table does not exist before the first migration, which comes after the users.
func TestAUserOfOneTableIsMadeBeforeTheTable(t *testing.T) {
	h, mock, _ := newHandler(t, appSecret)
	writes(mock, true)
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WithArgs("wallet_app", "app-pass").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectQuery(findUsers).WithArgs("wallet_app", "wallet_app_clone").WillReturnRows(found("wallet_app"))
	mock.ExpectExec("GRANT CREATE, SELECT ON `wallet`.`outbox_events` TO ?@'%'").WithArgs("wallet_app").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectExec("REVOKE CREATE ON `wallet`.`outbox_events` FROM ?@'%'").WithArgs("wallet_app").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectClose()
	one := properties()
	one["Table"], one["Privileges"] = "outbox_events", []any{"SELECT"}

	_, err := h.ensure(t.Context(), one)

	require.NoError(t, err)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestAnUpdateAfterRotationServesBothAlternatesAndSetsNoPassword(t *testing.T) {
	h, mock, _ := newHandler(t, cloneSecret)
	writes(mock, true)
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WithArgs("wallet_app_clone", "clone-pass").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectQuery(findUsers).WithArgs("wallet_app", "wallet_app_clone").WillReturnRows(found("wallet_app", "wallet_app_clone"))
	mock.ExpectExec(grant).WithArgs("wallet_app").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectExec(grant).WithArgs("wallet_app_clone").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectClose()

	_, err := h.ensure(t.Context(), properties())

	require.NoError(t, err)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestAFailureThatMayPassIsTriedAgainFromTheSecretsOn(t *testing.T) {
	for want, failure := range map[string]error{
		"no such host":     &net.DNSError{Err: "no such host"},                               // a cluster that is new
		"MySQL error 1045": &mysql.MySQLError{Number: 1045},                                  // a rotation between reading and use
		"denied":           &smithy.GenericAPIError{Code: "AccessDenied", Message: "denied"}, // a role that is new
	} {
		h, _, _ := newHandler(t, appSecret)
		calls := 0
		h.open = func(walletdb.Credentials) (*sql.DB, error) {
			calls++
			return nil, failure
		}
		_, err := h.ensure(soon(t), properties())
		require.ErrorContains(t, err, want)
		assert.Greater(t, calls, 1, want)
	}
}

func TestARefusalEndsTheDeploymentAtOnce(t *testing.T) {
	h, mock, users := newHandler(t, appSecret)
	writes(mock, true)
	mock.ExpectExec(createSchema).WillReturnError(&mysql.MySQLError{Number: 1044})
	mock.ExpectClose()
	_, err := h.ensure(soon(t), properties())
	require.EqualError(t, err, "create the schema wallet: MySQL error 1044")
	assert.Len(t, *users, 1)
}

func TestNothingIsWrittenWhereAnotherRegionWrites(t *testing.T) {
	h, mock, _ := newHandler(t, appSecret)
	h.pause = time.Hour
	writes(mock, false)
	mock.ExpectClose()
	_, err := h.ensure(soon(t), properties())
	require.ErrorContains(t, err, "db.example is read-only: another region writes")
	require.NoError(t, mock.ExpectationsWereMet())
}

// interruptions are the server's statements, in their order.
var interruptions = []string{readOnly, createSchema, createUser, findUsers, grant}

// After each statement the connection may break: CloudFormation's next call, or the
// next try, does the same from the beginning.
func TestAnInterruptionLeavesWhatARepetitionCompletes(t *testing.T) {
	for stop := range interruptions {
		h, mock, users := newHandler(t, appSecret)
		script(mock, stop)
		h.open = reopen(t, h.open, mock)
		_, err := h.ensure(t.Context(), properties())
		require.NoError(t, err, interruptions[stop])
		assert.Len(t, *users, 1)
		require.NoError(t, mock.ExpectationsWereMet(), interruptions[stop])
	}
}

// reopen gives the second try a database of its own, where everything succeeds.
func reopen(t *testing.T, first walletdb.Opener, before sqlmock.Sqlmock) walletdb.Opener {
	tries := 0
	return func(c walletdb.Credentials) (*sql.DB, error) {
		if tries++; tries == 1 {
			return first(c)
		}
		require.NoError(t, before.ExpectationsWereMet())
		db, mock, err := sqlmock.New(sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
		script(mock, len(interruptions))
		t.Cleanup(func() { assert.NoError(t, mock.ExpectationsWereMet()) })
		return db, err
	}
}

// script lets the statements before the one at stop succeed, which loses its
// connection.
func script(mock sqlmock.Sqlmock, stop int) {
	lost := errors.New("connection reset by peer")
	for i, statement := range interruptions[:min(stop+1, len(interruptions))] {
		switch {
		case i == stop && (statement == readOnly || statement == findUsers):
			mock.ExpectQuery(statement).WillReturnError(&net.OpError{Op: "read", Err: lost})
		case i == stop:
			mock.ExpectExec(statement).WillReturnError(&net.OpError{Op: "read", Err: lost})
		case statement == readOnly:
			writes(mock, true)
		case statement == findUsers:
			mock.ExpectQuery(statement).WillReturnRows(found("wallet_app"))
		default:
			mock.ExpectExec(statement).WillReturnResult(sqlmock.NewResult(0, 0))
		}
	}
	mock.ExpectClose()
}

func TestNoErrorQuotesAPassword(t *testing.T) {
	h, mock, _ := newHandler(t, appSecret)
	writes(mock, true)
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WillReturnError(&mysql.MySQLError{Number: 1064, Message: "near 'app-pass'"})
	_, err := h.ensure(t.Context(), properties())
	require.EqualError(t, err, "create the user wallet_app: MySQL error 1064")

	h.secrets = fakeSecrets{"admin": `{"username":"x","password":app-pass`, "app": appSecret}
	_, err = h.ensure(t.Context(), properties())
	require.EqualError(t, err, "the administrator's secret: want a JSON object with text fields")
}

func TestAnIncompleteSecretIsRefusedBeforeTheDatabaseIsTouched(t *testing.T) {
	h, mock, users := newHandler(t, `{"username":"wallet_app","password":"app-pass"}`)
	_, err := h.ensure(t.Context(), properties())
	require.ErrorContains(t, err, "the user's secret: want username, password, host and port")
	assert.Empty(t, *users)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestWhatCouldEscapeAStatementOrTheLeastPrivilegeIsRefused(t *testing.T) {
	for property, value := range map[string]any{
		"Schema":      "wallet`; DROP DATABASE mysql; --",
		"Table":       "outbox_events TO x; --",
		"Privileges":  []any{"SELECT", "ALL PRIVILEGES"},
		"AdminSecret": "",
	} {
		h, _, users := newHandler(t, appSecret)
		bad := properties()
		bad[property] = value
		_, err := h.ensure(t.Context(), bad)
		require.ErrorContains(t, err, property)
		assert.Empty(t, *users)
	}
}
