package main

import "github.com/spf13/cobra"

// newDrill groups what is done with the real Region switch plans.
func newDrill(s *scope) *cobra.Command {
	command := &cobra.Command{
		Use: "drill", Short: "Start the real Region switch plan, or ask whether it would go through", Args: known,
	}
	command.AddCommand(newFollow(s), newEvaluation(s))
	return command
}
