// Package identity lets the workflows of two GitHub repositories into an AWS
// account, each for one task and for as long as the task takes, and nobody else.
//
// There is no key to steal: GitHub signs a token for each job, which says what
// runs, and each role takes the tokens of one repository, for one event, branch
// or environment. The roles for deployments may do little by themselves and hand
// on to the roles of the CDK bootstrap. Sources: GitHub's "OpenID Connect
// reference", and AWS's "Available keys for AWS OIDC federation" for what a trust
// can ask of GitHub's tokens.
package identity

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// audience is whom GitHub's tokens are for.
const audience = "sts.amazonaws.com"

// Props are the inputs of an account's identity.
type Props struct {
	Account string
	// SharedProvider says that the account has GitHub as an identity provider already.
	SharedProvider bool
	// Environments are all that the account holds, at least one.
	Environments []Environment
}

// Environment is what a pipeline acts on, and who may.
type Environment struct {
	Names   config.Names
	Regions []config.Region // those with stacks, the primary first
	GitHub  config.GitHub
	// Plans are the names of its Region switch plans; none where no region stands by.
	Plans []string
	// DeploySession is how long a deployment may act on one sign-in.
	DeploySession time.Duration
}

// New makes the identity provider, unless the account shares somebody else's, the
// roles of each environment, and the boundary around deployments.
func New(scope constructs.Construct, props Props) {
	own := constructs.NewConstruct(scope, new("Identity"))
	var provider awsiam.CfnOIDCProvider
	if !props.SharedProvider {
		// Without thumbprints, IAM checks GitHub's certificate against its own list
		// of authorities, which survives a change of GitHub's certificate.
		provider = awsiam.NewCfnOIDCProvider(own, new("GitHub"), &awsiam.CfnOIDCProviderProps{
			Url:          new("https://" + config.GitHubIssuer),
			ClientIdList: jsii.Strings(audience),
		})
	}
	newBoundary(own, props)
	for _, env := range props.Environments {
		roles := constructs.NewConstruct(own, new(env.Names.Environment()))
		for _, t := range tasks(env) {
			role := newRole(roles, env, t)
			if provider != nil {
				role.Node().AddDependency(provider)
			}
		}
	}
}
