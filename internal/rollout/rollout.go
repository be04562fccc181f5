// Package rollout watches ECS deploy the wallet's service: it stops a hopeless
// deployment, and believes no success that ECS does not confirm.
//
// ECS's circuit breaker may do the same, and AWS's pages disagree on whether it does
// for blue/green deployments, so that nothing here relies on it.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/service"
)

// Watch looks at one service's deployment.
type Watch struct {
	service.Service
	tasks   *ecs.Client
	orders  *ecs.Client // with the caller's permissions
	to      console.Console
	longest time.Duration // of a deployment that ends well

	before  map[string]bool // deployments that were there before, by ARN
	existed bool            // the service was there before
	failed  map[string]string
	said    string // the state as it was last said
	// hopeless is why the deployment was given up.
	hopeless string
	stopped  bool
}

// pollService is how often the deployment is looked at, and looksAfter how often ECS is
// asked after CloudFormation's success: its answers may be some time behind.
const (
	pollService = 20 * time.Second
	looksAfter  = 6
)

// Begin notes what is there before a deployment.
func Begin(ctx context.Context, a *account.Account, env config.Environment, to console.Console, at service.Place) (*Watch, error) {
	w := &Watch{
		Service: service.At(a, env, at), to: to, longest: env.Delivery.Longest(),
		tasks: ecs.NewFromConfig(a.Reading(at.Region)), orders: ecs.NewFromConfig(a.Writing(at.Region)),
		before: map[string]bool{}, failed: map[string]string{},
	}
	running, err := w.Running(ctx)
	if err != nil {
		return nil, err
	}
	w.existed = running != nil
	known, err := w.Deployments(ctx)
	for _, one := range known {
		w.before[aws.ToString(one.ServiceDeploymentArn)] = true
	}
	return w, err
}

// During runs what deploys the service's stack, and fails unless ECS, too, says that
// the deployment succeeded.
func (w *Watch) During(ctx context.Context, deploy func(context.Context) error) error {
	watching, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for poll.Sleep(watching, pollService) == nil && watching.Err() == nil {
			w.look(watching)
		}
	}()
	err := deploy(ctx)
	end()
	<-ended
	switch {
	case err != nil && w.hopeless != "":
		return fmt.Errorf("%s; %w", w.hopeless, err)
	case err != nil:
		return err
	}
	return w.confirmed(ctx)
}

// Redeploy starts the running release's tasks again, and waits until ECS confirms it.
func (w *Watch) Redeploy(ctx context.Context) error {
	if !w.existed {
		w.to.Say("  no service runs in %s: there is nothing to deploy again", w.Region)
		return nil
	}
	if _, err := w.orders.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &w.Cluster, Service: &w.Name, ForceNewDeployment: true}); err != nil {
		return err
	}
	w.to.Say("  the running release is deployed again: the waits of its steps and of its bake are in config's Delivery")
	err := poll.Until(ctx, pollService, w.longest+looksAfter*pollService, func() (bool, error) {
		w.look(ctx) // which stops a hopeless one
		found, err := w.current(ctx)
		if err == nil && found != nil && !slices.Contains(service.UnderWay, found.Status) {
			return true, ended(*found)
		}
		return false, nil // what cannot be seen is said, and looked at again
	})
	if errors.Is(err, poll.ErrTooLong) {
		return errors.New("ECS's deployment of the service has not ended in the time of one that ends well")
	}
	return err
}

// ended fails unless a deployment that is over succeeded.
func ended(deployment types.ServiceDeployment) error {
	if deployment.Status == types.ServiceDeploymentStatusSuccessful {
		return nil
	}
	return fmt.Errorf("ECS's deployment is %s: %s", deployment.Status, aws.ToString(deployment.StatusReason))
}

// current is the deployment that this command caused, or nil as long as ECS shows none.
func (w *Watch) current(ctx context.Context) (*types.ServiceDeployment, error) {
	all, err := w.Deployments(ctx)
	for _, one := range all {
		if arn := aws.ToString(one.ServiceDeploymentArn); !w.before[arn] {
			return w.Deployment(ctx, arn)
		}
	}
	return nil, err
}

// look says how the deployment stands, and stops it when it is hopeless. What it cannot
// see it says, and looks again.
func (w *Watch) look(ctx context.Context) {
	found, err := w.current(ctx)
	if err == nil && found != nil && slices.Contains(service.UnderWay, found.Status) {
		if err = w.count(ctx, *found); err == nil {
			w.judge(ctx, *found)
		}
	}
	if err != nil && ctx.Err() == nil {
		w.say("the service's deployment cannot be seen: " + account.Explain(err))
	}
}

// say prints what differs from the last time.
func (w *Watch) say(state string) {
	if state != w.said {
		w.to.Say("  %s: %s", w.Stack, state)
		w.said = state
	}
}

// count adds the tasks of the new revision that failed since the last look.
func (w *Watch) count(ctx context.Context, deployment types.ServiceDeployment) error {
	if deployment.TargetServiceRevision == nil {
		return nil
	}
	target := aws.ToString(deployment.TargetServiceRevision.Arn)
	revisions, err := w.Revisions(ctx, target)
	if err != nil {
		return err
	}
	definition := aws.ToString(revisions[target].TaskDefinition)
	pages := ecs.NewListTasksPaginator(w.tasks, &ecs.ListTasksInput{
		Cluster: &w.Cluster, ServiceName: &w.Name, DesiredStatus: types.DesiredStatusStopped,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		answer, err := w.tasks.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &w.Cluster, Tasks: page.TaskArns})
		if err != nil {
			return err
		}
		for _, task := range answer.Tasks {
			if aws.ToString(task.TaskDefinitionArn) == definition && taskFailed(task) {
				w.failed[aws.ToString(task.TaskArn)] = aws.ToString(task.StoppedReason)
			}
		}
	}
	return nil
}

// taskFailed says that a stopped task failed. One that the scheduler stopped did not,
// unless it says that its health checks did:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
func taskFailed(task types.Task) bool {
	if task.StopCode == types.TaskStopCodeTaskFailedToStart || task.StopCode == types.TaskStopCodeEssentialContainerExited {
		return true
	}
	return strings.Contains(strings.ToLower(aws.ToString(task.StoppedReason)), "health checks")
}

// failuresAllowed is from how many failed tasks a deployment is hopeless: ECS's own
// formula, half of the wanted tasks, at least 3 and at most 200
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html).
func failuresAllowed(wanted int) int { return min(200, max(3, (wanted+1)/2)) }

// judge gives a deployment up of which too many tasks failed, or that takes longer than
// one that ends well can.
func (w *Watch) judge(ctx context.Context, deployment types.ServiceDeployment) {
	wanted, running := 0, 0
	if revision := deployment.TargetServiceRevision; revision != nil {
		wanted, running = int(revision.RequestedTaskCount), int(revision.RunningTaskCount)
	}
	failed := len(w.failed)
	if breaker := deployment.DeploymentCircuitBreaker; breaker != nil {
		failed = max(failed, int(breaker.FailureCount))
	}
	w.say(fmt.Sprintf("%s %s, %d of %d new tasks run, %d failed", deployment.Status, deployment.LifecycleStage, running, wanted, failed))
	switch age := time.Since(aws.ToTime(deployment.CreatedAt)); {
	case failed >= failuresAllowed(wanted):
		reasons := slices.Compact(slices.Sorted(maps.Values(w.failed)))
		w.hopeless = fmt.Sprintf("%d tasks of the new release failed (%s)", failed, strings.Join(reasons, "; "))
	case age > w.longest:
		w.hopeless = fmt.Sprintf("the deployment of the service takes %s, and one that ends well at most %s", age.Round(time.Minute), w.longest)
	default:
		return
	}
	if !slices.Contains(service.GoingBack, deployment.Status) && !w.stopped {
		w.giveUp(ctx, aws.ToString(deployment.ServiceDeploymentArn))
	}
}

// giveUp lets ECS return to the release before, which fails CloudFormation's update
// now and not hours later.
func (w *Watch) giveUp(ctx context.Context, deployment string) {
	w.to.Say("  %s: hopeless: %s; stopping it", w.Stack, w.hopeless)
	_, err := w.orders.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &deployment, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	if w.stopped = err == nil; w.stopped {
		return
	}
	// A first deployment has nothing to return to, and then ECS may refuse.
	w.to.Say("  %s: it could not be stopped: %s\n  by hand: aws ecs stop-service-deployment --region %s --service-deployment-arn %s --stop-type ROLLBACK\n  or, for a first one: aws cloudformation cancel-update-stack --region %s --stack-name %s",
		w.Stack, account.Explain(err), w.Region, deployment, w.Region, w.Stack)
}

// confirmed fails unless ECS says that the deployment succeeded: a failed first one has
// been seen to end as CREATE_COMPLETE.
func (w *Watch) confirmed(ctx context.Context) error {
	last := "ECS shows no deployment of the service"
	err := poll.Until(ctx, pollService, looksAfter*pollService, func() (bool, error) {
		found, err := w.current(ctx)
		switch {
		case err != nil:
			last = account.Explain(err)
		case found == nil && w.existed:
			return true, nil // the service itself did not change
		case found == nil:
		case slices.Contains(service.UnderWay, found.Status):
			last = "ECS's deployment is still " + string(found.Status)
		default:
			if err := ended(*found); err != nil {
				return false, fmt.Errorf("CloudFormation has ended well, and %w", err)
			}
			return true, w.rolledOut(ctx)
		}
		return false, nil
	})
	if errors.Is(err, poll.ErrTooLong) {
		return exit.With(exit.Failed, "CloudFormation has ended well, and %s", last)
	}
	return err
}

// rolledOut fails where the service's own state contradicts.
func (w *Watch) rolledOut(ctx context.Context) error {
	running, err := w.Running(ctx)
	if err != nil {
		return fmt.Errorf("the service cannot be seen: %s", account.Explain(err))
	}
	if running == nil {
		return fmt.Errorf("CloudFormation has ended well, and ECS has no service %s", w.Name)
	}
	for _, deployment := range running.Deployments {
		if deployment.RolloutState == types.DeploymentRolloutStateFailed {
			return fmt.Errorf("CloudFormation has ended well, and ECS's rollout has FAILED: %s", aws.ToString(deployment.RolloutStateReason))
		}
	}
	return nil
}
