package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/walletdb"
)

// secrets answers with the content, or with nothing.
type secrets string

func (s secrets) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	if *in.SecretId != "arn" || s == "" {
		return nil, errors.New("no such secret")
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: new(string(s))}, nil
}

// run measures a database that gives one answer, rows or a failure, after the other and
// the last one for ever. It returns what was written, and as whom where it logged in.
func run(t *testing.T, content secrets, answers ...any) (written string, logins []string, err error) {
	t.Helper()
	var out bytes.Buffer
	h := handler{
		secrets: content,
		open: func(user walletdb.Credentials) (*sql.DB, error) {
			db, mock, err := sqlmock.New(sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
			switch answer := answers[min(len(logins), len(answers)-1)].(type) {
			case *sqlmock.Rows:
				mock.ExpectQuery(asked).WillReturnRows(answer)
			case error:
				mock.ExpectQuery(asked).WillReturnError(answer)
			}
			mock.ExpectClose()
			logins = append(logins, user.Username+"@"+user.Host)
			return db, err
		},
		secret: "arn", host: "here.example", table: "wallet.outbox_events", pause: time.Millisecond,
		metrics: metrics{namespace: "Wallet", environment: "test", rows: "Rows", age: "Age"},
		now:     func() time.Time { return time.UnixMilli(1_000) },
		out:     &out,
	}
	ctx, cancel := context.WithTimeout(t.Context(), reserve+50*time.Millisecond)
	defer cancel()
	err = h.handle(ctx)
	return out.String(), logins, err
}

const content = `{"username":"reader","password":"hidden","host":"first.example","port":3306}`

var asked = fmt.Sprintf(query, "wallet.outbox_events")

func answer(rows int, microseconds any) *sqlmock.Rows {
	return sqlmock.NewRows([]string{"rows", "age"}).AddRow(rows, microseconds)
}

// The members are those of "Specification: Embedded metric format" (CloudWatch user
// guide).
func TestAMeasurementIsOneLineOfWhichCloudWatchMakesMetrics(t *testing.T) {
	written, logins, err := run(t, content, answer(30_000, int64(90_500_000)))
	require.NoError(t, err)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(written), &line))
	assert.Equal(t, map[string]any{
		"_aws": map[string]any{
			"Timestamp": 1000.0,
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace": "Wallet", "Dimensions": []any{[]any{"Environment"}},
				"Metrics": []any{map[string]any{"Name": "Rows", "Unit": "Count"}, map[string]any{"Name": "Age", "Unit": "Seconds"}},
			}},
		},
		"Environment": "test", "Rows": 30_000.0, "Age": 90.5,
	}, line)
	assert.Equal(t, []string{"reader@here.example"}, logins, "the secret's replica names the other region's database")
}

func TestAnEmptyOutboxIsZero(t *testing.T) {
	for name, age := range map[string]any{"empty": nil, "written by a clock ahead": int64(-5)} {
		written, _, err := run(t, content, answer(0, age))
		require.NoError(t, err, name)
		assert.Contains(t, written, `"Age":0,`, name)
	}
}

func TestAFailedMeasurementWritesNothing(t *testing.T) {
	for want, test := range map[string]struct {
		content secrets
		failure error
	}{
		"the secret of the user: cannot be read":                     {"", nil},
		"want a JSON object":                                         {`{"password":hidden}`, nil},
		"at here.example as reader: MySQL error 1146":                {content, &mysql.MySQLError{Number: 1146}}, // no such table
		"at here.example as reader: MySQL error 1142":                {content, &mysql.MySQLError{Number: 1142}}, // no right to it
		"at here.example as reader: MySQL error 3024":                {content, &mysql.MySQLError{Number: 3024}}, // its time was up
		"MySQL error 1045 (the time for it is up)":                   {content, &mysql.MySQLError{Number: 1045}}, // an old password
		"connection refused (the time for it is up)":                 {content, &net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		"read wallet.outbox_events at here.example as reader: other": {content, errors.New("other")},
	} {
		written, _, err := run(t, test.content, test.failure)
		require.ErrorContains(t, err, "the outbox is not measured: ")
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hidden", "the password")
		assert.Empty(t, written, "%s: a failure was measured", want)
	}
}

func TestWhatPassesIsTriedAgainWithThePasswordOfTheMoment(t *testing.T) {
	for name, failure := range map[string]error{
		"a rotation": &mysql.MySQLError{Number: 1045},
		"a failover": &net.OpError{Op: "read", Err: errors.New("connection reset by peer")},
	} {
		written, logins, err := run(t, content, failure, answer(1, int64(1)))
		require.NoError(t, err, name)
		assert.Len(t, logins, 2, name)
		assert.Contains(t, written, `"Rows":1`, name)
	}
}
