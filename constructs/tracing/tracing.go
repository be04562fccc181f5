// Package tracing lets X-Ray take the wallet's traces, and tells it which they are and
// how many of them to index.
package tracing

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsxray"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/policy"
)

// NewDestination turns on Transaction Search, without which X-Ray's OTLP endpoint takes
// nothing ("OTLP endpoints" in the CloudWatch user guide): spans go to the log group
// aws/spans, and the traces to X-Ray's index, all of those that the service sampled. An
// account and region has it once, which a deployment looks for first.
func NewDestination(scope constructs.Construct, names config.Names, region config.Region) {
	own := constructs.NewConstruct(scope, new("Traces"))
	allowed := awslogs.NewResourcePolicy(own, new("Policy"), &awslogs.ResourcePolicyProps{
		ResourcePolicyName: new(names.TraceGroup() + "-spans"),
		PolicyStatements: &[]awsiam.PolicyStatement{policy.Statement{
			Sid: "TransactionSearch", Principal: policy.Service("xray.amazonaws.com"), Actions: []string{"logs:PutLogEvents"},
			Resources: []string{
				names.ARN("logs", region, "log-group:aws/spans:*"),
				names.ARN("logs", region, "log-group:/aws/application-signals/data:*"),
			},
			Conditions: map[string]any{
				"ArnLike":      map[string]any{"aws:SourceArn": names.ARN("xray", region, "*")},
				"StringEquals": map[string]any{"aws:SourceAccount": names.Account()},
			},
		}.CDK()},
	})
	search := awsxray.NewCfnTransactionSearchConfig(own, new("Search"), &awsxray.CfnTransactionSearchConfigProps{
		IndexingPercentage: jsii.Number(100),
	})
	search.Node().AddDependency(allowed)
}

// New makes the group of the service's traces, with insights that gather errors
// into incidents, and the sampling rule, a ratio of 0 to 1. The service samples by the same ratio
// itself, before the collector sees a trace; the rule holds for whoever asks
// X-Ray, which would otherwise take one request a second and 5 %.
func New(scope constructs.Construct, names config.Names, sampleRatio float64) {
	own := constructs.NewConstruct(scope, new("Tracing"))
	awsxray.NewCfnGroup(own, new("Group"), &awsxray.CfnGroupProps{
		GroupName:        new(names.TraceGroup()),
		FilterExpression: new(`service("` + names.ServiceName() + `")`),
		InsightsConfiguration: &awsxray.CfnGroup_InsightsConfigurationProperty{
			InsightsEnabled: new(true),
			// The alarms already report what an insight would.
			NotificationsEnabled: new(false),
		},
	})
	anything := new("*")
	awsxray.NewCfnSamplingRule(own, new("Sampling"), &awsxray.CfnSamplingRuleProps{
		SamplingRule: &awsxray.CfnSamplingRule_SamplingRuleProperty{
			RuleName:      new(names.TraceGroup()),
			Priority:      jsii.Number(1000),
			ServiceName:   new(names.ServiceName()),
			FixedRate:     jsii.Number(sampleRatio),
			ReservoirSize: jsii.Number(0), // a fixed number a second would skew the ratio
			Host:          anything, HttpMethod: anything, UrlPath: anything,
			ResourceArn: anything, ServiceType: anything,
			Version: jsii.Number(1),
		},
	})
}
