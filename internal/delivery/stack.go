package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
)

// live is a stack as the account has it.
type live struct {
	Status  string // empty where there is no such stack
	Reason  string
	ARN     string
	Updated time.Time // of the last operation on it
	Outputs map[string]string
	// Guarded says that termination protection is on.
	Guarded bool
}

// exists says that the stack holds, or held, resources.
func (l live) exists() bool {
	return l.Status != "" && l.Status != string(types.StackStatusReviewInProgress) && l.Status != string(types.StackStatusDeleteComplete)
}

// cloudFormation reads stacks in a region.
func (s *Session) cloudFormation(region string) *cloudformation.Client {
	return cloudformation.NewFromConfig(s.account.reading(region))
}

// describe asks for one stack.
func (s *Session) describe(ctx context.Context, region, name string) (live, error) {
	answer, err := s.cloudFormation(region).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if absent(err) {
		return live{}, nil
	}
	if err != nil {
		return live{}, err
	}
	found := answer.Stacks[0]
	stack := live{
		Status:  string(found.StackStatus),
		Reason:  aws.ToString(found.StackStatusReason),
		ARN:     aws.ToString(found.StackId),
		Updated: aws.ToTime(found.CreationTime),
		Outputs: map[string]string{},
		Guarded: aws.ToBool(found.EnableTerminationProtection),
	}
	if found.LastUpdatedTime != nil {
		stack.Updated = *found.LastUpdatedTime
	}
	for _, output := range found.Outputs {
		stack.Outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	return stack, nil
}

// absent recognizes CloudFormation's way to say that there is no such stack.
func absent(err error) bool {
	return err != nil && code(err) == "ValidationError" && strings.Contains(err.Error(), "does not exist")
}

// deployedBody is the text of the template that was last deployed.
func (s *Session) deployedBody(ctx context.Context, region, name string) ([]byte, error) {
	answer, err := s.cloudFormation(region).GetTemplate(ctx, &cloudformation.GetTemplateInput{
		StackName: &name, TemplateStage: types.TemplateStageOriginal,
	})
	if err != nil {
		return nil, err
	}
	return []byte(aws.ToString(answer.TemplateBody)), nil
}

// deployedTemplate is the template that was last deployed.
func (s *Session) deployedTemplate(ctx context.Context, region, name string) (cfn.Template, error) {
	body, err := s.deployedBody(ctx, region, name)
	if err != nil {
		return cfn.Template{}, err
	}
	var template cfn.Template
	if err := json.Unmarshal(body, &template); err != nil {
		return cfn.Template{}, fmt.Errorf("the deployed template of %s is not JSON: %w", name, err)
	}
	return template, nil
}

// resources lists a stack's resources.
func (s *Session) resources(ctx context.Context, region, name string) ([]types.StackResourceSummary, error) {
	pages := cloudformation.NewListStackResourcesPaginator(s.cloudFormation(region), &cloudformation.ListStackResourcesInput{StackName: &name})
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

// short is a stack's ID without its environment's.
func short(stack cfn.Stack) string {
	_, id, found := strings.Cut(stack.ID, "/")
	if !found {
		return stack.ID
	}
	return id
}

// pick chooses the stacks that were asked for by ID, "Environment/ID" or name, in
// any case of letters, and leaves them in their order; no choice is every stack.
func pick(stacks []cfn.Stack, choices []string) ([]cfn.Stack, error) {
	if len(choices) == 0 {
		return stacks, nil
	}
	wanted := map[string]bool{}
	for _, choice := range choices {
		wanted[strings.ToLower(choice)] = true
	}
	var picked []cfn.Stack
	var known []string
	for _, stack := range stacks {
		known = append(known, short(stack))
		for _, name := range []string{stack.ID, short(stack), stack.Name} {
			if wanted[strings.ToLower(name)] {
				picked = append(picked, stack)
				delete(wanted, strings.ToLower(name))
			}
		}
	}
	if len(wanted) > 0 {
		return nil, exit.With(exit.Refused, "--stack: unknown stack %q: want some of %q", slices.Sorted(maps.Keys(wanted)), known)
	}
	return picked, nil
}

// status is the stack's state as CloudFormation's own type.
func status(found live) types.StackStatus { return types.StackStatus(found.Status) }
