package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/value"
)

// deliver lets ECS start a new release in the target group that is free, move the
// requests to it in the strategy's steps, and move them back when an alarm goes
// off. It returns the role with which ECS does so: without the role, the service
// can be neither created nor deleted.
func deliver(scope constructs.Construct, fargate awsecs.FargateService, app awsecs.ContainerDefinition, props Props) constructs.IDependable {
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
	delivery := props.Env.Delivery
	deployment := fargate.Node().DefaultChild().(awsecs.CfnService)
	set := func(property string, value any) {
		deployment.AddPropertyOverride(new("DeploymentConfiguration."+property), value)
	}
	set("Strategy", string(delivery.Strategy))
	set("BakeTimeInMinutes", delivery.Bake.Minutes())
	switch delivery.Strategy {
	case config.Canary:
		set("CanaryConfiguration", map[string]any{
			"CanaryPercent": delivery.StepPercent, "CanaryBakeTimeInMinutes": delivery.StepBake.Minutes(),
		})
	case config.Linear:
		set("LinearConfiguration", map[string]any{
			"StepPercent": delivery.StepPercent, "StepBakeTimeInMinutes": delivery.StepBake.Minutes(),
		})
	case config.AllAtOnce: // has no steps
	}
	rollBackOn(fargate, props.Alarms)
	return role
}

// rollBackOn lets alarms end a deployment. ECS refuses names that do not exist yet.
func rollBackOn(fargate awsecs.FargateService, alarms []awscloudwatch.CfnAlarm) {
	if len(alarms) == 0 {
		return
	}
	var names []*string
	for _, alarm := range alarms {
		names = append(names, alarm.AlarmName())
		fargate.Node().AddDependency(alarm)
	}
	fargate.EnableDeploymentAlarms(&names, &awsecs.DeploymentAlarmOptions{Behavior: awsecs.AlarmBehavior_ROLLBACK_ON_ALARM})
}

// newTrafficRole is what ECS moves the requests with. AWS's own policy for it
// (AmazonECSInfrastructureRolePolicyForLoadBalancers) allows the same changes on
// every load balancer of the account; this one names the two rules and the two
// groups. Its trust has no condition, as in AWS's documentation, which does not say
// that ECS names the service when it takes the role; to hand the role to a service
// anybody needs iam:PassRole on it.
func newTrafficRole(scope constructs.Construct, entrance edge.Edge) awsiam.Role {
	policy := awsiam.NewManagedPolicy(scope, new("TrafficPolicy"), &awsiam.ManagedPolicyProps{
		Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:     new("Read"),
				Actions: jsii.Strings("elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
				// The four know no resources.
				Resources: jsii.Strings("*"),
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:       new("ShiftTraffic"),
				Actions:   jsii.Strings("elasticloadbalancing:ModifyRule"),
				Resources: arns(entrance.Production, entrance.Test),
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:       new("RegisterTasks"),
				Actions:   jsii.Strings("elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"),
				Resources: &[]*string{entrance.Blue.TargetGroupArn(), entrance.Green.TargetGroupArn()},
			}),
		},
	})
	acknowledge.Finding(policy, "AwsSolutions-IAM5",
		"Elastic Load Balancing defines no resource for the actions that describe; what changes anything names its two rules and two target groups",
		"Resource::*")
	return awsiam.NewRole(scope, new("TrafficRole"), &awsiam.RoleProps{
		Description:     new("Moves requests between the two releases of the wallet service"),
		AssumedBy:       value.Service("ecs.amazonaws.com"),
		ManagedPolicies: &[]awsiam.IManagedPolicy{policy},
	})
}

func arns(rules ...awselasticloadbalancingv2.ApplicationListenerRule) *[]*string {
	var all []*string
	for _, rule := range rules {
		all = append(all, rule.ListenerRuleArn())
	}
	return &all
}
