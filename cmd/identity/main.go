// Command identity is a CDK app of its own: whom an AWS account trusts to deploy
// the wallet. An administrator deploys it with scripts/identity.sh; the pipeline
// never does.
package main

import (
	"github.com/aws/jsii-runtime-go"
	"github.com/spf13/cobra"

	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
	"wallet-infra/stacks"
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	var context []string
	command := &cobra.Command{
		Use:   "identity",
		Short: "Synthesize whom an AWS account trusts to deploy",
		Long:  "Synthesize whom an AWS account trusts to deploy.\n\n" + exit.Explain(exit.Done, exit.Refused),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			defer jsii.Close()
			return stacks.RunIdentity("cdk.json", context)
		},
	}
	command.Flags().StringSliceVarP(&context, "context", "c", nil, "a context `key=value`: env; may be repeated")
	return command
}
