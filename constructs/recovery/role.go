package recovery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsarcregionswitch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// The statements are those of "Execution block permissions", "Complete plan
// execution role permissions" and "Automatic plan execution reports permissions" in
// the ARC developer guide, narrowed to the environment's resources.

// newRole makes a plan's execution role. Its policy is attached from its own
// side, since it names the role: Region switch asks IAM what the role may do.
func newRole(scope constructs.Construct, props Props, plan plan) (awsiam.Role, awsiam.ManagedPolicy) {
	role := awsiam.NewRole(scope, new("Role"), &awsiam.RoleProps{
		Description: new("Executes the plan " + props.Names.PlanName(plan.name)),
		AssumedBy:   value.Service("arc-region-switch.amazonaws.com"),
	})
	statements := append([]policy.Statement{
		policy.Allow("Evaluate", []string{*role.RoleArn()}, "iam:SimulatePrincipalPolicy"),
		policy.Allow("ReadPlans", anything(), "arc-region-switch:GetPlan", "arc-region-switch:GetPlanExecution", "arc-region-switch:ListPlanExecutions"),
		policy.Allow("ReadAlarms", loadBalancerAlarms(props), "cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"),
		policy.Allow("Report", []string{*props.Reports.BucketArn() + "/" + ReportPrefix + "/" + plan.name + "/*"}, "s3:PutObject"),
	}, plan.may...)
	permissions := policy.Attach(scope, "Policy", role, statements...)
	acknowledge.Finding(permissions, "AwsSolutions-IAM5",
		"Region switch lists plans, clusters and metrics before it acts, by actions that have no narrower resource or that it calls without one; "+
			"they read. What it changes is named, and reports go under the plan's own prefix.")
	return role, permissions
}

func failoverStatements(props Props, traffic awsarcregionswitch.CfnPlan) []policy.Statement {
	return append(failbackStatements(props, traffic), policy.Allow("TakeDatabase", globalDatabase(props), "rds:FailoverGlobalCluster"))
}

// failbackStatements leave out what loses data: the plan could not do it even if
// somebody changed its steps by hand.
func failbackStatements(props Props, traffic awsarcregionswitch.CfnPlan) []policy.Statement {
	var services, clusters []string
	for _, region := range regions(props) {
		services = append(services, props.Names.ECSServiceARN(region))
		clusters = append(clusters, props.Names.ECSClusterARN(region))
	}
	scale := policy.Allow("ScaleService", services, "ecs:UpdateService")
	scale.Conditions = props.Service.KeepsService()
	return []policy.Statement{
		policy.Allow("FindDatabase", anything(), "rds:DescribeGlobalClusters", "rds:DescribeDBClusters"),
		policy.Allow("SwitchDatabase", globalDatabase(props), "rds:SwitchoverGlobalCluster"),
		policy.Allow("FindService", services, "ecs:DescribeServices"),
		scale,
		policy.Allow("FindCluster", clusters, "ecs:DescribeClusters"),
		policy.Allow("FindServices", anything(), "ecs:ListServices"),
		policy.Allow("RaiseMinimum", anything(), "application-autoscaling:DescribeScalableTargets"),
		policy.Allow("KeepMinimum", scalableTargets(props), "application-autoscaling:RegisterScalableTarget"),
		policy.Allow("ReadTaskCounts", anything(), "cloudwatch:GetMetricStatistics"),
		policy.Allow("RunTraffic", []string{*traffic.AttrArn()}, "arc-region-switch:StartPlanExecution", "arc-region-switch:CancelPlanExecution",
			"arc-region-switch:UpdatePlanExecution", "arc-region-switch:GetPlanExecution", "arc-region-switch:ListPlanExecutions",
			"arc-region-switch:ListPlanExecutionEvents"), // for the report
	}
}

func trafficStatements(props Props) []policy.Statement {
	zone := config.ARN("route53", "", "", "hostedzone/"+props.HostedZone.ID)
	return []policy.Statement{policy.Allow("FindRecords", []string{zone}, "route53:ListResourceRecordSets")}
}

// globalDatabase is the global cluster, which has no region, and its members.
func globalDatabase(props Props) []string {
	arns := []string{config.ARN("rds", "", props.Names.Account(), "global-cluster:"+props.Names.GlobalClusterName())}
	for _, region := range regions(props) {
		arns = append(arns, props.Names.DatabaseClusterARN(region))
	}
	return arns
}

// scalableTargets are those of the account in both regions: Application Auto
// Scaling chooses their names.
func scalableTargets(props Props) []string {
	var arns []string
	for _, region := range regions(props) {
		arns = append(arns, props.Names.ARN("application-autoscaling", region, "scalable-target/*"))
	}
	return arns
}

func loadBalancerAlarms(props Props) []string {
	var arns []string
	for _, region := range regions(props) {
		arns = append(arns, props.Names.AlarmARN(props.Secondary, config.AlarmLoadBalancer(region)))
	}
	return arns
}

// newApprover makes the role by which a second person approves. Whoever may
// assume it is IAM's decision, outside this platform.
func newApprover(scope constructs.Construct, props Props) awsiam.Role {
	return awsiam.NewRole(scope, new("Approver"), &awsiam.RoleProps{
		RoleName:    new(props.Names.RecoveryApprover()),
		Description: new("Approves or denies the steps of the plans of recovery"),
		AssumedBy:   awsiam.NewAccountPrincipal(new(props.Names.Account())),
	})
}

// allowApproval lets the approver see an execution and answer it; starting one is
// somebody else's right.
func allowApproval(scope constructs.Construct, approver awsiam.IRole, plans ...awsarcregionswitch.CfnPlan) {
	var arns []string
	for _, plan := range plans {
		arns = append(arns, *plan.AttrArn())
	}
	policy.Attach(scope, "ApproverPolicy", approver, policy.Allow("Approve", arns, "arc-region-switch:ApprovePlanExecutionStep", "arc-region-switch:GetPlan",
		"arc-region-switch:GetPlanExecution", "arc-region-switch:ListPlanExecutions", "arc-region-switch:ListPlanExecutionEvents"))
}

func anything() []string { return []string{"*"} }
