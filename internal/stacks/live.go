// Package stacks looks at CloudFormation's stacks as an account has them: their
// states and what may be done in each, their templates, resources and events.
package stacks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/progress"
)

// Live is a stack as the account has it.
type Live struct {
	Status  types.StackStatus // empty where there is no such stack
	Reason  string
	Updated time.Time // of the last operation on it
	Outputs map[string]string
	// Protected says that termination protection is on.
	Protected bool
}

// Exists says that the stack holds, or held, resources.
func (l Live) Exists() bool {
	return l.Status != "" && l.Status != types.StackStatusReviewInProgress && l.Status != types.StackStatusDeleteComplete
}

// Reader reads the stacks of an account.
type Reader struct {
	configuration func(region string) aws.Config
}

// NewReader reads with the account's lookup role.
func NewReader(a *account.Account) Reader { return Reader{a.Reading} }

// Client is CloudFormation's in a region.
func (r Reader) Client(region string) *cloudformation.Client {
	return cloudformation.NewFromConfig(r.configuration(region))
}

// Describe asks for one stack.
func (r Reader) Describe(ctx context.Context, region, name string) (Live, error) {
	answer, err := r.Client(region).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if account.Code(err) == "ValidationError" && strings.Contains(err.Error(), "does not exist") {
		return Live{}, nil
	}
	if err != nil {
		return Live{}, err
	}
	found := answer.Stacks[0]
	stack := Live{
		Status:    found.StackStatus,
		Reason:    aws.ToString(found.StackStatusReason),
		Updated:   aws.ToTime(found.CreationTime).UTC(),
		Outputs:   map[string]string{},
		Protected: aws.ToBool(found.EnableTerminationProtection),
	}
	if found.LastUpdatedTime != nil {
		stack.Updated = found.LastUpdatedTime.UTC()
	}
	for _, output := range found.Outputs {
		stack.Outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	return stack, nil
}

// Template is the text of the template that was last deployed or, where a change set
// is named, of the one that it holds.
func (r Reader) Template(ctx context.Context, region, name, changeSet string) ([]byte, error) {
	input := &cloudformation.GetTemplateInput{StackName: &name, TemplateStage: types.TemplateStageOriginal}
	if changeSet != "" {
		input.ChangeSetName = &changeSet
	}
	answer, err := r.Client(region).GetTemplate(ctx, input)
	if err != nil {
		return nil, err
	}
	return []byte(aws.ToString(answer.TemplateBody)), nil
}

// Resources lists a stack's resources.
func (r Reader) Resources(ctx context.Context, region, name string) ([]types.StackResourceSummary, error) {
	pages := cloudformation.NewListStackResourcesPaginator(r.Client(region), &cloudformation.ListStackResourcesInput{StackName: &name})
	var all []types.StackResourceSummary
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.StackResourceSummaries...)
	}
	return all, nil
}

// ChangeSet describes a change set, and lists what it changes.
func (r Reader) ChangeSet(ctx context.Context, region, stack, name string) (set cloudformation.DescribeChangeSetOutput, changes []types.ResourceChange, err error) {
	pages := cloudformation.NewDescribeChangeSetPaginator(r.Client(region), &cloudformation.DescribeChangeSetInput{StackName: &stack, ChangeSetName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return set, nil, err
		}
		set = *page
		for _, change := range page.Changes {
			if change.ResourceChange != nil {
				changes = append(changes, *change.ResourceChange)
			}
		}
	}
	return set, changes, nil
}

// Failures are the latest failed events of a stack, oldest first.
func (r Reader) Failures(ctx context.Context, stack cfn.Stack) []string {
	answer, err := r.Client(stack.Region).DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &stack.Name})
	if err != nil {
		return []string{account.Explain(err)}
	}
	const most = 5
	var found []string
	for _, event := range answer.StackEvents {
		if strings.HasSuffix(string(event.ResourceStatus), "_FAILED") && len(found) < most {
			found = append(found, fmt.Sprintf("%s %s: %s", event.ResourceStatus, aws.ToString(event.LogicalResourceId), aws.ToString(event.ResourceStatusReason)))
		}
	}
	slices.Reverse(found)
	return found
}

// pollStacks is how often a stack at work is looked at.
const pollStacks = 15 * time.Second

// Settled describes a stack, after waiting for what CloudFormation does with it, for
// at most longest.
func (r Reader) Settled(ctx context.Context, to console.Console, stack cfn.Stack, longest time.Duration) (found Live, err error) {
	defer progress.Doing(ctx, "waiting for %s", stack.Name)()
	said := false
	err = poll.Until(ctx, pollStacks, longest, func() (bool, error) {
		if found, err = r.Describe(ctx, stack.Region, stack.Name); err != nil || !found.AtWork() {
			return true, err
		}
		if !said && longest > 0 {
			to.Say("waiting for %s, which is %s", stack.Name, found.Status)
			said = true
		}
		return false, nil
	})
	if err == poll.ErrTooLong { //nolint:errorlint // as it was returned
		err = nil
	}
	return found, err
}

// Short is a stack's ID without its environment's.
func Short(stack cfn.Stack) string {
	_, id, found := strings.Cut(stack.ID, "/")
	if !found {
		return stack.ID
	}
	return id
}

// Pick chooses the stacks that were asked for by ID, "Environment/ID" or name, in
// any case of letters, and leaves them in their order; no choice is every stack.
func Pick(stacks []cfn.Stack, choices []string) ([]cfn.Stack, error) {
	if len(choices) == 0 {
		return stacks, nil
	}
	var picked []cfn.Stack
	var known []string
	left := slices.Clone(choices)
	for _, stack := range stacks {
		known = append(known, Short(stack))
		is := func(choice string) bool { return isCalled(choice, Short(stack), stack.ID, stack.Name) }
		if slices.ContainsFunc(choices, is) {
			picked = append(picked, stack)
		}
		left = slices.DeleteFunc(left, is)
	}
	return picked, unknown(left, known)
}

// Check fails for each choice of a stack that the environment does not have, as far as
// its configuration tells.
func Check(env config.Environment, choices []string) error {
	left := slices.DeleteFunc(slices.Clone(choices), func(choice string) bool {
		return slices.ContainsFunc(env.StackIDs(), func(id string) bool {
			return isCalled(choice, id, env.Name+"/"+id, env.Names().StackName(id))
		})
	})
	return unknown(left, env.StackIDs())
}

func isCalled(choice string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, choice) })
}

func unknown(choices, known []string) error {
	var problems []error
	for _, choice := range choices {
		problems = append(problems, exit.With(exit.Refused, "--stack: unknown stack %q: want some of %s%s",
			choice, strings.Join(known, ", "), cli.Suggest(choice, known...)))
	}
	return errors.Join(problems...)
}
