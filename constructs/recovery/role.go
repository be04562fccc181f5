package recovery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsarcregionswitch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// The statements are those of "Execution block permissions", "Complete plan
// execution role permissions" and "Automatic plan execution reports permissions" in
// the ARC developer guide, narrowed to the environment's resources.

// newRole makes a plan's execution role. Its policy is attached from its own
// side, since it names the role: Region switch asks IAM what the role may do.
func newRole(scope constructs.Construct, props Props, plan plan) (awsiam.Role, awsiam.ManagedPolicy) {
	env := props.Env
	role := awsiam.NewRole(scope, new("Role"), &awsiam.RoleProps{
		Description: new("Executes the plan " + env.Names().PlanName(plan.name)),
		AssumedBy:   awsiam.NewServicePrincipal(new("arc-region-switch.amazonaws.com"), nil),
	})
	statements := append([]awsiam.PolicyStatement{
		allow("Evaluate", []*string{role.RoleArn()}, "iam:SimulatePrincipalPolicy"),
		allow("ReadPlans", anything(), "arc-region-switch:GetPlan", "arc-region-switch:GetPlanExecution", "arc-region-switch:ListPlanExecutions"),
		allow("ReadAlarms", alarms(env), "cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"),
		allow("Report", []*string{props.Reports.ArnForObjects(new(ReportPrefix + "/" + plan.name + "/*"))}, "s3:PutObject"),
	}, plan.may...)
	policy := awsiam.NewManagedPolicy(scope, new("Policy"), &awsiam.ManagedPolicyProps{
		Roles: &[]awsiam.IRole{role}, Statements: &statements,
	})
	acknowledge.Finding(policy, "AwsSolutions-IAM5",
		"Region switch lists plans, clusters and metrics before it acts, by actions that have no narrower resource or that it calls without one; "+
			"they read. What it changes is named, and reports go under the plan's own prefix.")
	return role, policy
}

func failoverStatements(env config.Environment, traffic awsarcregionswitch.CfnPlan) []awsiam.PolicyStatement {
	return append(failbackStatements(env, traffic), allow("TakeDatabase", globalDatabase(env), "rds:FailoverGlobalCluster"))
}

// failbackStatements leave out what loses data: the plan could not do it even if
// somebody changed its steps by hand.
func failbackStatements(env config.Environment, traffic awsarcregionswitch.CfnPlan) []awsiam.PolicyStatement {
	var services, clusters []*string
	for _, region := range regions(env) {
		services = append(services, new(env.Names().ECSServiceARN(region)))
		clusters = append(clusters, new(env.Names().ECSClusterARN(region)))
	}
	scale := allow("ScaleService", services, "ecs:UpdateService")
	scale.AddConditions(env.Service.KeepsService())
	return []awsiam.PolicyStatement{
		allow("FindDatabase", anything(), "rds:DescribeGlobalClusters", "rds:DescribeDBClusters"),
		allow("SwitchDatabase", globalDatabase(env), "rds:SwitchoverGlobalCluster"),
		allow("FindService", services, "ecs:DescribeServices"),
		scale,
		allow("FindCluster", clusters, "ecs:DescribeClusters"),
		allow("FindServices", anything(), "ecs:ListServices"),
		allow("RaiseMinimum", anything(), "application-autoscaling:DescribeScalableTargets"),
		allow("KeepMinimum", scalableTargets(env), "application-autoscaling:RegisterScalableTarget"),
		allow("ReadTaskCounts", anything(), "cloudwatch:GetMetricStatistics"),
		allow("RunTraffic", []*string{traffic.AttrArn()}, "arc-region-switch:StartPlanExecution", "arc-region-switch:CancelPlanExecution",
			"arc-region-switch:UpdatePlanExecution", "arc-region-switch:GetPlanExecution", "arc-region-switch:ListPlanExecutions",
			"arc-region-switch:ListPlanExecutionEvents"), // for the report
	}
}

func trafficStatements(env config.Environment) []awsiam.PolicyStatement {
	zone := config.ARN("route53", "", "", "hostedzone/"+env.Site.HostedZone.ID)
	return []awsiam.PolicyStatement{allow("FindRecords", []*string{new(zone)}, "route53:ListResourceRecordSets")}
}

// globalDatabase is the global cluster, which has no region, and its members.
func globalDatabase(env config.Environment) []*string {
	arns := []*string{new(config.ARN("rds", "", env.Site.Account, "global-cluster:"+env.Names().GlobalClusterName()))}
	for _, region := range regions(env) {
		arns = append(arns, new(env.Names().DatabaseClusterARN(region)))
	}
	return arns
}

// scalableTargets are those of the account in both regions: Application Auto
// Scaling chooses their names.
func scalableTargets(env config.Environment) []*string {
	var arns []*string
	for _, region := range regions(env) {
		arns = append(arns, new(config.ARN("application-autoscaling", region.Name, env.Site.Account, "scalable-target/*")))
	}
	return arns
}

func alarms(env config.Environment) []*string {
	var arns []*string
	for _, region := range regions(env) {
		arns = append(arns, new(env.Names().AlarmARN(env.Secondary, config.AlarmEntrance(region))))
	}
	return arns
}

// newApprover makes the role by which a second person approves. Whoever may
// assume it is IAM's decision, outside this platform.
func newApprover(scope constructs.Construct, env config.Environment) awsiam.Role {
	return awsiam.NewRole(scope, new("Approver"), &awsiam.RoleProps{
		RoleName:    new(env.Names().RecoveryApprover()),
		Description: new("Approves or denies the steps of the plans of recovery"),
		AssumedBy:   awsiam.NewAccountPrincipal(new(env.Site.Account)),
	})
}

// allowApproval lets the approver see an execution and answer it; starting one is
// somebody else's right.
func allowApproval(scope constructs.Construct, approver awsiam.IRole, plans ...awsarcregionswitch.CfnPlan) {
	var arns []*string
	for _, plan := range plans {
		arns = append(arns, plan.AttrArn())
	}
	awsiam.NewManagedPolicy(scope, new("ApproverPolicy"), &awsiam.ManagedPolicyProps{
		Roles: &[]awsiam.IRole{approver},
		Statements: &[]awsiam.PolicyStatement{
			allow("Approve", arns, "arc-region-switch:ApprovePlanExecutionStep", "arc-region-switch:GetPlan",
				"arc-region-switch:GetPlanExecution", "arc-region-switch:ListPlanExecutions", "arc-region-switch:ListPlanExecutionEvents"),
		},
	})
}

func allow(sid string, resources []*string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: new(sid), Actions: jsii.Strings(actions...), Resources: &resources,
	})
}

func anything() []*string { return []*string{new("*")} }
