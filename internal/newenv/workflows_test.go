package newenv

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"wallet-infra/config"
)

// withEnvironments is a workflow for some environments.
func withEnvironments(t *testing.T, content string, environments []config.Environment) string {
	t.Helper()
	text, err := Workflow(content, environments)
	require.NoError(t, err)
	return text
}

// What is true of staging's and of production's jobs is true of their copies.
func TestAFurtherEnvironmentIsDeployedAsCarefullyAsItsLike(t *testing.T) {
	content, err := os.ReadFile("../../.github/workflows/main.yml")
	require.NoError(t, err)
	two := []config.Environment{{Name: "staging"}, {Name: "production", Protected: true}}
	four := slices.Concat(two, []config.Environment{{Name: "sandbox"}, {Name: "bank", Protected: true}})
	text := withEnvironments(t, string(content), four)
	assert.Equal(t, text, withEnvironments(t, text, four), "a second `make update` writes something else")
	assert.Equal(t, withEnvironments(t, string(content), two), withEnvironments(t, text, two), "an environment that is gone leaves its jobs behind")
	var w struct {
		Jobs map[string]struct {
			Needs, Environment string
			Concurrency        struct{ Group string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	assert.Equal(t, "sandbox", w.Jobs["sandbox"].Environment)
	assert.Equal(t, "deploy-sandbox", w.Jobs["sandbox"].Concurrency.Group)
	assert.Equal(t, "check", w.Jobs["sandbox"].Needs)
	assert.Equal(t, "staging", w.Jobs["review-bank"].Needs)
	assert.Equal(t, "review-bank", w.Jobs["bank"].Needs)
	assert.Equal(t, "bank", w.Jobs["bank"].Environment, "nobody approves")
	copies := jobTexts(text)
	for name, like := range map[string]string{"sandbox": "staging", "bank": "production", "review-bank": "production"} {
		assert.NotContains(t, strings.ReplaceAll(copies[name], "needs: staging", ""), like, "%s acts on %s", name, like)
	}
}
