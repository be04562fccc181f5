package delivery

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"wallet-infra/internal/progress"
)

// CDK is the CDK CLI.
type CDK struct {
	// Path is the program; Dir the repository's root, in which it runs.
	Path, Dir string
	// Out takes what it prints.
	Out io.Writer
}

// stopping is how long an interrupted CLI may take to end.
const stopping = 20 * time.Second

// run runs one CLI command. An interruption is passed on; the CLI then ends and
// CloudFormation goes on by itself.
func (c CDK) run(ctx context.Context, arguments ...string) error {
	defer progress.Doing(ctx, "cdk %s", strings.Join(arguments[:min(2, len(arguments))], " "))()
	command := exec.CommandContext(ctx, c.Path, arguments...)
	command.Dir = c.Dir
	command.Stdout, command.Stderr = c.Out, c.Out
	// The pinned Node beside the CLI comes first. The CLI gets no input: what it
	// would ask has been asked.
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(c.Path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = stopping
	if err := command.Run(); err != nil {
		return fmt.Errorf("cdk %s: %w", arguments[0], err)
	}
	return nil
}

// present fails where the CLI is not installed.
func (c CDK) present() error {
	if _, err := exec.LookPath(c.Path); err != nil {
		return fmt.Errorf("the CDK CLI is not at %s: run `make synth` in the repository, which installs it", c.Path)
	}
	return nil
}
