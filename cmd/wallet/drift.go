package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
	"wallet-infra/internal/drift"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

func newDrift(s *scope) *cobra.Command {
	var command *cobra.Command
	command = s.command(task{
		use: "drift", short: "Say what somebody changed by hand in what is deployed", long: `
Asks CloudFormation what differs from the deployed templates, and from the account's
trust in its pipeline. The synthesis (--assembly) names the stacks.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Found, exit.Interrupted},
		judge:    func() error { return exclusive(command, []string{"json", "markdown"}) },
	}, s.reportDrift)
	takes(command, s.takesAssembly, s.takesJSON, s.takesMarkdown, s.takesAsCaller)
	return command
}

// reportDrift prints what was seen.
func (s *scope) reportDrift(ctx context.Context) error {
	stacks, err := s.built()
	if err != nil {
		return err
	}
	opened, err := account.Open(ctx, s.env, s.asCaller)
	if err != nil {
		return err
	}
	// One message, and not one for each stack.
	if err := opened.SignIn(ctx, console.Console{Out: io.Discard}); err != nil {
		return err
	}
	trust := cfn.Stack{Name: config.IdentityStackName(), Region: s.env.Primary.Name}
	results, absent, err := look(ctx, opened, append([]cfn.Stack{trust}, stacks...))
	switch {
	case len(results)+len(absent) == 0:
	case s.json:
		err = errors.Join(err, printJSON(s.out, map[string]any{"environment": s.name, "stacks": results, "notDeployed": absent}))
	default:
		err = errors.Join(err, s.print(drift.Report(s.name, results, absent)))
	}
	if err != nil {
		return err
	}
	return verdict(s.name, results, absent)
}

// verdict is the error with which the command ends: nothing seen is no good news.
func verdict(name string, results []drift.Result, absent []string) error {
	switch {
	case len(results) == 0:
		return fmt.Errorf("no stack of %s is deployed in this account", name)
	case drift.Unexpected(results):
		return exit.With(exit.Found, "") // the report says what
	case len(absent) > 0:
		return exit.With(exit.Found, "a stack of the synthesis is not deployed: deploy it, or find out who removed it")
	}
	return nil
}

// look looks at every stack, and returns what it saw together with an error where it
// could not look: half a look is no good news.
func look(ctx context.Context, from *account.Account, stacks []cfn.Stack) (results []drift.Result, absent []string, err error) {
	var problems []error
	for _, stack := range stacks {
		done := progress.Doing(ctx, "CloudFormation compares %s", stack.Name)
		detector := drift.Detector{API: cloudformation.NewFromConfig(from.Reading(stack.Region))}
		result, err := detector.Look(ctx, stack.Name)
		done()
		switch {
		case errors.Is(err, drift.ErrNotDeployed):
			absent = append(absent, stack.Name)
		case err != nil:
			problems = append(problems, err)
		default:
			results = append(results, result)
		}
	}
	return results, absent, errors.Join(problems...)
}
