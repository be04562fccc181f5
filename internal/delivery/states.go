package delivery

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/cfn"
)

// verdict is what a stack's state means for a deployment.
type verdict int

const (
	goOn      verdict = iota // an ordinary deployment
	goOnFirst                // no rollback: the stack never stood whole
	wait                     // CloudFormation is at work
	refuse                   // a person must act first
)

// states is every state that a stack can be in. advice is what a person must do
// where the deployment can't go on, with the stack's name in place of STACK, its
// region in place of REGION and its ID for the CDK CLI in place of ID.
var states = map[types.StackStatus]struct {
	verdict verdict
	advice  string
}{
	types.StackStatusCreateComplete:         {verdict: goOn},
	types.StackStatusUpdateComplete:         {verdict: goOn},
	types.StackStatusUpdateRollbackComplete: {verdict: goOn},
	types.StackStatusImportComplete:         {verdict: goOn},
	types.StackStatusImportRollbackComplete: {verdict: goOn},
	// Only a change set was made: for CloudFormation and the CLI a first creation.
	types.StackStatusReviewInProgress: {verdict: goOnFirst},
	types.StackStatusDeleteComplete:   {verdict: goOnFirst},
	// What a first deployment leaves with --no-rollback: it goes on from there, unless
	// something must be replaced; see outOfPause.
	types.StackStatusCreateFailed: {verdict: goOnFirst},
	types.StackStatusUpdateFailed: {verdict: goOnFirst},

	types.StackStatusCreateInProgress:                        {wait, ""},
	types.StackStatusUpdateInProgress:                        {wait, ""},
	types.StackStatusUpdateCompleteCleanupInProgress:         {wait, ""},
	types.StackStatusRollbackInProgress:                      {wait, ""},
	types.StackStatusUpdateRollbackInProgress:                {wait, ""},
	types.StackStatusUpdateRollbackCompleteCleanupInProgress: {wait, ""},
	types.StackStatusDeleteInProgress:                        {wait, ""},
	types.StackStatusImportInProgress:                        {wait, ""},
	types.StackStatusImportRollbackInProgress:                {wait, ""},

	// CDK would delete it and create it anew; see leftBehind.
	types.StackStatusRollbackComplete: {verdict: goOnFirst},
	types.StackStatusRollbackFailed: {refuse,
		"its creation failed and could not be taken back, and the CDK CLI would delete it without a question. Remove what blocks, then: aws cloudformation delete-stack --region REGION --stack-name STACK"},
	types.StackStatusUpdateRollbackFailed: {refuse,
		"an update failed and could not be taken back. Correct what the resources named here need, then: npx cdk rollback ID -c env=ENV (with --orphan LOGICAL-ID for a resource that can't be brought back)"},
	types.StackStatusDeleteFailed: {refuse,
		"its removal did not end. Remove what blocks it and finish: aws cloudformation delete-stack --region REGION --stack-name STACK (with --retain-resources LOGICAL-ID for each that is to stay)"},
	types.StackStatusImportRollbackFailed: {refuse,
		"an import failed and could not be taken back. AWS documents no command that ends this state: correct what the resources named here need, and ask AWS Support"},
}

// judge says what may be done with a stack, and the advice where nothing may.
func (s *Session) judge(ctx context.Context, stack cfn.Stack, found live) (verdict, string, error) {
	if found.Status == "" {
		return goOnFirst, "", nil
	}
	state, known := states[types.StackStatus(found.Status)]
	switch {
	case !known:
		return refuse, "a state that this program does not know", nil
	case found.Status == string(types.StackStatusRollbackComplete):
		return s.judgeRolledBack(ctx, stack, found.Guarded)
	case state.verdict == wait:
		return wait, "CloudFormation is at work: another deployment, or one that was interrupted and ends by itself. Run this again when it has ended, or add --wait 1h", nil
	case state.verdict == refuse:
		failed, err := s.failedResources(ctx, stack)
		if err != nil {
			return refuse, "", err
		}
		return refuse, strings.Join(append([]string{s.fill(state.advice, stack)}, failed...), "\n"), nil
	}
	return state.verdict, "", nil
}

// judgeRolledBack lets CDK delete and re-create a stack whose creation was rolled
// back, unless something of it stayed behind: with its fixed name it would stop
// the second creation.
func (s *Session) judgeRolledBack(ctx context.Context, stack cfn.Stack, guarded bool) (verdict, string, error) {
	kept, err := s.leftBehind(ctx, stack)
	if err != nil {
		return refuse, "", err
	}
	if len(kept) == 0 && !guarded {
		return goOnFirst, "", nil
	}
	advice := []string{"its creation was rolled back, and must be removed before it can be created again: " +
		s.fill("aws cloudformation delete-stack --region REGION --stack-name STACK", stack)}
	if guarded {
		advice = append(advice, s.fill("first: aws cloudformation update-termination-protection --no-enable-termination-protection --region REGION --stack-name STACK", stack))
	}
	if len(kept) > 0 {
		advice = append(advice, "these stayed and would stop the next creation, because their names are fixed; remove or import them:")
	}
	return refuse, strings.Join(append(advice, kept...), "\n"), nil
}

// leftBehind names the resources that a rolled back creation did not delete.
func (s *Session) leftBehind(ctx context.Context, stack cfn.Stack) ([]string, error) {
	return s.resourcesWhere(ctx, stack, func(r types.StackResourceSummary) bool {
		return r.PhysicalResourceId != nil && *r.PhysicalResourceId != "" && r.ResourceStatus != types.ResourceStatusDeleteComplete
	})
}

// failedResources names the resources that keep a stack in its state.
func (s *Session) failedResources(ctx context.Context, stack cfn.Stack) ([]string, error) {
	return s.resourcesWhere(ctx, stack, func(r types.StackResourceSummary) bool {
		return strings.HasSuffix(string(r.ResourceStatus), "FAILED")
	})
}

func (s *Session) resourcesWhere(ctx context.Context, stack cfn.Stack, holds func(types.StackResourceSummary) bool) ([]string, error) {
	all, err := s.resources(ctx, stack.Region, stack.Name)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range all {
		if holds(r) {
			found = append(found, fmt.Sprintf("%s %s (%s) %s %s", aws.ToString(r.ResourceType), aws.ToString(r.LogicalResourceId),
				aws.ToString(r.PhysicalResourceId), r.ResourceStatus, aws.ToString(r.ResourceStatusReason)))
		}
	}
	return found, nil
}

// fill puts a stack's names into an advice.
func (s *Session) fill(advice string, stack cfn.Stack) string {
	return strings.NewReplacer("STACK", stack.Name, "REGION", stack.Region, "rollback ID", "rollback "+stack.ID, "ENV", s.Env.Name).Replace(advice)
}
