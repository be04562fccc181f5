package attempt

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFailureThatMayPassIsToldFromARefusal(t *testing.T) {
	for err, want := range map[error]bool{
		&smithy.GenericAPIError{Code: "ThrottlingException"}:                             true,
		&smithy.GenericAPIError{Code: "AccessDeniedException"}:                           true, // a fresh permission
		&smithy.GenericAPIError{Code: "InternalServiceError", Fault: smithy.FaultServer}: true,
		&net.DNSError{Err: "no such host"}:                                               true, // a new cluster's name
		&net.OpError{Op: "dial", Err: errors.New("refused")}:                             true,
		fmt.Errorf("read: %w", driver.ErrBadConn):                                        true,
		Again(errors.New("not yet")):                                                     true,
		fmt.Errorf("later: %w", Again(errors.New("not yet"))):                            true,
		&smithy.GenericAPIError{Code: "ResourceNotFoundException"}:                       false,
		&smithy.GenericAPIError{Code: "InvalidParameterException"}:                       false,
		x509.UnknownAuthorityError{}:                                                     false,
		errors.New("want a JSON object"):                                                 false,
	} {
		assert.Equalf(t, want, Passing(err), "%v", err)
	}
}

func TestWhatMayPassIsTriedUntilTheTimeIsUpAndARefusalOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
		defer cancel()
		calls := 0
		err := Until(ctx, 10*time.Second, func(context.Context) error {
			calls++
			return Again(errors.New("no such host"))
		})
		require.EqualError(t, err, "no such host (the time for it is up)")
		assert.Equal(t, 6, calls)

		calls = 0
		refused := errors.New("refused")
		require.Equal(t, refused, Until(t.Context(), time.Hour, func(context.Context) error { calls++; return refused }))
		assert.Equal(t, 1, calls)
	})
}

func TestTheReasonIsTheFailureAndNotTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		first := true
		err := Until(ctx, 10*time.Second, func(ctx context.Context) error {
			if first {
				first = false
				return Again(errors.New("no such host"))
			}
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorContains(t, err, "no such host")
	})
}

func TestAFunctionSaysWhatHappenedBeforeLambdaKillsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		killed, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx, end := WithReserve(killed, 10*time.Second)
		defer end()
		<-ctx.Done()
		require.NoError(t, killed.Err())
		deadline, _ := killed.Deadline()
		assert.Equal(t, 10*time.Second, time.Until(deadline))
	})
	ctx, end := WithReserve(t.Context(), time.Hour)
	defer end()
	assert.NoError(t, ctx.Err(), "without a deadline there is nothing to keep a reserve of")
}

func TestACallThatIsNotAnsweredEnds(t *testing.T) {
	settings, err := Settings(t.Context())
	require.NoError(t, err)
	client, bounded := settings.HTTPClient.(interface{ GetTimeout() time.Duration })
	require.True(t, bounded, "the SDK waits for an answer as long as the connection stands")
	assert.Equal(t, perTry, client.GetTimeout())
	assert.Equal(t, tries, settings.Retryer().MaxAttempts())
	delay, err := settings.Retryer().RetryDelay(tries, errors.New("x"))
	require.NoError(t, err)
	assert.LessOrEqual(t, delay, longestGap)
}
