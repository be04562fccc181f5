package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cdk"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/newenv"
	"wallet-infra/internal/progress"
)

func newEnvironments() *cobra.Command {
	const short = "List the environments, in the order in which a release goes through them"
	return &cobra.Command{
		Use: "environments", Short: short, Args: cobra.NoArgs,
		Long: explained(short, "", exit.Done, exit.Refused),
		RunE: func(command *cobra.Command, _ []string) error {
			for _, name := range environments() {
				if _, err := fmt.Fprintln(command.OutOrStdout(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

const newEnvHelp = `
Writes config/NAME.go in staging's form, with the first block of 10.0.0.0/8 that no
environment has, its line in config.All and its jobs in the workflows. What is not
given here stays empty there, and the validation names it. Where nothing is left out it
goes on with make lock update, which writes the lock and the generated parts of the
documents: minutes. All of it is written, or nothing.`

func newNewEnv(p *program) *cobra.Command {
	var choice newenv.Choice
	const short = "Write what a new environment needs, and say what is left for a person"
	command := &cobra.Command{
		Use: "new-env NAME", Short: short,
		Long: explained(short, newEnvHelp, exit.Done, exit.Refused),
		Args: func(_ *cobra.Command, words []string) error {
			if len(words) != 1 {
				return fmt.Errorf("want the name of one environment, got %q", words)
			}
			return nil
		},
		RunE: func(command *cobra.Command, words []string) error {
			root, err := p.directory()
			if err != nil {
				return err
			}
			choice.Name = words[0]
			if slices.Contains([]string{"environments", "help"}, choice.Name) {
				return fmt.Errorf("want another name than that of a command, which wallet %[1]s would run, got %[1]q", choice.Name)
			}
			plan, err := newenv.Prepare(root, choice)
			if err != nil {
				return err
			}
			if err := plan.Write(func() error {
				if len(plan.Left) > 0 { // its templates cannot be made yet
					return nil
				}
				return generate(command.Context(), root, command.ErrOrStderr())
			}); err != nil {
				return fmt.Errorf("%w: nothing was written", err)
			}
			told(command.OutOrStdout(), choice, plan)
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&choice.Account, "account", "", "the AWS account's `number`")
	flags.StringVar(&choice.Domain, "domain", "", "the hosted zone's domain `name`: the API answers at api.NAME")
	flags.StringVar(&choice.HostedZone, "hosted-zone", "", "the hosted zone's `ID`")
	return command
}

// generate writes what follows from the templates.
func generate(ctx context.Context, root string, out io.Writer) error {
	defer progress.Doing(ctx, "make lock update")()
	command := exec.CommandContext(ctx, "make", "--directory", root, "lock", "update")
	command.Stdout, command.Stderr = out, out
	if err := cdk.RunGroup(command); err != nil {
		return fmt.Errorf("make lock update: %w", err)
	}
	return nil
}

// told says what was written, and what is left.
func told(out io.Writer, choice newenv.Choice, plan newenv.Plan) {
	for _, file := range plan.Files {
		fmt.Fprintln(out, "wrote", file.Path)
	}
	fmt.Fprintf(out, "Its network is %s. Left for a person:\n", plan.Network)
	for _, field := range plan.Left {
		fmt.Fprintln(out, "  -", field)
	}
	next := "fill it in, then make lock update, which writes what follows from its templates; then "
	if len(plan.Left) == 0 {
		next = "git diff, then "
	}
	fmt.Fprintf(out, `  - read the rest of config/%[1]s.go: its sizes, tags and addresses are staging's
  - GitHub's environment %[1]s with its reviewers, and the account's trust: scripts/identity.sh %[1]s deploy
Next: %[2]sgo tool wallet %[1]s deploy --dry-run (docs/DEPLOYMENT.md)
`, choice.Name, next)
}
