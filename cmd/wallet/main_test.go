package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

// call runs a command line for a person who answers, or for a program (nobody), and
// returns what it printed.
func call(answer string, terminal bool, arguments ...string) (string, error) {
	var out bytes.Buffer
	command := newCommand(strings.NewReader(answer), terminal)
	command.SetOut(&out)
	command.SetErr(&out)
	err := cli.Execute(context.Background(), command, arguments)
	return out.String(), err
}

// try runs a command line that must end before it asks AWS, or a person, anything.
func try(t *testing.T, line string) (string, error) {
	t.Helper()
	return tryAt(t, line, true)
}

func tryAt(t *testing.T, line string, terminal bool) (string, error) {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // nobody answers there
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var arguments []string
	for _, word := range strings.Fields(line) {
		arguments = append(arguments, strings.ReplaceAll(word, `""`, ""))
	}
	return call("", terminal, arguments...)
}

// knownNames are the environments, in the order of config.
func knownNames() string {
	var names []string
	for _, env := range config.All() {
		names = append(names, env.Name)
	}
	return strings.Join(names, ", ")
}

func TestACommandLineThatIsNotUnderstoodChangesNothing(t *testing.T) {
	for line, want := range map[string]string{
		"deploy":                                                        "want the environment first: wallet staging deploy",
		"deploy staging --yes":                                          "want the environment first: wallet staging deploy",
		"--root . nowhere deploy":                                       `unknown environment "nowhere" (known: ` + knownNames() + ")",
		"--root . staging deplyo":                                       `unknown command "deplyo"`,
		"new-env":                                                       "want the name of one environment, got []",
		"new-env not-a-name --account 12":                               "Site.Account: want 12 digits",
		"new-env not-a-name":                                            "not-a-name: Name: ",
		"new-env help":                                                  "want another name than that of a command",
		"new-env environments":                                          "want another name than that of a command",
		"new-env staging":                                               "staging.go exists already",
		"environments staging":                                          `unknown command "staging"`,
		"staging deploy extra":                                          `unknown command "extra" for "wallet staging deploy"`,
		"nowhere deploy --yes":                                          `unknown environment "nowhere" (known: ` + knownNames() + ")",
		"ENV deploy":                                                    `unknown environment "ENV" (known: ` + knownNames() + ")",
		"staging deplyo --yes":                                          `unknown command "deplyo" (wallet staging --help lists them); did you mean deploy?`,
		"staging deploy --forse":                                        "unknown flag: --forse; did you mean --force?",
		"staging deploy --wait":                                         "--wait: want a value, got none",
		"staging deploy --stack Nope":                                   `--stack: unknown stack "Nope": want some of Registry, `,
		"staging destroy --stack Computer":                              `did you mean Compute?`,
		"staging deploy --stack DR-Compute":                             `unknown stack "DR-Compute"`,
		"stagin deploy":                                                 "; did you mean staging?",
		"staging deploy --wait 1x":                                      `--wait: want a duration such as 90s or 1h, got "1x"`,
		"staging deploy --image-tag bad/tag":                            "Site.ImageTag: want a tag",
		"staging deploy --prepare a --execute b":                        "--prepare, --execute: want at most one of them",
		"staging deploy --prepare a --dry-run":                          "--prepare, --dry-run: want at most one of them",
		"staging deploy --execute b --image-tag 1.0.0":                  "--execute, --image-tag: want",
		"staging deploy --execute b --assembly a":                       "--execute, --assembly: want",
		"staging deploy --execute b --stack a":                          "--execute, --stack: want",
		"staging deploy --execute /nowhere/manifest.json":               "/nowhere/manifest.json: no such file",
		"staging destroy --image-tag 1.0.0":                             "unknown flag: --image-tag",
		"staging migrate --status --repair --version 1 --applied":       "--status, --repair: want",
		"staging migrate --repair --applied":                            "--repair goes with --version",
		"staging migrate --repair --version 1":                          "one of --applied and --not-applied",
		"staging migrate --applied":                                     "--repair goes with",
		"staging migrate --version 1":                                   "--repair goes with",
		"staging migrate --repair --version 1 --applied --not-applied":  "--applied, --not-applied: want",
		"staging migrate --repair --version x --applied":                `--version: want a whole number, got "x"`,
		"staging migrate --repair --version 0 --applied":                "--version: want a migration's, 1 or more, got 0",
		"staging deploy --wait -1s":                                     "--wait: want 0s or more, got -1s",
		"staging deploy --prepare 1":                                    "--prepare: want a name of at most 128 letters",
		"staging deploy --prepare a_b":                                  "--prepare: want a name of at most 128 letters",
		`staging deploy --prepare ""`:                                   "--prepare: want a value, got an empty one",
		`staging deploy --execute "" --prepare ""`:                      "--execute: want a value, got an empty one",
		`"" deploy --yes`:                                               `unknown environment ""`,
		"staging deploy --output a --assembly b":                        "--output, --assembly: want",
		"staging deploy --output a --execute b":                         "--execute, --output: want",
		"staging rollback --to bad/tag":                                 "--to: ",
		"staging rollback --check maybe":                                `--check: want task or hook, got "maybe"`,
		"staging restore":                                               "want one of --to-time and --snapshot",
		"staging restore --snapshot yesterday --yes":                    "--snapshot: want latest, or a recovery point",
		"staging restore --region eu-west-1":                            "--region: want sa-east-1 or us-east-1",
		"staging password --of database":                                `--of: want cache or kafka, got "database"`,
		"staging password --of cache --region us-east-1":                `--region: staging has no service in "us-east-1"`,
		"staging changes":                                               "--base: want the directory, got none",
		"staging changes --base a --json --markdown":                    "--json, --markdown: want",
		"staging summary --json --list":                                 "--json, --list: want",
		"staging pipeline --task administrator":                         `--task: want one of deploy, `,
		"staging pipeline --image-tag latest":                           "Site.ImageTag: want a tag",
		"production drill fly":                                          `unknown command "fly"`,
		"production drill follow":                                       "--plan-arn: want the ARN, got none",
		"production drill follow --plan-arn wallet-production-failover": "--plan-arn: want the ARN of a Region switch",
		"production drill follow --plan-arn a --mode gentle":            `--mode: want graceful or ungraceful, got "gentle"`,
		"production drill follow --plan-arn a --wait -1s":               "--wait: want 0s or more, got -1s",
		"production drill follow --plan-arn a --region eu-west-1":       "--region: want sa-east-1 or us-east-1",
		"staging remove":                                                `unknown command "remove"`,
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
	_, err = tryAt(t, "staging restore --snapshot nonsense/ --region eu-west-1", false)
	for _, want := range []string{"--snapshot: ", "--region: want", "add --yes"} {
		assert.ErrorContains(t, err, want)
	}
	_, err = try(t, "staging migrate --version x --image-tag= --yes --yes")
	for _, want := range []string{"--version: want a whole number", "--image-tag: want a value", "--yes: want it once"} {
		assert.ErrorContains(t, err, want)
	}
	_, err = try(t, "stagin deploy --dryrun --wait 1h")
	assert.EqualError(t, err, "unknown environment \"stagin\" (known: "+knownNames()+"); did you mean staging?\nunknown flag: --dryrun; did you mean --dry-run?")
	_, err = try(t, "stagin --hlp")
	assert.ErrorContains(t, err, "\nunknown flag: --hlp; did you mean --help?")
	_, err = try(t, "stagin deplyo")
	assert.EqualError(t, err, "unknown environment \"stagin\" (known: "+knownNames()+"); did you mean staging?\nunknown command \"deplyo\" (wallet ENV --help lists them); did you mean deploy?")
	_, err = try(t, "staging deploy extra --dryrun --stack Nope --prepare a_b --image-tag= --out here --wait")
	assert.EqualError(t, err, `unknown flag: --dryrun; did you mean --dry-run?
unknown flag: --out; did you mean --output or --root?
--wait: want a value, got none
--image-tag: want a value, got an empty one; leave the flag out if that is meant
--stack: unknown stack "Nope": want some of Registry, Network, Global, Data, Messaging, Compute, Observability, DR
--prepare: want a name of at most 128 letters, digits and hyphens that begins with a letter, got "a_b"`)
}

// Where nobody can answer, the question is not put after the sign-in.
func TestWithoutATerminalAQuestionIsRefusedBeforeAnythingIsRead(t *testing.T) {
	const nobody = "nobody can be asked without a terminal: add --yes"
	for line, want := range map[string]string{
		"staging deploy":   nobody,
		"staging destroy":  nobody,
		"staging migrate":  nobody,
		"staging rollback": nobody,
		"staging password": nobody,
		"staging restore":  nobody,
		"production drill follow --plan-arn arn:aws:arc-region-switch::999999999999:plan/p:1": nobody,
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
		"changes":  {0, 1, 13},
		"drift":    {0, 1, 13, 130},
		"cost":     {0, 1},
		"summary":  {0, 1, 14},
		"pipeline": {0, 1},
		"destroy":  {0, 1, 2, 10, 12, 130},
		"password": {0, 1, 2, 10, 12, 130},
		"restore":  {0, 1, 2, 10, 12, 130},
		"deploy":   {0, 1, 2, 10, 11, 12, 15, 130},
		"migrate":  append([]exit.Status{0, 1, 2, 10, 12, 130}, migrations...),
		"rollback": append([]exit.Status{0, 1, 2, 10, 11, 12, 15, 130}, migrations...),
	}
	for _, line := range []string{"", "--help", "help", "staging", "staging --help"} {
		out, err := try(t, line)
		require.NoError(t, err, line)
		assert.Contains(t, out, "Usage:", line)
	}
	out, err := try(t, "environments")
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(knownNames(), ", ", "\n")+"\n", out)
	list, err := try(t, "staging --help")
	require.NoError(t, err)
	for name, want := range told {
		out, err := try(t, "ENV "+name+" --help")
		require.NoError(t, err)
		assert.Contains(t, out, "wallet ENV "+name+" [flags]")
		assert.Contains(t, out, "\n"+exit.Explain(want...)+"\n\n", name)
		assert.Contains(t, list, "\n  "+name+" ")
	}
	for name, want := range map[string][]exit.Status{"follow": {0, 1, 10, 12, 130}, "evaluation": {0, 1, 13, 130}} {
		out, err := try(t, "ENV drill "+name+" --help")
		require.NoError(t, err)
		assert.Contains(t, out, "\n"+exit.Explain(want...)+"\n\n", name)
	}
	assert.Len(t, told, len(verbs)-1, "a verb whose exit statuses nobody has judged")
}

// A shell variable that is not set leaves an empty word: `--prepare "$NAME"` once
// deployed for real.
func TestNoVerbTakesAnEmptyOrARepeatedFlagForAnAbsentOne(t *testing.T) {
	tried := 0
	eachCommand(t, func(words []string, command *cobra.Command) {
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name == "help" {
				return
			}
			tried++
			for _, empty := range []string{"", " "} {
				_, err := call("", true, append(words, "--"+flag.Name+"="+empty)...)
				assert.ErrorContains(t, err, "--"+flag.Name+": want a value, got an empty one", words)
				assert.Equal(t, exit.Refused, exit.Of(err), words)
			}
			if _, list := flag.Value.(pflag.SliceValue); !list {
				_, err := call("", true, append(words, "--"+flag.Name+"=1", "--"+flag.Name+"=2")...)
				assert.ErrorContains(t, err, "--"+flag.Name+": want it once", words)
			}
		})
		for _, nonsense := range [][]string{{"--no-such-flag"}, {"--no-such-flag=1", "staging"}, {"no-such-word", "and another"}, {"-Z"}} {
			_, err := call("", true, append(words, nonsense...)...)
			if assert.Error(t, err, words) {
				assert.Equal(t, exit.Refused, exit.Of(err), words)
				assert.NotContains(t, err.Error(), "Usage:", words)
			}
		}
	})
	assert.Greater(t, tried, 60, "flags that were tried")
}

// One word for one thing: a person who knows a flag of one verb knows it of all.
func TestAFlagMeansTheSameInEveryVerb(t *testing.T) {
	kinds := map[string]map[string]string{}
	eachCommand(t, func(words []string, command *cobra.Command) {
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			placeholder, _ := pflag.UnquoteUsage(flag)
			if kinds[flag.Name] == nil {
				kinds[flag.Name] = map[string]string{}
			}
			kinds[flag.Name][placeholder] = strings.Join(words, " ")
		})
	})
	for name, found := range kinds {
		assert.Len(t, found, 1, "--%s takes several kinds of values", name)
	}
}

// eachCommand visits every command, of one environment.
func eachCommand(t *testing.T, visit func(words []string, command *cobra.Command)) {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	var walk func(words []string, command *cobra.Command)
	walk = func(words []string, command *cobra.Command) {
		visit(slices.Clip(words), command)
		for _, below := range command.Commands() {
			if below.Name() != "production" && !below.Hidden {
				walk(append(slices.Clip(words), below.Name()), below)
			}
		}
	}
	walk(nil, newCommand(strings.NewReader(""), true))
}

// Whoever works with it all day waits for it each time, and a machine without Node
// has no use for a library of constructs. `make synth` compiles the command for its last
// lines: EC2's client alone is a third of all the clients' code.
func TestTheCommandLinksNoCDKAndNoClientOfEC2(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(output)) {
		assert.NotRegexp(t, `aws-cdk-go|jsii|constructs-go|wallet-infra/(constructs|stacks)|aws-sdk-go-v2/service/ec2`, line)
	}
}

func TestANewEnvironmentIsWrittenAndWhatIsLeftIsSaid(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"config", ".github/workflows"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))))
	}
	out, err := call("", false, "--root", root, "new-env", "untried", "--account", "333333333333")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(root, "config/untried.go"))
	for _, want := range []string{"wrote config/untried.go\n", "wrote .github/workflows/main.yml\n", "  - untried: Site.HostedZone.ID: want ", "\nNext: fill it in, then make lock update"} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "Site.Account")
}

// The copy has no Makefile: what follows from the templates cannot be written.
func TestANewEnvironmentWithoutItsLockIsNotLeftBehind(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"config", ".github/workflows"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))))
	}
	_, err := call("", false, "--root", root, "new-env", "untried", "--account", "333333333333", "--domain", "untried.example.com", "--hosted-zone", "Z0123456789UNTRIED")
	assert.ErrorContains(t, err, "make lock update: ")
	assert.ErrorContains(t, err, "nothing was written")
	assert.NoFileExists(t, filepath.Join(root, "config/untried.go"))
	content, err := os.ReadFile(filepath.Join(root, ".github/workflows/main.yml"))
	require.NoError(t, err)
	assert.NotContains(t, string(content), "untried")
}
