package service

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/constructs/signals"
)

// Scale lets the number of tasks follow CPU, memory and the requests; whichever
// asks for more tasks wins. A first deployment without an image has nothing to
// scale.
func (s Service) Scale() {
	if s.Fargate == nil {
		return
	}
	service := s.env.Service
	out := awscdk.Duration_Seconds(jsii.Number(service.ScaleOutCooldown.Seconds()))
	in := awscdk.Duration_Seconds(jsii.Number(service.ScaleInCooldown.Seconds()))
	count := s.Fargate.AutoScaleTaskCount(&awsapplicationautoscaling.EnableScalingProps{
		MinCapacity: jsii.Number(s.env.MinTasks(s.region)),
		MaxCapacity: jsii.Number(service.MaxTasks),
	})
	count.ScaleOnCpuUtilization(new("Cpu"), &awsecs.CpuUtilizationScalingProps{
		TargetUtilizationPercent: jsii.Number(service.CPUTargetPercent),
		ScaleOutCooldown:         out,
		ScaleInCooldown:          in,
	})
	count.ScaleOnMemoryUtilization(new("Memory"), &awsecs.MemoryUtilizationScalingProps{
		TargetUtilizationPercent: jsii.Number(service.MemoryTargetPercent),
		ScaleOutCooldown:         out,
		ScaleInCooldown:          in,
	})
	s.followRequests(count)
}

// followRequests holds the number of requests for each task. AWS's own metric for
// it reads one target group, and after every other deployment the requests are in
// the other one: the service would shrink to its minimum under full load.
func (s Service) followRequests(count awsecs.ScalableTaskCount) {
	service := s.env.Service
	target := count.Node().FindChild(new("Target")).(awsapplicationautoscaling.ScalableTarget)
	queries := []any{&awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
		Id: new("result"), Expression: new(signals.BothGroups), Label: new("Requests for each task"), ReturnData: new(true),
	}}
	inputs := s.entrance.Targets("RequestCountPerTarget", "Sum")
	for _, id := range slices.Sorted(maps.Keys(inputs)) {
		var dimensions []any
		for _, name := range inputs[id].SortedDimensions() {
			dimensions = append(dimensions, &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDimensionProperty{
				Name: new(name), Value: new(inputs[id].Dimensions[name]),
			})
		}
		queries = append(queries, &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
			Id: new(id), ReturnData: new(false),
			MetricStat: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricStatProperty{
				Stat: new(inputs[id].Statistic),
				Metric: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricProperty{
					Namespace: new(inputs[id].Namespace), MetricName: new(inputs[id].Name), Dimensions: &dimensions,
				},
			},
		})
	}
	awsapplicationautoscaling.NewCfnScalingPolicy(target, new("Requests"), &awsapplicationautoscaling.CfnScalingPolicyProps{
		PolicyName:      new(s.env.ScalingPolicy("requests")),
		PolicyType:      new("TargetTrackingScaling"),
		ScalingTargetId: target.ScalableTargetId(),
		TargetTrackingScalingPolicyConfiguration: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingScalingPolicyConfigurationProperty{
			TargetValue:      jsii.Number(service.RequestsPerTaskPerMinute),
			ScaleOutCooldown: jsii.Number(service.ScaleOutCooldown.Seconds()),
			ScaleInCooldown:  jsii.Number(service.ScaleInCooldown.Seconds()),
			CustomizedMetricSpecification: &awsapplicationautoscaling.CfnScalingPolicy_CustomizedMetricSpecificationProperty{
				Metrics: &queries,
			},
		},
	})
}
