package backup

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/network"
)

// restoredPrefix begins the name of every cluster that AWS Backup restores for a
// test (AWS Backup developer guide, restore testing inferred metadata).
const restoredPrefix = "awsbackup-restore-test-"

// RestoreProps describe the restore tests of a region.
type RestoreProps struct {
	Names  config.Names
	Region config.Region
	Backup config.Backup
	// Network holds the database tier, in which the tests build their cluster.
	Network network.Network
	// Vault holds the recovery points, and Clusters are the ARNs of what they are of;
	// "*" is everything in the vault.
	Vault    awsbackup.IBackupVault
	Clusters []string
}

// NewRestoreTest restores the latest snapshot in a region's vault every few days,
// into a corner of the database tier that nothing can reach, and has it deleted
// when the time for inspection is over. AWS Backup restores the cluster's volume
// without an instance: the test proves that the snapshot and its key are good. In
// the second region it proves the same of the copies.
func NewRestoreTest(own constructs.Construct, props RestoreProps) {
	group := props.Network.NewGroup(own, "RestoreGroup", "Restored databases: nothing may reach them, and they reach nothing")
	subnets := awsrds.NewSubnetGroup(own, new("RestoreSubnets"), &awsrds.SubnetGroupProps{
		Vpc:           props.Network.Vpc,
		VpcSubnets:    props.Network.Database(),
		Description:   new("Where restore tests build their cluster"),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY, // holds nothing between two tests
	})
	plan := awsbackup.NewCfnRestoreTestingPlan(own, new("RestorePlan"), &awsbackup.CfnRestoreTestingPlanProps{
		RestoreTestingPlanName: new(props.Names.RestoreTestName()),
		ScheduleExpression:     new(restoreSchedule(props.Backup)),
		StartWindowHours:       jsii.Number(props.Backup.StartWindow.Hours()),
		RecoveryPointSelection: &awsbackup.CfnRestoreTestingPlan_RestoreTestingRecoveryPointSelectionProperty{
			Algorithm:           new("LATEST_WITHIN_WINDOW"),
			IncludeVaults:       &[]*string{props.Vault.BackupVaultArn()},
			RecoveryPointTypes:  jsii.Strings("SNAPSHOT"),
			SelectionWindowDays: jsii.Number(props.Backup.RestoreTestDays),
		},
	})
	awsbackup.NewCfnRestoreTestingSelection(own, new("RestoreDatabase"), &awsbackup.CfnRestoreTestingSelectionProps{
		RestoreTestingPlanName:      plan.Ref(),
		RestoreTestingSelectionName: new("database"),
		ProtectedResourceType:       new("Aurora"),
		ProtectedResourceArns:       jsii.Strings(props.Clusters...),
		IamRoleArn:                  newRestoreRole(own, props, subnets).RoleArn(),
		ValidationWindowHours:       jsii.Number(props.Backup.RestoreTestHold.Hours()),
		// Without these, AWS Backup restores into the default VPC.
		RestoreMetadataOverrides: map[string]*string{
			"dbSubnetGroupName":   subnets.SubnetGroupName(),
			"vpcSecurityGroupIds": new(`["` + *group.SecurityGroupId() + `"]`),
		},
	})
}

// restoreSchedule starts on the first of a month and then every so many days. A
// month's end cuts the last interval short, so none is longer than config says.
func restoreSchedule(backup config.Backup) string {
	return fmt.Sprintf("cron(0 %d 1/%d * ? *)", backup.RestoreTestHourUTC(), backup.RestoreTestDays)
}
