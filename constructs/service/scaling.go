package service

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/value"
)

// scale lets the number of tasks follow CPU, memory and the requests; whichever
// asks for more tasks wins.
func (s Service) scale(props Props) {
	service := props.Service
	count := s.Fargate.AutoScaleTaskCount(&awsapplicationautoscaling.EnableScalingProps{
		MinCapacity: jsii.Number(props.MinTasks),
		MaxCapacity: jsii.Number(service.MaxTasks),
	})
	scalable := count.Node().FindChild(new("Target")).(awsapplicationautoscaling.ScalableTarget)
	hold(scalable, props, target{
		id: "Cpu", policy: "cpu", label: "CPU of each task that is wanted, percent", value: service.CPUTargetPercent,
		metric: s.metrics.CPUPerTask,
	})
	// AWS's own metrics average over the tasks of both releases (CPU), or read one
	// target group (requests). For memory the average is right: what a JVM holds does
	// not become less when another task takes its requests.
	count.ScaleOnMemoryUtilization(new("Memory"), &awsecs.MemoryUtilizationScalingProps{
		TargetUtilizationPercent: jsii.Number(service.MemoryTargetPercent),
		ScaleOutCooldown:         value.Duration(service.ScaleOutCooldown),
		ScaleInCooldown:          value.Duration(service.ScaleInCooldown),
	})
	hold(scalable, props, target{
		id: "Requests", policy: "requests", label: "Requests a minute for each task that is wanted", value: service.RequestsPerTaskPerMinute,
		metric: s.metrics.RequestsPerTask,
	})
}

// target is a value of metric math that autoscaling holds.
type target struct {
	id, policy, label string
	value             int
	metric            alarms.Metric // of an expression
}

// hold lets the number of tasks follow a target.
func hold(scalable awsapplicationautoscaling.ScalableTarget, props Props, t target) {
	queries := []any{&awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
		Id: new("result"), Expression: new(t.metric.Expression), Label: new(t.label), ReturnData: new(true),
	}}
	for _, id := range t.metric.SortedInputs() {
		queries = append(queries, query(id, t.metric.Inputs[id]))
	}
	seconds := func(d time.Duration) *float64 { return jsii.Number(d.Seconds()) }
	awsapplicationautoscaling.NewCfnScalingPolicy(scalable, new(t.id), &awsapplicationautoscaling.CfnScalingPolicyProps{
		PolicyName:      new(props.Names.ScalingPolicy(t.policy)),
		PolicyType:      new("TargetTrackingScaling"),
		ScalingTargetId: scalable.ScalableTargetId(),
		TargetTrackingScalingPolicyConfiguration: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingScalingPolicyConfigurationProperty{
			TargetValue:      jsii.Number(t.value),
			ScaleOutCooldown: seconds(props.Service.ScaleOutCooldown),
			ScaleInCooldown:  seconds(props.Service.ScaleInCooldown),
			CustomizedMetricSpecification: &awsapplicationautoscaling.CfnScalingPolicy_CustomizedMetricSpecificationProperty{
				Metrics: &queries,
			},
		},
	})
}

// query is a metric as an input of metric math; its period is a minute.
func query(id string, metric alarms.Metric) *awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty {
	var dimensions []any
	for _, name := range metric.SortedDimensions() {
		dimensions = append(dimensions, &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDimensionProperty{
			Name: new(name), Value: new(metric.Dimensions[name]),
		})
	}
	return &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
		Id: new(id), ReturnData: new(false),
		MetricStat: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricStatProperty{
			Stat: new(metric.Statistic),
			Metric: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingMetricProperty{
				Namespace: new(metric.Namespace), MetricName: new(metric.Name), Dimensions: &dimensions,
			},
		},
	}
}
