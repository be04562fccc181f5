package commands

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// programs are what the documents call. The checked ones have tests of their own here;
// of the rest only the name is known, because nothing that this repository pins knows
// their options.
var programs = []string{
	"aws", "make", "npx", "go", "npm", // checked
	"docker", "git", "gh", "pip", "ministack", "curl", "dig", "jq", "mysql", "sed", "diff", "sudo", "brew", "date", "echo", "cd", "cp", "read",
}

// pages are the documents for people.
func pages(t *testing.T) map[string]Document {
	t.Helper()
	found, err := readPages()
	require.NoError(t, err)
	require.NotEmpty(t, found["docs/RUNBOOK.md"].Calls, "no command was found at all")
	return found
}

var readPages = sync.OnceValues(func() (map[string]Document, error) {
	files := os.DirFS(root)
	found := map[string]Document{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		paths, err := fs.Glob(files, pattern)
		if err != nil {
			return nil, err
		}
		for _, page := range paths {
			if found[page], err = Read(files, page, programs); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
})

// calls are all the commands of one program.
func calls(t *testing.T, program string) []Call {
	t.Helper()
	var found []Call
	for _, page := range pages(t) {
		for _, call := range page.Calls {
			if call.Words[0] == program {
				found = append(found, call)
			}
		}
	}
	return found
}

func TestEveryCommandIsOneThatAShellUnderstands(t *testing.T) {
	for _, page := range pages(t) {
		for _, broken := range page.Broken {
			t.Error(broken)
		}
		for _, call := range page.Calls {
			program := call.Words[0]
			ours := strings.HasPrefix(program, "scripts/") || strings.HasPrefix(program, "build/")
			assert.Truef(t, ours || slices.Contains(programs, program), "%s: nothing is known of the program %q", call.At(), program)
		}
	}
}

// ofTheShell are variables that a shell, or the surroundings that a page describes, has.
var ofTheShell = []string{"PATH", "HOME", "PWD"}

func TestNoCommandUsesAVariableThatNobodySet(t *testing.T) {
	for _, page := range pages(t) {
		for _, use := range page.Uses {
			assert.Truef(t, slices.Contains(use.Assigned, use.Name) || slices.Contains(ofTheShell, use.Name),
				"%s: $%s has no value: nothing above sets it", use.At(), use.Name)
		}
	}
}

// A variable that a reader exports for a guide's commands stays for everything that is
// typed after it. One that the Makefile reads too would make `make synth` write another
// set of templates than the page says.
func TestNoGuideChangesWhatMakeDoes(t *testing.T) {
	read := makefile(t).reads
	require.Contains(t, read, "ENV")
	for _, page := range pages(t) {
		for _, set := range page.Assignments {
			assert.Falsef(t, !set.Prefix && slices.Contains(read, set.Name), "%s: %s=… changes what make does from there on", set.At(), set.Name)
		}
	}
}

// date takes relative times in two languages, GNU's and BSD's, so a command with one
// fails on half of the machines. Only the form that both have may stand in a document:
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/date.html
func TestEveryDateWorksOnLinuxAndOnAMac(t *testing.T) {
	for _, call := range calls(t, "date") {
		for _, word := range call.Words[1:] {
			assert.Truef(t, word == "-u" || strings.HasPrefix(word, "+"), "%s: date %s is not in POSIX", call.At(), word)
		}
	}
	for _, page := range pages(t) {
		for _, call := range page.Calls {
			for _, other := range notPortable[call.Words[0]] {
				assert.NotContainsf(t, call.Words[1:], other, "%s: %s %s does something else on a Mac, or nothing", call.At(), call.Words[0], other)
			}
		}
	}
}

// notPortable are options on which GNU's and BSD's tools differ.
var notPortable = map[string][]string{
	"sed": {"-i", "-r", "-z"}, "grep": {"-P"}, "base64": {"-w", "-w0"}, "stat": {"-c", "-f"}, "readlink": {"-f"}, "xargs": {"-r"},
}

// secretNames are options and variables whose value opens something.
var secretNames = regexp.MustCompile(`(?i)(password|passwd|_pwd$|secret-string|secret-binary|auth-token|secret-key|session-token|private-key|_token$|_secret$|_password$)`)

// fromAFile are values that do not stand in the command line.
var fromAFile = regexp.MustCompile(`^(file|fileb)://`)

// What is typed is kept: in the shell's history, in the terminal's scrollback, in the
// list of processes.
func TestNoSecretStandsInACommandLine(t *testing.T) {
	for _, page := range pages(t) {
		for _, set := range page.Assignments {
			if secretNames.MatchString(set.Name) {
				assert.Truef(t, set.Computed, "%s: the value of %s stays in the shell's history", set.At(), set.Name)
			}
		}
		for _, call := range page.Calls {
			for i, word := range call.Words {
				name, value, joined := strings.Cut(word, "=")
				if !strings.HasPrefix(name, "--") || !secretNames.MatchString(name) || noSecret[name] {
					continue
				}
				if !joined && i+1 < len(call.Words) {
					value = call.Words[i+1]
				}
				assert.Truef(t, fromAFile.MatchString(value), "%s: the value of %s stays in the shell's history and in the list of processes", call.At(), name)
			}
		}
	}
}

// noSecret are options whose names only sound like one.
var noSecret = map[string]bool{"--password-stdin": true, "--no-manage-master-user-password": true, "--manage-master-user-password": true}
