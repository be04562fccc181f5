package backup

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// newRestorer makes the role by which a person restores the database beside the one
// that runs (scripts/restore.sh), in either region. It makes and removes clusters of the
// restored one's name alone. Whoever may assume it is IAM's decision, outside this
// platform.
//
// The resources are those that the service authorization reference gives for each action
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html).
func newRestorer(own constructs.Construct, env config.Environment) {
	regions := []config.Region{env.Primary}
	if env.DR.Mode.Copies() {
		regions = append(regions, env.Secondary)
	}
	var sources, restored, instances []string
	for _, region := range regions {
		name := env.Names().RestoredClusterName(region)
		restored = append(restored, config.ARN("rds", region.Name, env.Site.Account, "cluster:"+name))
		instances = append(instances, config.ARN("rds", region.Name, env.Site.Account, "db:"+name+"-1"))
	}
	sources = append(sources, env.Names().DatabaseClusterARN(env.Primary))
	if env.DR.Mode.Copies() {
		// The standby's cluster has another end of its name after an upgrade.
		sources = append(sources, config.ARN("rds", env.Secondary.Name, env.Site.Account, "cluster:"+env.Names().Prefix()+"-"+env.Secondary.Name+"*"))
	}
	settings := append(rdsARNs(env, regions, "cluster-pg:*"), rdsARNs(env, regions, "og:default:*")...)
	settings = append(settings, rdsARNs(env, regions, "subgrp:*")...)
	settings = append(settings, rdsARNs(env, regions, "pg:*")...)
	snapshots := rdsARNs(env, regions, "cluster-snapshot:awsbackup:*")
	every := append(rdsARNs(env, regions, "cluster:*"), rdsARNs(env, regions, "db:*")...)
	every = append(every, rdsARNs(env, regions, "cluster-snapshot:*")...)
	policy := awsiam.NewManagedPolicy(own, new("RestorerPolicy"), &awsiam.ManagedPolicyProps{Statements: &[]awsiam.PolicyStatement{
		allow("Restore", texts(slices.Concat(sources, restored, snapshots, settings)), "rds:RestoreDBClusterToPointInTime", "rds:RestoreDBClusterFromSnapshot"),
		allow("Instance", texts(slices.Concat(restored, instances, settings)), "rds:CreateDBInstance"),
		allow("Tag", texts(slices.Concat(restored, instances)), "rds:AddTagsToResource"),
		allow("RemoveCluster", texts(restored), "rds:DeleteDBCluster"),
		allow("RemoveInstance", texts(instances), "rds:DeleteDBInstance"),
		allow("Look", texts(every), "rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeDBClusterSnapshots"),
		describeKeys(env, regions), grantKeys(env, regions),
	}})
	var findings []string
	for _, wildcard := range slices.Concat(settings, snapshots, every, keyARNs(env, regions), sources[1:]) {
		findings = append(findings, "Resource::"+wildcard)
	}
	acknowledge.Finding(policy, "AwsSolutions-IAM5",
		"CloudFormation and AWS Backup draw the names of groups and snapshots; what is made and removed is named, and keys are further bound by alias to this environment", findings...)
	awsiam.NewRole(own, new("Restorer"), &awsiam.RoleProps{
		RoleName:        new(env.Names().Restorer()),
		Description:     new("Restores the database beside the one that runs"),
		AssumedBy:       awsiam.NewAccountPrincipal(new(env.Site.Account)),
		ManagedPolicies: &[]awsiam.IManagedPolicy{policy},
	})
}
