package backup

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// AWS's managed policies for AWS Backup reach every database, volume and bucket
// of an account. The two roles here hold the statements of those policies that
// AWS's developer guide lists for Aurora ("Customer managed policies"), narrowed
// to the environment's cluster, vaults and keys.

// newBackupRole takes snapshots of the cluster, copies them and, at the end of
// their retention, deletes them.
func newBackupRole(own constructs.Construct, props Props, vault awsbackup.IBackupVault) awsiam.Role {
	env := props.Env
	regions := []config.Region{env.Primary}
	vaults := []*string{vault.BackupVaultArn()}
	if env.DR.Mode.Copies() {
		regions = append(regions, env.Secondary)
		vaults = append(vaults, new(env.Names().BackupVaultARN(env.Secondary)))
	}
	cluster := props.Cluster.ClusterArn()
	snapshots := rdsARNs(env, regions, "cluster-snapshot:awsbackup:*")
	return newRole(own, "BackupRole", "Takes and copies the database's daily snapshots", roleGrants{
		statements: []awsiam.PolicyStatement{
			allow("Snapshot", append(texts(snapshots), cluster),
				"rds:CreateDBClusterSnapshot", "rds:AddTagsToResource", "rds:ListTagsForResource",
				"rds:DescribeDBClusters", "rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusterAutomatedBackups"),
			allow("CopyAndExpire", texts(snapshots),
				"rds:CopyDBClusterSnapshot", "rds:DeleteDBClusterSnapshot", "rds:ModifyDBClusterSnapshotAttribute",
				"backup:CopyFromBackupVault"),
			allow("Vaults", vaults, "backup:DescribeBackupVault", "backup:CopyIntoBackupVault"),
			allow("FindByTag", []*string{new("*")}, "tag:GetResources"),
			describeKeys(env, regions), grantKeys(env, regions),
		},
		wildcards: slices.Concat(snapshots, keyARNs(env, regions), []string{"*"}),
		reason: "AWS Backup chooses the names of its snapshots after the prefix; keys are further bound by alias to this environment; " +
			"tag:GetResources takes no resource",
	})
}

// newRestoreRole restores the snapshots into clusters of the restore tests'
// names and touches no other cluster.
func newRestoreRole(own constructs.Construct, props RestoreProps, subnets awsrds.SubnetGroup) awsiam.Role {
	env, regions := props.Env, []config.Region{props.Region}
	restored := rdsARNs(env, regions, "cluster:"+restoredPrefix+"*")
	snapshots := rdsARNs(env, regions, "cluster-snapshot:awsbackup:*")
	defaults := slices.Concat(rdsARNs(env, regions, "cluster-pg:default.*"), rdsARNs(env, regions, "og:default:*"))
	every := slices.Concat(rdsARNs(env, regions, "cluster:*"), rdsARNs(env, regions, "db:*"))
	subnetGroup := config.ARN("rds", props.Region.Name, env.Site.Account, "subgrp:"+*subnets.SubnetGroupName())
	source := texts(slices.Concat(restored, snapshots, defaults, []string{subnetGroup}))
	decrypt := allow("UseKeys", texts(keyARNs(env, regions)), "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey",
		"kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo")
	decrypt.AddCondition(new("StringEquals"), map[string]any{"kms:ViaService": "rds." + props.Region.Name + ".amazonaws.com"})
	return newRole(own, "RestoreRole", "Restores the database's snapshots to test them", roleGrants{
		statements: []awsiam.PolicyStatement{
			allow("Restore", source, "rds:RestoreDBClusterFromSnapshot"),
			allow("OwnClusters", texts(restored), "rds:AddTagsToResource", "rds:DeleteDBCluster"),
			allow("Look", texts(slices.Concat(every, snapshots)), "rds:DescribeDBClusters", "rds:DescribeDBClusterSnapshots",
				"rds:DescribeDBInstances", "rds:ListTagsForResource"),
			onlyOurKeys(env, decrypt), describeKeys(env, regions), grantKeys(env, regions),
		},
		wildcards: slices.Concat(restored, snapshots, defaults, every, keyARNs(env, regions)),
		reason: "AWS Backup chooses the names of its snapshots and test clusters after their prefixes; the wider resources carry nothing but " +
			"read-only descriptions; keys are further bound by alias to this environment",
	})
}

// roleGrants are a role's permissions and the reason for the wildcards in them.
type roleGrants struct {
	statements []awsiam.PolicyStatement
	wildcards  []string
	reason     string
}

func newRole(own constructs.Construct, id, description string, grants roleGrants) awsiam.Role {
	policy := awsiam.NewManagedPolicy(own, new(id+"Policy"), &awsiam.ManagedPolicyProps{Statements: &grants.statements})
	var findings []string
	for _, wildcard := range grants.wildcards {
		findings = append(findings, "Resource::"+wildcard)
	}
	acknowledge.Finding(policy, "AwsSolutions-IAM5", grants.reason, findings...)
	return awsiam.NewRole(own, new(id), &awsiam.RoleProps{
		AssumedBy:       awsiam.NewServicePrincipal(new("backup.amazonaws.com"), nil),
		Description:     new(description),
		ManagedPolicies: &[]awsiam.IManagedPolicy{policy},
	})
}

// describeKeys and grantKeys let RDS, on the role's behalf, use the keys of
// snapshots and vaults. A key is known by its alias, because the second region's
// key must not be asked for.
func describeKeys(env config.Environment, regions []config.Region) awsiam.PolicyStatement {
	return onlyOurKeys(env, allow("DescribeKeys", texts(keyARNs(env, regions)), "kms:DescribeKey"))
}

func grantKeys(env config.Environment, regions []config.Region) awsiam.PolicyStatement {
	statement := onlyOurKeys(env, allow("GrantKeys", texts(keyARNs(env, regions)), "kms:CreateGrant"))
	statement.AddCondition(new("Bool"), map[string]any{"kms:GrantIsForAWSResource": "true"})
	return statement
}

func onlyOurKeys(env config.Environment, statement awsiam.PolicyStatement) awsiam.PolicyStatement {
	statement.AddCondition(new("ForAnyValue:StringLike"), map[string]any{"kms:ResourceAliases": "alias/" + env.Names().KeyAlias("*")})
	return statement
}

func allow(sid string, resources []*string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: new(sid), Actions: jsii.Strings(actions...), Resources: &resources,
	})
}

func rdsARNs(env config.Environment, regions []config.Region, resource string) []string {
	var arns []string
	for _, region := range regions {
		arns = append(arns, config.ARN("rds", region.Name, env.Site.Account, resource))
	}
	return arns
}

func keyARNs(env config.Environment, regions []config.Region) []string {
	var arns []string
	for _, region := range regions {
		arns = append(arns, config.ARN("kms", region.Name, env.Site.Account, "key/*"))
	}
	return arns
}

func texts(values []string) []*string {
	var pointers []*string
	for _, value := range values {
		pointers = append(pointers, new(value))
	}
	return pointers
}
