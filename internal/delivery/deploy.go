package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
	"wallet-infra/internal/stacks"
)

// DeployOptions are the choices of one deployment.
type DeployOptions struct {
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
	Tested []PreparedImage
	// DespiteOutage deploys although the outage alarm is in ALARM, or a copy of a secret
	// is out of date.
	DespiteOutage bool

	// onlyRelease deploys the stacks alone that name the release's image.
	onlyRelease bool
}

// Deploy brings the environment to the templates of this checkout.
func (s *Session) Deploy(ctx context.Context, options DeployOptions) error {
	if !options.DryRun {
		release, err := s.hold("deploy")
		if err != nil {
			return err
		}
		defer release()
	}
	ready, err := s.prepareDeployment(ctx, options)
	defer ready.discard()
	if err != nil {
		return err
	}
	if err := s.runCDK(ctx, s.diff(ready)...); err != nil {
		return s.broken(ctx, "the difference could not be shown", err)
	}
	if err := s.showConsequences(ready.report); err != nil {
		return err
	}
	if options.DryRun {
		s.Console.Say("dry run: nothing was changed")
		if options.Output == "" {
			return nil
		}
		return keepImages(ready.Dir, ready.images)
	}
	if err := s.sameImages(ready, options.Assembly); err != nil {
		return err
	}
	question := fmt.Sprintf("Deploy %s to %s (account %s)?", s.release(), s.Env.Name, s.Env.Site.Account)
	if err := s.consent(ctx, question, ready.report, options.Yes); err != nil {
		return err
	}
	if err := s.deployAll(ctx, ready, options.Force); err != nil {
		return err
	}
	s.printOutputs(ctx, ready.selected)
	if options.Output == "" {
		return nil
	}
	return keepImages(ready.Dir, ready.images)
}

// sameImages fails where a given synthesis was looked at with other images.
func (s *Session) sameImages(ready readied, given string) error {
	if given == "" {
		return nil
	}
	path := filepath.Join(given, imagesName)
	seen, err := ReadImages(path)
	if errors.Is(err, fs.ErrNotExist) {
		s.Console.Say("%s is not there: whether the images are those of the review is not known", path)
		return nil
	}
	if err != nil {
		return exit.With(exit.Refused, "%w", err)
	}
	if moved := movedImages(ready.images, seen, true, "in the review"); len(moved) > 0 {
		s.Console.List("other images than in the review:", moved)
		return exit.With(exit.Stale, "%d images are others than in the review; nothing was changed", len(moved))
	}
	return nil
}

// readied is what a look before the change found.
type readied struct {
	Assembly
	selected []cfn.Stack
	seen     map[string]stacks.Live // the selected stacks, by name
	report   changes.Report         // what the templates do to what is deployed
	images   []PreparedImage        // of the release
}

// prepareDeployment does all that comes before a change: synthesis, credentials,
// and every check. What was asked for is judged before anybody must sign in.
func (s *Session) prepareDeployment(ctx context.Context, options DeployOptions) (readied, error) {
	synthesis, err := s.synthesize(ctx, options.Assembly, options.Output, options.ImageTag)
	ready := readied{Assembly: synthesis}
	if err != nil {
		return ready, err
	}
	selected, err := stacks.Pick(synthesis.Stacks, options.Stacks)
	if err != nil {
		return ready, err
	}
	if options.onlyRelease {
		selected = slices.DeleteFunc(slices.Clone(selected), func(stack cfn.Stack) bool { return !s.holdsRelease(stack) })
	}
	ready.selected = selected
	if err := s.identify(ctx); err != nil {
		return ready, err
	}
	defer progress.Doing(ctx, "looking at account %s", s.Env.Site.Account)()
	var found console.Findings
	s.checkAssembly(ready, &found)
	usable := s.checkBootstrap(ctx, synthesis, &found)
	if len(usable) == len(s.regions()) {
		ready.seen = s.checkStacks(ctx, selected, &found)
		s.checkNeeds(ctx, synthesis, selected, &found)
		s.checkCopies(ctx, ready, options.DespiteOutage, &found)
		if ready.report, err = s.consequences(ctx, ready); err != nil {
			found.Problem("what changes could not be judged: %s", err)
		}
		for _, place := range s.services() {
			s.checkTraffic(ctx, place, ready, options.DespiteOutage, &found)
		}
	}
	if slices.Contains(usable, s.Env.Primary.Name) {
		s.checkAlarms(ctx, options.DespiteOutage, &found)
	}
	ready.images = s.checkImages(ctx, ready, usable, &found)
	if options.Tested != nil {
		for _, moved := range movedImages(ready.images, options.Tested, false, "where it was tested") {
			found.Problem("not the image that was tested: %s", moved)
		}
	}
	s.checkAccount(ctx, ready, usable, &found)
	s.checkQuota(ctx, usable, &found)
	return ready, s.Console.Conclude(ctx, found)
}

// checkAssembly refuses a given synthesis of another release.
func (s *Session) checkAssembly(ready readied, f *console.Findings) {
	for _, place := range s.services() {
		if compute, known := ready.find(place.stack); known && !s.holdsRelease(compute) {
			f.Problem("%s was not synthesized with image tag %s", ready.Dir, s.Env.Site.ImageTag)
			return
		}
	}
}

// holdsRelease says that a stack's template names the release's image; without an
// image it says that the template starts no task.
func (s *Session) holdsRelease(stack cfn.Stack) bool {
	if s.Env.Site.ImageTag == config.NoImage {
		return len(stack.Template.OfType("AWS::ECS::TaskDefinition")) == 0
	}
	return strings.Contains(string(stack.Raw), ":"+s.Env.Site.ImageTag+`"`)
}

// release names what is deployed, for people.
func (s *Session) release() string {
	if s.Env.Site.ImageTag == config.NoImage {
		return "everything but the tasks"
	}
	return "release " + s.Env.Site.ImageTag
}

// diff is the CLI command that shows what would change, from templates alone: a
// change set would have to be written for more.
func (s *Session) diff(ready readied) []string {
	arguments := []string{"diff", "--app", ready.Dir, "--method=template", "--exclusively"}
	for _, stack := range ready.selected {
		arguments = append(arguments, stack.ID)
	}
	return arguments
}

// broken turns a failure of the CLI before any change into an error.
func (s *Session) broken(ctx context.Context, what string, err error) error {
	if interrupted(ctx) {
		return exit.With(exit.Interrupted, "interrupted: nothing was changed")
	}
	return exit.With(exit.Refused, "%s, nothing was changed: %w", what, err)
}

// deployAll deploys one stack after the other from the one synthesis.
func (s *Session) deployAll(ctx context.Context, ready readied, force bool) error {
	var done []string
	after := map[string]stacks.Live{} // the stacks that this run deployed
	for i, stack := range ready.selected {
		at := fmt.Sprintf("[%d/%d] %s (%s, %s)", i+1, len(ready.selected), stacks.Short(stack), stack.Name, stack.Region)
		s.Console.Say("%s: begins", at)
		if err := ready.intact(stack); err != nil {
			return s.halted(ready.selected[i:], done, err)
		}
		arguments := []string{"deploy", stack.ID, "--app", ready.Dir, "--exclusively", "--method=change-set",
			"--require-approval", "never", "--progress", "events"}
		first, err := s.goesFirst(ctx, stack, ready.seen[stack.Name])
		if err != nil {
			return s.stopped(ctx, ready.selected[i:], done, err)
		}
		if first {
			arguments = append(arguments, "--no-rollback")
		}
		if force || readsChanged(stack, ready.seen, after) {
			arguments = append(arguments, "--force")
		}
		started := time.Now()
		if err := s.runWatched(ctx, stack, arguments); err != nil {
			return s.stopped(ctx, ready.selected[i:], done, err)
		}
		if after[stack.Name], err = s.stacks.Describe(ctx, stack.Region, stack.Name); err != nil {
			return s.stopped(ctx, ready.selected[i:], done, err)
		}
		s.Console.Say("%s: %s after %s", at, after[stack.Name].Status, time.Since(started).Round(time.Second))
		done = append(done, stacks.Short(stack))
	}
	return nil
}

// halted tells where a deployment ended before it touched a stack.
func (s *Session) halted(left []cfn.Stack, done []string, cause error) error {
	s.Console.List("deployed:", done)
	var rest []string
	for _, stack := range left {
		rest = append(rest, stacks.Short(stack))
	}
	s.Console.List("not begun:", rest)
	return cause
}

// goesFirst says that the stack never stood whole: what stands is then kept when
// something fails, because retained resources with fixed names would stop the
// second attempt after a rollback.
func (s *Session) goesFirst(ctx context.Context, stack cfn.Stack, found stacks.Live) (bool, error) {
	verdict, _, err := s.stacks.Judge(ctx, stack, found)
	return verdict == stacks.Create, err
}

// stopped tells where a deployment ended early and how it goes on.
func (s *Session) stopped(ctx context.Context, left []cfn.Stack, done []string, cause error) error {
	looking, cancel := afterwards(ctx)
	defer cancel()
	at := left[0]
	s.Console.List("deployed:", done)
	var rest []string
	for _, stack := range left[1:] {
		rest = append(rest, stacks.Short(stack))
	}
	s.Console.List("not begun:", rest)
	found, err := s.stacks.Describe(looking, at.Region, at.Name)
	switch {
	case err != nil:
		s.Console.Say("%s could not be looked at: %s", at.Name, account.Explain(err))
	case found.Status == "":
		s.Console.Say("%s does not exist", at.Name)
	default:
		s.Console.Say("%s is %s %s", at.Name, found.Status, found.Reason)
		s.Console.List("its events:", s.stacks.Failures(looking, at))
		if verdict, advice, err := s.stacks.Judge(looking, at, found); err == nil && verdict != stacks.Update && advice != "" {
			s.Console.Say("%s", advice)
		}
	}
	if why := s.outOfPause(looking, at, found); why != nil && !interrupted(ctx) {
		return why
	}
	if interrupted(ctx) {
		return exit.With(exit.Interrupted, "interrupted at %s: CloudFormation ends by itself what it began there. The same command goes on from there (with --wait 1h it waits for that first)", stacks.Short(at))
	}
	return exit.With(exit.Failed, "%s failed (%w). Correct the cause and run the same command: it goes on from there", stacks.Short(at), cause)
}

// printOutputs shows what the stacks say of themselves, which holds no secret.
func (s *Session) printOutputs(ctx context.Context, of []cfn.Stack) {
	for _, stack := range of {
		found, err := s.stacks.Describe(ctx, stack.Region, stack.Name)
		if err != nil {
			s.Console.Say("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		var lines []string
		for _, key := range slices.Sorted(maps.Keys(found.Outputs)) {
			if _, declared := stack.Template.Outputs[key]; declared && !strings.HasPrefix(key, "PublishOutput") {
				lines = append(lines, key+" = "+found.Outputs[key])
			}
		}
		s.Console.List(stacks.Short(stack)+":", lines)
	}
}
