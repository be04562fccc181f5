// Command local takes an environment through a whole life in an AWS emulator on
// this machine: bootstrap, deployment, a second one that changes nothing, a larger
// size, removal. `make deploy-local` runs it; see package internal/local for what
// it proves and what it does not.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/aws/jsii-runtime-go"
	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/local"
	"wallet-infra/stacks"
)

func main() { cli.Main(newCommand()) }

// options are the command's flags.
type options struct {
	env, dir string
	keep     bool
}

func newCommand() *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "local",
		Short: "Take an environment through a whole life in an AWS emulator on this machine",
		Long:  "Take an environment through a whole life in an AWS emulator on this machine.\n\n" + exit.Explain(exit.Done, exit.Refused, exit.CheckFailed, exit.Failed, exit.Interrupted),
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			defer jsii.Close()
			return o.run(command.Context())
		},
	}
	command.Flags().StringVar(&o.env, "env", "staging", "the `environment` to deploy")
	command.Flags().BoolVar(&o.keep, "keep", false, "leave it in the emulator")
	command.Flags().StringVar(&o.dir, "dir", filepath.Join("build", "local"), "the `directory` for assemblies and the log of the CDK CLI")
	return command
}

// run refuses what is not on this machine, or not there.
func (o options) run(ctx context.Context) error {
	environments, err := config.Select(config.All(), config.Choice{Env: o.env})
	if err != nil {
		return err
	}
	endpoint, err := local.Endpoint(ctx, os.Getenv("AWS_ENDPOINT_URL"), net.DefaultResolver.LookupNetIP)
	if err != nil {
		return err
	}
	if err := cli.Reachable(ctx, endpoint); err != nil {
		return err
	}
	return deploy(ctx, environments[0], endpoint, o.dir, o.keep)
}

// deploy runs, prints the table and writes the evidence beside the directory.
func deploy(ctx context.Context, env config.Environment, endpoint, dir string, keep bool) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "cdk.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cli, err := filepath.Abs(filepath.Join("node_modules", ".bin", "cdk"))
	if err != nil {
		return err
	}
	proxy, stop, err := local.Proxy(endpoint)
	if err != nil {
		return err
	}
	defer stop()
	report, err := local.Run(ctx, local.Options{
		Env:        env,
		Cloud:      local.NewCloud(endpoint, env.Site.Account, env.Primary.Name),
		CDK:        local.NewCLI(cli, proxy, env.Site.Account, env.Primary.Name, log),
		Synthesize: synthesize,
		Dir:        dir,
		Out:        os.Stdout,
		Keep:       keep,
	})
	report.Print(os.Stdout)
	path := filepath.Join(filepath.Dir(dir), "local-report.json")
	fmt.Printf("Evidence: %s; what the CDK CLI printed: %s\n", path, log.Name())
	if failed := report.Write(path); failed != nil && err == nil {
		err = failed
	}
	switch {
	case err == nil || exit.Of(err) == exit.Interrupted:
		return err
	case report.Failed > 0:
		return exit.With(exit.CheckFailed, "%w", err)
	}
	return exit.With(exit.Failed, "%w", err)
}

// synthesize writes one environment's cloud assembly, with cdk.json's feature flags.
func synthesize(env config.Environment, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return stacks.Write("cdk.json", dir, env)
}
