package cdn

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/logging"
)

// logFields are CloudFront's fields without those that point at a person:
// addresses, ports, cookies and queries. The log stands outside Brazil, because
// CloudFront delivers from us-east-1, whatever the residency switch says.
var logFields = []string{
	"date", "time", "x-edge-location", "sc-bytes", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status",
	"cs(User-Agent)", "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
	"time-taken", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version",
	"time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len",
}

// logAccess sends the access log to CloudWatch Logs.
func logAccess(scope constructs.Construct, distribution awscloudfront.Distribution, props Props) {
	group := logging.NewGroup(scope, "Logs", logging.Props{
		RetentionDays: props.Env.Edge.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          props.Env.Protected,
	})
	name := props.Env.StaticLogs()
	source := awslogs.NewCfnDeliverySource(scope, new("LogSource"), &awslogs.CfnDeliverySourceProps{
		Name:        new(name),
		LogType:     new("ACCESS_LOGS"),
		ResourceArn: distribution.DistributionArn(),
	})
	destination := awslogs.NewCfnDeliveryDestination(scope, new("LogDestination"), &awslogs.CfnDeliveryDestinationProps{
		Name:                   new(name),
		DestinationResourceArn: group.LogGroupArn(),
		OutputFormat:           new("json"),
	})
	delivery := awslogs.NewCfnDelivery(scope, new("LogDelivery"), &awslogs.CfnDeliveryProps{
		DeliverySourceName:     source.Ref(),
		DeliveryDestinationArn: destination.AttrArn(),
		RecordFields:           jsii.Strings(logFields...),
	})
	delivery.Node().AddDependency(allowDelivery(scope, group, props))
}

// allowDelivery lets the log delivery service write to the group, so that AWS
// need not add the permission to a policy that all groups of the account share.
func allowDelivery(scope constructs.Construct, group awslogs.LogGroup, props Props) awslogs.ResourcePolicy {
	source := config.ARN("logs", props.Env.Secondary.Name, props.Env.Site.Account, "delivery-source:"+props.Env.StaticLogs())
	return awslogs.NewResourcePolicy(scope, new("LogPolicy"), &awslogs.ResourcePolicyProps{
		ResourcePolicyName: new(props.Env.StaticLogs()),
		PolicyStatements: &[]awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid:        new("LogDelivery"),
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("delivery.logs.amazonaws.com"), nil)},
			Actions:    &[]*string{new("logs:CreateLogStream"), new("logs:PutLogEvents")},
			Resources:  &[]*string{group.LogGroupArn()},
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": props.Env.Site.Account},
				"ArnLike":      map[string]any{"aws:SourceArn": source},
			},
		})},
	})
}
