package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"wallet-infra/internal/exit"
)

func newEnvironments() *cobra.Command {
	const short = "List the environments, in the order in which a release goes through them"
	return &cobra.Command{
		Use: "environments", Short: short, Args: cobra.NoArgs,
		Long: short + ".\n\n" + exit.Explain(exit.Done, exit.Refused),
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
