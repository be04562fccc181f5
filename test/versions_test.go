package test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cdk-preflight judges with the engine of npm's CDK library, and the templates come
// from Go's: two versions would be two judges.
func TestTheLibraryThatJudgesTheTemplatesIsTheOneThatMakesThem(t *testing.T) {
	content, err := os.ReadFile("../package.json")
	require.NoError(t, err)
	var npm struct{ DevDependencies map[string]string }
	require.NoError(t, json.Unmarshal(content, &npm))
	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	for goName, npmName := range map[string]string{
		"github.com/aws/aws-cdk-go/awscdk/v2":         "aws-cdk-lib",
		"github.com/aws/constructs-go/constructs/v10": "constructs",
	} {
		require.NotEmpty(t, npm.DevDependencies[npmName], npmName)
		assert.Containsf(t, string(module), "\t"+goName+" v"+npm.DevDependencies[npmName]+"\n", "package.json has another version of %s than go.mod", npmName)
	}
}
