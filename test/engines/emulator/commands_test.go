package emulator

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/exit"
	"wallet-infra/test/engines"
)

// person runs the delivery commands as somebody in a checkout does, with the built
// binary and the pinned CDK CLI, against an environment's gateway.
type person struct {
	env       config.Environment
	root      string // of a checkout without code: it has what the commands write
	synthesis string // the assembly that `make synth` left
	tools     string // the directory of the pinned CLI
	wallet    string // the binary
	cdk       string // the CDK CLI, which synthesizes what `make synth` left
	process   []string
}

// runWait bounds one command.
const runWait = 10 * time.Minute

// passed are the variables that a command gets beside those of the emulator: one more
// (AWS_ENDPOINT_URL_S3, a profile, a proxy) would send a part of its calls to AWS.
var passed = []string{"PATH", "HOME", "TMPDIR", "USER", "LANG"}

// build builds the command.
func build(t *testing.T) string {
	t.Helper()
	wallet := filepath.Join(t.TempDir(), "wallet")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", wallet, "wallet-infra/cmd/wallet").CombinedOutput()
	require.NoError(t, err, "%s", output)
	return wallet
}

// newPerson is somebody who works on the gateway's environment.
func newPerson(t *testing.T, wallet string, g *gateway) person {
	t.Helper()
	checkout, root := engines.Root(t), t.TempDir()
	p := person{env: g.env, root: root, synthesis: filepath.Join(checkout, "cdk.out"), tools: filepath.Join(checkout, "node_modules", ".bin"),
		wallet: wallet, cdk: filepath.Join(root, "cdk")}
	settings, err := os.ReadFile(filepath.Join(checkout, "cdk.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "cdk.json"), settings, 0o600))
	p.synthesisIs(t, p.synthesis)
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			p.process = append(p.process, name+"="+value)
		}
	}
	p.process = append(p.process, "AWS_ENDPOINT_URL="+g.url, "AWS_ACCESS_KEY_ID="+g.env.Site.Account, "AWS_SECRET_ACCESS_KEY=emulator",
		"AWS_REGION="+g.env.Primary.Name, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true", "CDK_DISABLE_CLI_TELEMETRY=true", "NO_COLOR=1")
	return p
}

// synthesisIs makes an assembly the one that the CLI synthesizes from now on: what it
// would write again, it copies.
func (p person) synthesisIs(t *testing.T, assembly string) {
	t.Helper()
	script := fmt.Sprintf(`#!/bin/sh
PATH=%[1]s:$PATH
if [ "$1" = synth ]; then
  while [ "$1" != --output ]; do shift; done
  mkdir -p "$2" && exec cp -R %[2]s/. "$2"
elif [ "$1" = bootstrap ]; then
  set -- "$@" --app %[2]s
fi
exec %[1]s/cdk "$@"
`, p.tools, assembly)
	require.NoError(t, os.WriteFile(p.cdk, []byte(script), 0o700))
}

// result is how a command ended.
type result struct {
	status exit.Status
	output string
}

// prepare makes a command's process, with what it prints.
func (p person) prepare(ctx context.Context, program string, arguments ...string) (*exec.Cmd, *bytes.Buffer) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Env = p.root, p.process
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	return command, &output
}

// ends runs a command to its end; begun, if not nil, gets its process.
func (p person) ends(t *testing.T, answers string, begun func(*os.Process), program string, arguments ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runWait)
	defer cancel()
	command, output := p.prepare(ctx, program, arguments...)
	command.Stdin = strings.NewReader(answers)
	started := time.Now()
	require.NoError(t, command.Start())
	if begun != nil {
		begun(command.Process)
	}
	_ = command.Wait()
	status := exit.Status(command.ProcessState.ExitCode())
	t.Logf("%s %s: status %d after %.1f s", filepath.Base(program), strings.Join(arguments, " "), status, time.Since(started).Seconds())
	return result{status, output.String()}
}

// must runs a verb that must end in one way.
func (p person) must(t *testing.T, want exit.Status, verb ...string) string {
	t.Helper()
	ended := p.ends(t, "", nil, p.wallet, append([]string{p.env.Name}, verb...)...)
	require.Equal(t, want, ended.status, "%s", tail(ended.output))
	return ended.output
}

// atTerminal runs a verb as somebody does who is asked and answers.
func (p person) atTerminal(t *testing.T, want exit.Status, answers string, verb ...string) string {
	t.Helper()
	script := engines.Find(t, "script", "bsdutils")
	line := strings.Join(append([]string{p.wallet, p.env.Name}, verb...), " ")
	ended := p.ends(t, answers, nil, script, "--quiet", "--return", "--command", line, os.DevNull)
	require.Equal(t, want, ended.status, "%s", tail(ended.output))
	return ended.output
}

// tail are the last lines of what a command printed.
func tail(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
