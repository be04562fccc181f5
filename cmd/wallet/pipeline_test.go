package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// printed runs the command and returns its lines.
func printed(t *testing.T, arguments ...string) map[string]string {
	t.Helper()
	out, err := call("", false, arguments...)
	require.NoError(t, err)
	lines := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		lines[key] = value
	}
	return lines
}

// An output that nobody prints is an empty text in the workflow, not an error.
func TestEveryFactThatAWorkflowReadsIsPrinted(t *testing.T) {
	facts := printed(t, "production", "pipeline", "--task", "deploy")
	action, err := os.ReadFile("../../.github/actions/sign-in/action.yml")
	require.NoError(t, err)
	read := regexp.MustCompile(`steps\.facts\.outputs\.(\w+)`).FindAllStringSubmatch(string(action), -1)
	require.NotEmpty(t, read)
	for _, match := range read {
		assert.NotEmpty(t, facts[match[1]], match[1])
	}
	var object map[string]string
	out, err := call("", false, "production", "pipeline", "--json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(out), &object))
	assert.Equal(t, facts, object, "without a task it is the deployment's")
	env := config.Production()
	assert.Equal(t, env.Names().PipelineRoleARN(config.PipelineDeploy), facts["role"])
	assert.Equal(t, "14400", facts["session"], "as long as a deployment may take")
	assert.Equal(t, "3600", printed(t, "production", "pipeline", "--task", "plan")["session"])
	assert.Equal(t, "linux/amd64", facts["platform"])
}

func TestATagOrATaskThatIsNoneIsRefused(t *testing.T) {
	_, err := call("", false, "staging", "pipeline", "--image-tag", "1.0\nrole=other")
	assert.Error(t, err)
	assert.Equal(t, "2.0.0", printed(t, "staging", "pipeline", "--image-tag", "2.0.0")["image_tag"])
}
