package procedures

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/deploy"
	"wallet-infra/internal/destroy"
	"wallet-infra/internal/exit"
)

// A review of a new stack leaves it in REVIEW_IN_PROGRESS, where nothing stands yet.
func TestAStackOfWhichOnlyAChangeSetWasMadeIsAFirstCreation(t *testing.T) {
	w := newWorld(t)
	w.stacks["wallet-staging-messaging"] = &stackState{status: "REVIEW_IN_PROGRESS", outputs: map[string]string{}, sets: map[string]*setState{}}
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	for _, arguments := range w.cdk {
		if arguments[0] == "deploy" {
			assert.Equal(t, arguments[1] == "Staging/Messaging", slices.Contains(arguments, "--no-rollback"), arguments[1])
		}
	}
}

func TestAReviewedFirstCreationKeepsWhatStandsWhenItFails(t *testing.T) {
	w := newWorld(t)
	delete(w.stacks, "wallet-staging-observability")
	path := prepared(t, w, "Observability will change")
	w.cdk = nil
	out, err := w.run("", false, execute(path))
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Compute", "Observability"}, w.deployed())
	for _, arguments := range w.cdk {
		assert.Equal(t, arguments[1] == "Staging/Observability", slices.Contains(arguments, "--no-rollback"), arguments[1])
	}
}

func TestAFirstCreationThatNeedsAReplacementSaysWhatWorks(t *testing.T) {
	_ = cloudformation.RollbackStackInput{RetainExceptOnCreate: new(true)} // the call that is advised
	for _, state := range []string{"CREATE_FAILED", "UPDATE_FAILED"} {
		w := newWorld(t)
		w.stacks["wallet-staging-messaging"].status = state
		w.replaces = map[string]bool{"messaging": true}
		out, err := w.run("", false, deploying("1.1.0"))
		assert.Equal(t, exit.Failed, exit.Of(err), out)
		assert.Contains(t, out, "would be replaced:\n  - AWS::ECS::TaskDefinition Kafka")
		assert.ErrorContains(t, err, "aws cloudformation rollback-stack --retain-except-on-create --region sa-east-1 --stack-name wallet-staging-messaging")
		assert.NotContains(t, err.Error(), "it goes on from there", "the same command alone would stop again")
	}
	// Another failure in the same state is none of a replacement.
	w := newWorld(t)
	w.stacks["wallet-staging-messaging"].status = "CREATE_FAILED"
	w.onCDK = func(arguments []string) int { return map[bool]int{true: 1}[arguments[1] == "Staging/Messaging"] }
	_, err := w.run("", false, deploying("1.1.0"))
	assert.ErrorContains(t, err, "run the same command: it goes on from there")
}

// The CLI deletes such a stack as soon as it is asked for a change set.
func TestAReviewDeletesNoStack(t *testing.T) {
	w := newWorld(t)
	w.stacks["wallet-staging-observability"].status = "ROLLBACK_COMPLETE"
	w.stacks["wallet-staging-observability"].resources = nil
	_, err := w.run("", false, func(ctx context.Context, s session) error { return s.Prepare(ctx, "r1", deploy.Options{}) })
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "wallet-staging-observability is ROLLBACK_COMPLETE")
	assert.Empty(t, w.deployed())
}

func TestAStackThatHoldsNothingYetIsRemovedToo(t *testing.T) {
	w := newWorld(t)
	w.stacks["wallet-staging-observability"] = &stackState{status: "REVIEW_IN_PROGRESS"}
	out, err := w.run("", false, destroying(destroy.Options{Yes: true, Stacks: []string{"observability"}}))
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Observability"}, w.deployed())
}
