package stacks

import (
	"os"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/value"
)

// NewApp builds every given environment, which must be valid, under the given
// context. The cloud assembly goes to outdir; empty leaves it to the CDK CLI.
func NewApp(context map[string]any, outdir string, environments []config.Environment) awscdk.App {
	app := newApp(context, outdir)
	for _, env := range environments {
		NewEnvironment(app, env)
	}
	return app
}

// NewIdentityApp builds a stack for each account that holds one of the chosen
// environments: the account's GitHub OIDC trust. It is an app of its own, which
// an administrator deploys: what the pipeline deploys must not say who may use it.
// The account's other environments come along, since its stack is one.
func NewIdentityApp(context map[string]any, outdir string, all, chosen []config.Environment) awscdk.App {
	app := newApp(context, outdir)
	var built []string
	for _, env := range chosen {
		if account := env.Site.Account; !slices.Contains(built, account) {
			built = append(built, account)
			NewIdentity(app, slices.DeleteFunc(slices.Clone(all), func(e config.Environment) bool { return e.Site.Account != account }))
		}
	}
	return app
}

func newApp(context map[string]any, outdir string) awscdk.App {
	value.Reset()
	props := awscdk.AppProps{Context: &context, AnalyticsReporting: new(false)}
	if outdir != "" {
		props.Outdir = new(outdir)
	}
	return awscdk.NewApp(&props)
}

// Run is the whole program: it reads the context (cdk.json at path, the CDK
// CLI's and the arguments), validates the chosen environments, and writes their
// templates. It fails, before anything is written, on bad input, and on
// templates that CloudFormation Validate refuses.
func Run(path string, arguments []string) error {
	context, environments, err := readInputs(path, arguments)
	if err != nil {
		return err
	}
	return Synthesize(func() { NewApp(context, defaultOutdir(), environments).Synth(nil) })
}

// RunIdentity is the whole program of cmd/identity, and fails as [Run] does.
func RunIdentity(path string, arguments []string) error {
	context, chosen, err := readInputs(path, arguments)
	if err != nil {
		return err
	}
	return Synthesize(func() { NewIdentityApp(context, defaultOutdir(), config.All(), chosen).Synth(nil) })
}

// readInputs reads the context and the environments that it chooses.
func readInputs(path string, arguments []string) (map[string]any, []config.Environment, error) {
	context, err := config.ReadContext(path, arguments)
	if err != nil {
		return nil, nil, err
	}
	choice, err := config.ReadChoice(context)
	if err != nil {
		return nil, nil, err
	}
	environments, err := config.Select(config.All(), choice)
	return context, environments, err
}

// defaultOutdir is where the CLI would have the assembly; empty where it says so
// itself.
func defaultOutdir() string {
	if os.Getenv("CDK_OUTDIR") == "" {
		return "cdk.out"
	}
	return ""
}

// Write writes the templates of one environment, which need not be one of the
// configuration's, into outdir, with the feature flags of the cdk.json at path.
func Write(path, outdir string, env config.Environment) error {
	context, err := config.ReadContext(path, nil)
	if err != nil {
		return err
	}
	return Synthesize(func() { NewApp(context, outdir, []config.Environment{env}).Synth(nil) })
}
