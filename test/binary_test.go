package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// buildBinary builds the program once for all tests that run it, in the ignored
// build directory: linking takes seconds, and the Go command skips it as long as
// the binary there is up to date.
var buildBinary = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../build/wallet-infra")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, nil
})

// binary returns the path of the real program.
func binary(t *testing.T) string {
	t.Helper()
	path, err := buildBinary()
	require.NoError(t, err)
	return path
}
