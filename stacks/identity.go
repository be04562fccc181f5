package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/identity"
)

// NewIdentity makes the stack of an account. It is deployed with the
// administrator's own credentials, before the bootstrap, which takes its boundary
// from here. IAM is the same everywhere; the stack stands in the primary region.
func NewIdentity(app awscdk.App, environments []config.Environment) {
	first := environments[0]
	stack := awscdk.NewStack(app, new("Identity"+first.Site.Account), &awscdk.StackProps{
		StackName:             new(config.IdentityStackName()),
		Description:           new("Whom the account trusts to deploy the wallet; never deployed by the pipeline"),
		Env:                   &awscdk.Environment{Account: new(first.Site.Account), Region: new(first.Primary.Name)},
		TerminationProtection: new(true),
		// The only synthesizer that names no role of the bootstrap.
		Synthesizer: awscdk.NewLegacyStackSynthesizer(),
		Tags: &map[string]*string{
			"Service":    new(config.Platform),
			"Owner":      new(first.Tags.Owner),
			"CostCentre": new(first.Tags.CostCentre),
		},
	})
	props := identity.Props{Account: first.Site.Account, SharedProvider: first.Site.GitHub.SharedProvider}
	for _, env := range environments {
		props.Environments = append(props.Environments, identity.Environment{
			Names: env.Names(), Regions: []config.Region{env.Primary, env.Secondary}, Plans: env.Plans(),
			GitHub: env.Site.GitHub, DeploySession: env.Pipeline.DeploySession,
		})
	}
	identity.New(stack, props)
}
