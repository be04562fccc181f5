package delivery

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
)

// The SDK's own limits let a dead address cost minutes, with every call.
func TestAnAddressThatIsDeadIsReportedInSeconds(t *testing.T) {
	assert.LessOrEqual(t, client().GetDialer().Timeout, 5*time.Second)
	assert.LessOrEqual(t, client().GetTransport().TLSHandshakeTimeout, 5*time.Second)
	assert.LessOrEqual(t, client().GetTransport().ResponseHeaderTimeout, 30*time.Second)
	assert.LessOrEqual(t, identifyWait, 20*time.Second)

	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	t.Setenv("AWS_ENDPOINT_URL", "http://"+listener.Addr().String())
	begun := time.Now()
	_, err = w.run("", false, func(ctx context.Context, s *Session) error { return s.Status(ctx) })
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "STS GetCallerIdentity: no answer")
	assert.Less(t, time.Since(begun), 10*time.Second)
}
