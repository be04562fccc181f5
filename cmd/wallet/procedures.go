package main

import (
	"context"

	"github.com/spf13/cobra"

	"wallet-infra/internal/cdk"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/password"
	"wallet-infra/internal/restore"
)

// procedureStatuses are those of what a person starts and may have to go on with.
var procedureStatuses = []exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Declined, exit.Failed, exit.Interrupted}

func newPassword(s *scope) *cobra.Command {
	var options password.Options
	command := s.deliver(task{
		use: "password", short: "Replace the cache's or Kafka's password", long: `
Makes a new password, lets the cache's user have both, puts the new one into the
secret, deploys the running release again so that every task takes it, and takes the
old one away; in each region that has the service. Kafka's user has one password: its
tasks keep their connections until they are replaced, and the outbox holds the events
meanwhile, so do that in a quiet hour. No password is typed or shown.

It may be run again after any interruption and goes on where it was. The database's
passwords rotate by themselves.`,
		statuses: procedureStatuses,
		judge: func() error {
			_, err := options.Places(s.env)
			return err
		},
	}, func(ctx context.Context, with cdk.Session) error {
		options.Yes = s.yes
		return password.Replace(ctx, with, options)
	})
	s.takesYes(command)
	command.Flags().StringVar(&options.Of, "of", "", "whose `password`: cache or kafka")
	command.Flags().StringVar(&options.Region, "region", "", "only in this `region` (default: every one that has the service)")
	return command
}

func newRestore(s *scope) *cobra.Command {
	var options restore.Options
	command := s.deliver(task{
		use: "restore", short: "Make a cluster of an earlier moment beside the database", long: `
Restores the database to a moment (--to-time), or from a snapshot of AWS Backup
(--snapshot latest, or its ARN), as a second cluster with the first one's network and
parameters and one instance, and waits for each: hours, where the database is large.
What runs is not touched. Compare, repair what runs from it, and delete it; the last
lines say how.

It may be run again after any interruption and goes on where it was.`,
		statuses: procedureStatuses,
		judge: func() error {
			_, err := options.Where(s.env)
			return err
		},
	}, func(ctx context.Context, with cdk.Session) error {
		options.Yes = s.yes
		return restore.Run(ctx, with, options)
	})
	s.takesYes(command)
	flags := command.Flags()
	flags.StringVar(&options.ToTime, "to-time", "", "the `moment`, such as 2026-01-31T12:00:00Z")
	flags.StringVar(&options.Snapshot, "snapshot", "", "a recovery point's `ARN`, or latest")
	flags.StringVar(&options.Region, "region", "", "the `region` (default: the first one)")
	flags.StringVar(&options.SubnetGroup, "subnet-group", "", "the subnet group's `name`, in a region without a cluster")
	flags.StringVar(&options.SecurityGroup, "security-group", "", "the security group's `ID`, in a region without a cluster")
	return command
}
