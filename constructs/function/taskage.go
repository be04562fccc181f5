package function

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// NewTaskAgePolicy lets a function see how old the service's tasks in some regions
// are (lambda/internal/taskage). ListTasks takes a cluster as a condition only ("List
// and describe Amazon ECS task examples" in the developer guide).
func NewTaskAgePolicy(scope constructs.Construct, env config.Environment, regions ...config.Region) awsiam.ManagedPolicy {
	var clusters []any
	var tasks, findings []string
	for _, region := range regions {
		clusters = append(clusters, env.Names().ECSClusterARN(region))
		each := config.ARN("ecs", region.Name, env.Site.Account, "task/"+env.Names().ECSClusterName()+"/*")
		tasks, findings = append(tasks, each), append(findings, "Resource::"+each)
	}
	policy := awsiam.NewManagedPolicy(scope, new("TaskAgePolicy"), &awsiam.ManagedPolicyProps{
		Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("ListTasks"), Actions: jsii.Strings("ecs:ListTasks"), Resources: jsii.Strings("*"),
				Conditions: &map[string]any{"ArnEquals": map[string]any{"ecs:cluster": clusters}},
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("LookAtTasks"), Actions: jsii.Strings("ecs:DescribeTasks"), Resources: jsii.Strings(tasks...),
			}),
		},
	})
	acknowledge.Finding(policy, "AwsSolutions-IAM5",
		"A task's ID is made by ECS, and ListTasks is held to the cluster by its condition; both read and change nothing.",
		append(findings, "Resource::*")...)
	return policy
}
