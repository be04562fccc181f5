package main

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/walletdb"
)

const (
	adminSecret = `{"username":"wallet_admin","password":"admin-pass","host":"db.example","port":3306}`
	appSecret   = `{"username":"wallet_app","password":"app-pass","host":"db.example","port":"3306"}`
	cloneSecret = `{"username":"wallet_app_clone","password":"clone-pass","host":"db.example","port":3306}`

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
		attempts: 1,
	}, mock, &users
}

func event(kind cfn.RequestType) cfn.Event {
	return cfn.Event{RequestType: kind, ResourceProperties: map[string]any{
		"ServiceToken": "arn", "AdminSecret": "admin", "AppSecret": "app", "Schema": "wallet",
		"Privileges": []any{"SELECT", "INSERT", "UPDATE", "DELETE"},
	}}
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
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WithArgs("wallet_app", "app-pass").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectQuery(findUsers).WithArgs("wallet_app", "wallet_app_clone").WillReturnRows(found("wallet_app"))
	mock.ExpectExec(grant).WithArgs("wallet_app").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectClose()

	id, _, err := h.handle(t.Context(), event(cfn.RequestCreate))

	require.NoError(t, err)
	assert.Equal(t, "wallet-application-user", id)
	assert.Equal(t, []string{"wallet_admin"}, *users)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestAnUpdateAfterRotationServesBothAlternatesAndSetsNoPassword(t *testing.T) {
	h, mock, _ := newHandler(t, cloneSecret)
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WithArgs("wallet_app_clone", "clone-pass").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectQuery(findUsers).WithArgs("wallet_app", "wallet_app_clone").WillReturnRows(found("wallet_app", "wallet_app_clone"))
	mock.ExpectExec(grant).WithArgs("wallet_app").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectExec(grant).WithArgs("wallet_app_clone").WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectClose()
	update := event(cfn.RequestUpdate)
	update.PhysicalResourceID = "given-before"

	id, _, err := h.handle(t.Context(), update)

	require.NoError(t, err)
	assert.Equal(t, "given-before", id, "a new ID would make CloudFormation delete the old resource")
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestDeletionOfTheStackLeavesTheUser(t *testing.T) {
	h, mock, users := newHandler(t, appSecret)
	_, _, err := h.handle(t.Context(), event(cfn.RequestDelete))
	require.NoError(t, err)
	assert.Empty(t, *users)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestARollbackOfARefusedCreationEnds(t *testing.T) {
	h, _, users := newHandler(t, appSecret)
	refused := event(cfn.RequestDelete)
	refused.PhysicalResourceID = "log-stream-of-the-failed-creation"
	refused.ResourceProperties["Schema"] = "not a name"
	id, _, err := h.handle(t.Context(), refused)
	require.NoError(t, err, "the stack would hang in ROLLBACK_FAILED")
	assert.Equal(t, refused.PhysicalResourceID, id)
	assert.Empty(t, *users)
}

func TestAFailureIsTriedAgainFromTheSecretsOn(t *testing.T) {
	h, _, _ := newHandler(t, appSecret)
	h.attempts, h.pause = 3, time.Millisecond
	calls := 0
	h.open = func(walletdb.Credentials) (*sql.DB, error) {
		calls++
		return nil, errors.New("no such host")
	}
	_, _, err := h.handle(t.Context(), event(cfn.RequestCreate))
	require.ErrorContains(t, err, "connect to db.example as wallet_admin: no such host")
	assert.Equal(t, 3, calls)
}

func TestAnEndingFunctionAnswersBeforeItIsStopped(t *testing.T) {
	h, _, _ := newHandler(t, appSecret)
	h.attempts, h.pause = 2, time.Hour
	h.open = func(walletdb.Credentials) (*sql.DB, error) { return nil, errors.New("no such host") }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := h.handle(ctx, event(cfn.RequestCreate))
	require.ErrorIs(t, err, context.Canceled)
}

func TestNoErrorQuotesAPassword(t *testing.T) {
	h, mock, _ := newHandler(t, appSecret)
	mock.ExpectExec(createSchema).WillReturnResult(sqlmock.NewResult(0, 1))
	mock.ExpectExec(createUser).WillReturnError(&mysql.MySQLError{Number: 1064, Message: "near 'app-pass'"})
	_, _, err := h.handle(t.Context(), event(cfn.RequestCreate))
	require.EqualError(t, err, "create the user wallet_app: MySQL error 1064")

	h.secrets = fakeSecrets{"admin": `{"username":"x","password":app-pass`, "app": appSecret}
	_, _, err = h.handle(t.Context(), event(cfn.RequestCreate))
	require.EqualError(t, err, "the administrator's secret: want a JSON object with text fields")
}

func TestAnIncompleteSecretIsRefusedBeforeTheDatabaseIsTouched(t *testing.T) {
	h, mock, users := newHandler(t, `{"username":"wallet_app","password":"app-pass"}`)
	_, _, err := h.handle(t.Context(), event(cfn.RequestCreate))
	require.ErrorContains(t, err, "the application's secret: want username, password, host and port")
	assert.Empty(t, *users)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestWhatCouldEscapeAStatementOrTheLeastPrivilegeIsRefused(t *testing.T) {
	for property, value := range map[string]any{
		"Schema":      "wallet`; DROP DATABASE mysql; --",
		"Privileges":  []any{"SELECT", "ALL PRIVILEGES"},
		"AdminSecret": "",
	} {
		h, _, users := newHandler(t, appSecret)
		bad := event(cfn.RequestCreate)
		bad.ResourceProperties[property] = value
		_, _, err := h.handle(t.Context(), bad)
		require.ErrorContains(t, err, property)
		assert.Empty(t, *users)
	}
}
