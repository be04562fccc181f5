package drill

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/plan"
)

// pair is a service of the target region with its counterpart.
type pair struct{ cluster, service, source string }

// scale gives the target region's services the tasks that their counterparts ran
// at their busiest: the target percentage of them, rounded up, and never fewer
// than run already. In ungraceful mode the minimum share of them is enough.
// https://docs.aws.amazon.com/r53recovery/latest/dg/ecs-service-scaling-block.html
func (e *Execution) scale(ctx context.Context, step plan.Step) (string, error) {
	region := e.Cloud.In(e.Target)
	pairs, err := e.pairs(step)
	if err != nil {
		return "", err
	}
	var notes []string
	for _, p := range pairs {
		need := needed(step, e.Journal.Baseline[p.source])
		enough := sufficient(step, e.Mode, need)
		now, err := describeService(ctx, region, p.cluster, p.service)
		if err != nil {
			return "", err
		}
		if int(now.DesiredCount) < need {
			_, err := region.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{
				Cluster: &p.cluster, Service: &p.service, DesiredCount: aws.Int32(int32(min(need, math.MaxInt32))), // #nosec G115 -- bounded
			})
			if err != nil {
				return "", err
			}
		}
		seen, err := e.until(ctx, step.Timeout(), func() (bool, string, error) {
			now, err := describeService(ctx, region, p.cluster, p.service)
			return err == nil && int(now.RunningCount) >= enough, fmt.Sprintf("%d of %d tasks run", now.RunningCount, need), err
		})
		if err != nil {
			return seen, err
		}
		notes = append(notes, seen)
	}
	return strings.Join(notes, "; "), nil
}

func (e *Execution) pairs(step plan.Step) ([]pair, error) {
	var pairs []pair
	for _, service := range step.ExecutionBlockConfiguration.EcsCapacityIncreaseConfig.Services {
		if regionOf(service.ServiceArn) != e.Target {
			continue
		}
		source := ""
		for _, other := range step.ExecutionBlockConfiguration.EcsCapacityIncreaseConfig.Services {
			if regionOf(other.ServiceArn) != e.Target && last(other.ServiceArn, "/") == last(service.ServiceArn, "/") {
				source = other.ServiceArn
			}
		}
		if e.Journal.Baseline[source] == 0 {
			return nil, fmt.Errorf("no capacity is known of the counterpart of %s", service.ServiceArn)
		}
		pairs = append(pairs, pair{service.ClusterArn, service.ServiceArn, source})
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("the step names no service in %s", e.Target)
	}
	return pairs, nil
}

func needed(step plan.Step, busiest int) int {
	percent := step.ExecutionBlockConfiguration.EcsCapacityIncreaseConfig.TargetPercent
	if percent == 0 {
		percent = 100 // the property's documented default
	}
	return int(math.Ceil(percent / 100 * float64(busiest)))
}

func sufficient(step plan.Step, mode plan.Mode, need int) int {
	least := step.ExecutionBlockConfiguration.EcsCapacityIncreaseConfig.Ungraceful.MinimumSuccessPercentage
	if mode != plan.Ungraceful || least == nil {
		return need
	}
	return int(math.Ceil(*least / 100 * float64(need)))
}

func regionOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}

func describeService(ctx context.Context, region cloud.Clients, cluster, service string) (ecstypes.Service, error) {
	out, err := region.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	if err != nil {
		return ecstypes.Service{}, err
	}
	if len(out.Services) != 1 {
		return ecstypes.Service{}, fmt.Errorf("no service %s in %s", service, cluster)
	}
	return out.Services[0], nil
}
