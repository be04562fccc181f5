package test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/policy"
)

// Pages of AWS's documentation, below https://docs.aws.amazon.com/.
const (
	regionSwitch   = "r53recovery/latest/dg/security_iam_region_switch_"
	taskExecution  = "AmazonECS/latest/developerguide/task_execution_IAM_role.html"
	managedPolicy  = "aws-managed-policy/latest/reference/"
	lambdaVPC      = "lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"
	lambdaLogs     = "lambda/latest/dg/lambda-intro-execution-role.html"
	taskExamples   = "AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html#IAM_task_policies"
	rotationRole   = "secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html"
	replicationKMS = "AmazonS3/latest/userguide/replication-config-for-kms-objects.html"
	replicationS3  = "AmazonS3/latest/userguide/setting-repl-config-perm-overview.html"
	replicatorRole = "msk/latest/developerguide/msk-replicator-iam-ref.html"
	mskIAM         = "msk/latest/developerguide/iam-access-control-use-cases.html"
	bootstrapRoles = "cdk/v2/guide/bootstrapping-env.html"
	githubOIDC     = "IAM/latest/UserGuide/id_roles_providers_create_oidc.html"
	flowLogs       = "vpc/latest/userguide/flow-logs-iam-role.html"
	exports        = "AmazonRDS/latest/AuroraUserGuide/export-cluster-data.Setup.html"
	serviceRoles   = "service-authorization/latest/reference/"
)

// everyFunction is what Lambda itself needs of the role of each function in a VPC.
func everyFunction(name string) []right {
	return []right{
		{without: "the function cannot start", who: "Service lambda.amazonaws.com", actions: "sts:AssumeRole", source: lambdaLogs},
		{without: "what the function did is nowhere to read", actions: "logs:CreateLogStream logs:PutLogEvents", on: "${" + name + "Logs.Arn}", source: lambdaLogs},
		{without: "the function gets no network interface and is never active", actions: "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface " +
			"ec2:DeleteNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses", on: "*", source: lambdaVPC},
		{without: "a function that is broken into cuts off the others", actions: "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface ec2:UnassignPrivateIpAddresses",
			on: "*", when: []string{"Null|lambda:SourceFunctionArn|false"}, deny: true, source: "lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice"},
	}
}

// function is what a function needs for itself, and besides.
func function(name string, more ...right) []right { return append(everyFunction(name), more...) }

// everyPlan is what Region switch needs for each plan.
func everyPlan(name string, more ...right) []right {
	return append([]right{
		{without: "no execution of the plan starts", who: "Service arc-region-switch.amazonaws.com", actions: "sts:AssumeRole", source: regionSwitch + "trust_policy.html"},
		{without: "the plan is never evaluated, and a failover finds its faults", actions: "iam:SimulatePrincipalPolicy", on: "${Recovery" + name + "Role.Arn}", source: regionSwitch + "complete_policy.html"},
		{without: "the plan cannot read itself", actions: "arc-region-switch:GetPlan arc-region-switch:GetPlanExecution arc-region-switch:ListPlanExecutions", on: "*", source: regionSwitch + "complete_policy.html"},
		{without: "the report does not say how long the wallet was away", actions: "cloudwatch:DescribeAlarmHistory cloudwatch:DescribeAlarms",
			on: "arn:aws:cloudwatch:SECOND:ACCOUNT:alarm:wallet-ENV-load-balancer-FIRST arn:aws:cloudwatch:SECOND:ACCOUNT:alarm:wallet-ENV-load-balancer-SECOND", source: regionSwitch + "reports.html"},
		{without: "nobody can show what a failover did", actions: "s3:PutObject", on: "${global:CopiesLogs.Arn}/region-switch/" + name + "/*", source: regionSwitch + "reports.html"},
	}, more...)
}

// globalDatabase are the global cluster and its members.
const globalDatabase = "arn:aws:rds::ACCOUNT:global-cluster:wallet-ENV-global " +
	"arn:aws:rds:FIRST:ACCOUNT:cluster:wallet-ENV-FIRST arn:aws:rds:SECOND:ACCOUNT:cluster:wallet-ENV-SECOND"

// bothServices are the wallet's in either region.
const bothServices = "arn:aws:ecs:FIRST:ACCOUNT:service/wallet-ENV/wallet-service arn:aws:ecs:SECOND:ACCOUNT:service/wallet-ENV/wallet-service"

// keepsService leaves a service its network, and people their ways in.
var keepsService = []string{"BoolIfExists|ecs:auto-assign-public-ip|false", "StringEqualsIfExists|ecs:enable-execute-command|EXEC"}

// moving is what a plan needs that moves the wallet to the other region.
func moving(name string, more ...right) []right {
	return everyPlan(name, append([]right{
		{without: "the plan does not find the database", actions: "rds:DescribeDBClusters rds:DescribeGlobalClusters", on: "*", source: regionSwitch + "aurora.html"},
		{without: "a " + name + " could not move the database without loss", actions: "rds:SwitchoverGlobalCluster", on: globalDatabase, source: regionSwitch + "aurora.html"},
		{without: "a " + name + " could not scale the tasks", actions: "ecs:UpdateService", on: bothServices, when: keepsService, source: regionSwitch + "ecs.html"},
		{without: "the plan does not see the tasks come", actions: "ecs:DescribeServices", on: bothServices, source: regionSwitch + "ecs.html"},
		{without: "the plan does not find the cluster of the tasks", actions: "ecs:DescribeClusters",
			on: "arn:aws:ecs:FIRST:ACCOUNT:cluster/wallet-ENV arn:aws:ecs:SECOND:ACCOUNT:cluster/wallet-ENV", source: regionSwitch + "ecs.html"},
		{without: "the plan does not find the service", actions: "ecs:ListServices", on: "*", source: regionSwitch + "ecs.html"},
		{without: "the plan does not know how far the service may scale", actions: "application-autoscaling:DescribeScalableTargets", on: "*", source: regionSwitch + "ecs.html"},
		{without: "autoscaling takes away the tasks that the plan started", actions: "application-autoscaling:RegisterScalableTarget",
			on: "arn:aws:application-autoscaling:FIRST:ACCOUNT:scalable-target/* arn:aws:application-autoscaling:SECOND:ACCOUNT:scalable-target/*", source: regionSwitch + "ecs.html"},
		{without: "the plan does not know how many tasks ran", actions: "cloudwatch:GetMetricStatistics", on: "*", source: regionSwitch + "ecs.html"},
		{without: "the traffic stays in the lost region", actions: "arc-region-switch:CancelPlanExecution arc-region-switch:GetPlanExecution " +
			"arc-region-switch:ListPlanExecutions arc-region-switch:StartPlanExecution arc-region-switch:UpdatePlanExecution", on: "${RecoverytrafficPlan.Arn}", source: regionSwitch + "plan_execution.html"},
		{without: "the report leaves out when the traffic moved", actions: "arc-region-switch:GetPlanExecution arc-region-switch:ListPlanExecutionEvents", on: "${RecoverytrafficPlan.Arn}", source: regionSwitch + "reports.html"},
	}, more...)...)
}

// secondRegion and firstRegion say where a role of a construct of both regions is.
func secondRegion(p place) bool { return p.stack.region == p.env.Secondary.Name }
func firstRegion(p place) bool  { return !secondRegion(p) }

// whatServes are the actions that read which releases serve, and readable the resources
// of a region that they read: the service beside its deployments and revisions.
const whatServes = "ecs:DescribeServiceDeployments ecs:DescribeServiceRevisions ecs:DescribeServices"

func readable(region string) string {
	var all []string
	for _, kind := range []string{"service/wallet-ENV/wallet-service", "service-deployment/wallet-ENV/wallet-service/*", "service-revision/wallet-ENV/wallet-service/*"} {
		all = append(all, "arn:aws:ecs:"+region+":ACCOUNT:"+kind)
	}
	return strings.Join(all, " ")
}

// oneRegion says that nothing stands by.
func oneRegion(p place) bool { return !twoRegions(p) }

// sessions says whether people may open shells in the tasks.
func sessions(p place) bool { return p.env.Service.Exec }

const (
	awsbackup   = "arn:aws:rds:REGION:ACCOUNT:cluster-snapshot:awsbackup:*"
	copiedTo    = "arn:aws:rds:OTHER:ACCOUNT:cluster-snapshot:awsbackup:*"
	restored    = "arn:aws:rds:REGION:ACCOUNT:cluster:awsbackup-restore-test-*"
	ownKeys     = "ForAnyValue:StringLike|kms:ResourceAliases|alias/wallet-ENV/*"
	forAWS      = "Bool|kms:GrantIsForAWSResource|true"
	viaSecrets  = "StringEquals|kms:ViaService|secretsmanager.REGION.amazonaws.com"
	viaEither   = "StringEquals|kms:ViaService|secretsmanager.FIRST.amazonaws.com|secretsmanager.SECOND.amazonaws.com"
	eitherPlace = "StringEquals|aws:RequestedRegion|FIRST|SECOND"
)

// inBoth are resources of RDS in either region, whose name stands for PLACE.
func inBoth(names ...string) string {
	var all []string
	for _, region := range []string{"REGION", "OTHER"} {
		for _, name := range names {
			all = append(all, "arn:aws:rds:"+region+":ACCOUNT:"+strings.ReplaceAll(name, "PLACE", region))
		}
	}
	return strings.Join(all, " ")
}

// roles are what each role's task needs, by the path of its construct.
var roles = map[string][]right{
	"WalletTaskDefinitionExecutionRole": {
		{without: "no task of the wallet starts", who: "Service ecs-tasks.amazonaws.com", actions: "sts:AssumeRole", source: taskExecution},
		{without: "tasks in São Paulo cannot pull their image", actions: "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer", on: "${registry:RegistryCollector.Arn} ${registry:RegistryService.Arn}", applies: firstRegion, source: taskExecution},
		{without: "tasks in the second region cannot pull their image", actions: "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer", on: "${dr-registry:RegistryCollector.Arn} ${dr-registry:RegistryService.Arn}", applies: secondRegion, source: taskExecution},
		{without: "tasks cannot sign in to the registry", actions: "ecr:GetAuthorizationToken", on: "*", source: taskExecution},
		{without: "tasks do not start, for want of their logs", actions: "logs:CreateLogStream logs:PutLogEvents", on: "${WalletTaskAppLogs.Arn} ${WalletTaskCollectorLogs.Arn} ${WalletTaskPrepareLogs.Arn}", source: taskExecution},
		{without: "tasks in São Paulo do not get their passwords", actions: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue", on: "${data:CacheSecret} ${data:DatabaseAppSecretAttachment} ${messaging:Secret}", applies: firstRegion, source: taskExecution},
		{without: "tasks in the second region do not get their passwords", actions: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue", on: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:wallet-ENV/database/app-?????? ${dr:CacheSecret} ${dr-messaging:Secret}", applies: secondRegion, source: taskExecution},
		{without: "tasks in São Paulo cannot decrypt their passwords", actions: "kms:Decrypt", on: "${data:CacheKey.Arn} ${data:DatabaseKey.Arn} ${messaging:SecretKey.Arn}", when: []string{viaSecrets}, applies: firstRegion, source: taskExecution},
		{without: "tasks in the second region cannot decrypt their passwords", actions: "kms:Decrypt", on: "${dr:CacheKey.Arn} ${dr-messaging:SecretKey.Arn} ${global:SecretsKey.Arn}", when: []string{viaSecrets}, applies: secondRegion, source: taskExecution},
	},
	"WalletTaskDefinitionTaskRole": {
		{without: "the wallet's tasks have no identity", who: "Service ecs-tasks.amazonaws.com", actions: "sts:AssumeRole", source: "AmazonECS/latest/developerguide/task-iam-roles.html"},
		{without: "no trace arrives", actions: "xray:PutSpans xray:PutTraceSegments", on: "*", source: "AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html"},
		{without: "no metric of the tasks in São Paulo arrives", actions: "aps:RemoteWrite", on: "${data:PrometheusWorkspace.Arn}", applies: firstRegion, source: managedPolicy + "AmazonPrometheusRemoteWriteAccess.html"},
		{without: "no metric of the tasks in the second region arrives", actions: "aps:RemoteWrite", on: "${dr:PrometheusWorkspace.Arn}", applies: secondRegion, source: managedPolicy + "AmazonPrometheusRemoteWriteAccess.html"},
		{without: "nobody can open a shell in staging", actions: "ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel", on: "*", applies: sessions, source: "AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions"},
		{without: "what was done in a shell is not found", actions: "logs:DescribeLogGroups", on: "*", applies: sessions, source: "AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-logging"},
		{without: "what was done in a shell is not written down", actions: "logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents", on: "arn:aws:logs:REGION:ACCOUNT:log-group:${WalletSessions}:*", applies: sessions, source: "AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-logging"},
	},
	"WalletTrafficRole": {
		{without: "no release gets traffic", who: "Service ecs.amazonaws.com", actions: "sts:AssumeRole", source: "AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html"},
		{without: "a release does not find its listeners and targets", actions: "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth", on: "*", source: managedPolicy + "AmazonECSInfrastructureRolePolicyForLoadBalancers.html"},
		{without: "a release cannot shift the traffic, nor a rollback", actions: "elasticloadbalancing:ModifyRule", on: "${EdgeLoadBalancerHttpsApi} ${EdgeLoadBalancerTestApi}", source: managedPolicy + "AmazonECSInfrastructureRolePolicyForLoadBalancers.html"},
		{without: "no task is registered with the load balancer", actions: "elasticloadbalancing:DeregisterTargets elasticloadbalancing:RegisterTargets", on: "${EdgeBlue} ${EdgeGreen}", source: managedPolicy + "AmazonECSInfrastructureRolePolicyForLoadBalancers.html"},
	},
	"ReleaseHookRole": {
		{without: "no release gets past its first hook", who: "Service ecs.amazonaws.com", actions: "sts:AssumeRole", source: "AmazonECS/latest/developerguide/blue-green-permissions.html"},
		{without: "a release is neither migrated nor tested", actions: "lambda:InvokeFunction", on: "${ReleaseMigrationFunction.Arn} ${ReleaseSmokeFunction.Arn}", source: "AmazonECS/latest/developerguide/blue-green-permissions.html"},
	},
	"ReleaseMigrationDefinitionExecutionRole": {
		{without: "no migration starts", who: "Service ecs-tasks.amazonaws.com", actions: "sts:AssumeRole", source: taskExecution},
		{without: "a migration cannot pull its image", actions: "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer", on: "${registry:RegistryMigrations.Arn}", applies: firstRegion, source: taskExecution},
		{without: "a migration in the second region cannot pull its image", actions: "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer", on: "${dr-registry:RegistryMigrations.Arn}", applies: secondRegion, source: taskExecution},
		{without: "a migration cannot sign in to the registry", actions: "ecr:GetAuthorizationToken", on: "*", source: taskExecution},
		{without: "a migration does not start, for want of its log", actions: "logs:CreateLogStream logs:PutLogEvents", on: "${ReleaseMigrationLogs.Arn}", source: taskExecution},
		{without: "a migration does not get its password", actions: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue", on: "${data:DatabaseAdminSecretAttachment}", applies: firstRegion, source: taskExecution},
		{without: "a migration in the second region does not get its password", actions: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue", on: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:wallet-ENV/database/admin-??????", applies: secondRegion, source: taskExecution},
		{without: "a migration cannot decrypt its password", actions: "kms:Decrypt", on: "${data:DatabaseKey.Arn}", when: []string{viaSecrets}, applies: firstRegion, source: taskExecution},
		{without: "a migration in the second region cannot decrypt its password", actions: "kms:Decrypt", on: "${global:SecretsKey.Arn}", when: []string{viaSecrets}, applies: secondRegion, source: taskExecution},
	},
	"ReleaseMigrationDefinitionTaskRole": {
		{without: "a migration has no identity", who: "Service ecs-tasks.amazonaws.com", actions: "sts:AssumeRole", source: "AmazonECS/latest/developerguide/task-iam-roles.html"},
	},
	"ReleaseMigrationFunctionRole": function("ReleaseMigrationFunction",
		right{without: "a release cannot start its migration", actions: "ecs:RunTask", on: "arn:aws:ecs:REGION:ACCOUNT:task-definition/wallet-ENV-migrate:*", when: []string{"ArnEquals|ecs:cluster|${WalletEcsCluster.Arn}", "StringEqualsIfExists|ecs:enable-execute-command|false"}, source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "a release does not see its migration end, nor stop it", actions: "ecs:DescribeTasks ecs:StopTask", on: "arn:aws:ecs:REGION:ACCOUNT:task/wallet-ENV/*", when: []string{"ArnEquals|ecs:cluster|${WalletEcsCluster.Arn}"}, source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "nobody knows which releases serve, and no contract runs", actions: whatServes, on: readable("REGION"), applies: oneRegion, source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "nobody knows which releases serve in either region, and no contract runs", actions: whatServes, on: readable("REGION") + " " + readable("OTHER"), applies: twoRegions, source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "a migration's task gets no roles", actions: "iam:PassRole", on: "${ReleaseMigrationDefinitionExecutionRole.Arn} ${ReleaseMigrationDefinitionTaskRole.Arn}", when: []string{"StringEquals|iam:PassedToService|ecs-tasks.amazonaws.com"}, source: "AmazonECS/latest/developerguide/task_execution_IAM_role.html"},
	),
	"ReleaseSmokeFunctionRole": function("ReleaseSmokeFunction",
		right{without: "no release passes its test, for nobody knows which region writes", actions: "rds:DescribeGlobalClusters", on: "arn:aws:rds::ACCOUNT:global-cluster:wallet-ENV-global", applies: twoRegions, source: serviceRoles + "list_amazonrds.html"},
	),
	"OutboxMeasureRole": function("OutboxMeasure",
		right{without: "the outbox is not measured", actions: "secretsmanager:GetSecretValue", on: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:wallet-ENV/database/outbox-??????", source: "secretsmanager/latest/userguide/auth-and-access_examples.html"},
		right{without: "the password that measures the outbox cannot be decrypted", actions: "kms:Decrypt", on: "${data:DatabaseKey.Arn}", when: []string{viaSecrets}, applies: firstRegion, source: "secretsmanager/latest/userguide/security-encryption.html"},
		right{without: "the password that measures the outbox cannot be decrypted in the second region", actions: "kms:Decrypt", on: "${global:SecretsKey.Arn}", when: []string{viaSecrets}, applies: secondRegion, source: "secretsmanager/latest/userguide/security-encryption.html"},
	),
	"RedeployFunctionRole": function("RedeployFunction",
		right{without: "tasks keep a password that a rotation took away", actions: "ecs:UpdateService", on: "arn:aws:ecs:REGION:ACCOUNT:service/wallet-ENV/wallet-service", when: keepsService, source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "a rotation starts a deployment while one is under way", actions: "ecs:ListServiceDeployments", on: "arn:aws:ecs:REGION:ACCOUNT:service/wallet-ENV/wallet-service", source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "nobody hears of a rotation", actions: "sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage", on: "${RedeployQueue.Arn}", source: managedPolicy + "AWSLambdaSQSQueueExecutionRole.html"},
		right{without: "nobody knows whether a deployment failed or a person stopped it", actions: "ecs:DescribeServiceDeployments", on: "arn:aws:ecs:REGION:ACCOUNT:service-deployment/wallet-ENV/wallet-service/*", source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		right{without: "tasks with an old password are not seen", actions: "ecs:ListTasks", on: "*", when: []string{"ArnEquals|ecs:cluster|arn:aws:ecs:REGION:ACCOUNT:cluster/wallet-ENV"}, source: taskExamples},
		right{without: "nobody knows how old a task's password is", actions: "ecs:DescribeTasks", on: "arn:aws:ecs:REGION:ACCOUNT:task/wallet-ENV/*", source: taskExamples},
		right{without: "a task starts with the password before, because the copy is late", actions: "secretsmanager:DescribeSecret", on: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:wallet-ENV/database/app-??????", applies: secondRegion, source: "secretsmanager/latest/userguide/auth-and-access_examples.html"},
		right{without: "a rotation that nothing came of is gone in silence", actions: "sqs:SendMessage", on: "${RedeployFailed.Arn}", source: serviceRoles + "list_amazonsqs.html"},
		right{without: "the news of a rotation cannot be decrypted, nor given up", actions: "kms:Decrypt kms:GenerateDataKey", on: "${RedeployKey.Arn}", when: []string{"StringEquals|kms:ViaService|sqs.REGION.amazonaws.com"}, source: "lambda/latest/dg/services-sqs-configure.html"},
	),
	"DatabaseRotationFunctionRole": function("DatabaseRotationFunction",
		right{without: "no password rotates", actions: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue secretsmanager:ListSecretVersionIds secretsmanager:PutSecretValue secretsmanager:UpdateSecretVersionStage", on: "${DatabaseAdminSecretAttachment} ${DatabaseAppSecretAttachment} ${DatabaseOutboxSecretAttachment}", source: rotationRole},
		right{without: "a rotation finds no new password", actions: "secretsmanager:GetRandomPassword", on: "*", source: rotationRole},
		right{without: "a rotation cannot read or store a password", actions: "kms:Decrypt kms:GenerateDataKey", on: "${DatabaseKey.Arn}", when: []string{viaSecrets}, source: rotationRole},
		right{without: "the standby's password is dead after two rotations", actions: "kms:Encrypt kms:GenerateDataKey", on: "${global:SecretsKey.Arn}", when: []string{viaEither}, applies: twoRegions, source: "secretsmanager/latest/userguide/replicate-secrets-troubleshoot.html"},
		right{without: "tasks keep a password that a rotation took away", actions: "events:PutEvents", on: "arn:aws:events:REGION:ACCOUNT:event-bus/default", when: []string{"StringEquals|events:detail-type|Database password rotated", "StringEquals|events:source|wallet.database"}, applies: oneRegion, source: serviceRoles + "list_amazoneventbridge.html"},
		right{without: "a rotation takes the user that running tasks hold", actions: "ecs:ListTasks", on: "*", when: []string{"ArnEquals|ecs:cluster|arn:aws:ecs:REGION:ACCOUNT:cluster/wallet-ENV"}, applies: oneRegion, source: taskExamples},
		right{without: "a rotation does not know which password a task holds", actions: "ecs:DescribeTasks", on: "arn:aws:ecs:REGION:ACCOUNT:task/wallet-ENV/*", applies: oneRegion, source: taskExamples},
		right{without: "tasks keep a password that a rotation took away", actions: "events:PutEvents", on: "arn:aws:events:REGION:ACCOUNT:event-bus/default arn:aws:events:OTHER:ACCOUNT:event-bus/default", when: []string{"StringEquals|events:detail-type|Database password rotated", "StringEquals|events:source|wallet.database"}, applies: twoRegions, source: serviceRoles + "list_amazoneventbridge.html"},
		right{without: "a rotation takes the user that running tasks hold", actions: "ecs:ListTasks", on: "*", when: []string{"ArnEquals|ecs:cluster|arn:aws:ecs:REGION:ACCOUNT:cluster/wallet-ENV|arn:aws:ecs:OTHER:ACCOUNT:cluster/wallet-ENV"}, applies: twoRegions, source: taskExamples},
		right{without: "a rotation does not know which password a task holds", actions: "ecs:DescribeTasks", on: "arn:aws:ecs:REGION:ACCOUNT:task/wallet-ENV/* arn:aws:ecs:OTHER:ACCOUNT:task/wallet-ENV/*", applies: twoRegions, source: taskExamples},
	),
	"BackupExportRole": {
		{without: "the monthly export is never written", who: "Service export.rds.amazonaws.com", actions: "sts:AssumeRole", when: []string{ownAccount}, source: exports},
		{without: "an export does not find its bucket", actions: "s3:GetBucketLocation s3:ListBucket", on: "${StorageBackups.Arn}", source: exports},
		{without: "an export writes no file", actions: "s3:DeleteObject s3:GetObject s3:PutObject", on: "${StorageBackups.Arn}/database/*", source: exports},
	},
	"BackupStarterRole": {
		{without: "the monthly export is never started", who: "Service scheduler.amazonaws.com", actions: "sts:AssumeRole", when: []string{ownAccount}, source: "scheduler/latest/UserGuide/setting-up.html"},
		{without: "an export is refused", actions: "rds:StartExportTask", on: "arn:aws:rds:REGION:ACCOUNT:cluster:${DatabaseCluster}", source: exports},
		{without: "an export gets no role to write with", actions: "iam:PassRole", on: "${BackupExportRole.Arn}", when: []string{"StringEquals|iam:PassedToService|export.rds.amazonaws.com"}, source: exports},
		{without: "an export cannot use its keys", actions: "kms:CreateGrant", on: "${StorageKey.Arn} ${DatabaseKey.Arn}", when: []string{forAWS}, source: exports},
		{without: "an export does not find its keys", actions: "kms:DescribeKey", on: "${StorageKey.Arn} ${DatabaseKey.Arn}", source: exports},
	},
	"BackupWatchRole": function("BackupWatch",
		right{without: "nobody notices that an export is missing", actions: "rds:DescribeExportTasks", on: "arn:aws:rds:REGION:ACCOUNT:cluster:${DatabaseCluster}", source: exports},
		right{without: "a new database is missed for its first export", actions: "rds:DescribeDBClusters", on: "arn:aws:rds:REGION:ACCOUNT:cluster:${DatabaseCluster}", source: serviceRoles + "list_amazonrds.html"},
		right{without: "nobody notices that a replica of a password does not follow", actions: "secretsmanager:DescribeSecret", on: "${DatabaseAdminSecretAttachment} ${DatabaseAppSecretAttachment} ${DatabaseOutboxSecretAttachment}", applies: twoRegions, source: "secretsmanager/latest/userguide/replicate-secrets.html"},
	),
	"DatabaseUserFunctionRole": function("DatabaseUserFunction",
		right{without: "the users of the database are never made", actions: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue", on: "${DatabaseAdminSecretAttachment} ${DatabaseAppSecretAttachment} ${DatabaseOutboxSecretAttachment}", source: "secretsmanager/latest/userguide/auth-and-access_examples.html"},
		right{without: "the users' passwords cannot be decrypted", actions: "kms:Decrypt", on: "${DatabaseKey.Arn}", when: []string{viaSecrets}, source: "secretsmanager/latest/userguide/security-encryption.html"},
	),
	"DatabaseMonitoringRole": {
		{without: "nobody sees the database's processes", who: "Service monitoring.rds.amazonaws.com", actions: "sts:AssumeRole", when: []string{"StringEquals|aws:SourceAccount|ACCOUNT"}, source: "AmazonRDS/latest/AuroraUserGuide/USER_Monitoring.OS.Enabling.html"},
		{without: "the database cannot write its metrics", actions: attached, on: "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole", source: "AmazonRDS/latest/AuroraUserGuide/USER_Monitoring.OS.Enabling.html"},
	},
	"BackupBackupRole": {
		{without: "nothing is backed up", who: "Service backup.amazonaws.com", actions: "sts:AssumeRole", source: "aws-backup/latest/devguide/iam-service-roles.html"},
		{without: "no snapshot is taken", actions: "rds:AddTagsToResource rds:CreateDBClusterSnapshot rds:DescribeDBClusterAutomatedBackups rds:DescribeDBClusterSnapshots rds:DescribeDBClusters rds:ListTagsForResource", on: awsbackup + " " + copiedTo + " arn:aws:rds:REGION:ACCOUNT:cluster:${DatabaseCluster}", source: managedPolicy + "AWSBackupServiceRolePolicyForBackup.html"},
		{without: "backups neither reach the second region nor expire", actions: "backup:CopyFromBackupVault rds:CopyDBClusterSnapshot rds:DeleteDBClusterSnapshot rds:ModifyDBClusterSnapshotAttribute", on: awsbackup + " " + copiedTo, source: managedPolicy + "AWSBackupServiceRolePolicyForBackup.html"},
		{without: "backups do not find their vaults", actions: "backup:CopyIntoBackupVault backup:DescribeBackupVault", on: "arn:aws:backup:OTHER:ACCOUNT:backup-vault:wallet-ENV-OTHER ${BackupVault.BackupVaultArn}", source: managedPolicy + "AWSBackupServiceRolePolicyForBackup.html"},
		{without: "backups do not find what to back up", actions: "tag:GetResources", on: "*", source: managedPolicy + "AWSBackupServiceRolePolicyForBackup.html"},
		{without: "backups do not find their keys", actions: "kms:DescribeKey", on: "arn:aws:kms:REGION:ACCOUNT:key/* arn:aws:kms:OTHER:ACCOUNT:key/*", when: []string{ownKeys}, source: managedPolicy + "AWSBackupServiceRolePolicyForBackup.html"},
		{without: "backups cannot be encrypted", actions: "kms:CreateGrant", on: "arn:aws:kms:REGION:ACCOUNT:key/* arn:aws:kms:OTHER:ACCOUNT:key/*", when: []string{ownKeys, forAWS}, source: managedPolicy + "AWSBackupServiceRolePolicyForBackup.html"},
	},
	"BackupRestoreRole": {
		{without: "no backup is ever tried", who: "Service backup.amazonaws.com", actions: "sts:AssumeRole", source: "aws-backup/latest/devguide/iam-service-roles.html"},
		{without: "a backup cannot be restored", actions: "rds:RestoreDBClusterFromSnapshot", on: awsbackup + " " + restored + " arn:aws:rds:REGION:ACCOUNT:cluster-pg:default.* arn:aws:rds:REGION:ACCOUNT:og:default:* arn:aws:rds:REGION:ACCOUNT:subgrp:${BackupRestoreSubnets}", source: managedPolicy + "AWSBackupServiceRolePolicyForRestores.html"},
		{without: "a tried backup stays, and costs", actions: "rds:AddTagsToResource rds:DeleteDBCluster", on: restored, source: managedPolicy + "AWSBackupServiceRolePolicyForRestores.html"},
		{without: "a trial does not find the backup", actions: "rds:DescribeDBClusterSnapshots rds:DescribeDBClusters rds:DescribeDBInstances rds:ListTagsForResource", on: awsbackup + " arn:aws:rds:REGION:ACCOUNT:cluster:* arn:aws:rds:REGION:ACCOUNT:db:*", source: managedPolicy + "AWSBackupServiceRolePolicyForRestores.html"},
		{without: "a backup cannot be decrypted", actions: "kms:Decrypt kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo", on: "arn:aws:kms:REGION:ACCOUNT:key/*", when: []string{ownKeys, "StringEquals|kms:ViaService|rds.REGION.amazonaws.com"}, source: managedPolicy + "AWSBackupServiceRolePolicyForRestores.html"},
		{without: "a trial does not find the backup's key", actions: "kms:DescribeKey", on: "arn:aws:kms:REGION:ACCOUNT:key/*", when: []string{ownKeys}, source: managedPolicy + "AWSBackupServiceRolePolicyForRestores.html"},
		{without: "a restored database cannot be encrypted", actions: "kms:CreateGrant", on: "arn:aws:kms:REGION:ACCOUNT:key/*", when: []string{ownKeys, forAWS}, source: managedPolicy + "AWSBackupServiceRolePolicyForRestores.html"},
	},
	"BackupRestorer": {
		{without: "nobody can take on the restore of the database", who: "account ACCOUNT", actions: "sts:AssumeRole", source: serviceRoles + "list_amazonrds.html"},
		{without: "the database cannot be restored", actions: "rds:RestoreDBClusterFromSnapshot rds:RestoreDBClusterToPointInTime",
			on: "arn:aws:rds:REGION:ACCOUNT:cluster:wallet-ENV-REGION arn:aws:rds:OTHER:ACCOUNT:cluster:wallet-ENV-OTHER* " + inBoth("cluster:wallet-ENV-PLACE-restored", "cluster-snapshot:awsbackup:*", "cluster-pg:*", "og:default:*", "subgrp:*", "pg:*"), source: serviceRoles + "list_amazonrds.html"},
		{without: "a restored database answers nobody", actions: "rds:CreateDBInstance",
			on: inBoth("cluster:wallet-ENV-PLACE-restored", "db:wallet-ENV-PLACE-restored-1", "cluster-pg:*", "og:default:*", "subgrp:*", "pg:*"), source: serviceRoles + "list_amazonrds.html"},
		{without: "nobody knows what a restored database was made from", actions: "rds:AddTagsToResource",
			on: inBoth("cluster:wallet-ENV-PLACE-restored", "db:wallet-ENV-PLACE-restored-1"), source: serviceRoles + "list_amazonrds.html"},
		{without: "a restored database stays, and costs", actions: "rds:DeleteDBCluster", on: inBoth("cluster:wallet-ENV-PLACE-restored"), source: serviceRoles + "list_amazonrds.html"},
		{without: "a restored database's instance stays, and costs", actions: "rds:DeleteDBInstance", on: inBoth("db:wallet-ENV-PLACE-restored-1"), source: serviceRoles + "list_amazonrds.html"},
		{without: "a restore does not see when it has ended", actions: "rds:DescribeDBClusterSnapshots rds:DescribeDBClusters rds:DescribeDBInstances",
			on: inBoth("cluster:*", "db:*", "cluster-snapshot:*"), source: serviceRoles + "list_amazonrds.html"},
		{without: "a restore does not find the key", actions: "kms:DescribeKey", on: "arn:aws:kms:REGION:ACCOUNT:key/* arn:aws:kms:OTHER:ACCOUNT:key/*", when: []string{ownKeys}, source: "AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html"},
		{without: "a restored database cannot be encrypted", actions: "kms:CreateGrant", on: "arn:aws:kms:REGION:ACCOUNT:key/* arn:aws:kms:OTHER:ACCOUNT:key/*", when: []string{ownKeys, forAWS}, source: "AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html"},
	},
	"StorageBackupsReplicationRole": {
		{without: "no backup object is copied", who: "Service s3.amazonaws.com", actions: "sts:AssumeRole", source: replicationS3},
		{without: "replication does not find what to copy", actions: "s3:GetReplicationConfiguration s3:ListBucket", on: "arn:aws:s3:::wallet-ENV-backups-ACCOUNT-REGION", source: replicationS3},
		{without: "objects cannot be read for copying", actions: "s3:GetObjectVersionAcl s3:GetObjectVersionForReplication s3:GetObjectVersionTagging", on: "arn:aws:s3:::wallet-ENV-backups-ACCOUNT-REGION/*", source: replicationS3},
		{without: "objects never arrive in the second region", actions: "s3:ReplicateObject s3:ReplicateTags", on: "arn:aws:s3:::wallet-ENV-backups-ACCOUNT-OTHER/*", source: replicationS3},
		{without: "objects cannot be decrypted for copying", actions: "kms:Decrypt", on: "${StorageKey.Arn}", when: []string{"StringEquals|kms:ViaService|s3.REGION.amazonaws.com"}, source: replicationKMS},
		{without: "copies cannot be encrypted", actions: "kms:Encrypt kms:GenerateDataKey", on: "${global:CopiesKey.Arn}", when: []string{"StringEquals|kms:ViaService|s3.OTHER.amazonaws.com"}, source: replicationKMS},
	},
	"StorageStaticReplicationRole": {
		{without: "the app's files are not copied", who: "Service s3.amazonaws.com", actions: "sts:AssumeRole", source: replicationS3},
		{without: "replication does not find what to copy", actions: "s3:GetReplicationConfiguration s3:ListBucket", on: "arn:aws:s3:::wallet-ENV-static-ACCOUNT-REGION", source: replicationS3},
		{without: "files cannot be read for copying", actions: "s3:GetObjectVersionAcl s3:GetObjectVersionForReplication s3:GetObjectVersionTagging", on: "arn:aws:s3:::wallet-ENV-static-ACCOUNT-REGION/*", source: replicationS3},
		{without: "files never arrive in the second region, or never go", actions: "s3:ReplicateDelete s3:ReplicateObject s3:ReplicateTags", on: "arn:aws:s3:::wallet-ENV-static-ACCOUNT-OTHER/*", source: replicationS3},
	},
	"AccessFunctionRole": function("AccessFunction",
		right{without: "the service may neither read nor write a topic", actions: "kafka-cluster:AlterCluster kafka-cluster:Connect kafka-cluster:DescribeCluster", on: "${Cluster.Arn}", source: mskIAM},
		right{without: "the function does not find the brokers", actions: "kafka:ListNodes", on: "${Cluster.Arn}", source: serviceRoles + "list_amazonmanagedstreamingforapachekafka.html"},
		right{without: "the function does not know where the brokers listen", actions: "kafka:GetBootstrapBrokers", on: "*", source: serviceRoles + "list_amazonmanagedstreamingforapachekafka.html"},
	),
	"VpcFlowLogIAMRole": {
		{without: "nobody knows who talked to whom", who: "Service vpc-flow-logs.amazonaws.com", actions: "sts:AssumeRole", when: []string{ownAccount, "ArnLike|aws:SourceArn|arn:aws:ec2:REGION:ACCOUNT:vpc-flow-log/*"}, source: flowLogs},
		{without: "no flow is written down", actions: "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents", on: "${VpcFlowLogs.Arn}", source: flowLogs},
		{without: "flows do not find their log", actions: "logs:DescribeLogGroups", on: "*", source: flowLogs},
	},
	"CustomVpcRestrictDefaultSGCustomResourceProviderRole": {
		{without: "the default security group stays open", who: "Service lambda.amazonaws.com", actions: "sts:AssumeRole", source: lambdaLogs},
		{without: "the function that closes the default group cannot log", actions: attached, on: "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", source: lambdaLogs},
		{without: "the default security group cannot be closed", actions: "ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress", on: "arn:aws:ec2:REGION:ACCOUNT:security-group/${Vpc.DefaultSecurityGroup}", source: serviceRoles + "list_amazonec2.html"},
	},
	"GrafanaRole": {
		{without: "Grafana reads nothing", who: "Service grafana.amazonaws.com", actions: "sts:AssumeRole", when: []string{"ArnLike|aws:SourceArn|arn:aws:grafana:REGION:ACCOUNT:/workspaces/*", "StringEquals|aws:SourceAccount|ACCOUNT"}, source: "grafana/latest/userguide/AMG-manage-permissions.html"},
		{without: "Grafana shows no metric of the wallet", actions: "aps:GetLabels aps:GetMetricMetadata aps:GetSeries aps:QueryMetrics", on: "arn:aws:aps:FIRST:ACCOUNT:workspace/*", when: []string{"StringEquals|aws:ResourceTag/Environment|ENV"}, source: managedPolicy + "AmazonPrometheusQueryAccess.html"},
		{without: "Grafana shows no metric of AWS", actions: "cloudwatch:GetMetricData cloudwatch:ListMetrics", on: "*", when: []string{eitherPlace}, source: managedPolicy + "AmazonGrafanaCloudWatchAccess.html"},
		{without: "Grafana shows no trace", actions: "xray:BatchGetTraces xray:GetServiceGraph xray:GetTraceGraph xray:GetTraceSummaries", on: "*", when: []string{eitherPlace}, applies: func(p place) bool { return p.env.DR.AllowDataOutsideBrazil }, source: "grafana/latest/userguide/x-ray-data-source.html"},
	},
	"RecoveryApprover": {
		{without: "nobody can approve a failover", who: "account ACCOUNT", actions: "sts:AssumeRole", source: regionSwitch + "manual_approval.html"},
		{without: "a failover waits for an approval that nobody may give", actions: "arc-region-switch:ApprovePlanExecutionStep arc-region-switch:GetPlan arc-region-switch:GetPlanExecution arc-region-switch:ListPlanExecutionEvents arc-region-switch:ListPlanExecutions", on: "${RecoveryfailbackPlan.Arn} ${RecoveryfailoverPlan.Arn}", source: regionSwitch + "manual_approval.html"},
	},
	"RecoveryfailbackRole": moving("failback"),
	"RecoveryfailoverRole": moving("failover",
		right{without: "a lost region keeps the database", actions: "rds:FailoverGlobalCluster", on: globalDatabase, source: regionSwitch + "aurora.html"}),
	"RecoverytrafficRole": everyPlan("traffic",
		right{without: "the plan does not find the records that it moves", actions: "route53:ListResourceRecordSets", on: "arn:aws:route53:::hostedzone/ZONE", source: regionSwitch + "route53.html"}),
	"ReplicatorRole": {
		{without: "events are not copied to the second region", who: "Service kafka.amazonaws.com", actions: "sts:AssumeRole", source: replicatorRole},
		{without: "the replicator cannot sign in to a cluster", actions: "kafka-cluster:AlterCluster kafka-cluster:Connect kafka-cluster:DescribeCluster kafka-cluster:DescribeClusterDynamicConfiguration kafka-cluster:WriteDataIdempotently", on: "${Cluster.Arn} KAFKA", source: replicatorRole},
		{without: "the replicator cannot read events", actions: "kafka-cluster:DescribeTopic kafka-cluster:DescribeTopicDynamicConfiguration kafka-cluster:ReadData", on: "arn:aws:kafka:FIRST:ACCOUNT:topic/wallet-ENV/*/*", source: replicatorRole},
		{without: "the replicator cannot write events", actions: everyTopicAction, on: "arn:aws:kafka:SECOND:ACCOUNT:topic/wallet-ENV/*/*", source: replicatorRole},
		{without: "the replicator does not know how far it came", actions: everyTopicAction, on: "arn:aws:kafka:FIRST:ACCOUNT:topic/wallet-ENV/*/__amazon_msk* arn:aws:kafka:SECOND:ACCOUNT:topic/wallet-ENV/*/__amazon_msk*", source: replicatorRole},
		{without: "after a failover, consumers begin from the start", actions: "kafka-cluster:AlterGroup kafka-cluster:DescribeGroup", on: "arn:aws:kafka:FIRST:ACCOUNT:group/wallet-ENV/*/* arn:aws:kafka:SECOND:ACCOUNT:group/wallet-ENV/*/*", source: replicatorRole},
	},
	"IdentityPlan": {
		fromGitHub("a pull request does not show what it would change", "PLATFORMpull_request"),
		{without: "a pull request cannot read what is deployed", actions: "cloudformation:DescribeStacks cloudformation:GetTemplate", on: ownStacks, source: serviceRoles + "list_awscloudformation.html"},
	},
	"IdentityWatch": {
		fromGitHub("nobody looks for drift", "PLATFORMref:refs/heads/BRANCH"),
		{without: "drift cannot be looked for", actions: "sts:AssumeRole", on: bootstrapped("lookup"), source: bootstrapRoles},
		{without: "nobody learns before the night that a plan would fail", actions: "arc-region-switch:GetPlanEvaluationStatus",
			on:      "arn:aws:arc-region-switch::ACCOUNT:plan/wallet-ENV-failback:* arn:aws:arc-region-switch::ACCOUNT:plan/wallet-ENV-failover:* arn:aws:arc-region-switch::ACCOUNT:plan/wallet-ENV-traffic:*",
			applies: twoRegions, source: serviceRoles + "list_amazonapplicationrecoverycontroller-regionswitch.html"},
	},
	"IdentityDeploy": {
		fromGitHub("no workflow deploys", "PLATFORMenvironment:ENV", "StringEquals|token.actions.githubusercontent.com:ref|refs/heads/BRANCH"),
		{without: "a deployment cannot take the bootstrap's roles", actions: "sts:AssumeRole", on: bootstrapped("deploy", "file-publishing", "lookup"), source: bootstrapRoles},
		{without: "a hopeless deployment goes on for hours", actions: "ecs:StopServiceDeployment", on: "arn:aws:ecs:FIRST:ACCOUNT:service-deployment/wallet-ENV/wallet-service/* arn:aws:ecs:SECOND:ACCOUNT:service-deployment/wallet-ENV/wallet-service/*", source: serviceRoles + "list_amazonelasticcontainerservice.html"},
		{without: "nobody hears what AWS says of a policy that changes", actions: "access-analyzer:CheckNoNewAccess", on: "*", source: serviceRoles + "list_awsiamaccessanalyzer.html"},
	},
	"IdentityPrepare": {
		fromGitHub("no change can be shown for approval", "PLATFORMref:refs/heads/BRANCH"),
		{without: "a change's files cannot be uploaded", actions: "sts:AssumeRole", on: bootstrapped("file-publishing", "lookup"), source: bootstrapRoles},
		{without: "a change cannot be shown for approval", actions: "cloudformation:CreateChangeSet cloudformation:DeleteChangeSet cloudformation:DescribeChangeSet cloudformation:DescribeEvents " +
			"cloudformation:DescribeStackEvents cloudformation:DescribeStacks cloudformation:GetTemplate cloudformation:GetTemplateSummary cloudformation:ListChangeSets", on: ownStacks, source: serviceRoles + "list_awscloudformation.html"},
		{without: "a change set has no role to be executed with", actions: "iam:PassRole", on: bootstrapped("cfn-exec"), when: []string{"StringEquals|iam:PassedToService|cloudformation.amazonaws.com"}, source: "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html"},
		{without: "the CLI does not know the bootstrap's version", actions: "ssm:GetParameter", on: "arn:aws:ssm:FIRST:ACCOUNT:parameter/cdk-bootstrap/hnb659fds/version arn:aws:ssm:SECOND:ACCOUNT:parameter/cdk-bootstrap/hnb659fds/version", source: bootstrapRoles},
		{without: "CloudFormation cannot read the templates", actions: "s3:GetObject", on: "arn:aws:s3:::cdk-hnb659fds-assets-ACCOUNT-FIRST/* arn:aws:s3:::cdk-hnb659fds-assets-ACCOUNT-SECOND/*", source: bootstrapRoles},
		{without: "nobody hears what AWS says of a policy that changes", actions: "access-analyzer:CheckNoNewAccess", on: "*", source: serviceRoles + "list_awsiamaccessanalyzer.html"},
	},
	"IdentityService":    pushes("WALLETref:refs/heads/BRANCH", "service"),
	"IdentityMigrations": pushes("PLATFORMref:refs/heads/BRANCH", "migrations"),
}

// everyTopicAction is what the replicator does with a topic that it writes.
const everyTopicAction = "kafka-cluster:AlterTopic kafka-cluster:AlterTopicDynamicConfiguration kafka-cluster:CreateTopic kafka-cluster:DescribeTopic " +
	"kafka-cluster:DescribeTopicDynamicConfiguration kafka-cluster:ReadData kafka-cluster:WriteData"

// ownStacks are the environment's, whose names CloudFormation ends with an ID.
const ownStacks = "arn:aws:cloudformation:FIRST:ACCOUNT:stack/wallet-ENV-*/* arn:aws:cloudformation:SECOND:ACCOUNT:stack/wallet-ENV-*/*"

// fromGitHub lets workflows with one exact subject take a role.
func fromGitHub(without, subject string, more ...string) right {
	return right{without: without, who: "Federated arn:aws:iam::ACCOUNT:oidc-provider/token.actions.githubusercontent.com", actions: "sts:AssumeRoleWithWebIdentity", source: githubOIDC,
		when: append([]string{"StringEquals|token.actions.githubusercontent.com:aud|sts.amazonaws.com", "StringEquals|token.actions.githubusercontent.com:sub|" + subject}, more...)}
}

// bootstrapped are roles of the CDK bootstrap in both regions.
func bootstrapped(names ...string) string {
	var arns []string
	for _, name := range names {
		for _, region := range []string{"FIRST", "SECOND"} {
			arns = append(arns, "arn:aws:iam::ACCOUNT:role/cdk-hnb659fds-"+name+"-role-ACCOUNT-"+region)
		}
	}
	return strings.Join(arns, " ")
}

// pushes is what a workflow needs that builds images of one repository.
func pushes(subject, repository string) []right {
	const push = "AmazonECR/latest/userguide/image-push-iam.html"
	return []right{
		fromGitHub("no image is built", subject),
		{without: "a workflow cannot sign in to the registry", actions: "ecr:GetAuthorizationToken", on: "*", source: push},
		{without: "a workflow cannot push the image", actions: "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:CompleteLayerUpload ecr:InitiateLayerUpload ecr:PutImage ecr:UploadLayerPart", on: "arn:aws:ecr:FIRST:ACCOUNT:repository/wallet-ENV/" + repository, source: push},
		{without: "a workflow does not see that a tag is taken", actions: "ecr:DescribeImages", on: "arn:aws:ecr:FIRST:ACCOUNT:repository/wallet-ENV/" + repository, source: serviceRoles + "list_amazonelasticcontainerregistry.html"},
	}
}

func TestEveryRoleCanDoItsTaskAndNothingMore(t *testing.T) { compare(t, roles, rolesByName(t)) }

// takers are whose task each role is for: the resource and the property that names
// the role.
var takers = map[string][]string{
	"AccessFunctionRole": {"AccessFunction Role"},
	"BackupBackupRole":   {"BackupPlanDatabase BackupSelection.IamRoleArn"},
	"BackupRestoreRole":  {"BackupRestoreDatabase IamRoleArn"},
	"BackupExportRole":   {"BackupExport Input.Fn::Join"},
	"BackupStarterRole":  {"BackupExport Target.RoleArn"},
	"BackupWatchRole":    {"BackupWatchFunction Role"},
	"CustomVpcRestrictDefaultSGCustomResourceProviderRole": {"CustomVpcRestrictDefaultSGCustomResourceProviderHandler Role"},
	"DatabaseMonitoringRole":                               {"DatabaseClusterReader1 MonitoringRoleArn", "DatabaseClusterReader2 MonitoringRoleArn", "DatabaseClusterWriter MonitoringRoleArn", "DatabaseReader1 MonitoringRoleArn"},
	"DatabaseRotationFunctionRole":                         {"DatabaseRotationFunction Role"},
	"DatabaseUserFunctionRole":                             {"DatabaseUserFunction Role"},
	"GrafanaRole":                                          {"GrafanaWorkspace RoleArn"},
	"RecoveryApprover":                                     {"RecoveryfailbackPlan ExecutionApprovalConfig.ApprovalRole", "RecoveryfailoverPlan ExecutionApprovalConfig.ApprovalRole"},
	"RecoveryfailbackRole":                                 {"RecoveryfailbackPlan ExecutionRole"},
	"RecoveryfailoverRole":                                 {"RecoveryfailoverPlan ExecutionRole"},
	"RecoverytrafficRole":                                  {"RecoverytrafficPlan ExecutionRole"},
	"RedeployFunctionRole":                                 {"RedeployFunction Role"},
	"ReleaseHookRole":                                      {"WalletService LifecycleHooks.RoleArn"},
	"ReleaseMigrationDefinitionExecutionRole":              {"ReleaseMigrationDefinition ExecutionRoleArn"},
	"ReleaseMigrationDefinitionTaskRole":                   {"ReleaseMigrationDefinition TaskRoleArn"},
	"ReleaseMigrationFunctionRole":                         {"ReleaseMigrationFunction Role"},
	"ReleaseSmokeFunctionRole":                             {"ReleaseSmokeFunction Role"},
	"OutboxMeasureRole":                                    {"OutboxMeasureFunction Role"},
	"ReplicatorRole":                                       {"ReplicatorEvents ServiceExecutionRoleArn"},
	"StorageBackupsReplicationRole":                        {"StorageBackups ReplicationConfiguration.Role"},
	"StorageStaticReplicationRole":                         {"StorageStatic ReplicationConfiguration.Role"},
	"VpcFlowLogIAMRole":                                    {"VpcFlowLog DeliverLogsPermissionArn"},
	"WalletTaskDefinitionExecutionRole":                    {"WalletTaskDefinition ExecutionRoleArn"},
	"WalletTaskDefinitionTaskRole":                         {"WalletTaskDefinition TaskRoleArn"},
	"WalletTrafficRole":                                    {"WalletService AdvancedConfiguration.RoleArn"},
}

// Two roles that change places leave each task without its rights and with those of
// another.
func TestEachTaskTakesItsOwnRole(t *testing.T) {
	t.Parallel()
	found := map[string][]string{}
	everyPlace(t, func(p place, r resource) {
		if strings.HasPrefix(r.Type, "AWS::IAM::") {
			return
		}
		eachReference(r.Properties, nil, func(target string, path []string) {
			if p.stack.Resources[target].Type == "AWS::IAM::Role" {
				role, taker := hash.ReplaceAllString(target, ""), hash.ReplaceAllString(p.id, "")+" "+strings.Join(path[max(0, len(path)-2):], ".")
				if !slices.Contains(found[role], taker) {
					found[role] = append(found[role], taker)
				}
			}
		})
	})
	for role, want := range takers {
		assert.ElementsMatch(t, want, found[role], role)
		delete(found, role)
	}
	assert.Empty(t, found, "say whose task they are for")
}

// eachReference visits the resources that a value names by Ref or Fn::GetAtt, with
// the path to each through objects.
func eachReference(value any, path []string, visit func(target string, path []string)) {
	switch form := value.(type) {
	case map[string]any:
		if id, ok := form["Ref"].(string); ok {
			visit(id, path)
		}
		if id, ok := at(form, "Fn::GetAtt", 0).(string); ok {
			visit(id, path)
		}
		for key, inner := range form {
			eachReference(inner, append(slices.Clone(path), key), visit)
		}
	case []any:
		for _, inner := range form {
			eachReference(inner, path, visit)
		}
	}
}

// functionRoles are the roles of the functions that are made of the commands in lambda/.
var functionRoles = map[string]string{
	"copies": "BackupWatchRole", "dbrotation": "DatabaseRotationFunctionRole", "dbuser": "DatabaseUserFunctionRole", "kafka": "AccessFunctionRole", "outbox": "OutboxMeasureRole",
	"migration": "ReleaseMigrationFunctionRole", "redeploy": "RedeployFunctionRole", "smoke": "ReleaseSmokeFunctionRole",
}

// The sources of a function say what it asks of AWS: each request has a type of its
// own in the SDK. What its role does not allow fails on the day.
func TestEachFunctionMayMakeTheCallsOfItsCode(t *testing.T) {
	t.Parallel()
	request := regexp.MustCompile(`\b([a-z0-9]+)\.([A-Z]\w+)Input\b`)
	own := regexp.MustCompile(`"wallet-infra/(lambda/[\w/]+)"`)
	prefixes := map[string]string{"eventbridge": "events"} // where IAM's name is not the SDK's
	found := rolesByName(t)
	entries, err := filepath.Glob("../lambda/*/main.go")
	require.NoError(t, err)
	require.Len(t, entries, len(functionRoles))
	for _, entry := range entries {
		t.Run(filepath.Base(filepath.Dir(entry)), func(t *testing.T) {
			called, waiting := map[string]bool{}, []string{filepath.Dir(entry)}
			for seen := 0; seen < len(waiting); seen++ {
				for _, source := range goSources(t, waiting[seen]) {
					for _, match := range request.FindAllStringSubmatch(source, -1) {
						prefix := cmp.Or(prefixes[match[1]], match[1])
						called[prefix+":"+match[2]] = true
					}
					for _, match := range own.FindAllStringSubmatch(source, -1) {
						if dir := filepath.Join("..", match[1]); !slices.Contains(waiting, dir) {
							waiting = append(waiting, dir)
						}
					}
				}
			}
			require.NotEmpty(t, called)
			places := found[functionRoles[filepath.Base(filepath.Dir(entry))]]
			for name := range called {
				// In one place at least; what each needs is a row of the table.
				allowed := slices.ContainsFunc(places, func(h has) bool {
					return slices.ContainsFunc(h.grants, func(g policy.Grant) bool {
						return g.Effect == policy.Allow && slices.Contains(g.Action.Patterns, name)
					})
				})
				assert.Truef(t, allowed, "the function calls %s, and its role does not allow it", name)
			}
		})
	}
}

// goSources are the sources of a package without its tests.
func goSources(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var sources []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		sources = append(sources, string(content))
	}
	return sources
}
