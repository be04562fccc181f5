package procedures

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/password"
	"wallet-infra/internal/rollout"
	"wallet-infra/internal/service"
)

func TestAPasswordIsRefusedBesideADeployment(t *testing.T) {
	w := newWorld(t)
	w.deployments = append([]deploymentState{{"1.1.0", "IN_PROGRESS"}}, w.deployments...)
	_, err := w.run("", false, func(ctx context.Context, s session) error {
		return s.ReplacePassword(ctx, password.Options{Of: "cache", Yes: true})
	})
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "a deployment of the service is under way in sa-east-1")
	assert.False(t, w.called("secretsmanager PutSecretValue"))
}

func TestAPasswordIsOfSomethingThatHasOne(t *testing.T) {
	w := newWorld(t)
	_, err := w.run("", false, func(ctx context.Context, s session) error {
		return s.ReplacePassword(ctx, password.Options{Of: "database", Region: "us-west-2", Yes: true})
	})
	assert.ErrorContains(t, err, "want cache or kafka")
	assert.ErrorContains(t, err, "no service in")
	assert.Empty(t, w.calls)
}

// An unchanged template deploys nothing: tasks keep the password that they started with
// until ECS is told to replace them.
func TestTheServiceIsReallyDeployedAgain(t *testing.T) {
	for status, want := range map[string]string{
		"SUCCESSFUL":          "",
		"ROLLBACK_SUCCESSFUL": "ECS's deployment is ROLLBACK_SUCCESSFUL",
		"IN_PROGRESS":         "has not ended in the time of one that ends well",
	} {
		w := newWorld(t)
		w.rollout = &rolloutState{looks: 2, end: status}
		_, err := w.run("", false, func(ctx context.Context, s session) error {
			watch, err := rollout.Begin(ctx, s.Account, s.Env, s.Console, service.Primary(s.Env))
			if err != nil {
				return err
			}
			return watch.Redeploy(ctx)
		})
		assert.True(t, w.forced)
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, want)
	}
}
