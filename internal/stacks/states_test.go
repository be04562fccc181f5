package stacks

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
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
