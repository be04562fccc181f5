package stacks

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/cfn"
)

// Verdict is what a stack's state means for a deployment.
type Verdict int

// The verdicts.
const (
	Update Verdict = iota // an ordinary deployment
	Create                // no rollback: the stack never stood whole
	Wait                  // CloudFormation is at work
	Refuse                // a person must act first
)

// AtWork says that CloudFormation does something with the stack.
func (l Live) AtWork() bool { return states[l.Status].verdict == Wait }

// Paused says that the stack waits after a failure without rollback.
func (l Live) Paused() bool {
	return l.Status == types.StackStatusCreateFailed || l.Status == types.StackStatusUpdateFailed
}

// FirstCreation says that a stack in this state never stood whole.
func (l Live) FirstCreation() bool { return l.Status == "" || states[l.Status].verdict == Create }

// states is every state that a stack can be in. advice is what a person must do
// where the deployment can't go on, with the stack's name in place of STACK, its
// region in place of REGION and its ID for the CDK CLI in place of ID.
var states = map[types.StackStatus]struct {
	verdict Verdict
	advice  string
}{
	types.StackStatusCreateComplete:         {verdict: Update},
	types.StackStatusUpdateComplete:         {verdict: Update},
	types.StackStatusUpdateRollbackComplete: {verdict: Update},
	types.StackStatusImportComplete:         {verdict: Update},
	types.StackStatusImportRollbackComplete: {verdict: Update},
	// Only a change set was made: for CloudFormation and the CLI a first creation.
	types.StackStatusReviewInProgress: {verdict: Create},
	types.StackStatusDeleteComplete:   {verdict: Create},
	// What a first deployment leaves with --no-rollback: it goes on from there, unless
	// something must be replaced; see deploy.
	types.StackStatusCreateFailed: {verdict: Create},
	types.StackStatusUpdateFailed: {verdict: Create},

	types.StackStatusCreateInProgress:                        {verdict: Wait},
	types.StackStatusUpdateInProgress:                        {verdict: Wait},
	types.StackStatusUpdateCompleteCleanupInProgress:         {verdict: Wait},
	types.StackStatusRollbackInProgress:                      {verdict: Wait},
	types.StackStatusUpdateRollbackInProgress:                {verdict: Wait},
	types.StackStatusUpdateRollbackCompleteCleanupInProgress: {verdict: Wait},
	types.StackStatusDeleteInProgress:                        {verdict: Wait},
	types.StackStatusImportInProgress:                        {verdict: Wait},
	types.StackStatusImportRollbackInProgress:                {verdict: Wait},

	// CDK would delete it and create it anew; see judgeRolledBack.
	types.StackStatusRollbackComplete: {verdict: Create},
	types.StackStatusRollbackFailed: {Refuse,
		"its creation failed and could not be taken back, and the CDK CLI would delete it without a question. Remove what blocks, then: aws cloudformation delete-stack --region REGION --stack-name STACK"},
	types.StackStatusUpdateRollbackFailed: {Refuse,
		"an update failed and could not be taken back. Correct what the resources named here need, then: npx cdk rollback ID -c env=ENV (with --orphan LOGICAL-ID for a resource that can't be brought back)"},
	types.StackStatusDeleteFailed: {Refuse,
		"its removal did not end. Remove what blocks it and finish: aws cloudformation delete-stack --region REGION --stack-name STACK (with --retain-resources LOGICAL-ID for each that is to stay)"},
	types.StackStatusImportRollbackFailed: {Refuse,
		"an import failed and could not be taken back. AWS documents no command that ends this state: correct what the resources named here need, and ask AWS Support"},
}

// Judge says what may be done with a stack, and the advice where nothing may.
func (r Reader) Judge(ctx context.Context, stack cfn.Stack, found Live) (Verdict, string, error) {
	if found.Status == "" {
		return Create, "", nil
	}
	state, known := states[found.Status]
	switch {
	case !known:
		return Refuse, "a state that this program does not know", nil
	case found.Status == types.StackStatusRollbackComplete:
		return r.judgeRolledBack(ctx, stack, found.Protected)
	case state.verdict == Wait:
		return Wait, "CloudFormation is at work: another deployment, or one that was interrupted and ends by itself. Run this again when it has ended, or add --wait 1h", nil
	case state.verdict == Refuse:
		failed, err := r.resourcesWhere(ctx, stack, func(r types.StackResourceSummary) bool {
			return strings.HasSuffix(string(r.ResourceStatus), "FAILED")
		})
		return Refuse, strings.Join(append([]string{Fill(state.advice, stack)}, failed...), "\n"), err
	}
	return state.verdict, "", nil
}

// judgeRolledBack lets CDK delete and re-create a stack whose creation was rolled
// back, unless something of it stayed behind: with its fixed name it would stop
// the second creation.
func (r Reader) judgeRolledBack(ctx context.Context, stack cfn.Stack, protected bool) (Verdict, string, error) {
	kept, err := r.resourcesWhere(ctx, stack, func(r types.StackResourceSummary) bool {
		return aws.ToString(r.PhysicalResourceId) != "" && r.ResourceStatus != types.ResourceStatusDeleteComplete
	})
	if err != nil {
		return Refuse, "", err
	}
	if len(kept) == 0 && !protected {
		return Create, "", nil
	}
	advice := []string{"its creation was rolled back, and must be removed before it can be created again: " +
		Fill("aws cloudformation delete-stack --region REGION --stack-name STACK", stack)}
	if protected {
		advice = append(advice, Fill("first: aws cloudformation update-termination-protection --no-enable-termination-protection --region REGION --stack-name STACK", stack))
	}
	if len(kept) > 0 {
		advice = append(advice, "these stayed and would stop the next creation, because their names are fixed; remove or import them:")
	}
	return Refuse, strings.Join(append(advice, kept...), "\n"), nil
}

// resourcesWhere names the resources of a stack of which something holds.
func (r Reader) resourcesWhere(ctx context.Context, stack cfn.Stack, holds func(types.StackResourceSummary) bool) ([]string, error) {
	all, err := r.Resources(ctx, stack.Region, stack.Name)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, resource := range all {
		if holds(resource) {
			found = append(found, fmt.Sprintf("%s %s (%s) %s %s", aws.ToString(resource.ResourceType), aws.ToString(resource.LogicalResourceId),
				aws.ToString(resource.PhysicalResourceId), resource.ResourceStatus, aws.ToString(resource.ResourceStatusReason)))
		}
	}
	return found, nil
}

// Fill puts a stack's names into an advice.
func Fill(advice string, stack cfn.Stack) string {
	return strings.NewReplacer("STACK", stack.Name, "REGION", stack.Region, "rollback ID", "rollback "+stack.ID, "ENV", stack.Tags["Environment"]).Replace(advice)
}
