package commands

import (
	"encoding/json"
	"maps"
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

// made is what the Makefile has.
type made struct{ targets, reads []string }

var (
	target   = regexp.MustCompile(`(?m)^([a-z][a-z/-]*):`)
	variable = regexp.MustCompile(`\$\((?:if |or )*\$?\(?([A-Z_]+)[,)]`)
	defined  = regexp.MustCompile(`(?m)^(?:export )?([A-Z_]+) :?=`)
)

func makefile(t *testing.T) made {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	var found made
	for _, match := range target.FindAllStringSubmatch(string(content), -1) {
		found.targets = append(found.targets, match[1])
	}
	var own []string
	for _, match := range defined.FindAllStringSubmatch(string(content), -1) {
		own = append(own, match[1])
	}
	for _, match := range variable.FindAllStringSubmatch(string(content), -1) {
		if !slices.Contains(own, match[1]) && match[1] != "MAKE" && match[1] != "CURDIR" && match[1] != "MAKEFILE_LIST" {
			found.reads = append(found.reads, match[1])
		}
	}
	return found
}

func TestEveryMakeTargetExists(t *testing.T) {
	known := makefile(t)
	for _, call := range calls(t, "make") {
		for _, word := range call.Words[1:] {
			name, _, sets := strings.Cut(word, "=")
			switch {
			case sets:
				assert.Containsf(t, known.reads, name, "%s: the Makefile reads no %s", call.At(), name)
			case strings.HasPrefix(word, "-"):
				t.Errorf("%s: an option of make: %s", call.At(), word)
			default:
				assert.Containsf(t, known.targets, word, "%s: make has no target %s", call.At(), word)
			}
		}
	}
}

// help is what a program says of itself: its flags, with whether each takes a value.
type help struct {
	flags map[string]bool
	text  string
}

var (
	helps   = map[string]help{}
	flagRow = regexp.MustCompile(`(?m)^\s+(?:-\w, )?--?([a-z][a-zA-Z-]*)(?:[ =]([a-zA-Z]+))?`)
)

// built is where the Go command keeps the wallet program, which it makes where it must.
var built = sync.OnceValues(func() (string, error) {
	command := exec.Command("go", "tool", "-n", "wallet")
	command.Dir = root
	output, err := command.Output()
	return strings.TrimSpace(string(output)), err
})

// helpOf asks the wallet program for its --help.
func helpOf(t *testing.T, words ...string) help {
	t.Helper()
	key := strings.Join(words, " ")
	if known, ok := helps[key]; ok {
		return known
	}
	require.Equal(t, "wallet", words[0], "there is no such program in cmd/ that people call")
	program, err := built()
	require.NoError(t, err)
	command := exec.Command(program, append(slices.Clone(words[1:]), "--help")...)
	output, _ := command.CombinedOutput() // Go's flag package ends with 2
	found := help{flags: map[string]bool{}, text: string(output)}
	for _, match := range flagRow.FindAllStringSubmatch(found.text, -1) {
		found.flags[match[1]] = match[2] != ""
	}
	helps[key] = found
	return found
}

// lists says that a help lists commands, and listed is one of them.
const lists = "\nAvailable Commands:\n"

func (h help) listed(word string) bool {
	_, commands, _ := strings.Cut(h.text, lists)
	commands, _, _ = strings.Cut(commands, "\n\n")
	return regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(word) + `\b`).MatchString(commands)
}

// checkProgram holds a call of one of our programs against its --help: the words choose
// a command, the rest are its options.
func checkProgram(t *testing.T, call Call) {
	t.Helper()
	asked := []string{strings.TrimPrefix(call.Words[0], "cmd/")}
	if asked[0] == "wallet" && len(call.Words) > 1 && environment(call.Words[1]) {
		asked = append(asked, "ENV")
		call.Words = slices.Delete(slices.Clone(call.Words), 1, 2)
	}
	known := helpOf(t, asked...)
	for i, word := range call.Words[1:] {
		if strings.HasPrefix(word, "-") {
			option, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			_, ok := known.flags[option]
			assert.Truef(t, ok || option == "help", "%s: %s has no option %s", call.At(), strings.Join(asked, " "), word)
			continue
		}
		if !strings.Contains(known.text, lists) || (i > 0 && strings.HasPrefix(call.Words[i], "-")) {
			continue // an argument, or an option's value
		}
		if !assert.Truef(t, known.listed(word), "%s: %s has no command %s", call.At(), strings.Join(asked, " "), word) {
			return
		}
		asked = append(asked, word)
		known = helpOf(t, asked...)
	}
}

// environment says that a word is an environment's name, or stands for one.
func environment(word string) bool {
	return slices.Contains(append([]string{"ENV", "$ENVIRONMENT"}, environments()...), word)
}

// door is the verb that a script hands to the wallet command.
var door = regexp.MustCompile(`/wallet\.sh" ([a-z-]+) `)

func TestEveryScriptTakesWhatItIsGiven(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, call := range page.Calls {
			if !strings.HasPrefix(call.Words[0], "scripts/") {
				continue
			}
			found++
			source, err := os.ReadFile(filepath.Join(root, call.Words[0]))
			if !assert.NoErrorf(t, err, "%s: there is no %s", call.At(), call.Words[0]) {
				continue
			}
			if slices.Contains(call.Words, "--help") {
				continue
			}
			if assert.Greaterf(t, len(call.Words), 1, "%s: %s needs an environment", call.At(), call.Words[0]) {
				assert.Truef(t, environment(call.Words[1]), "%s: there is no such environment", call.At())
			}
			if match := door.FindStringSubmatch(string(source)); match != nil {
				checkProgram(t, Call{Snippet: call.Snippet, Words: append([]string{"cmd/wallet", call.Words[1], match[1]}, call.Words[2:]...), Quoted: call.Quoted})
			}
		}
	}
	assert.NotZero(t, found)
}

func environments() []string {
	var names []string
	for _, env := range config.All() {
		names = append(names, env.Name)
	}
	return names
}

func TestEveryProgramOfOursTakesWhatItIsGiven(t *testing.T) {
	for _, call := range calls(t, "go") {
		if len(call.Words) < 2 {
			continue
		}
		if call.Words[1] == "tool" && len(call.Words) > 2 {
			if assert.Equalf(t, "wallet", call.Words[2], "%s: go.mod has no such tool", call.At()) {
				checkProgram(t, Call{Snippet: call.Snippet, Words: append([]string{"cmd/wallet"}, call.Words[3:]...), Quoted: call.Quoted})
			}
			continue
		}
		paths := slices.IndexFunc(call.Words, func(word string) bool { return strings.HasPrefix(word, "./") || word == "." })
		if !assert.Containsf(t, []string{"run", "build", "test", "vet"}, call.Words[1], "%s: go has no such command, or nothing is known of it", call.At()) || paths < 0 {
			continue
		}
		path := strings.TrimSuffix(call.Words[paths], "...")
		_, err := os.Stat(filepath.Join(root, path))
		if assert.NoErrorf(t, err, "%s: there is no %s", call.At(), path) && call.Words[1] == "run" && strings.HasPrefix(path, "./cmd/") {
			checkProgram(t, Call{Snippet: call.Snippet, Words: append([]string{strings.TrimPrefix(path, "./")}, call.Words[paths+1:]...), Quoted: call.Quoted})
		}
	}
	for _, page := range pages(t) {
		for _, call := range page.Calls {
			if name, ours := strings.CutPrefix(call.Words[0], "build/"); ours {
				checkProgram(t, Call{Snippet: call.Snippet, Words: append([]string{"cmd/" + name}, call.Words[1:]...), Quoted: call.Quoted})
			}
		}
	}
}

// contextKeys are those that config.Select takes.
var contextKeys = []string{"env", "imageTag"}

// registry is what the pinned CLI is made from: its commands and their options.
type registry struct {
	GlobalOptions map[string]any `json:"globalOptions"`
	Commands      map[string]struct {
		Aliases []string       `json:"aliases"`
		Options map[string]any `json:"options"`
	} `json:"commands"`
}

// options are those that a command takes; false where there is no such command.
func (r registry) options(name string) ([]string, bool) {
	for command, has := range r.Commands {
		if command == name || slices.Contains(has.Aliases, name) {
			return slices.AppendSeq(slices.Collect(maps.Keys(has.Options)), maps.Keys(r.GlobalOptions)), true
		}
	}
	return nil, false
}

func TestEveryCommandOfCDKIsOneOfThePinnedCLI(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root, "node_modules/aws-cdk/lib/cli/cli-type-registry.json"))
	require.NoError(t, err, "run `npm ci` before the tests")
	var cdk registry
	require.NoError(t, json.Unmarshal(content, &cdk))
	require.NotEmpty(t, cdk.GlobalOptions)
	for _, call := range calls(t, "npx") {
		if !assert.Equalf(t, "cdk", call.Words[1], "%s: npx runs nothing but the pinned CLI", call.At()) {
			continue
		}
		if len(call.Words) == 2 {
			continue
		}
		options, known := cdk.options(call.Words[2])
		if !assert.Truef(t, known, "%s: cdk has no command %s", call.At(), call.Words[2]) {
			continue
		}
		for i, word := range call.Words[3:] {
			switch {
			case word == "-c" || word == "--context":
				key, value, _ := strings.Cut(call.Words[3:][i+1], "=")
				assert.Containsf(t, contextKeys, key, "%s: the app reads no such context", call.At())
				assert.Truef(t, key != "env" || value == "$ENVIRONMENT" || placeholder.MatchString(value) || slices.Contains(environments(), value), "%s: there is no environment %s", call.At(), value)
			case strings.HasPrefix(word, "-"):
				option, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
				assert.Truef(t, slices.Contains(options, option), "%s: cdk %s has no option %s", call.At(), call.Words[2], word)
			}
		}
	}
}
