package emulator

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// state is a stack as CloudFormation has it.
type state struct {
	status  string
	updated time.Time
	outputs map[string]string
}

// standing are the environment's stacks that exist, by name.
func (l *life) standing(t *testing.T) map[string]state {
	t.Helper()
	all := map[string]state{}
	for _, region := range []string{l.env.Primary.Name, l.env.Secondary.Name} {
		answer, err := cloudformation.NewFromConfig(l.server.Config(l.env.Site.Account, region)).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
		require.NoError(t, err)
		for _, stack := range answer.Stacks {
			name := aws.ToString(stack.StackName)
			if _, ours := l.gateway.stacks[name]; !ours || stack.StackStatus == types.StackStatusDeleteComplete || stack.StackStatus == types.StackStatusReviewInProgress {
				continue
			}
			one := state{status: string(stack.StackStatus), updated: aws.ToTime(stack.LastUpdatedTime), outputs: map[string]string{}}
			for _, output := range stack.Outputs {
				one.outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
			}
			all[name] = one
		}
	}
	return all
}

// inspect asks whether everything is there, and of the sizes of config.
func (l *life) inspect(t *testing.T, env config.Environment) {
	t.Helper()
	standing := l.standing(t)
	l.live = nil
	for _, stack := range l.stacks {
		assert.Contains(t, []string{"CREATE_COMPLETE", "UPDATE_COMPLETE"}, standing[stack.Name].status, stack.ID)
		settings := l.server.Config(l.env.Site.Account, stack.Region)
		left := map[string]bool{}
		for _, one := range gapsOf(stack, l.lacking) {
			left[one.id] = true
		}
		ids := map[string]string{}
		pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(settings), &cloudformation.ListStackResourcesInput{StackName: &stack.Name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, resource := range page.StackResourceSummaries {
				ids[aws.ToString(resource.LogicalResourceId)] = aws.ToString(resource.PhysicalResourceId)
			}
		}
		for _, id := range stack.Template.IDs() {
			resource := stack.Template.Resources[id]
			if left[id] || !assert.NotEmpty(t, ids[id], "%s of %s", id, stack.ID) || readers[resource.Type] == nil {
				continue
			}
			said, err := ask(t.Context(), settings, resource.Type, ids[id])
			require.NoError(t, err)
			assert.NotNil(t, said, "%s %s of %s is not there", resource.Type, id, stack.ID)
			l.live = append(l.live, found{stack: stack.ID, region: stack.Region, logicalID: id, resourceType: resource.Type, id: ids[id],
				facts: said, retained: strings.HasPrefix(resource.DeletionPolicy, "Retain")})
		}
	}
	for _, size := range sizes(env) {
		size.check(t, l.live, l.lacking)
	}
}

// left compares what is there after the removal with what the templates retain. The
// brokers' security groups are retained and keep the networks from going.
func (l *life) left(t *testing.T, said string) {
	t.Helper()
	standing := map[string]bool{}
	for name := range l.standing(t) {
		assert.NotEmpty(t, l.gateway.stacks[name].Template.OfType("AWS::EC2::VPC"), "%s stands", name)
		assert.Regexp(t, name+": .* stays and stands in its subnets", said)
		standing[l.gateway.stacks[name].ID] = true
	}
	for _, resource := range l.live {
		found, err := ask(t.Context(), l.server.Config(l.env.Site.Account, resource.region), resource.resourceType, resource.id)
		require.NoError(t, err)
		assert.Equal(t, resource.retained || standing[resource.stack], found != nil, "%s %s of %s is there", resource.resourceType, resource.logicalID, resource.stack)
	}
}
