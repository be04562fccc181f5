package backup

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
)

// newRestorer makes the role by which a person restores the database beside the one
// that runs (go tool wallet ENV restore), in either region. It makes and removes clusters of the
// restored one's name alone. Whoever may assume it is IAM's decision, outside this
// platform.
//
// The resources are those that the service authorization reference gives for each action
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html).
func newRestorer(own constructs.Construct, props Props) {
	names, regions := props.Names, props.regions()
	var sources, restored, instances []string
	for _, region := range regions {
		name := names.RestoredClusterName(region)
		restored = append(restored, names.ARN("rds", region, "cluster:"+name))
		instances = append(instances, names.ARN("rds", region, "db:"+name+"-1"))
	}
	sources = append(sources, names.DatabaseClusterARN(props.Region))
	if props.CopyTo.Name != "" {
		// The standby's cluster has another end of its name after an upgrade.
		sources = append(sources, names.ARN("rds", props.CopyTo, "cluster:"+names.Prefix()+"-"+props.CopyTo.Name+"*"))
	}
	settings := append(rdsARNs(names, regions, "cluster-pg:*"), rdsARNs(names, regions, "og:default:*")...)
	settings = append(settings, rdsARNs(names, regions, "subgrp:*")...)
	settings = append(settings, rdsARNs(names, regions, "pg:*")...)
	snapshots := rdsARNs(names, regions, "cluster-snapshot:awsbackup:*")
	every := append(rdsARNs(names, regions, "cluster:*"), rdsARNs(names, regions, "db:*")...)
	every = append(every, rdsARNs(names, regions, "cluster-snapshot:*")...)
	permissions := policy.NewManaged(own, "RestorerPolicy",
		policy.Allow("Restore", slices.Concat(sources, restored, snapshots, settings), "rds:RestoreDBClusterToPointInTime", "rds:RestoreDBClusterFromSnapshot"),
		policy.Allow("Instance", slices.Concat(restored, instances, settings), "rds:CreateDBInstance"),
		policy.Allow("Tag", slices.Concat(restored, instances), "rds:AddTagsToResource"),
		policy.Allow("RemoveCluster", restored, "rds:DeleteDBCluster"),
		policy.Allow("RemoveInstance", instances, "rds:DeleteDBInstance"),
		policy.Allow("Look", every, "rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeDBClusterSnapshots"),
		describeKeys(names, regions), grantKeys(names, regions),
	)
	var findings []string
	for _, wildcard := range slices.Concat(settings, snapshots, every, keyARNs(names, regions), sources[1:]) {
		findings = append(findings, "Resource::"+wildcard)
	}
	acknowledge.Finding(permissions, "AwsSolutions-IAM5",
		"CloudFormation and AWS Backup draw the names of groups and snapshots; what is made and removed is named, and keys are further bound by alias to this environment", findings...)
	awsiam.NewRole(own, new("Restorer"), &awsiam.RoleProps{
		RoleName:        new(names.Restorer()),
		Description:     new("Restores the database beside the one that runs"),
		AssumedBy:       awsiam.NewAccountPrincipal(new(names.Account())),
		ManagedPolicies: &[]awsiam.IManagedPolicy{permissions},
	})
}
