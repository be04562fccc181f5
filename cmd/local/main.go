// Command local takes an environment through a whole life in an AWS emulator on
// this machine: bootstrap, deployment, a second one that changes nothing, a larger
// size, removal. `make deploy-local` runs it; see package internal/local for what
// it proves and what it does not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/internal/local"
	"wallet-infra/stacks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	jsii.Close()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "local: %v\n", err)
		os.Exit(1)
	}
}

// run reads the command line and refuses what is not on this machine.
func run(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	name := flags.String("env", "staging", "the `environment` to deploy")
	keep := flags.Bool("keep", false, "leave it in the emulator")
	dir := flags.String("dir", filepath.Join("build", "local"), "the `directory` for assemblies and the log of the CDK CLI")
	if err := flags.Parse(arguments); err != nil {
		return err // the flag package has printed the usage
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("want no argument, got %q", flags.Args())
	}
	environments, err := config.Select(config.All(), config.Choice{Env: *name})
	if err != nil {
		return err
	}
	endpoint, err := local.Endpoint(ctx, os.Getenv("AWS_ENDPOINT_URL"), net.DefaultResolver.LookupNetIP)
	if err != nil {
		return err
	}
	return deploy(ctx, environments[0], endpoint, *dir, *keep)
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
	return err
}

// synthesize writes one environment's cloud assembly, with cdk.json's feature flags.
func synthesize(env config.Environment, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return stacks.Write("cdk.json", dir, env)
}
