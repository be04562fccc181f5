package release

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

const (
	// migratorTimeout is for a few calls of ECS: the function looks after the
	// task and returns, and ECS calls it again until the task has ended.
	migratorTimeout = time.Minute
	// testerTimeout is for a test against a JVM that has just started.
	testerTimeout = 5 * time.Minute
	memoryMiB     = 256
)

// newMigrator makes the function that starts the migration and waits for its end.
func newMigrator(scope constructs.Construct, migration Migration, props Props) awslambda.Function {
	limits := props.Delivery.Migration
	environment := map[string]string{
		"CLUSTER":               props.Service.ClusterName,
		"TASK_DEFINITION":       migration.Definition,
		"CONTAINER":             config.MigrationContainer,
		"SERVICE_CONTAINER":     props.Names.ServiceName(),
		"SUBNETS":               strings.Join(migration.Subnets, ","),
		"SECURITY_GROUPS":       *migration.SecurityGroup.SecurityGroupId(),
		"START_TIMEOUT_SECONDS": seconds(limits.StartTimeout),
		"TIMEOUT_SECONDS":       seconds(limits.Timeout),
	}
	if props.Other.Name != "" {
		environment["OTHER_REGION"] = props.Other.Name
		environment["OTHER_CLUSTER"] = props.Names.ECSClusterName()
		environment["OTHER_SERVICE"] = props.Names.ServiceName()
	}
	return function.New(scope, "MigrationFunction", function.Props{
		Command:          "migration",
		Description:      "Migrates the schema before ECS starts a new release",
		Timeout:          migratorTimeout,
		MemoryMiB:        memoryMiB,
		Network:          props.Network,
		SecurityGroup:    newFunctionGroup(scope, "MigrationFunctionGroup", "The function that starts the migration", props),
		Environment:      environment,
		LogKey:           props.LogKey,
		LogRetentionDays: props.Application.LogRetentionDays,
		Policies:         []awsiam.IManagedPolicy{newMigratorPolicy(scope, migration, props)},
	})
}

// newMigratorPolicy allows one family of tasks in one cluster. The family's
// revisions are not named one by one: the policy would change with every release,
// and a change of IAM's takes a while to be known everywhere.
func newMigratorPolicy(scope constructs.Construct, migration Migration, props Props) awsiam.ManagedPolicy {
	families := props.Names.ARN("ecs", props.Region, "task-definition/"+props.Names.MigrationFamily()+":*")
	tasks := props.Names.ARN("ecs", props.Region, "task/"+props.Names.ECSClusterName()+"/*")
	inCluster := map[string]any{"ecs:cluster": *props.Service.Cluster.ClusterArn()}
	services, read := readableServices(props)
	start := policy.Allow("StartMigration", []string{families}, "ecs:RunTask")
	start.Conditions = map[string]any{
		"ArnEquals": inCluster,
		// Nobody opens a shell where the schema's owner is signed in.
		"StringEqualsIfExists": map[string]any{"ecs:enable-execute-command": "false"},
	}
	follow := policy.Allow("FollowMigration", []string{tasks}, "ecs:DescribeTasks", "ecs:StopTask")
	follow.Conditions = map[string]any{"ArnEquals": inCluster}
	pass := policy.Allow("PassTheTasksRoles", []string{*migration.Task.TaskRole().RoleArn(), *migration.Task.ExecutionRole().RoleArn()}, "iam:PassRole")
	pass.Conditions = map[string]any{"StringEquals": map[string]any{"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
	permissions := policy.NewManaged(scope, "MigrationFunctionPolicy", start, follow,
		policy.Allow("SeeWhatServes", services, "ecs:DescribeServices", "ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions"),
		pass,
	)
	acknowledge.Finding(permissions, "AwsSolutions-IAM5",
		"A release is a new revision of the one family, and ECS makes the IDs of tasks, deployments and revisions; all are held to this service and its cluster",
		append(read, "Resource::"+families, "Resource::"+tasks)...)
	return permissions
}

// readableServices are the service with its deployments and revisions, here and in the
// other region, and those among their ARNs that nag asks about. The service
// authorization reference wants the service beside either.
func readableServices(props Props) (arns, wide []string) {
	for _, region := range []config.Region{props.Region, props.Other} {
		if region.Name == "" {
			continue
		}
		arns = append(arns, props.Names.ECSServiceARN(region))
		for _, kind := range []string{"service-deployment", "service-revision"} {
			each := props.Names.ARN("ecs", region, kind+"/"+props.Names.ECSClusterName()+"/"+props.Names.ServiceName()+"/*")
			arns, wide = append(arns, each), append(wide, "Resource::"+each)
		}
	}
	return arns, wide
}

// newTester makes the function that uses a new release before customers do. Its
// security group is the only one that the load balancer's test listener admits.
// What it asks EC2, the load balancer's private addresses, every function in a VPC
// may ask.
func newTester(scope constructs.Construct, props Props) awslambda.Function {
	const purpose = "The function that tests a new release"
	group := newFunctionGroup(scope, "SmokeGroup", purpose, props)
	group.Connections().AllowTo(props.Edge.LoadBalancer, value.TCP(config.TestPort),
		new("Tests a new release on the test listener"))
	environment := map[string]string{
		"LOAD_BALANCER": *props.Edge.LoadBalancer.LoadBalancerFullName(),
		"TEST_PORT":     strconv.Itoa(config.TestPort),
		"API_DOMAIN":    props.APIDomain,
		"TRANSACTIONS":  strconv.FormatBool(props.Delivery.SmokeTransactions),
	}
	var policies []awsiam.IManagedPolicy
	if props.GlobalCluster != "" {
		environment["GLOBAL_CLUSTER"] = props.GlobalCluster
		policies = append(policies, newTesterPolicy(scope, props))
	}
	return function.New(scope, "SmokeFunction", function.Props{
		Command:          "smoke",
		Description:      "Tests a new release before customers reach it",
		Timeout:          testerTimeout,
		MemoryMiB:        memoryMiB,
		Network:          props.Network,
		SecurityGroup:    group,
		Environment:      environment,
		LogKey:           props.LogKey,
		LogRetentionDays: props.Application.LogRetentionDays,
		Policies:         policies,
	})
}

// newTesterPolicy lets the function ask which region writes: in the other one the
// service cannot do what the test asks of it.
func newTesterPolicy(scope constructs.Construct, props Props) awsiam.ManagedPolicy {
	global := config.ARN("rds", "", props.Names.Account(), "global-cluster:"+props.GlobalCluster)
	return policy.NewManaged(scope, "SmokeFunctionPolicy", policy.Allow("SeeWhichRegionWrites", []string{global}, "rds:DescribeGlobalClusters"))
}

// newFunctionGroup lets a function call AWS, and nobody call the function.
func newFunctionGroup(scope constructs.Construct, id, purpose string, props Props) awsec2.SecurityGroup {
	group := props.Network.NewClientGroup(scope, id, purpose, "APIs of AWS")
	return group
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
