package recovery

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsarcregionswitch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// newPlan makes a plan with its own execution role.
func newPlan(scope constructs.Construct, props Props, plan plan) awsarcregionswitch.CfnPlan {
	own := constructs.NewConstruct(scope, new(plan.name))
	role, permissions := newRole(own, props, plan)
	made := awsarcregionswitch.NewCfnPlan(own, new("Plan"), &awsarcregionswitch.CfnPlanProps{
		Name:                         new(props.Names.PlanName(plan.name)),
		Description:                  new(plan.purpose),
		RecoveryApproach:             new("activePassive"),
		PrimaryRegion:                new(props.Primary.Name),
		Regions:                      jsii.Strings(props.Primary.Name, props.Secondary.Name),
		RecoveryTimeObjectiveMinutes: minutes(props.Recovery.TimeObjective),
		ExecutionRole:                role.RoleArn(),
		AssociatedAlarms:             health(props),
		// No target region: the one workflow activates whichever region it is told.
		Workflows: &[]any{&awsarcregionswitch.CfnPlan_WorkflowProperty{
			WorkflowTargetAction: new("activate"),
			WorkflowDescription:  new(plan.purpose),
			Steps:                &plan.steps,
		}},
		ReportConfiguration: &awsarcregionswitch.CfnPlan_ReportConfigurationProperty{
			ReportOutput: &[]any{&awsarcregionswitch.CfnPlan_ReportOutputConfigurationProperty{
				S3Configuration: &awsarcregionswitch.CfnPlan_S3ReportOutputConfigurationProperty{
					BucketOwner: new(props.Names.Account()),
					BucketPath:  new(reportPath(props, plan.name)),
				},
			}},
		},
		// No trigger: a failover can lose data, so a person starts it.
	})
	// Region switch evaluates a plan as soon as it exists, with the role's rights.
	made.Node().AddDependency(permissions)
	return made
}

// reportPath is the bucket and the prefix of a plan's reports. The bucket goes by
// its name, which Region switch wants in one text with the prefix.
func reportPath(props Props, plan string) string {
	return props.Names.Bucket("logs", props.Secondary) + "/" + ReportPrefix + "/" + plan
}

// health are the alarms by which Region switch measures how long a recovery
// really took, and which its report shows: each region's load balancer as the world
// sees it.
func health(props Props) map[string]any {
	alarms := map[string]any{}
	for _, region := range regions(props) {
		alarms[config.AlarmLoadBalancer(region)] = &awsarcregionswitch.CfnPlan_AssociatedAlarmProperty{
			AlarmType:          new("applicationHealth"),
			ResourceIdentifier: new(props.Names.AlarmARN(props.Secondary, config.AlarmLoadBalancer(region))),
		}
	}
	return alarms
}

// failoverSteps promote the database and fill up the service side by side: the
// tasks start on a database that is still read-only and find their writer when it
// is one. Traffic comes when both are ready.
func failoverSteps(props Props, approver awsiam.IRole, traffic awsarcregionswitch.CfnPlan) []any {
	recovery := props.Recovery
	database := databaseStep(props)
	database.ExecutionBlockConfiguration.(*awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty).
		GlobalAuroraConfig.(*awsarcregionswitch.CfnPlan_GlobalAuroraConfigurationProperty).
		// In an ungraceful execution the other region is not asked any more.
		Ungraceful = &awsarcregionswitch.CfnPlan_GlobalAuroraUngracefulProperty{Ungraceful: new("failover")}
	return []any{
		approveStep(approver, recovery.Approval, "A second person has read the lag and agrees"),
		step(config.StepRegion, "Parallel", "The database and the service at the same time",
			awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty{
				ParallelConfig: &awsarcregionswitch.CfnPlan_ParallelExecutionBlockConfigurationProperty{
					Steps: &[]any{database, serviceStep(props)},
				},
			}),
		childStep(traffic),
	}
}

// failbackSteps take their time: the tasks first, then the database, which has no
// ungraceful way here, then the name. Writes fail between the last two only.
func failbackSteps(props Props, approver awsiam.IRole, traffic awsarcregionswitch.CfnPlan) []any {
	return []any{
		approveStep(approver, props.Recovery.Approval, "Both regions are well and the lag is small"),
		serviceStep(props), databaseStep(props), childStep(traffic),
	}
}

func approveStep(approver awsiam.IRole, timeout time.Duration, purpose string) *awsarcregionswitch.CfnPlan_StepProperty {
	return step(config.StepApprove, "ManualApproval", purpose, awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty{
		ExecutionApprovalConfig: &awsarcregionswitch.CfnPlan_ExecutionApprovalConfigurationProperty{
			ApprovalRole: approver.RoleArn(), TimeoutMinutes: minutes(timeout),
		},
	})
}

// databaseStep switches the global database over, which loses nothing.
func databaseStep(props Props) *awsarcregionswitch.CfnPlan_StepProperty {
	var clusters []*string
	for _, region := range regions(props) {
		clusters = append(clusters, new(props.Names.DatabaseClusterARN(region)))
	}
	return step(config.StepDatabase, "AuroraGlobalDatabase", "The activated region's cluster becomes the writer",
		awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty{
			GlobalAuroraConfig: &awsarcregionswitch.CfnPlan_GlobalAuroraConfigurationProperty{
				Behavior:                new("switchoverOnly"),
				GlobalClusterIdentifier: new(props.Names.GlobalClusterName()),
				DatabaseClusterArns:     &clusters,
				TimeoutMinutes:          minutes(props.Recovery.Database),
			},
		})
}

// ungracefulSuccess is the share of the wanted tasks with which an ungraceful
// execution goes on, in percent: half of the peak's tasks carry an ordinary hour,
// and autoscaling brings the rest.
const ungracefulSuccess = 50

// serviceStep gives the activated region as many tasks as the other one had at
// its busiest within the last day.
func serviceStep(props Props) *awsarcregionswitch.CfnPlan_StepProperty {
	var services []any
	for _, region := range regions(props) {
		services = append(services, &awsarcregionswitch.CfnPlan_ServiceProperty{
			ClusterArn: new(props.Names.ECSClusterARN(region)), ServiceArn: new(props.Names.ECSServiceARN(region)),
		})
	}
	return step(config.StepService, "ECSServiceScaling", "The activated region runs as many tasks as the other one did",
		awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty{
			EcsCapacityIncreaseConfig: &awsarcregionswitch.CfnPlan_EcsCapacityIncreaseConfigurationProperty{
				Services:                   &services,
				TargetPercent:              jsii.Number(100),
				CapacityMonitoringApproach: new("sampledMaxInLast24Hours"),
				TimeoutMinutes:             minutes(props.Recovery.Scaling),
				Ungraceful:                 &awsarcregionswitch.CfnPlan_EcsUngracefulProperty{MinimumSuccessPercentage: jsii.Number(ungracefulSuccess)},
			},
		})
}

// trafficStep changes the two health checks that the name's records depend on.
func trafficStep(props Props) *awsarcregionswitch.CfnPlan_StepProperty {
	var records []any
	for _, region := range regions(props) {
		records = append(records, &awsarcregionswitch.CfnPlan_Route53ResourceRecordSetProperty{
			RecordSetIdentifier: new(region.Name), Region: new(region.Name),
		})
	}
	return step(config.StepTraffic, "Route53HealthCheck", "The API's name leads to the activated region",
		awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty{
			Route53HealthCheckConfig: &awsarcregionswitch.CfnPlan_Route53HealthCheckConfigurationProperty{
				HostedZoneId:   new(props.HostedZone.ID),
				RecordName:     new(props.APIDomain),
				RecordSets:     &records,
				TimeoutMinutes: minutes(props.Recovery.Traffic),
			},
		})
}

// childStep runs the traffic plan, in the direction and the mode of its parent.
func childStep(traffic awsarcregionswitch.CfnPlan) *awsarcregionswitch.CfnPlan_StepProperty {
	return step(config.StepTraffic, "ARCRegionSwitchPlan", "The API's name leads to the activated region",
		awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty{
			RegionSwitchPlanConfig: &awsarcregionswitch.CfnPlan_RegionSwitchPlanConfigurationProperty{Arn: traffic.AttrArn()},
		})
}

func step(name, kind, purpose string, configuration awsarcregionswitch.CfnPlan_ExecutionBlockConfigurationProperty) *awsarcregionswitch.CfnPlan_StepProperty {
	return &awsarcregionswitch.CfnPlan_StepProperty{
		Name: new(name), Description: new(purpose), ExecutionBlockType: new(kind), ExecutionBlockConfiguration: &configuration,
	}
}

// minutes are what Region switch counts in.
func minutes(duration time.Duration) *float64 { return new(duration.Minutes()) }
