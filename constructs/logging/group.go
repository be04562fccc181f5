// Package logging makes log groups that are encrypted with a key of the
// platform and that forget after a stated time.
package logging

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Props describe a log group.
type Props struct {
	// Name is needed only where a service derives it, such as
	// "/aws/rds/cluster/…"; empty lets CloudFormation choose.
	Name string
	// RetentionDays is one of the values that CloudWatch Logs accepts.
	RetentionDays int
	// Key encrypts the group; its policy must allow CloudWatch Logs
	// ([wallet-infra/constructs/encryption.AllowLogs]).
	Key awskms.IKey
	// Keep retains the group when its stack goes, for logs that are evidence.
	Keep bool
}

// NewGroup makes a log group.
func NewGroup(scope constructs.Construct, id string, props Props) awslogs.LogGroup {
	removal := awscdk.RemovalPolicy_DESTROY
	if props.Keep {
		removal = awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	}
	var name *string
	if props.Name != "" {
		name = new(props.Name)
	}
	group := awslogs.NewLogGroup(scope, new(id), &awslogs.LogGroupProps{
		LogGroupName:  name,
		EncryptionKey: props.Key,
		RemovalPolicy: removal,
	})
	// CDK takes the retention as an enumeration; CloudFormation takes the days,
	// which config has and has checked.
	group.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(props.RetentionDays))
	return group
}
