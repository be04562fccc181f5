package logging

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// AllowDelivery lets AWS's log delivery service write to the group on behalf of
// this account's sources, and returns the policy that the source must wait for.
// Without it, AWS adds the permission to a policy that all groups of the account
// share and that no template holds.
//
// The name must be unique in the account and region; empty lets CloudFormation
// choose. The source is what delivers, such as "delivery-source:name"; "*" is
// any of this account and region.
func AllowDelivery(scope constructs.Construct, group awslogs.LogGroup, name, source string) awslogs.ResourcePolicy {
	stack := awscdk.Stack_Of(scope)
	props := awslogs.ResourcePolicyProps{
		PolicyStatements: &[]awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid:        new("LogDelivery"),
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("delivery.logs.amazonaws.com"), nil)},
			Actions:    jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"),
			Resources:  &[]*string{group.LogGroupArn()},
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": *stack.Account()},
				"ArnLike":      map[string]any{"aws:SourceArn": config.ARN("logs", *stack.Region(), *stack.Account(), source)},
			},
		})},
	}
	if name != "" {
		props.ResourcePolicyName = new(name)
	}
	return awslogs.NewResourcePolicy(scope, new("LogDelivery"), &props)
}
