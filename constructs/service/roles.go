package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"wallet-infra/constructs/acknowledge"
)

// acknowledgeRoles accepts what cdk-nag finds in the two roles: what the task
// may do (send traces, and hold sessions where they are allowed), and what ECS
// may do to start it (pull the image, read the secrets, write the logs).
func acknowledgeRoles(task awsecs.TaskDefinition, sessions awslogs.LogGroup, props Props) {
	role, execution := task.TaskRole(), task.ExecutionRole()
	acknowledge.Finding(role, "AwsSolutions-IAM5",
		"X-Ray, and Session Manager where sessions are allowed, have no resources to name: AWS allows these actions on * only", "Resource::*")
	acknowledge.Finding(execution, "AwsSolutions-IAM5",
		"ecr:GetAuthorizationToken exists for * only; pulling is limited to the service's repository", "Resource::*")
	const ownPolicy = "The policy belongs to this one role and goes with it: nobody can attach it to another"
	acknowledge.Finding(role, "PCI.DSS.321-IAMNoInlinePolicy", ownPolicy)
	acknowledge.Finding(execution, "PCI.DSS.321-IAMNoInlinePolicy", ownPolicy)
	if sessions == nil {
		return
	}
	id := *awscdk.Stack_Of(sessions).GetLogicalId(sessions.Node().DefaultChild().(awscdk.CfnElement))
	acknowledge.Finding(role, "AwsSolutions-IAM5", "Each session writes a stream of its own in the one log group of sessions",
		"Resource::"+props.Names.ARN("logs", props.Region, "log-group:<"+id+">:*"))
}
