package identity

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// newBoundary makes the policy that `cdk bootstrap --custom-permissions-boundary`
// puts around CloudFormation's role. That role is an administrator otherwise, and
// whoever deploys could let others in. The boundary allows what the role allows,
// less this: the roles and the provider of this package, the bootstrap's own
// roles, the boundary itself, and people's or strangers' ways into the account.
//
// A deployment may still make a role, without the boundary, for something that it
// deploys: what it widens is for the change classifier and the person who approves.
func newBoundary(scope constructs.Construct, environments []config.Environment) {
	account := environments[0].Site.Account
	iam := func(resource string) string { return config.ARN("iam", "", account, resource) }
	trust := []string{
		iam("oidc-provider/" + config.GitHubIssuer),
		iam("policy/" + config.DeploymentBoundary()),
		iam("role/cdk-" + config.BootstrapQualifier + "-*"),
	}
	for _, env := range environments {
		trust = append(trust, env.PipelineRoleARN("*"))
	}
	boundary := awsiam.NewManagedPolicy(scope, new("Boundary"), &awsiam.ManagedPolicyProps{
		ManagedPolicyName: new(config.DeploymentBoundary()),
		Description:       new("What no deployment may change: whom the account trusts"),
		Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("WhatTheRoleAllows"), Actions: jsii.Strings("*"), Resources: jsii.Strings("*"),
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("TheTrustInThePipeline"), Effect: awsiam.Effect_DENY,
				Actions: jsii.Strings("iam:*"), Resources: jsii.Strings(trust...),
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("OtherWaysIn"), Effect: awsiam.Effect_DENY, Resources: jsii.Strings("*"),
				Actions: jsii.Strings(
					"iam:AddUserToGroup", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateOpenIDConnectProvider",
					"iam:CreateSAMLProvider", "iam:CreateUser", "iam:UpdateLoginProfile", "iam:UpdateSAMLProvider",
				),
			}),
		},
	})
	const reason = "A boundary grants nothing: it allows what the role's own policies allow, less what it denies"
	acknowledge.Finding(boundary, "AwsSolutions-IAM5", reason, "Action::*", "Resource::*")
	acknowledge.Finding(boundary, "PCI.DSS.321-IAMPolicyNoStatementsWithAdminAccess", reason)
	acknowledge.Finding(boundary, "PCI.DSS.321-IAMPolicyNoStatementsWithFullAccess", reason)
}
