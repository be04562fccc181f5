package walletdb

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config/authorities"
)

func TestTheServerMustProveItsNameWithACertificateOfTheAuthorities(t *testing.T) {
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(authorities.PEM("sa-east-1"))))
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
