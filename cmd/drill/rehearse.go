package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/drill"
	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/plan"
	"wallet-infra/internal/exit"
)

// options are those of every rehearsal.
type options struct {
	assembly, environment, report string
	quiet                         bool
	mode, fault                   string
	acceptLoss, discard           bool
}

func runCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "run", Short: "One rehearsal, or the rest of one that was interrupted", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.rehearse(c, func(s drill.Settings) ([]drill.Settings, error) {
				if s.Mode != plan.Graceful && s.Mode != plan.Ungraceful {
					return nil, fmt.Errorf("--mode: want graceful or ungraceful, got %q", s.Mode)
				}
				if s.Fault != "" && s.Mode != plan.Ungraceful {
					return nil, fmt.Errorf("--fault: faults are rehearsed with --mode ungraceful, got %q", s.Mode)
				}
				return []drill.Settings{s}, nil
			})
		},
	}
	c.Flags().StringVar(&o.mode, "mode", string(plan.Ungraceful), "graceful (switchover) or ungraceful (failover)")
	c.Flags().StringVar(&o.fault, "fault", "", "the `name` of a fault")
	c.Flags().BoolVar(&o.acceptLoss, "accept-data-loss", false, "fail over although more may be lost than the objective allows, or nobody knows how much")
	c.Flags().BoolVar(&o.discard, "discard", false, "begin anew, whatever an earlier rehearsal left unfinished")
	return c
}

func faultsCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "faults", Short: "Every fault", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.rehearse(c, func(s drill.Settings) ([]drill.Settings, error) { return drill.FaultSuite(s), nil })
		},
	}
}

func allCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "all", Short: "Both ways and every fault, each with its way back", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.rehearse(c, func(s drill.Settings) ([]drill.Settings, error) { return drill.Suite(s), nil })
		},
	}
}

// rehearse makes the chosen rehearsals and prints their table.
func (o *options) rehearse(c *cobra.Command, choose func(drill.Settings) ([]drill.Settings, error)) error {
	settings, err := o.settings(c.OutOrStdout())
	if err != nil {
		return err
	}
	chosen, err := choose(settings)
	if err != nil {
		return err
	}
	if err := answering(c.Context()); err != nil {
		return err
	}
	reports, err := drill.RunAll(c.Context(), laboratory(settings.Blueprint), chosen)
	passed, failed := drill.Summarize(c.OutOrStdout(), o.report, reports)
	switch {
	case failed != nil:
		return failed
	case err != nil:
		if exit.Of(err) == exit.Interrupted {
			return exit.With(exit.Interrupted, "%w; the journals in %s say where it stands", err, o.report)
		}
		return exit.With(exit.Failed, "%w; the journals in %s say where it stands", err, o.report)
	case !passed:
		return errFailed
	}
	return nil
}

// settings reads the templates, and the promises from the configuration.
func (o *options) settings(out io.Writer) (drill.Settings, error) {
	all := config.All()
	at := slices.IndexFunc(all, func(e config.Environment) bool { return e.Name == o.environment })
	if at < 0 {
		return drill.Settings{}, fmt.Errorf("--environment: no environment %q", o.environment)
	}
	env := all[at]
	stacks, err := cfn.Read(o.assembly)
	if err != nil {
		return drill.Settings{}, err
	}
	read, err := blueprint.Read(stacks, env.Names().Prefix())
	if err != nil {
		return drill.Settings{}, fmt.Errorf("%s: %w", o.environment, err)
	}
	settings := drill.Settings{
		Blueprint: read, Promised: promised(env), Mode: plan.Mode(o.mode), Fault: o.fault, AcceptLoss: o.acceptLoss, Discard: o.discard,
		RPO: env.DR.Recovery.PointObjective, Directory: o.report,
		// The drill plays the second person; how long one takes is in the report's
		// list of what it does not prove.
		Approve: func(context.Context, plan.Step) error { return nil },
	}
	settings.Before, settings.After = around(env.DR.Recovery)
	if !o.quiet {
		settings.Say = func(format string, arguments ...any) { fmt.Fprintf(out, format+"\n", arguments...) }
	}
	return settings, nil
}

// promised is what the configuration says of the regions.
func promised(env config.Environment) drill.Promised {
	return drill.Promised{
		Primary: env.Primary.Name, Secondary: env.Secondary.Name, Name: env.Site.APIDomain,
		Hosts: map[string]string{env.Primary.Name: env.Names().RegionalDomain(env.Primary), env.Secondary.Name: env.Names().RegionalDomain(env.Secondary)},
	}
}

// around are the legs of the way that no step of the plan stands for.
func around(recovery config.Recovery) (before, after []plan.Part) {
	steps := []string{config.StepApprove, config.StepDatabase, config.StepService, config.StepTraffic}
	into := &before
	for _, leg := range recovery.Way() {
		if slices.Contains(steps, leg.Name) {
			into = &after
			continue
		}
		*into = append(*into, plan.Part{Name: leg.Name, Length: leg.Budget, Source: leg.Source})
	}
	return before, after
}

// answering fails where AWS_ENDPOINT_URL names something that is not on this machine
// or does not answer: each of a rehearsal's calls would wait for it anew.
func answering(ctx context.Context) error {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		return nil
	}
	if err := cloud.Loopback(endpoint); err != nil {
		return err
	}
	return cli.Reachable(ctx, endpoint)
}

// laboratory opens the endpoint that AWS_ENDPOINT_URL names, or the fake.
func laboratory(read blueprint.Blueprint) func(drill.Settings) (drill.Lab, error) {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	return func(settings drill.Settings) (drill.Lab, error) {
		if endpoint == "" {
			return drill.NewFake(read.Account)
		}
		var clk clock.Clock = clock.Real{}
		if drill.WaitsForTimeouts(settings.Fault) {
			clk = clock.NewVirtual(time.Now().UTC())
		}
		return drill.NewEndpoint(endpoint, read.Account, clk)
	}
}
