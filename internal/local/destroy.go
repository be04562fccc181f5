package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"wallet-infra/internal/assembly"
)

// destroy removes every stack, last one first, and looks what is left.
func (r *run) destroy(ctx context.Context, step *Step) error {
	standing, err := r.standing(ctx)
	if err != nil {
		return err
	}
	for _, stack := range r.plan.ordered {
		resources, err := r.Cloud.Resources(ctx, stack.Region, stack.Name)
		if err != nil {
			return err
		}
		step.Deleted += len(resources)
	}
	step.Stacks = len(standing)
	if err := r.remove(ctx); err != nil {
		return err
	}
	r.touched = false
	left, err := r.standing(ctx)
	if err != nil {
		return err
	}
	r.note(equal(step.Name, "stacks left", "", strings.Join(sortedKeys(left), " ")))
	for _, stack := range r.plan.ordered {
		was, ok := standing[stack.Name]
		if !ok {
			continue
		}
		failures, err := r.Cloud.Failures(ctx, stack.Region, was.ID)
		if err != nil {
			return err
		}
		var deletions []string
		for _, failure := range failures {
			if failure.Status == "DELETE_FAILED" {
				deletions = append(deletions, failure.String())
			}
		}
		r.note(equal(step.Name, "deletions of "+stack.ID+" that failed", "", strings.Join(deletions, "; ")))
	}
	return r.checkLeft(ctx, step)
}

// remove removes the stacks that stand, each after those that need it.
func (r *run) remove(ctx context.Context) error {
	standing, err := r.standing(ctx)
	if err != nil {
		return err
	}
	backwards := slices.Clone(r.plan.ordered)
	slices.Reverse(backwards)
	for _, stack := range backwards {
		if _, ok := standing[stack.Name]; !ok {
			continue
		}
		if err := r.removeOne(ctx, stack); err != nil {
			return err
		}
		delete(r.current, stack.Name)
	}
	return nil
}

// removeOne removes a stack with the CDK CLI, which names it by its ID. An emulator
// may take no notice of that and say that all is well: the stack is then exactly as
// it was, and is removed by its name.
func (r *run) removeOne(ctx context.Context, stack assembly.Stack) error {
	before, err := r.Cloud.Events(ctx, stack.Region, stack.Name)
	if err != nil {
		return err
	}
	if _, err := r.CDK(ctx, "destroy", stack.ID, "--app", r.plan.copy, "--exclusively", "--force"); err != nil {
		return errors.Join(err, r.failuresOf(ctx, stack))
	}
	standing, err := r.standing(ctx)
	if err != nil {
		return err
	}
	if _, still := standing[stack.Name]; !still {
		return nil
	}
	after, err := r.Cloud.Events(ctx, stack.Region, stack.Name)
	if err != nil || after != before {
		return errors.Join(err, r.failuresOf(ctx, stack))
	}
	if !r.limits.IgnoresStackIDs {
		r.limits.IgnoresStackIDs = true
		r.say("NOT EXERCISED: the removal by the CDK CLI, which names a stack by its ID; the emulator takes no notice, so it is removed by name")
	}
	return r.Cloud.Delete(ctx, stack.Region, stack.Name)
}

// checkLeft compares what is still there with what the templates retain.
func (r *run) checkLeft(ctx context.Context, step *Step) error {
	var stayed, unexpected, lost []string
	for _, resource := range r.live {
		_, err := r.Cloud.Read(ctx, resource.Region, resource.Type, resource.ID)
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
		name := resource.Type + " " + resource.Stack + "/" + resource.LogicalID
		switch {
		case err == nil && resource.Retained:
			stayed = append(stayed, name)
		case err == nil:
			unexpected = append(unexpected, name)
		case resource.Retained:
			lost = append(lost, name)
		}
	}
	r.report.Stayed = stayed
	r.note(equal(step.Name, "resources left that no template retains", "", strings.Join(unexpected, "; ")))
	kept := Check{Step: step.Name, Subject: "retained resources left", Want: fmt.Sprint(len(stayed) + len(lost)),
		Got: fmt.Sprint(len(stayed)), Result: passed}
	switch {
	case len(lost) > 0 && r.limits.DeletesRetained:
		kept.Result = notExercised
		r.say("NOT EXERCISED: DeletionPolicy, which the emulator does not heed: it deleted %d resources that the templates retain", len(lost))
	case len(lost) > 0:
		kept.Result, kept.Got = failed, kept.Got+", without "+strings.Join(lost, "; ")
	}
	r.note(kept)
	r.live = nil
	return nil
}
