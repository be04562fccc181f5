package engines

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Process is an engine that runs until its test ends.
type Process struct {
	log     string // file with what it says
	command *exec.Cmd
	ended   chan struct{}
}

// Run starts an engine's program.
func Run(t *testing.T, command *exec.Cmd) *Process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	command.Stdout, command.Stderr = log, log
	require.NoError(t, command.Start())
	p := &Process{log: log.Name(), command: command, ended: make(chan struct{})}
	go func() {
		_ = command.Wait()
		_ = log.Close()
		close(p.ended)
	}()
	t.Cleanup(p.Stop)
	return p
}

// Stop ends the program as its administrator does, and by force after half a minute.
func (p *Process) Stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.Kill()
	}
}

// Kill ends the program as the loss of its machine does.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// Said is what the program wrote.
func (p *Process) Said(t *testing.T) string {
	t.Helper()
	said, err := os.ReadFile(p.log)
	require.NoError(t, err)
	return string(said)
}

// Await returns when the program is ready. It fails when the program ends, or is not
// ready in three minutes, which a busy machine may need.
func (p *Process) Await(t *testing.T, ready func() error) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("%s ended: %v\n%s", p.command.Path, err, p.Said(t))
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready in three minutes: %v\n%s", p.command.Path, err, p.Said(t))
		}
	}
}
