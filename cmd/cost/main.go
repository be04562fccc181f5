// Command cost prints what synthesized templates cost in a month before anyone
// uses them. The table in docs/COST-OPTIMIZATION.md is the same; a test fails
// when it is out of date, and `make update` rewrites it.
package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/cost"
	"wallet-infra/internal/exit"
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "cost",
		Short: "Print what synthesized templates cost in a month before anyone uses them",
		Long:  "Print what synthesized templates cost in a month before anyone uses them.\n\n" + exit.Explain(exit.Done, exit.Refused),
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return run(command.OutOrStdout(), dir)
		},
	}
	command.Flags().StringVar(&dir, "assembly", "cdk.out", "the `directory` that synthesis wrote")
	return command
}

func run(out io.Writer, dir string) error {
	stacks, err := cfn.Read(dir)
	if err != nil {
		return err
	}
	prices, err := cost.LoadPrices()
	if err != nil {
		return err
	}
	table, err := cost.Report(stacks, prices)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, table)
	return nil
}
