// Package function makes Lambda functions from the Go commands in lambda/.
package function

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// Props describe a function.
type Props struct {
	// Command is the directory under lambda/ that holds the main package.
	Command     string
	Description string
	Timeout     time.Duration // at most 15 minutes
	MemoryMiB   int
	Environment map[string]string
	// Policies are what the function may do beside writing its log and joining the
	// network.
	Policies []awsiam.IManagedPolicy
	// Network holds the private tier, in which the function stands: functions get no
	// public address.
	Network       network.Network
	SecurityGroup awsec2.ISecurityGroup
	// LogKey encrypts the function's log group; its policy must allow CloudWatch
	// Logs. It also encrypts the environment variables.
	LogKey           awskms.IKey
	LogRetentionDays int
}

// New makes the function. The code is compiled at synthesis, for ARM64, which is
// a fifth cheaper and needs nothing but the Go toolchain that runs this program.
func New(scope constructs.Construct, id string, props Props) awslambda.Function {
	environment := map[string]*string{}
	for key, value := range props.Environment {
		environment[key] = new(value)
	}
	// A scope of its own, so that the log group outlives no more than the function.
	own := constructs.NewConstruct(scope, new(id))
	logs := logging.NewGroup(own, "Logs", logging.Props{RetentionDays: props.LogRetentionDays, Key: props.LogKey})
	return awslambda.NewFunction(own, new("Function"), &awslambda.FunctionProps{
		Description:           new(props.Description),
		Runtime:               value.Once("runtime", awslambda.Runtime_PROVIDED_AL2023),
		Architecture:          value.Once("architecture", awslambda.Architecture_ARM_64),
		Handler:               new("bootstrap"),
		Code:                  code(props.Command),
		Timeout:               value.Duration(props.Timeout),
		MemorySize:            jsii.Number(props.MemoryMiB),
		Environment:           &environment,
		Role:                  role(own, logs, props.Policies),
		Vpc:                   props.Network.Vpc,
		VpcSubnets:            props.Network.Private(),
		SecurityGroups:        &[]awsec2.ISecurityGroup{props.SecurityGroup},
		EnvironmentEncryption: props.LogKey,
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
	})
}

// role lets the function write its own log, join the network and do what the
// policies say. CDK's own role would carry AWS's managed policies, which cover
// every log group of the account. The policy is a managed one because it is made
// before the role and removed after it, so that it is there when the function
// makes its first network interface and when it drops its last.
func role(own constructs.Construct, logs awslogs.LogGroup, policies []awsiam.IManagedPolicy) awsiam.Role {
	base := policy.NewManaged(own, "Policy",
		policy.Statement{
			Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resources: []string{*logs.LogGroupArn()},
		},
		policy.Statement{
			Actions: []string{
				"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
				"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
			},
			Resources: []string{"*"},
		},
		// Lambda needs them, the function's own code does not ("Security best practices"
		// of its page on VPCs): what calls from inside says which function it is.
		policy.Statement{
			Deny: true,
			Actions: []string{
				"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses",
			},
			Resources:  []string{"*"},
			Conditions: map[string]any{"Null": map[string]any{"lambda:SourceFunctionArn": "false"}},
		},
	)
	acknowledge.Finding(base, "AwsSolutions-IAM5",
		"Lambda makes the network interfaces of a function in a VPC with the function's role and accepts the function only if these actions are allowed on every resource.",
		"Resource::*")
	all := append([]awsiam.IManagedPolicy{base}, policies...)
	return awsiam.NewRole(own, new("Role"), &awsiam.RoleProps{
		AssumedBy:       value.Service("lambda.amazonaws.com"),
		ManagedPolicies: &all,
	})
}
