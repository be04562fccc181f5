// Package taskage says how old the service's tasks are: a task reads its password
// once, when it starts, so its age tells which one it holds.
package taskage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// API is the part of ECS that the package uses.
type API interface {
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
}

// Task is one that runs, starts or is about to start.
type Task struct {
	ARN     string
	Created time.Time // zero, the oldest of all, where ECS does not say
}

// Oldest returns the oldest task that the service is meant to have, and false where
// it has none or is not there. Its password may be younger than it is: ECS reads it
// some seconds after the task's creation.
func Oldest(ctx context.Context, api API, cluster, service string) (Task, bool, error) {
	var oldest Task
	exists := false
	pages := ecs.NewListTasksPaginator(api, &ecs.ListTasksInput{
		Cluster: new(cluster), ServiceName: new(service), DesiredStatus: types.DesiredStatusRunning,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if Absent(err) {
			return oldest, false, nil
		}
		if err != nil {
			return oldest, false, fmt.Errorf("list the service's tasks: %w", err)
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		// A page of ListTasks is what DescribeTasks takes at most: 100.
		found, err := api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: new(cluster), Tasks: page.TaskArns})
		if err != nil {
			return oldest, false, fmt.Errorf("look at the service's tasks: %w", err)
		}
		for _, failure := range found.Failures {
			if aws.ToString(failure.Reason) != missing {
				return oldest, false, fmt.Errorf("look at the task %s: %s", aws.ToString(failure.Arn), aws.ToString(failure.Reason))
			}
		}
		for _, task := range found.Tasks {
			// "Recently stopped tasks might appear" (API_ListTasks).
			if aws.ToString(task.DesiredStatus) == string(types.DesiredStatusStopped) {
				continue
			}
			if created := aws.ToTime(task.CreatedAt); !exists || created.Before(oldest.Created) {
				oldest, exists = Task{aws.ToString(task.TaskArn), created}, true
			}
		}
	}
	return oldest, exists, nil
}

// missing is the reason for a task that ended since it was listed (API failure
// reasons in the developer guide).
const missing = "MISSING"

// Absent tells whether there is no service: before the first image, and when the
// environment goes.
func Absent(err error) bool {
	var service *types.ServiceNotFoundException
	var inactive *types.ServiceNotActiveException
	var cluster *types.ClusterNotFoundException
	return errors.As(err, &service) || errors.As(err, &inactive) || errors.As(err, &cluster)
}
