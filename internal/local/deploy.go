package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
)

// producer finds the stacks that a template reads outputs of.
var producer = regexp.MustCompile(`"Fn::GetStackOutput":\s*\{[^}]*"StackName":\s*"([^"]+)"`)

// readRegion finds the regions of which a template reads outputs.
var readRegion = regexp.MustCompile(`"Fn::GetStackOutput":\s*\{[^}]*"Region":\s*"([^"]+)"`)

// deploy deploys every stack for the first time.
func (r *run) deploy(ctx context.Context, step *Step) error {
	if err := r.deployAll(ctx, step, r.plan); err != nil {
		return err
	}
	return r.inspect(ctx, step, r.Env)
}

// again deploys the same once more: nothing may happen.
func (r *run) again(ctx context.Context, step *Step) error {
	before, err := r.events(ctx)
	if err != nil {
		return err
	}
	if err := r.deployAll(ctx, step, r.plan); err != nil {
		return err
	}
	after, err := r.events(ctx)
	if err != nil {
		return err
	}
	for _, stack := range r.plan.ordered {
		r.note(equal(step.Name, "events of "+stack.ID, strconv.Itoa(before[stack.Name]), strconv.Itoa(after[stack.Name])))
	}
	return r.inspect(ctx, step, r.Env)
}

// events counts each stack's events, by its name.
func (r *run) events(ctx context.Context) (map[string]int, error) {
	count := map[string]int{}
	for _, stack := range r.plan.ordered {
		var err error
		if count[stack.Name], err = r.Cloud.Events(ctx, stack.Region, stack.Name); err != nil {
			return nil, err
		}
	}
	return count, nil
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
		if readsOtherRegion(stack) {
			if err := r.deployBatch(ctx, step, p, batch); err != nil {
				return err
			}
			batch = nil
		}
		batch = append(batch, stack)
	}
	return r.deployBatch(ctx, step, p, batch)
}

// readsOtherRegion says that a template reads outputs of another region.
func readsOtherRegion(stack cfn.Stack) bool {
	for _, match := range readRegion.FindAllStringSubmatch(string(stack.Raw), -1) {
		if match[1] != stack.Region {
			return true
		}
	}
	return false
}

// deployBatch deploys stacks with one start of the CLI, with the arguments that the
// pipeline gives it, and counts what changed.
func (r *run) deployBatch(ctx context.Context, step *Step, p plan, batch []cfn.Stack) error {
	if len(batch) == 0 {
		return nil
	}
	before, templates := map[string]map[string]Resource{}, map[string][]byte{}
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
		if err := step.compare(before[stack.Name], after, r.current[stack.Name], templates[stack.Name]); err != nil {
			return err
		}
		r.current[stack.Name] = templates[stack.Name]
	}
	return nil
}

// compare counts what one deployment of a stack changed.
func (s *Step) compare(before, after map[string]Resource, old, latest []byte) error {
	changed, err := updated(old, latest)
	if err != nil {
		return err
	}
	s.Stacks++
	for id := range after {
		switch _, was := before[id]; {
		case !was:
			s.Created++
		case changed[id]:
			s.Updated++
		}
	}
	for id := range before {
		if _, is := after[id]; !is {
			s.Deleted++
		}
	}
	return nil
}

// failuresOf puts the emulator's own words beside those of the CLI.
func (r *run) failuresOf(ctx context.Context, stacks []cfn.Stack) error {
	standing, err := r.standing(context.WithoutCancel(ctx))
	problems := []error{err}
	for _, stack := range stacks {
		if _, ok := standing[stack.Name]; !ok {
			continue
		}
		failures, err := r.Cloud.Failures(context.WithoutCancel(ctx), stack.Region, stack.Name)
		problems = append(problems, err)
		for _, failure := range failures {
			problems = append(problems, fmt.Errorf("%s: %s", stack.ID, failure))
		}
	}
	return errors.Join(problems...)
}

// updated are the resources that two templates have differently.
func updated(old, latest []byte) (map[string]bool, error) {
	changed := map[string]bool{}
	if old == nil {
		return changed, nil
	}
	var before, after struct {
		Resources map[string]json.RawMessage
	}
	if err := errors.Join(json.Unmarshal(old, &before), json.Unmarshal(latest, &after)); err != nil {
		return nil, err
	}
	for id, body := range after.Resources {
		changed[id] = string(before.Resources[id]) != string(body)
	}
	return changed, nil
}

// prepare writes a stack's template into the copy: without what the emulator lacks,
// and with the outputs of other regions filled in, which it does not look up.
func (r *run) prepare(ctx context.Context, p plan, stack cfn.Stack) ([]byte, error) {
	missing := map[string]Gap{}
	for _, gap := range r.limits.Gaps {
		if gap.Stack == stack.ID {
			missing[gap.LogicalID] = gap
		}
	}
	standing, err := r.standing(ctx)
	if err != nil {
		return nil, err
	}
	var absent []error
	output := func(name, region, key string) (string, bool) {
		if region == stack.Region {
			return "", false
		}
		value, ok := standing[name].Outputs[key]
		if !ok {
			absent = append(absent, fmt.Errorf("%s reads output %s of %s in %s, which is not there", stack.ID, key, name, region))
		}
		r.report.filled(stack.ID, name, key)
		return value, true
	}
	template, err := references{stack: stack, missing: missing, output: output}.reduce(stack.Raw)
	if err := errors.Join(append(absent, err)...); err != nil {
		return nil, err
	}
	return template, p.write(stack, template, r.limits)
}

// standing are the environment's stacks in the emulator, by name.
func (r *run) standing(ctx context.Context) (map[string]Stack, error) {
	found := map[string]Stack{}
	for _, region := range r.regions() {
		stacks, err := r.Cloud.Stacks(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, stack := range r.plan.ordered {
			if one, ok := stacks[stack.Name]; ok && stack.Region == region {
				found[stack.Name] = one
			}
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
	asked := map[string]*tally{}
	for _, stack := range r.plan.ordered {
		r.note(oneOf(step.Name, "status of "+stack.ID, standing[stack.Name].Status, "CREATE_COMPLETE", "UPDATE_COMPLETE"))
		resources, err := r.Cloud.Resources(ctx, stack.Region, stack.Name)
		if err != nil {
			return err
		}
		r.report.Exercised += len(resources)
		for _, id := range sortedKeys(stack.Template.Resources) {
			if r.lacks(stack.ID, id) {
				continue
			}
			resourceType := stack.Template.Resources[id].Type
			if asked[resourceType] == nil {
				asked[resourceType] = &tally{}
			}
			if err := r.ask(ctx, stack, id, resources[id], asked[resourceType]); err != nil {
				return err
			}
		}
	}
	for _, resourceType := range sortedKeys(asked) {
		r.note(asked[resourceType].check(step.Name, resourceType))
	}
	for _, size := range sizes(env) {
		r.note(size.check(step.Name, r.live, r.limits.Gaps))
	}
	return nil
}

func (r *run) lacks(stack, id string) bool {
	return slices.ContainsFunc(r.limits.Gaps, func(gap Gap) bool { return gap.Stack == stack && gap.LogicalID == id })
}

// ask asks the service of one resource about it.
func (r *run) ask(ctx context.Context, stack cfn.Stack, id string, resource Resource, count *tally) error {
	count.want++
	if resource.ID == "" {
		count.gone = append(count.gone, stack.ID+"/"+id)
		return nil
	}
	facts, err := r.Cloud.Read(ctx, stack.Region, resource.Type, resource.ID)
	switch {
	case errors.Is(err, ErrNoReader):
		count.unasked++
		return nil
	case errors.Is(err, ErrGone):
		count.gone = append(count.gone, stack.ID+"/"+id)
		return nil
	case err != nil:
		return fmt.Errorf("asking about %s of %s: %w", id, stack.ID, err)
	}
	r.live = append(r.live, found{Stack: stack.ID, Region: stack.Region, LogicalID: id, Type: resource.Type, ID: resource.ID, Facts: facts,
		Retained: resource.Type != holdsNetwork && strings.HasPrefix(stack.Template.Resources[id].DeletionPolicy, "Retain")})
	return nil
}

// tally counts the answers about one type.
type tally struct {
	want, unasked int
	gone          []string
}

func (t tally) check(step, resourceType string) Check {
	there := t.want - len(t.gone)
	check := Check{Step: step, Subject: resourceType + " there", Want: strconv.Itoa(t.want), Got: strconv.Itoa(there), Result: passed}
	switch {
	case len(t.gone) > 0:
		check.Result, check.Got = failed, check.Got+", without "+strings.Join(t.gone, " ")
	case t.unasked > 0:
		check.Result = notAsked
	}
	return check
}

func oneOf(step, subject, got string, wants ...string) Check {
	check := Check{Step: step, Subject: subject, Want: strings.Join(wants, " or "), Got: got, Result: passed}
	if !slices.Contains(wants, got) {
		check.Result = failed
	}
	return check
}
