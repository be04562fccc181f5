package test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/stacks"
)

// checkout is a directory with the repository's cdk.json, in which a run of the
// program would leave its cdk.out. It has no Node, so that bad input that gets
// as far as CDK fails in another way than the test expects.
func checkout(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../cdk.json")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cdk.json"), content, 0o600))
	return dir
}

// runBinary runs the program in a directory as a person would, without the CDK
// CLI and without Node, and returns its exit status and what it printed.
func runBinary(t *testing.T, dir string, environ []string, arguments ...string) (int, string) {
	t.Helper()
	run := exec.Command(binary(t), arguments...)
	run.Dir = dir
	run.Env = append([]string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir()}, environ...)
	var printed bytes.Buffer
	run.Stdout, run.Stderr = &printed, &printed
	err := run.Run()
	require.NotNil(t, run.ProcessState, "%v", err)
	return run.ProcessState.ExitCode(), printed.String()
}

// environmentNames lists what -c env takes, as the messages do.
func environmentNames() string {
	var names []string
	for _, env := range config.All() {
		names = append(names, env.Name)
	}
	return strings.Join(names, ", ")
}

func TestBadInputFailsPlainlyAndWritesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arguments []string
		environ   []string
		cdkJSON   string // replaces the repository's
		want      string // the whole output
	}{
		"unknown environment": {
			arguments: []string{"-c", "env=prod"},
			want:      "wallet-infra: context env: unknown environment \"prod\" (known: " + environmentNames() + ")\n",
		},
		"misspelt key": {
			arguments: []string{"-c", "imagetag=1.0"},
			want:      "wallet-infra: context imagetag: unknown key (known: env, imageTag)\n",
		},
		"misspelt key through the CDK CLI": {
			environ: []string{`CDK_CONTEXT_JSON={"enviroment":"staging"}`},
			want:    "wallet-infra: context enviroment: unknown key (known: env, imageTag)\n",
		},
		"every mistake at once": {
			arguments: []string{"-c", "env=", "-c", "x=1"},
			want:      "wallet-infra: context env: want a text that is not empty, got \"\"\ncontext x: unknown key (known: env, imageTag)\n",
		},
		"no value": {
			arguments: []string{"-c", "staging"},
			want:      "wallet-infra: context: want key=value, got \"staging\"\n",
		},
		"bare argument": {
			arguments: []string{"staging"},
			want:      "wallet-infra: want no argument but -c key=value, got [\"staging\"]\n",
		},
		"image tag that AWS refuses": {
			arguments: []string{"-c", "env=production", "-c", "imageTag=latest"},
			want:      "wallet-infra: production: Site.ImageTag: want a tag that names one image for ever (the repository's tags are immutable), got \"latest\"\n",
		},
		"cdk.json without flags": {
			cdkJSON: `{"app": "go run ."}`,
			want:    "wallet-infra: cdk.json: context: want the feature flags, got none\n",
		},
		"cdk.json broken": {
			cdkJSON: `{"context": {`,
			want:    "wallet-infra: cdk.json: want a JSON object whose context holds the feature flags: unexpected end of JSON input\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := checkout(t)
			if test.cdkJSON != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "cdk.json"), []byte(test.cdkJSON), 0o600))
			}
			status, printed := runBinary(t, dir, test.environ, test.arguments...)
			assert.Equal(t, 1, status, "exit status")
			assert.Equal(t, test.want, printed)
			assert.NoDirExists(t, filepath.Join(dir, "cdk.out"))
		})
	}
}

func TestUnknownFlagFailsWithTheUsage(t *testing.T) {
	dir := checkout(t)
	status, printed := runBinary(t, dir, nil, "-env", "staging")
	assert.Equal(t, 1, status, "exit status")
	assert.Contains(t, printed, "wallet-infra: flag provided but not defined: -env\n")
	assert.Contains(t, printed, "-c key=value")
	assert.NotContains(t, printed, "goroutine")
	assert.NoDirExists(t, filepath.Join(dir, "cdk.out"))
}

func TestWrongDirectorySaysWhereToRun(t *testing.T) {
	dir := t.TempDir()
	status, printed := runBinary(t, dir, nil)
	assert.Equal(t, 1, status, "exit status")
	assert.Equal(t, "wallet-infra: the feature flags cannot be read (run the app in the repository's root): open cdk.json: no such file or directory\n", printed)
	assert.NoDirExists(t, filepath.Join(dir, "cdk.out"))
}

func TestMissingNodeIsAMessageAndNotATrace(t *testing.T) {
	dir := checkout(t)
	status, printed := runBinary(t, dir, nil, "-c", "env=staging")
	assert.Equal(t, 1, status, "exit status")
	assert.Contains(t, printed, "wallet-infra: synthesis failed: ")
	assert.Contains(t, printed, "node")
	assert.NotContains(t, printed, "goroutine")
}

// What a manifest calls missing, the CLI asks the account for, and without
// credentials nothing is synthesized.
func TestSynthesisAsksNoAccountForAnything(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, dir := range []string{outdir(t), filepath.Join(outdir(t), "assembly-"+stacks.StageName(env.Environment))} {
			content, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
			require.NoError(t, err)
			var manifest struct{ Missing []any }
			require.NoError(t, json.Unmarshal(content, &manifest))
			assert.Emptyf(t, manifest.Missing, "%s", dir)
		}
	})
}
