package deploy

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
	"wallet-infra/internal/preflight"
	"wallet-infra/internal/stacks"
)

// Execute executes the change sets of a manifest, exactly these and in their
// order. A change set stands for what was reviewed only as long as its stack,
// its template and the outputs that it read are what they were; anything else
// is refused with [exit.Stale]. Those that were executed already are passed over,
// so that an interrupted execution goes on.
func (d Deployment) Execute(ctx context.Context, path string, options Options) error {
	manifest, err := readManifest(path)
	if err != nil {
		return err
	}
	if manifest.Environment != d.Env.Name {
		return exit.With(exit.Refused, "%s is of %s, not of %s", path, manifest.Environment, d.Env.Name)
	}
	release, err := d.Lock("execute")
	if err != nil {
		return err
	}
	defer release()
	d.Env.Site.ImageTag = manifest.ImageTag
	options.Assembly = filepath.Dir(path)
	assembly, selected, err := d.begin(ctx, options)
	if err != nil {
		return err
	}
	plan, err := d.look(ctx, assembly, selected, options)
	if err != nil {
		return err
	}
	left, err := d.stillValid(ctx, manifest, plan)
	if err != nil {
		return err
	}
	if err := plan.Show(d.Console); err != nil {
		return err
	}
	question := fmt.Sprintf("Execute %d change sets %s (commit %s, release %s) in %s?", len(left), manifest.ChangeSet, manifest.Commit, manifest.ImageTag, d.Env.Name)
	if err := plan.Consent(ctx, d.Console, question, d.Env.Name, options.Yes); err != nil {
		return err
	}
	return d.apply(ctx, plan, d.executions(manifest, plan, left))
}

// stillValid returns the change sets that are left to execute, and fails with
// all that no longer fits.
func (d Deployment) stillValid(ctx context.Context, manifest Manifest, plan preflight.Plan) ([]PreparedStack, error) {
	var left []PreparedStack
	stale := images.Moved(plan.Images, manifest.Images, true, "in the review")
	for _, prepared := range manifest.Stacks {
		done, why, err := d.fits(ctx, prepared, plan.Assembly)
		if stack, known := plan.Find(prepared.Name); done && known && err == nil {
			why, err = d.otherThan(ctx, stack, approved{prepared.Code, manifest.Images})
		}
		switch {
		case err != nil:
			return nil, exit.With(exit.Refused, "%s: %s", prepared.Name, account.Explain(err))
		case why != "":
			stale = append(stale, prepared.Name+": "+why)
		case !done && prepared.ChangeSetARN != "":
			left = append(left, prepared)
		}
	}
	if len(stale) > 0 {
		d.Console.List("no longer what was reviewed:", stale)
		return nil, exit.With(exit.Stale, "%d things differ from the review: nothing was executed; prepare and review again", len(stale))
	}
	return left, nil
}

// fits compares one stack with its entry; done says that its change set was
// executed, and why is what does not fit.
func (d Deployment) fits(ctx context.Context, prepared PreparedStack, synthesis cdk.Assembly) (done bool, why string, err error) {
	stack, known := synthesis.Find(prepared.Name)
	if !known || hash(stack.Raw) != prepared.TemplateSHA256 {
		return false, "the template beside the manifest is another one", nil
	}
	if synthesis.Seal(prepared.Name) != prepared.Seal {
		return false, "the files beside the manifest are others", nil
	}
	if prepared.ChangeSetARN != "" {
		if done, why, err := d.fitsChangeSet(ctx, prepared); done || why != "" || err != nil {
			return done, why, err
		}
	}
	found, err := d.Stacks().Describe(ctx, prepared.Region, prepared.Name)
	if err != nil {
		return false, "", err
	}
	if found.Status != prepared.Status || !found.Updated.Equal(prepared.Updated) {
		return false, fmt.Sprintf("the stack was %s (last changed %s) and is %s (%s)", prepared.Status, prepared.Updated, found.Status, found.Updated), nil
	}
	if why, err := d.replacedCode(ctx, prepared); why != "" || err != nil {
		return false, why, err
	}
	if prepared.ChangeSetARN == "" { // CloudFormation would not notice
		why, err = d.otherCode(ctx, stack, prepared.Code)
	}
	return false, why, err
}

// fitsChangeSet compares the change set, as [Deployment.fits] does the stack.
func (d Deployment) fitsChangeSet(ctx context.Context, prepared PreparedStack) (done bool, why string, err error) {
	set, _, err := d.Stacks().ChangeSet(ctx, prepared.Region, prepared.Name, prepared.ChangeSetARN)
	switch {
	case account.Code(err) == "ChangeSetNotFound" || account.Code(err) == "ChangeSetNotFoundException":
		return false, "its change set is gone", nil
	case err != nil:
		return false, "", err
	case set.ExecutionStatus == types.ExecutionStatusExecuteComplete:
		return true, "", nil
	case set.ExecutionStatus != types.ExecutionStatusAvailable:
		return false, fmt.Sprintf("its change set is %s", set.ExecutionStatus), nil
	}
	why, err = d.sameTemplate(ctx, prepared)
	return false, why, err
}

// sameTemplate compares the change set's own template with the reviewed one.
func (d Deployment) sameTemplate(ctx context.Context, prepared PreparedStack) (why string, err error) {
	body, err := d.Stacks().Template(ctx, prepared.Region, prepared.Name, prepared.ChangeSetARN)
	if err == nil && hash(body) != prepared.TemplateSHA256 {
		why = "its change set holds another template"
	}
	return why, err
}

// executions are the steps that execute the change sets that are left. References
// between stacks were resolved when a change set was made: where a stack before it
// changed an output since, the rest is stale, and a person reviews it again.
func (d Deployment) executions(manifest Manifest, plan preflight.Plan, left []PreparedStack) []step {
	var steps []step
	for _, prepared := range left {
		stack, _ := plan.Find(prepared.Name)
		steps = append(steps, step{
			stack: stack,
			arguments: func(ctx context.Context) ([]string, error) {
				arguments := cliArguments(stack, plan, "execute-change-set", "--change-set-name", prepared.ChangeSetARN)
				if (stacks.Live{Status: prepared.Status}).FirstCreation() {
					arguments = append(arguments, "--no-rollback")
				}
				changed, err := d.changedOutputs(ctx, manifest, stack)
				if err == nil && len(changed) > 0 {
					err = exit.With(exit.Stale, "%s reads outputs that changed since the review (of %q): what is executed stands; prepare and review the rest again", prepared.Name, changed)
				}
				return arguments, err
			},
			wanted:   func(context.Context) (approved, error) { return approved{prepared.Code, manifest.Images}, nil },
			deployed: func(stacks.Live) {},
		})
	}
	return steps
}

// changedOutputs names the outputs that the stack reads and that are not those
// of the manifest.
func (d Deployment) changedOutputs(ctx context.Context, manifest Manifest, stack cfn.Stack) ([]string, error) {
	var changed []string
	for _, to := range stack.Template.Reads() {
		index := slices.IndexFunc(manifest.Stacks, func(prepared PreparedStack) bool { return prepared.Name == to.Stack })
		if index < 0 {
			continue
		}
		found, err := d.Stacks().Describe(ctx, manifest.Stacks[index].Region, to.Stack)
		if err != nil {
			return nil, err
		}
		if found.Outputs[to.Name] != manifest.Stacks[index].Outputs[to.Name] {
			changed = append(changed, to.Stack+"."+to.Name)
		}
	}
	return changed, nil
}
