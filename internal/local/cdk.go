package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// CLI runs the CDK CLI with arguments and returns what it printed. It fails when
// the CLI does.
type CLI func(ctx context.Context, arguments ...string) (output string, err error)

// grace is how long an interrupted CLI may take to stop.
const grace = 10 * time.Second

// NewCLI returns the CDK CLI at a path, which sees the emulator and nothing else.
// Everything that it prints goes to the log too.
func NewCLI(path, endpoint, account, region string, log io.Writer) CLI {
	env := processEnvironment(endpoint, account, region)
	return func(ctx context.Context, arguments ...string) (string, error) {
		var output bytes.Buffer
		command := exec.CommandContext(ctx, path, arguments...)
		command.Env = env
		command.Stdout = io.MultiWriter(&output, log)
		command.Stderr = command.Stdout
		command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
		command.WaitDelay = grace
		fmt.Fprintf(log, "\n$ cdk %q\n", arguments)
		if err := command.Run(); err != nil {
			return output.String(), fmt.Errorf("cdk %s: %w\n%s", arguments[0], err, lastLines(output.String(), 15))
		}
		return output.String(), nil
	}
}

// lastLines is the end of a text.
func lastLines(text string, count int) string {
	lines := bytes.Split(bytes.TrimSpace([]byte(text)), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-count):], []byte("\n")))
}
