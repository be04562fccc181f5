package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/stacks"
)

// deploy deploys every stack for the first time.
func (r *run) deploy(ctx context.Context, step *Step) error {
	if err := r.deployAll(ctx, step, r.plan); err != nil {
		return err
	}
	return r.inspect(ctx, step, r.Env)
}

// again deploys the same once more: nothing may happen.
func (r *run) again(ctx context.Context, step *Step) error {
	before, err := r.standing(ctx)
	if err != nil {
		return err
	}
	if err := r.deployAll(ctx, step, r.plan); err != nil {
		return err
	}
	after, err := r.standing(ctx)
	if err != nil {
		return err
	}
	for _, stack := range r.plan.ordered {
		r.note(equal(step.Name, "last operation on "+stack.ID, before[stack.Name].Updated.String(), after[stack.Name].Updated.String()))
	}
	return r.inspect(ctx, step, r.Env)
}

// resize deploys the environment with larger sizes.
func (r *run) resize(ctx context.Context, step *Step) error {
	larger, changes, err := Resize(r.Env)
	if err != nil {
		return err
	}
	r.say("changing %s", strings.Join(changes, " and "))
	changed, err := r.planned("resized-copy", r.zone, resized(r.Env, larger))
	if err != nil {
		return err
	}
	before := r.live
	if err := r.deployAll(ctx, step, changed); err != nil {
		return err
	}
	r.plan = changed
	if err := r.inspect(ctx, step, larger); err != nil {
		return err
	}
	r.note(equal(step.Name, "stateful resources replaced", "", strings.Join(replaced(before, r.live), " ")))
	if step.Updated == 0 {
		return errors.New("the new sizes changed no template")
	}
	return nil
}

func equal(step, subject, want, got string) Check {
	check := Check{Step: step, Subject: subject, Want: want, Got: got, Result: passed}
	if want != got {
		check.Result = failed
	}
	return check
}

// replaced are the resources with data that have another identity than before.
func replaced(before, after []found) []string {
	stateful := []string{"AWS::RDS::DBCluster", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret",
		"AWS::ECR::Repository", "AWS::Logs::LogGroup", "AWS::MSK::Cluster", "AWS::ElastiCache::ReplicationGroup"}
	ids := map[string]string{}
	for _, resource := range before {
		ids[resource.Stack+"/"+resource.LogicalID] = resource.ID
	}
	var names []string
	for _, resource := range after {
		name := resource.Stack + "/" + resource.LogicalID
		if old, ok := ids[name]; ok && old != resource.ID && slices.Contains(stateful, resource.Type) {
			names = append(names, name)
		}
	}
	return names
}

// deployAll deploys the stacks in their order, with as few starts of the CLI as it
// can: a stack that reads another region waits until the stacks before it stand.
func (r *run) deployAll(ctx context.Context, step *Step, p plan) error {
	var batch []cfn.Stack
	for _, stack := range p.ordered {
		if slices.ContainsFunc(stack.Template.Reads(), func(to cfn.Reference) bool { return abroad(stack, to) }) {
			if err := r.deployBatch(ctx, step, p, batch); err != nil {
				return err
			}
			batch = nil
		}
		batch = append(batch, stack)
	}
	return r.deployBatch(ctx, step, p, batch)
}

// deployBatch deploys stacks with one start of the CLI, with the arguments that the
// pipeline gives it, and counts what changed.
func (r *run) deployBatch(ctx context.Context, step *Step, p plan, batch []cfn.Stack) error {
	if len(batch) == 0 {
		return nil
	}
	before, templates := map[string]map[string]Resource{}, map[string]cfn.Template{}
	arguments := []string{"deploy"}
	for _, stack := range batch {
		var err error
		if templates[stack.Name], err = r.prepare(ctx, p, stack); err != nil {
			return err
		}
		if before[stack.Name], err = r.Cloud.Resources(ctx, stack.Region, stack.Name); err != nil {
			return err
		}
		arguments = append(arguments, stack.ID)
	}
	r.touched = true
	if _, err := r.CDK(ctx, append(arguments, "--app", p.copy, "--exclusively", "--method=change-set",
		"--require-approval", "never", "--progress", "events", "--concurrency", "1")...); err != nil {
		return errors.Join(err, r.failuresOf(ctx, batch))
	}
	for _, stack := range batch {
		after, err := r.Cloud.Resources(ctx, stack.Region, stack.Name)
		if err != nil {
			return err
		}
		step.compare(before[stack.Name], after, r.current[stack.Name], templates[stack.Name])
		r.current[stack.Name] = templates[stack.Name]
	}
	return nil
}

// compare counts what one deployment of a stack changed.
func (s *Step) compare(before, after map[string]Resource, old, latest cfn.Template) {
	s.Stacks++
	for id := range after {
		was, known := old.Resources[id]
		switch _, existed := before[id]; {
		case !existed:
			s.Created++
		case known && cfn.Canonical(was) != cfn.Canonical(latest.Resources[id]):
			s.Updated++
		}
	}
	for id := range before {
		if _, is := after[id]; !is {
			s.Deleted++
		}
	}
}

// failuresOf puts the emulator's own words beside those of the CLI.
func (r *run) failuresOf(ctx context.Context, failed []cfn.Stack) error {
	var problems []error
	for _, stack := range failed {
		for _, failure := range r.Cloud.Failures(context.WithoutCancel(ctx), stack) {
			problems = append(problems, fmt.Errorf("%s: %s", stack.ID, failure))
		}
	}
	return errors.Join(problems...)
}

// prepare writes a stack's template into the copy: without what the emulator lacks,
// and with the outputs of other regions filled in, which it does not look up.
func (r *run) prepare(ctx context.Context, p plan, stack cfn.Stack) (cfn.Template, error) {
	standing, err := r.standing(ctx)
	if err != nil {
		return cfn.Template{}, err
	}
	var problems []error
	for _, to := range stack.Template.Reads() {
		if !abroad(stack, to) {
			continue
		}
		if _, ok := standing[to.Stack].Outputs[to.Name]; !ok {
			problems = append(problems, fmt.Errorf("%s reads output %s of %s in %s, which is not there", stack.ID, to.Name, to.Stack, to.Region))
		}
		r.report.filled(stack.ID, to.Stack, to.Name)
	}
	var elsewhere []cfn.Stack
	for _, other := range r.plan.ordered {
		if other.Region == stack.Region {
			continue
		}
		outputs := map[string]cfn.Output{}
		for name, value := range standing[other.Name].Outputs {
			outputs[name] = cfn.Output{Value: value}
		}
		elsewhere = append(elsewhere, cfn.Stack{Name: other.Name, Region: other.Region, Template: cfn.Template{Outputs: outputs}})
	}
	if len(problems) > 0 {
		return cfn.Template{}, errors.Join(problems...)
	}
	content, err := reduce(stack, r.report.Gaps, elsewhere)
	if err != nil {
		return cfn.Template{}, err
	}
	if err := p.write(stack, content); err != nil {
		return cfn.Template{}, err
	}
	return cfn.Parse(content)
}

// standing are the environment's stacks in the emulator, by name.
func (r *run) standing(ctx context.Context) (map[string]stacks.Live, error) {
	found := map[string]stacks.Live{}
	for _, stack := range r.plan.ordered {
		live, err := r.Cloud.Stack(ctx, stack.Region, stack.Name)
		if err != nil {
			return nil, err
		}
		if live.Exists() {
			found[stack.Name] = live
		}
	}
	return found, nil
}

// inspect asks whether everything is there, and of the right size.
func (r *run) inspect(ctx context.Context, step *Step, env config.Environment) error {
	standing, err := r.standing(ctx)
	if err != nil {
		return err
	}
	r.live, r.report.Exercised = nil, 0
	var asked int
	var gone []string
	for _, stack := range r.plan.ordered {
		r.note(oneOf(step.Name, "status of "+stack.ID, string(standing[stack.Name].Status), "CREATE_COMPLETE", "UPDATE_COMPLETE"))
		resources, err := r.Cloud.Resources(ctx, stack.Region, stack.Name)
		if err != nil {
			return err
		}
		r.report.Exercised += len(resources)
		for _, id := range stack.Template.IDs() {
			if r.lacks(stack.ID, id) {
				continue
			}
			switch one, err := r.ask(ctx, stack, id, resources[id]); {
			case errors.Is(err, ErrGone):
				gone = append(gone, stack.ID+"/"+id)
			case errors.Is(err, ErrNoReader): // CloudFormation says that it is there
			case err != nil:
				return fmt.Errorf("asking about %s of %s: %w", id, stack.ID, err)
			default:
				asked++
				r.live = append(r.live, one)
			}
		}
	}
	r.note(equal(step.Name, fmt.Sprintf("resources of which nobody knows, beside %d that their services know", asked), "", strings.Join(gone, " ")))
	for _, size := range sizes(env) {
		r.note(size.check(step.Name, r.live, r.report.Gaps))
	}
	return nil
}

func (r *run) lacks(stack, id string) bool {
	return slices.ContainsFunc(r.report.Gaps, func(gap Gap) bool { return gap.Stack == stack && gap.LogicalID == id })
}

// ask asks the service of one resource about it.
func (r *run) ask(ctx context.Context, stack cfn.Stack, id string, resource Resource) (found, error) {
	if resource.ID == "" {
		return found{}, ErrGone
	}
	facts, err := r.Cloud.Read(ctx, stack.Region, resource.Type, resource.ID)
	return found{Stack: stack.ID, Region: stack.Region, LogicalID: id, Type: resource.Type, ID: resource.ID, Facts: facts,
		Retained: strings.HasPrefix(stack.Template.Resources[id].DeletionPolicy, "Retain")}, err
}

func oneOf(step, subject, got string, wants ...string) Check {
	check := Check{Step: step, Subject: subject, Want: strings.Join(wants, " or "), Got: got, Result: passed}
	if !slices.Contains(wants, got) {
		check.Result = failed
	}
	return check
}
