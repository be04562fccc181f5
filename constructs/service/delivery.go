package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// configureDeployment lets ECS start a new release in the target group that is free, move the
// requests to it in the strategy's steps, and move them back when an alarm goes
// off. It returns what the service depends on: the alarms, since ECS refuses
// names that do not exist yet, and the role with which ECS moves requests, without
// which the service can be neither created nor deleted.
func configureDeployment(scope constructs.Construct, fargate awsecs.FargateService, app awsecs.ContainerDefinition, props Props) []constructs.IDependable {
	role := newTrafficRole(scope, props.Edge)
	props.Edge.Blue.AddTarget(fargate.LoadBalancerTarget(&awsecs.LoadBalancerTargetOptions{
		ContainerName: app.ContainerName(),
		ContainerPort: jsii.Number(config.AppPort),
		AlternateTarget: awsecs.NewAlternateTarget(new("Green"), &awsecs.AlternateTargetProps{
			AlternateTargetGroup: props.Edge.Green,
			ProductionListener:   awsecs.ListenerRuleConfiguration_ApplicationListenerRule(props.Edge.Production),
			TestListener:         awsecs.ListenerRuleConfiguration_ApplicationListenerRule(props.Edge.Test),
			Role:                 role,
		}),
	}))
	delivery := props.Delivery
	deployment := map[string]any{"Strategy": string(delivery.Strategy), "BakeTimeInMinutes": delivery.Bake.Minutes()}
	switch delivery.Strategy {
	case config.Canary:
		deployment["CanaryConfiguration"] = map[string]any{
			"CanaryPercent": delivery.StepPercent, "CanaryBakeTimeInMinutes": delivery.StepBake.Minutes(),
		}
	case config.Linear:
		deployment["LinearConfiguration"] = map[string]any{
			"StepPercent": delivery.StepPercent, "StepBakeTimeInMinutes": delivery.StepBake.Minutes(),
		}
	case config.AllAtOnce: // has no steps
	}
	fargate.Node().DefaultChild().(awsecs.CfnService).AddPropertyOverride(new("DeploymentConfiguration"), deployment)
	return append(rollBackOn(fargate, props.Alarms), role)
}

// rollBackOn lets alarms end a deployment, and returns them.
func rollBackOn(fargate awsecs.FargateService, judges []alarms.Alarm) []constructs.IDependable {
	var names []*string
	var made []constructs.IDependable
	for _, alarm := range judges {
		names, made = append(names, new(alarm.Name)), append(made, alarm.Resource)
	}
	fargate.EnableDeploymentAlarms(&names, &awsecs.DeploymentAlarmOptions{Behavior: awsecs.AlarmBehavior_ROLLBACK_ON_ALARM})
	return made
}

// newTrafficRole is what ECS moves the requests with. AWS's own policy for it
// (AmazonECSInfrastructureRolePolicyForLoadBalancers) allows the same changes on
// every load balancer of the account; this one names the two rules and the two
// groups. Its trust has no condition, as in AWS's documentation, which does not say
// that ECS names the service when it takes the role; to hand the role to a service
// anybody needs iam:PassRole on it.
func newTrafficRole(scope constructs.Construct, to edge.Edge) awsiam.Role {
	permissions := policy.NewManaged(scope, "TrafficPolicy",
		// The four know no resources.
		policy.Allow("Read", []string{"*"}, "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules",
			"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
		policy.Allow("ShiftTraffic", []string{*to.Production.ListenerRuleArn(), *to.Test.ListenerRuleArn()}, "elasticloadbalancing:ModifyRule"),
		policy.Allow("RegisterTasks", []string{*to.Blue.TargetGroupArn(), *to.Green.TargetGroupArn()},
			"elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"),
	)
	acknowledge.Finding(permissions, "AwsSolutions-IAM5",
		"Elastic Load Balancing defines no resource for the actions that describe; what changes anything names its two rules and two target groups",
		"Resource::*")
	return awsiam.NewRole(scope, new("TrafficRole"), &awsiam.RoleProps{
		Description:     new("Moves requests between the two releases of the wallet service"),
		AssumedBy:       value.Service("ecs.amazonaws.com"),
		ManagedPolicies: &[]awsiam.IManagedPolicy{permissions},
	})
}
