package stacks

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A state that nobody thought of would be met in the middle of a deployment.
func TestEveryStackStateHasAVerdict(t *testing.T) {
	for _, state := range types.StackStatus("").Values() {
		known, found := states[state]
		if assert.True(t, found, "%s", state) && known.verdict == Refuse {
			assert.NotEmpty(t, known.advice, "%s", state)
		}
		if strings.HasSuffix(string(state), "_IN_PROGRESS") && state != types.StackStatusReviewInProgress {
			assert.Equal(t, Wait, known.verdict, "%s", state)
		}
	}
}

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
		known := states[state].advice
		for call, in := range allowedIn {
			if strings.Contains(known, call) {
				assert.Contains(t, in, state, "%s is advised in %s", call, state)
			}
		}
		advice += known + "\n"
	}
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
