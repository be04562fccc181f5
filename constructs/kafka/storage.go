package kafka

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// scaleStorage lets the brokers' volumes grow before they are full: by a tenth,
// at most every six hours. MSK cannot shrink a volume, so scaling in is off, as
// AWS demands. AWS's service-linked role does the work.
func scaleStorage(scope constructs.Construct, cluster string, messaging config.Messaging) {
	target := awsapplicationautoscaling.NewCfnScalableTarget(scope, new("Storage"), &awsapplicationautoscaling.CfnScalableTargetProps{
		ServiceNamespace:  new("kafka"),
		ScalableDimension: new("kafka:broker-storage:VolumeSize"),
		ResourceId:        new(cluster),
		// The floor never acts: a volume is at least as large as it was made.
		MinCapacity: jsii.Number(1),
		MaxCapacity: jsii.Number(messaging.MaxVolumeGiB),
	})
	awsapplicationautoscaling.NewCfnScalingPolicy(scope, new("StoragePolicy"), &awsapplicationautoscaling.CfnScalingPolicyProps{
		PolicyName:      new("storage"),
		PolicyType:      new("TargetTrackingScaling"),
		ScalingTargetId: target.Ref(),
		TargetTrackingScalingPolicyConfiguration: &awsapplicationautoscaling.CfnScalingPolicy_TargetTrackingScalingPolicyConfigurationProperty{
			TargetValue: jsii.Number(messaging.VolumeTargetPercent),
			PredefinedMetricSpecification: &awsapplicationautoscaling.CfnScalingPolicy_PredefinedMetricSpecificationProperty{
				PredefinedMetricType: new("KafkaBrokerStorageUtilization"),
			},
			DisableScaleIn: new(true),
		},
	})
}
