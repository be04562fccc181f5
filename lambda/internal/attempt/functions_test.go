package attempt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each function, also the next one: without the two, Lambda kills it in the middle of
// a call, and nobody learns what it was doing.
func TestNoFunctionIsKilledInSilence(t *testing.T) {
	programs, err := filepath.Glob("../../*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, programs)
	for _, program := range programs {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(program), "*.go"))
		require.NoError(t, err)
		var source strings.Builder
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				source.Write(content)
			}
		}
		text := source.String()
		assert.NotContains(t, text, "LoadDefaultConfig(", "%s: a call that is not answered takes all of the function's time", program)
		assert.Contains(t, text, "attempt.Settings(", "%s: a call that is not answered takes all of the function's time", program)
		assert.True(t, strings.Contains(text, "attempt.WithReserve(") || strings.Contains(text, "customresource.Start("),
			"%s: no time is kept to say what happened", program)
	}
}
