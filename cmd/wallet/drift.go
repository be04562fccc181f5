package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/drift"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/progress"
)

func newDrift(s *scope) *cobra.Command {
	command := s.command(task{
		use: "drift", short: "Say what somebody changed by hand in what is deployed", long: `
Asks CloudFormation what differs from the deployed templates, and from the account's
trust in its pipeline, through the lookup roles of the CDK bootstrap. The synthesis
(--assembly) names the stacks.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Found, exit.Interrupted},
	}, func(command *cobra.Command) error {
		return s.reportDrift(command.Context(), command.OutOrStdout())
	})
	s.takesAssembly(command)
	s.takesJSON(command)
	return command
}

// reportDrift prints what was seen.
func (s *scope) reportDrift(ctx context.Context, out io.Writer) error {
	env, built, err := s.built()
	if err != nil {
		return err
	}
	results, absent, err := look(ctx, env, built)
	switch {
	case len(results)+len(absent) == 0:
	case s.json:
		err = errors.Join(err, printJSON(out, map[string]any{"environment": env.Name, "stacks": results, "notDeployed": absent}))
	default:
		_, printed := fmt.Fprint(out, drift.Report(env.Name, results, absent))
		err = errors.Join(err, printed)
	}
	if err != nil {
		return err
	}
	return verdict(env.Name, results, absent)
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

// look looks at every stack and at the account's trust, and returns what it saw
// together with an error where it could not look: half a look is no good news.
func look(ctx context.Context, env config.Environment, built []cfn.Stack) (results []drift.Result, absent []string, err error) {
	own, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(env.Primary.Name))
	if err != nil {
		return nil, nil, err
	}
	stacks := append([]cfn.Stack{{Name: config.IdentityStackName(), Region: env.Primary.Name}}, built...)
	var problems []error
	for _, stack := range stacks {
		done := progress.Doing(ctx, "CloudFormation compares %s", stack.Name)
		result, err := detector(own, env, stack.Region).Look(ctx, stack.Name)
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

// detector looks through the lookup role of a region.
func detector(own aws.Config, env config.Environment, region string) drift.Detector {
	there := own.Copy()
	there.Region = region
	role := env.Names().BootstrapRole(config.BootstrapLookup, config.Region{Name: region})
	there.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(there), role))
	return drift.Detector{API: cloudformation.NewFromConfig(there), Sleep: poll.Sleep}
}
