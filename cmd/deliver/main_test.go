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

// try runs a command line that must end before it asks AWS anything.
func try(t *testing.T, line string) (string, error) {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // nobody answers there
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var out bytes.Buffer
	command := newCommand(strings.NewReader(""), false)
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
		"deploy":                                                  "want the name of one environment, got []",
		"deploy staging extra":                                    `got ["staging" "extra"]`,
		"deploy nowhere":                                          `unknown environment "nowhere" (known: `,
		"deploy staging --forse":                                  "unknown flag: --forse",
		"deploy staging --wait 1x":                                "invalid argument",
		"deploy staging --image-tag bad/tag":                      "Site.ImageTag: want a tag",
		"deploy staging --prepare a --execute b":                  "[execute prepare]",
		"deploy staging --execute b --image-tag 1.0.0":            "[execute image-tag]",
		"deploy staging --execute /nowhere/manifest.json":         "/nowhere/manifest.json: no such file",
		"destroy staging --image-tag 1.0.0":                       "unknown flag: --image-tag",
		"migrate staging --status --repair --version 1 --applied": "[repair status]",
		"migrate staging --repair --applied":                      "missing [version]",
		"migrate staging --repair --version 1":                    "one of --applied and --not-applied",
		"migrate staging --applied":                               "--repair goes with",
		"deploy staging --wait -1s":                               "--wait: want no less than 0s, got -1s",
		"deploy staging --prepare 1":                              "--prepare: want a name of at most 128 letters",
		"deploy staging --prepare a_b":                            "--prepare: want a name of at most 128 letters",
		`deploy staging --prepare ""`:                             "--prepare: want a value, got an empty one",
		`deploy staging --execute "" --prepare ""`:                "--execute: want a value, got an empty one",
		`deploy "" --yes`:                                         "want the name of an environment, got none",
		"deploy staging --output a --assembly b":                  "[assembly output]",
		"deploy staging --output a --execute b":                   "[execute output]",
		"migrate staging --repair --version 0 --applied":          "--version: want a migration's, 1 or more, got 0",
		"rollback staging --to bad/tag":                           "--to: ",
		"rollback staging --check maybe":                          "want task or hook, got maybe",
		"restore staging":                                         "want one of --to-time and --snapshot",
		"password staging --of database":                          `--of: want cache or kafka, got "database"`,
		"password staging --of cache --region us-east-1":          `--region: staging has no service in "us-east-1"`,
		"remove staging":                                          `unknown command "remove"`,
	} {
		_, err := try(t, line)
		if assert.Error(t, err, line) {
			assert.Contains(t, strings.ToLower(err.Error()), strings.ToLower(want), line)
			assert.Equal(t, exit.Refused, exit.Of(err), line)
		}
	}
}

func TestEveryCommandExplainsItselfWithItsExitStatuses(t *testing.T) {
	migrations := []exit.Status{3, 4, 5, 6, 7, 8, 9}
	for name, want := range map[string][]exit.Status{
		"status":   {0, 1, 2, 130},
		"destroy":  {0, 1, 2, 10, 12, 130},
		"password": {0, 1, 2, 10, 12, 130},
		"restore":  {0, 1, 2, 10, 12, 130},
		"deploy":   {0, 1, 2, 10, 11, 12, 130},
		"migrate":  append([]exit.Status{0, 1, 2, 10, 12, 130}, migrations...),
		"rollback": append([]exit.Status{0, 1, 2, 10, 11, 12, 130}, migrations...),
	} {
		out, err := try(t, name+" --help")
		require.NoError(t, err)
		assert.Contains(t, out, name+" ENV")
		assert.Contains(t, out, "\n"+exit.Explain(want...)+"\n\n", name)
	}
}
