// Package status says what an environment runs.
package status

import (
	"context"
	"fmt"
	"io"
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

// Report is what an environment runs. Service is nil before a first deployment of it.
type Report struct {
	Environment string     `json:"environment"`
	Stack       string     `json:"stack"`
	Status      string     `json:"status"` // CloudFormation's; empty where the stack does not exist
	Reason      string     `json:"reason,omitempty"`
	Updated     *time.Time `json:"updated,omitempty"`
	Service     *Service   `json:"service,omitempty"`
}

// Service is the service that a stack has.
type Service struct {
	Colour      string         `json:"colour"` // that serves alone; empty where several do
	Weights     map[string]int `json:"weights"`
	Healthy     int            `json:"healthyTargets"`
	Running     int            `json:"runningTasks"`
	Desired     int            `json:"desiredTasks"`
	Deployments []Deployment   `json:"deployments"` // the latest ones, newest first
}

// Deployment is one of a release.
type Deployment struct {
	Begun  time.Time `json:"begun"`
	Tag    string    `json:"tag"`
	Status string    `json:"status"`
}

// Read asks for the stack of the service, the colour that serves, and the latest
// deployments. It changes nothing and needs no synthesis.
func Read(ctx context.Context, env config.Environment, a *account.Account, to console.Console) (Report, error) {
	at := service.Primary(env)
	report := Report{Environment: env.Name, Stack: at.Stack}
	if err := a.SignIn(ctx, to); err != nil {
		return report, err
	}
	compute, err := stacks.NewReader(a).Describe(ctx, at.Region, at.Stack)
	if err != nil {
		return report, account.Refused(err)
	}
	if !compute.Exists() {
		return report, nil
	}
	updated := compute.Updated.UTC()
	report.Status, report.Reason, report.Updated = string(compute.Status), compute.Reason, &updated
	if compute.Outputs[config.OutputProductionRule] == "" {
		return report, nil
	}
	wallet := service.At(a, env, at)
	seen, err := wallet.Traffic(ctx, compute.Outputs)
	if err != nil {
		return report, account.Refused(err)
	}
	history, err := wallet.Releases(ctx)
	if err != nil {
		return report, account.Refused(err)
	}
	report.Service = &Service{
		Colour: seen.Live(), Weights: seen.Weights, Healthy: seen.Healthy, Running: seen.Running, Desired: seen.Desired, Deployments: []Deployment{},
	}
	for _, one := range history[:min(shown, len(history))] {
		report.Service.Deployments = append(report.Service.Deployments, Deployment{one.Begun.UTC(), one.Tag, string(one.Status)})
	}
	return report, nil
}

// Print writes the report for people, and what to do next where nothing runs.
func (r Report) Print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	switch {
	case r.Status == "":
		fmt.Fprintf(table, "%s does not exist\nNext: go tool wallet %s deploy\n", r.Stack, r.Environment)
	case r.Service == nil:
		fmt.Fprintf(table, "%s is %s since %s %s\nit has no service yet\nNext: go tool wallet %s deploy\n", r.Stack, r.Status, r.Updated.Format(time.RFC3339), r.Reason, r.Environment)
	default:
		colour := r.Service.Colour
		if colour == "" {
			colour = "no single colour"
		}
		fmt.Fprintf(table, "%s is %s since %s %s\n", r.Stack, r.Status, r.Updated.Format(time.RFC3339), r.Reason)
		fmt.Fprintf(table, "%s serves (weights: %s), %d healthy targets; %d of %d tasks run\n",
			colour, service.Weights(r.Service.Weights), r.Service.Healthy, r.Service.Running, r.Service.Desired)
		for _, one := range r.Service.Deployments {
			fmt.Fprintf(table, "%s\t%s\t%s\n", one.Begun.Format(time.RFC3339), one.Tag, one.Status)
		}
	}
	return table.Flush()
}
