package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// program is what all commands share.
type program struct {
	in       io.Reader
	terminal bool // somebody can answer at in
	root     string
}

// verbs are the commands that act on one environment.
var verbs = []func(*scope) *cobra.Command{
	newDeploy, newStatus, newMigrate, newRollback, newDestroy, newRestore, newPassword,
	newChanges, newDrift, newCost, newSummary, newPipeline, newDrill,
}

// anyEnvironment is the word in place of an environment's name in the help of a verb.
const anyEnvironment = "ENV"

// newCommand makes the command line: the environment, and then what to do with it.
func newCommand(in io.Reader, terminal bool) *cobra.Command {
	p := &program{in: in, terminal: terminal}
	cobra.EnableCommandSorting = false
	names := environments()
	some := p.commands(anyEnvironment)
	some.Hidden = true
	root := &cobra.Command{
		Use:   "wallet",
		Short: "Deploy, watch and remove the environments of the wallet platform",
		Args: func(_ *cobra.Command, words []string) error {
			if len(words) == 0 {
				return nil
			}
			if verb, _, err := some.Find(words[:1]); err == nil && verb != some {
				return fmt.Errorf("want the environment first: wallet %s %s", names[0], words[0])
			}
			problem := unknownEnvironment(words[0])
			switch verb, rest, err := some.Find(words[1:]); {
			case err != nil || len(words) == 1:
				return problem
			case verb == some && !strings.HasPrefix(rest[0], "-"):
				return errors.Join(problem, known(some, rest))
			default:
				return errors.Join(problem, cli.Unknown(verb, rest))
			}
		},
	}
	root.Long = root.Short + ".\n\nThe environment comes first: wallet " + names[0] + " deploy. What can be done with one:\n\n" + list(some)
	root.PersistentFlags().StringVar(&p.root, "root", "", "the repository's root `directory` (default: the one around the working directory)")
	for _, name := range names {
		root.AddCommand(p.commands(name))
	}
	root.AddCommand(newEnvironments(), newNewEnv(p), some)
	return root
}

// environments are their names, in config's order.
func environments() []string {
	var names []string
	for _, env := range config.All() {
		names = append(names, env.Name)
	}
	return names
}

func unknownEnvironment(name string) error {
	return fmt.Errorf("unknown environment %q (known: %s)%s", name, strings.Join(environments(), ", "), cli.Suggest(name, environments()...))
}

// known refuses a word that chooses none of the commands below.
func known(command *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	var names []string
	for _, below := range command.Commands() {
		names = append(names, below.Name())
	}
	return fmt.Errorf("unknown command %q (%s --help lists them)%s", words[0], command.CommandPath(), cli.Suggest(words[0], names...))
}

// list are the commands below one, for a help text.
func list(command *cobra.Command) string {
	var lines []string
	for _, below := range command.Commands() {
		lines = append(lines, fmt.Sprintf("  %-11s %s", below.Name(), below.Short))
	}
	return strings.Join(lines, "\n")
}

// commands makes the commands of one environment.
func (p *program) commands(name string) *cobra.Command {
	command := &cobra.Command{Use: name, Short: "What can be done with " + name, Args: known}
	for _, verb := range verbs {
		command.AddCommand(verb(&scope{program: p, name: name}))
	}
	return command
}

// directory is the repository's root.
func (p *program) directory() (string, error) {
	if p.root != "" {
		return filepath.Abs(p.root)
	}
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cdk.json")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("--root: no repository around %s: want the directory that holds cdk.json", at)
		}
	}
}

// scope is a verb in one environment, and the flags that several verbs have.
type scope struct {
	*program
	name string

	// What is known once the flags were judged: the environment with the image tag of
	// the command line, the repository's root, and where the output goes.
	env  config.Environment
	dir  string
	out  io.Writer
	next string // what to go on with

	cdk, imageTag, assembly string
	asCaller, yes, json     bool
	dryRun, markdown        bool
	wait                    time.Duration
	stacks                  []string
}

// task is a verb: how it is called, what its help says, and how it may end.
type task struct {
	use, short, long string
	statuses         []exit.Status
	// judge says all that is wrong with the flags, before anything is asked or read.
	judge func() error
	// unasked says that a run puts no question to anybody.
	unasked func() bool
	// next is the verb to go on with after a run that ended well, if there is one. After a
	// dry run it is this one.
	next string
}

// command makes a verb of a task.
func (s *scope) command(t task, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: t.use, Short: t.short, Args: cobra.NoArgs,
		Long:    explained(t.short, t.long, t.statuses...),
		PreRunE: func(command *cobra.Command, _ []string) error { return s.judge(command, t) },
		RunE: func(command *cobra.Command, _ []string) error {
			s.next = t.next
			if s.dryRun {
				s.next = t.use
			}
			err := run(command.Context())
			if err == nil && s.next != "" {
				_, err = fmt.Fprintf(s.out, "Next: go tool wallet %s %s\n", s.name, s.next)
			}
			return err
		},
	}
}

// explained is the help of a command.
func explained(short, long string, statuses ...exit.Status) string {
	return short + ".\n\n" + strings.TrimLeft(strings.TrimSpace(long)+"\n\n", "\n") + exit.Explain(statuses...)
}

// judge says all that is wrong with the environment and with the flags.
func (s *scope) judge(command *cobra.Command, t task) error {
	if !slices.Contains(environments(), s.name) {
		return unknownEnvironment(s.name)
	}
	var problems []error
	note := func(err error) { problems = append(problems, err) }
	var err error
	s.out = command.OutOrStdout()
	s.dir, err = s.directory()
	note(err)
	s.assembly = cmp.Or(s.assembly, filepath.Join(s.dir, "cdk.out"))
	if s.env, err = account.Choose(s.name, s.imageTag); err != nil {
		note(err)
		s.env, _ = account.Choose(s.name, "") // by which the rest is judged
	}
	if s.wait < 0 {
		note(fmt.Errorf("--wait: want 0s or more, got %s", s.wait))
	}
	if command.Flag("yes") != nil && !s.terminal && !s.yes && !s.dryRun && (t.unasked == nil || !t.unasked()) {
		note(errors.New("nobody can be asked without a terminal: add --yes"))
	}
	if flag := command.Flag("assembly"); flag == nil || !flag.Changed { // else the synthesis that is given knows them
		note(stacks.Check(s.env, s.stacks))
	}
	if t.judge != nil {
		note(t.judge())
	}
	return errors.Join(problems...)
}

// deliver makes a verb that acts on what is deployed, with all that a deployment needs.
func (s *scope) deliver(t task, run func(context.Context, cdk.Session) error) *cobra.Command {
	command := s.command(t, func(ctx context.Context) error {
		opened, err := account.Open(ctx, s.env, s.asCaller)
		if err != nil {
			return err
		}
		return run(ctx, cdk.Session{
			Env: s.env, Account: opened, Wait: s.wait,
			Console: console.Console{Out: s.out, In: bufio.NewReader(s.in), Terminal: s.terminal},
			CDK:     cdk.New(cmp.Or(s.cdk, s.pinnedCLI()), s.dir, s.out),
		})
	})
	command.Flags().StringVar(&s.cdk, "cdk", "", "the CDK CLI's `path` (default: the pinned one in node_modules)")
	s.takesAsCaller(command)
	return command
}

// pinnedCLI is the CDK CLI that package-lock.json names.
func (s *scope) pinnedCLI() string { return filepath.Join(s.dir, "node_modules", ".bin", "cdk") }

// built reads the environment's stacks in the synthesis, of which there must be one.
func (s *scope) built() ([]cfn.Stack, error) {
	stacks, err := cfn.Read(s.assembly)
	own := slices.DeleteFunc(stacks, func(stack cfn.Stack) bool {
		return !strings.HasPrefix(stack.Name, s.env.Names().StackName(""))
	})
	if len(own) == 0 && err == nil {
		err = fmt.Errorf("%s holds no stack of %s: make synth ENV=%s writes them", s.assembly, s.name, s.name)
	}
	return own, err
}

// takes gives a verb some of the flags that several verbs have, which follow.
func takes(command *cobra.Command, flags ...func(*cobra.Command)) {
	for _, flag := range flags {
		flag(command)
	}
}

func (s *scope) takesImageTag(command *cobra.Command) {
	command.Flags().StringVar(&s.imageTag, "image-tag", "", "the release's `tag` (default: Site.ImageTag)")
}

func (s *scope) takesYes(command *cobra.Command) {
	command.Flags().BoolVar(&s.yes, "yes", false, "do not ask")
}

func (s *scope) takesDryRun(command *cobra.Command) {
	command.Flags().BoolVar(&s.dryRun, "dry-run", false, "look, show what would be done, and change nothing")
}

func (s *scope) takesAsCaller(command *cobra.Command) {
	command.Flags().BoolVar(&s.asCaller, "as-caller", false, "read with your own permissions, not through the bootstrap's lookup role")
}

func (s *scope) takesWait(command *cobra.Command) {
	command.Flags().DurationVar(&s.wait, "wait", 0, "how long to wait for what CloudFormation does already, such as 1h")
}

func (s *scope) takesStacks(command *cobra.Command) {
	command.Flags().StringSliceVar(&s.stacks, "stack", nil, "only this `stack`; may be repeated")
}

func (s *scope) takesAssembly(command *cobra.Command) {
	command.PersistentFlags().StringVar(&s.assembly, "assembly", "", "the `directory` that synthesis wrote (default: the repository's cdk.out)")
}

func (s *scope) takesJSON(command *cobra.Command) {
	command.Flags().BoolVar(&s.json, "json", false, "print JSON, for a program")
}

func (s *scope) takesMarkdown(command *cobra.Command) {
	command.Flags().BoolVar(&s.markdown, "markdown", false, "print Markdown, for a comment")
}

// print writes a report, which is Markdown, as it is asked for.
func (s *scope) print(report string) error {
	if !s.markdown {
		report = console.Plain(report)
	}
	_, err := fmt.Fprint(s.out, report)
	return err
}

// printJSON writes a value for a program.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// required fails for each flag that is not given.
func required(command *cobra.Command, names ...string) error {
	var problems []error
	for _, name := range names {
		if flag := command.Flag(name); !flag.Changed {
			what, _ := pflag.UnquoteUsage(flag)
			problems = append(problems, fmt.Errorf("--%s: want the %s, got none", name, what))
		}
	}
	return errors.Join(problems...)
}

// absolute makes paths independent of the working directory: the CDK CLI runs in the
// repository's root, wherever this was called.
func absolute(paths ...*string) error {
	for _, path := range paths {
		if *path == "" {
			continue
		}
		made, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = made
	}
	return nil
}

// exclusive is [cli.Exclusive] of several groups of flags.
func exclusive(command *cobra.Command, groups ...[]string) error {
	var problems []error
	for _, names := range groups {
		problems = append(problems, cli.Exclusive(command, names...))
	}
	return errors.Join(problems...)
}
