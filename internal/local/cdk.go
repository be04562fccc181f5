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

// HowToGetAnEmulator is the line for somebody who has none running.
const HowToGetAnEmulator = "no AWS emulator is named: `pip install ministack==1.5.33 cbor2 && BIND_HOST=127.0.0.1 ministack`" +
	" (github.com/ministackorg/ministack), then AWS_ENDPOINT_URL=http://127.0.0.1:4566 make deploy-local"

// kept are the variables of the process environment that the CDK CLI gets: all
// that begins with AWS_ is set by this package, because one forgotten variable
// (AWS_ENDPOINT_URL_S3, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, a profile) would send
// a part of the calls to AWS, and a proxy would take them all.
var kept = []string{"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "USER", "LANG", "SYSTEMROOT", "GOPATH", "GOCACHE", "GOMODCACHE"}

// processEnvironment is what the CDK CLI runs with against the emulator. The
// access key is the account: emulators tell accounts apart by it.
func processEnvironment(endpoint, account, region string) []string {
	var env []string
	for _, name := range kept {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env,
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_ACCESS_KEY_ID="+account,
		"AWS_SECRET_ACCESS_KEY=emulator",
		"AWS_REGION="+region,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"NO_COLOR=1",
	)
}
