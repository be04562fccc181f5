package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/taskage"
)

const (
	// reserve is what is kept of the function's time to say which messages come back.
	reserve = 10 * time.Second
	// deployments is how many of them may fail before a person must look: each pages
	// somebody.
	deployments = 2
)

// service is the part of ECS that the function uses.
type service interface {
	taskage.API
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// sender is the part of SQS that the function itself uses.
type sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// describer is the part of Secrets Manager that the function uses.
type describer interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
}

// handler deploys one service again.
type handler struct {
	ecs              service
	sqs              sender
	secrets          describer
	cluster, service string
	failed           string // URL of the queue of what is given up
	secret           string // the region's own copy
	// delay is how long the region's copy of the secret may take to follow the event;
	// 0 in the region where it is rotated.
	delay time.Duration
	logf  func(format string, values ...any)
}

// request is a message that was understood. Tasks from before since may hold the
// password before.
type request struct {
	events.SQSMessage
	since   time.Time
	version string // of the secret, which is current since the event
}

// handle returns the messages that are not done with: they come back after the
// queue's visibility timeout, and after the queue's number of receptions they go
// to the queue of failures.
func (h handler) handle(ctx context.Context, batch events.SQSEvent) (response events.SQSEventResponse, err error) {
	ctx, cancel := attempt.WithReserve(ctx, reserve)
	defer cancel()
	var open []request
	for _, message := range batch.Records {
		asked, err := read(message)
		if err != nil {
			h.giveUp(ctx, &response, request{SQSMessage: message}, err)
			continue
		}
		asked.since = asked.since.Add(h.delay)
		open = append(open, asked)
	}
	if len(open) == 0 {
		return response, nil
	}
	done, err := h.judge(ctx, open)
	switch {
	case err != nil && !attempt.Passing(err) && ctx.Err() == nil:
		for _, each := range open {
			h.giveUp(ctx, &response, each, err)
		}
	case err != nil:
		h.logf("redeploy: looking again: %v", err)
		keep(&response, open...)
	case !done:
		keep(&response, open...)
	}
	return response, nil
}

// judge looks at the tasks, and starts a deployment if that is what they need. It is
// done when no task holds an old password; an error that does not pass is for a
// person.
func (h handler) judge(ctx context.Context, open []request) (done bool, err error) {
	since, err := h.since(ctx, open)
	if err != nil {
		return false, err
	}
	oldest, exists, err := taskage.Oldest(ctx, h.ecs, h.cluster, h.service)
	if err != nil {
		return false, err
	}
	if !exists || oldest.Created.After(since) {
		h.logf("redeploy: every task is newer than the password")
		return true, nil
	}
	seen, err := h.deployments(ctx, since)
	if err != nil {
		return taskage.Absent(err), present(err)
	}
	switch {
	case seen.underWay != "":
		h.logf("redeploy: waiting for %s", seen.underWay)
		return false, nil
	case seen.succeeded != "":
		h.logf("redeploy: %s has succeeded, waiting for the end of %s", seen.succeeded, oldest.ARN)
		return false, nil
	case seen.stopped != "":
		return false, fmt.Errorf("somebody stopped %s, or nobody knows who: deploy when its reason is gone", seen.stopped)
	case seen.failed >= deployments:
		return false, fmt.Errorf("%d deployments have failed since the rotation", seen.failed)
	}
	return h.deploy(ctx)
}

// since is the time from which on every task must have started: the newest of the
// messages', and in the other region not before its copy of the secret changed.
func (h handler) since(ctx context.Context, open []request) (time.Time, error) {
	newest := slices.MaxFunc(open, func(a, b request) int { return a.since.Compare(b.since) })
	if h.delay == 0 {
		return newest.since, nil
	}
	found, err := h.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: new(h.secret)})
	if err != nil {
		return newest.since, fmt.Errorf("describe this region's copy of the secret: %w", err)
	}
	stages := found.VersionIdsToStages[newest.version]
	if !slices.Contains(stages, "AWSCURRENT") && !slices.Contains(stages, "AWSPREVIOUS") {
		return newest.since, attempt.Again(errors.New("this region's copy of the secret does not have the new password yet"))
	}
	if changed := aws.ToTime(found.LastChangedDate); changed.After(newest.since) {
		return changed, nil
	}
	return newest.since, nil
}

// keep lets messages come back.
func keep(response *events.SQSEventResponse, messages ...request) {
	for _, each := range messages {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: each.MessageId})
	}
}

// giveUp puts a message where an alarm looks, with the reason, and is done with it
// then: in its own queue it would hold up the next one.
func (h handler) giveUp(ctx context.Context, response *events.SQSEventResponse, message request, why error) {
	h.logf("redeploy: FAILED: the message %s: %v", message.MessageId, why)
	_, err := h.sqs.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: new(h.failed), MessageBody: new(message.Body),
		MessageGroupId: new("failed"), MessageDeduplicationId: new(message.MessageId),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"Reason": {DataType: new("String"), StringValue: new(why.Error())},
		},
	})
	if err != nil {
		h.logf("redeploy: the message %s stays: %v", message.MessageId, err)
		keep(response, message)
	}
}

// deploy replaces the service's tasks by others of the same version. It asks once:
// the answer may be lost and the deployment under way, which the next look shows.
func (h handler) deploy(ctx context.Context) (done bool, err error) {
	_, err = h.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: new(h.cluster), Service: new(h.service), ForceNewDeployment: true,
	}, func(o *ecs.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		return taskage.Absent(err), present(fmt.Errorf("start a deployment: %w", err))
	}
	h.logf("redeploy: a new deployment of %s", h.service)
	return false, nil
}

// present drops the error that there is no service: without one no task has an old
// password.
func present(err error) error {
	if taskage.Absent(err) {
		return nil
	}
	return err
}

// read understands a message. EventBridge gives an event's time in whole seconds, so
// it may be a second later than it says.
func read(message events.SQSMessage) (request, error) {
	var event events.EventBridgeEvent
	if err := json.Unmarshal([]byte(message.Body), &event); err != nil {
		return request{}, fmt.Errorf("want an event of EventBridge: %w", err)
	}
	var detail struct{ Version string }
	if json.Unmarshal(event.Detail, &detail) != nil || event.Time.IsZero() || detail.Version == "" {
		return request{}, errors.New("want an event of EventBridge with its time and the secret's version")
	}
	return request{SQSMessage: message, since: event.Time.Add(time.Second), version: detail.Version}, nil
}
