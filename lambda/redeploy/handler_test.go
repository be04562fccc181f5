package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/awsfake"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// world is a service with one task, which is older than the password.
type world struct {
	handler
	ecs    *awsfake.ECS
	failed *awsfake.SQS
	now    time.Time
	logged []string
}

func newWorld() *world {
	w := &world{now: noon.Add(5 * time.Second), failed: &awsfake.SQS{}}
	w.ecs = awsfake.NewECS(func() time.Time { return w.now })
	w.ecs.Run("old", noon.Add(-time.Hour))
	w.handler = handler{
		ecs: w.ecs, sqs: w.failed, cluster: w.ecs.Cluster, service: w.ecs.Service, failed: "failed", secret: "copy",
		logf: func(format string, values ...any) { w.logged = append(w.logged, fmt.Sprintf(format, values...)) },
	}
	return w
}

// rotation is a message about a password that was rotated at a time, as a rule of
// EventBridge puts it into a queue.
func rotation(id string, at time.Time) events.SQSMessage {
	return events.SQSMessage{MessageId: id, Body: fmt.Sprintf(
		`{"version":"0","id":"e","detail-type":"Database password rotated","source":"wallet.database","account":"111111111111",`+
			`"time":%q,"region":"sa-east-1","resources":["arn"],"detail":{"secret":"arn","version":"new"}}`, at.Format(time.RFC3339))}
}

// kept delivers the messages and returns those that come back.
func (w *world) kept(t *testing.T, messages ...events.SQSMessage) []string {
	response, err := w.handle(t.Context(), events.SQSEvent{Records: messages})
	require.NoError(t, err)
	var back []string
	for _, failure := range response.BatchItemFailures {
		back = append(back, failure.ItemIdentifier)
	}
	return back
}

// reason is why the only message was given up.
func (w *world) reason(t *testing.T) string {
	require.Len(t, w.failed.Messages, 1)
	return *w.failed.Messages[0].MessageAttributes["Reason"].StringValue
}

func TestARotatedPasswordReplacesTheTasks(t *testing.T) {
	w := newWorld()
	message := rotation("a", noon)
	assert.Equal(t, []string{"a"}, w.kept(t, message), "a deployment that fails must not be forgotten")
	require.Len(t, w.ecs.Updates, 1)
	assert.True(t, w.ecs.Updates[0].ForceNewDeployment)
	assert.Nil(t, w.ecs.Updates[0].DesiredCount, "it would undo the autoscaling of a busy hour")

	assert.Equal(t, []string{"a"}, w.kept(t, message), "while it is under way")
	w.ecs.End(types.ServiceDeploymentStatusSuccessful)
	assert.Empty(t, w.kept(t, message))
	assert.Len(t, w.ecs.Updates, 1)
	assert.Empty(t, w.failed.Messages)
}

// The message comes back after the queue's visibility timeout, and one group of a FIFO
// queue gives it to nobody before.
func TestADeploymentThatECSShowsLateIsNotStartedTwice(t *testing.T) {
	w := newWorld()
	w.ecs.Late = time.Minute
	message := rotation("a", noon)
	assert.Equal(t, []string{"a"}, w.kept(t, message))
	w.now = w.now.Add(10 * time.Minute)
	assert.Equal(t, []string{"a"}, w.kept(t, message))
	assert.Len(t, w.ecs.Updates, 1)
}

func TestADeploymentUnderWayIsNotInterrupted(t *testing.T) {
	for _, status := range []types.ServiceDeploymentStatus{"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"} {
		w := newWorld()
		w.ecs.Deploy("now", status, noon.Add(-time.Minute))
		assert.Equal(t, []string{"a", "b"}, w.kept(t, rotation("a", noon), rotation("b", noon)), status)
		assert.Empty(t, w.ecs.Updates, status)
		assert.Contains(t, w.logged[0], "waiting for "+awsfake.ARN("now"))
	}
}

func TestSeveralRotationsShareADeployment(t *testing.T) {
	w := newWorld()
	assert.Equal(t, []string{"a", "b"}, w.kept(t, rotation("a", noon), rotation("b", noon.Add(time.Second))))
	assert.Len(t, w.ecs.Updates, 1)
}

func TestTheNewestOfTwoRotationsDecides(t *testing.T) {
	w := newWorld()
	w.ecs.Tasks = nil
	w.ecs.Run("between", noon.Add(10*time.Minute))
	w.now = noon.Add(time.Hour)
	assert.Equal(t, []string{"a", "b"}, w.kept(t, rotation("a", noon), rotation("b", noon.Add(30*time.Minute))))
	assert.Len(t, w.ecs.Updates, 1)
}

func TestATaskThatHasTheNewPasswordStays(t *testing.T) {
	w := newWorld()
	w.ecs.Tasks = nil
	w.ecs.Run("young", noon.Add(10*time.Minute))
	assert.Empty(t, w.kept(t, rotation("a", noon)))
	assert.Empty(t, w.ecs.Updates)
	assert.Equal(t, []string{"b"}, w.kept(t, rotation("b", noon.Add(30*time.Minute))))
	assert.Len(t, w.ecs.Updates, 1)
}

func TestOneOldTaskAmongYoungOnesIsEnough(t *testing.T) {
	w := newWorld()
	w.ecs.Tasks = nil
	w.ecs.Run("young", noon.Add(time.Minute))
	w.ecs.Run("old", noon.Add(-time.Hour))
	assert.Equal(t, []string{"a"}, w.kept(t, rotation("a", noon)), "it is on the second page")
	assert.Len(t, w.ecs.Updates, 1)

	w = newWorld()
	w.ecs.Tasks[0].CreatedAt = nil
	assert.Equal(t, []string{"a"}, w.kept(t, rotation("a", noon)), "a task of unknown age is no young one")
}

// API_ListTasks: "Recently stopped tasks might appear"; API failure reasons: MISSING.
func TestATaskThatHasStoppedHoldsNothing(t *testing.T) {
	w := newWorld()
	w.ecs.Tasks[0].DesiredStatus = new("STOPPED")
	assert.Empty(t, w.kept(t, rotation("a", noon)))
	w = newWorld()
	w.ecs.Tasks[0].LastStatus = nil // listed, and gone
	assert.Empty(t, w.kept(t, rotation("a", noon)))
	assert.Empty(t, w.failed.Messages)
	assert.Empty(t, w.ecs.Updates)
}

// An event's time has no fraction, a task's has.
func TestATaskOfTheSameSecondIsNotTrusted(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, time.Second} {
		w := newWorld()
		w.ecs.Tasks = nil
		w.ecs.Run("same", noon.Add(after))
		assert.Equal(t, []string{"a"}, w.kept(t, rotation("a", noon)), after)
		assert.Len(t, w.ecs.Updates, 1, after)
	}
}

func TestADeploymentFromBeforeTheRotationCountsForNothing(t *testing.T) {
	for _, status := range []types.ServiceDeploymentStatus{"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL"} {
		for _, after := range []time.Duration{-time.Minute, 500 * time.Millisecond, time.Second} { // an event's time has no fraction
			w := newWorld()
			w.ecs.Deploy("before", status, noon.Add(after))
			assert.Equal(t, []string{"a"}, w.kept(t, rotation("a", noon)), status)
			assert.Len(t, w.ecs.Updates, 1, "%s %s", status, after)
		}
	}
}

func TestOldTasksThatStillDrainAreWaitedFor(t *testing.T) {
	w := newWorld()
	w.ecs.Deploy("after", "SUCCESSFUL", noon.Add(time.Minute))
	assert.Equal(t, []string{"a"}, w.kept(t, rotation("a", noon)))
	assert.Empty(t, w.ecs.Updates)
}

func TestAServiceWithoutTasksNeedsNoDeployment(t *testing.T) {
	w := newWorld()
	w.ecs.Gone = true
	assert.Empty(t, w.kept(t, rotation("a", noon)), "before the first image there is no service")
	w = newWorld()
	w.ecs.Tasks = nil
	assert.Empty(t, w.kept(t, rotation("a", noon)))
	assert.Empty(t, w.ecs.Updates)
	assert.Empty(t, w.failed.Messages)
}

// byMachine are the traces that ECS leaves of a rollback of its own.
var byMachines = map[string]func(*types.ServiceDeployment){
	"circuit breaker": func(d *types.ServiceDeployment) {
		d.DeploymentCircuitBreaker = &types.ServiceDeploymentCircuitBreaker{Status: "TRIGGERED"}
	},
	"alarm": func(d *types.ServiceDeployment) {
		d.Alarms = &types.ServiceDeploymentAlarms{Status: "MONITORING_COMPLETE", TriggeredAlarmNames: []string{"edge-errors"}}
	},
	"hook": func(d *types.ServiceDeployment) {
		d.LifecycleHookDetails = []types.DeploymentLifecycleHookDetail{{Status: "SUCCEEDED"}, {Status: "FAILED"}}
	},
}

func TestARotationPagesNobodyForTheThirdTime(t *testing.T) {
	for name, ended := range byMachines {
		w := newWorld()
		message := rotation("a", noon)
		for range deployments {
			assert.Equal(t, []string{"a"}, w.kept(t, message), name)
			w.now = w.now.Add(time.Hour)
			ended(w.ecs.End("ROLLBACK_SUCCESSFUL"))
		}
		assert.Empty(t, w.kept(t, message), name)
		assert.Equal(t, "2 deployments have failed since the rotation", w.reason(t))
		assert.JSONEq(t, message.Body, *w.failed.Messages[0].MessageBody, "who looks must see which rotation it was")
		assert.Len(t, w.ecs.Updates, 2, name)
	}
}

// StopServiceDeployment rolls back, and leaves none of a machine's traces.
func TestADeploymentThatAPersonStoppedIsNotStartedAgain(t *testing.T) {
	for _, status := range []types.ServiceDeploymentStatus{"ROLLBACK_SUCCESSFUL", "STOPPED", "ROLLBACK_FAILED"} {
		w := newWorld()
		message := rotation("a", noon)
		w.kept(t, message)
		stopped := w.ecs.End(status)
		stopped.DeploymentCircuitBreaker = &types.ServiceDeploymentCircuitBreaker{Status: "MONITORING_COMPLETE"}
		stopped.Alarms = &types.ServiceDeploymentAlarms{Status: "MONITORING_COMPLETE"}
		stopped.LifecycleHookDetails = []types.DeploymentLifecycleHookDetail{{Status: "SUCCEEDED"}}
		assert.Empty(t, w.kept(t, message), status)
		assert.Contains(t, w.reason(t), "somebody stopped "+awsfake.ARN("forced-1"))
		assert.Len(t, w.ecs.Updates, 1, status)
	}
}

// A deployment that ECS does not describe was ended by nobody knows whom.
func TestAnUnknownEndIsNoMachines(t *testing.T) {
	w := newWorld()
	w.ecs.Deploy("gone", "ROLLBACK_SUCCESSFUL", noon.Add(time.Minute))
	w.handler.ecs = undescribed{w.ecs}
	assert.Empty(t, w.kept(t, rotation("a", noon)))
	assert.Empty(t, w.ecs.Updates)
	assert.Len(t, w.failed.Messages, 1)
}

type undescribed struct{ *awsfake.ECS }

func (undescribed) DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	return &ecs.DescribeServiceDeploymentsOutput{}, nil
}

// After each call of AWS the function may end, or the answer may be lost. Whatever
// happened, the message comes back, and there is one deployment in the end.
func TestAnInterruptionStartsNoSecondDeployment(t *testing.T) {
	for _, fault := range []awsfake.Fault{awsfake.Throttled, awsfake.Lost, awsfake.Denied} {
		for call := 0; ; call++ {
			w := newWorld()
			message := rotation("a", noon)
			w.ecs.Break = awsfake.Once(call, fault)
			require.Equal(t, []string{"a"}, w.kept(t, message), "call %d", call)
			if len(w.ecs.Log) <= call {
				assert.Greater(t, call, 4, "the calls of a rotation")
				break
			}
			for range 2 {
				assert.Equal(t, []string{"a"}, w.kept(t, message), "call %d", call)
			}
			require.Len(t, w.ecs.Updates, 1, "after %v of call %d (%s)", fault, call, w.ecs.Log[call])
			w.ecs.End("SUCCESSFUL")
			assert.Empty(t, w.kept(t, message))
			assert.Empty(t, w.failed.Messages)
		}
	}
}

func TestARefusalEndsWithItsReasonAndMakesRoomForTheNextMessage(t *testing.T) {
	w := newWorld()
	w.handler.ecs = refusing{w.ecs}
	assert.Empty(t, w.kept(t, rotation("a", noon)))
	assert.Contains(t, w.reason(t), "start a deployment: InvalidParameterException: no image")
}

type refusing struct{ *awsfake.ECS }

func (refusing) UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	return nil, &types.InvalidParameterException{Message: new("no image")}
}

func TestWhatCannotBeGivenUpIsKept(t *testing.T) {
	w := newWorld()
	w.failed.Break = awsfake.Always(awsfake.Throttled, "SendMessage")
	assert.Equal(t, []string{"x"}, w.kept(t, events.SQSMessage{MessageId: "x", Body: "hello"}), "it would be gone in silence")
	w.failed.Break = awsfake.Once(1, awsfake.Lost)
	assert.Equal(t, []string{"x"}, w.kept(t, events.SQSMessage{MessageId: "x", Body: "hello"}))
	assert.Empty(t, w.kept(t, events.SQSMessage{MessageId: "x", Body: "hello"}))
	assert.Len(t, w.failed.Messages, 1)
}

func TestAMessageThatIsNoEventDoesNotHoldUpTheNext(t *testing.T) {
	for _, body := range []string{"hello", "{}", `{"time":"2026-11-25T12:00:00Z"}`, `{"detail":{"version":"new"}}`} {
		w := newWorld()
		assert.Equal(t, []string{"a"}, w.kept(t, events.SQSMessage{MessageId: "x", Body: body}, rotation("a", noon)))
		assert.Contains(t, w.reason(t), "want an event of EventBridge")
		assert.Len(t, w.ecs.Updates, 1)
	}
}

func TestTheFunctionAnswersBeforeLambdaKillsIt(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithTimeout(t.Context(), reserve/2)
	defer cancel()
	w.handler.ecs = slow{w.ecs}
	response, err := w.handle(ctx, events.SQSEvent{Records: []events.SQSMessage{rotation("a", noon)}})
	require.NoError(t, err)
	assert.Len(t, response.BatchItemFailures, 1)
	assert.Empty(t, w.failed.Messages, "running out of time is no refusal")
	assert.NoError(t, ctx.Err())
}

// slow never answers.
type slow struct{ *awsfake.ECS }

func (slow) ListTasks(ctx context.Context, _ *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// copied is the other region's secret.
type copied struct {
	stages  map[string][]string
	changed time.Time
}

func (c copied) DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	return &secretsmanager.DescribeSecretOutput{VersionIdsToStages: c.stages, LastChangedDate: new(c.changed)}, nil
}

func TestInTheOtherRegionATaskMustBeYoungerThanTheCopyOfThePassword(t *testing.T) {
	current := map[string][]string{"new": {"AWSCURRENT"}}
	for name, each := range map[string]struct {
		copied
		task    time.Duration // after the rotation
		updates int
		done    bool
	}{
		"the copy is not there":               {copied{stages: map[string][]string{"before": {"AWSCURRENT"}}}, -time.Hour, 0, false},
		"the copy is still pending":           {copied{stages: map[string][]string{"new": {"AWSPENDING"}}}, -time.Hour, 0, false},
		"a task from before its usual delay":  {copied{stages: current}, 4 * time.Minute, 1, false},
		"a task from before a late copy":      {copied{current, noon.Add(20 * time.Minute)}, 10 * time.Minute, 1, false},
		"a task from after it":                {copied{current, noon.Add(20 * time.Minute)}, 21 * time.Minute, 0, true},
		"the password was replaced meanwhile": {copied{stages: map[string][]string{"new": {"AWSPREVIOUS"}}}, -time.Hour, 1, false},
	} {
		w := newWorld()
		w.delay, w.secrets = 5*time.Minute, each.copied
		w.ecs.Tasks = nil
		w.ecs.Run("task", noon.Add(each.task))
		w.now = noon.Add(30 * time.Minute)
		assert.Equal(t, each.done, len(w.kept(t, rotation("a", noon))) == 0, name)
		assert.Len(t, w.ecs.Updates, each.updates, name)
		assert.Empty(t, w.failed.Messages, name)
	}
}

// The SDK's own repetition of a call whose answer was lost would start a second
// deployment.
func TestTheStartOfADeploymentIsAskedForOnce(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	client := ecs.New(ecs.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
	w := newWorld()
	w.handler.ecs = client
	_, err := w.deploy(t.Context())
	require.Error(t, err)
	assert.Equal(t, 1, asked)
	assert.NotEqual(t, aws.NopRetryer{}, client.Options().Retryer)
}
