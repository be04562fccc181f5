// Package local deploys an environment of the platform into an AWS emulator on the
// same machine, with the CDK CLI that deploys it to AWS, and takes it away again.
//
// It exercises the orchestration: bootstrap, assets, order, change sets, references
// between stacks, a second deployment, an update, removal. It proves nothing about
// what AWS accepts. After each step it asks the emulator's own APIs what is there and
// compares that with the configuration. What the emulator lacks is left out of a copy
// of the templates, and counted: see [Gap].
//
// Nothing here works on anything but a loopback address, see package loopback.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
)

// Options say what is deployed and with what.
type Options struct {
	Env   config.Environment
	Cloud Cloud
	CDK   CLI
	// Synthesize writes the environment's cloud assembly into a directory.
	Synthesize func(ctx context.Context, dir string) error
	// Dir is where assemblies are written; what is in it goes.
	Dir string
	// Out takes a line for each step, and the table at the end.
	Out io.Writer
	// Keep leaves everything in the emulator: the run ends before the removal.
	Keep bool
}

// run is one run.
type run struct {
	Options
	report  Report
	plan    plan                    // the stacks in the order of deployment
	zone    rewrite                 // puts the emulator's hosted zone into a template
	current map[string]cfn.Template // the deployed templates, by stack name
	live    []found                 // after the last look
	touched bool                    // something may stand in the emulator
}

// rewrite changes a template's text. The emulator's own IDs and the other sizes are
// written into the copy: an environment that config does not have needs no synthesis.
type rewrite func(template []byte) []byte

// plan is an assembly that is deployed stack by stack.
type plan struct {
	workspace
	ordered []cfn.Stack
}

// cleanupTime bounds the removal after a failure or an interruption.
const cleanupTime = 10 * time.Minute

// Run takes an environment through a whole life in the emulator. The report says
// what happened, also when the error does: a step that failed, a check that failed,
// or an interruption. Whatever was deployed is removed in each case, unless the
// options keep it.
func Run(ctx context.Context, options Options) (Report, error) {
	r := &run{Options: options, current: map[string]cfn.Template{}}
	r.report = Report{Environment: options.Env.Name, Account: options.Env.Site.Account}
	steps := []struct {
		name string
		do   func(context.Context, *Step) error
	}{
		{"synthesize", r.synthesize}, {"bootstrap", r.bootstrap}, {"look", r.look}, {"deploy", r.deploy},
		{"deploy again", r.again}, {"resize", r.resize}, {"destroy", r.destroy},
	}
	if options.Keep {
		steps = steps[:len(steps)-1]
	}
	var problems []error
	for _, step := range steps {
		if err := r.step(ctx, step.name, step.do); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", step.name, err))
			break
		}
	}
	if r.touched && !options.Keep {
		r.say("removing what stands in the emulator")
		clean, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer stop()
		if err := r.step(clean, "clean up", r.destroy); err != nil {
			problems = append(problems, fmt.Errorf("clean up: %w", err))
		}
	}
	r.report.finish()
	if count := r.report.Failed; count > 0 {
		problems = append(problems, fmt.Errorf("%d checks failed", count))
	}
	return r.report, errors.Join(problems...)
}

// step runs one step, counts its checks and prints its line.
func (r *run) step(ctx context.Context, name string, do func(context.Context, *Step) error) error {
	started := time.Now()
	step := Step{Name: name}
	err := ctx.Err()
	if err == nil {
		err = do(ctx, &step)
	}
	step.Seconds = time.Since(started).Seconds()
	step.count(r.report.Checks)
	if err != nil {
		step.Problem = err.Error()
	}
	r.report.Steps = append(r.report.Steps, step)
	r.say("%s", step.line())
	return err
}

func (r *run) say(format string, values ...any) { fmt.Fprintf(r.Out, format+"\n", values...) }

func (r *run) note(checks ...Check) { r.report.Checks = append(r.report.Checks, checks...) }

func (r *run) regions() []string { return []string{r.Env.Primary.Name, r.Env.Secondary.Name} }

// synthesize makes sure that this is an emulator, and writes the environment's
// templates. The one thing that the platform needs and does not make is the hosted
// zone: the emulator gets one of the same name, with an ID of its own choice.
func (r *run) synthesize(ctx context.Context, step *Step) error {
	account, err := r.Cloud.Account(ctx)
	if err != nil {
		return fmt.Errorf("no AWS emulator answers: %w", err)
	}
	if account != r.Env.Site.Account {
		return fmt.Errorf("the endpoint takes access key %s for account %s: want an emulator that takes the key for the account",
			r.Env.Site.Account, account)
	}
	zone, err := r.Cloud.HostedZone(ctx, r.Env.Site.HostedZone.Name)
	if err != nil {
		return fmt.Errorf("hosted zone %s: %w", r.Env.Site.HostedZone.Name, err)
	}
	configured := r.Env.Site.HostedZone.ID
	r.zone = func(template []byte) []byte { return bytes.ReplaceAll(template, []byte(configured), []byte(zone)) }
	if err := r.Synthesize(ctx, filepath.Join(r.Dir, "assembly")); err != nil {
		return err
	}
	r.plan, err = r.planned("assembly-copy", r.zone)
	step.Stacks = len(r.plan.ordered)
	for _, stack := range r.plan.ordered {
		r.report.Resources += len(stack.Template.Resources)
	}
	return err
}

// planned copies the assembly, with some values changed in its templates.
func (r *run) planned(name string, changes ...rewrite) (plan, error) {
	copied, err := newWorkspace(filepath.Join(r.Dir, "assembly"), filepath.Join(r.Dir, name))
	if err != nil {
		return plan{}, err
	}
	for i := range copied.stacks {
		for _, change := range changes {
			copied.stacks[i].Raw = change(copied.stacks[i].Raw)
		}
	}
	ordered, err := cfn.InOrder(copied.stacks)
	if len(ordered) == 0 && err == nil {
		err = errors.New("no stack in the assembly")
	}
	return plan{workspace: copied, ordered: ordered}, err
}

// look removes what an earlier run left, and finds out what the emulator cannot do.
func (r *run) look(ctx context.Context, step *Step) error {
	standing, err := r.standing(ctx)
	if err != nil {
		return err
	}
	if len(standing) > 0 {
		r.say("an earlier run left %d stacks: removing them", len(standing))
		if err := r.remove(ctx, step); err != nil {
			return err
		}
		step.Deleted = len(standing)
	}
	if r.report.Gaps, err = findGaps(ctx, r.Cloud, r.plan.ordered); err != nil {
		return err
	}
	step.Missing = len(gapsByType(r.report.Gaps))
	r.say("NOT EXERCISED, because the emulator lacks it: %d of %d resources, of %d types:",
		len(r.report.Gaps), r.report.Resources, step.Missing)
	for _, line := range gapsByType(r.report.Gaps) {
		r.say("  %s", line)
	}
	return nil
}

// bootstrap bootstraps both regions.
func (r *run) bootstrap(ctx context.Context, step *Step) error {
	r.touched = true
	arguments := []string{"bootstrap", "--app", r.plan.copy}
	for _, region := range r.regions() {
		arguments = append(arguments, "aws://"+r.Env.Site.Account+"/"+region)
	}
	if _, err := r.CDK(ctx, arguments...); err != nil {
		return err
	}
	for _, region := range r.regions() {
		version, err := r.Cloud.BootstrapVersion(ctx, region)
		if err != nil {
			return err
		}
		check := Check{Step: step.Name, Subject: "bootstrap version in " + region, Want: "a version", Got: version, Result: passed}
		if version == "" {
			check.Result = failed
		}
		r.note(check)
		step.Stacks++
	}
	return nil
}
