package function

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
)

// NewTaskAgePolicy lets a function see how old the service's tasks in some regions
// are (lambda/internal/taskage). ListTasks takes a cluster as a condition only ("List
// and describe Amazon ECS task examples" in the developer guide).
func NewTaskAgePolicy(scope constructs.Construct, names config.Names, regions ...config.Region) awsiam.ManagedPolicy {
	var clusters []any
	var tasks, findings []string
	for _, region := range regions {
		clusters = append(clusters, names.ECSClusterARN(region))
		each := names.ARN("ecs", region, "task/"+names.ECSClusterName()+"/*")
		tasks, findings = append(tasks, each), append(findings, "Resource::"+each)
	}
	made := policy.NewManaged(scope, "TaskAgePolicy",
		policy.Statement{
			Sid: "ListTasks", Actions: []string{"ecs:ListTasks"}, Resources: []string{"*"},
			Conditions: map[string]any{"ArnEquals": map[string]any{"ecs:cluster": clusters}},
		},
		policy.Statement{Sid: "LookAtTasks", Actions: []string{"ecs:DescribeTasks"}, Resources: tasks},
	)
	acknowledge.Finding(made, "AwsSolutions-IAM5",
		"A task's ID is made by ECS, and ListTasks is held to the cluster by its condition; both read and change nothing.",
		append(findings, "Resource::*")...)
	return made
}
