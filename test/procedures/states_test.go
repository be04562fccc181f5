package procedures

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/deploy"
	"wallet-infra/internal/destroy"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// allowedIn are the states from which AWS takes a call, by its API reference
// (docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_NAME.html), and the
// pinned CLI a command (StackStatus.rollbackChoice in its source).
var allowedIn = map[string][]types.StackStatus{
	"continue-update-rollback": {types.StackStatusUpdateRollbackFailed},
	"rollback-stack":           {types.StackStatusCreateFailed, types.StackStatusUpdateFailed},
	"cdk rollback":             {types.StackStatusCreateFailed, types.StackStatusUpdateFailed, types.StackStatusUpdateRollbackFailed},
	// Any state but one at work; --retain-resources is for DELETE_FAILED alone.
	"delete-stack":        {types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusDeleteFailed},
	"--retain-resources":  {types.StackStatusDeleteFailed},
	"--orphan LOGICAL-ID": {types.StackStatusUpdateRollbackFailed},
}

// An advice that AWS refuses is worse than none, in the night.
func TestTheAdviceForAStateIsOneThatAWSTakesInIt(t *testing.T) {
	advice := ""
	for _, state := range types.StackStatus("").Values() {
		known := stacks.Advice(state)
		for call, in := range allowedIn {
			if strings.Contains(known, call) {
				assert.Contains(t, in, state, "%s is advised in %s", call, state)
			}
		}
		advice += known + "\n"
	}
	w := newWorld(t)
	w.stacks["wallet-staging-messaging"].status = "CREATE_FAILED"
	w.replaces = map[string]bool{"messaging": true}
	_, err := w.run("", false, deploying("1.1.0"))
	require.ErrorContains(t, err, "rollback-stack")
	advice += err.Error()
	client := reflect.TypeFor[*cloudformation.Client]()
	commands := regexp.MustCompile(`aws cloudformation ([a-z-]+)([^\n:,]*)`).FindAllStringSubmatch(advice, -1)
	require.NotEmpty(t, commands)
	for _, command := range commands {
		method, found := client.MethodByName(camel(command[1]))
		if !assert.True(t, found, "no such call: %s", command[1]) {
			continue
		}
		input := method.Type.In(2).Elem()
		for _, option := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(command[2], -1) {
			_, known := input.FieldByName(camel(option[1]))
			assert.True(t, known || option[1] == "region", "%s has no --%s", command[1], option[1])
		}
	}
}

// camel is the API's name of an option or command of the AWS CLI.
func camel(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

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
