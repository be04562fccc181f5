package logging

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/policy"
)

// Delivery describes what delivers logs to a group.
type Delivery struct {
	Names  config.Names
	Region config.Region
	// PolicyName must be unique in the account and region; empty lets CloudFormation
	// choose.
	PolicyName string
	// Source is what delivers, such as "delivery-source:name"; "*" is any of the
	// account and region.
	Source string
}

// AllowDelivery lets AWS's log delivery service write to the group on behalf of
// this account's sources, and returns the policy that the source must wait for.
// Without it, AWS adds the permission to a policy that all groups of the account
// share and that no template holds.
func AllowDelivery(scope constructs.Construct, group awslogs.LogGroup, delivery Delivery) awslogs.ResourcePolicy {
	props := awslogs.ResourcePolicyProps{
		PolicyStatements: &[]awsiam.PolicyStatement{policy.Statement{
			Sid:       "LogDelivery",
			Principal: policy.Service("delivery.logs.amazonaws.com"),
			Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []string{*group.LogGroupArn()},
			Conditions: map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": delivery.Names.Account()},
				"ArnLike":      map[string]any{"aws:SourceArn": delivery.Names.ARN("logs", delivery.Region, delivery.Source)},
			},
		}.CDK()},
	}
	if delivery.PolicyName != "" {
		props.ResourcePolicyName = new(delivery.PolicyName)
	}
	return awslogs.NewResourcePolicy(scope, new("LogDelivery"), &props)
}
