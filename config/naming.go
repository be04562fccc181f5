package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// This file holds every physical name that something outside the owning stack
// must know: another region, an operator's command line, or a service that
// derives a log group from it. Everything else is named by CloudFormation.

// Platform prefixes every name.
const Platform = "wallet"

// ARN is the Amazon Resource Name of what cannot be referred to: resources of
// another region, patterns in policies, and what exists only later. Region and
// account are empty where the service's ARNs have none.
func ARN(service, region, account, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, account, resource)
}

// Prefix is the environment's name prefix, such as "wallet-production".
func (e Environment) Prefix() string { return Platform + "-" + e.Name }

// StackName is the CloudFormation name of one of the environment's stacks.
func (e Environment) StackName(stack string) string { return e.Prefix() + "-" + stack }

// KeyAlias is the alias of a customer-managed key, without the "alias/" prefix
// that KMS puts before it.
func (e Environment) KeyAlias(purpose string) string { return e.Prefix() + "/" + purpose }

// GlobalClusterName identifies the Aurora global database in both regions.
func (e Environment) GlobalClusterName() string { return e.Prefix() + "-global" }

// DatabaseClusterName identifies the Aurora cluster in a region: RDS derives the
// log groups from it, and the two regions' names must differ.
func (e Environment) DatabaseClusterName(r Region) string {
	if r.Name == e.Secondary.Name {
		return e.Prefix() + "-" + r.Name + e.DR.ClusterSuffix
	}
	return e.Prefix() + "-" + r.Name
}

// RestoredClusterName identifies the cluster that a restore makes beside the one that
// runs, whatever that one is called after an upgrade.
func (e Environment) RestoredClusterName(r Region) string {
	return e.Prefix() + "-" + r.Name + "-restored"
}

// DatabaseClusterARN is the cluster of a region: the plans of recovery name both
// members and ask neither region for them.
func (e Environment) DatabaseClusterARN(r Region) string {
	return ARN("rds", r.Name, e.Site.Account, "cluster:"+e.DatabaseClusterName(r))
}

// DatabaseLogGroup is where RDS writes an exported log of the cluster.
func (e Environment) DatabaseLogGroup(r Region, log string) string {
	return fmt.Sprintf("/aws/rds/cluster/%s/%s", e.DatabaseClusterName(r), log)
}

// Restorer is the role by which a person restores the database.
func (e Environment) Restorer() string { return e.Prefix() + "-restorer" }

// DatabaseAdminSecret and DatabaseAppSecret hold the two database users.
func (e Environment) DatabaseAdminSecret() string { return e.Prefix() + "/database/admin" }

// DatabaseAppSecret holds the least-privilege user that the service runs as.
func (e Environment) DatabaseAppSecret() string { return e.Prefix() + "/database/app" }

// DatabaseEventSource and RotatedEvent name the event by which the rotation of a
// database password is known in the region; its resource is the secret.
const (
	DatabaseEventSource = "wallet.database"
	RotatedEvent        = "Database password rotated"
)

// RotationQueue holds the rotations that a deployment must follow, and
// FailedRotationQueue those that none has followed. AWS wants the suffix.
func (e Environment) RotationQueue() string { return e.Prefix() + "-rotations.fifo" }

// FailedRotationQueue is the queue that an alarm watches.
func (e Environment) FailedRotationQueue() string { return e.Prefix() + "-failed-rotations.fifo" }

// SecretReplicaDelay is the time that the second region's copy of a secret has to
// follow a rotation; AWS says nothing firmer than that it follows.
const SecretReplicaDelay = 5 * time.Minute

// KafkaSecret holds the service's SASL/SCRAM user. MSK demands the prefix.
func (e Environment) KafkaSecret() string { return "AmazonMSK_" + e.Prefix() + "_app" }

// CacheSecret holds the service's cache user.
func (e Environment) CacheSecret() string { return e.Prefix() + "/cache/app" }

// CacheName identifies the ElastiCache replication group.
func (e Environment) CacheName() string { return e.Prefix() }

// CacheUserID identifies an ElastiCache user, which AWS wants unique in the
// account and region, lower-case and without underscores.
func (e Environment) CacheUserID(user string) string { return e.Prefix() + "-cache-" + user }

// KafkaClusterName identifies the MSK cluster.
func (e Environment) KafkaClusterName() string { return e.Prefix() }

// ReplicatorName identifies the MSK Replicator, in the second region; its metrics
// carry it.
func (e Environment) ReplicatorName() string { return e.Prefix() + "-events" }

// ECSClusterName identifies the ECS cluster; Container Insights derives its log
// group from it.
func (e Environment) ECSClusterName() string { return e.Prefix() }

// ECSClusterARN and ECSServiceARN are the same service in either region.
func (e Environment) ECSClusterARN(r Region) string {
	return ARN("ecs", r.Name, e.Site.Account, "cluster/"+e.ECSClusterName())
}

// ECSServiceARN is the wallet service in a region.
func (e Environment) ECSServiceARN(r Region) string {
	return ARN("ecs", r.Name, e.Site.Account, "service/"+e.ECSClusterName()+"/"+e.ServiceName())
}

// ContainerInsightsLogGroup is where Container Insights writes performance
// events.
func (e Environment) ContainerInsightsLogGroup() string {
	return "/aws/ecs/containerinsights/" + e.ECSClusterName() + "/performance"
}

// ServiceName identifies the ECS service.
func (e Environment) ServiceName() string { return "wallet-service" }

// ScalingPolicy names a policy of the service's autoscaling; a policy must have a
// name.
func (e Environment) ScalingPolicy(id string) string { return e.Prefix() + "-" + id }

// MigrationFamily names the task definition that changes the schema: a revision
// for each release.
func (e Environment) MigrationFamily() string { return e.Prefix() + "-migrate" }

// ServiceRepository and MigrationsRepository are the ECR repositories, which
// the build pipeline pushes to.
func (e Environment) ServiceRepository() string { return e.Prefix() + "/service" }

// MigrationsRepository holds the image that changes the schema.
func (e Environment) MigrationsRepository() string { return e.Prefix() + "/migrations" }

// CollectorRepository holds the copy of the telemetry collector's image.
func (e Environment) CollectorRepository() string { return e.Prefix() + "/collector" }

// Bucket is the globally unique name of a bucket of the environment: S3 names
// are shared by all accounts, and the second region must know them.
func (e Environment) Bucket(purpose string, r Region) string {
	return fmt.Sprintf("%s-%s-%s-%s", e.Prefix(), purpose, e.Site.Account, r.Name)
}

// BackupVault is the AWS Backup vault in a region.
func (e Environment) BackupVault(r Region) string { return e.Prefix() + "-" + r.Name }

// BackupPlan is the AWS Backup plan; a plan must have a name.
func (e Environment) BackupPlan() string { return e.Prefix() + "-daily" }

// BackupVaultARN is the vault's ARN: the copy rule in the primary region names
// the vault of the second without asking that region.
func (e Environment) BackupVaultARN(r Region) string {
	return ARN("backup", r.Name, e.Site.Account, "backup-vault:"+e.BackupVault(r))
}

// RestoreTestName identifies the restore testing plan, in whose names AWS Backup
// takes letters, digits and underscores only.
func (e Environment) RestoreTestName() string {
	return strings.ReplaceAll(e.Prefix(), "-", "_") + "_restore_test"
}

// WAFLogGroup is where a web ACL logs. AWS WAF demands the prefix.
func (e Environment) WAFLogGroup(scope string) string {
	return "aws-waf-logs-" + e.Prefix() + "-" + scope
}

// WebACL names a web ACL: its metrics carry the name as a dimension.
func (e Environment) WebACL(scope string) string { return e.Prefix() + "-" + scope }

// StaticLogs names the delivery of the static content's access logs.
func (e Environment) StaticLogs() string { return e.Prefix() + "-static-access" }

// ServiceNamespace is the private DNS zone in which the tasks can be found.
func (e Environment) ServiceNamespace() string { return e.Prefix() + ".internal" }

// RegionalDomain is the host name of a region's own entrance. The API's host name
// leads to one of them, and nobody but the platform uses them: no certificate has
// them.
func (e Environment) RegionalDomain(r Region) string { return r.Name + "." + e.Site.APIDomain }

// PlanName identifies a Region switch plan, of [Plans]: at most 32 characters.
func (e Environment) PlanName(plan string) string { return e.Prefix() + "-" + plan }

// RecoveryApprover is the role by which a person approves a plan's step.
func (e Environment) RecoveryApprover() string { return e.Prefix() + "-recovery-approver" }

// AlarmARN is an alarm of the environment in a region.
func (e Environment) AlarmARN(r Region, id string) string {
	return ARN("cloudwatch", r.Name, e.Site.Account, "alarm:"+e.AlarmName(id))
}

// AlarmEntrance is the alarm on the region's entrance as the world sees it. It
// stands in the second region for both.
func AlarmEntrance(r Region) string { return "entrance-" + r.Name }

// AlarmName is the name of an alarm in CloudWatch, which people read in an
// e-mail and type on a command line.
func (e Environment) AlarmName(id string) string { return e.Prefix() + "-" + id }

// DashboardName is the name of a CloudWatch dashboard, part of its address.
func (e Environment) DashboardName(id string) string { return e.Prefix() + "-" + id }

// PrometheusLogGroup is where Managed Prometheus and its collector log. AWS
// asks for the prefix, under which no resource policy outgrows its limit.
func (e Environment) PrometheusLogGroup(source string) string {
	return "/aws/vendedlogs/prometheus/" + e.Prefix() + "/" + source
}

// TraceGroup is the X-Ray group of the wallet's traces.
func (e Environment) TraceGroup() string { return e.Prefix() }

// BootstrapQualifier is what `cdk bootstrap` names its resources with when it is
// not told otherwise.
const BootstrapQualifier = "hnb659fds"

// The roles that `cdk bootstrap` makes in each region, as far as the pipeline
// takes them: to deploy stacks, to upload templates and code, and to look.
const (
	BootstrapDeploy  = "deploy"
	BootstrapPublish = "file-publishing"
	BootstrapLookup  = "lookup"
	// BootstrapExecute is CloudFormation's own: the others hand it over and cannot
	// take it.
	BootstrapExecute = "cfn-exec"
)

// BootstrapRole is the ARN of a role of the CDK bootstrap in a region.
func (e Environment) BootstrapRole(role string, r Region) string {
	return ARN("iam", "", e.Site.Account,
		fmt.Sprintf("role/cdk-%s-%s-role-%s-%s", BootstrapQualifier, role, e.Site.Account, r.Name))
}

// BootstrapAssets is the bucket in which the CDK CLI puts templates and code.
func (e Environment) BootstrapAssets(r Region) string {
	return fmt.Sprintf("cdk-%s-assets-%s-%s", BootstrapQualifier, e.Site.Account, r.Name)
}

// BootstrapVersionARN is the parameter that tells the CDK CLI what the bootstrap
// of a region can do.
func (e Environment) BootstrapVersionARN(r Region) string {
	return ARN("ssm", r.Name, e.Site.Account, "parameter/cdk-bootstrap/"+BootstrapQualifier+"/version")
}

// StackID is the CloudFormation ID of any of the environment's stacks in a
// region: AWS draws the last part.
func (e Environment) StackID(r Region) string {
	return ARN("cloudformation", r.Name, e.Site.Account, "stack/"+e.StackName("*")+"/*")
}

// IdentityStackName is the stack of an account's trust in GitHub. No environment
// owns it: several may share an account.
func IdentityStackName() string { return Platform + "-identity" }

// DeploymentBoundary is the policy that `cdk bootstrap` puts around CloudFormation
// in an account, so that a deployment cannot change whom the account trusts.
func DeploymentBoundary() string { return Platform + "-deployment-boundary" }

// KeepsService are the conditions under which a service's deployment or size may be
// changed and its way to the internet and people's way in may not. A request need
// not say what it leaves as it is (the condition keys of ecs:UpdateService).
func (e Environment) KeepsService() *map[string]any {
	return &map[string]any{
		"BoolIfExists":         map[string]any{"ecs:auto-assign-public-ip": "false"},
		"StringEqualsIfExists": map[string]any{"ecs:enable-execute-command": strconv.FormatBool(e.Service.Exec)},
	}
}

// PipelineRole is the name of the role that a workflow takes for a task in the
// environment.
func (e Environment) PipelineRole(task string) string { return e.Prefix() + "-pipeline-" + task }

// PipelineRoleARN is the ARN by which a workflow asks for that role.
func (e Environment) PipelineRoleARN(task string) string {
	return ARN("iam", "", e.Site.Account, "role/"+e.PipelineRole(task))
}

// The tasks of the pipeline, each with a role of its own.
const (
	PipelinePlan       = "plan"       // read what is deployed, for a pull request
	PipelinePrepare    = "prepare"    // make a change set, and not execute it
	PipelineDeploy     = "deploy"     // deploy
	PipelineWatch      = "watch"      // look for drift
	PipelineService    = "service"    // push the service's image
	PipelineMigrations = "migrations" // push the migrations' image
)

// GitHubProviderARN is GitHub as an identity provider of the account.
func (e Environment) GitHubProviderARN() string {
	return ARN("iam", "", e.Site.Account, "oidc-provider/"+GitHubIssuer)
}

// GitHubIssuer is the host that signs the tokens of GitHub's workflows.
const GitHubIssuer = "token.actions.githubusercontent.com"

// Subject is how GitHub's tokens name a repository and what runs in it: `when` is
// "pull_request", "ref:refs/heads/main" or "environment:production". The numbers
// stand in it for every repository made since 15 July 2026, and for older ones
// whose owner chose it.
func (r Repository) Subject(when string) string {
	return fmt.Sprintf("repo:%s@%d/%s@%d:%s", r.Owner, r.OwnerID, r.Name, r.ID, when)
}

// RepositoryARN is the ARN of one of the environment's ECR repositories.
func (e Environment) RepositoryARN(repository string) string {
	return ARN("ecr", e.Primary.Name, e.Site.Account, "repository/"+repository)
}
