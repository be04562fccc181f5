// Command wallet-infra writes the CloudFormation templates of the wallet
// platform. The CDK CLI runs it; `go run .` does the same without the CLI.
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
		fmt.Fprintf(os.Stderr, "wallet-infra: %v\n", err)
		os.Exit(1)
	}
}

// run reads the command line and synthesizes.
func run(arguments []string) error {
	var context []string
	flags := flag.NewFlagSet("wallet-infra", flag.ContinueOnError)
	flags.Func("c", "a context `key=value`: env or imageTag; may be repeated", func(value string) error {
		context = append(context, value)
		return nil
	})
	if err := flags.Parse(arguments); err != nil {
		return err // the flag package has printed the usage
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("want no argument but -c key=value, got %q", flags.Args())
	}
	return stacks.Run("cdk.json", context)
}
