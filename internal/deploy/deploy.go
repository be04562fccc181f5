// Package deploy brings an environment from a commit to AWS: it looks before it acts,
// and deploys stack by stack, from one synthesis, with the CDK CLI; at once, or in two
// steps with a review between them (prepare and execute).
//
// It may be repeated after any interruption and goes on where it was, and it changes
// nothing before it has asked.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"wallet-infra/internal/cdk"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
	"wallet-infra/internal/preflight"
	"wallet-infra/internal/stacks"
)

// Deployment is what a deployment works with.
type Deployment struct{ cdk.Session }

// Options are the choices of one deployment.
type Options struct {
	// ImageTag is the release; empty takes the configuration's.
	ImageTag string
	// Stacks are those to deploy; empty deploys all.
	Stacks []string
	// Assembly is a synthesis to deploy as it is; empty synthesizes.
	Assembly string
	// Output is a new directory that keeps the synthesis after the run; empty keeps
	// none, but for a review.
	Output string
	DryRun bool // look, show, and change nothing
	Yes    bool // do not ask
	// Force creates a change set also where the template is the deployed one:
	// a reference to another stack may give something new.
	Force bool
	// Tested are the images that another environment ran; nil asks nothing.
	Tested []images.Image
	// DespiteOutage deploys although the outage alarm is in ALARM, or a copy of a secret
	// is out of date.
	DespiteOutage bool
}

// Run brings the environment to the templates of this checkout. Where the image
// repositories do not stand yet, it makes them first.
func (d Deployment) Run(ctx context.Context, options Options) error {
	if !options.DryRun {
		release, err := d.Lock("deploy")
		if err != nil {
			return err
		}
		defer release()
	}
	assembly, selected, err := d.begin(ctx, options)
	defer assembly.Discard()
	if err != nil {
		return err
	}
	registries := d.registriesFirst(ctx, selected)
	if len(registries) > 0 && len(registries) < len(selected) {
		d.Console.Say("first the image repositories, which do not stand yet")
		if err := d.deploy(ctx, assembly, registries, options); err != nil || options.DryRun {
			return err
		}
	}
	return d.deploy(ctx, assembly, selected, options)
}

// Release deploys the stacks alone that name the release's image. The caller holds the
// environment's lock.
func (d Deployment) Release(ctx context.Context, options Options) error {
	assembly, selected, err := d.begin(ctx, options)
	defer assembly.Discard()
	if err != nil {
		return err
	}
	selected = slices.DeleteFunc(slices.Clone(selected), func(stack cfn.Stack) bool { return !preflight.HoldsRelease(d.Env, stack) })
	return d.deploy(ctx, assembly, selected, options)
}

// begin synthesizes, chooses the stacks and signs in. What was asked for is judged
// before anybody must sign in.
func (d Deployment) begin(ctx context.Context, options Options) (cdk.Assembly, []cfn.Stack, error) {
	assembly, err := d.Synthesize(ctx, cdk.Source{Given: options.Assembly, Output: options.Output, ImageTag: options.ImageTag})
	if err != nil {
		return assembly, nil, err
	}
	selected, err := stacks.Pick(assembly.Stacks, options.Stacks)
	if err != nil {
		return assembly, nil, err
	}
	return assembly, selected, d.Account.SignIn(ctx, d.Console)
}

// registriesFirst are the stacks with image repositories, where one of them does not stand
// yet: images can be pushed, and copied to the other region, only when all do, and tasks
// started only when images are there. Where the account cannot be asked there is none:
// the look says why.
func (d Deployment) registriesFirst(ctx context.Context, selected []cfn.Stack) []cfn.Stack {
	registries := slices.DeleteFunc(slices.Clone(selected), func(stack cfn.Stack) bool {
		return len(stack.Template.OfType("AWS::ECR::Repository")) == 0
	})
	for _, stack := range registries {
		if found, err := d.Stacks().Describe(ctx, stack.Region, stack.Name); err == nil && found.FirstCreation() {
			return registries
		}
	}
	return nil
}

// look looks at everything before a change.
func (d Deployment) look(ctx context.Context, assembly cdk.Assembly, selected []cfn.Stack, options Options) (preflight.Plan, error) {
	return preflight.Look{
		Env: d.Env, Account: d.Account, Console: d.Console, Checkout: d.CDK.Dir, Wait: d.Wait,
		DespiteOutage: options.DespiteOutage, Tested: options.Tested,
	}.Run(ctx, assembly, selected)
}

// deploy looks, shows, asks, and deploys some stacks of an assembly.
func (d Deployment) deploy(ctx context.Context, assembly cdk.Assembly, selected []cfn.Stack, options Options) error {
	plan, err := d.look(ctx, assembly, selected, options)
	if err != nil {
		return err
	}
	// From templates alone: a change set would have to be written for more.
	diff := []string{"diff", "--app", plan.Dir, "--method=template", "--exclusively"}
	for _, stack := range selected {
		diff = append(diff, stack.ID)
	}
	if err := d.CDK.Run(ctx, diff...); err != nil {
		return cdk.Unchanged(ctx, "the difference could not be shown", err)
	}
	if err := plan.Show(d.Console); err != nil {
		return err
	}
	if options.DryRun {
		d.Console.Say("dry run: nothing was changed")
		return keep(plan, options)
	}
	if err := d.sameImages(plan, options.Assembly); err != nil {
		return err
	}
	question := fmt.Sprintf("Deploy release %s to %s (account %s)?", d.Env.Site.ImageTag, d.Env.Name, d.Env.Site.Account)
	if err := plan.Consent(ctx, d.Console, question, d.Env.Name, options.Yes); err != nil {
		return err
	}
	if err := d.apply(ctx, plan, d.updates(plan, options.Force)); err != nil {
		return err
	}
	return keep(plan, options)
}

// keep writes what ran beside a synthesis that is kept.
func keep(plan preflight.Plan, options Options) error {
	if options.Output == "" || len(plan.Images) == 0 {
		return nil
	}
	return images.Keep(plan.Dir, plan.Images)
}

// sameImages fails where a given synthesis was looked at with other images.
func (d Deployment) sameImages(plan preflight.Plan, given string) error {
	if given == "" {
		return nil
	}
	path := filepath.Join(given, images.ListName)
	seen, err := images.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		d.Console.Say("%s is not there: whether the images are those of the review is not known", path)
		return nil
	}
	if err != nil {
		return exit.With(exit.Refused, "%w", err)
	}
	if moved := images.Moved(plan.Images, seen, true, "in the review"); len(moved) > 0 {
		d.Console.List("other images than in the review:", moved)
		return exit.With(exit.Stale, "%d images are others than in the review; nothing was changed", len(moved))
	}
	return nil
}
