package kafka

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/logging"
)

// newLogging sends the broker logs to CloudWatch, where people read them, and to
// S3, where they last. It returns the policy that the brokers' log needs first:
// without it, MSK would write one for itself that covers the whole account.
func newLogging(scope constructs.Construct, props Props) (*awsmsk.CfnCluster_LoggingInfoProperty, constructs.IDependable) {
	group := logging.NewGroup(scope, "Logs", logging.Props{
		RetentionDays: props.Messaging.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          true, // the retained cluster goes on writing to it
	})
	delivery := logging.AllowDelivery(scope, group, logging.Delivery{Names: props.Names, Region: props.Region, Source: "*"})
	delivery.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE)
	return &awsmsk.CfnCluster_LoggingInfoProperty{
		BrokerLogs: &awsmsk.CfnCluster_BrokerLogsProperty{
			CloudWatchLogs: &awsmsk.CfnCluster_CloudWatchLogsProperty{Enabled: new(true), LogGroup: group.LogGroupName()},
			S3: &awsmsk.CfnCluster_S3Property{
				Enabled: new(true), Bucket: props.Logs.BucketName(), Prefix: new(props.LogPrefix),
			},
		},
	}, delivery
}
