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
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/hook"
)

const (
	// callBack is the time until ECS calls again. A task needs about half a minute to
	// start, so that a shorter one would only ask more often.
	callBack = 15 * time.Second
	// reserve is kept of the function's time for its answer.
	reserve = 10 * time.Second
	// visible is how long ECS may not know a task that it has just started: API_RunTask
	// wants DescribeTasks repeated with waits of up to five minutes.
	visible = 5 * time.Minute
	// stopWait is how long a task that was told to stop may take: its container's
	// stopTimeout of two minutes, and the minute in which Fargate takes it down.
	stopWait = 3 * time.Minute
)

// What the function remembers from call to call (hook.Details). Without them it
// still finds its task, by the client token.
const (
	taskKey     = "task"     // ARN of the task that was started
	sinceKey    = "since"    // time of the first call, RFC 3339
	startedKey  = "started"  // time at which ECS named the task
	attemptKey  = "attempt"  // how often a task was refused or did not start
	servingKey  = "serving"  // what serves, as the task is told
	stoppingKey = "stopping" // time at which the task was told to stop, or should have been
	// definitionKey may stand in the service's own definition. It comes before
	// TASK_DEFINITION, because it returns with the service when CloudFormation
	// returns to an earlier template, whatever the function's variables say then.
	definitionKey = "taskDefinition"
)

// ecsAPI is the part of ECS that the function uses.
type ecsAPI interface {
	servicesAPI
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
}

// handler runs the migration of one deployment.
type handler struct {
	settings
	ecs   ecsAPI
	other servicesAPI // the other region's, nil if there is none
	now   func() time.Time
	logf  func(format string, values ...any)
}

// handle never returns an error: ECS would roll back, and the reason would be
// somewhere else than all others.
func (h handler) handle(ctx context.Context, event hook.Event) (hook.Answer, error) {
	ctx, cancel := attempt.WithReserve(ctx, reserve)
	defer cancel()
	r := run{handler: h, deployment: event.ResourceARN, token: token(event), details: hook.Details{}}
	for name, value := range event.Details {
		r.details[name] = value
	}
	r.since = r.moment(sinceKey)
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
	deployment string // ARN
	token      string
	details    hook.Details
	since      time.Time // of the first call
}

// moment is a time that is remembered; the first time it is now.
func (r run) moment(key string) time.Time {
	if then, err := time.Parse(time.RFC3339, r.details[key]); err == nil {
		return then
	}
	now := r.now().Truncate(time.Second)
	r.details[key] = now.UTC().Format(time.RFC3339)
	return now
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
		delete(r.details, startedKey)
	}
	started := r.moment(startedKey)
	found, err := r.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: new(r.cluster), Tasks: []string{arn}})
	switch {
	case err != nil:
		return r.later("the task "+arn+" cannot be looked at", err, r.timeout+r.startTimeout+stopWait)
	case len(found.Tasks) > 0:
		return r.judge(ctx, found.Tasks[0])
	case r.now().Sub(started) < visible:
		r.logf("migration: ECS does not know the task %s yet", arn)
		return r.again()
	}
	return r.failed("ECS has not known the task %s for %s: its log says whether it ran, and it ends by itself within %s", arn, visible, r.timeout)
}

func (r run) again() hook.Answer { return hook.Again(callBack, r.details) }

// start asks for the task. With the token of an earlier call ECS answers with the
// task of that call (ECS_Idempotency in the developer guide).
func (r run) start(ctx context.Context) (arn string, answer hook.Answer) {
	if r.details[servingKey] == "" {
		serving, err := r.serving(ctx)
		if err != nil && attempt.Passing(err) && r.now().Sub(r.since) < r.startTimeout {
			r.logf("migration: what serves is not known yet: %v", err)
			return "", r.again()
		}
		if err != nil {
			r.logf("migration: what serves is not known, so that no contract runs: %v", err)
			serving = unknown
		}
		r.details[servingKey] = serving
	}
	number, _ := strconv.Atoi(r.details[attemptKey]) // absent at first
	out, err := r.ecs.RunTask(ctx, r.task(fmt.Sprintf("%s-%d", r.token, number)))
	var conflict *types.ConflictException
	switch {
	case errors.As(err, &conflict) && len(conflict.ResourceIds) > 0:
		// Another call of the same deployment, with other settings, was first.
		return conflict.ResourceIds[0], answer
	case err != nil:
		return "", r.later("the task cannot be started", err, r.startTimeout)
	case len(out.Tasks) == 0:
		return "", r.another("ECS placed no task: " + reasons(out.Failures))
	}
	arn = aws.ToString(out.Tasks[0].TaskArn)
	r.logf("migration: task %s of %s, while there serve: %s", arn, r.definition(), r.details[servingKey])
	return arn, answer
}

// definition is the task definition of the release's migrations.
func (r run) definition() string {
	if own := r.details[definitionKey]; own != "" {
		return own
	}
	return r.taskDefinition
}

// task is what is asked of ECS. The program's own limit holds where nobody calls the
// function any more, as when a person stops the deployment.
func (r run) task(name string) *ecs.RunTaskInput {
	command := []string{"up", "--give-up-after", r.timeout.String()}
	for tag := range strings.SplitSeq(r.details[servingKey], ",") {
		if tag != unknown {
			command = append(command, "--serving", tag)
		}
	}
	return &ecs.RunTaskInput{
		Cluster: new(r.cluster), TaskDefinition: new(r.definition()), Count: new(int32(1)),
		LaunchType: types.LaunchTypeFargate, ClientToken: new(name), StartedBy: new(name),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: r.subnets, SecurityGroups: r.securityGroups, AssignPublicIp: types.AssignPublicIpDisabled,
		}},
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: new(r.container), Command: command}}},
	}
}

func reasons(failures []types.Failure) string {
	all := make([]string, 0, len(failures))
	for _, failure := range failures {
		all = append(all, strings.TrimSpace(aws.ToString(failure.Reason)+" "+aws.ToString(failure.Detail)))
	}
	return strings.Join(all, "; ")
}

// another asks for a new task at the next call: the refusal, or the task that did not
// start, is what the token stands for. It does not ask for ever.
func (r run) another(why string) hook.Answer {
	if r.now().Sub(r.since) >= r.startTimeout {
		return r.failed("%s (tried for %s)", why, r.startTimeout)
	}
	r.logf("migration: %s; trying again", why)
	number, _ := strconv.Atoi(r.details[attemptKey]) // absent at first
	r.details[attemptKey], r.details[taskKey] = strconv.Itoa(number+1), ""
	return r.again()
}

// later answers a call of ECS's API that failed: what may pass is tried again.
func (r run) later(what string, err error, within time.Duration) hook.Answer {
	if !attempt.Passing(err) && !busy(err.Error()) {
		return r.failed("%s: %v", what, err)
	}
	if r.now().Sub(r.since) >= within {
		return r.failed("%s (tried for %s): %v", what, within, err)
	}
	r.logf("migration: %s, trying again: %v", what, err)
	return r.again()
}

func (r run) failed(format string, values ...any) hook.Answer {
	r.logf("migration: FAILED: "+format, values...)
	return hook.Answer{Status: hook.Failed}
}
