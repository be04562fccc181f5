package fakeaws

import (
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// switchState is the executions of Region switch plans. The fake acts no step:
// it goes through their states, which is all that a follower sees.
type switchState struct {
	// Steps are what every plan consists of.
	steps      []SwitchStep
	executions map[string]*execution
}

// SwitchStep is a step of the plan that the fake executes.
type SwitchStep struct {
	Name     string
	Approval bool // waits for a person
	Fails    bool // and pauses the execution
}

type execution struct {
	ID, Plan, Mode, Region, State string
	Started, StepSince            time.Time
	Step                          int
	Approved                      bool
	Statuses                      []string
}

// SetPlan says what the executed plan consists of.
func (s *Server) SetPlan(steps ...SwitchStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switcher.steps = steps
}

func (s *Server) serveSwitch(w http.ResponseWriter, r request) {
	operation, in, err := readCBOR(r)
	if err != nil {
		writeCBOR(w, nil, err)
		return
	}
	actions := map[string]func(request, cbor.Map) (cbor.Map, *fault){
		"StartPlanExecution":       s.startExecution,
		"GetPlanExecution":         s.getExecution,
		"ApprovePlanExecutionStep": s.approveStep,
	}
	act, ok := actions[operation]
	if !ok {
		writeCBOR(w, nil, refuse("UnknownOperationException", "the fake does not know "+operation))
		return
	}
	result, err := act(r, in)
	writeCBOR(w, result, err)
}

// finished are the states from which an execution does not go on.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_GetPlanExecution.html
func finished(state string) bool {
	switch state {
	case "completed", "completedWithExceptions", "canceled", "planExecutionTimedOut", "failed":
		return true
	}
	return false
}

// startExecution refuses a second execution of a plan while one is under way.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_StartPlanExecution.html
func (s *Server) startExecution(r request, in cbor.Map) (cbor.Map, *fault) {
	if s.switcher.steps == nil {
		return nil, missing("ResourceNotFoundException", textOf(in, "planArn"))
	}
	for _, e := range s.switcher.executions {
		s.advance(e)
		if e.Plan == textOf(in, "planArn") && !finished(e.State) {
			return nil, refuse("IllegalStateException", "execution "+e.ID+" of this plan is under way")
		}
	}
	e := &execution{
		ID: s.next("execution-"), Plan: textOf(in, "planArn"), Mode: textOf(in, "mode"), Region: textOf(in, "targetRegion"),
		State: "inProgress", Started: s.clock.Now(), StepSince: s.clock.Now(),
	}
	for range s.switcher.steps {
		e.Statuses = append(e.Statuses, "notStarted")
	}
	s.switcher.executions[e.ID] = e
	return cbor.Map{
		"executionId": cbor.String(e.ID), "plan": cbor.String(e.Plan), "planVersion": cbor.String("1"),
		"activateRegion": cbor.String(r.region),
	}, nil
}

// advance goes through the steps as far as the clock allows. A step that fails
// pauses the execution, one that asks for approval waits.
func (s *Server) advance(e *execution) {
	for e.Step < len(s.switcher.steps) {
		step := s.switcher.steps[e.Step]
		if step.Approval && !e.Approved {
			e.Statuses[e.Step], e.State, e.StepSince = "pendingApproval", "pendingManualApproval", s.clock.Now()
			return
		}
		e.Statuses[e.Step], e.State = "running", "inProgress"
		if s.clock.Now().Before(e.StepSince.Add(s.Timing.Step)) {
			return
		}
		if step.Fails {
			e.Statuses[e.Step], e.State = "failed", "pausedByFailedStep"
			return
		}
		e.Statuses[e.Step] = "completed"
		e.Step, e.Approved, e.StepSince = e.Step+1, false, e.StepSince.Add(s.Timing.Step)
	}
	e.State = "completed"
}

func (s *Server) findExecution(in cbor.Map) (*execution, *fault) {
	e := s.switcher.executions[textOf(in, "executionId")]
	if e == nil || e.Plan != textOf(in, "planArn") {
		return nil, missing("ResourceNotFoundException", textOf(in, "executionId"))
	}
	if !finished(e.State) && e.State != "pausedByFailedStep" {
		s.advance(e)
	}
	return e, nil
}

func (s *Server) getExecution(_ request, in cbor.Map) (cbor.Map, *fault) {
	e, err := s.findExecution(in)
	if err != nil {
		return nil, err
	}
	states := cbor.List{}
	for i, step := range s.switcher.steps {
		states = append(states, cbor.Map{
			"name": cbor.String(step.Name), "status": cbor.String(e.Statuses[i]), "stepMode": cbor.String(e.Mode),
		})
	}
	return cbor.Map{
		"planArn": cbor.String(e.Plan), "executionId": cbor.String(e.ID), "executionState": cbor.String(e.State),
		"executionAction": cbor.String("activate"), "executionRegion": cbor.String(e.Region), "mode": cbor.String(e.Mode),
		"startTime": instant(e.Started), "stepStates": states,
	}, nil
}

// approveStep takes a person's decision on the step that waits for one.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_ApprovePlanExecutionStep.html
func (s *Server) approveStep(_ request, in cbor.Map) (cbor.Map, *fault) {
	e, err := s.findExecution(in)
	if err != nil {
		return nil, err
	}
	waiting := e.Step < len(s.switcher.steps) && e.State == "pendingManualApproval" &&
		strings.EqualFold(s.switcher.steps[e.Step].Name, textOf(in, "stepName"))
	if !waiting {
		return nil, missing("ResourceNotFoundException", "no step "+textOf(in, "stepName")+" waits for approval")
	}
	if textOf(in, "approval") == "decline" {
		e.Statuses[e.Step], e.State = "canceled", "canceled"
		return cbor.Map{}, nil
	}
	e.Approved, e.StepSince = true, s.clock.Now()
	return cbor.Map{}, nil
}
