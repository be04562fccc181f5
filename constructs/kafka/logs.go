package kafka

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/logging"
)

// newLogging sends the broker logs to CloudWatch, where people read them, and to
// S3, where they last. It returns the policy that the brokers' log needs first:
// without it, MSK would write one for itself that covers the whole account.
func newLogging(scope constructs.Construct, props Props) (*awsmsk.CfnCluster_LoggingInfoProperty, constructs.IDependable) {
	stack := awscdk.Stack_Of(scope)
	group := logging.NewGroup(scope, "Logs", logging.Props{
		RetentionDays: props.Env.Messaging.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          true, // the retained cluster goes on writing to it
	})
	delivery := awslogs.NewResourcePolicy(scope, new("LogDelivery"), &awslogs.ResourcePolicyProps{
		PolicyStatements: &[]awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("delivery.logs.amazonaws.com"), nil)},
			Actions:    jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"),
			Resources:  &[]*string{group.LogGroupArn()},
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": *stack.Account()},
				"ArnLike":      map[string]any{"aws:SourceArn": config.ARN("logs", *stack.Region(), *stack.Account(), "*")},
			},
		})},
	})
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
