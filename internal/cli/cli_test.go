package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"

	"wallet-infra/internal/exit"
)

// sample is a command that does something: it must not, on a bad command line.
func sample(done *bool, fails error) *cobra.Command {
	root := &cobra.Command{Use: "sample"}
	root.PersistentFlags().String("name", "", "")
	below := &cobra.Command{Use: "do", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		*done = true
		return fails
	}}
	below.Flags().StringSlice("stack", nil, "")
	below.Flags().Duration("wait", 0, "how long")
	below.Flags().Bool("yes", false, "")
	root.AddCommand(below)
	return root
}

func TestNothingIsBegunOnAFlagThatSaysNothing(t *testing.T) {
	for line, want := range map[string]string{
		"do --name=":              "--name: want a value",
		"--name= do":              "--name: want a value",
		"do --stack=":             "--stack: want a value",
		"do --stack=a,,b":         "--stack: want a value",
		"do --stack=a, --stack=b": "--stack: want a value",
		"do --name=a --name=a":    "--name: want it once",
		"do --yes --yes":          "--yes: want it once",
		"do --yes=":               "--yes: want a value",
		"do --wait=":              "--wait: want a value",
		"do --name= --stack= --wait=1s --wait=2s": "--name: want a value, got an empty one; leave the flag out if that is meant\n--stack: want a value, got an empty one; leave the flag out if that is meant\n--wait: want it once",
		"do --name= extra":                        "--name: want a value",
	} {
		var out, errs bytes.Buffer
		done := false
		status := Run(context.Background(), sample(&done, nil), strings.Fields(line), &out, &errs)
		assert.Equal(t, exit.Refused, status, line)
		assert.Contains(t, errs.String(), want, line)
		assert.False(t, done, line)
	}
}

func TestAWholeCommandLineIsTaken(t *testing.T) {
	var out, errs bytes.Buffer
	done := false
	status := Run(context.Background(), sample(&done, nil), []string{"do", "--stack", "a", "--stack", "b,c", "--wait", "1h", "--name", "x", "--yes"}, &out, &errs)
	assert.Equal(t, exit.Done, status, errs.String())
	assert.True(t, done)
}

func TestAStatusWithNothingToSayPrintsNoLine(t *testing.T) {
	var out, errs bytes.Buffer
	done := false
	assert.Equal(t, exit.Found, Run(context.Background(), sample(&done, exit.With(exit.Found, "")), []string{"do"}, &out, &errs))
	assert.Empty(t, errs.String())
	assert.Equal(t, exit.Refused, Run(context.Background(), sample(&done, errors.New("no")), []string{"do"}, &out, &errs))
	assert.Equal(t, "sample: no\n", errs.String())
}

func TestALineIsAsWideAsTheTerminalAtMost(t *testing.T) {
	const text = "Deploy an environment.\n\nExit status:\n   12  something was begun and failed\n  short\n"
	assert.Equal(t, "Deploy an\nenvironment.\n\nExit status:\n   12  something\n       was begun\n       and failed\n  short", wrap(text, 18))
	assert.Equal(t, "a-word-that-is-wider-than-it", wrap("a-word-that-is-wider-than-it", 10))
	done := false
	root := sample(&done, nil)
	root.Commands()[0].Long = text
	fit(root, 40)
	var out bytes.Buffer
	root.SetOut(&out)
	assert.NoError(t, Execute(context.Background(), root, []string{"do", "--help"}))
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, len(line), 41, line)
	}
	assert.Zero(t, columns(&out), "what is no terminal has no width")
}
