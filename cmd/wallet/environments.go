package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/newenv"
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
environment has, its line in config.All and its jobs in the workflows; all of it or
nothing. What is not given here stays empty there, and the validation names it.`

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
			plan, err := newenv.Prepare(root, choice)
			if err != nil {
				return err
			}
			if err := plan.Write(); err != nil {
				return err
			}
			return told(command.OutOrStdout(), root, choice, plan)
		},
	}
	flags := command.Flags()
	flags.StringVar(&choice.Account, "account", "", "the AWS account's `number`")
	flags.StringVar(&choice.Domain, "domain", "", "the hosted zone's domain `name`: the API answers at api.NAME")
	flags.StringVar(&choice.HostedZone, "hosted-zone", "", "the hosted zone's `ID`")
	return command
}

// told says what was written, and what is left.
func told(out io.Writer, root string, choice newenv.Choice, plan newenv.Plan) error {
	for _, file := range plan.Files {
		path, err := filepath.Rel(root, file.Path)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", path)
	}
	fmt.Fprintf(out, "Its network is %s. Left for a person:\n", plan.Network)
	for _, field := range plan.Left {
		fmt.Fprintln(out, "  -", field)
	}
	fmt.Fprintf(out, `  - read the rest of config/%[1]s.go: its sizes, tags and addresses are staging's
  - GitHub's environment %[1]s with its reviewers, and the account's trust: scripts/identity.sh %[1]s deploy
Next: make lock update, which writes what follows from its templates; then go tool wallet %[1]s deploy --dry-run (docs/DEPLOYMENT.md)
`, choice.Name)
	return nil
}
