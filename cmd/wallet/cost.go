package main

import (
	"context"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cost"
	"wallet-infra/internal/exit"
)

func newCost(s *scope) *cobra.Command {
	var command *cobra.Command
	command = s.command(task{
		use: "cost", short: "Print what the templates cost in a month before anyone uses them", long: `
Prices the last synthesis at the prices in internal/cost. The table in
docs/COST-OPTIMIZATION.md is the same, of every environment.`,
		statuses: []exit.Status{exit.Done, exit.Refused},
		judge:    func() error { return exclusive(command, []string{"json", "markdown"}) },
	}, func(context.Context) error {
		stacks, err := s.built()
		if err != nil {
			return err
		}
		prices, err := cost.LoadPrices()
		if err != nil {
			return err
		}
		if s.json {
			bill, err := cost.Calculate(stacks, prices)
			if err != nil {
				return err
			}
			return printJSON(s.out, bill)
		}
		report, err := cost.Report(stacks, prices)
		if err != nil {
			return err
		}
		return s.print(report + "\n")
	})
	takes(command, s.takesAssembly, s.takesJSON, s.takesMarkdown)
	return command
}
