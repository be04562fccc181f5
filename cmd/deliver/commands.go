package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"wallet-infra/internal/delivery"
)

const deployHelp = `
Looks first, at everything: the account, the bootstrap of both regions, the
release's images, the state of each stack, the traffic, the alarm of an outage
and the Fargate quota; and tells all problems at once. Then it synthesizes once,
shows the difference, asks, and deploys stack by stack in the order of their
references, from that one synthesis.

A first deployment runs with --image-tag none, which makes everything but the
tasks; then push the release's images and deploy with their tag.

For a review: --prepare NAME makes a change set of that name for each stack, and
a manifest; --execute MANIFEST executes exactly those, or refuses. --output DIR keeps
the synthesis, and --assembly DIR deploys it as it is.

It may be run again after any interruption and goes on where it was.`

func newDeploy(f *flags) *cobra.Command {
	var options delivery.DeployOptions
	var prepare, execute, tested string
	command := f.command("deploy", "Deploy an environment", deployHelp,
		func(ctx context.Context, session *delivery.Session) error {
			options.ImageTag, options.Yes = f.imageTag, f.yes
			if err := fromHere(&options.Assembly, &options.Output, &execute); err != nil {
				return err
			}
			var err error
			if tested != "" {
				if options.Tested, err = delivery.ReadImages(tested); err != nil {
					return fmt.Errorf("--tested: %w", err)
				}
			}
			switch {
			case execute != "":
				return session.Execute(ctx, execute, options)
			case prepare != "":
				return session.Prepare(ctx, prepare, options)
			}
			return session.Deploy(ctx, options)
		})
	f.takesImageTag(command)
	f.takesYes(command)
	f.takesWait(command)
	command.Flags().StringSliceVar(&options.Stacks, "stack", nil, "deploy only this `stack`; may be repeated")
	command.Flags().StringVar(&options.Assembly, "assembly", "", "deploy the synthesis in this `directory` as it is")
	command.Flags().StringVar(&options.Output, "output", "", "keep the synthesis in this new `directory`")
	command.Flags().StringVar(&tested, "tested", "", "refuse images other than those of this `file`, images.json of another environment's --output")
	command.Flags().BoolVar(&options.DryRun, "dry-run", false, "look, show the difference, and change nothing")
	command.Flags().BoolVar(&options.Force, "force", false, "ask CloudFormation also where a template did not change")
	command.Flags().BoolVar(&options.DespiteOutage, "despite-outage", false, "deploy although the wallet, or a secret's copy, is down: this deployment is the remedy")
	command.Flags().StringVar(&prepare, "prepare", "", "only make change sets of this `name`, and a manifest")
	command.Flags().StringVar(&execute, "execute", "", "execute the change sets of this `manifest`")
	command.MarkFlagsMutuallyExclusive("prepare", "execute", "dry-run")
	command.MarkFlagsMutuallyExclusive("execute", "image-tag")
	command.MarkFlagsMutuallyExclusive("execute", "assembly")
	command.MarkFlagsMutuallyExclusive("execute", "stack")
	command.MarkFlagsMutuallyExclusive("output", "execute", "assembly")
	command.PreRunE = func(*cobra.Command, []string) error {
		if prepare == "" {
			return nil
		}
		return delivery.CheckChangeSetName(prepare)
	}
	return command
}

// fromHere makes paths absolute: the CDK CLI runs in the repository's root,
// wherever this was called.
func fromHere(paths ...*string) error {
	for _, path := range paths {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return nil
}

func newDestroy(f *flags) *cobra.Command {
	var options delivery.DestroyOptions
	command := f.command("destroy", "Remove an environment", `
Lists what stays and what is lost, asks, and removes the stacks last one first.
A protected environment needs a person at a terminal who confirms twice; its
protections are switched off stack by stack, just before each goes. Nothing is
emptied: what keeps its data is named, and yours to remove.`,
		func(ctx context.Context, session *delivery.Session) error {
			options.Yes = f.yes
			return session.Destroy(ctx, options)
		})
	f.takesYes(command)
	f.takesWait(command)
	command.Flags().StringSliceVar(&options.Stacks, "stack", nil, "remove only this `stack`; may be repeated")
	command.Flags().BoolVar(&options.DryRun, "dry-run", false, "list, and change nothing")
	return command
}

func newMigrate(f *flags) *cobra.Command {
	var options delivery.MigrateOptions
	var notApplied bool
	command := f.command("migrate", "Run the migrations of a release", `
Runs the migration task in the environment's network, follows its log and ends
with the task's exit status. A deployment does this by itself; this is for looking
(--status), for repairing, and for migrating ahead of a deployment.

After a migration stopped half-way (exit status 4), compare the schema with its
statement, and say what you saw: --repair --version N with --applied, or with
--not-applied, and the next run does it again.`,
		func(ctx context.Context, session *delivery.Session) error {
			options.ImageTag, options.Yes = f.imageTag, f.yes
			return session.Migrate(ctx, options)
		})
	f.takesImageTag(command)
	f.takesYes(command)
	command.Flags().BoolVar(&options.Status, "status", false, "only report the schema's version")
	command.Flags().BoolVar(&options.Repair, "repair", false, "clear the mark of a migration that stopped half-way")
	command.Flags().IntVar(&options.Version, "version", 0, "the `version` that is marked")
	command.Flags().BoolVar(&options.Applied, "applied", false, "with --repair: all of it is in the schema")
	command.Flags().BoolVar(&notApplied, "not-applied", false, "with --repair: nothing of it is in the schema")
	command.MarkFlagsMutuallyExclusive("status", "repair")
	command.MarkFlagsRequiredTogether("repair", "version")
	command.MarkFlagsMutuallyExclusive("applied", "not-applied")
	command.PreRunE = func(*cobra.Command, []string) error {
		if options.Repair != (options.Applied || notApplied) {
			return errors.New("--repair goes with --version and one of --applied and --not-applied")
		}
		if command.Flags().Changed("version") && options.Version < 1 {
			return fmt.Errorf("--version: want a migration's, 1 or more, got %d", options.Version)
		}
		return nil
	}
	return command
}

func newRollback(f *flags) *cobra.Command {
	var options delivery.RollbackOptions
	var check string
	command := f.command("rollback", "Return to an earlier release", `
Where a deployment is under way, it lets ECS stop it and return to the release
before. Otherwise it finds the release before the present one among ECS's
deployments, lets that release's own program check that the schema is not too new
for it (exit status 3), and deploys it: the images alone, with every check of
scripts/deploy.sh.`,
		func(ctx context.Context, session *delivery.Session) error {
			options.Yes, options.TrustHook = f.yes, check == "hook"
			return session.Rollback(ctx, options)
		})
	f.takesYes(command)
	f.takesWait(command)
	command.PreRunE = func(*cobra.Command, []string) error {
		if check != "task" && check != "hook" {
			return errors.New("--check: want task or hook, got " + check)
		}
		return nil
	}
	command.Flags().StringVar(&options.To, "to", "", "the `tag` of the release (default: the one before)")
	command.Flags().StringVar(&check, "check", "task", "check the schema with a `task` before the deployment, or leave it to the deployment's hook (hook), which needs no permission to run tasks")
	return command
}

func newStatus(f *flags) *cobra.Command {
	return f.command("status", "Show what runs", `
The stack of the service, the colour that serves with its weights and healthy
targets, and the latest deployments. It changes nothing.`,
		func(ctx context.Context, session *delivery.Session) error { return session.Status(ctx) })
}

func (f *flags) takesImageTag(command *cobra.Command) {
	command.Flags().StringVar(&f.imageTag, "image-tag", "", "the release's `tag` (default: Site.ImageTag)")
}

func (f *flags) takesYes(command *cobra.Command) {
	command.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
}

func (f *flags) takesWait(command *cobra.Command) {
	command.Flags().DurationVar(&f.wait, "wait", 0*time.Second, "how long to wait for what CloudFormation does already, such as 1h")
}
