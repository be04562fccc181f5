package delivery

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// deployChangeSet is the change set that the CDK CLI makes when it is told no name; it
// stays when the CLI refuses to execute it.
const deployChangeSet = "cdk-deploy-change-set"

// replacements names what the CLI's own change set would replace in a paused stack.
// CloudFormation replaces nothing there, and the CLI then asks at a terminal whether to
// roll back first; it recognizes a replacement by its policy action, as this does.
func (s *Session) replacements(ctx context.Context, stack cfn.Stack) ([]string, error) {
	pages := cloudformation.NewDescribeChangeSetPaginator(s.stacks.Client(stack.Region), &cloudformation.DescribeChangeSetInput{
		StackName: &stack.Name, ChangeSetName: new(deployChangeSet),
	})
	var found []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, change := range page.Changes {
			if r := change.ResourceChange; r != nil && strings.HasPrefix(string(r.PolicyAction), "ReplaceAnd") {
				found = append(found, fmt.Sprintf("%s %s", aws.ToString(r.ResourceType), aws.ToString(r.LogicalResourceId)))
			}
		}
	}
	return found, nil
}

// outOfPause explains a deployment that could not go on in a paused stack because it
// replaces something, or returns nil where that is not the reason. What rollback-stack
// does, and that it takes a stack away that never stood whole:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
func (s *Session) outOfPause(ctx context.Context, stack cfn.Stack, found stacks.Live) error {
	if !found.Paused() {
		return nil
	}
	replaced, err := s.replacements(ctx, stack)
	if err != nil || len(replaced) == 0 {
		return nil //nolint:nilerr // what cannot be looked up explains nothing, and the failure itself is told
	}
	s.Console.List("would be replaced:", replaced)
	return exit.With(exit.Failed, "%s", stacks.Fill("STACK is "+string(found.Status)+", and CloudFormation replaces nothing there: the same command would stop again. "+
		"Take back what failed: aws cloudformation rollback-stack --retain-except-on-create --region REGION --stack-name STACK "+
		"(a stack that never stood whole goes with all that it made, except what is protected against deletion), wait for its end, and run the same command", stack))
}
