// Package drift asks CloudFormation what differs between the deployed templates
// and what really stands, and tells the differences that are meant from those that
// somebody made behind the templates' back.
//
// CloudFormation compares the properties that a template sets, of the types that
// support it: no difference means that none was found. Values are left out of the
// report, which goes where many people read it.
package drift

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"wallet-infra/internal/poll"
)

// API is the part of CloudFormation that a detection needs.
type API interface {
	DetectStackDrift(context.Context, *cloudformation.DetectStackDriftInput, ...func(*cloudformation.Options)) (*cloudformation.DetectStackDriftOutput, error)
	DescribeStackDriftDetectionStatus(context.Context, *cloudformation.DescribeStackDriftDetectionStatusInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackDriftDetectionStatusOutput, error)
	DescribeStackResourceDrifts(context.Context, *cloudformation.DescribeStackResourceDriftsInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourceDriftsOutput, error)
}

// Detector looks at stacks of one region.
type Detector struct{ API API }

// Difference is one property, or a whole resource, that is not as its template
// says.
type Difference struct {
	Stack     string `json:"stack"`
	LogicalID string `json:"logicalId"`
	Type      string `json:"type"`
	Property  string `json:"property,omitempty"` // its path, such as "/Actions/0"; empty for a whole resource
	Kind      string `json:"kind"`               // such as "NOT_EQUAL", "DELETED"
	Meant     string `json:"meant,omitempty"`    // why it is expected; empty where it is not
}

// Result is what was found in one stack.
type Result struct {
	Stack       string       `json:"stack"`
	Differences []Difference `json:"differences"`
	// Unseen says what CloudFormation could not look at, in its own words or by the
	// names of the resources; empty when it saw all that it supports.
	Unseen string `json:"unseen,omitempty"`
}

// interval is the time between two looks at a detection, which takes minutes; longest
// is when it is given up.
const (
	interval = 10 * time.Second
	longest  = 20 * time.Minute
)

// ErrNotDeployed is the error of a stack that does not exist.
var ErrNotDeployed = errors.New("the stack is not deployed")

// Look detects the drift of one stack. It fails with [ErrNotDeployed] for a stack
// that is not there, and when CloudFormation does not come to an end.
func (d Detector) Look(ctx context.Context, stack string) (Result, error) {
	begun, err := d.API.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: &stack})
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "ValidationError" && strings.Contains(answer.ErrorMessage(), "does not exist") {
		return Result{}, fmt.Errorf("%s: %w", stack, ErrNotDeployed)
	}
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", stack, err)
	}
	unseen, err := d.wait(ctx, stack, begun.StackDriftDetectionId)
	if err != nil {
		return Result{}, err
	}
	result := Result{Stack: stack, Unseen: unseen}
	if err := d.read(ctx, &result); err != nil {
		return Result{}, err
	}
	return result, nil
}

// wait returns what a detection could not see, when it has ended.
func (d Detector) wait(ctx context.Context, stack string, id *string) (unseen string, err error) {
	err = poll.Until(ctx, interval, longest, func() (bool, error) {
		now, err := d.API.DescribeStackDriftDetectionStatus(ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: id})
		if err != nil {
			return false, err
		}
		if now.DetectionStatus == types.StackDriftDetectionStatusDetectionFailed {
			// It has looked at the other resources all the same.
			unseen = aws.ToString(now.DetectionStatusReason)
		}
		return now.DetectionStatus != types.StackDriftDetectionStatusDetectionInProgress, nil
	})
	if errors.Is(err, poll.ErrTooLong) {
		return "", fmt.Errorf("%s: the detection did not end within %v", stack, longest)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", stack, err)
	}
	return unseen, nil
}

// read adds what was found, and what could not be told.
func (d Detector) read(ctx context.Context, result *Result) error {
	pages := cloudformation.NewDescribeStackResourceDriftsPaginator(d.API, &cloudformation.DescribeStackResourceDriftsInput{
		StackName: &result.Stack,
		StackResourceDriftStatusFilters: []types.StackResourceDriftStatus{
			types.StackResourceDriftStatusModified, types.StackResourceDriftStatusDeleted, types.StackResourceDriftStatusUnknown,
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", result.Stack, err)
		}
		for _, resource := range page.StackResourceDrifts {
			if resource.StackResourceDriftStatus == types.StackResourceDriftStatusUnknown {
				result.Unseen += " " + aws.ToString(resource.LogicalResourceId) + " is unknown;"
				continue
			}
			result.Differences = append(result.Differences, split(result.Stack, resource)...)
		}
	}
	return nil
}

// split makes a difference of each property of a resource.
func split(stack string, resource types.StackResourceDrift) []Difference {
	whole := Difference{
		Stack: stack, LogicalID: aws.ToString(resource.LogicalResourceId), Type: aws.ToString(resource.ResourceType),
		Kind: string(resource.StackResourceDriftStatus),
	}
	if len(resource.PropertyDifferences) == 0 {
		return []Difference{whole}
	}
	var found []Difference
	for _, property := range resource.PropertyDifferences {
		one := whole
		one.Property, one.Kind = aws.ToString(property.PropertyPath), string(property.DifferenceType)
		one.Meant = meant(one.Type, property)
		found = append(found, one)
	}
	return found
}
