// Command wallet-infra writes the CloudFormation templates of the wallet
// platform. The CDK CLI runs it; `go run .` does the same without the CLI.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/aws/jsii-runtime-go"

	"wallet-infra/stacks"
)

func main() {
	var context []string
	flag.Func("c", "a context `key=value`: env or imageTag; may be repeated", func(value string) error {
		context = append(context, value)
		return nil
	})
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "wallet-infra: want no argument but -c key=value, got %q\n", flag.Args())
		os.Exit(1)
	}
	err := stacks.Run("cdk.json", context)
	jsii.Close()
	if err != nil {
		fmt.Fprintf(os.Stderr, "wallet-infra: %v\n", err)
		os.Exit(1)
	}
}
