package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"

	"wallet-infra/internal/poll"
)

// Following is the execution of a real plan in an account: started, watched, and
// approved only where the person says so. Region switch acts the steps.
type Following struct {
	// Client speaks to the region that is being activated, where Region switch's
	// data plane executes the plan.
	// https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch.html
	Client  *arcregionswitch.Client
	PlanARN string
	Region  string // to activate
	Mode    types.ExecutionMode
	Comment string
	// AcceptEvaluation starts the plan although Region switch itself does not vouch for
	// it, or cannot be asked.
	AcceptEvaluation bool
	// Execution follows one that was started already; empty starts one.
	Execution string
	// Approve is asked for each step that waits; nil leaves approvals to the
	// console.
	Approve func(step string) (bool, error)
	Say     func(format string, arguments ...any)
	// Every is between two looks, and Limit ends the watch, not the execution.
	Every, Limit time.Duration
}

// The ways in which a followed execution does not complete.
var (
	ErrUnfinished = errors.New("the execution is not finished")
	ErrNotDone    = errors.New("the execution did not complete")
)

// Run starts the execution, unless the plan's evaluation speaks against it, and
// follows it to its end. What the end was is in the report's state; anything but
// completion is an error.
func (f *Following) Run(ctx context.Context) (Followed, error) {
	if f.Execution == "" {
		if err := f.start(ctx); err != nil {
			return Followed{}, err
		}
	}
	var followed Followed
	seen := map[string]types.StepStatus{}
	err := poll.Until(ctx, f.Every, f.Limit, func() (over bool, err error) {
		if followed, err = f.look(ctx, seen); err != nil {
			return false, err
		}
		return ended(followed.State)
	})
	if errors.Is(err, poll.ErrTooLong) {
		err = fmt.Errorf("%w after %s: %s", ErrUnfinished, f.Limit, followed.State)
	}
	return followed, err
}

// start asks Region switch whether the plan would go through, and starts it.
func (f *Following) start(ctx context.Context) error {
	evaluation, err := Evaluate(ctx, f.Client, f.PlanARN)
	if err == nil {
		err = evaluation.Judge(time.Now())
	}
	switch {
	case err == nil:
		f.Say("Region switch evaluated the plan at %s: %s", evaluation.At.UTC().Format(time.TimeOnly), evaluation.State)
	case f.AcceptEvaluation:
		f.Say("accepted: %v", err)
	default:
		return fmt.Errorf("nothing was started: %w", err)
	}
	started, err := f.Client.StartPlanExecution(ctx, &arcregionswitch.StartPlanExecutionInput{
		PlanArn: &f.PlanARN, TargetRegion: &f.Region, Action: types.ExecutionActionActivate,
		Mode: f.Mode, Comment: &f.Comment, LatestVersion: aws.String("true"),
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w", f.PlanARN, err)
	}
	f.Execution = aws.ToString(started.ExecutionId)
	f.Say("execution %s started: `drill follow --execution %s` goes on watching it", f.Execution, f.Execution)
	return nil
}

// Followed is what was seen of an execution.
type Followed struct {
	Execution, Plan, Region string
	Mode                    string
	State                   types.ExecutionState
	Started, Ended          time.Time
	ActualRecoveryTime      string // as Region switch measures it
	Steps                   []FollowedStep
}

// FollowedStep is one step of it.
type FollowedStep struct {
	Name, Status, Mode string
	Started, Ended     time.Time
}

// ended says whether an execution goes no further by itself.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_GetPlanExecution.html
func ended(state types.ExecutionState) (bool, error) {
	switch state {
	case types.ExecutionStateCompleted, types.ExecutionStateCompletedMonitoringApplicationHealth:
		return true, nil
	case types.ExecutionStateCompletedWithExceptions, types.ExecutionStateCancelled,
		types.ExecutionStatePlanExecutionTimedOut, types.ExecutionStateFailed:
		return true, fmt.Errorf("%w: %s", ErrNotDone, state)
	case types.ExecutionStatePausedByFailedStep, types.ExecutionStatePausedByOperator:
		return true, fmt.Errorf("%w: %s: retry, skip or cancel in the console, then follow again", ErrUnfinished, state)
	default:
		return false, nil
	}
}

// look reads the execution, tells what changed, and offers approvals.
func (f *Following) look(ctx context.Context, seen map[string]types.StepStatus) (Followed, error) {
	input := &arcregionswitch.GetPlanExecutionInput{PlanArn: &f.PlanARN, ExecutionId: &f.Execution}
	followed := Followed{Execution: f.Execution, Plan: f.PlanARN, Region: f.Region}
	for {
		out, err := f.Client.GetPlanExecution(ctx, input)
		if err != nil {
			return followed, err
		}
		followed.State, followed.Mode = out.ExecutionState, string(out.Mode)
		followed.Started, followed.Ended = aws.ToTime(out.StartTime), aws.ToTime(out.EndTime)
		followed.ActualRecoveryTime = aws.ToString(out.ActualRecoveryTime)
		for _, step := range out.StepStates {
			followed.Steps = append(followed.Steps, FollowedStep{
				Name: aws.ToString(step.Name), Status: string(step.Status), Mode: string(step.StepMode),
				Started: aws.ToTime(step.StartTime), Ended: aws.ToTime(step.EndTime),
			})
			if err := f.changed(ctx, step, seen); err != nil {
				return followed, err
			}
		}
		if out.NextToken == nil {
			return followed, nil
		}
		input.NextToken = out.NextToken
	}
}

func (f *Following) changed(ctx context.Context, step types.StepState, seen map[string]types.StepStatus) error {
	name := aws.ToString(step.Name)
	if seen[name] == step.Status {
		return nil
	}
	seen[name] = step.Status
	f.Say("%s: %s", name, step.Status)
	if step.Status != types.StepStatusPendingApproval {
		return nil
	}
	if f.Approve == nil {
		f.Say("%s waits for a person: approve or decline it in the Region switch console", name)
		return nil
	}
	yes, err := f.Approve(name)
	if err != nil {
		return err
	}
	decision := types.ApprovalDecline
	if yes {
		decision = types.ApprovalApprove
	}
	_, err = f.Client.ApprovePlanExecutionStep(ctx, &arcregionswitch.ApprovePlanExecutionStepInput{
		PlanArn: &f.PlanARN, ExecutionId: &f.Execution, StepName: &name, Approval: decision, Comment: aws.String("by the drill command"),
	})
	return err
}
