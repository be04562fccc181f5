package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
	"wallet-infra/lambda/internal/awsfake"
	"wallet-infra/lambda/internal/hook"
)

// What the fake of ECS calls its parts.
const (
	cluster    = awsfake.MigrationCluster
	deployment = awsfake.Deployment
	service    = awsfake.ServiceARN
	blue       = awsfake.Blue
	green      = awsfake.Green
	registry   = awsfake.Registry
)

// platform is ECS as the function sees it: the API that it calls, and the caller.
type platform struct {
	t *testing.T
	*awsfake.Migrations
	handler handler
	clock   time.Time
	logged  []string
	event   hook.Event
	forgets bool // details never come back
}

func newPlatform(t *testing.T) *platform {
	p := &platform{t: t, clock: time.Date(2026, 11, 25, 22, 0, 0, 0, time.UTC)}
	var api ecsAPI
	p.Migrations, api = awsfake.NewMigrations(t, func() time.Time { return p.clock })
	p.handler = handler{
		settings: settings{
			cluster: cluster, taskDefinition: "migrate:7", container: "migrate",
			subnets: []string{"subnet-1", "subnet-2"}, securityGroups: []string{"sg-1"},
			timeout: 10 * time.Minute, startTimeout: 3 * time.Minute, serviceContainer: "wallet-service",
		},
		ecs: api, now: func() time.Time { return p.clock },
		logf: func(format string, values ...any) { p.logged = append(p.logged, fmt.Sprintf(format, values...)) },
	}
	p.event = hook.Event{ExecutionID: "e8d5a28f", LifecycleStage: "PRE_SCALE_UP", ResourceARN: deployment}
	return p
}

// call is one invocation, with the event going through JSON as it does in Lambda.
func (p *platform) call() hook.Answer {
	content, err := json.Marshal(p.event)
	require.NoError(p.t, err)
	var event hook.Event
	require.NoError(p.t, json.Unmarshal(content, &event))
	answer, err := p.handler.handle(p.t.Context(), event)
	require.NoError(p.t, err)
	return answer
}

// deploy calls as ECS does until the function has decided: after the delay, with
// the details of the answer merged into those of the event.
func (p *platform) deploy(between ...func()) hook.Status {
	for range 200 {
		answer := p.call()
		if answer.Status != hook.InProgress {
			return answer.Status
		}
		require.Positive(p.t, answer.CallBackDelay, "without a delay ECS waits its own")
		if p.event.Details == nil {
			p.event.Details = hook.Details{}
		}
		if !p.forgets {
			maps.Copy(p.event.Details, answer.Details)
		}
		p.Lock.Lock()
		p.clock = p.clock.Add(time.Duration(answer.CallBackDelay) * time.Second)
		p.Lock.Unlock()
		for _, then := range between {
			then()
		}
	}
	p.t.Fatal("the deployment waits for ever")
	return ""
}

func (p *platform) log() string { return strings.Join(p.logged, "\n") }

// only is the one task that was made.
func (p *platform) only() *awsfake.MigrationTask {
	require.Len(p.t, p.Tasks, 1, "the migration ran more than once, or never")
	for _, task := range p.Tasks {
		return task
	}
	return nil
}

// ages runs the task and ends it with a status after some calls.
func (p *platform) ages(calls, exit int) func() {
	return func() {
		task := p.only()
		if task.LastStatus == "STOPPED" {
			return
		}
		p.Start(task)
		if calls--; calls == 0 {
			p.Exit(task, exit)
		}
	}
}

func TestADeploymentWaitsForItsMigration(t *testing.T) {
	p := newPlatform(t)
	assert.Equal(t, hook.Succeeded, p.deploy(p.ages(4, 0)))
	task := p.only()
	assert.Equal(t, "migrate:7", task.Definition)
	assert.Equal(t, 5, p.Calls["DescribeTasks"], "one look at each call, none of which waits")
	assert.Equal(t, 1, p.Calls["RunTask"])
	assert.Contains(t, p.log(), task.ARN)
}

// With a container that has ended, nothing is left to wait for: the task itself
// takes another half minute to give its network interface back.
func TestAnExitStatusDecidesBeforeTheTaskIsGone(t *testing.T) {
	p := newPlatform(t)
	assert.Equal(t, hook.Succeeded, p.deploy(func() {
		p.only().LastStatus = "DEPROVISIONING"
		p.only().Containers[0].ExitCode = new(0)
	}))
}

func TestAFailedMigrationFailsTheDeploymentAndSaysWhatToDo(t *testing.T) {
	for exit, want := range map[int]string{
		7:   "ended with status 7: the database was not reached",
		8:   "are not valid",
		9:   "first in the region that writes",
		3:   "the schema is too new for this release",
		4:   "marked dirty",
		5:   "held the lock",
		6:   "expanding migration first",
		2:   "ended with status 2: the runner was killed or crashed",
		137: "ended with status 137: the runner was killed",
	} {
		p := newPlatform(t)
		assert.Equal(t, hook.Failed, p.deploy(p.ages(2, exit)), exit)
		assert.Contains(t, p.log(), want)
	}
}

// A function imports nothing of the runner's (its hash would not cover it), so that
// the two lists of statuses are held together here.
func TestEveryExitStatusOfTheRunnerIsExplained(t *testing.T) {
	wants := map[exit.Status]string{
		exit.MigrationFailed: "nothing is half-done", exit.MigrationInvalid: "not valid", exit.SchemaTooNew: "too new", exit.HalfWay: "dirty",
		exit.Locked: "lock", exit.Contract: "still needs", exit.ReadOnly: "cannot be written to",
	}
	assert.Len(t, exits, len(wants))
	for status, want := range wants {
		assert.Contains(t, exits[int32(status)], want)
	}
}

func TestAMissingImageFailsTheDeploymentWithTheReason(t *testing.T) {
	p := newPlatform(t)
	p.Started = func(task *awsfake.MigrationTask) {
		task.LastStatus, task.StopCode = "STOPPED", "TaskFailedToStart"
		task.Reason = "CannotPullContainerError: not found"
		task.Containers[0].Reason = "manifest unknown"
	}
	assert.Equal(t, hook.Failed, p.deploy())
	assert.Contains(t, p.log(), "TaskFailedToStart")
	assert.Contains(t, p.log(), "CannotPullContainerError: not found; manifest unknown")
}

// What became of it, the runner says: it has asked the server to end the statement.
func TestAMigrationThatDoesNotEndIsStoppedAndItsEndIsTold(t *testing.T) {
	for exit, want := range map[int]string{
		7: "nothing is half-done", 4: "nobody knows what became of a migration", 137: "a statement may still run on the server",
	} {
		p := newPlatform(t)
		begin := p.clock
		p.OnStop = func(*awsfake.MigrationTask) {}
		assert.Equal(t, hook.Failed, p.deploy(p.ages(-1, 0), func() {
			if p.clock.Sub(begin) > 11*time.Minute { // the runner takes its time
				p.Exit(p.only(), exit)
			}
		}))
		assert.Positive(t, p.Calls["StopTask"])
		assert.Contains(t, p.log(), "it did not end within 10m0s; stopping it")
		assert.Contains(t, p.log(), want)
	}
	p := newPlatform(t)
	p.OnStop = func(task *awsfake.MigrationTask) { p.Exit(task, 0) }
	assert.Equal(t, hook.Succeeded, p.deploy(p.ages(-1, 0)), "it ended well before it was told")
}

func TestATaskThatDoesNotStopIsSaidToGoOn(t *testing.T) {
	p := newPlatform(t)
	begin := p.clock
	p.OnStop = func(*awsfake.MigrationTask) {}
	assert.Equal(t, hook.Failed, p.deploy(p.ages(-1, 0)))
	assert.Equal(t, 13*time.Minute, p.clock.Sub(begin))
	assert.Contains(t, p.log(), "It may still change the schema")
}

// It was given up before it ran, and starts to run while it is stopped.
func TestATaskThatStartsWhileItIsStoppedIsNotWaitedForAnew(t *testing.T) {
	p := newPlatform(t)
	begin := p.clock
	p.OnStop = p.Start
	assert.Equal(t, hook.Failed, p.deploy())
	assert.Equal(t, 6*time.Minute, p.clock.Sub(begin))
}

func TestATaskThatNeverStartsIsStopped(t *testing.T) {
	for _, status := range []string{"PROVISIONING", "PENDING", "ACTIVATING"} {
		p := newPlatform(t)
		begin := p.clock
		p.OnStop = func(task *awsfake.MigrationTask) { task.LastStatus, task.StoppedAt = "STOPPED", p.clock }
		assert.Equal(t, hook.Failed, p.deploy(func() {
			if p.only().LastStatus != "STOPPED" {
				p.only().LastStatus = status
			}
		}), status)
		assert.Equal(t, 3*time.Minute+callBack, p.clock.Sub(begin), status)
		assert.Contains(t, p.log(), "it did not start within 3m0s; stopping it")
		assert.Contains(t, p.log(), "stopped before it started (UserInitiated)")
		assert.Len(t, p.Tasks, 1)
	}
}

func TestATaskThatCannotBeStoppedYetIsStoppedLater(t *testing.T) {
	p := newPlatform(t)
	refusals := 2
	p.Refuse = func(operation string, w http.ResponseWriter) bool {
		if operation != "StopTask" || refusals == 0 {
			return false
		}
		refusals--
		return awsfake.Throttle(w)
	}
	assert.Equal(t, hook.Failed, p.deploy(p.ages(-1, 0)))
	assert.Equal(t, "UserInitiated", p.only().StopCode)

	p = newPlatform(t)
	p.Refuse = func(operation string, w http.ResponseWriter) bool {
		if operation == "StopTask" {
			awsfake.RefuseWith(w, 400, "InvalidParameterException", "no such cluster")
			return true
		}
		return false
	}
	assert.Equal(t, hook.Failed, p.deploy(p.ages(-1, 0)))
	assert.Contains(t, p.log(), "it cannot be stopped: ")
	assert.Contains(t, p.log(), "It ends by itself within 10m0s")
}

// placing answers RunTask as ECS does when it has no place: with HTTP 200, no task
// and a failure (API_RunTask, failures).
func placing(refusals *int) func(string, http.ResponseWriter) bool {
	return func(operation string, w http.ResponseWriter) bool {
		if operation != "RunTask" || *refusals == 0 {
			return false
		}
		*refusals--
		awsfake.Answer(w, map[string]any{"tasks": []any{}, "failures": []any{map[string]any{
			"reason": "Capacity is unavailable at this time. Please try again later or in a different availability zone",
		}}})
		return true
	}
}

func TestMissingCapacityIsWaitedFor(t *testing.T) {
	p := newPlatform(t)
	refusals := 3
	p.Refuse = placing(&refusals)
	task := p.ages(2, 0)
	assert.Equal(t, hook.Succeeded, p.deploy(func() {
		if len(p.Tasks) > 0 {
			task()
		}
	}))
	assert.Equal(t, 4, p.Calls["RunTask"])
	for name := range p.Tokens {
		assert.True(t, strings.HasSuffix(name, "-3"), "a token that ECS refused stands for the refusal: %s", name)
	}
}

func TestMissingCapacityDoesNotHoldADeploymentForEver(t *testing.T) {
	p := newPlatform(t)
	refusals := -1
	p.Refuse = placing(&refusals)
	begin := p.clock
	assert.Equal(t, hook.Failed, p.deploy())
	assert.Equal(t, 3*time.Minute, p.clock.Sub(begin))
	assert.Contains(t, p.log(), "Capacity is unavailable")
	assert.Empty(t, p.Tasks)
}

func TestThrottlingIsNoFailure(t *testing.T) {
	for _, operation := range []string{"RunTask", "DescribeTasks"} {
		p := newPlatform(t)
		refusals := 3
		p.Refuse = func(asked string, w http.ResponseWriter) bool {
			if asked != operation || refusals == 0 {
				return false
			}
			refusals--
			return awsfake.Throttle(w)
		}
		task := p.ages(5, 0)
		assert.Equal(t, hook.Succeeded, p.deploy(func() {
			if len(p.Tasks) > 0 {
				task()
			}
		}), operation)
		assert.Zero(t, refusals, operation)
	}
}

func TestAnAPIThatNeverAnswersFailsTheDeploymentAtLast(t *testing.T) {
	for from, want := range map[string]time.Duration{"RunTask": 3 * time.Minute, "DescribeTasks": 16 * time.Minute} {
		p := newPlatform(t)
		p.Refuse = func(operation string, w http.ResponseWriter) bool {
			if operation != from {
				return false
			}
			awsfake.RefuseWith(w, 500, "ServerException", "service unavailable")
			return true
		}
		begin := p.clock
		assert.Equal(t, hook.Failed, p.deploy(), from)
		assert.Equal(t, want, p.clock.Sub(begin), from)
	}
}

// The texts are those of AWS's pages on API failure reasons and stopped tasks.
func TestWhatPassesByItselfDelaysADeploymentAndDoesNotFailIt(t *testing.T) {
	for kind, message := range map[string]string{
		"AccessDeniedException":     "User is not authorized to perform: ecs:RunTask because no identity-based policy allows it", // a fresh policy
		"InvalidParameterException": "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
		"ClientException":           "Rate exceeded",
		"ServerException":           "Service Unavailable. Please try again later.",
	} {
		p := newPlatform(t)
		refusals := 3
		p.Refuse = func(operation string, w http.ResponseWriter) bool {
			if operation != "RunTask" || refusals == 0 {
				return false
			}
			refusals--
			awsfake.RefuseWith(w, 400, kind, message)
			return true
		}
		task := p.ages(2, 0)
		assert.Equal(t, hook.Succeeded, p.deploy(func() {
			if len(p.Tasks) > 0 {
				task()
			}
		}), kind)
	}
	for _, reason := range []string{
		"Timeout waiting for network interface provisioning to complete.",
		"ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: RequestCanceled: request context canceled caused by: context deadline exceeded",
		"CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: dial tcp 52.216.25.83:443: i/o timeout",
		"ECS was unable to assume the role 'arn:aws:iam::111111111111:role/execution' that was provided for this task.",
	} {
		p := newPlatform(t)
		fails := 2
		p.Started = func(task *awsfake.MigrationTask) {
			if fails--; fails >= 0 {
				task.LastStatus, task.StopCode, task.Reason, task.StoppedAt = "STOPPED", "TaskFailedToStart", reason, p.clock
			}
		}
		assert.Equal(t, hook.Succeeded, p.deploy(func() {
			for _, task := range p.Tasks {
				if task.LastStatus != "STOPPED" {
					p.Exit(task, 0)
				}
			}
		}), reason)
		assert.Len(t, p.Tasks, 3)

		p = newPlatform(t)
		fails = 1000
		begin := p.clock
		p.Started = func(task *awsfake.MigrationTask) {
			task.LastStatus, task.StopCode, task.Reason, task.StoppedAt = "STOPPED", "TaskFailedToStart", reason, p.clock
		}
		assert.Equal(t, hook.Failed, p.deploy(), reason)
		assert.Equal(t, 3*time.Minute, p.clock.Sub(begin), "nobody waits for ever")
		assert.Contains(t, p.log(), reason)
	}
}

// A task that ran may have changed the schema, and is never started a second time for
// the words of its end.
func TestATaskThatRanIsNotStartedAgain(t *testing.T) {
	for _, code := range []string{"TerminationNotice", "TaskFailedToStart"} {
		p := newPlatform(t)
		assert.Equal(t, hook.Failed, p.deploy(func() {
			task := p.only()
			p.Start(task)
			task.LastStatus, task.StopCode, task.Reason = "STOPPED", code, "Timeout"
		}))
		assert.Len(t, p.Tasks, 1)
		assert.Contains(t, p.log(), "stopped without a result ("+code+")")
	}
}

func TestARefusalThatStaysFailsAtOnce(t *testing.T) {
	p := newPlatform(t)
	p.Inactive["migrate:7"] = true
	assert.Equal(t, hook.Failed, p.call().Status)
	assert.Contains(t, p.log(), "TaskDefinition is inactive")
}

// The details are all that a call knows of the one before; without them, and with
// two calls at once, the token finds the task.
func TestCallsThatKnowNothingOfEachOtherShareATask(t *testing.T) {
	p := newPlatform(t)
	p.handler.logf = func(string, ...any) {}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			answer, err := p.handler.handle(t.Context(), p.event)
			assert.NoError(t, err)
			assert.Equal(t, hook.InProgress, answer.Status)
		})
	}
	all.Wait()
	p.Exit(p.only(), 0)
	assert.Equal(t, hook.Succeeded, p.call().Status)
	assert.Len(t, p.Tasks, 1)
}

func TestACallWithOtherSettingsFindsTheSameTask(t *testing.T) {
	p := newPlatform(t)
	p.call()
	p.handler.subnets = []string{"subnet-3"}
	assert.Equal(t, hook.InProgress, p.call().Status)
	p.Exit(p.only(), 0)
	assert.Equal(t, hook.Succeeded, p.call().Status)
}

func TestEachDeploymentHasItsOwnMigration(t *testing.T) {
	p := newPlatform(t)
	p.call()
	p.event.ResourceARN = strings.Replace(deployment, "EZe5", "Abc1", 1)
	p.call()
	assert.Len(t, p.Tasks, 2)
	p.event.ResourceARN = "arn:aws:ecs:sa-east-1:111111111111:service/wallet-test/wallet-service"
	p.call()
	p.event.ExecutionID = "another"
	p.call()
	assert.Len(t, p.Tasks, 4, "an ARN that is no deployment's must not join two of them")
}

// What RunTask has made, DescribeTasks may not know yet. A second task would hide what
// the first one does.
func TestATaskThatECSDoesNotKnowYetIsWaitedFor(t *testing.T) {
	p := newPlatform(t)
	p.Late = 2 * time.Minute
	p.Started = func(task *awsfake.MigrationTask) { p.Exit(task, 0) }
	assert.Equal(t, hook.Succeeded, p.deploy())
	assert.Len(t, p.Tasks, 1)

	p = newPlatform(t)
	p.event.Details = p.call().Details
	p.Late = time.Hour
	begin := p.clock
	assert.Equal(t, hook.Failed, p.deploy())
	assert.Equal(t, visible, p.clock.Sub(begin))
	assert.Len(t, p.Tasks, 1)
	assert.Contains(t, p.log(), "ECS has not known the task")
}

// CloudFormation returns to an earlier template resource by resource: the service
// must migrate with its own release, whatever the function's variables say.
func TestTheServiceSaysWhichReleaseMigrates(t *testing.T) {
	p := newPlatform(t)
	p.event.Details = hook.Details{"taskDefinition": "migrate:6"}
	p.call()
	assert.Equal(t, "migrate:6", p.only().Definition)
}

func TestEverySettingThatIsMissingIsNamed(t *testing.T) {
	_, err := readSettings(func(string) string { return "" })
	for _, name := range []string{
		"CLUSTER", "TASK_DEFINITION", "CONTAINER", "SUBNETS", "SECURITY_GROUPS", "TIMEOUT_SECONDS", "START_TIMEOUT_SECONDS", "SERVICE_CONTAINER",
	} {
		assert.ErrorContains(t, err, name)
	}
	_, err = readSettings(func(name string) string { return map[string]string{"OTHER_REGION": "us-east-1"}[name] })
	for _, name := range []string{"OTHER_CLUSTER", "OTHER_SERVICE"} {
		assert.ErrorContains(t, err, name, "the other region would be taken for one without a service")
	}
	found, err := readSettings(func(name string) string {
		return map[string]string{
			"CLUSTER": "c", "TASK_DEFINITION": "d:1", "CONTAINER": "migrate", "SUBNETS": "a,b", "SECURITY_GROUPS": "g",
			"TIMEOUT_SECONDS": "600", "START_TIMEOUT_SECONDS": "180", "SERVICE_CONTAINER": "wallet-service",
			"OTHER_REGION": "us-east-1", "OTHER_CLUSTER": "c2", "OTHER_SERVICE": "s2",
		}[name]
	})
	require.NoError(t, err)
	assert.Equal(t, settings{
		cluster: "c", taskDefinition: "d:1", container: "migrate", subnets: []string{"a", "b"},
		securityGroups: []string{"g"}, timeout: 10 * time.Minute, startTimeout: 3 * time.Minute,
		serviceContainer: "wallet-service", otherRegion: "us-east-1", otherCluster: "c2", otherService: "s2",
	}, found)
}
