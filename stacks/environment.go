// Package stacks composes the platform: one file for each stack, and this one,
// which wires them and reads as the architecture.
package stacks

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// NewEnvironment builds every stack of one environment in a stage of its own,
// so that nothing can refer to another environment.
func NewEnvironment(app constructs.Construct, env config.Environment) awscdk.Stage {
	stage := newStage(app, env)

	images := NewRegistry(stage, env, "Registry", env.Primary)
	global := NewGlobal(stage, env)
	network := NewNetwork(stage, env)
	data := NewData(stage, env, network, global)
	messaging := NewMessaging(stage, env, MessagingProps{
		Region: env.Primary, Replicated: env.DR.Mode == config.DRStandby, Network: network.Network, Logs: data.Buckets.Logs,
	})
	compute := NewCompute(stage, env, ComputeProps{
		Region: env.Primary, Peer: peer(env), Images: images.Images, Network: network.Network, AccessLogs: data.Buckets.Logs,
		Database: data.Database.Database, Cache: data.Cache, Kafka: messaging.Kafka, Metrics: data.Metrics,
	})
	NewObservability(stage, env, network, data, messaging, compute)
	if !env.DR.Mode.Copies() {
		return stage
	}
	dr := NewDR(stage, env, global)
	// The secondary joins a global database that the primary must have made, and a
	// primary cannot be destroyed while it has a secondary.
	dr.Stack.AddStackDependency(data.Stack, nil)
	if env.DR.Mode == config.DRStandby {
		newStandby(stage, env, images, global, dr, messaging, compute)
	}
	return stage
}

// newStandby builds what makes a second platform of the second region's data, by the
// constructors of the first.
func newStandby(stage awscdk.Stage, env config.Environment, images Registry, global Global, dr DR, messaging Messaging, compute Compute) {
	copies := NewRegistry(stage, env, "DR-Registry", env.Secondary)
	// What is pushed before the copies' repositories exist is not copied into them.
	images.Stack.AddStackDependency(copies.Stack, nil)
	events := NewMessaging(stage, env, MessagingProps{
		Region: env.Secondary, ReplicaOf: env.Primary, Network: dr.Network, Logs: global.Targets.Logs,
	})
	// The replicator reads a cluster that must let it in first.
	events.Stack.AddStackDependency(messaging.Stack, nil)
	service := NewCompute(stage, env, ComputeProps{
		Region: env.Secondary, Peer: env.Primary, Standby: true,
		Images: copies.Images, Network: dr.Network, AccessLogs: global.Targets.Logs,
		Database: dr.Database, Cache: dr.Cache, Kafka: events.Kafka, Metrics: dr.Metrics,
	})
	recovery := NewDRRecovery(stage, env, global, dr, events, service)
	// The API's name leads to a name that the primary region's load balancer must have,
	// and new code meets a schema that its deployment has changed.
	service.Stack.AddStackDependency(compute.Stack, nil)
	recovery.AddStackDependency(compute.Stack, nil)
}

// peer is the region that shares the primary's database, without a name where none does.
func peer(env config.Environment) config.Region {
	if env.DR.Mode == config.DRStandby {
		return env.Secondary
	}
	return config.Region{}
}

// newStage makes the environment's stage, with the zones written down: CDK asks
// the account for them otherwise, and synthesis would need credentials.
func newStage(app constructs.Construct, env config.Environment) awscdk.Stage {
	stage := awscdk.NewStage(app, new(StageName(env)), &awscdk.StageProps{
		Env: &awscdk.Environment{Account: new(env.Site.Account), Region: new(env.Primary.Name)},
		// Without it, a deployment may not make a role (constructs/identity).
		PermissionsBoundary: awscdk.PermissionsBoundary_FromName(new(config.DeploymentBoundary())),
	})
	for _, region := range []config.Region{env.Primary, env.Secondary} {
		key := "availability-zones:account=" + env.Site.Account + ":region=" + region.Name
		stage.Node().SetContext(new(key), jsii.Strings(region.Zones...))
	}
	all, stageTags := *tags(env), awscdk.Tags_Of(stage)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		stageTags.Add(new(key), all[key], &awscdk.TagProps{
			// CDK knows a property for tags that the regional schemas do not have
			// yet; these get the stack's tags from CloudFormation.
			ExcludeResourceTypes: jsii.Strings("AWS::Grafana::Workspace",
				"AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule"),
		})
	}
	return stage
}

// tags go on every resource, and on the stacks too: CloudFormation hands a stack's
// tags to the resources that CDK makes by itself and leaves untagged.
func tags(env config.Environment) *map[string]*string {
	return &map[string]*string{
		"Environment": new(env.Name),
		"Service":     new(config.Platform),
		"Owner":       new(env.Tags.Owner),
		"CostCentre":  new(env.Tags.CostCentre),
		"DataClass":   new(env.Tags.DataClass),
	}
}

// StageName is the name by which the CDK CLI selects an environment, as in
// `cdk deploy 'Production/*'`.
func StageName(env config.Environment) string {
	return strings.ToUpper(env.Name[:1]) + env.Name[1:]
}

// newStack makes a stack of the environment in a region.
func newStack(stage awscdk.Stage, env config.Environment, id string, region config.Region, description string) awscdk.Stack {
	return awscdk.NewStack(stage, new(id), &awscdk.StackProps{
		StackName:             new(env.Names().StackName(strings.ToLower(id))),
		Description:           new(description),
		Env:                   &awscdk.Environment{Account: new(env.Site.Account), Region: new(region.Name)},
		TerminationProtection: new(env.Protected),
		Tags:                  tags(env),
	})
}
