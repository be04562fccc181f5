package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/lambda/internal/hook"
)

// What the runner's exit statuses mean (cmd/migrate). Its log, in the task's log
// group, says more.
var exits = map[int32]string{
	3: "the schema is too new for this release: a migration after it removed what it needs. Deploy a newer release",
	4: "nobody knows what became of a migration, which is marked dirty: see what it did, then run the repair command",
	5: "another migration held the lock all the time",
	6: "the release drops what a version that serves now still needs: deploy the release with the expanding migration first",
	7: "the database was not reached or refused a statement, or the task was told to stop; nothing is half-done, and its log says why",
	8: "the image's migrations, its command line or its environment are not valid: its log lists every problem",
	9: "the database cannot be written to in this region, and the release needs a newer schema: deploy it first in the region that writes",
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
	if status == "STOPPED" {
		return r.failed("the task %s stopped without a result (%s): %s%s", arn, task.StopCode,
			aws.ToString(task.StoppedReason), r.containerReason(task))
	}
	age := r.now().Sub(r.created(task))
	switch status {
	case "PROVISIONING", "PENDING", "ACTIVATING":
		if age >= r.startTimeout {
			return r.stop(ctx, arn, "it did not start", r.startTimeout)
		}
	default:
		if age >= r.timeout {
			return r.stop(ctx, arn, "it did not end", r.timeout)
		}
	}
	r.logf("migration: the task %s is %s", arn, status)
	return hook.Again(callBack, r.details)
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

// containerReason is why the container did not run, such as an image that is not
// there.
func (r run) containerReason(task types.Task) string {
	for _, container := range task.Containers {
		if aws.ToString(container.Name) == r.container && aws.ToString(container.Reason) != "" {
			return "; " + *container.Reason
		}
	}
	return ""
}

// created is when the task's time began to run.
func (r run) created(task types.Task) time.Time {
	if task.CreatedAt != nil {
		return *task.CreatedAt
	}
	return r.since
}

// stop ends a task that takes too long, so that nothing changes the schema after
// the deployment was given up.
func (r run) stop(ctx context.Context, arn, why string, limit time.Duration) hook.Answer {
	_, err := r.ecs.StopTask(ctx, &ecs.StopTaskInput{
		Cluster: new(r.cluster), Task: new(arn), Reason: new("the migration hook: " + why + " within " + limit.String()),
	})
	if err != nil && passing(err) && r.now().Sub(r.since) < 2*(r.timeout+r.startTimeout) {
		r.logf("migration: the task %s cannot be stopped, trying again: %v", arn, err)
		return hook.Again(callBack, r.details)
	}
	if err != nil {
		return r.failed("the task %s: %s within %s, and it cannot be stopped: %v", arn, why, limit, err)
	}
	return r.failed("the task %s was stopped: %s within %s", arn, why, limit)
}
