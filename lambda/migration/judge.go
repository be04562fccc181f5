package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/hook"
)

// What the runner's exit statuses mean (cmd/migrate/migrations). Its log, in the task's
// log group, says more.
var exits = map[int32]string{
	3: "the schema is too new for this release: a migration after it removed what it needs. Deploy a newer release",
	4: "nobody knows what became of a migration, which is marked dirty: see what it did, then run the repair command",
	5: "another migration held the lock all the time",
	6: "the release drops what a version that serves now still needs: deploy the release with the expanding migration first",
	7: "the database was not reached or refused a statement, or the task was told to stop; nothing is half-done, and its log says why",
	8: "the image's migrations, its command line or its environment are not valid: its log lists every problem",
	9: "the database cannot be written to in this region, and the release needs a newer schema: deploy it first in the region that writes",
}

// passing are words of the reasons that pass by themselves, in small letters: a task's
// network interface, registry, secret or log that was not reached in time, a role that
// is not known everywhere yet, throttling, capacity ("Stopped tasks error messages",
// "RunTask" under "API failure reasons" and "ResourceInitializationError" in the
// developer guide). An image or a secret that is not there is none of them.
var passing = []string{
	"timeout", "timed out", "deadline exceeded", "connection reset", "throttl", "rate exceeded", "toomanyrequests",
	"unable to assume", "capacity is unavailable", "service unavailable", "internal error", "requesterror: send request failed",
}

// busy tells whether a reason passes by itself.
func busy(reason string) bool {
	reason = strings.ToLower(reason)
	return slices.ContainsFunc(passing, func(word string) bool { return strings.Contains(reason, word) })
}

// judge says what a task means for the deployment.
func (r run) judge(ctx context.Context, task types.Task) hook.Answer {
	arn, status := aws.ToString(task.TaskArn), aws.ToString(task.LastStatus)
	// The container's exit status is there some time before the task has stopped.
	for _, container := range task.Containers {
		if aws.ToString(container.Name) == r.container && container.ExitCode != nil {
			return r.ended(arn, *container.ExitCode)
		}
	}
	age := r.now().Sub(r.created(task))
	switch {
	case status == "STOPPED":
		return r.stopped(task)
	case r.details[stoppingKey] != "":
		return r.stop(ctx, arn, "it was told to stop")
	case slices.Contains([]string{"PROVISIONING", "PENDING", "ACTIVATING"}, status):
		if age >= r.startTimeout {
			return r.stop(ctx, arn, "it did not start within "+r.startTimeout.String())
		}
	case age >= r.timeout:
		return r.stop(ctx, arn, "it did not end within "+r.timeout.String())
	}
	r.logf("migration: the task %s is %s", arn, status)
	return r.again()
}

func (r run) ended(arn string, exit int32) hook.Answer {
	if exit == 0 {
		r.logf("migration: SUCCEEDED: the task %s", arn)
		return hook.Answer{Status: hook.Succeeded}
	}
	reason, known := exits[exit]
	if !known {
		reason = "the runner was killed or crashed, or is another program: a statement may still run on the server"
	}
	return r.failed("the task %s ended with status %d: %s", arn, exit, reason)
}

// stopped judges a task without a result. One that never ran has done nothing, so that
// what kept it from starting may pass.
func (r run) stopped(task types.Task) hook.Answer {
	arn := aws.ToString(task.TaskArn)
	why := aws.ToString(task.StoppedReason)
	for _, container := range task.Containers {
		if reason := aws.ToString(container.Reason); aws.ToString(container.Name) == r.container && reason != "" {
			why += "; " + reason
		}
	}
	switch {
	case task.StopCode == types.TaskStopCodeTaskFailedToStart && task.StartedAt == nil && busy(why):
		return r.another("the task " + arn + " did not start: " + why)
	case task.StartedAt == nil:
		return r.failed("the task %s stopped before it started (%s): %s", arn, task.StopCode, why)
	}
	return r.failed("the task %s stopped without a result (%s): %s. A statement may still run on the server", arn, task.StopCode, why)
}

// created is when the task's time began to run.
func (r run) created(task types.Task) time.Time {
	if task.CreatedAt != nil {
		return *task.CreatedAt
	}
	return r.since
}

// stop tells a task to end, which its program answers by ending the statement on the
// server, and waits for what it says of that. A second call changes nothing.
func (r run) stop(ctx context.Context, arn, why string) hook.Answer {
	waited := r.now().Sub(r.moment(stoppingKey))
	_, err := r.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: new(r.cluster), Task: new(arn), Reason: new("the migration hook: " + why)})
	switch {
	case err != nil && !attempt.Passing(err) && !busy(err.Error()):
		return r.failed("the task %s: %s, and it cannot be stopped: %v. It ends by itself within %s of its start", arn, why, err, r.timeout)
	case waited >= stopWait:
		return r.failed("the task %s: %s, and %s later it had not ended (%v). It may still change the schema: see its log", arn, why, stopWait, err)
	}
	r.logf("migration: the task %s: %s; stopping it (%v)", arn, why, err)
	return r.again()
}
