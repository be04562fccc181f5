package aurora

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// newGlobalCluster makes the cluster the first member of a global database, by naming it as
// the source. That is the one form that a running cluster can take too: a cluster that
// names its global database itself can do so at its creation alone (the resource's
// handler answers "Resource is immutable" later). The source is read when the global
// database is made and never again, so a switchover leaves it alone; engine, version
// and encryption are the source's, and AWS asks for none of them beside it
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-globalcluster.html).
func newGlobalCluster(scope constructs.Construct, source string, props Props) {
	global := awsrds.NewCfnGlobalCluster(scope, new("Global"), &awsrds.CfnGlobalClusterProps{
		GlobalClusterIdentifier:   new(props.Names.GlobalClusterName()),
		SourceDbClusterIdentifier: new(source),
		DeletionProtection:        new(props.Protected),
	})
	global.ApplyRemovalPolicy(removal(props.Protected), nil)
}

// scaleReaders adds readers while the fixed ones are busy. The bounds count the
// fixed readers too; RDS gives an added reader the lowest rank at failover.
func scaleReaders(cluster awsrds.DatabaseCluster, names config.Names, db config.Database) {
	// RDS scales with its service-linked role, which the registration makes; CDK
	// would add a role of its own that nothing uses.
	role := awsiam.Role_FromRoleArn(cluster, new("ScalingRole"), new(config.ARN("iam", "", names.Account(),
		"role/aws-service-role/rds.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_RDSCluster")), nil)
	target := awsapplicationautoscaling.NewScalableTarget(cluster, new("Readers"), &awsapplicationautoscaling.ScalableTargetProps{
		ServiceNamespace:  awsapplicationautoscaling.ServiceNamespace_RDS,
		ScalableDimension: new("rds:cluster:ReadReplicaCount"),
		ResourceId:        new("cluster:" + *cluster.ClusterIdentifier()),
		MinCapacity:       jsii.Number(db.Readers),
		MaxCapacity:       jsii.Number(db.MaxReaders),
		Role:              role,
	})
	// RDS refuses to scale a cluster that has no reader yet.
	var instances []constructs.IDependable
	for _, instance := range *cluster.Node().Children() {
		if resource, ok := instance.Node().DefaultChild().(awsrds.CfnDBInstance); ok {
			instances = append(instances, resource)
		}
	}
	target.Node().AddDependency(instances...)
	target.ScaleToTrackMetric(new("Cpu"), &awsapplicationautoscaling.BasicTargetTrackingScalingPolicyProps{
		PredefinedMetric: awsapplicationautoscaling.PredefinedMetric_RDS_READER_AVERAGE_CPU_UTILIZATION,
		TargetValue:      jsii.Number(db.ReaderCPUTargetPercent),
	})
}
