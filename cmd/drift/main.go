// Command drift asks AWS what differs from the deployed templates of an
// environment, and from the account's trust in its pipeline. It reads through the
// lookup roles of the CDK bootstrap.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/drift"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	var name, dir string
	command := &cobra.Command{
		Use:   "drift --env ENV",
		Short: "Say what somebody changed by hand in what is deployed",
		Long:  "Say what somebody changed by hand in what is deployed.\n\n" + exit.Explain(exit.Done, exit.Refused, exit.Found, exit.Interrupted),
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return report(command.Context(), command.OutOrStdout(), name, dir)
		},
	}
	command.Flags().StringVar(&name, "env", "", "the `environment` to look at")
	command.Flags().StringVar(&dir, "assembly", "cdk.out", "the `directory` of its synthesis, which names the stacks")
	return command
}

// report prints what was seen.
func report(ctx context.Context, out io.Writer, name, dir string) error {
	results, absent, err := run(ctx, name, dir)
	if len(results)+len(absent) > 0 {
		fmt.Fprint(out, drift.Report(name, results, absent))
	}
	if err != nil {
		return err
	}
	return verdict(name, results, absent)
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

// place is a stack by name and region.
type place struct{ stack, region string }

// run looks at every stack, and returns what it saw together with an error where
// it could not look: half a look is no good news.
func run(ctx context.Context, name, dir string) (results []drift.Result, absent []string, err error) {
	if name == "" {
		return nil, nil, errors.New("--env: want the name of an environment")
	}
	environments, err := config.Select(config.All(), config.Choice{Env: name})
	if err != nil {
		return nil, nil, err
	}
	env := environments[0]
	places, err := stacksOf(env, dir)
	if err != nil {
		return nil, nil, err
	}
	own, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(env.Primary.Name))
	if err != nil {
		return nil, nil, err
	}
	var problems []error
	for _, at := range places {
		done := progress.Doing(ctx, "CloudFormation compares %s", at.stack)
		result, err := detector(own, env, at.region).Look(ctx, at.stack)
		done()
		switch {
		case errors.Is(err, drift.ErrNotDeployed):
			absent = append(absent, at.stack)
		case err != nil:
			problems = append(problems, err)
		default:
			results = append(results, result)
		}
	}
	return results, absent, errors.Join(problems...)
}

// stacksOf are the environment's stacks and that of the account's trust.
func stacksOf(env config.Environment, dir string) ([]place, error) {
	built, err := cfn.Read(dir)
	if err != nil {
		return nil, err
	}
	places := []place{{config.IdentityStackName(), env.Primary.Name}}
	for _, stack := range built {
		if strings.HasPrefix(stack.Name, env.Names().StackName("")) {
			places = append(places, place{stack.Name, stack.Region})
		}
	}
	if len(places) == 1 {
		return nil, fmt.Errorf("%s holds no stack of %s", dir, env.Name)
	}
	return places, nil
}

// detector looks through the lookup role of a region.
func detector(own aws.Config, env config.Environment, region string) drift.Detector {
	there := own.Copy()
	there.Region = region
	role := env.Names().BootstrapRole(config.BootstrapLookup, config.Region{Name: region})
	there.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(there), role))
	return drift.Detector{API: cloudformation.NewFromConfig(there), Sleep: sleep}
}

// sleep waits, or ends early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
