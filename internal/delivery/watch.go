package delivery

import (
	"context"
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
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
)

// watch looks at the service's own deployment while CloudFormation waits for it. ECS's
// circuit breaker may do the same, and AWS's pages disagree on whether it does for
// blue/green deployments, so that nothing here relies on it.
type watch struct {
	*Session
	at      place
	before  map[string]bool // deployments that were there before, by ARN
	existed bool            // the service was there before
	failed  map[string]string
	state   string // as it was last said
	// hopeless is why the deployment was given up.
	hopeless string
	stopped  bool
}

// pollService is how often the deployment is looked at.
const pollService = 20 * time.Second

// runWatched runs one command of the CLI that deploys a stack and, where the service
// is in it, watches ECS's deployment: it stops a hopeless one, and believes no success
// that ECS does not confirm.
func (s *Session) runWatched(ctx context.Context, stack cfn.Stack, arguments []string) error {
	index := slices.IndexFunc(s.services(), func(at place) bool { return at.stack == stack.Name })
	if index < 0 || len(stack.Template.OfType("AWS::ECS::Service")) == 0 {
		return s.runCDK(ctx, arguments...)
	}
	w := &watch{Session: s, at: s.services()[index], before: map[string]bool{}, failed: map[string]string{}}
	if err := w.remember(ctx); err != nil {
		return fmt.Errorf("nothing was begun: %s", account.Explain(err))
	}
	watching, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for poll.Sleep(watching, pollService) == nil && watching.Err() == nil {
			w.look(watching)
		}
	}()
	err := s.runCDK(ctx, arguments...)
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

// remember notes what is there before the deployment.
func (w *watch) remember(ctx context.Context) error {
	service, err := w.service(ctx)
	if err != nil {
		return err
	}
	w.existed = service != nil
	known, err := w.list(ctx)
	for _, one := range known {
		w.before[aws.ToString(one.ServiceDeploymentArn)] = true
	}
	return err
}

// service is the service as ECS has it, or nil.
func (w *watch) service(ctx context.Context) (*types.Service, error) {
	answer, err := w.ecs(w.at.region).DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: new(w.Env.Names().ECSClusterName()), Services: []string{w.Env.Names().ServiceName()},
	})
	if account.Code(err) == "ClusterNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, found := range answer.Services {
		if aws.ToString(found.Status) != "INACTIVE" { // what was deleted is shown for a while
			return &found, nil
		}
	}
	return nil, nil
}

// list is every deployment of the service, newest first.
func (w *watch) list(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	all, err := w.deployments(ctx, w.at.region, map[string]string{
		config.OutputCluster: w.Env.Names().ECSClusterName(), config.OutputService: w.Env.Names().ServiceName(),
	}, nil)
	if account.Code(err) == "ClusterNotFoundException" || account.Code(err) == "ServiceNotFoundException" {
		return nil, nil
	}
	return all, err
}

// current is the deployment that this command caused, or nil as long as ECS shows none.
func (w *watch) current(ctx context.Context) (*types.ServiceDeployment, error) {
	all, err := w.list(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(one types.ServiceDeploymentBrief) bool { return w.before[aws.ToString(one.ServiceDeploymentArn)] })
	if len(all) == 0 {
		return nil, nil
	}
	answer, err := w.ecs(w.at.region).DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{aws.ToString(all[0].ServiceDeploymentArn)},
	})
	if err != nil || len(answer.ServiceDeployments) == 0 {
		return nil, err
	}
	return &answer.ServiceDeployments[0], nil
}

// look says how the deployment stands, and stops it when it is hopeless. What it cannot
// see it says, and looks again.
func (w *watch) look(ctx context.Context) {
	found, err := w.current(ctx)
	if err == nil && found != nil && slices.Contains(deploymentsUnderWay, found.Status) {
		if err = w.count(ctx, *found); err == nil {
			w.judge(ctx, *found)
		}
	}
	if err != nil && ctx.Err() == nil {
		w.say("the service's deployment cannot be seen: " + account.Explain(err))
	}
}

// say prints what differs from the last time.
func (w *watch) say(state string) {
	if state != w.state {
		w.Console.Say("  %s: %s", w.at.stack, state)
		w.state = state
	}
}

// count adds the tasks of the new revision that failed since the last look. A task
// that the scheduler stopped did not fail, unless it says that its health checks did:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
func (w *watch) count(ctx context.Context, deployment types.ServiceDeployment) error {
	definition, err := w.definition(ctx, deployment)
	if err != nil {
		return err
	}
	pages := ecs.NewListTasksPaginator(w.ecs(w.at.region), &ecs.ListTasksInput{
		Cluster: new(w.Env.Names().ECSClusterName()), ServiceName: new(w.Env.Names().ServiceName()), DesiredStatus: types.DesiredStatusStopped,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		answer, err := w.ecs(w.at.region).DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: new(w.Env.Names().ECSClusterName()), Tasks: page.TaskArns})
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

func taskFailed(task types.Task) bool {
	if task.StopCode == types.TaskStopCodeTaskFailedToStart || task.StopCode == types.TaskStopCodeEssentialContainerExited {
		return true
	}
	return strings.Contains(strings.ToLower(aws.ToString(task.StoppedReason)), "health checks")
}

// definition is the task definition of the revision that is being deployed.
func (w *watch) definition(ctx context.Context, deployment types.ServiceDeployment) (string, error) {
	if deployment.TargetServiceRevision == nil {
		return "", nil
	}
	answer, err := w.ecs(w.at.region).DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{
		ServiceRevisionArns: []string{aws.ToString(deployment.TargetServiceRevision.Arn)},
	})
	if err != nil || len(answer.ServiceRevisions) == 0 {
		return "", err
	}
	return aws.ToString(answer.ServiceRevisions[0].TaskDefinition), nil
}

// failuresAllowed is from how many failed tasks a deployment is hopeless: ECS's own
// formula, half of the wanted tasks, at least 3 and at most 200
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html).
func failuresAllowed(wanted int) int { return min(200, max(3, (wanted+1)/2)) }

// judge gives a deployment up of which too many tasks failed, or that takes longer than
// one that ends well can.
func (w *watch) judge(ctx context.Context, deployment types.ServiceDeployment) {
	wanted, running := 0, 0
	if revision := deployment.TargetServiceRevision; revision != nil {
		wanted, running = int(revision.RequestedTaskCount), int(revision.RunningTaskCount)
	}
	failed := len(w.failed)
	if breaker := deployment.DeploymentCircuitBreaker; breaker != nil {
		failed = max(failed, int(breaker.FailureCount))
	}
	w.say(fmt.Sprintf("%s %s, %d of %d new tasks run, %d failed", deployment.Status, deployment.LifecycleStage, running, wanted, failed))
	switch age := time.Now().Sub(aws.ToTime(deployment.CreatedAt)); {
	case failed >= failuresAllowed(wanted):
		w.hopeless = fmt.Sprintf("%d tasks of the new release failed (%s)", failed, strings.Join(w.reasons(), "; "))
	case age > w.Env.Delivery.Longest():
		w.hopeless = fmt.Sprintf("the deployment of the service takes %s, and one that ends well at most %s", age.Round(time.Minute), w.Env.Delivery.Longest())
	default:
		return
	}
	if slices.Contains(goingBack, deployment.Status) || w.stopped {
		return
	}
	w.giveUp(ctx, aws.ToString(deployment.ServiceDeploymentArn))
}

// reasons are why tasks failed, each once.
func (w *watch) reasons() []string {
	return slices.Compact(slices.Sorted(maps.Values(w.failed)))
}

// giveUp lets ECS return to the release before, which fails CloudFormation's update
// now and not hours later.
func (w *watch) giveUp(ctx context.Context, deployment string) {
	w.Console.Say("  %s: hopeless: %s; stopping it", w.at.stack, w.hopeless)
	client := ecs.NewFromConfig(w.account.Writing(w.at.region))
	_, err := client.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &deployment, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	if w.stopped = err == nil; w.stopped {
		return
	}
	// A first deployment has nothing to return to, and then ECS may refuse.
	w.Console.Say("  %s: it could not be stopped: %s\n  by hand: aws ecs stop-service-deployment --region %s --service-deployment-arn %s --stop-type ROLLBACK\n  or, for a first one: aws cloudformation cancel-update-stack --region %s --stack-name %s",
		w.at.stack, account.Explain(err), w.at.region, deployment, w.at.region, w.at.stack)
}

// looksAfter is how often ECS is asked after CloudFormation's success: its answers may
// be some time behind.
const looksAfter = 6

// confirmed fails unless ECS, too, says that the deployment succeeded: a failed first
// one has been seen to end as CREATE_COMPLETE.
func (w *watch) confirmed(ctx context.Context) error {
	last := "ECS shows no deployment of the service"
	for range looksAfter {
		found, err := w.current(ctx)
		switch {
		case err != nil:
			last = account.Explain(err)
		case found == nil && w.existed:
			return nil // the service itself did not change
		case found == nil:
		case found.Status == types.ServiceDeploymentStatusSuccessful:
			return w.rolledOut(ctx)
		case !slices.Contains(deploymentsUnderWay, found.Status):
			return fmt.Errorf("CloudFormation has ended well, and ECS's deployment is %s: %s", found.Status, aws.ToString(found.StatusReason))
		default:
			last = "ECS's deployment is still " + string(found.Status)
		}
		if err := poll.Sleep(ctx, pollService); err != nil {
			return err
		}
	}
	return exit.With(exit.Failed, "CloudFormation has ended well, and %s", last)
}

// rolledOut fails where the service's own state contradicts.
func (w *watch) rolledOut(ctx context.Context) error {
	service, err := w.service(ctx)
	if err != nil {
		return fmt.Errorf("the service cannot be seen: %s", account.Explain(err))
	}
	if service == nil {
		return fmt.Errorf("CloudFormation has ended well, and ECS has no service %s", w.Env.Names().ServiceName())
	}
	for _, deployment := range service.Deployments {
		if deployment.RolloutState == types.DeploymentRolloutStateFailed {
			return fmt.Errorf("CloudFormation has ended well, and ECS's rollout has FAILED: %s", aws.ToString(deployment.RolloutStateReason))
		}
	}
	return nil
}
