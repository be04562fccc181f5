package account

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
)

// The SDK's own limits let a dead address cost minutes, with every call.
func TestAnAddressThatIsDeadIsReportedInSeconds(t *testing.T) {
	assert.LessOrEqual(t, client().GetDialer().Timeout, 5*time.Second)
	assert.LessOrEqual(t, client().GetTransport().TLSHandshakeTimeout, 5*time.Second)
	assert.LessOrEqual(t, client().GetTransport().ResponseHeaderTimeout, 30*time.Second)
	assert.LessOrEqual(t, identifyWait, 20*time.Second)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	env := config.Staging()
	opened := New(env, aws.Config{
		Region: env.Primary.Name, HTTPClient: client(), BaseEndpoint: new("http://" + listener.Addr().String()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), RetryMaxAttempts: 1,
	}, false)
	begun := time.Now()
	err = opened.SignIn(t.Context(), console.Console{Out: t.Output()})
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "STS GetCallerIdentity: no answer")
	assert.Less(t, time.Since(begun), 10*time.Second)
}

// Whoever is not signed in has no use for the place that the SDK asked last.
func TestWhoIsNotSignedInIsToldToSignIn(t *testing.T) {
	failing := func(cause error) error {
		opened := New(config.Staging(), aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, &smithy.OperationError{ServiceID: "ec2imds", OperationName: "GetMetadata", Err: cause}
		})}, false)
		return opened.SignIn(t.Context(), console.Console{Out: t.Output()})
	}
	err := failing(errors.New("request to EC2 IMDS failed"))
	assert.EqualError(t, err, "no credentials (request to EC2 IMDS failed): sign in (AWS_PROFILE, aws sso login)")
	assert.Equal(t, exit.Refused, exit.Of(err))
	err = failing(&smithy.GenericAPIError{Code: "ExpiredToken"})
	assert.ErrorContains(t, err, "the credentials have expired or are not valid (ExpiredToken): sign in again")
}

func TestOneCommandOfACheckoutChangesAnEnvironmentAtATime(t *testing.T) {
	checkout := t.TempDir()
	release, err := Lock(checkout, "staging", "deploy")
	require.NoError(t, err)
	_, err = Lock(checkout, "staging", "destroy")
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "another command changes staging from this checkout (deploy, process ")
	other, err := Lock(checkout, "production", "destroy")
	require.NoError(t, err, "another environment")
	other()
	release()
	release, err = Lock(checkout, "staging", "destroy")
	require.NoError(t, err, "the lock ends with the command")
	release()
	require.NoError(t, os.WriteFile(filepath.Join(checkout, "file"), nil, 0o600))
	_, err = Lock(filepath.Join(checkout, "file"), "staging", "deploy")
	assert.Error(t, err)
}
