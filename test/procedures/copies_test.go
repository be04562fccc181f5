package procedures

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
)

// After two rotations without a copy the standby's password is dead.
func TestASecretWhoseCopyFailedStopsADeploymentThatIsNotTheRemedy(t *testing.T) {
	w := newWorld(t)
	w.secret = "Failed"
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "the copy of secret physical-password in us-east-1 is Failed (Access to KMS is not allowed): the standby could not sign in")
	assert.Empty(t, w.deployed())
	out, err = w.run("", false, keeps("", deploy.Options{DespiteOutage: true}))
	require.NoError(t, err, out)
	assert.Contains(t, out, "the copy of secret physical-password in us-east-1 is Failed")

	w = newWorld(t)
	w.secret = "InProgress"
	out, err = w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.Contains(t, out, "is being made")
	w.errors["secretsmanager DescribeSecret"] = "AccessDeniedException"
	_, err = w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err), "what cannot be seen is not taken for whole")
}
