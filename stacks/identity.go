package stacks

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/identity"
)

// NewIdentityApp builds a stack for each account that holds one of the chosen
// environments: whom the account trusts to deploy. It is an app of its own, which
// an administrator deploys: what the pipeline deploys must not say who may use it.
// The account's other environments come along, since its stack is one.
func NewIdentityApp(context map[string]any, outdir string, all, chosen []config.Environment) awscdk.App {
	props := awscdk.AppProps{Context: &context, AnalyticsReporting: new(false)}
	if outdir != "" {
		props.Outdir = new(outdir)
	}
	app := awscdk.NewApp(&props)
	var built []string
	for _, env := range chosen {
		if account := env.Site.Account; !slices.Contains(built, account) {
			built = append(built, account)
			newIdentity(app, slices.DeleteFunc(slices.Clone(all), func(e config.Environment) bool { return e.Site.Account != account }))
		}
	}
	return app
}

// newIdentity makes the stack of an account. It is deployed with the
// administrator's own credentials, before the bootstrap, which takes its boundary
// from here. IAM is the same everywhere; the stack stands in the primary region.
func newIdentity(app awscdk.App, environments []config.Environment) {
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
	identity.New(stack, identity.Props{Environments: environments})
}

// RunIdentity is the whole program of cmd/identity, and fails as [Run] does.
func RunIdentity(path string, arguments []string) error {
	context, chosen, err := readInputs(path, arguments)
	if err != nil {
		return err
	}
	return synthesize(func() { NewIdentityApp(context, defaultOutdir(), config.All(), chosen).Synth(nil) })
}
