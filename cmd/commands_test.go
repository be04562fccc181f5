// Package cmd_test holds what is true of every command in this directory, also of
// those that come later.
package cmd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
)

// invocation is a command with the words that choose one below it.
type invocation struct {
	program string
	words   []string
	flags   []option
}

type option struct {
	name string
	list bool
}

// call runs a command where no AWS answers, and returns what it printed.
func (i invocation) call(t *testing.T, arguments ...string) (string, exit.Status) {
	t.Helper()
	command := exec.Command(i.program, append(append([]string{}, i.words...), arguments...)...)
	command.Dir = t.TempDir() // with no synthesis, no cdk.json and no Node
	command.Env = []string{"HOME=" + command.Dir, "PATH=" + command.Dir, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=http://127.0.0.1:1"}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	require.NotNil(t, command.ProcessState, "%v", err)
	return out.String(), exit.Status(command.ProcessState.ExitCode())
}

var (
	flagLine    = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+) (\w+) `)
	commandLine = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)
	commandList = regexp.MustCompile(`(?s)\nAvailable Commands:\n(.*?)\n\n`)
)

// programs is where the commands are built, once for all tests.
var programs string

func TestMain(m *testing.M) {
	programs, _ = os.MkdirTemp("", "wallet-commands-")
	status := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(status)
}

var built = sync.OnceValues(func() (string, error) {
	output, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", programs, "./...").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, output)
	}
	return programs, err
})

// all finds every command, and every command below it, by their own help.
func all(t *testing.T) []invocation {
	t.Helper()
	dir, err := built()
	require.NoError(t, err)
	programs, err := os.ReadDir(dir)
	require.NoError(t, err)
	sources, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.Len(t, programs, len(sources), "a command that is not tried")
	var found []invocation
	for _, program := range programs {
		found = append(found, below(t, invocation{program: filepath.Join(dir, program.Name())})...)
	}
	return found
}

func below(t *testing.T, at invocation) []invocation {
	t.Helper()
	help, status := at.call(t, "--help")
	require.Equal(t, exit.Done, status, help)
	for _, match := range flagLine.FindAllStringSubmatch(help, -1) {
		at.flags = append(at.flags, option{match[1], match[2] == "strings" || match[2] == "stringArray" || regexp.MustCompile(`--`+match[1]+` .*may be repeated`).MatchString(help)})
	}
	found := []invocation{at}
	list := commandList.FindStringSubmatch(help)
	if list == nil || filepath.Base(at.program) == "wallet" { // whose own tests go through its commands
		return found
	}
	for _, match := range commandLine.FindAllStringSubmatch(list[1], -1) {
		if match[1] != "help" {
			found = append(found, below(t, invocation{program: at.program, words: append(append([]string{}, at.words...), match[1])})...)
		}
	}
	return found
}

// refusal is the status of a command line that is not understood: the migration
// program's own where its container ends with it.
func (i invocation) refusal() exit.Status {
	if filepath.Base(i.program) == "migrate" {
		return exit.MigrationInvalid
	}
	return exit.Refused
}

// A shell variable that is not set leaves an empty word: `--prepare "$NAME"` once
// deployed for real.
func TestNoCommandTakesAnEmptyOrARepeatedFlagForAnAbsentOne(t *testing.T) {
	tried := 0
	for _, command := range all(t) {
		name := filepath.Base(command.program)
		for _, flag := range command.flags {
			for _, empty := range []string{"", " "} {
				out, status := command.call(t, "--"+flag.name, empty)
				assert.Equal(t, command.refusal(), status, "%s %v --%s %q: %s", name, command.words, flag.name, empty, out)
				assert.Contains(t, out, "--"+flag.name+": want a value, got an empty one", "%s %v", name, command.words)
			}
			if !flag.list {
				out, status := command.call(t, "--"+flag.name, "1", "--"+flag.name+"=2")
				assert.Equal(t, command.refusal(), status, "%s %v --%s twice: %s", name, command.words, flag.name, out)
				assert.Regexp(t, "want it once|invalid argument", out, "%s %v --%s twice", name, command.words, flag.name)
			}
			tried++
		}
	}
	assert.Greater(t, tried, 15, "flags that were tried")
}

// Two statuses for one mistake, or one for two outcomes, and a pipeline goes on.
func TestEveryCommandRefusesNonsenseWithOneStatusAndOneLine(t *testing.T) {
	for _, command := range all(t) {
		name := filepath.Base(command.program)
		for _, arguments := range [][]string{{"--no-such-flag"}, {"--no-such-flag=1", "staging"}, {"no-such-word", "and another"}, {"-Z"}} {
			out, status := command.call(t, arguments...)
			assert.Equal(t, command.refusal(), status, "%s %v %v: %s", name, command.words, arguments, out)
			assert.NotContains(t, out, "goroutine ", "%s %v %v", name, command.words, arguments)
			assert.Regexp(t, `^`+name+`: [^\n]+\n$`, out, "%s %v %v", name, command.words, arguments)
		}
		help, _ := command.call(t, "--help")
		assert.Falsef(t, strings.HasPrefix(help, "Exit status:"), "%s %v: the help does not say what it does", name, command.words)
		for _, status := range regexp.MustCompile(`(?m)^ +(\d+)  (.+)$`).FindAllStringSubmatch(help, -1) {
			assert.Contains(t, exit.Explain(statuses()...), status[0], "%s explains a status in words of its own", name)
		}
	}
}

func statuses() []exit.Status {
	var every []exit.Status
	for _, row := range exit.Table {
		every = append(every, row.Status)
	}
	return every
}
