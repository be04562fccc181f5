package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/lambda/internal/hook"
)

// callBack is the time until ECS calls again. A task needs about half a minute to
// start, so that a shorter one would only ask more often.
const callBack = 15 * time.Second

// What the function remembers from call to call (hook.Details). Without them it
// still finds its task, by the client token.
const (
	taskKey    = "task"    // ARN of the task that was started
	sinceKey   = "since"   // time of the first attempt to start one, RFC 3339
	attemptKey = "attempt" // how often ECS had no place for it
	// definitionKey may stand in the service's own definition. It comes before
	// TASK_DEFINITION, because it returns with the service when CloudFormation
	// returns to an earlier template, whatever the function's variables say then.
	definitionKey = "taskDefinition"
)

// taskAPI is the part of ECS that the function uses.
type taskAPI interface {
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
}

// handler runs the migration of one deployment.
type handler struct {
	settings
	ecs  taskAPI
	now  func() time.Time
	logf func(format string, values ...any)
}

// handle never returns an error: ECS would roll back, and the reason would be
// somewhere else than all others.
func (h handler) handle(ctx context.Context, event hook.Event) (hook.Answer, error) {
	r := run{handler: h, token: token(event), details: hook.Details{}}
	for name, value := range event.Details {
		r.details[name] = value
	}
	var err error
	if r.since, err = time.Parse(time.RFC3339, r.details[sinceKey]); err != nil {
		r.since = h.now()
		r.details[sinceKey] = r.since.UTC().Format(time.RFC3339)
	}
	return r.step(ctx), nil
}

// token identifies the deployment's migration: the same for every call of one
// deployment, another for the next deployment of the same image. Two calls at once
// therefore start one task. The guide promises that the ARN is the deployment's
// and not that the execution's ID stays the same; the ID serves should the ARN
// ever be another.
func token(event hook.Event) string {
	source := event.ExecutionID
	if strings.Contains(event.ResourceARN, ":service-deployment/") {
		source = event.ResourceARN
	}
	sum := sha256.Sum256([]byte(source))
	return "migration-" + hex.EncodeToString(sum[:16]) // RunTask takes 64 characters
}

// run is one call's view of the migration.
type run struct {
	handler
	token   string
	details hook.Details
	since   time.Time // of the first attempt to start a task
}

// step finds the deployment's task, starts it if there is none, and judges it.
func (r run) step(ctx context.Context) hook.Answer {
	arn := r.details[taskKey]
	if arn == "" {
		var answer hook.Answer
		if arn, answer = r.start(ctx); arn == "" {
			return answer
		}
		r.details[taskKey] = arn
	}
	found, err := r.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: new(r.cluster), Tasks: []string{arn}})
	if err != nil {
		return r.later("the task cannot be looked at", err)
	}
	if len(found.Tasks) == 0 {
		return r.gone(arn)
	}
	return r.judge(ctx, found.Tasks[0])
}

// start asks for the task. With the token of an earlier call ECS answers with the
// task of that call (ECS_Idempotency in the developer guide).
func (r run) start(ctx context.Context) (arn string, answer hook.Answer) {
	attempt, _ := strconv.Atoi(r.details[attemptKey]) // absent at first
	definition := r.details[definitionKey]
	if definition == "" {
		definition = r.taskDefinition
	}
	name := fmt.Sprintf("%s-%d", r.token, attempt)
	out, err := r.ecs.RunTask(ctx, &ecs.RunTaskInput{
		Cluster: new(r.cluster), TaskDefinition: new(definition), Count: new(int32(1)),
		LaunchType: types.LaunchTypeFargate, ClientToken: new(name), StartedBy: new(name),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: r.subnets, SecurityGroups: r.securityGroups, AssignPublicIp: types.AssignPublicIpDisabled,
		}},
	})
	var conflict *types.ConflictException
	switch {
	case errors.As(err, &conflict) && len(conflict.ResourceIds) > 0:
		// Another call of the same deployment, with other settings, was first.
		return conflict.ResourceIds[0], answer
	case err != nil:
		return "", r.later("the task cannot be started", err)
	case len(out.Tasks) == 0:
		// The refusal is what this token stands for from now on.
		r.details[attemptKey] = strconv.Itoa(attempt + 1)
		return "", r.unplaced(out.Failures)
	}
	arn = aws.ToString(out.Tasks[0].TaskArn)
	r.logf("migration: task %s of %s", arn, definition)
	return arn, answer
}

// unplaced waits for a place for the task, but not for ever. A missing image is
// not among these reasons: it shows in a task that stops.
func (r run) unplaced(failures []types.Failure) hook.Answer {
	reasons := make([]string, 0, len(failures))
	for _, failure := range failures {
		reasons = append(reasons, strings.TrimSpace(aws.ToString(failure.Reason)+" "+aws.ToString(failure.Detail)))
	}
	why := strings.Join(reasons, "; ")
	if r.now().Sub(r.since) >= r.startTimeout {
		return r.failed("ECS placed no task within %s: %s", r.startTimeout, why)
	}
	r.logf("migration: ECS placed no task, trying again: %s", why)
	return hook.Again(callBack, r.details)
}

// gone starts again after ECS has forgotten the task, about an hour after its end.
// The runner finds out what the task before it did, because it asks the database.
func (r run) gone(arn string) hook.Answer {
	if r.now().Sub(r.since) >= r.timeout+r.startTimeout {
		return r.failed("the task %s is no longer known, and nobody looked at it in time", arn)
	}
	attempt, _ := strconv.Atoi(r.details[attemptKey]) // absent at first
	r.logf("migration: the task %s is not known, starting another", arn)
	r.details[attemptKey], r.details[taskKey] = strconv.Itoa(attempt+1), ""
	return hook.Again(callBack, r.details)
}

// later answers a call of ECS's API that failed: what may pass is tried again.
func (r run) later(what string, err error) hook.Answer {
	if r.now().Sub(r.since) >= r.timeout+r.startTimeout || !passing(err) {
		return r.failed("%s: %v", what, err)
	}
	r.logf("migration: %s, trying again: %v", what, err)
	return hook.Again(callBack, r.details)
}

// passing is what the SDK itself would try again: throttling, a fault of ECS, a
// connection that broke.
func passing(err error) bool {
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

func (r run) failed(format string, values ...any) hook.Answer {
	r.logf("migration: FAILED: "+format, values...)
	return hook.Answer{Status: hook.Failed}
}
