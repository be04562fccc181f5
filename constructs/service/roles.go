package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"wallet-infra/constructs/acknowledge"
)

// acknowledgeRoles accepts what cdk-nag finds in the two roles: what the task
// may do (send metrics and traces, and hold sessions where they are allowed), and what ECS
// may do to start it (pull the image, read the secrets, write the logs).
func acknowledgeRoles(role, execution awsiam.IRole, sessions awslogs.LogGroup, props Props) {
	own := acknowledge.Accepted{
		Rule: "PCI.DSS.321-IAMNoInlinePolicy", Reason: "The policy belongs to this one role and goes with it: nobody can attach it to another",
	}
	acknowledge.Findings(execution, acknowledge.Accepted{
		Rule: "AwsSolutions-IAM5", Reason: "ecr:GetAuthorizationToken exists for * only; pulling is limited to the service's repository", Only: []string{"Resource::*"},
	}, own)
	accepted := []acknowledge.Accepted{{
		Rule:   "AwsSolutions-IAM5",
		Reason: "X-Ray, and Session Manager where sessions are allowed, have no resources to name: AWS allows these actions on * only",
		Only:   []string{"Resource::*"},
	}, own}
	if sessions != nil {
		id := *awscdk.Stack_Of(sessions).GetLogicalId(sessions.Node().DefaultChild().(awscdk.CfnElement))
		accepted = append(accepted, acknowledge.Accepted{
			Rule: "AwsSolutions-IAM5", Reason: "Each session writes a stream of its own in the one log group of sessions",
			Only: []string{"Resource::" + props.Names.ARN("logs", props.Region, "log-group:<"+id+">:*")},
		})
	}
	acknowledge.Findings(role, accepted...)
}
