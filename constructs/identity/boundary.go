package identity

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
)

// newBoundary makes the policy that `cdk bootstrap --custom-permissions-boundary`
// puts around CloudFormation's role, and that every role of the platform carries.
// That role is an administrator otherwise, and whoever deploys could let others in.
// The boundary allows what a role's own policies allow, less the ways out of it:
// the roles and the provider of this package, the bootstrap's own roles, the
// boundary itself, a role without it, somebody else's role, and people's or
// strangers' ways into the account.
//
// IAM has no condition on what a trust says: a deployment can make a role, inside
// the boundary, that another account takes. Only the organization can refuse that,
// by a resource control policy on sts:AssumeRole.
//
// Sources: IAM User Guide, "Permissions boundaries for IAM entities" (delegating
// with them) and "AWS global condition context keys" (aws:FederatedProvider).
func newBoundary(scope constructs.Construct, props Props) {
	iam := func(resource string) string { return config.ARN("iam", "", props.Account, resource) }
	own := iam("policy/" + config.DeploymentBoundary())
	trust := []string{
		iam("oidc-provider/" + config.GitHubIssuer),
		own,
		iam("role/cdk-" + config.BootstrapQualifier + "-*"),
	}
	var roles []string
	for _, env := range props.Environments {
		trust = append(trust, env.Names.PipelineRoleARN("*"))
		roles = append(roles, iam("role/"+env.Names.StackName("*")))
	}
	boundary := awsiam.NewManagedPolicy(scope, new("Boundary"), &awsiam.ManagedPolicyProps{
		ManagedPolicyName: new(config.DeploymentBoundary()),
		Description:       new("What no deployment may change: whom the account trusts"),
		Document: policy.Document(
			policy.Allow("WhatTheRoleAllows", []string{"*"}, "*"),
			deny("TheTrustInThePipeline", trust, nil, "iam:*"),
			// A missing boundary is not this one, either.
			deny("RolesOutsideTheBoundary", []string{"*"}, map[string]any{"StringNotEquals": map[string]any{"iam:PermissionsBoundary": own}},
				"iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
				"iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"),
			policy.Statement{
				Sid: "RolesOfOthers", Deny: true, NotResources: roles,
				Actions: []string{"iam:DeleteRole", "iam:PassRole", "iam:UpdateRole", "iam:UpdateRoleDescription"},
			},
			deny("OtherWaysIn", []string{"*"}, nil,
				"iam:*AccessKey*", "iam:*AccountPasswordPolicy", "iam:*Group*", "iam:*LoginProfile*", "iam:*MFADevice*",
				"iam:*OpenIDConnectProvider*", "iam:*SAMLProvider*", "iam:*SSHPublicKey*", "iam:*ServiceSpecificCredential*",
				"iam:*SigningCertificate*", "iam:*User*", "iam:DeleteRolePermissionsBoundary", "organizations:LeaveOrganization",
				"ram:*", "rolesanywhere:*", "sso:*AccountAssignment*", "sso:*PermissionSet*", "sts:AssumeRole", "sts:AssumeRoot"),
			deny("SessionsOfStrangers", []string{"*"}, map[string]any{"Null": map[string]any{"aws:FederatedProvider": "false"}}, "*"),
		),
	})
	const reason = "A boundary grants nothing: it allows what the role's own policies allow, less what it denies"
	acknowledge.Findings(boundary,
		acknowledge.Accepted{Rule: "AwsSolutions-IAM5", Reason: reason, Only: []string{"Action::*", "Resource::*"}},
		acknowledge.Accepted{Rule: "PCI.DSS.321-IAMPolicyNoStatementsWithAdminAccess", Reason: reason},
		acknowledge.Accepted{Rule: "PCI.DSS.321-IAMPolicyNoStatementsWithFullAccess", Reason: reason},
	)
}

// deny refuses actions on resources, under conditions or without.
func deny(sid string, resources []string, conditions map[string]any, actions ...string) policy.Statement {
	return policy.Statement{Sid: sid, Deny: true, Actions: actions, Resources: resources, Conditions: conditions}
}
