// Package cdk runs the CDK CLI, and keeps what it synthesizes: one assembly, from
// which everything of a command is read and deployed.
package cdk

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"wallet-infra/internal/progress"
)

// CLI is the CDK CLI in a checkout.
type CLI struct {
	// Dir is the repository's root.
	Dir string
	// Run runs one command. An interruption is passed on; the CLI then ends and
	// CloudFormation goes on by itself.
	Run func(ctx context.Context, arguments ...string) error
}

// New is the CLI that is installed at path and prints to out.
func New(path, dir string, out io.Writer) CLI {
	return CLI{Dir: dir, Run: program{path, dir, out}.run}
}

// program is the CLI as a process.
type program struct {
	path, dir string
	out       io.Writer
}

// stopping is how long an interrupted command may take to end.
const stopping = 20 * time.Second

func (p program) run(ctx context.Context, arguments ...string) error {
	if _, err := exec.LookPath(p.path); err != nil {
		return fmt.Errorf("the CDK CLI is not at %s: run `make synth` in the repository, which installs it", p.path)
	}
	defer progress.Doing(ctx, "cdk %s", strings.Join(arguments[:min(2, len(arguments))], " "))()
	command := exec.CommandContext(ctx, p.path, arguments...)
	command.Dir = p.dir
	command.Stdout, command.Stderr = p.out, p.out
	// The pinned Node beside the CLI comes first. The CLI gets no input: what it
	// would ask has been asked.
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(p.path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := RunGroup(command); err != nil {
		return fmt.Errorf("cdk %s: %w", arguments[0], err)
	}
	return nil
}

// RunGroup runs a command whose context ends it together with all that it started: the
// app that the CLI runs, and that one's Node, would go on without it.
func RunGroup(command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	signal := func(number syscall.Signal) error { return syscall.Kill(-command.Process.Pid, number) }
	command.Cancel = func() error { return signal(syscall.SIGINT) }
	command.WaitDelay = stopping
	err := command.Run()
	if err != nil && command.Process != nil {
		_ = signal(syscall.SIGKILL) // what did not end by itself; mostly nothing
	}
	return err
}
