// Package status shows what an environment runs.
package status

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
	"wallet-infra/internal/service"
	"wallet-infra/internal/stacks"
)

// shown is how many deployments are listed.
const shown = 10

// Show prints the stack of the service, the colour that serves, and the latest
// deployments. It changes nothing and needs no synthesis.
func Show(ctx context.Context, env config.Environment, a *account.Account, to console.Console) error {
	if err := a.SignIn(ctx, to); err != nil {
		return err
	}
	at := service.Primary(env)
	compute, err := stacks.NewReader(a).Describe(ctx, at.Region, at.Stack)
	if err != nil {
		return account.Refused(err)
	}
	if !compute.Exists() {
		to.Say("%s does not exist", at.Stack)
		return nil
	}
	to.Say("%s is %s since %s %s", at.Stack, compute.Status, compute.Updated.Format(time.RFC3339), compute.Reason)
	if compute.Outputs[config.OutputProductionRule] == "" {
		to.Say("it has no service yet")
		return nil
	}
	wallet := service.At(a, env, at)
	seen, err := wallet.Traffic(ctx, compute.Outputs)
	if err != nil {
		return account.Refused(err)
	}
	colour := seen.Live()
	if colour == "" {
		colour = "no single colour"
	}
	to.Say("%s serves (weights: %s), %d healthy targets; %d of %d tasks run", colour, seen.Weights, seen.Healthy, seen.Running, seen.Desired)
	history, err := wallet.Releases(ctx)
	if err != nil {
		return account.Refused(err)
	}
	table := tabwriter.NewWriter(to.Out, 0, 0, 2, ' ', 0)
	for _, one := range history[:min(shown, len(history))] {
		fmt.Fprintf(table, "%s\t%s\t%s\n", one.Begun.UTC().Format(time.RFC3339), one.Tag, one.Status)
	}
	return table.Flush()
}
