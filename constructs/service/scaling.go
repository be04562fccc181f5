package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// Scale lets the number of tasks follow CPU, memory and the requests of the
// target group; whichever asks for more tasks wins. A first deployment without
// an image has nothing to scale.
func (s Service) Scale(targets awselasticloadbalancingv2.ApplicationTargetGroup) {
	if s.env.Site.ImageTag == config.NoImage {
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
	count.ScaleOnRequestCount(new("Requests"), &awsecs.RequestCountScalingProps{
		TargetGroup:       targets,
		RequestsPerTarget: jsii.Number(service.RequestsPerTaskPerMinute),
		ScaleOutCooldown:  out,
		ScaleInCooldown:   in,
	})
}
