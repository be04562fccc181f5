package local

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
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
	if err := r.remove(ctx, step); err != nil {
		return err
	}
	r.touched = false
	return r.checkLeft(ctx, step)
}

// remove removes the stacks that stand, in the order that the CLI chooses: each must
// go before those that it needs.
func (r *run) remove(ctx context.Context, step *Step) error {
	standing, err := r.standing(ctx)
	if err != nil || len(standing) == 0 {
		return err
	}
	arguments := []string{"destroy"}
	for _, stack := range r.plan.ordered {
		if _, ok := standing[stack.Name]; !ok {
			continue
		}
		arguments = append(arguments, stack.ID)
		if stack.TerminationProtection {
			if err := r.Cloud.Unprotect(ctx, stack.Region, stack.Name); err != nil {
				return err
			}
		}
	}
	printed, err := r.CDK(ctx, append(arguments, "--app", r.plan.copy, "--exclusively", "--force")...)
	if err != nil {
		return errors.Join(err, r.failuresOf(ctx, r.plan.ordered))
	}
	clear(r.current)
	left, err := r.standing(ctx)
	if err != nil {
		return err
	}
	r.note(equal(step.Name, "stacks left", "", strings.Join(slices.Sorted(maps.Keys(left)), " ")),
		equal(step.Name, "stacks removed before what needs them", "", strings.Join(r.tooEarly(printed), "; ")))
	return nil
}

// destroying finds the stacks in the order in which the CLI removes them.
var destroying = regexp.MustCompile(`(?m)^(\S+)(?: \([^)]*\))?: destroying`)

// tooEarly are the stacks that went before one that needs them, and those of which
// the CLI did not say when.
func (r *run) tooEarly(printed string) []string {
	at := map[string]int{}
	for i, match := range destroying.FindAllStringSubmatch(printed, -1) {
		at[match[1]] = i + 1
	}
	ids := map[string]string{}
	for _, stack := range r.plan.ordered {
		ids[stack.Name] = stack.ID
	}
	var early []string
	for _, stack := range r.plan.ordered {
		for _, name := range stack.DependsOn {
			if needed, ok := at[ids[name]]; ok && needed <= at[stack.ID] {
				early = append(early, ids[name]+" before "+stack.ID)
			}
		}
	}
	if len(at) == 0 {
		early = append(early, "the CLI did not say in which order")
	}
	return early
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
	r.report.Stayed, r.report.Lost = stayed, lost
	r.note(equal(step.Name, "resources left that no template retains", "", strings.Join(unexpected, "; ")))
	r.note(equal(step.Name, "retained resources that are gone", "", strings.Join(lost, "; ")))
	r.live = nil
	return nil
}
