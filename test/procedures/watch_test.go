package procedures

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/exit"
)

// rollingOut is a world in which the release 1.1.0 is rolled out under somebody's eyes.
func rollingOut(t *testing.T, rollout *rolloutState) *world {
	w := newWorld(t)
	if rollout.end == "" { // a deployment that nobody stops ends in the end
		rollout.looks, rollout.end, rollout.exit = 50, "FAILED", 1
	}
	w.rollout = rollout
	return w
}

// stoppedTask is a task as DescribeTasks shows it.
func stoppedTask(number int, release, code, reason string) object {
	return object{"taskArn": fmt.Sprintf("arn:task/%d", number), "taskDefinitionArn": "arn:task-definition/" + release, "stopCode": code, "stoppedReason": reason}
}

func failing(count int) []object {
	var tasks []object
	for i := range count {
		tasks = append(tasks, stoppedTask(i, "1.1.0", "EssentialContainerExited", "Essential container in task exited"))
	}
	return tasks
}

// ECS would start tasks for hours, and CloudFormation wait for three.
func TestAReleaseWhoseTasksFailIsStoppedByTheCommandItself(t *testing.T) {
	for name, rollout := range map[string]*rolloutState{
		"tasks that exited":         {tasks: failing(4)},
		"failures that ECS counted": {breaker: 4},
		"tasks that never started": {tasks: []object{stoppedTask(1, "1.1.0", "TaskFailedToStart", "CannotPullContainerError"), stoppedTask(2, "1.1.0", "TaskFailedToStart", "CannotPullContainerError"),
			stoppedTask(3, "1.1.0", "TaskFailedToStart", "ResourceInitializationError"), stoppedTask(4, "1.1.0", "TaskFailedToStart", "CannotPullContainerError")}},
		"tasks that are not healthy": {tasks: []object{stoppedTask(1, "1.1.0", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)"), stoppedTask(2, "1.1.0", "ServiceSchedulerInitiated", "Task failed container health checks"),
			stoppedTask(3, "1.1.0", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)"), stoppedTask(4, "1.1.0", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)")}},
		"a deployment that ECS shows late": {tasks: failing(4), late: 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := rollingOut(t, rollout)
			out, err := w.run("", false, deploying("1.1.0"))
			assert.Equal(t, exit.Failed, exit.Of(err), out)
			assert.ErrorContains(t, err, "4 tasks of the new release failed")
			assert.True(t, w.called("ecs StopServiceDeployment"))
			assert.Contains(t, out, "hopeless: ")
			assert.NotContains(t, w.deployed(), "Observability")
		})
	}
}

func TestADeploymentThatECSTakesBackAlreadyIsNotStoppedAgain(t *testing.T) {
	w := rollingOut(t, &rolloutState{tasks: failing(4), begins: "ROLLBACK_IN_PROGRESS", looks: 3, end: "ROLLBACK_SUCCESSFUL", exit: 1})
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Failed, exit.Of(err), out)
	assert.ErrorContains(t, err, "4 tasks of the new release failed")
	assert.False(t, w.called("ecs StopServiceDeployment"))
}

func TestAReleaseOfWhichAFewTasksFailGoesOn(t *testing.T) {
	others := append(failing(3), // of eight, one below ECS's own limit
		stoppedTask(10, "1.0.0", "EssentialContainerExited", "the old release's"),
		stoppedTask(11, "1.1.0", "ServiceSchedulerInitiated", "Scaling activity initiated by deployment"),
		stoppedTask(12, "1.1.0", "UserInitiated", "stopped by a person"))
	w := rollingOut(t, &rolloutState{tasks: others, looks: 3, end: "SUCCESSFUL", rollout: "COMPLETED"})
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.False(t, w.called("ecs StopServiceDeployment"))
	assert.Contains(t, out, "IN_PROGRESS SCALE_UP, 1 of 8 new tasks run, 3 failed")
}

func TestAReleaseThatTakesTooLongIsStopped(t *testing.T) {
	within := func(age time.Duration) (*world, string, error) {
		w := rollingOut(t, &rolloutState{looks: 3, end: "SUCCESSFUL", rollout: "COMPLETED"})
		w.age = age
		out, err := w.run("", false, deploying("1.1.0"))
		return w, out, err
	}
	longest := config.Staging().Delivery.Longest()
	w, out, err := within(longest + time.Minute)
	assert.Equal(t, exit.Failed, exit.Of(err), out)
	assert.ErrorContains(t, err, "and one that ends well at most "+longest.String())
	assert.True(t, w.called("ecs StopServiceDeployment"))
	w, _, err = within(longest - time.Minute)
	require.NoError(t, err)
	assert.False(t, w.called("ecs StopServiceDeployment"))
}

func TestWhoMayNotStopAHopelessReleaseIsToldHow(t *testing.T) {
	w := rollingOut(t, &rolloutState{tasks: failing(4), looks: 3, end: "ROLLBACK_SUCCESSFUL", exit: 1, refuses: "AccessDeniedException"})
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.Contains(t, out, "it could not be stopped: ECS StopServiceDeployment: not permitted")
	assert.Contains(t, out, "aws ecs stop-service-deployment --region sa-east-1 --service-deployment-arn arn:deployment/3 --stop-type ROLLBACK")
	assert.Contains(t, out, "aws cloudformation cancel-update-stack --region sa-east-1 --stack-name wallet-staging-compute")
}

// A failed first deployment has been seen to end as CREATE_COMPLETE.
func TestASuccessThatECSDoesNotConfirmIsAFailure(t *testing.T) {
	for name, row := range map[string]struct {
		rollout *rolloutState
		says    string
	}{
		"ECS took it back":     {&rolloutState{looks: 1, end: "ROLLBACK_SUCCESSFUL"}, "ECS's deployment is ROLLBACK_SUCCESSFUL: as ECS says"},
		"ECS stopped it":       {&rolloutState{looks: 1, end: "STOPPED"}, "ECS's deployment is STOPPED"},
		"the rollout failed":   {&rolloutState{looks: 1, end: "SUCCESSFUL", rollout: "FAILED"}, "ECS's rollout has FAILED: tasks failed to start"},
		"ECS is still at work": {&rolloutState{looks: 1, end: "IN_PROGRESS"}, "ECS's deployment is still IN_PROGRESS"},
	} {
		t.Run(name, func(t *testing.T) {
			w := rollingOut(t, row.rollout)
			out, err := w.run("", false, deploying("1.1.0"))
			assert.Equal(t, exit.Failed, exit.Of(err), out)
			assert.ErrorContains(t, err, row.says)
			assert.NotContains(t, w.deployed(), "Observability")
		})
	}
	t.Run("ECS has no service after its creation", func(t *testing.T) {
		w := newWorld(t)
		delete(w.stacks, "wallet-staging-compute")
		w.deployments, w.silent = nil, true
		_, err := w.run("", false, deploying("1.1.0"))
		assert.Equal(t, exit.Failed, exit.Of(err))
		assert.ErrorContains(t, err, "ECS shows no deployment of the service")
	})
}

func TestADeploymentThatCannotBeSeenIsSaidToBeUnseen(t *testing.T) {
	w := rollingOut(t, &rolloutState{looks: 2, end: "SUCCESSFUL", rollout: "COMPLETED"})
	w.errors["ecs ListTasks"] = "AccessDeniedException"
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.Contains(t, out, "the service's deployment cannot be seen: ECS ListTasks: not permitted")
}
