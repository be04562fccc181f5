package delivery

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"
	"wallet-infra/internal/account"
)

// Status shows what runs: the stacks, the colour that serves, and the latest
// deployments. It changes nothing and needs no synthesis.
func (s *Session) Status(ctx context.Context) error {
	if err := s.identify(ctx); err != nil {
		return err
	}
	compute, err := s.stacks.Describe(ctx, s.Env.Primary.Name, s.Env.Names().StackName(computeStack))
	if err != nil {
		return account.Refused(err)
	}
	if !compute.Exists() {
		s.Console.Say("%s does not exist", s.Env.Names().StackName(computeStack))
		return nil
	}
	s.Console.Say("%s is %s since %s %s", s.Env.Names().StackName(computeStack), compute.Status, compute.Updated.UTC().Format(time.RFC3339), compute.Reason)
	if !hasTraffic(compute) {
		s.Console.Say("it has no service yet")
		return nil
	}
	seen, err := s.readTraffic(ctx, s.Env.Primary.Name, compute.Outputs)
	if err != nil {
		return account.Refused(err)
	}
	colour := seen.live()
	if colour == "" {
		colour = "no single colour"
	}
	s.Console.Say("%s serves (weights: %s), %d healthy targets; %d of %d tasks run", colour, seen, seen.healthy, seen.running, seen.desired)
	history, err := s.releases(ctx, compute.Outputs, nil)
	if err != nil {
		return account.Refused(err)
	}
	const shown = 10
	table := tabwriter.NewWriter(s.Console.Out, 0, 0, 2, ' ', 0)
	for _, one := range history[:min(shown, len(history))] {
		fmt.Fprintf(table, "%s\t%s\t%s\n", one.Begun.UTC().Format(time.RFC3339), one.Tag, one.Status)
	}
	return table.Flush()
}
