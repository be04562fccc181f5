package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/plan"
)

// pause is how often a step looks whether what it asked for has come about.
const pause = 5 * time.Second

// The ways in which a step ends an execution.
var (
	ErrTimeout = errors.New("took longer than the plan allows")
	ErrLoss    = errors.New("a failover now loses more than the objective allows")
)

// Approver decides a manual approval.
type Approver func(ctx context.Context, step plan.Step) error

// Execution acts one plan's steps as Region switch would, with calls to the
// activated region alone.
type Execution struct {
	Blueprint blueprint.Blueprint
	Plan      plan.Plan
	Mode      plan.Mode
	Target    string // the region that is activated
	Cloud     *cloud.Cloud
	Clock     clock.Clock
	Journal   *Journal
	Approve   Approver
	// RPO is the lag up to which a failover needs nobody's consent.
	RPO        time.Duration
	AcceptLoss bool
	// Before is called when a step begins; nil for nobody.
	Before func(path string)
	// Say takes a line for the operator; nil for nobody.
	Say func(format string, arguments ...any)

	mu sync.Mutex // guards the journal while steps run side by side
}

// Run starts the plan or goes on with it. It returns nil when the plan is
// completed; otherwise the journal's state says where the system stands.
func (e *Execution) Run(ctx context.Context) error {
	steps, ok := e.Plan.Activates(e.Target)
	if !ok {
		return fmt.Errorf("plan %s has no workflow that activates %s", e.Plan.Name, e.Target)
	}
	resumes, err := e.Journal.Begin(e.Plan.Name, e.Target, e.Cloud.Endpoint, e.Mode)
	if err != nil {
		return err
	}
	why := "started"
	if resumes {
		why = "goes on after: " + e.Journal.Why
	}
	if err := e.Journal.Enter(e.Clock.Now(), Running, why); err != nil {
		return err
	}
	failed := e.sequence(ctx, steps, "")
	state, reason := outcome(failed)
	// The state is written even when the operator has stopped everything else.
	if err := e.Journal.Enter(e.Clock.Now(), state, reason); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

func outcome(failed error) (State, string) {
	switch {
	case failed == nil:
		return Completed, "every step is done"
	case errors.Is(failed, ErrLoss):
		return Loss, failed.Error()
	case errors.Is(failed, context.Canceled):
		return Aborted, "the operator aborted"
	}
	return Paused, failed.Error()
}

func (e *Execution) say(format string, arguments ...any) {
	if e.Say != nil {
		e.Say(format, arguments...)
	}
}

func (e *Execution) sequence(ctx context.Context, steps []plan.Step, within string) error {
	for _, step := range steps {
		if err := e.step(ctx, step, within); err != nil {
			return err
		}
	}
	return nil
}

// step runs one step, unless an earlier run has, and keeps its record.
func (e *Execution) step(ctx context.Context, step plan.Step, within string) error {
	path := strings.TrimPrefix(within+"/"+step.Name, "/")
	if e.done(path) {
		e.say("%s: done in an earlier run", path)
		return nil
	}
	record := Record{
		Path: path, Attempt: e.attempts(path) + 1, Block: step.ExecutionBlockType, Status: StepRunning,
		Started: e.Clock.Now(), Budget: e.budget(step),
	}
	if err := e.put(record); err != nil {
		return err
	}
	if e.Before != nil {
		e.Before(path)
	}
	failed := ctx.Err()
	if failed == nil {
		record.Status, record.Note, failed = e.act(ctx, step, path)
	}
	record.Ended = e.Clock.Now()
	if failed != nil {
		record.Status, record.Note = StepFailed, failed.Error()
		if !strings.HasPrefix(failed.Error(), "step "+path+"/") { // a step within says where
			failed = fmt.Errorf("step %s: %w", path, failed)
		}
	}
	e.say("%s: %s (%s)", path, record.Status, record.Note)
	return errors.Join(failed, e.put(record))
}

func (e *Execution) done(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Journal.Done(path)
}

func (e *Execution) attempts(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Journal.Attempts(path)
}

func (e *Execution) put(record Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Journal.Put(record)
}

// budget is the step's time-out; a child plan's is the sum of its steps'.
func (e *Execution) budget(step plan.Step) time.Duration {
	if step.ExecutionBlockType != plan.Child {
		return step.Timeout()
	}
	child, ok := e.Blueprint.Child(step.ExecutionBlockConfiguration.RegionSwitchPlanConfig.Arn)
	if !ok {
		return 0
	}
	budget, err := plan.BudgetOf(child, e.Target, e.Mode, e.Blueprint.Child)
	if err != nil {
		return 0 // act fails with the same error
	}
	return budget.Total()
}

// act does what the block does, and returns how it ended and what it saw.
func (e *Execution) act(ctx context.Context, step plan.Step, path string) (Status, string, error) {
	config := step.ExecutionBlockConfiguration
	if step.Skips(e.Mode) {
		return StepSkipped, "its ungraceful behaviour is to be skipped", nil
	}
	done := func(note string, err error) (Status, string, error) { return StepCompleted, note, err }
	switch step.ExecutionBlockType {
	case plan.Approval:
		return done("approved", e.Approve(ctx, step))
	case plan.Aurora:
		return done(e.promote(ctx, step))
	case plan.ECS:
		return done(e.scale(ctx, step))
	case plan.HealthCheck:
		return done(e.moveName(ctx, step))
	case plan.Parallel:
		return done("side by side", e.sideBySide(ctx, config.ParallelConfig.Steps, path))
	case plan.Child:
		child, ok := e.Blueprint.Child(config.RegionSwitchPlanConfig.Arn)
		if !ok {
			return StepFailed, "", fmt.Errorf("no template makes plan %s", config.RegionSwitchPlanConfig.Arn)
		}
		steps, ok := child.Activates(e.Target)
		if !ok {
			return StepFailed, "", fmt.Errorf("plan %s has no workflow that activates %s", child.Name, e.Target)
		}
		return done("plan "+child.Name, e.sequence(ctx, steps, path))
	case plan.Lambda, plan.Mappings:
		return StepNotExercised, "the drill does not run functions", nil
	}
	return StepFailed, "", fmt.Errorf("the drill does not know block %q", step.ExecutionBlockType)
}

// sideBySide runs all steps to their end, also when one of them fails, as Region
// switch does.
func (e *Execution) sideBySide(ctx context.Context, steps []plan.Step, path string) error {
	failures := make([]error, len(steps))
	var run []func()
	for i, step := range steps {
		run = append(run, func() { failures[i] = e.step(ctx, step, path) })
	}
	e.Clock.Together(run...)
	return errors.Join(failures...)
}

// until asks until the answer is yes, the step's time is up, or the operator
// stops it.
func (e *Execution) until(ctx context.Context, limit time.Duration, arrived func() (bool, string, error)) (string, error) {
	deadline := e.Clock.Now().Add(limit)
	for {
		yes, seen, err := arrived()
		if err != nil || yes {
			return seen, err
		}
		if !e.Clock.Now().Before(deadline) {
			return seen, fmt.Errorf("%w (%s); last seen: %s", ErrTimeout, limit, seen)
		}
		if err := e.Clock.Sleep(ctx, pause); err != nil {
			return seen, err
		}
	}
}
