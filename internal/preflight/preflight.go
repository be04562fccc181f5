// Package preflight looks before a deployment begins: at the account, the stacks, the
// traffic, the images, and at what the templates would do; and tells all problems at
// once. It changes nothing.
package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
	"wallet-infra/internal/progress"
	"wallet-infra/internal/service"
	"wallet-infra/internal/stacks"
)

// Look is what a look needs.
type Look struct {
	Env      config.Environment
	Account  *account.Account
	Console  console.Console
	Checkout string        // the repository's root
	Wait     time.Duration // for an operation of somebody else on a stack

	// DespiteOutage takes an outage, or a secret's copy that is out of date, for
	// something that the deployment mends.
	DespiteOutage bool
	// Tested are the images that another environment ran; nil asks nothing.
	Tested []images.Image
}

// Plan is what would be deployed, and what was found about it.
type Plan struct {
	cdk.Assembly
	Selected []cfn.Stack
	Live     map[string]stacks.Live // the selected stacks, by name
	Report   changes.Report         // what the templates do to what is deployed
	Images   []images.Image         // of the release
	access   *access                // nil where AWS is not asked
}

// look is one look, while it goes on.
type look struct {
	Look
	Plan
	stacks  stacks.Reader
	regions []string // those that may be asked
	found   console.Findings
	missing []string // images
}

// Run looks at everything that a deployment of the selected stacks needs, and fails
// with every problem; with [exit.ImagesMissing] where the images alone are missing.
func (l Look) Run(ctx context.Context, assembly cdk.Assembly, selected []cfn.Stack) (Plan, error) {
	defer progress.Doing(ctx, "looking at account %s", l.Env.Site.Account)()
	at := &look{Look: l, Plan: Plan{Assembly: assembly, Selected: selected, Live: map[string]stacks.Live{}}, stacks: stacks.NewReader(l.Account)}
	at.checkRelease()
	at.checkBootstrap(ctx)
	if len(at.regions) == 2 {
		at.checkStacks(ctx)
		at.checkNeeds(ctx)
		at.checkCopies(ctx)
		at.judge(ctx)
		for _, place := range service.Places(l.Env) {
			at.checkTraffic(ctx, place)
		}
	}
	if slices.Contains(at.regions, l.Env.Primary.Name) {
		at.checkAlarms(ctx)
	}
	at.checkImages(ctx)
	at.checkAccount(ctx)
	at.checkQuota(ctx)
	return at.Plan, at.conclude(ctx)
}

// conclude fails with all that was found.
func (l *look) conclude(ctx context.Context) error {
	if len(l.missing) == 0 || len(l.found.Problems) > 0 || ctx.Err() != nil {
		for _, image := range l.missing {
			l.found.Problem("not there: %s", image)
		}
		return l.Console.Conclude(ctx, l.found)
	}
	l.Console.List("noticed:", l.found.Notes)
	l.Console.List(fmt.Sprintf("the images of release %s are not there:", l.Env.Site.ImageTag), l.missing)
	return exit.With(exit.ImagesMissing, "%d images of release %s are missing, listed above, and nothing more was created. "+
		"Push them (docs/DEPLOYMENT.md#the-images; the collector: scripts/collector.sh %[3]s), and then: go tool wallet %[3]s deploy --image-tag %[2]s",
		len(l.missing), l.Env.Site.ImageTag, l.Env.Name)
}

// HoldsRelease says that a stack's template names the release's image.
func HoldsRelease(env config.Environment, stack cfn.Stack) bool {
	return strings.Contains(string(stack.Raw), ":"+env.Site.ImageTag+`"`)
}

// checkRelease refuses a synthesis of another release.
func (l *look) checkRelease() {
	for _, place := range service.Places(l.Env) {
		if compute, known := l.Find(place.Stack); known && !HoldsRelease(l.Env, compute) {
			l.found.Problem("%s was not synthesized with image tag %s", l.Dir, l.Env.Site.ImageTag)
			return
		}
	}
}

// selects says that a stack is to be deployed.
func (l *look) selects(name string) bool {
	return slices.ContainsFunc(l.Selected, func(stack cfn.Stack) bool { return stack.Name == name })
}

// checkImages looks for the release's images wherever tasks would pull them, before
// CloudFormation is asked: ECS would try for an hour. A stack that is not deployed
// pulls nothing, and the standby migrates nothing.
func (l *look) checkImages(ctx context.Context) {
	look := images.Look{Account: l.Account, Env: l.Env, Found: &l.found}
	for _, place := range service.Places(l.Env) {
		if !l.selects(place.Stack) || !slices.Contains(l.regions, place.Region) {
			continue
		}
		look.Release(ctx, place.Region, l.Env.Names().ServiceRepository())
		if place.Region == l.Env.Primary.Name {
			look.Release(ctx, place.Region, l.Env.Names().MigrationsRepository())
		}
		look.Collector(ctx, place.Region)
	}
	l.Images, l.missing = look.Images, look.Missing
	if l.Tested != nil {
		for _, moved := range images.Moved(l.Images, l.Tested, false, "where it was tested") {
			l.found.Problem("not the image that was tested: %s", moved)
		}
	}
}
