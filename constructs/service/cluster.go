package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/logging"
)

// newCluster makes the ECS cluster with enhanced Container Insights, which
// reports each task and container and not only the service.
func newCluster(scope constructs.Construct, props Props) awsecs.Cluster {
	env := props.Env
	own := constructs.NewConstruct(scope, new("Ecs"))
	// Container Insights makes this group by itself, unencrypted and kept forever,
	// unless it is there before the cluster.
	insights := logging.NewGroup(own, "Insights", logging.Props{
		Name:          env.ContainerInsightsLogGroup(),
		RetentionDays: env.Service.LogRetentionDays,
		Key:           props.LogKey,
	})
	cluster := awsecs.NewCluster(own, new("Cluster"), &awsecs.ClusterProps{
		ClusterName:                 new(env.ECSClusterName()),
		Vpc:                         props.Network.Vpc,
		ContainerInsightsV2:         awsecs.ContainerInsights_ENHANCED,
		ExecuteCommandConfiguration: recordSessions(own, props),
	})
	cluster.Node().AddDependency(insights)
	return cluster
}

// recordSessions writes down what people type in a running task, where the
// environment lets them in at all.
func recordSessions(scope constructs.Construct, props Props) *awsecs.ExecuteCommandConfiguration {
	if !props.Env.Service.Exec {
		return nil
	}
	return &awsecs.ExecuteCommandConfiguration{
		Logging: awsecs.ExecuteCommandLogging_OVERRIDE,
		LogConfiguration: &awsecs.ExecuteCommandLogConfiguration{
			CloudWatchEncryptionEnabled: new(true),
			CloudWatchLogGroup: logging.NewGroup(scope, "Sessions", logging.Props{
				RetentionDays: props.Env.Service.LogRetentionDays,
				Key:           props.LogKey,
				Keep:          true,
			}),
		},
	}
}
