package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// history is what the function needs to know of the service's deployments. All but
// those under way began after the rotation.
type history struct {
	underWay, succeeded string // ARN of one, if there is any
	stopped             string // ARN of one that no machine ended
	failed              int    // how many a machine ended
}

// deployments looks at the service's deployments.
func (h handler) deployments(ctx context.Context, since time.Time) (history, error) {
	var seen history
	// "View service history": what is pending or ongoing.
	err := h.each(ctx, &ecs.ListServiceDeploymentsInput{Status: []types.ServiceDeploymentStatus{
		types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress,
		types.ServiceDeploymentStatusStopRequested,
		types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
	}}, func(found types.ServiceDeploymentBrief) { seen.underWay = aws.ToString(found.ServiceDeploymentArn) })
	if err != nil || seen.underWay != "" {
		return seen, err
	}
	var ended []string
	err = h.each(ctx, &ecs.ListServiceDeploymentsInput{
		Status: []types.ServiceDeploymentStatus{
			types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopped,
			types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed,
		},
		CreatedAt: &types.CreatedAt{After: new(since)},
	}, func(found types.ServiceDeploymentBrief) {
		switch {
		case !aws.ToTime(found.CreatedAt).After(since):
		case found.Status == types.ServiceDeploymentStatusSuccessful:
			seen.succeeded = aws.ToString(found.ServiceDeploymentArn)
		default:
			ended = append(ended, aws.ToString(found.ServiceDeploymentArn))
		}
	})
	if err != nil || len(ended) == 0 {
		return seen, err
	}
	err = h.endedBy(ctx, ended, &seen) // first: the order within a return is not specified
	return seen, err
}

// mostDescribed is how many deployments DescribeServiceDeployments takes.
const mostDescribed = 20

// endedBy tells the deployments that a machine ended from those that a person did.
// StopServiceDeployment leaves a rollback like any other behind it, with none of the
// machine's traces: a circuit breaker or an alarm that was triggered, or a hook that
// failed (API_ServiceDeployment).
func (h handler) endedBy(ctx context.Context, ended []string, seen *history) error {
	out, err := h.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: ended[:min(len(ended), mostDescribed)],
	})
	if err != nil {
		return fmt.Errorf("look at the deployments that failed: %w", err)
	}
	machine := map[string]bool{}
	for _, found := range out.ServiceDeployments {
		machine[aws.ToString(found.ServiceDeploymentArn)] = byMachine(found)
	}
	for _, arn := range ended {
		if machine[arn] {
			seen.failed++
		} else {
			seen.stopped = arn
		}
	}
	return nil
}

func byMachine(found types.ServiceDeployment) bool {
	triggered := types.ServiceDeploymentRollbackMonitorsStatusTriggered
	if found.DeploymentCircuitBreaker != nil && found.DeploymentCircuitBreaker.Status == triggered {
		return true
	}
	if found.Alarms != nil && (found.Alarms.Status == triggered || len(found.Alarms.TriggeredAlarmNames) > 0) {
		return true
	}
	for _, hook := range found.LifecycleHookDetails {
		if hook.Status == types.DeploymentLifecycleHookStatusFailed || hook.Status == types.DeploymentLifecycleHookStatusTimedOut {
			return true
		}
	}
	return false
}

// each visits every deployment that fits, page by page.
func (h handler) each(ctx context.Context, in *ecs.ListServiceDeploymentsInput, visit func(types.ServiceDeploymentBrief)) error {
	in.Cluster, in.Service = new(h.cluster), new(h.service)
	for {
		page, err := h.ecs.ListServiceDeployments(ctx, in)
		if err != nil {
			return fmt.Errorf("list the service's deployments: %w", err)
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
