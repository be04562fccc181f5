package drill

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const arn = "arn:aws:arc-region-switch::222222222222:plan/wallet-production-failover:abc123"

// regionSwitch answers as Region switch would of one plan. Its protocol is Smithy's
// RPC in CBOR: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
type regionSwitch struct {
	evaluation cbor.Map
	steps      []string // their names
	fails      string   // the step that fails
	calls      []string

	started, approved, declined bool
}

// evaluated is an evaluation of some minutes ago.
func evaluated(state string, ago time.Duration, warnings ...cbor.Value) cbor.Map {
	return cbor.Map{
		"planArn": cbor.String(arn), "evaluationState": cbor.String(state), "warnings": cbor.List(warnings),
		"lastEvaluationTime": &cbor.Tag{ID: 1, Value: cbor.Float64(time.Now().Add(-ago).Unix())},
	}
}

func warning(text, status string) cbor.Map {
	return cbor.Map{"warningMessage": cbor.String(text), "warningStatus": cbor.String(status), "stepName": cbor.String("promote-database"), "version": cbor.String("1")}
}

func (s *regionSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := path.Base(r.URL.Path)
	s.calls = append(s.calls, operation)
	body, _ := io.ReadAll(r.Body)
	decoded, _ := cbor.Decode(body)
	given, _ := decoded.(cbor.Map)
	answer := cbor.Map{}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	switch {
	case operation == "GetPlanEvaluationStatus" && s.evaluation != nil:
		answer = s.evaluation
	case operation == "StartPlanExecution" && !s.started:
		s.started, answer = true, cbor.Map{"executionId": cbor.String("e1")}
	case operation == "GetPlanExecution":
		answer = s.execution()
	case operation == "ApprovePlanExecutionStep":
		s.approved, s.declined = given["approval"] == cbor.String("approve"), given["approval"] == cbor.String("decline")
	default:
		w.WriteHeader(http.StatusConflict)
		answer = cbor.Map{"__type": cbor.String("IllegalStateException"), "message": cbor.String("not now")}
	}
	_, _ = w.Write(cbor.Encode(answer)) // the client is the test
}

// execution goes as far as approval and the failing step let it.
func (s *regionSwitch) execution() cbor.Map {
	state, steps := "completed", cbor.List{}
	for _, name := range s.steps {
		status := "completed"
		switch {
		case state != "completed":
			status = "notStarted"
		case name == "approve" && s.declined:
			status, state = "canceled", "canceled"
		case name == "approve" && !s.approved:
			status, state = "pendingApproval", "pendingManualApproval"
		case name == s.fails:
			status, state = "failed", "pausedByFailedStep"
		}
		steps = append(steps, cbor.Map{"name": cbor.String(name), "status": cbor.String(status)})
	}
	return cbor.Map{
		"planArn": cbor.String(arn), "executionId": cbor.String("e1"), "executionState": cbor.String(state),
		"mode": cbor.String("ungraceful"), "stepStates": steps,
	}
}

// following follows a plan, and keeps what it says.
func following(t *testing.T, of *regionSwitch) (*Following, *strings.Builder) {
	t.Helper()
	if of.evaluation == nil {
		of.evaluation = evaluated("passed", time.Minute)
	}
	server := httptest.NewServer(of)
	t.Cleanup(server.Close)
	said := &strings.Builder{}
	return &Following{
		Client: arcregionswitch.New(arcregionswitch.Options{
			Region: "us-east-1", BaseEndpoint: &server.URL, Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider("222222222222", "test", ""),
		}),
		PlanARN: arn, Region: "us-east-1", Mode: types.ExecutionModeUngraceful, Every: time.Millisecond, Limit: 20 * time.Millisecond,
		Say: func(format string, arguments ...any) { fmt.Fprintf(said, format+"\n", arguments...) },
	}, said
}

func TestARealPlanIsStartedAndFollowedToItsEnd(t *testing.T) {
	of := &regionSwitch{steps: []string{"approve", "promote-database"}}
	f, said := following(t, of)
	asked := 0
	f.Approve = func(step string) (bool, error) { asked++; return step == "approve", nil }
	followed, err := f.Run(context.Background())
	require.NoError(t, err)
	assert.Equal(t, types.ExecutionStateCompleted, followed.State)
	assert.Equal(t, "ungraceful", followed.Mode)
	assert.Equal(t, 1, asked)
	require.Len(t, followed.Steps, 2)
	assert.Equal(t, "completed", followed.Steps[1].Status)
	assert.Equal(t, []string{"GetPlanEvaluationStatus", "StartPlanExecution"}, of.calls[:2], "Region switch is asked first")
	for _, line := range []string{"evaluated the plan", "approve: pendingApproval", "promote-database: completed"} {
		assert.Contains(t, said.String(), line)
	}
}

func TestADeclinedApprovalEndsTheRealPlan(t *testing.T) {
	f, _ := following(t, &regionSwitch{steps: []string{"approve", "promote-database"}})
	f.Approve = func(string) (bool, error) { return false, nil }
	followed, err := f.Run(context.Background())
	assert.ErrorIs(t, err, ErrNotDone)
	assert.Equal(t, "notStarted", followed.Steps[1].Status)
}

func TestNobodyApprovesARealPlanUnasked(t *testing.T) {
	of := &regionSwitch{steps: []string{"approve"}}
	f, said := following(t, of)
	_, err := f.Run(context.Background())
	assert.ErrorIs(t, err, ErrUnfinished)
	assert.Contains(t, said.String(), "approve waits for a person")
	assert.NotContains(t, of.calls, "ApprovePlanExecutionStep")
}

func TestAFailedStepOfARealPlanIsHandedToAPerson(t *testing.T) {
	f, _ := following(t, &regionSwitch{steps: []string{"promote-database"}, fails: "promote-database"})
	followed, err := f.Run(context.Background())
	assert.ErrorIs(t, err, ErrUnfinished)
	assert.ErrorContains(t, err, "pausedByFailedStep")
	assert.Equal(t, "failed", followed.Steps[0].Status)
}

func TestARealPlanIsNotStartedTwice(t *testing.T) {
	f, _ := following(t, &regionSwitch{steps: []string{"approve"}})
	_, err := f.Run(context.Background())
	require.ErrorIs(t, err, ErrUnfinished)

	second := *f
	second.Execution = ""
	_, err = second.Run(context.Background())
	assert.ErrorContains(t, err, "IllegalStateException")

	// The one that is under way can be followed on.
	f.Approve = func(string) (bool, error) { return true, nil }
	followed, err := f.Run(context.Background())
	require.NoError(t, err)
	assert.Equal(t, types.ExecutionStateCompleted, followed.State)
}

// Whatever is not an evaluation that passed lately, without a warning, is bad.
func TestAPlanForWhichRegionSwitchDoesNotVouchIsNotStarted(t *testing.T) {
	for name, c := range map[string]struct {
		evaluation cbor.Map
		says       string
	}{
		"something is to be done":  {evaluated("actionRequired", time.Minute), `want passed, got "actionRequired"`},
		"it is not made yet":       {evaluated("pendingEvaluation", time.Minute), `want passed, got "pendingEvaluation"`},
		"nobody knows":             {evaluated("unknown", time.Minute), `want passed, got "unknown"`},
		"a state of a later API":   {evaluated("mostlyPassed", time.Minute), `want passed, got "mostlyPassed"`},
		"nothing is said":          {cbor.Map{"planArn": cbor.String(arn)}, "it was never made"},
		"it is from before":        {evaluated("passed", time.Hour), "it is 1h0m0s old"},
		"a permission is missing":  {evaluated("passed", time.Minute, warning("rds:SwitchoverGlobalCluster is denied", "active")), "step promote-database: rds:SwitchoverGlobalCluster is denied"},
		"a warning of a later API": {evaluated("passed", time.Minute, warning("look", "new")), "look"},
	} {
		t.Run(name, func(t *testing.T) {
			of := &regionSwitch{steps: []string{"promote-database"}, evaluation: c.evaluation}
			f, said := following(t, of)
			_, err := f.Run(context.Background())
			require.ErrorIs(t, err, ErrEvaluation)
			assert.ErrorContains(t, err, c.says)
			assert.False(t, of.started)

			f.AcceptEvaluation = true
			_, err = f.Run(context.Background())
			require.NoError(t, err, "a person took it on")
			assert.Contains(t, said.String(), c.says)
		})
	}
}

func TestAResolvedWarningIsNone(t *testing.T) {
	f, _ := following(t, &regionSwitch{evaluation: evaluated("passed", time.Minute, warning("it was denied", "resolved"))})
	_, err := f.Run(context.Background())
	require.NoError(t, err)
}

func TestAPlanIsNotStartedWhenRegionSwitchCannotBeAsked(t *testing.T) {
	of := &regionSwitch{}
	f, _ := following(t, of)
	of.evaluation = nil
	_, err := f.Run(context.Background())
	require.ErrorIs(t, err, ErrEvaluation)
	assert.False(t, of.started)
}
