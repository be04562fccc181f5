// Command drill rehearses the loss of the primary region with the plans and
// resources of the synthesized templates (docs/DISASTER-RECOVERY.md#the-drill).
// It acts at the endpoint on this machine that AWS_ENDPOINT_URL names, or at a
// fake in this process. `drill follow` starts and follows the real plan in an
// account instead. Its exit status is 1 where a check failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errFailed) { // the table says which checks
			fmt.Fprintln(os.Stderr, "drill:", err)
		}
		os.Exit(1)
	}
}

// errFailed is a drill of which a check failed.
var errFailed = errors.New("a check failed")

func command() *cobra.Command {
	root := &cobra.Command{
		Use: "drill", Short: "Rehearse the loss of the primary region",
		SilenceUsage: true, SilenceErrors: true,
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
