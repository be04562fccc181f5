package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
)

// CloudFormation's limits for one stack:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxResources     = 500
	maxTemplateBytes = 1_000_000 // for a template in S3, where the CDK CLI puts it
)

// summary is what a synthesis wrote for one environment.
type summary struct {
	Environment string         `json:"environment"`
	Stacks      []stackSummary `json:"stacks"`
	Problems    []string       `json:"problems"` // limits that are passed, open findings
}

// stackSummary is one stack with its size.
type stackSummary struct {
	ID        string `json:"id"` // in the construct tree
	Name      string `json:"name"`
	Region    string `json:"region"`
	Template  string `json:"template"` // its path
	Resources int    `json:"resources"`
	Bytes     int    `json:"bytes"` // of the template
}

func newSummary(s *scope) *cobra.Command {
	var list bool
	var command *cobra.Command
	command = s.command(task{
		use: "summary", short: "Print what a synthesis wrote, and what to run next", long: `
The stacks with their sizes beside CloudFormation's limits, and the validator's findings.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.CheckFailed},
		judge:    func() error { return exclusive(command, []string{"json", "list"}) },
	}, func(context.Context) error {
		if list {
			stacks, err := s.built()
			for _, stack := range stacks {
				fmt.Fprintln(s.out, stack.Region, stack.Name, stack.Path)
			}
			return err
		}
		found, err := s.summarize()
		if err != nil {
			return err
		}
		if s.json {
			err = printJSON(s.out, found)
		} else {
			err = found.print(s.out)
		}
		if err == nil && len(found.Problems) > 0 {
			err = exit.With(exit.CheckFailed, "%s", strings.Join(found.Problems, "\n"))
		}
		return err
	})
	takes(command, s.takesAssembly, s.takesJSON)
	command.Flags().BoolVar(&list, "list", false, "print only each stack's region, name and template, for other tools")
	return command
}

// summarize reads the synthesis and judges it.
func (s *scope) summarize() (summary, error) {
	found := summary{Environment: s.name, Problems: []string{}}
	stacks, err := s.built()
	if err != nil {
		return found, err
	}
	for _, stack := range stacks {
		one := stackSummary{ID: stack.ID, Name: stack.Name, Region: stack.Region, Template: stack.Path, Resources: len(stack.Template.Resources), Bytes: len(stack.Raw)}
		found.Stacks = append(found.Stacks, one)
		if one.Resources > maxResources || one.Bytes > maxTemplateBytes {
			found.Problems = append(found.Problems, stack.ID+" is over a limit of CloudFormation")
		}
	}
	findings, err := cfn.Findings(s.assembly)
	for _, finding := range findings {
		found.Problems = append(found.Problems, fmt.Sprintf("%s %s: %s (%s)", finding.Severity, finding.Rule, finding.Description, finding.Construct))
	}
	return found, err
}

// print writes a table, and what to run next where nothing is wrong.
func (f summary) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nSTACK\tREGION\tRESOURCES of %d\tTEMPLATE KB of %d\t\n", maxResources, maxTemplateBytes/1000)
	total := 0
	for _, stack := range f.Stacks {
		total += stack.Resources
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t\n", stack.ID, stack.Region, stack.Resources, stack.Bytes/1000)
	}
	fmt.Fprintf(table, "%d stacks\t\t%d\t\t\n", len(f.Stacks), total)
	if err := table.Flush(); err != nil || len(f.Problems) > 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "\nCloudFormation Validate has no open finding.\nNext: make test, then, with credentials, go tool wallet %s deploy --dry-run (docs/DEPLOYMENT.md)\n", f.Environment)
	return err
}
