package awsfake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ECS is one service with its tasks and deployments.
type ECS struct {
	Calls
	Cluster, Service string
	Now              func() time.Time
	// Gone: the service is not there.
	Gone        bool
	Tasks       []types.Task
	Deployments []types.ServiceDeployment
	// Late is how long a new deployment stands in no list: ECS's API is eventually
	// consistent (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
	Late time.Duration
	// Updates are the requests that started a deployment.
	Updates []ecs.UpdateServiceInput
}

// NewECS makes a service without tasks.
func NewECS(now func() time.Time) *ECS {
	return &ECS{Cluster: "wallet-test", Service: "wallet-service", Now: now}
}

// ARN is a deployment's.
func ARN(id string) string {
	return "arn:aws:ecs:sa-east-1:111111111111:service-deployment/wallet-test/wallet-service/" + id
}

// Run adds a task.
func (f *ECS) Run(id string, created time.Time) {
	f.Tasks = append(f.Tasks, types.Task{
		TaskArn:   new("arn:aws:ecs:sa-east-1:111111111111:task/wallet-test/" + id),
		CreatedAt: new(created), DesiredStatus: new("RUNNING"), LastStatus: new("RUNNING"),
	})
}

// Deploy adds a deployment.
func (f *ECS) Deploy(id string, status types.ServiceDeploymentStatus, created time.Time) *types.ServiceDeployment {
	f.Deployments = append(f.Deployments, types.ServiceDeployment{
		ServiceDeploymentArn: new(ARN(id)), Status: status, CreatedAt: new(created),
	})
	return &f.Deployments[len(f.Deployments)-1]
}

// End ends the newest deployment. One that succeeds replaces the tasks by others.
func (f *ECS) End(status types.ServiceDeploymentStatus) *types.ServiceDeployment {
	last := &f.Deployments[len(f.Deployments)-1]
	last.Status = status
	if status == types.ServiceDeploymentStatusSuccessful {
		f.Tasks = nil
		f.Run("new-"+fmt.Sprint(len(f.Deployments)), last.CreatedAt.Add(time.Minute))
	}
	return last
}

func (f *ECS) check(cluster, service *string) error {
	switch {
	case f.Gone:
		return &types.ServiceNotFoundException{}
	case aws.ToString(cluster) != f.Cluster, aws.ToString(service) != f.Service:
		return &types.InvalidParameterException{Message: new("without a cluster ECS takes the one named default")}
	}
	return nil
}

// ListTasks is API_ListTasks: a page at a time, and recently stopped tasks too.
func (f *ECS) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	out := &ecs.ListTasksOutput{}
	return out, f.do("ListTasks", func() error {
		if err := f.check(in.Cluster, in.ServiceName); err != nil {
			return err
		}
		var arns []string
		for _, task := range f.Tasks {
			arns = append(arns, *task.TaskArn)
		}
		out.TaskArns, out.NextToken = page(arns, in.NextToken, 1)
		return nil
	})
}

// DescribeTasks is API_DescribeTasks; a task that it does not know is a failure in a
// call that succeeds (API failure reasons).
func (f *ECS) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out := &ecs.DescribeTasksOutput{}
	return out, f.do("DescribeTasks", func() error {
		for _, arn := range in.Tasks {
			i := slices.IndexFunc(f.Tasks, func(task types.Task) bool { return *task.TaskArn == arn })
			if i < 0 || f.Tasks[i].LastStatus == nil {
				out.Failures = append(out.Failures, types.Failure{Arn: new(arn), Reason: new("MISSING")})
				continue
			}
			out.Tasks = append(out.Tasks, f.Tasks[i])
		}
		return nil
	})
}

// ListServiceDeployments is API_ListServiceDeployments: filters by status and by
// creation, a page at a time.
func (f *ECS) ListServiceDeployments(_ context.Context, in *ecs.ListServiceDeploymentsInput, _ ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
	out := &ecs.ListServiceDeploymentsOutput{}
	return out, f.do("ListServiceDeployments", func() error {
		if err := f.check(in.Cluster, in.Service); err != nil {
			return err
		}
		var all []types.ServiceDeploymentBrief
		for _, each := range f.Deployments {
			if in.CreatedAt != nil && in.CreatedAt.After != nil && each.CreatedAt.Before(*in.CreatedAt.After) {
				continue
			}
			if f.Late > 0 && f.Now().Sub(*each.CreatedAt) < f.Late {
				continue
			}
			if slices.Contains(in.Status, each.Status) {
				all = append(all, types.ServiceDeploymentBrief{
					ServiceDeploymentArn: each.ServiceDeploymentArn, Status: each.Status, CreatedAt: each.CreatedAt,
				})
			}
		}
		out.ServiceDeployments, out.NextToken = page(all, in.NextToken, 1)
		return nil
	})
}

// DescribeServiceDeployments is API_DescribeServiceDeployments: at most 20.
func (f *ECS) DescribeServiceDeployments(_ context.Context, in *ecs.DescribeServiceDeploymentsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	out := &ecs.DescribeServiceDeploymentsOutput{}
	return out, f.do("DescribeServiceDeployments", func() error {
		if len(in.ServiceDeploymentArns) > 20 {
			return &types.InvalidParameterException{Message: new("at most 20")}
		}
		for _, each := range f.Deployments {
			if slices.Contains(in.ServiceDeploymentArns, *each.ServiceDeploymentArn) {
				out.ServiceDeployments = append(out.ServiceDeployments, each)
			}
		}
		return nil
	})
}

// UpdateService is API_UpdateService with forceNewDeployment: a deployment of the
// same version, each time that it is asked.
func (f *ECS) UpdateService(_ context.Context, in *ecs.UpdateServiceInput, _ ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	return &ecs.UpdateServiceOutput{}, f.do("UpdateService", func() error {
		if err := f.check(in.Cluster, in.Service); err != nil {
			return err
		}
		f.Updates = append(f.Updates, *in)
		f.Deploy(fmt.Sprint("forced-", len(f.Updates)), types.ServiceDeploymentStatusPending, f.Now())
		return nil
	})
}
