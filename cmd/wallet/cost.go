package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cost"
	"wallet-infra/internal/exit"
)

func newCost(s *scope) *cobra.Command {
	command := s.command(task{
		use: "cost", short: "Print what the templates cost in a month before anyone uses them", long: `
Prices the last synthesis at the prices in internal/cost. The table in
docs/COST-OPTIMIZATION.md is the same, of every environment.`,
		statuses: []exit.Status{exit.Done, exit.Refused},
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
		table, err := cost.Report(stacks, prices)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, table)
		return err
	})
	takes(command, s.takesAssembly, s.takesJSON)
	return command
}
