// Command drill rehearses the loss of the primary region with the plans and
// resources of the synthesized templates (docs/DISASTER-RECOVERY.md#the-drill).
// It acts at the endpoint on this machine that AWS_ENDPOINT_URL names, or at a
// fake in this process. `drill follow` starts and follows the real plan in an
// account instead.
package main

import (
	"github.com/spf13/cobra"

	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

func main() { cli.Main(command()) }

// errFailed is a drill of which a check failed; the table says which.
var errFailed = exit.With(exit.CheckFailed, "a check failed")

func command() *cobra.Command {
	root := &cobra.Command{
		Use: "drill", Short: "Rehearse the loss of the primary region",
		Long: "Rehearse the loss of the primary region.\n\n" + exit.Explain(exit.Done, exit.Refused, exit.CheckFailed, exit.Failed, exit.Declined, exit.Interrupted),
	}
	options := &options{}
	flags := root.PersistentFlags()
	flags.StringVar(&options.assembly, "assembly", "cdk.out", "the `directory` that synthesis wrote")
	flags.StringVar(&options.environment, "environment", "production", "the environment `name`")
	flags.StringVar(&options.report, "report", "build/drill", "the `directory` for reports and journals")
	flags.BoolVarP(&options.quiet, "quiet", "q", false, "print the table alone")
	root.AddCommand(runCommand(options), faultsCommand(options), allCommand(options), followCommand(options))
	return root
}
