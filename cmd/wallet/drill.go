package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/drill"
	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/plan"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/loopback"
)

// rehearsal are the flags of a drill.
type rehearsal struct {
	*scope
	output, mode, fault        string
	quiet, acceptLoss, discard bool
}

// errFailed is a drill of which a check failed; the table says which.
var errFailed = exit.With(exit.CheckFailed, "a check failed")

var drillStatuses = []exit.Status{exit.Done, exit.Refused, exit.CheckFailed, exit.Failed, exit.Interrupted}

// newDrill makes the rehearsals, and the one command that starts a real plan.
func newDrill(s *scope) *cobra.Command {
	r := &rehearsal{scope: s}
	command := &cobra.Command{
		Use: "drill", Short: "Rehearse the loss of the primary region",
		Long: "Rehearse the loss of the primary region with the plans and resources of the synthesized\n" +
			"templates (docs/DISASTER-RECOVERY.md#the-drill), at the endpoint on this machine that\n" +
			"AWS_ENDPOINT_URL names, or at a fake in this process. follow starts the real plan.",
		Args: known,
	}
	s.takesAssembly(command)
	command.PersistentFlags().StringVar(&r.output, "output", "", "the `directory` for reports and journals (default: the repository's build/drill)")
	command.PersistentFlags().BoolVarP(&r.quiet, "quiet", "q", false, "print the table alone")
	faults := task{use: "faults", short: "Every fault", statuses: drillStatuses}
	all := task{use: "all", short: "Both ways and every fault, each with its way back", statuses: drillStatuses}
	command.AddCommand(r.one(),
		s.command(faults, func(ctx context.Context) error { return r.rehearse(ctx, drill.FaultSuite) }),
		s.command(all, func(ctx context.Context) error { return r.rehearse(ctx, drill.Suite) }),
		newFollow(r), newEvaluation(s))
	return command
}

// one makes the command of a single rehearsal.
func (r *rehearsal) one() *cobra.Command {
	command := r.command(task{
		use: "run", short: "One rehearsal, or the rest of one that was interrupted", statuses: drillStatuses,
		judge: func() error {
			problems := []error{judgeMode(r.mode)}
			if r.fault != "" && r.mode != string(plan.Ungraceful) {
				problems = append(problems, fmt.Errorf("--fault: faults are rehearsed with --mode ungraceful, got %q", r.mode))
			}
			if r.fault != "" && !slices.Contains(faultNames(), r.fault) {
				problems = append(problems, fmt.Errorf("--fault: want one of %s, got %q", strings.Join(faultNames(), ", "), r.fault))
			}
			return errors.Join(problems...)
		},
	}, func(ctx context.Context) error {
		return r.rehearse(ctx, func(s drill.Settings) []drill.Settings { return []drill.Settings{s} })
	})
	flags := command.Flags()
	flags.StringVar(&r.mode, "mode", string(plan.Ungraceful), "`way`: graceful (switchover) or ungraceful (failover)")
	flags.StringVar(&r.fault, "fault", "", "the `name` of a fault")
	flags.BoolVar(&r.acceptLoss, "accept-data-loss", false, "fail over although more may be lost than the objective allows, or nobody knows how much")
	flags.BoolVar(&r.discard, "discard", false, "begin anew, whatever an earlier rehearsal left unfinished")
	return command
}

func faultNames() []string {
	var names []string
	for _, fault := range drill.Faults() {
		names = append(names, fault.Name)
	}
	return names
}

func judgeMode(mode string) error {
	if mode != string(plan.Graceful) && mode != string(plan.Ungraceful) {
		return fmt.Errorf("--mode: want graceful or ungraceful, got %q", mode)
	}
	return nil
}

// reports is where reports and journals go.
func (r *rehearsal) reports() string {
	return cmp.Or(r.output, filepath.Join(r.dir, "build", "drill"))
}

// rehearse makes the chosen rehearsals and prints their table.
func (r *rehearsal) rehearse(ctx context.Context, choose func(drill.Settings) []drill.Settings) error {
	settings, err := r.settings()
	if err != nil {
		return err
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint != "" {
		if endpoint, err = answering(ctx, endpoint); err != nil {
			return err
		}
	}
	reports, err := drill.RunAll(ctx, laboratory(endpoint, settings.Blueprint.Account), choose(settings))
	passed, failed := drill.Summarize(r.out, settings.Directory, reports)
	switch {
	case failed != nil:
		return failed
	case err != nil:
		status := exit.Failed
		if exit.Of(err) == exit.Interrupted {
			status = exit.Interrupted
		}
		return exit.With(status, "%w; the journals in %s say where it stands", err, settings.Directory)
	case !passed:
		return errFailed
	}
	return nil
}

// settings reads the templates, and the promises from the configuration.
func (r *rehearsal) settings() (drill.Settings, error) {
	env := r.env
	stacks, err := r.built()
	if err != nil {
		return drill.Settings{}, err
	}
	read, err := blueprint.Read(stacks, env.Names().Prefix())
	if err != nil {
		return drill.Settings{}, fmt.Errorf("%s: %w", env.Name, err)
	}
	settings := drill.Settings{
		Blueprint: read, Promised: promised(env), Mode: plan.Mode(r.mode), Fault: r.fault, AcceptLoss: r.acceptLoss, Discard: r.discard,
		RPO: env.DR.Recovery.PointObjective, Directory: r.reports(),
		// The drill plays the second person; how long one takes is in the report's
		// list of what it does not prove.
		Approve: func(context.Context, plan.Step) error { return nil },
	}
	settings.Before, settings.After = around(env.DR.Recovery)
	if !r.quiet {
		settings.Say = func(format string, arguments ...any) { fmt.Fprintf(r.out, format+"\n", arguments...) }
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
	for _, phase := range recovery.RTOBudget() {
		if slices.Contains(steps, phase.Name) {
			into = &after
			continue
		}
		*into = append(*into, plan.Part{Name: phase.Name, Length: phase.Budget, Source: phase.Source})
	}
	return before, after
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

// laboratory opens an endpoint, or the fake where there is none.
func laboratory(endpoint, account string) func(drill.Settings) (drill.Lab, error) {
	return func(settings drill.Settings) (drill.Lab, error) {
		if endpoint == "" {
			return drill.NewFake(account)
		}
		var clk clock.Clock = clock.Real{}
		if drill.WaitsForTimeouts(settings.Fault) {
			clk = clock.NewVirtual(time.Now().UTC())
		}
		return drill.NewEndpoint(endpoint, account, clk)
	}
}
