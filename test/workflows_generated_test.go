package test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/newenv"
)

func TestTheWorkflowsKnowTheEnvironmentsOfConfig(t *testing.T) {
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	list, lists := regexp.MustCompile(`(?m)^ +(?:environment|options): \[staging, production`), 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		lists += len(list.FindAll(content, -1))
		want, err := newenv.Workflow(string(content), config.All())
		require.NoError(t, err)
		if generates(t) {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
			continue
		}
		assert.Equal(t, want, string(content), "%s: `make update` rewrites it", path)
	}
	assert.Equal(t, 4, lists, "a list of environments is written in a form that `make update` does not find")
}
