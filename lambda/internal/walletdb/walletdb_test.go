package walletdb

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config/cabundle"
	"wallet-infra/lambda/internal/attempt"
)

func TestTheServerMustProveItsNameWithACertificateOfTheAuthorities(t *testing.T) {
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(cabundle.PEM("sa-east-1"))))
	settings := connection(Credentials{Username: "u", Password: "p", Host: "db.example", Port: "3306"}, roots)
	assert.Equal(t, "db.example:3306", settings.Addr)
	assert.False(t, settings.TLS.InsecureSkipVerify)
	assert.GreaterOrEqual(t, settings.TLS.MinVersion, uint16(tls.VersionTLS12), "outdated ciphers are accepted")
	assert.Equal(t, "db.example", settings.TLS.ServerName)
	assert.True(t, settings.TLS.RootCAs.Equal(roots))
	assert.True(t, settings.InterpolateParams, "the server prepares no statement that names a user")
}

func TestADatabaseThatDoesNotAnswerDoesNotHoldTheFunction(t *testing.T) {
	settings := connection(Credentials{Username: "u", Password: "p", Host: "db.example", Port: "3306"}, x509.NewCertPool())
	for name, limit := range map[string]time.Duration{"connect": settings.Timeout, "read": settings.ReadTimeout, "write": settings.WriteTimeout} {
		assert.Positivef(t, limit, "%s", name)
		assert.LessOrEqualf(t, limit, 15*time.Second, "%s", name)
	}
}

func TestARegionWithoutCertificatesIsRefusedRatherThanTrusted(t *testing.T) {
	_, err := NewOpener("eu-west-9")
	require.ErrorContains(t, err, `"eu-west-9"`)
	open, err := NewOpener("sa-east-1")
	require.NoError(t, err)
	db, err := open(Credentials{Username: "u", Password: "p", Host: "db.example", Port: "3306"})
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestAlternatesAreTheSameFromEitherSide(t *testing.T) {
	for _, user := range []string{"wallet_app", "wallet_app_clone"} {
		base, clone := Alternates(user)
		assert.Equal(t, []string{"wallet_app", "wallet_app_clone"}, []string{base, clone})
	}
}

func TestAnUnreadableSecretIsNotQuoted(t *testing.T) {
	_, err := Parse(&secretsmanager.GetSecretValueOutput{SecretString: new(`{"username":"x","password":hidden`)})
	require.EqualError(t, err, "want a JSON object with text fields")
	require.EqualError(t, WithoutText(&mysql.MySQLError{Number: 1064, Message: "near 'hidden'"}), "MySQL error 1064")
}

func TestARefusalThatMayPassIsToldFromAWrongStatement(t *testing.T) {
	for number, want := range map[uint16]bool{
		1045: true,  // while a rotation replaces the password
		1290: true,  // while a cluster's name still leads to the former writer
		1213: true,  // a deadlock
		1064: false, // a syntax error
		1044: false, // a right that the administrator lacks
	} {
		err := fmt.Errorf("grant: %w", WithoutText(&mysql.MySQLError{Number: number, Message: "near 'secret'"}))
		assert.Equalf(t, want, attempt.Passing(err), "%v", err)
		assert.NotContains(t, err.Error(), "secret")
	}
	assert.True(t, attempt.Passing(WithoutText(mysql.ErrInvalidConn)), "a connection that broke")
}

func TestAReaderIsNoWriter(t *testing.T) {
	for value, refused := range map[int]bool{0: false, 1: true} {
		db, mock, err := sqlmock.New()
		require.NoError(t, err)
		mock.ExpectQuery("SELECT @@innodb_read_only").WillReturnRows(sqlmock.NewRows([]string{"v"}).AddRow(value))
		err = Writer(t.Context(), db, "db.example")
		assert.Equal(t, refused, errors.As(err, new(ReadOnly)))
	}
	db, mock, err := sqlmock.New()
	require.NoError(t, err)
	mock.ExpectQuery("SELECT @@innodb_read_only").WillReturnError(&mysql.MySQLError{Number: 1193})
	err = Writer(t.Context(), db, "db.example")
	require.EqualError(t, err, "ask db.example whether it writes: MySQL error 1193")
	assert.NotErrorAs(t, err, new(ReadOnly), "unknown is not refused")
}
