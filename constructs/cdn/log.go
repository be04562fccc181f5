package cdn

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

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
		RetentionDays: props.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          props.Protected,
	})
	name := props.Names.StaticLogs()
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
	delivery := awslogs.NewCfnDelivery(scope, new("AccessLog"), &awslogs.CfnDeliveryProps{
		DeliverySourceName:     source.Ref(),
		DeliveryDestinationArn: destination.AttrArn(),
		RecordFields:           jsii.Strings(logFields...),
	})
	delivery.Node().AddDependency(logging.AllowDelivery(scope, group, logging.Delivery{
		Names: props.Names, Region: props.Region, PolicyName: name, Source: "delivery-source:" + name,
	}))
}
