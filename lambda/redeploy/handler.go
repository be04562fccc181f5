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
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// deployer is the part of ECS that the function uses.
type deployer interface {
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// handler deploys one service again.
type handler struct {
	ecs              deployer
	cluster, service string
	logf             func(format string, values ...any)
}

// request is a message that was understood: its password was rotated at that time.
type request struct {
	message string // ID
	rotated time.Time
}

// handle returns the messages that are not done with: they come back after the
// queue's visibility timeout, and after the queue's number of receptions they go
// to the dead-letter queue. A message whose deployment failed asks for another.
func (h handler) handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	requests, response := h.read(batch)
	if len(requests) == 0 {
		return response, nil
	}
	seen, err := h.deployments(ctx, requests)
	if absent(err) {
		h.logf("redeploy: there is no service, and so no task with an old password")
		return response, nil
	}
	open := false
	for _, each := range requests {
		if err != nil || !seen.replaced(each.rotated) {
			open = true
			keep(&response, each.message)
		}
	}
	switch {
	case err != nil:
		h.logf("redeploy: the service's deployments: %v", err)
	case !open:
		h.logf("redeploy: every task is newer than the password")
	case seen.underWay != "":
		h.logf("redeploy: waiting for %s", seen.underWay)
	default:
		h.deploy(ctx)
	}
	return response, nil
}

// read understands the messages, and keeps those that it does not understand.
func (h handler) read(batch events.SQSEvent) (requests []request, response events.SQSEventResponse) {
	for _, message := range batch.Records {
		rotated, err := rotatedAt(message.Body)
		if err != nil {
			h.logf("redeploy: the message %s: %v", message.MessageId, err)
			keep(&response, message.MessageId)
			continue
		}
		requests = append(requests, request{message: message.MessageId, rotated: rotated})
	}
	return requests, response
}

// keep lets a message come back.
func keep(response *events.SQSEventResponse, message string) {
	response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message})
}

// deploy replaces the service's tasks by others of the same version.
func (h handler) deploy(ctx context.Context) {
	_, err := h.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: new(h.cluster), Service: new(h.service), ForceNewDeployment: true,
	})
	if err != nil {
		h.logf("redeploy: the deployment cannot be started: %v", err)
		return
	}
	h.logf("redeploy: a new deployment of %s", h.service)
}

// rotatedAt is the time of the event in a message's body, which EventBridge gives
// in whole seconds.
func rotatedAt(body string) (time.Time, error) {
	var event events.EventBridgeEvent
	if err := json.Unmarshal([]byte(body), &event); err != nil {
		return time.Time{}, fmt.Errorf("want an event of EventBridge: %w", err)
	}
	if event.Time.IsZero() {
		return time.Time{}, errors.New("want an event of EventBridge with its time")
	}
	return event.Time, nil
}

// history is what the function needs to know of the service's deployments.
type history struct {
	underWay string      // ARN, if there is one
	done     []time.Time // when the successful ones were created
}

// replaced tells whether a successful deployment began after the event: its tasks
// read the new password. The event's second may be the one before.
func (h history) replaced(rotated time.Time) bool {
	for _, created := range h.done {
		if created.After(rotated.Add(time.Second)) {
			return true
		}
	}
	return false
}

// deployments looks at all that are under way, and at those that succeeded since
// the oldest of the requests.
func (h handler) deployments(ctx context.Context, requests []request) (history, error) {
	var seen history
	since := slices.MinFunc(requests, func(a, b request) int { return a.rotated.Compare(b.rotated) }).rotated
	err := h.each(ctx, &ecs.ListServiceDeploymentsInput{Status: []types.ServiceDeploymentStatus{
		types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress,
		types.ServiceDeploymentStatusStopRequested,
		types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
	}}, func(found types.ServiceDeploymentBrief) { seen.underWay = aws.ToString(found.ServiceDeploymentArn) })
	if err != nil {
		return seen, err
	}
	err = h.each(ctx, &ecs.ListServiceDeploymentsInput{
		Status:    []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful},
		CreatedAt: &types.CreatedAt{After: new(since)},
	}, func(found types.ServiceDeploymentBrief) { seen.done = append(seen.done, aws.ToTime(found.CreatedAt)) })
	return seen, err
}

// each visits every deployment that fits, page by page.
func (h handler) each(ctx context.Context, in *ecs.ListServiceDeploymentsInput, visit func(types.ServiceDeploymentBrief)) error {
	in.Cluster, in.Service = new(h.cluster), new(h.service)
	for {
		page, err := h.ecs.ListServiceDeployments(ctx, in)
		if err != nil {
			return err
		}
		for _, found := range page.ServiceDeployments {
			visit(found)
		}
		if aws.ToString(page.NextToken) == "" {
			return nil
		}
		in.NextToken = page.NextToken
	}
}

// absent tells whether the service is not there: before the first image, and when
// the environment goes.
func absent(err error) bool {
	var service *types.ServiceNotFoundException
	var cluster *types.ClusterNotFoundException
	return errors.As(err, &service) || errors.As(err, &cluster)
}
