// Package function makes Lambda functions from the Go commands in lambda/.
package function

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
)

// Props describe a function.
type Props struct {
	// Command is the directory under lambda/ that holds the main package.
	Command     string
	Description string
	Timeout     time.Duration // at most 15 minutes
	MemoryMiB   int
	Environment map[string]string
	// Vpc, Subnets and SecurityGroup place the function in the network: the
	// private tier, since functions get no public address.
	Vpc           awsec2.IVpc
	Subnets       *awsec2.SubnetSelection
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
	made := awslambda.NewFunction(own, new("Function"), &awslambda.FunctionProps{
		Description:  new(props.Description),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: awslambda.Architecture_ARM_64(),
		Handler:      new("bootstrap"),
		Code:         code(props.Command),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(props.Timeout.Seconds())),
		MemorySize:   jsii.Number(props.MemoryMiB),
		Environment:  &environment,
		Vpc:          props.Vpc,
		VpcSubnets:   props.Subnets,
		SecurityGroups: &[]awsec2.ISecurityGroup{
			props.SecurityGroup,
		},
		EnvironmentEncryption: props.LogKey,
		LogGroup: logging.NewGroup(own, "Logs", logging.Props{
			RetentionDays: props.LogRetentionDays,
			Key:           props.LogKey,
		}),
		LoggingFormat: awslambda.LoggingFormat_JSON,
	})
	acknowledge.Finding(made.Role(), "AwsSolutions-IAM4",
		"AWS's own policies for a function in a VPC: they write logs and manage the function's network interfaces, which have no ARN to name before they exist.",
		"Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
		"Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole")
	return made
}
