package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

// try runs a command line that must end before it asks AWS, or a person, anything.
func try(t *testing.T, line string) (string, error) {
	t.Helper()
	return tryAt(t, line, true)
}

func tryAt(t *testing.T, line string, terminal bool) (string, error) {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // nobody answers there
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var out bytes.Buffer
	command := newCommand(strings.NewReader(""), terminal)
	command.SetOut(&out)
	var arguments []string
	for _, word := range strings.Fields(line) {
		arguments = append(arguments, strings.ReplaceAll(word, `""`, ""))
	}
	err := cli.Execute(context.Background(), command, arguments)
	return out.String(), err
}

func TestACommandLineThatIsNotUnderstoodChangesNothing(t *testing.T) {
	for line, want := range map[string]string{
		"deploy":                                                       "want the environment first: wallet staging deploy",
		"deploy staging --yes":                                         "want the environment first: wallet staging deploy",
		"--root . nowhere deploy":                                      `unknown environment "nowhere" (known: staging, production)`,
		"--root . staging deplyo":                                      `unknown command "deplyo"`,
		"staging deploy extra":                                         `unknown command "extra" for "wallet staging deploy"`,
		"nowhere deploy --yes":                                         `unknown environment "nowhere" (known: staging, production)`,
		"ENV deploy":                                                   `unknown environment "ENV" (known: staging, production)`,
		"staging deplyo --yes":                                         `unknown command "deplyo" (wallet staging --help lists them)`,
		"staging deploy --forse":                                       "unknown flag: --forse",
		"staging deploy --wait 1x":                                     `--wait: want a duration such as 90s or 1h, got "1x"`,
		"staging deploy --image-tag bad/tag":                           "Site.ImageTag: want a tag",
		"staging deploy --prepare a --execute b":                       "--prepare, --execute: want at most one of them",
		"staging deploy --prepare a --dry-run":                         "--prepare, --dry-run: want at most one of them",
		"staging deploy --execute b --image-tag 1.0.0":                 "--execute, --image-tag: want",
		"staging deploy --execute b --assembly a":                      "--execute, --assembly: want",
		"staging deploy --execute b --stack a":                         "--execute, --stack: want",
		"staging deploy --execute /nowhere/manifest.json":              "/nowhere/manifest.json: no such file",
		"staging destroy --image-tag 1.0.0":                            "unknown flag: --image-tag",
		"staging migrate --status --repair --version 1 --applied":      "--status, --repair: want",
		"staging migrate --repair --applied":                           "--repair goes with --version",
		"staging migrate --repair --version 1":                         "one of --applied and --not-applied",
		"staging migrate --applied":                                    "--repair goes with",
		"staging migrate --version 1":                                  "--repair goes with",
		"staging migrate --repair --version 1 --applied --not-applied": "--applied, --not-applied: want",
		"staging migrate --repair --version x --applied":               `--version: want a whole number, got "x"`,
		"staging migrate --repair --version 0 --applied":               "--version: want a migration's, 1 or more, got 0",
		"staging deploy --wait -1s":                                    "--wait: want 0s or more, got -1s",
		"staging deploy --prepare 1":                                   "--prepare: want a name of at most 128 letters",
		"staging deploy --prepare a_b":                                 "--prepare: want a name of at most 128 letters",
		`staging deploy --prepare ""`:                                  "--prepare: want a value, got an empty one",
		`staging deploy --execute "" --prepare ""`:                     "--execute: want a value, got an empty one",
		`"" deploy --yes`:                                              `unknown environment ""`,
		"staging deploy --output a --assembly b":                       "--output, --assembly: want",
		"staging deploy --output a --execute b":                        "--execute, --output: want",
		"staging rollback --to bad/tag":                                "--to: ",
		"staging rollback --check maybe":                               `--check: want task or hook, got "maybe"`,
		"staging restore":                                              "want one of --to-time and --snapshot",
		"staging restore --region eu-west-1":                           "--region: want sa-east-1 or us-east-1",
		"staging password --of database":                               `--of: want cache or kafka, got "database"`,
		"staging password --of cache --region us-east-1":               `--region: staging has no service in "us-east-1"`,
		"staging remove":                                               `unknown command "remove"`,
	} {
		_, err := try(t, line)
		if assert.Error(t, err, line) {
			assert.Contains(t, err.Error(), want, line)
			assert.Equal(t, exit.Refused, exit.Of(err), line)
		}
	}
}

// Who mends one problem must not meet the next one after a minute of looking.
func TestAllThatIsWrongWithACommandLineIsToldAtOnce(t *testing.T) {
	_, err := tryAt(t, "staging deploy --prepare a_b --execute m --wait -1s --image-tag bad/tag", false)
	for _, want := range []string{"--prepare, --execute: ", "--prepare: want a name", "--wait: want 0s or more", "Site.ImageTag: ", "add --yes"} {
		assert.ErrorContains(t, err, want)
	}
	_, err = try(t, "staging migrate --version x --image-tag= --yes --yes")
	for _, want := range []string{"--version: want a whole number", "--image-tag: want a value", "--yes: want it once"} {
		assert.ErrorContains(t, err, want)
	}
}

// Where nobody can answer, the question is not put after the sign-in.
func TestWithoutATerminalAQuestionIsRefusedBeforeAnythingIsRead(t *testing.T) {
	const nobody = "nobody can be asked without a terminal: add --yes"
	for line, want := range map[string]string{
		"staging deploy":             nobody,
		"staging destroy":            nobody,
		"staging migrate":            nobody,
		"staging rollback":           nobody,
		"staging password":           nobody,
		"staging restore":            nobody,
		"production destroy --yes":   "production is protected: it is removed by a person at a terminal alone",
		"production destroy":         "production is protected: it is removed by a person at a terminal alone",
		"staging deploy --prepare a": nobody,
	} {
		_, err := tryAt(t, line, false)
		assert.ErrorContains(t, err, want, line)
		assert.Equal(t, exit.Refused, exit.Of(err), line)
	}
}

func TestEveryVerbExplainsItselfWithItsExitStatuses(t *testing.T) {
	migrations := []exit.Status{3, 4, 5, 6, 7, 8, 9}
	told := map[string][]exit.Status{
		"status":   {0, 1, 2, 130},
		"destroy":  {0, 1, 2, 10, 12, 130},
		"password": {0, 1, 2, 10, 12, 130},
		"restore":  {0, 1, 2, 10, 12, 130},
		"deploy":   {0, 1, 2, 10, 11, 12, 130},
		"migrate":  append([]exit.Status{0, 1, 2, 10, 12, 130}, migrations...),
		"rollback": append([]exit.Status{0, 1, 2, 10, 11, 12, 130}, migrations...),
	}
	for _, line := range []string{"", "--help", "help", "staging", "staging --help"} {
		out, err := try(t, line)
		require.NoError(t, err, line)
		assert.Contains(t, out, "Usage:", line)
	}
	list, err := try(t, "staging --help")
	require.NoError(t, err)
	for name, want := range told {
		out, err := try(t, "ENV "+name+" --help")
		require.NoError(t, err)
		assert.Contains(t, out, "wallet ENV "+name+" [flags]")
		assert.Contains(t, out, "\n"+exit.Explain(want...)+"\n\n", name)
		assert.Contains(t, list, "\n  "+name+" ")
	}
	assert.Len(t, told, len(verbs), "a verb whose exit statuses nobody has judged")
}
