package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/local"
	"wallet-infra/internal/loopback"
)

// emulation are the flags of local.
type emulation struct {
	*scope
	output string
	keep   bool
}

func newLocal(s *scope) *cobra.Command {
	e := &emulation{scope: s}
	command := s.command(task{
		use: "local", short: "Take it through a whole life in an AWS emulator on this machine", long: `
Bootstrap, deployment, a second one that changes nothing, larger sizes, removal, at the
endpoint that AWS_ENDPOINT_URL names, which must be on this machine. It shows the order
and the references, and nothing of what AWS accepts.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.CheckFailed, exit.Failed, exit.Interrupted},
	}, func(ctx context.Context) error {
		// What is not on this machine, or not there, is refused before anything is written.
		given := os.Getenv("AWS_ENDPOINT_URL")
		if given == "" {
			return errors.New(local.HowToGetAnEmulator)
		}
		endpoint, err := answering(ctx, given)
		if err != nil {
			return err
		}
		return e.run(ctx, endpoint)
	})
	command.Flags().BoolVar(&e.keep, "keep", false, "leave it in the emulator")
	command.Flags().StringVar(&e.output, "output", "", "the `directory` for assemblies and the log of the CDK CLI (default: the repository's build/local)")
	return command
}

// run deploys, prints the table and writes the evidence beside the directory.
func (e *emulation) run(ctx context.Context, endpoint string) error {
	dir, err := filepath.Abs(cmp.Or(e.output, filepath.Join(e.dir, "build", "local")))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "cdk.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	report, err := local.Run(ctx, local.Options{
		Env:        e.env,
		Cloud:      local.NewCloud(endpoint, e.env),
		CDK:        local.NewCLI(e.pinnedCLI(), endpoint, e.env.Site.Account, e.env.Primary.Name, log),
		Synthesize: func(ctx context.Context, dir string) error { return e.synthesize(ctx, dir, log) },
		Dir:        dir,
		Out:        e.out,
		Keep:       e.keep,
	})
	report.Print(e.out)
	path := filepath.Join(filepath.Dir(dir), "local-report.json")
	fmt.Fprintf(e.out, "Evidence: %s; what the CDK CLI printed: %s\n", path, log.Name())
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

// synthesize writes the environment's cloud assembly, with the CDK CLI.
func (e *emulation) synthesize(ctx context.Context, dir string, log io.Writer) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, e.pinnedCLI(), "synth", "**", "--quiet", "--output", dir, "-c", "env="+e.name)
	command.Dir = e.dir
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(command.Path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		return fmt.Errorf("cdk synth: %w (%s holds what it printed)", err, filepath.Join(filepath.Dir(dir), "cdk.log"))
	}
	return nil
}

// answering is an endpoint on this machine at which something answers: each of a
// run's calls would wait for it anew.
func answering(ctx context.Context, given string) (string, error) {
	endpoint, err := loopback.Endpoint(ctx, given, net.DefaultResolver.LookupNetIP)
	if err != nil {
		return "", err
	}
	return endpoint, loopback.Reachable(ctx, endpoint)
}
