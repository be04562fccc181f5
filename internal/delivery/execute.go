package delivery

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/stacks"
)

// Execute executes the change sets of a manifest, exactly these and in their
// order. A change set stands for what was reviewed only as long as its stack,
// its template and the outputs that it read are what they were; anything else
// is refused with [exit.Stale]. Those that were executed already are passed over,
// so that an interrupted execution goes on.
func (s *Session) Execute(ctx context.Context, path string, options DeployOptions) error {
	manifest, err := readManifest(path)
	if err != nil {
		return err
	}
	if manifest.Environment != s.Env.Name {
		return exit.With(exit.Refused, "%s is of %s, not of %s", path, manifest.Environment, s.Env.Name)
	}
	release, err := s.hold("execute")
	if err != nil {
		return err
	}
	defer release()
	s.Env.Site.ImageTag = manifest.ImageTag
	options.Assembly = filepath.Dir(path)
	ready, err := s.prepareDeployment(ctx, options)
	if err != nil {
		return err
	}
	left, err := s.stillValid(ctx, manifest, ready)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Execute %d change sets %s (commit %s, release %s) in %s?", len(left), manifest.ChangeSet, manifest.Commit, manifest.ImageTag, s.Env.Name)
	if err := s.showConsequences(ready.report); err != nil {
		return err
	}
	if err := s.consent(ctx, question, ready.report, options.Yes); err != nil {
		return err
	}
	return s.executeAll(ctx, manifest, ready, left)
}

// stillValid returns the change sets that are left to execute, and fails with
// all that no longer fits.
func (s *Session) stillValid(ctx context.Context, manifest Manifest, ready readied) ([]PreparedStack, error) {
	var left []PreparedStack
	stale := movedImages(ready.images, manifest.Images, true, "in the review")
	for _, prepared := range manifest.Stacks {
		done, why, err := s.fits(ctx, prepared, ready.Assembly)
		if stack, known := ready.find(prepared.Name); done && known && err == nil {
			why, err = s.otherThanReviewed(ctx, manifest, prepared, stack)
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
		s.Console.List("no longer what was reviewed:", stale)
		return nil, exit.With(exit.Stale, "%d things differ from the review: nothing was executed; prepare and review again", len(stale))
	}
	return left, nil
}

// fits compares one stack with its entry; done says that its change set was
// executed, and why is what does not fit.
func (s *Session) fits(ctx context.Context, prepared PreparedStack, synthesis Assembly) (done bool, why string, err error) {
	stack, known := synthesis.find(prepared.Name)
	if !known || hash(stack.Raw) != prepared.TemplateSHA256 {
		return false, "the template beside the manifest is another one", nil
	}
	if synthesis.seals[prepared.Name] != prepared.Seal {
		return false, "the files beside the manifest are others", nil
	}
	if prepared.ChangeSetARN != "" {
		if done, why, err := s.fitsChangeSet(ctx, prepared); done || why != "" || err != nil {
			return done, why, err
		}
	}
	found, err := s.stacks.Describe(ctx, prepared.Region, prepared.Name)
	if err != nil {
		return false, "", err
	}
	if found.Status != prepared.Status || !found.Updated.Equal(prepared.Updated) {
		return false, fmt.Sprintf("the stack was %s (last changed %s) and is %s (%s)", prepared.Status, prepared.Updated, found.Status, found.Updated.UTC()), nil
	}
	if why, err := s.replacedCode(ctx, prepared); why != "" || err != nil {
		return false, why, err
	}
	if prepared.ChangeSetARN == "" { // CloudFormation would not notice
		why, err = s.otherCode(ctx, stack, prepared.Code)
	}
	return false, why, err
}

// fitsChangeSet compares the change set, as [Session.fits] does the stack.
func (s *Session) fitsChangeSet(ctx context.Context, prepared PreparedStack) (done bool, why string, err error) {
	set, _, err := s.changeSet(ctx, prepared.Region, prepared.Name, prepared.ChangeSetARN)
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
	why, err = s.sameTemplate(ctx, prepared)
	return false, why, err
}

// sameTemplate compares the change set's own template with the reviewed one.
func (s *Session) sameTemplate(ctx context.Context, prepared PreparedStack) (why string, err error) {
	answer, err := s.stacks.Client(prepared.Region).GetTemplate(ctx, &cloudformation.GetTemplateInput{
		StackName: &prepared.Name, ChangeSetName: &prepared.ChangeSetARN, TemplateStage: types.TemplateStageOriginal,
	})
	if err != nil {
		return "", err
	}
	if hash([]byte(aws.ToString(answer.TemplateBody))) != prepared.TemplateSHA256 {
		return "its change set holds another template", nil
	}
	return "", nil
}

// executeAll executes the change sets that are left. References between stacks
// were resolved when a change set was made: where a stack before it changed an
// output since, the rest is stale, and a person reviews it again.
func (s *Session) executeAll(ctx context.Context, manifest Manifest, ready readied, left []PreparedStack) error {
	var done []string
	for i, prepared := range left {
		remaining := stacksOf(ready.Assembly, left[i:])
		changed, err := s.changedOutputs(ctx, manifest, remaining[0])
		if err != nil {
			return s.stopped(ctx, remaining, done, err)
		}
		if len(changed) > 0 {
			s.Console.List("executed:", done)
			return exit.With(exit.Stale, "%s reads outputs that changed since the review (of %q): what is executed stands; prepare and review the rest again", prepared.Name, changed)
		}
		if err := ready.intact(remaining[0]); err != nil {
			return s.halted(remaining, done, err)
		}
		s.Console.Say("[%d/%d] %s: executing %s", i+1, len(left), prepared.Name, manifest.ChangeSet)
		arguments := []string{"deploy", prepared.ID, "--app", ready.Dir, "--exclusively", "--method=execute-change-set",
			"--change-set-name", prepared.ChangeSetARN, "--require-approval", "never", "--progress", "events"}
		if (stacks.Live{Status: prepared.Status}).FirstCreation() {
			arguments = append(arguments, "--no-rollback")
		}
		err = s.runWatched(ctx, remaining[0], arguments)
		if err != nil {
			return s.stopped(ctx, remaining, done, err)
		}
		done = append(done, prepared.Name)
		if err := s.runsReviewed(ctx, manifest, prepared, remaining[0]); err != nil {
			s.Console.List("executed:", done)
			return err
		}
	}
	s.Console.Say("executed: %d change sets", len(left))
	s.printOutputs(ctx, ready.selected)
	return nil
}

// runsReviewed fails where what runs after an execution is not what was reviewed.
func (s *Session) runsReviewed(ctx context.Context, manifest Manifest, prepared PreparedStack, stack cfn.Stack) error {
	var why string
	var err error
	for range looksAfter { // AWS's answers may be some time behind
		why, err = s.otherThanReviewed(ctx, manifest, prepared, stack)
		if err != nil || why == "" {
			break
		}
		if err = poll.Sleep(ctx, pollService); err != nil {
			break
		}
	}
	switch {
	case err != nil:
		return exit.With(exit.Failed, "%s was executed, and whether it runs what was reviewed could not be seen: %s", stack.Name, account.Explain(err))
	case why != "":
		return exit.With(exit.Failed, "%s was executed, and %s: somebody changed it between the review and the execution. Treat it as an attack, and return to the release before (scripts/rollback.sh %s)", stack.Name, why, s.Env.Name)
	}
	return nil
}

// otherThanReviewed says what of a stack runs something that was not reviewed.
func (s *Session) otherThanReviewed(ctx context.Context, manifest Manifest, prepared PreparedStack, stack cfn.Stack) (why string, err error) {
	why, err = s.otherCode(ctx, stack, prepared.Code)
	for _, at := range s.services() {
		if err == nil && why == "" && at.stack == stack.Name {
			why, err = s.otherImage(ctx, at, manifest.Images)
		}
	}
	return why, err
}

// changedOutputs names the outputs that the stack reads and that are not those
// of the manifest.
func (s *Session) changedOutputs(ctx context.Context, manifest Manifest, stack cfn.Stack) ([]string, error) {
	var changed []string
	needed := reads(stack)
	for _, prepared := range manifest.Stacks {
		if len(needed[prepared.Name]) == 0 {
			continue
		}
		found, err := s.stacks.Describe(ctx, prepared.Region, prepared.Name)
		if err != nil {
			return nil, err
		}
		for _, output := range needed[prepared.Name] {
			if found.Outputs[output] != prepared.Outputs[output] {
				changed = append(changed, prepared.Name+"."+output)
			}
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed), nil
}

// stacksOf are the assembly's stacks of some entries, in their order.
func stacksOf(synthesis Assembly, entries []PreparedStack) []cfn.Stack {
	var found []cfn.Stack
	for _, entry := range entries {
		if stack, known := synthesis.find(entry.Name); known {
			found = append(found, stack)
		}
	}
	return found
}
