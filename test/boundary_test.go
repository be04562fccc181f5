package test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/config"
	"wallet-infra/internal/policy"
)

// escape is a call that a deployment, or a role that it made, could try.
type escape struct {
	action, resource string // of the account's IAM where it names no service
	key, value       string // of the call's context
	allowed          bool
}

// escapes are the ways out of the boundary, and what a deployment needs of the same
// actions (IAM User Guide, "Permissions boundaries for IAM entities").
var escapes = map[string]escape{
	"it deploys":                                  {action: "rds:CreateDBCluster", resource: "arn:aws:rds:sa-east-1:ACCOUNT:cluster:c", allowed: true},
	"it makes a role inside":                      {action: "iam:CreateRole", resource: "role/wallet-ENV-compute-X", key: "iam:permissionsboundary", value: "OWN", allowed: true},
	"it gives a role inside a policy":             {action: "iam:PutRolePolicy", resource: "role/wallet-ENV-compute-X", key: "iam:permissionsboundary", value: "OWN", allowed: true},
	"it hands a role inside to a service":         {action: "iam:PassRole", resource: "role/wallet-ENV-compute-X", allowed: true},
	"it removes a role inside":                    {action: "iam:DeleteRole", resource: "role/wallet-ENV-compute-X", allowed: true},
	"it makes a policy":                           {action: "iam:CreatePolicy", resource: "policy/wallet-ENV-compute-X", allowed: true},
	"it makes the role of an AWS service":         {action: "iam:CreateServiceLinkedRole", resource: "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", allowed: true},
	"a role without the boundary":                 {action: "iam:CreateRole", resource: "role/wallet-ENV-compute-X"},
	"a role with a boundary of its own":           {action: "iam:CreateRole", resource: "role/wallet-ENV-compute-X", key: "iam:permissionsboundary", value: "arn:aws:iam::ACCOUNT:policy/mine"},
	"a role with a stranger's boundary":           {action: "iam:CreateRole", resource: "role/wallet-ENV-compute-X", key: "iam:permissionsboundary", value: "arn:aws:iam::999999999999:policy/wallet-deployment-boundary"},
	"another boundary around a role":              {action: "iam:PutRolePermissionsBoundary", resource: "role/wallet-ENV-compute-X", key: "iam:permissionsboundary", value: "arn:aws:iam::ACCOUNT:policy/mine"},
	"a role loses its boundary":                   {action: "iam:DeleteRolePermissionsBoundary", resource: "role/wallet-ENV-compute-X", key: "iam:permissionsboundary", value: "OWN"},
	"the boundary says something else":            {action: "iam:CreatePolicyVersion", resource: "policy/wallet-deployment-boundary"},
	"the boundary says what it once said":         {action: "iam:SetDefaultPolicyVersion", resource: "policy/wallet-deployment-boundary"},
	"the boundary is gone":                        {action: "iam:DeletePolicy", resource: "policy/wallet-deployment-boundary"},
	"more rights for a role outside":              {action: "iam:AttachRolePolicy", resource: "role/Administrator"},
	"a policy in a role outside":                  {action: "iam:PutRolePolicy", resource: "role/Administrator"},
	"a stranger takes a role outside":             {action: "iam:UpdateAssumeRolePolicy", resource: "role/Administrator"},
	"a function runs as an administrator":         {action: "iam:PassRole", resource: "role/Administrator"},
	"a function takes somebody's role":            {action: "sts:AssumeRole", resource: "role/Administrator"},
	"a function approves a failover":              {action: "sts:AssumeRole", resource: "role/wallet-ENV-recovery-approver"},
	"a function deploys":                          {action: "sts:AssumeRole", resource: "role/cdk-hnb659fds-deploy-role-ACCOUNT-sa-east-1"},
	"a function is the root user":                 {action: "sts:AssumeRoot", resource: "root"},
	"the bootstrap's role trusts somebody":        {action: "iam:UpdateAssumeRolePolicy", resource: "role/cdk-hnb659fds-cfn-exec-role-ACCOUNT-sa-east-1", key: "iam:permissionsboundary", value: "OWN"},
	"the bootstrap's role loses its boundary":     {action: "iam:DeleteRolePermissionsBoundary", resource: "role/cdk-hnb659fds-cfn-exec-role-ACCOUNT-sa-east-1"},
	"the pipeline's role trusts somebody":         {action: "iam:UpdateAssumeRolePolicy", resource: "role/wallet-ENV-pipeline-deploy", key: "iam:permissionsboundary", value: "OWN"},
	"the pipeline's role may more":                {action: "iam:PutRolePolicy", resource: "role/wallet-ENV-pipeline-plan", key: "iam:permissionsboundary", value: "OWN"},
	"the pipeline's role is handed to a function": {action: "iam:PassRole", resource: "role/wallet-ENV-pipeline-deploy"},
	"a user":                                       {action: "iam:CreateUser", resource: "user/u", key: "iam:permissionsboundary", value: "OWN"},
	"another boundary around a user":               {action: "iam:PutUserPermissionsBoundary", resource: "user/u", key: "iam:permissionsboundary", value: "OWN"},
	"more rights for a user":                       {action: "iam:AttachUserPolicy", resource: "user/u"},
	"a user in a group":                            {action: "iam:AddUserToGroup", resource: "group/admins"},
	"more rights for a group":                      {action: "iam:PutGroupPolicy", resource: "group/admins"},
	"a key for a user":                             {action: "iam:CreateAccessKey", resource: "user/u"},
	"a password for a user":                        {action: "iam:CreateLoginProfile", resource: "user/u"},
	"a certificate for a user":                     {action: "iam:UploadSigningCertificate", resource: "user/u"},
	"a user without a second factor":               {action: "iam:DeactivateMFADevice", resource: "user/u"},
	"a stranger's OIDC provider":                   {action: "iam:CreateOpenIDConnectProvider", resource: "oidc-provider/evil.example"},
	"GitHub's tokens for another audience":         {action: "iam:AddClientIDToOpenIDConnectProvider", resource: "oidc-provider/token.actions.githubusercontent.com"},
	"a stranger's SAML provider":                   {action: "iam:CreateSAMLProvider", resource: "saml-provider/evil"},
	"a stranger's certificates for roles":          {action: "rolesanywhere:CreateTrustAnchor", resource: "*"},
	"a stranger is assigned to the account":        {action: "sso:CreateAccountAssignment", resource: "*"},
	"a share with a stranger's account":            {action: "ram:CreateResourceShare", resource: "*"},
	"the account leaves its organization":          {action: "organizations:LeaveOrganization", resource: "*"},
	"a stranger's workflow acts by a role inside":  {action: "rds:CreateDBCluster", resource: "*", key: "aws:federatedprovider", value: "arn:aws:iam::ACCOUNT:oidc-provider/token.actions.githubusercontent.com"},
	"an anonymous visitor acts by a role inside":   {action: "s3:GetObject", resource: "*", key: "aws:federatedprovider", value: "cognito-identity.amazonaws.com"},
	"the roles of another environment's pipelines": {action: "iam:DeleteRole", resource: "role/other-production-x"},
}

// CloudFormation's role is an administrator; the boundary is what keeps a
// deployment, and each role that it makes, from letting others in.
func TestADeploymentCannotChangeWhomTheAccountTrusts(t *testing.T) {
	t.Parallel()
	for _, stack := range trust(t) {
		boundary := stack.only(t, "AWS::IAM::ManagedPolicy")
		assert.Equal(t, "wallet-deployment-boundary", boundary.Properties["ManagedPolicyName"], "`cdk bootstrap` asks for it by this name")
		grants := policy.Read(boundary.Properties["PolicyDocument"])
		for _, env := range config.All() {
			if env.Site.Account != stack.account {
				continue
			}
			fill := strings.NewReplacer("ACCOUNT", stack.account, "ENV", env.Name, "OWN", "arn:aws:iam::"+stack.account+":policy/wallet-deployment-boundary").Replace
			for name, one := range escapes {
				t.Run(env.Name+": "+name, func(t *testing.T) {
					call := policy.Call{Action: one.action, Resource: fill(one.resource), Context: map[string]string{}}
					if !strings.HasPrefix(call.Resource, "arn:") && call.Resource != "*" {
						call.Resource = "arn:aws:iam::" + stack.account + ":" + call.Resource
					}
					if one.key != "" {
						call.Context[one.key] = fill(one.value)
					}
					assert.Equalf(t, one.allowed, policy.Allows(grants, call), "%s on %s", call.Action, call.Resource)
				})
			}
		}
	}
}

// A role that a deployment makes outside the boundary is refused by the boundary of
// CloudFormation's own role: the deployment fails, or nobody is inside.
func TestEveryRoleThatADeploymentMakesIsInsideTheBoundary(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, kind := range []string{"AWS::IAM::Role", "AWS::IAM::User"} {
			for _, r := range env.everywhere(kind) {
				want := "arn:aws:iam::" + env.Site.Account + ":policy/wallet-deployment-boundary"
				assert.Equalf(t, want, r.Properties["PermissionsBoundary"], "%s %s", r.stack.name, r.id)
				if name, named := r.Properties["RoleName"].(string); named {
					assert.Truef(t, strings.HasPrefix(name, "wallet-"+env.Name+"-"), "%s: a deployment may not touch a role of this name", name)
				}
			}
			assert.Empty(t, env.everywhere("AWS::IAM::Group"), "a deployment may make none")
		}
	})
}
