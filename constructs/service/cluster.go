package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/logging"
)

// newCluster makes the ECS cluster with enhanced Container Insights, which
// reports each task and container and not only the service.
func newCluster(scope constructs.Construct, sessions awslogs.LogGroup, props Props) awsecs.Cluster {
	own := constructs.NewConstruct(scope, new("Ecs"))
	// Container Insights makes this group by itself, unencrypted and kept forever,
	// unless it is there before the cluster.
	insights := logging.NewGroup(own, "Insights", logging.Props{
		Name:          props.Names.ContainerInsightsLogGroup(),
		RetentionDays: props.Service.LogRetentionDays,
		Key:           props.LogKey,
	})
	cluster := awsecs.NewCluster(own, new("Cluster"), &awsecs.ClusterProps{
		ClusterName:                 new(props.Names.ECSClusterName()),
		Vpc:                         props.Network.Vpc,
		ContainerInsightsV2:         awsecs.ContainerInsights_ENHANCED,
		ExecuteCommandConfiguration: recordSessions(sessions),
	})
	cluster.Node().AddDependency(insights)
	return cluster
}

// newSessionLog makes the log of what people type in a running task, where the
// environment lets them in at all; nil elsewhere.
func newSessionLog(scope constructs.Construct, props Props) awslogs.LogGroup {
	if !props.Service.Exec {
		return nil
	}
	return logging.NewGroup(scope, "Sessions", logging.Props{
		RetentionDays: props.Service.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          true,
	})
}

func recordSessions(log awslogs.LogGroup) *awsecs.ExecuteCommandConfiguration {
	if log == nil {
		return nil
	}
	return &awsecs.ExecuteCommandConfiguration{
		Logging: awsecs.ExecuteCommandLogging_OVERRIDE,
		LogConfiguration: &awsecs.ExecuteCommandLogConfiguration{
			CloudWatchEncryptionEnabled: new(true),
			CloudWatchLogGroup:          log,
		},
	}
}
