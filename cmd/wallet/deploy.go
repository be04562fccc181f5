package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cdk"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/destroy"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
)

const deployHelp = `
Synthesizes once, signs in and looks at everything: the account, the bootstrap of
both regions, the release's images, the state of each stack, the traffic, the alarm
of an outage and the Fargate quota; and tells all problems at once. Then it shows the
difference, asks, and deploys stack by stack in the order of their references, from
that one synthesis.

A first deployment makes the image repositories alone, and ends with exit status 15 as
long as the release's images are not in them. Push them and run it again.

For a review: --prepare NAME makes a change set of that name for each stack, and
a manifest; --execute MANIFEST executes exactly those, or refuses. --output DIR keeps
the synthesis, and --assembly DIR deploys it as it is.

It may be run again after any interruption and goes on where it was.`

func newDeploy(s *scope) *cobra.Command {
	var options deploy.Options
	var prepare, execute, tested string
	var command *cobra.Command
	command = s.deliver(task{
		use: "deploy", short: "Deploy an environment", long: deployHelp,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Declined, exit.Stale, exit.Failed, exit.ImagesMissing, exit.Interrupted},
		next:     "status",
		judge: func() error {
			problem := exclusive(command, []string{"prepare", "execute", "dry-run"}, []string{"execute", "image-tag"},
				[]string{"execute", "stack"}, []string{"execute", "output", "assembly"})
			if prepare != "" {
				problem = errors.Join(problem, deploy.CheckChangeSetName(prepare))
			}
			return problem
		},
	}, func(ctx context.Context, session cdk.Session) error {
		with := deploy.Deployment{Session: session}
		options.ImageTag, options.Yes, options.DryRun, options.Stacks = s.imageTag, s.yes, s.dryRun, s.stacks
		if err := absolute(&options.Assembly, &options.Output, &execute); err != nil {
			return err
		}
		if tested != "" {
			var err error
			if options.Tested, err = images.Read(tested); err != nil {
				return fmt.Errorf("--tested: %w", err)
			}
		}
		switch {
		case execute != "":
			return with.Execute(ctx, execute, options)
		case prepare != "":
			s.next = "" // which it says itself, with the manifest's path
			return with.Prepare(ctx, prepare, options)
		}
		return with.Run(ctx, options)
	})
	takes(command, s.takesImageTag, s.takesYes, s.takesDryRun, s.takesWait, s.takesStacks)
	flags := command.Flags()
	flags.StringVar(&options.Assembly, "assembly", "", "deploy the synthesis in this `directory` as it is")
	flags.StringVar(&options.Output, "output", "", "keep the synthesis in this new `directory`")
	flags.StringVar(&tested, "tested", "", "refuse images other than those of this `file`, images.json of another environment's --output")
	flags.BoolVar(&options.Force, "force", false, "ask CloudFormation also where a template did not change")
	flags.BoolVar(&options.DespiteOutage, "despite-outage", false, "deploy although the wallet, or a secret's copy, is down: this deployment is the remedy")
	flags.StringVar(&prepare, "prepare", "", "only make change sets of this `name`, and a manifest")
	flags.StringVar(&execute, "execute", "", "execute the change sets of this `manifest`")
	return command
}

func newDestroy(s *scope) *cobra.Command {
	command := s.deliver(task{
		use: "destroy", short: "Remove an environment", long: `
Lists what stays and what is lost, asks, and removes the stacks last one first.
A protected environment needs a person at a terminal who confirms twice; its
protections are switched off stack by stack, just before each goes. Nothing is
emptied: what keeps its data is named, and yours to remove.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Declined, exit.Failed, exit.Interrupted},
		judge: func() error {
			return destroy.Options{DryRun: s.dryRun}.Check(s.env, s.terminal)
		},
	}, func(ctx context.Context, with cdk.Session) error {
		return destroy.Removal{Session: with}.Run(ctx, destroy.Options{Yes: s.yes, DryRun: s.dryRun, Stacks: s.stacks})
	})
	takes(command, s.takesYes, s.takesDryRun, s.takesWait, s.takesStacks)
	return command
}
