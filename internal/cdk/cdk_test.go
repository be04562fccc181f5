package cdk

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A synthesis that was interrupted once went on with its Node, twenty seconds after the
// command had ended.
func TestAnInterruptedCommandLeavesNothingRunning(t *testing.T) {
	begun, program, err := os.Pipe()
	require.NoError(t, err)
	ctx, interrupt := context.WithCancel(t.Context())
	// A shell lets what it starts in the background ignore SIGINT.
	command := exec.CommandContext(ctx, "sh", "-c", "sleep 600 & echo begun >&3; wait")
	command.ExtraFiles = []*os.File{program}
	go func() {
		_, _ = begun.Read(make([]byte, 5))
		interrupt()
	}()
	assert.Error(t, RunGroup(command))
	require.NoError(t, program.Close())
	require.NoError(t, begun.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = io.ReadAll(begun)
	assert.NoError(t, err, "something still runs and holds the file")
}
