// Package backup makes AWS Backup's vaults, the daily plan and the restore tests.
package backup

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/value"
)

// Backup is a region's vault and what looks after its copies.
type Backup struct {
	Vault awsbackup.BackupVault
	// Watch is the name of the function that fails when a copy is not good.
	Watch string
}

// Props describe the primary region's backups.
type Props struct {
	Names  config.Names
	Region config.Region
	Backup config.Backup
	// CopyTo is the region whose vault receives a copy of each recovery point; without a
	// name, nothing leaves this one.
	CopyTo config.Region
	// Protected keeps everybody but a deployment from changing the vault's rules.
	Protected bool
	// Cluster is the ARN of the database that is backed up.
	Cluster string
	// DatabaseKey encrypts the database.
	DatabaseKey awskms.IKey
	// Network holds the database tier, in which restore tests build their cluster.
	Network network.Network
	// Exports is the bucket that the database is exported to, under its own key.
	Exports awss3.IBucket
	// ReplicatedSecrets are the ARNs of the secrets with a replica in the second
	// region; none outside standby.
	ReplicatedSecrets []string
	// LogKey encrypts the log group; its policy must allow CloudWatch Logs.
	LogKey           awskms.IKey
	LogRetentionDays int
}

// regions are those that hold recovery points.
func (p Props) regions() []config.Region {
	if p.CopyTo.Name == "" {
		return []config.Region{p.Region}
	}
	return []config.Region{p.Region, p.CopyTo}
}

// New makes the vault, the daily plan, the restore tests and the monthly export of
// the primary region. The second region's vault must exist before the first copy, which is
// hours after the deployment.
func New(scope constructs.Construct, props Props) Backup {
	own := constructs.NewConstruct(scope, new("Backup"))
	vault := NewVault(own, VaultProps{Names: props.Names, Region: props.Region, Backup: props.Backup, Protected: props.Protected})
	newPlan(own, props, vault)
	NewRestoreTest(own, RestoreProps{
		Names: props.Names, Region: props.Region, Backup: props.Backup, Network: props.Network, Vault: vault,
		Clusters: []string{props.Cluster},
	})
	newExport(own, props)
	newRestorer(own, props)
	return Backup{Vault: vault, Watch: newWatch(own, props)}
}

// newPlan takes a snapshot of the database each day and copies it to the second
// region. The snapshots are the defence against corruption and ransomware, which
// replication would spread. They are plain ones: Aurora keeps its own continuous
// backup, a copy of a continuous backup is a plain snapshot anyway, and AWS
// Backup would take the cluster's retention out of its template's hands.
func newPlan(own constructs.Construct, props Props, vault awsbackup.IBackupVault) {
	plan := awsbackup.NewBackupPlan(own, new("Plan"), &awsbackup.BackupPlanProps{
		BackupPlanName: new(props.Names.BackupPlan()),
	})
	plan.AddRule(awsbackup.NewBackupPlanRule(&awsbackup.BackupPlanRuleProps{
		RuleName:    new("Daily"),
		BackupVault: vault,
		ScheduleExpression: awsevents.Schedule_Cron(&awsevents.CronOptions{
			Hour: new(fmt.Sprint(props.Backup.StartHourUTC)), Minute: new("0"),
		}),
		StartWindow:            value.Duration(props.Backup.StartWindow),
		CompletionWindow:       value.Duration(props.Backup.CompletionWindow),
		DeleteAfter:            value.Days(props.Backup.RetentionDays),
		EnableContinuousBackup: new(false),
		CopyActions:            copyActions(own, props),
	}))
	// By ARN, not by tag: a cluster that lost its tag would lose its backups in
	// silence, and a restored one that kept it would be backed up for ever.
	plan.AddSelection(new("Database"), &awsbackup.BackupSelectionOptions{
		Resources:                  &[]awsbackup.BackupResource{awsbackup.BackupResource_FromArn(new(props.Cluster))},
		Role:                       newBackupRole(own, props, vault),
		DisableDefaultBackupPolicy: new(true),
	})
}

// copyActions send each snapshot to the second region's vault, if it may leave.
func copyActions(own constructs.Construct, props Props) *[]*awsbackup.BackupPlanCopyActionProps {
	if props.CopyTo.Name == "" {
		return nil
	}
	return &[]*awsbackup.BackupPlanCopyActionProps{{
		DestinationBackupVault: awsbackup.BackupVault_FromBackupVaultArn(own, new("SecondVault"), new(props.Names.BackupVaultARN(props.CopyTo))),
		DeleteAfter:            value.Days(props.Backup.RetentionDays),
	}}
}
