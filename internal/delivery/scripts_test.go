package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scripts are the ones that run cmd/deliver, by its commands.
var scripts = []string{"deploy", "destroy", "migrate", "rollback", "status"}

// script runs one of the scripts, from another directory, and returns its output
// and its exit status.
func script(t *testing.T, name string, arguments ...string) (string, int) {
	t.Helper()
	command := exec.Command(scriptPath(t, name), arguments...)
	command.Dir = t.TempDir()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), command.ProcessState.ExitCode()
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

// The whole way: the script, the program, its clients, and the CLI.
func TestTheScriptsPassOnTheirStatusAndPrintNoSecret(t *testing.T) {
	w := newWorld(t)
	for _, name := range scripts {
		out, status := script(t, name, "--help")
		assert.Equal(t, ExitDone, status, out)
		assert.Contains(t, out, "Exit status:")
		_, status = script(t, name, "nowhere")
		assert.Equal(t, ExitRefused, status)
	}

	out, status := script(t, "deploy", "staging", "--cdk", cdkPath(t), "--yes")
	assert.Equal(t, ExitDone, status, out)
	assert.Len(t, w.deployed(), 6)
	assert.NotContains(t, out, "must-not-be-printed")
	assert.NotContains(t, out, "role-secret")

	w.task.exit = ExitSchemaTooNew
	out, status = script(t, "migrate", "staging", "--yes")
	assert.Equal(t, ExitSchemaTooNew, status, out)

	out, status = script(t, "deploy", "staging", "--cdk", cdkPath(t)) // no terminal
	assert.Equal(t, ExitRefused, status)
	assert.Contains(t, out, "add --yes")

	w.errors["sts GetCallerIdentity"] = "ExpiredToken"
	out, status = script(t, "status", "staging")
	assert.Equal(t, ExitRefused, status)
	assert.Contains(t, out, "the credentials have expired")
}

// A pipeline that is cancelled sends SIGTERM to the script.
func TestASignalReachesTheCLIThroughTheScript(t *testing.T) {
	w := newWorld(t)
	w.hang = make(chan struct{})
	command := exec.Command(scriptPath(t, "deploy"), "staging", "--cdk", cdkPath(t), "--yes")
	var out syncBuffer
	command.Stdout, command.Stderr = &out, &out
	require.NoError(t, command.Start())
	select {
	case <-w.hang:
	case <-time.After(time.Minute):
		_ = command.Process.Kill()
		t.Fatalf("the deployment never began: %s", out.String())
	}
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	_ = command.Wait()
	assert.Equal(t, ExitInterrupted, command.ProcessState.ExitCode(), out.String())
	assert.Contains(t, out.String(), "The same command goes on from there")
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
		assert.Contains(t, string(content), "\nset -euo pipefail\n", path)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o111, "%s can be executed", path)
	}
}

// A reader who looks an exit status up must not find another meaning.
func TestTheDocumentedExitStatusesAreTheProgramsOwn(t *testing.T) {
	document := deploymentDocument(t)
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \|$`).FindAllStringSubmatch(document, -1)
	require.Len(t, rows, len(Exits))
	for i, exit := range Exits {
		assert.Equal(t, []string{fmt.Sprint(exit.Status), exit.Meaning}, rows[i][1:])
	}
}

// An advice that points nowhere helps nobody in the night.
func TestAdviceNamesPlacesThatExist(t *testing.T) {
	headings := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(deploymentDocument(t), -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		headings[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, path := range sources {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, link := range regexp.MustCompile(`docs/DEPLOYMENT\.md#([a-z0-9-]+)`).FindAllStringSubmatch(string(content), -1) {
			assert.True(t, headings[link[1]], "%s: no heading %s", path, link[1])
			found++
		}
	}
	assert.Positive(t, found)
}

func deploymentDocument(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../docs/DEPLOYMENT.md")
	require.NoError(t, err)
	return string(content)
}

// The CLI ignores an option that it does not know, and says so only in passing.
func TestThePinnedCLIKnowsEveryOptionThatIsPassed(t *testing.T) {
	w := newWorld(t)
	prepared(t, w)
	for _, command := range []func(context.Context, *Session) error{deploy("1.1.0"), destroy(DestroyOptions{Yes: true})} {
		out, err := w.run("", false, command)
		require.NoError(t, err, out)
	}
	w.stacks = map[string]*stackState{}
	_, err := w.run("", false, deploy("none"))
	require.NoError(t, err)
	pinned, err := filepath.Abs("../../node_modules/.bin")
	require.NoError(t, err)
	t.Setenv("PATH", pinned+string(os.PathListSeparator)+os.Getenv("PATH"))
	help := map[string]string{}
	for _, arguments := range w.cdk {
		if help[arguments[0]] == "" {
			output, err := exec.Command("cdk", arguments[0], "--help").Output()
			require.NoError(t, err, "make synth installs the CLI")
			help[arguments[0]] = string(output)
		}
		for _, argument := range arguments {
			name, _, _ := strings.Cut(argument, "=")
			name = strings.Replace(name, "--no-rollback", "--rollback", 1)
			if strings.HasPrefix(name, "--") {
				assert.Regexp(t, regexp.QuoteMeta(name)+`[ ,]`, help[arguments[0]], "cdk %s", arguments[0])
			}
		}
	}
	assert.Subset(t, slices.Collect(maps.Keys(help)), []string{"synth", "diff", "deploy", "destroy"})
}
