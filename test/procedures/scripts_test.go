package procedures

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/destroy"
	"wallet-infra/internal/exit"
)

// scripts are the doors of the wallet command, by its verbs.
var scripts = []string{"deploy", "destroy", "migrate", "password", "restore", "rollback", "status"}

// script runs one of the scripts, from another directory, and returns its output
// and its exit status.
func script(t *testing.T, name string, arguments ...string) (string, exit.Status) {
	t.Helper()
	return runScript(t, scriptPath(t, name), arguments...)
}

func runScript(t *testing.T, path string, arguments ...string) (string, exit.Status) {
	t.Helper()
	command := exec.Command(path, arguments...)
	command.Dir = t.TempDir()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		require.NoError(t, err)
	}
	return out.String(), exit.Status(command.ProcessState.ExitCode())
}

func scriptPath(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../scripts/" + name + ".sh")
	require.NoError(t, err)
	return path
}

func cdkPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("testdata/cdk.sh")
	require.NoError(t, err)
	return path
}

// built builds the program as the scripts do, once for all tests.
var built = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("make", "--no-print-directory", "--silent", "--directory", "../..", "build/wallet").CombinedOutput()
})

// writeProgram writes a shell script that can be executed.
func writeProgram(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
}

// withProgram builds the program and then puts a `make` into the scripts' way that
// does nothing: to look for what has to be built anew takes long, and was done.
func withProgram(t *testing.T) {
	t.Helper()
	output, err := built()
	require.NoError(t, err, "%s", output)
	dir := t.TempDir()
	writeProgram(t, filepath.Join(dir, "make"), ":")
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// A script that does not build the program runs an old one, or none; and what it
// does not pass on is lost.
func TestEachScriptBuildsTheProgramAndPassesEverythingOn(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	program := filepath.Join(root, "build", "wallet")
	tools := t.TempDir()
	// The program is there only after `make`, and ends with a status of its own.
	writeProgram(t, filepath.Join(tools, "wallet"), `printf '<%s>' "$@"; exit 42`)
	writeProgram(t, filepath.Join(tools, "make"), fmt.Sprintf(`[ "$*" = "--no-print-directory --silent --directory %s build/wallet" ] && mkdir -p '%s' && cp '%s/wallet' '%s'`, root, filepath.Dir(program), tools, program))
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range scripts {
		content, err := os.ReadFile(scriptPath(t, name))
		require.NoError(t, err)
		copied := filepath.Join(root, "scripts", name+".sh")
		require.NoError(t, os.MkdirAll(filepath.Dir(copied), 0o700))
		require.NoError(t, os.WriteFile(copied, content, 0o700))
		runs, err := os.ReadFile(scriptPath(t, "wallet"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "scripts", "wallet.sh"), runs, 0o700))
		_ = os.Remove(program)
		out, status := runScript(t, copied, "staging", "--an option", "")
		assert.Equal(t, exit.Status(42), status, out)
		assert.Equal(t, "<--root><"+root+"><staging><"+name+"><--an option><>", out)
		out, _ = runScript(t, copied, "--help")
		assert.Equal(t, "<--root><"+root+"><ENV><"+name+"><--help>", out)
	}
}

// The whole way: the script, the program, its clients, and the CLI.
func TestTheScriptsPassOnTheirStatusAndPrintNoSecret(t *testing.T) {
	w := newWorld(t)
	withProgram(t)
	out, status := script(t, "deploy", "--help")
	assert.Equal(t, exit.Done, status, out)
	assert.Contains(t, out, "Exit status:")
	_, status = script(t, "destroy", "nowhere")
	assert.Equal(t, exit.Refused, status)

	out, status = script(t, "deploy", "staging", "--cdk", cdkPath(t), "--yes")
	assert.Equal(t, exit.Done, status, out)
	assert.Len(t, w.deployed(), 7)
	assert.True(t, strings.HasSuffix(out, "\nNext: go tool wallet staging status\n"), "the next step stands last: %s", out)
	assert.NotContains(t, out, "must-not-be-printed")
	assert.NotContains(t, out, "role-secret")

	w.arrange(func() { w.task.exit, w.task.polls = int(exit.SchemaTooNew), 0 }) // the program would wait in truth between two looks
	out, status = script(t, "migrate", "staging", "--yes")
	assert.Equal(t, exit.SchemaTooNew, status, out)

	out, status = script(t, "deploy", "staging", "--cdk", cdkPath(t)) // no terminal
	assert.Equal(t, exit.Refused, status)
	assert.Contains(t, out, "add --yes")

	out, status = script(t, "status", "staging", "--json")
	assert.Equal(t, exit.Done, status, out)
	var report struct {
		Status  string
		Service struct {
			Colour      string
			Deployments []struct{ Tag, Status string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report), "something beside the JSON: %s", out)
	assert.Equal(t, "blue", report.Service.Colour)
	assert.NotEmpty(t, report.Service.Deployments)

	w.arrange(func() { w.errors["sts GetCallerIdentity"] = "ExpiredToken" })
	out, status = script(t, "status", "staging")
	assert.Equal(t, exit.Refused, status)
	assert.Contains(t, out, "the credentials have expired")
}

// A pipeline that is cancelled sends SIGTERM to the script, or to the Go command.
func TestASignalReachesTheCLI(t *testing.T) {
	for name, words := range map[string][]string{
		"through the script": {scriptPath(t, "deploy"), "staging"}, "through go tool": {"go", "tool", "wallet", "staging", "deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			withProgram(t)
			hang := make(chan struct{})
			w.arrange(func() { w.hang = hang })
			command := exec.Command(words[0], append(words[1:], "--cdk", cdkPath(t), "--yes")...)
			var out syncBuffer
			command.Stdout, command.Stderr = &out, &out
			require.NoError(t, command.Start())
			select {
			case <-hang:
			case <-time.After(time.Minute):
				_ = command.Process.Kill()
				t.Fatalf("the deployment never began: %s", out.String())
			}
			require.NoError(t, command.Process.Signal(syscall.SIGTERM))
			_ = command.Wait()
			assert.Equal(t, exit.Interrupted, exit.Status(command.ProcessState.ExitCode()), out.String())
			assert.Contains(t, out.String(), "The same command goes on from there")
		})
	}
}

func TestTheScriptsAreValidBash(t *testing.T) {
	paths, err := filepath.Glob("../../scripts/*.sh")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), len(scripts))
	for _, path := range paths {
		output, err := exec.Command("bash", "-n", path).CombinedOutput()
		assert.NoError(t, err, "%s: %s", path, output)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		if lines := strings.Count(string(content), "\n"); lines > 2 { // a door does nothing after which it could go on
			assert.Contains(t, string(content), "\nset -euo pipefail\n", path)
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o111, "%s can be executed", path)
	}
}

// cliOption is an option of the CDK CLI, and cliOptions are those of one command.
type (
	cliOption struct {
		Type    string
		Alias   any // one, or a list
		Choices []string
	}
	cliOptions map[string]cliOption
)

// pinnedCLI is what the pinned CLI's own parser is made from: the options of all
// commands, and of each.
func pinnedCLI(t *testing.T) (options cliOptions, commands map[string]struct{ Options cliOptions }) {
	t.Helper()
	content, err := os.ReadFile("../../node_modules/aws-cdk/lib/cli/cli-type-registry.json")
	require.NoError(t, err, "make synth installs the CLI")
	var registry struct {
		GlobalOptions cliOptions
		Commands      map[string]struct{ Options cliOptions }
	}
	require.NoError(t, json.Unmarshal(content, &registry))
	return registry.GlobalOptions, registry.Commands
}

// The CLI ignores an option that it does not know, and says so only in passing.
func TestThePinnedCLIKnowsEveryOptionThatIsPassed(t *testing.T) {
	w := newWorld(t)
	prepared(t, w)
	for _, command := range []func(context.Context, session) error{deploying("1.1.0"), destroying(destroy.Options{Yes: true})} {
		out, err := w.run("", false, command)
		require.NoError(t, err, out)
	}
	w.stacks = map[string]*stackState{}
	_, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err)
	shared, commands := pinnedCLI(t)
	used := map[string]bool{}
	for _, arguments := range w.cdk {
		require.Contains(t, commands, arguments[0])
		used[arguments[0]] = true
		known := maps.Clone(shared)
		maps.Copy(known, commands[arguments[0]].Options)
		for _, argument := range arguments[1:] {
			name, value, given := strings.Cut(argument, "=")
			if strings.HasPrefix(name, "--") {
				option, found := known[strings.TrimPrefix(strings.Replace(name, "--no-rollback", "--rollback", 1), "--")]
				assert.True(t, found, "cdk %s does not know %s", arguments[0], name)
				assert.True(t, !given || len(option.Choices) == 0 || slices.Contains(option.Choices, value), "cdk %s does not know %s", arguments[0], argument)
			}
			if short, isShort := strings.CutPrefix(argument, "-"); isShort && !strings.HasPrefix(short, "-") {
				assert.Equal(t, "c", short)
				assert.Equal(t, "c", known["context"].Alias)
			}
		}
	}
	assert.Subset(t, slices.Collect(maps.Keys(used)), []string{"synth", "diff", "deploy", "destroy"})
}

// An administrator's mistake must not deploy whom an account trusts.
func TestTheIdentityScriptTakesOnlyWhatItKnows(t *testing.T) {
	dir := t.TempDir()
	writeProgram(t, filepath.Join(dir, "npx"), `echo "RUN $*"`)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, arguments := range [][]string{{}, {""}, {"-x"}, {"staging", ""}, {"staging", "destroy"}, {"staging", "deploy", "now"}, {"staging", "diff", ""}} {
		out, status := script(t, "identity", arguments...)
		assert.Equal(t, exit.Refused, status, "%q", arguments)
		assert.NotContains(t, out, "RUN", "%q", arguments)
	}
	out, status := script(t, "identity", "staging")
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "RUN cdk diff ", "without a word it only shows")
}
