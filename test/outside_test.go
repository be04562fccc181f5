package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// outsiders is what other programs made of the platform beside the tests, which keep
// one core busy: the library takes calls of one goroutine at a time.
type outsiders struct {
	// cli is the assembly of `cdk synth`; empty where the CLI is not installed.
	cli string
	// calls is how often the program of that run asked CDK's library for something.
	calls int
	// alone is the assembly of the program without the CLI, of one environment.
	alone string
	err   error
}

// outsideContext ends the programs with the tests.
var outsideContext, stopOutside = context.WithCancel(context.Background())

var outsideOnce = sync.OnceValue(func() outsiders {
	made := outsiders{alone: filepath.Join(outsideRoot, "alone")}
	program, err := buildBinary()
	if err != nil {
		return outsiders{err: err}
	}
	cli, err := findCLI()
	if err != nil {
		return outsiders{err: err}
	}
	if cli != "" {
		made.cli = filepath.Join(outsideRoot, "cli")
		made.calls, made.err = countCalls(func(listening ...string) error {
			return runOutside(append(listening, unvalidated), cli, "synth", "**", "--quiet", "--app", program, "--output", made.cli)
		})
	}
	made.err = errors.Join(made.err, runOutside([]string{unvalidated, "CDK_OUTDIR=" + made.alone}, program, "-c", "env="+aloneName()))
	return made
})

// countCalls runs a program with something in the place of Node that writes down what
// Node is told, and returns the number of messages.
func countCalls(run func(environ ...string) error) (int, error) {
	listener, heard := filepath.Join(outsideRoot, "listener"), filepath.Join(outsideRoot, "heard")
	err := errors.Join(os.MkdirAll(outsideRoot, 0o750),
		os.WriteFile(listener, []byte("#!/bin/sh\ntee \"$HEARD\" | node \"$@\"\n"), 0o755),
		run("JSII_NODE="+listener, "HEARD="+heard))
	messages, readErr := os.ReadFile(heard)
	return bytes.Count(messages, []byte("\n")), errors.Join(err, readErr)
}

// A call of the library crosses to another process and back: their number is what a
// synthesis costs, and unlike its time it is the same on every machine. Ask for a value
// that never changes once (constructs/value), for a neighbour's ARN once, and write a
// policy as one document (constructs/policy).
func TestBothEnvironmentsAskTheLibraryAtMostThreeThousandTimes(t *testing.T) {
	t.Parallel()
	others := outsideOnce()
	require.NoError(t, others.err)
	if others.cli == "" {
		t.Skip("the CDK CLI is not installed")
	}
	require.Greater(t, others.calls, 1000)
	assert.LessOrEqual(t, others.calls, 1500*len(config.All()))
}

// unvalidated leaves out AWS's validator, which judges the same templates beside it.
const unvalidated = "CDK_VALIDATION=false"

// aloneName is the environment that is asked for alone. (The altered environments are
// alone too, and much of them is compared with the platform's.)
func aloneName() string { return config.All()[0].Name }

// ambient is the environment before the tests change it for the library.
var ambient = os.Environ()

// runOutside runs a program in the repository's root.
func runOutside(environ []string, name string, arguments ...string) error {
	command := exec.CommandContext(outsideContext, name, arguments...)
	command.Dir = ".."
	command.Env = append(slices.Clone(ambient), environ...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w:\n%s", command, err, output)
	}
	return nil
}

// findCLI returns the pinned CDK CLI; empty where it is not installed, which is a
// failure in CI alone.
func findCLI() (string, error) {
	cli, err := filepath.Abs("../node_modules/.bin/cdk")
	if err != nil {
		return "", err
	}
	_, err = os.Stat(cli)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the CDK CLI is not installed: run `npm ci` before the tests: %w", err)
	}
	return cli, nil
}

// Without a pattern the CLI chooses the stacks that are in no stage, which are none,
// judges those, and ends with 0 whatever the validator found in the others
// (StackCollection.reportValidationFailuresAndThrow in the pinned CLI).
func TestEverySynthesisByTheCLINamesItsStacksOrItsFindingsEndNothing(t *testing.T) {
	call := regexp.MustCompile(`(?:"\$cdk"|cdk) synth ('[^']*')?|"synth", ("[^"]*")`)
	seen := 0
	for _, pattern := range []string{"../Makefile", "../.ci/run", "../.github/*/*.sh", "../.github/*/*.yml", "../.github/*/*/*.yml", "../scripts/*.sh", "../cmd/*/*.go", "../internal/*/*.go", "*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.Contains(file, "_test.go") && file != "outside_test.go" {
				continue
			}
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for line := range strings.Lines(string(content)) {
				if strings.HasPrefix(strings.TrimSpace(line), "//") || strings.HasPrefix(strings.TrimSpace(line), "#") || strings.Contains(line, "call := ") {
					continue
				}
				for _, found := range call.FindAllStringSubmatch(line, -1) {
					seen++
					assert.Equalf(t, "**", strings.Trim(found[1]+found[2], `'"`), "%s: %s", file, line)
				}
			}
		}
	}
	assert.GreaterOrEqual(t, seen, 5, "the calls are written in another way")
}
