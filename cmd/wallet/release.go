package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/migrate"
	"wallet-infra/internal/rollback"
	"wallet-infra/internal/status"
)

// migrationStatuses are those of the migration task, which a verb passes on.
var migrationStatuses = []exit.Status{
	exit.SchemaTooNew, exit.HalfWay, exit.Locked, exit.Contract, exit.MigrationFailed, exit.MigrationInvalid, exit.ReadOnly,
}

func newStatus(s *scope) *cobra.Command {
	command := s.command(task{
		use: "status", short: "Show what runs", long: `
The stack of the service, the colour that serves with its weights and healthy
targets, and the latest deployments. It changes nothing.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Interrupted},
	}, func(ctx context.Context) error {
		opened, err := account.Open(ctx, s.env, s.asCaller)
		if err != nil {
			return err
		}
		told := s.out
		if s.json {
			told = io.Discard // who is signed in is no JSON
		}
		report, err := status.Read(ctx, s.env, opened, console.Console{Out: told})
		if err != nil {
			return err
		}
		if s.json {
			return printJSON(s.out, report)
		}
		return report.Print(s.out)
	})
	takes(command, s.takesJSON, s.takesAsCaller)
	return command
}

func newMigrate(s *scope) *cobra.Command {
	var options migrate.Options
	var notApplied bool
	var command *cobra.Command
	command = s.deliver(task{
		use: "migrate", short: "Run the migrations of a release", long: `
Runs the migration task in the environment's network, follows its log and ends
with the task's exit status. A deployment does this by itself; this is for looking
(--status), for repairing, and for migrating ahead of a deployment.

After a migration stopped half-way (exit status 4), compare the schema with its
statement, and say what you saw: --repair --version N with --applied, or with
--not-applied, and the next run does it again.`,
		statuses: append([]exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Declined, exit.Failed, exit.Interrupted}, migrationStatuses...),
		unasked:  func() bool { return options.Status },
		judge: func() error {
			problems := []error{exclusive(command, []string{"status", "repair"}, []string{"applied", "not-applied"})}
			given := command.Flags().Changed("version")
			if options.Repair != given || options.Repair != (options.Applied || notApplied) {
				problems = append(problems, errors.New("--repair goes with --version and one of --applied and --not-applied"))
			}
			if given && options.Version < 1 {
				problems = append(problems, fmt.Errorf("--version: want a migration's, 1 or more, got %d", options.Version))
			}
			return errors.Join(problems...)
		},
	}, func(ctx context.Context, with cdk.Session) error {
		options.ImageTag, options.Yes = s.imageTag, s.yes
		return migrate.Run(ctx, with, options)
	})
	takes(command, s.takesImageTag, s.takesYes)
	flags := command.Flags()
	flags.BoolVar(&options.Status, "status", false, "only report the schema's version")
	flags.BoolVar(&options.Repair, "repair", false, "clear the mark of a migration that stopped half-way")
	flags.IntVar(&options.Version, "version", 0, "the `version` that is marked")
	flags.BoolVar(&options.Applied, "applied", false, "with --repair: all of it is in the schema")
	flags.BoolVar(&notApplied, "not-applied", false, "with --repair: nothing of it is in the schema")
	return command
}

func newRollback(s *scope) *cobra.Command {
	var options rollback.Options
	var check string
	command := s.deliver(task{
		use: "rollback", short: "Return to an earlier release", long: `
Where a deployment is under way, it lets ECS stop it and return to the release
before. Otherwise it finds the release before the present one among ECS's
deployments, lets that release's own program check that the schema is not too new
for it (exit status 3), and deploys it: the images alone, with every check of
deploy.`,
		statuses: append([]exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Declined, exit.Stale, exit.Failed, exit.ImagesMissing, exit.Interrupted}, migrationStatuses...),
		next:     "status",
		judge: func() error {
			var problems []error
			if check != "task" && check != "hook" {
				problems = append(problems, fmt.Errorf("--check: want task or hook, got %q", check))
			}
			if _, err := account.Choose(s.name, options.To); options.To != "" && err != nil {
				problems = append(problems, fmt.Errorf("--to: %w", err))
			}
			return errors.Join(problems...)
		},
	}, func(ctx context.Context, with cdk.Session) error {
		options.Yes, options.TrustHook = s.yes, check == "hook"
		return rollback.Run(ctx, with, options)
	})
	takes(command, s.takesYes, s.takesWait)
	command.Flags().StringVar(&options.To, "to", "", "the `tag` of the release (default: the one before)")
	command.Flags().StringVar(&check, "check", "task", "check the schema with a `task` before the deployment, or leave it to the deployment's hook (hook), which needs no permission to run tasks")
	return command
}
