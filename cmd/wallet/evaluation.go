package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
	"wallet-infra/internal/drill"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

func newEvaluation(s *scope) *cobra.Command {
	command := s.command(task{
		use: "evaluation", short: "Ask Region switch whether the deployed plans would go through", long: `
Asks in both regions, with your own permissions. The plans are those of the stack
DR-Recovery; where no region stands by there is nothing to ask.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Found, exit.Interrupted},
	}, s.evaluatePlans)
	s.takesAsCaller(command)
	return command
}

// evaluatePlans prints what Region switch says of each plan in each region.
func (s *scope) evaluatePlans(ctx context.Context) error {
	if len(s.env.Plans()) == 0 {
		_, err := fmt.Fprintf(s.out, "%s has no Region switch plan\n", s.name)
		return err
	}
	opened, err := account.Open(ctx, s.env, s.asCaller)
	if err != nil {
		return err
	}
	if err := opened.SignIn(ctx, console.Console{Out: io.Discard}); err != nil {
		return err
	}
	made, err := stacks.NewReader(opened).Resources(ctx, s.env.Secondary.Name, s.env.Names().StackName("dr-recovery"))
	if err != nil {
		return err
	}
	var problems []error
	for _, plan := range s.env.Plans() {
		problems = append(problems, s.evaluatePlan(ctx, opened, plan, made))
	}
	if err := errors.Join(problems...); err != nil {
		return exit.With(exit.Found, "%w", err)
	}
	return nil
}

func (s *scope) evaluatePlan(ctx context.Context, opened *account.Account, plan string, made []types.StackResourceSummary) error {
	prefix := strings.TrimSuffix(s.env.Names().PlanARN(plan), "*")
	at := slices.IndexFunc(made, func(r types.StackResourceSummary) bool {
		return strings.HasPrefix(aws.ToString(r.PhysicalResourceId), prefix)
	})
	if at < 0 {
		return fmt.Errorf("the plan %s is not deployed", plan)
	}
	var problems []error
	for _, region := range []config.Region{s.env.Primary, s.env.Secondary} {
		client := arcregionswitch.NewFromConfig(opened.Writing(region.Name))
		found, err := drill.Evaluate(ctx, client, *made[at].PhysicalResourceId)
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s in %s: %s, %s\n", plan, region.Name, found.State, found.At.UTC().Format(time.DateTime))
			err = errors.Join(err, found.Judge(time.Now()))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", plan, err))
		}
	}
	return errors.Join(problems...)
}
