package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// acknowledgeRoles accepts what cdk-nag finds in the two roles: what the task
// may do (send traces, and hold sessions where they are allowed), and what ECS
// may do to start it (pull the image, read the secrets, write the logs).
func acknowledgeRoles(task awsecs.TaskDefinition, sessions awslogs.LogGroup) {
	acknowledge.Finding(task.TaskRole(), "AwsSolutions-IAM5",
		"X-Ray, and Session Manager where sessions are allowed, have no resources to name: AWS allows these actions on * only", "Resource::*")
	acknowledge.Finding(task.ExecutionRole(), "AwsSolutions-IAM5",
		"ecr:GetAuthorizationToken exists for * only; pulling is limited to the service's repository", "Resource::*")
	const ownPolicy = "The policy belongs to this one role and goes with it: nobody can attach it to another"
	acknowledge.Finding(task.TaskRole(), "PCI.DSS.321-IAMNoInlinePolicy", ownPolicy)
	acknowledge.Finding(task.ExecutionRole(), "PCI.DSS.321-IAMNoInlinePolicy", ownPolicy)
	if sessions == nil {
		return
	}
	stack := awscdk.Stack_Of(sessions)
	id := *stack.GetLogicalId(sessions.Node().DefaultChild().(awscdk.CfnElement))
	acknowledge.Finding(task.TaskRole(), "AwsSolutions-IAM5", "Each session writes a stream of its own in the one log group of sessions",
		"Resource::"+config.ARN("logs", *stack.Region(), *stack.Account(), "log-group:<"+id+">:*"))
}
