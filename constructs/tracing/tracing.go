// Package tracing tells X-Ray which traces are the wallet's and how many of them
// to take.
package tracing

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsxray"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

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
