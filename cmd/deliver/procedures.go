package main

import (
	"context"

	"github.com/spf13/cobra"

	"wallet-infra/internal/delivery"
)

func newPassword(f *flags) *cobra.Command {
	var options delivery.PasswordOptions
	command := f.command("password", "Replace the cache's or Kafka's password", `
Makes a new password, lets the cache's user have both, puts the new one into the
secret, deploys the running release again so that every task takes it, and takes the
old one away; in each region that has the service. Kafka's user has one password: its
tasks keep their connections until they are replaced, and the outbox holds the events
meanwhile, so do that in a quiet hour. No password is typed or shown.

It may be run again after any interruption and goes on where it was. The database's
passwords rotate by themselves.`,
		func(ctx context.Context, session *delivery.Session) error {
			options.Yes = f.yes
			return session.ReplacePassword(ctx, options)
		})
	f.takesYes(command)
	command.Flags().StringVar(&options.Of, "of", "", "whose `password`: cache or kafka")
	command.Flags().StringVar(&options.Region, "region", "", "only in this `region` (default: every one that has the service)")
	return command
}

func newRestore(f *flags) *cobra.Command {
	var options delivery.RestoreOptions
	command := f.command("restore", "Make a cluster of an earlier moment beside the database", `
Restores the database to a moment (--to-time), or from a snapshot of AWS Backup
(--snapshot latest, or its ARN), as a second cluster with the first one's network and
parameters and one instance, and waits for each: hours, where the database is large.
What runs is not touched. Compare, repair what runs from it, and delete it; the last
lines say how.

It may be run again after any interruption and goes on where it was.`,
		func(ctx context.Context, session *delivery.Session) error {
			options.Yes = f.yes
			return session.Restore(ctx, options)
		})
	f.takesYes(command)
	command.Flags().StringVar(&options.ToTime, "to-time", "", "the `moment`, such as 2026-01-31T12:00:00Z")
	command.Flags().StringVar(&options.Snapshot, "snapshot", "", "a recovery point's `ARN`, or latest")
	command.Flags().StringVar(&options.Region, "region", "", "the `region` (default: the first one)")
	command.Flags().StringVar(&options.SubnetGroup, "subnet-group", "", "the subnet group's `name`, in a region without a cluster")
	command.Flags().StringVar(&options.SecurityGroup, "security-group", "", "the security group's `ID`, in a region without a cluster")
	return command
}
