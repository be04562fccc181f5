// Command identity is a CDK app of its own: whom an AWS account trusts to deploy
// the wallet. An administrator deploys it with scripts/identity.sh; the pipeline
// never does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/aws/jsii-runtime-go"

	"wallet-infra/stacks"
)

func main() {
	err := run(os.Args[1:])
	jsii.Close()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "identity: %v\n", err)
		os.Exit(1)
	}
}

// run reads the command line and synthesizes.
func run(arguments []string) error {
	var context []string
	flags := flag.NewFlagSet("identity", flag.ContinueOnError)
	flags.Func("c", "a context `key=value`: env; may be repeated", func(value string) error {
		context = append(context, value)
		return nil
	})
	if err := flags.Parse(arguments); err != nil {
		return err // the flag package has printed the usage
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("want no argument but -c key=value, got %q", flags.Args())
	}
	return stacks.RunIdentity("cdk.json", context)
}
