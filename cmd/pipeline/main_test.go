package main

import (
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cli"
)

func run(out io.Writer, arguments ...string) error {
	command := newCommand()
	command.SetOut(out)
	return cli.Execute(context.Background(), command, arguments)
}

// printed runs the command and returns its lines.
func printed(t *testing.T, arguments ...string) map[string]string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(&out, arguments...))
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		lines[key] = value
	}
	return lines
}

// An output that nobody prints is an empty text in the workflow, not an error.
func TestEveryFactThatAWorkflowReadsIsPrinted(t *testing.T) {
	facts := printed(t, "--env", "production", "--task", "deploy")
	action, err := os.ReadFile("../../.github/actions/sign-in/action.yml")
	require.NoError(t, err)
	read := regexp.MustCompile(`steps\.facts\.outputs\.(\w+)`).FindAllStringSubmatch(string(action), -1)
	require.NotEmpty(t, read)
	for _, match := range read {
		assert.NotEmpty(t, facts[match[1]], match[1])
	}
	env := config.Production()
	assert.Equal(t, env.Names().PipelineRoleARN(config.PipelineDeploy), facts["role"])
	assert.Equal(t, "14400", facts["session"], "as long as a deployment may take")
	assert.Equal(t, "3600", printed(t, "--env", "production", "--task", "plan")["session"])
	assert.Equal(t, "linux/amd64", facts["platform"])
}

func TestATagOrATaskThatIsNoneIsRefused(t *testing.T) {
	for _, arguments := range [][]string{
		{"--env", "staging", "--task", "administrator"},
		{"--env", "staging", "--image-tag", "latest"},
		{"--env", "staging", "--image-tag", "1.0\nrole=other"},
		{"--env", "elsewhere"},
		{},
	} {
		assert.Error(t, run(&strings.Builder{}, arguments...), arguments)
	}
	assert.Equal(t, "2.0.0", printed(t, "--env", "staging", "--image-tag", "2.0.0")["image_tag"])
}

func TestTheEnvironmentsAreListed(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, "--list"))
	var want strings.Builder
	for _, env := range config.All() {
		want.WriteString(env.Name + "\n")
	}
	assert.Equal(t, want.String(), out.String())
}
