// Command summary prints what a synthesis wrote: the stacks of each environment
// with their sizes beside CloudFormation's limits, the validator's findings, and
// what to run next.
package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

// CloudFormation's limits for one stack:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxResources     = 500
	maxTemplateBytes = 1_000_000 // for a template in S3, where the CDK CLI puts it
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	var dir string
	var list bool
	command := &cobra.Command{
		Use:   "summary",
		Short: "Print what a synthesis wrote, and what to run next",
		Long:  "Print what a synthesis wrote, and what to run next.\n\n" + exit.Explain(exit.Done, exit.Refused, exit.CheckFailed),
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if list {
				return listTemplates(command.OutOrStdout(), dir)
			}
			return summarize(command.OutOrStdout(), dir)
		},
	}
	command.Flags().StringVar(&dir, "assembly", "cdk.out", "the `directory` that synthesis wrote")
	command.Flags().BoolVar(&list, "templates", false, "print only each template's region and path, for other tools")
	return command
}

// summarize writes the summary. It fails when there is no stack, when a stack is
// over a limit of CloudFormation, or when the validator has an open finding.
func summarize(out io.Writer, dir string) error {
	stacks, err := cfn.Read(dir)
	if err != nil {
		return err
	}
	if len(stacks) == 0 {
		return fmt.Errorf("no stack in %s", dir)
	}
	var problems []string
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nSTACK\tREGION\tRESOURCES of %d\tTEMPLATE KB of %d\t\n", maxResources, maxTemplateBytes/1000)
	environments, total, last := []string{}, 0, ""
	for _, stack := range stacks {
		environment, _, _ := strings.Cut(stack.ID, "/")
		if environment != last {
			environments, last = append(environments, environment), environment
		}
		resources := len(stack.Template.Resources)
		total += resources
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t\n", stack.ID, stack.Region, resources, len(stack.Raw)/1000)
		if resources > maxResources || len(stack.Raw) > maxTemplateBytes {
			problems = append(problems, stack.ID+" is over a limit of CloudFormation")
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	findings, err := openFindings(dir)
	if err != nil {
		return err
	}
	problems = append(problems, findings...)
	fmt.Fprintf(out, "\n%d environments, %d stacks, %d resources. The templates are in %s.\n",
		len(environments), len(stacks), total, filepath.Join(dir, "assembly-*"))
	if len(problems) > 0 {
		return exit.With(exit.CheckFailed, "%s", strings.Join(problems, "\n"))
	}
	fmt.Fprintf(out, "CloudFormation Validate has no open finding.\n\n")
	fmt.Fprintf(out, "Next: make test, then, with credentials, scripts/deploy.sh %s --dry-run (docs/DEPLOYMENT.md)\n", firstToDeploy(environments))
	return nil
}

// listTemplates prints a line for each template: its region and its path.
func listTemplates(out io.Writer, dir string) error {
	stacks, err := cfn.Read(dir)
	for _, stack := range stacks {
		fmt.Fprintln(out, stack.Region, stack.Path)
	}
	return err
}

// firstToDeploy is the name of the environment to begin with: config lists them in the
// order in which a release goes through them.
func firstToDeploy(stages []string) string {
	for _, env := range config.All() {
		if slices.ContainsFunc(stages, func(stage string) bool { return strings.EqualFold(stage, env.Name) }) {
			return env.Name
		}
	}
	return strings.ToLower(stages[0])
}

// openFindings renders the validator's findings, one line each.
func openFindings(dir string) ([]string, error) {
	findings, err := cfn.Findings(dir)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, finding := range findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s (%s)", finding.Severity, finding.Rule, finding.Description, finding.Construct))
	}
	return lines, nil
}
