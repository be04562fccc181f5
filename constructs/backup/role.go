package backup

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// AWS's managed policies for AWS Backup reach every database, volume and bucket
// of an account. The two roles here hold the statements of those policies that
// AWS's developer guide lists for Aurora ("Customer managed policies"), narrowed
// to the environment's cluster, vaults and keys.

// newBackupRole takes snapshots of the cluster, copies them and, at the end of
// their retention, deletes them.
func newBackupRole(own constructs.Construct, props Props, vault awsbackup.IBackupVault) awsiam.Role {
	names, regions := props.Names, props.regions()
	vaults := []string{*vault.BackupVaultArn()}
	if props.CopyTo.Name != "" {
		vaults = append(vaults, names.BackupVaultARN(props.CopyTo))
	}
	cluster := props.Cluster
	snapshots := rdsARNs(names, regions, "cluster-snapshot:awsbackup:*")
	return newRole(own, "BackupRole", "Takes and copies the database's daily snapshots", roleGrants{
		statements: []policy.Statement{
			policy.Allow("Snapshot", append(slices.Clone(snapshots), cluster),
				"rds:CreateDBClusterSnapshot", "rds:AddTagsToResource", "rds:ListTagsForResource",
				"rds:DescribeDBClusters", "rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusterAutomatedBackups"),
			policy.Allow("CopyAndExpire", snapshots,
				"rds:CopyDBClusterSnapshot", "rds:DeleteDBClusterSnapshot", "rds:ModifyDBClusterSnapshotAttribute",
				"backup:CopyFromBackupVault"),
			policy.Allow("Vaults", vaults, "backup:DescribeBackupVault", "backup:CopyIntoBackupVault"),
			policy.Allow("FindByTag", []string{"*"}, "tag:GetResources"),
			describeKeys(names, regions), grantKeys(names, regions),
		},
		wildcards: slices.Concat(snapshots, keyARNs(names, regions), []string{"*"}),
		reason: "AWS Backup chooses the names of its snapshots after the prefix; keys are further bound by alias to this environment; " +
			"tag:GetResources takes no resource",
	})
}

// newRestoreRole restores the snapshots into clusters of the restore tests'
// names and touches no other cluster.
func newRestoreRole(own constructs.Construct, props RestoreProps, subnets awsrds.SubnetGroup) awsiam.Role {
	names, regions := props.Names, []config.Region{props.Region}
	restored := rdsARNs(names, regions, "cluster:"+restoredPrefix+"*")
	snapshots := rdsARNs(names, regions, "cluster-snapshot:awsbackup:*")
	defaults := slices.Concat(rdsARNs(names, regions, "cluster-pg:default.*"), rdsARNs(names, regions, "og:default:*"))
	every := slices.Concat(rdsARNs(names, regions, "cluster:*"), rdsARNs(names, regions, "db:*"))
	subnetGroup := names.ARN("rds", props.Region, "subgrp:"+*subnets.SubnetGroupName())
	source := slices.Concat(restored, snapshots, defaults, []string{subnetGroup})
	decrypt := onlyOurKeys(names, policy.Allow("UseKeys", keyARNs(names, regions), "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey",
		"kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"))
	decrypt.Conditions["StringEquals"] = map[string]any{"kms:ViaService": "rds." + props.Region.Name + ".amazonaws.com"}
	return newRole(own, "RestoreRole", "Restores the database's snapshots to test them", roleGrants{
		statements: []policy.Statement{
			policy.Allow("Restore", source, "rds:RestoreDBClusterFromSnapshot"),
			policy.Allow("OwnClusters", restored, "rds:AddTagsToResource", "rds:DeleteDBCluster"),
			policy.Allow("Look", slices.Concat(every, snapshots), "rds:DescribeDBClusters", "rds:DescribeDBClusterSnapshots",
				"rds:DescribeDBInstances", "rds:ListTagsForResource"),
			decrypt, describeKeys(names, regions), grantKeys(names, regions),
		},
		wildcards: slices.Concat(restored, snapshots, defaults, every, keyARNs(names, regions)),
		reason: "AWS Backup chooses the names of its snapshots and test clusters after their prefixes; the wider resources carry nothing but " +
			"read-only descriptions; keys are further bound by alias to this environment",
	})
}

// roleGrants are a role's permissions and the reason for the wildcards in them.
type roleGrants struct {
	statements []policy.Statement
	wildcards  []string
	reason     string
}

func newRole(own constructs.Construct, id, description string, grants roleGrants) awsiam.Role {
	permissions := policy.NewManaged(own, id+"Policy", grants.statements...)
	var findings []string
	for _, wildcard := range grants.wildcards {
		findings = append(findings, "Resource::"+wildcard)
	}
	acknowledge.Finding(permissions, "AwsSolutions-IAM5", grants.reason, findings...)
	return awsiam.NewRole(own, new(id), &awsiam.RoleProps{
		AssumedBy:       value.Service("backup.amazonaws.com"),
		Description:     new(description),
		ManagedPolicies: &[]awsiam.IManagedPolicy{permissions},
	})
}

// describeKeys and grantKeys let RDS, on the role's behalf, use the keys of
// snapshots and vaults. A key is known by its alias, because the second region's
// key must not be asked for.
func describeKeys(names config.Names, regions []config.Region) policy.Statement {
	return onlyOurKeys(names, policy.Allow("DescribeKeys", keyARNs(names, regions), "kms:DescribeKey"))
}

func grantKeys(names config.Names, regions []config.Region) policy.Statement {
	statement := onlyOurKeys(names, policy.Allow("GrantKeys", keyARNs(names, regions), "kms:CreateGrant"))
	statement.Conditions["Bool"] = map[string]any{"kms:GrantIsForAWSResource": "true"}
	return statement
}

func onlyOurKeys(names config.Names, statement policy.Statement) policy.Statement {
	statement.Conditions = map[string]any{"ForAnyValue:StringLike": map[string]any{"kms:ResourceAliases": "alias/" + names.KeyAlias("*")}}
	return statement
}

func rdsARNs(names config.Names, regions []config.Region, resource string) []string {
	return arns(names, "rds", regions, resource)
}

func keyARNs(names config.Names, regions []config.Region) []string {
	return arns(names, "kms", regions, "key/*")
}

// arns are those of a resource in each of the regions.
func arns(names config.Names, service string, regions []config.Region, resource string) []string {
	var all []string
	for _, region := range regions {
		all = append(all, names.ARN(service, region, resource))
	}
	return all
}
