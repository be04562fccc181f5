// Package stacks composes the platform: one file for each stack, and this one,
// which wires them and reads as the architecture.
package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// NewEnvironment builds every stack of one environment in a stage of its own,
// so that nothing can refer to another environment.
func NewEnvironment(app constructs.Construct, env config.Environment) awscdk.Stage {
	stage := newStage(app, env)

	network := NewNetwork(stage, env)
	NewMessaging(stage, env, network, awss3.Bucket_FromBucketName(network.Stack, new("Logs"), new(env.Bucket("logs", env.Primary))))
	return stage
}

// newStage makes the environment's stage, with the zones written down: CDK asks
// the account for them otherwise, and synthesis would need credentials.
func newStage(app constructs.Construct, env config.Environment) awscdk.Stage {
	stage := awscdk.NewStage(app, new(StageName(env)), &awscdk.StageProps{
		Env: &awscdk.Environment{Account: new(env.Site.Account), Region: new(env.Primary.Name)},
	})
	for _, region := range []config.Region{env.Primary, env.Secondary} {
		key := "availability-zones:account=" + env.Site.Account + ":region=" + region.Name
		stage.Node().SetContext(new(key), jsii.Strings(region.Zones...))
	}
	tags := awscdk.Tags_Of(stage)
	tags.Add(new("Environment"), new(env.Name), nil)
	tags.Add(new("Service"), new(config.Platform), nil)
	tags.Add(new("Owner"), new(env.Tags.Owner), nil)
	tags.Add(new("CostCentre"), new(env.Tags.CostCentre), nil)
	tags.Add(new("DataClass"), new(env.Tags.DataClass), nil)
	return stage
}

// StageName is the name by which the CDK CLI selects an environment, as in
// `cdk deploy 'Production/*'`.
func StageName(env config.Environment) string {
	return strings.ToUpper(env.Name[:1]) + env.Name[1:]
}

// newStack makes a stack of the environment in a region.
func newStack(stage awscdk.Stage, env config.Environment, id string, region config.Region, description string) awscdk.Stack {
	return awscdk.NewStack(stage, new(id), &awscdk.StackProps{
		StackName:             new(env.StackName(strings.ToLower(id))),
		Description:           new(description),
		Env:                   &awscdk.Environment{Account: new(env.Site.Account), Region: new(region.Name)},
		TerminationProtection: new(env.Protected),
	})
}
