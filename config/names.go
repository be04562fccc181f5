package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Platform prefixes every name.
const Platform = "wallet"

// Names are every physical name of an environment that something outside the
// owning stack must know: another region, an operator's command line, or a service
// that derives a log group from it. Everything else is named by CloudFormation.
type Names struct {
	prefix, account, apiDomain string
	primary, secondary         string // the regions' names
	clusterSuffix              string // DR.ClusterSuffix
}

// Names are the environment's names, which follow from its own, its account and its
// regions.
func (e Environment) Names() Names {
	return Names{
		prefix: Platform + "-" + e.Name, account: e.Site.Account, apiDomain: e.Site.APIDomain,
		primary: e.Primary.Name, secondary: e.Secondary.Name, clusterSuffix: e.DR.ClusterSuffix,
	}
}

// ARN is the Amazon Resource Name of what cannot be referred to: resources of
// another region, patterns in policies, and what exists only later. Region and
// account are empty where the service's ARNs have none.
func ARN(service, region, account, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, account, resource)
}

// Environment is the environment's own name, such as "production".
func (n Names) Environment() string { return strings.TrimPrefix(n.prefix, Platform+"-") }

// Account is the twelve-digit account that holds the environment.
func (n Names) Account() string { return n.account }

// ARN is that of something in the environment's account and in a region.
func (n Names) ARN(service string, r Region, resource string) string {
	return ARN(service, r.Name, n.account, resource)
}

// Prefix is the environment's name prefix, such as "wallet-production".
func (n Names) Prefix() string { return n.prefix }

// StackName is the CloudFormation name of one of the environment's stacks.
func (n Names) StackName(stack string) string { return n.Prefix() + "-" + stack }

// KeyAlias is the alias of a customer-managed key, without the "alias/" prefix
// that KMS puts before it.
func (n Names) KeyAlias(purpose string) string { return n.Prefix() + "/" + purpose }

// GlobalClusterName identifies the Aurora global database in both regions.
func (n Names) GlobalClusterName() string { return n.Prefix() + "-global" }

// DatabaseClusterName identifies the Aurora cluster in a region: RDS derives the
// log groups from it, and the two regions' names must differ.
func (n Names) DatabaseClusterName(r Region) string {
	if r.Name == n.secondary {
		return n.Prefix() + "-" + r.Name + n.clusterSuffix
	}
	return n.Prefix() + "-" + r.Name
}

// RestoredClusterName identifies the cluster that a restore makes beside the one that
// runs, whatever that one is called after an upgrade.
func (n Names) RestoredClusterName(r Region) string {
	return n.Prefix() + "-" + r.Name + "-restored"
}

// DatabaseClusterARN is the cluster of a region: the plans of recovery name both
// members and ask neither region for them.
func (n Names) DatabaseClusterARN(r Region) string {
	return ARN("rds", r.Name, n.account, "cluster:"+n.DatabaseClusterName(r))
}

// DatabaseLogGroup is where RDS writes an exported log of the cluster.
func (n Names) DatabaseLogGroup(r Region, log string) string {
	return fmt.Sprintf("/aws/rds/cluster/%s/%s", n.DatabaseClusterName(r), log)
}

// Restorer is the role by which a person restores the database.
func (n Names) Restorer() string { return n.Prefix() + "-restorer" }

// DatabaseAdminSecret holds the owner of the schema.
func (n Names) DatabaseAdminSecret() string { return n.Prefix() + "/database/admin" }

// DatabaseAppSecret holds the least-privilege user that the service runs as.
func (n Names) DatabaseAppSecret() string { return n.Prefix() + "/database/app" }

// DatabaseOutboxSecret holds the user that the outbox is measured as.
func (n Names) DatabaseOutboxSecret() string { return n.Prefix() + "/database/outbox" }

// RotationQueue holds the rotations that a deployment must follow, and
// FailedRotationQueue those that none has followed. AWS wants the suffix.
func (n Names) RotationQueue() string { return n.Prefix() + "-rotations.fifo" }

// FailedRotationQueue is the queue that an alarm watches.
func (n Names) FailedRotationQueue() string { return n.Prefix() + "-failed-rotations.fifo" }

// KafkaSecret holds the service's SASL/SCRAM user. MSK demands the prefix.
func (n Names) KafkaSecret() string { return "AmazonMSK_" + n.Prefix() + "_app" }

// CacheSecret holds the service's cache user.
func (n Names) CacheSecret() string { return n.Prefix() + "/cache/app" }

// CacheName identifies the ElastiCache replication group.
func (n Names) CacheName() string { return n.Prefix() }

// CacheUserID identifies an ElastiCache user, which AWS wants unique in the
// account and region, lower-case and without underscores.
func (n Names) CacheUserID(user string) string { return n.Prefix() + "-cache-" + user }

// KafkaClusterName identifies the MSK cluster.
func (n Names) KafkaClusterName() string { return n.Prefix() }

// ReplicatorName identifies the MSK Replicator, in the second region; its metrics
// carry it.
func (n Names) ReplicatorName() string { return n.Prefix() + "-events" }

// ECSClusterName identifies the ECS cluster; Container Insights derives its log
// group from it.
func (n Names) ECSClusterName() string { return n.Prefix() }

// ECSClusterARN and ECSServiceARN are the same service in either region.
func (n Names) ECSClusterARN(r Region) string {
	return ARN("ecs", r.Name, n.account, "cluster/"+n.ECSClusterName())
}

// ECSServiceARN is the wallet service in a region.
func (n Names) ECSServiceARN(r Region) string {
	return ARN("ecs", r.Name, n.account, "service/"+n.ECSClusterName()+"/"+n.ServiceName())
}

// ContainerInsightsLogGroup is where Container Insights writes performance
// events.
func (n Names) ContainerInsightsLogGroup() string {
	return "/aws/ecs/containerinsights/" + n.ECSClusterName() + "/performance"
}

// ServiceName identifies the ECS service.
func (n Names) ServiceName() string { return "wallet-service" }

// ScalingPolicy names a policy of the service's autoscaling; a policy must have a
// name.
func (n Names) ScalingPolicy(id string) string { return n.Prefix() + "-" + id }

// MigrationFamily names the task definition that changes the schema: a revision
// for each release.
func (n Names) MigrationFamily() string { return n.Prefix() + "-migrate" }

// ServiceRepository and MigrationsRepository are the ECR repositories, which
// the build pipeline pushes to.
func (n Names) ServiceRepository() string { return n.Prefix() + "/service" }

// MigrationsRepository holds the image that changes the schema.
func (n Names) MigrationsRepository() string { return n.Prefix() + "/migrations" }

// CollectorRepository holds the copy of the telemetry collector's image.
func (n Names) CollectorRepository() string { return n.Prefix() + "/collector" }

// RepositoryARN is the ARN of one of the environment's ECR repositories.
func (n Names) RepositoryARN(repository string) string {
	return ARN("ecr", n.primary, n.account, "repository/"+repository)
}

// Bucket is the globally unique name of a bucket of the environment: S3 names
// are shared by all accounts, and the second region must know them.
func (n Names) Bucket(purpose string, r Region) string {
	return fmt.Sprintf("%s-%s-%s-%s", n.Prefix(), purpose, n.account, r.Name)
}

// BackupVault is the AWS Backup vault in a region.
func (n Names) BackupVault(r Region) string { return n.Prefix() + "-" + r.Name }

// BackupPlan is the AWS Backup plan; a plan must have a name.
func (n Names) BackupPlan() string { return n.Prefix() + "-daily" }

// BackupVaultARN is the vault's ARN: the copy rule in the primary region names
// the vault of the second without asking that region.
func (n Names) BackupVaultARN(r Region) string {
	return ARN("backup", r.Name, n.account, "backup-vault:"+n.BackupVault(r))
}

// RestoreTestName identifies the restore testing plan, in whose names AWS Backup
// takes letters, digits and underscores only.
func (n Names) RestoreTestName() string {
	return strings.ReplaceAll(n.Prefix(), "-", "_") + "_restore_test"
}

// WAFLogGroup is where a web ACL logs. AWS WAF demands the prefix.
func (n Names) WAFLogGroup(scope string) string {
	return "aws-waf-logs-" + n.Prefix() + "-" + scope
}

// WebACL names a web ACL: its metrics carry the name as a dimension.
func (n Names) WebACL(scope string) string { return n.Prefix() + "-" + scope }

// StaticLogs names the delivery of the static content's access logs.
func (n Names) StaticLogs() string { return n.Prefix() + "-static-access" }

// RegionalDomain is the host name of a region's own load balancer. The API's host name
// leads to one of them, and nobody but the platform uses them: no certificate has
// them.
func (n Names) RegionalDomain(r Region) string { return r.Name + "." + n.apiDomain }

// PlanName identifies a Region switch plan, of [Plans]: at most 32 characters.
func (n Names) PlanName(plan string) string { return n.Prefix() + "-" + plan }

// PlanARN matches the plan's ARN, of which Region switch draws the last part.
func (n Names) PlanARN(plan string) string {
	return ARN("arc-region-switch", "", n.account, "plan/"+n.PlanName(plan)+":*")
}

// RecoveryApprover is the role by which a person approves a plan's step.
func (n Names) RecoveryApprover() string { return n.Prefix() + "-recovery-approver" }

// AlarmARN is an alarm of the environment in a region.
func (n Names) AlarmARN(r Region, id string) string {
	return ARN("cloudwatch", r.Name, n.account, "alarm:"+n.AlarmName(id))
}

// AlarmLoadBalancer is the alarm on the region's load balancer as the world sees it. It
// stands in the second region for both.
func AlarmLoadBalancer(r Region) string { return "load-balancer-" + r.Name }

// AlarmName is the name of an alarm in CloudWatch, which people read in an
// e-mail and type on a command line.
func (n Names) AlarmName(id string) string { return n.Prefix() + "-" + id }

// DashboardName is the name of a CloudWatch dashboard, part of its address.
func (n Names) DashboardName(id string) string { return n.Prefix() + "-" + id }

// PrometheusLogGroup is where Managed Prometheus logs what its rules fail at. AWS
// asks for the prefix, under which no resource policy outgrows its limit.
func (n Names) PrometheusLogGroup() string {
	return "/aws/vendedlogs/prometheus/" + n.Prefix() + "/rules"
}

// TraceGroup is the X-Ray group of the wallet's traces.
func (n Names) TraceGroup() string { return n.Prefix() }

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
func (n Names) BootstrapRole(role string, r Region) string {
	return ARN("iam", "", n.account,
		fmt.Sprintf("role/cdk-%s-%s-role-%s-%s", BootstrapQualifier, role, n.account, r.Name))
}

// BootstrapAssets is the bucket in which the CDK CLI puts templates and code.
func (n Names) BootstrapAssets(r Region) string {
	return fmt.Sprintf("cdk-%s-assets-%s-%s", BootstrapQualifier, n.account, r.Name)
}

// BootstrapVersionARN is the parameter that tells the CDK CLI what the bootstrap
// of a region can do.
func (n Names) BootstrapVersionARN(r Region) string {
	return ARN("ssm", r.Name, n.account, "parameter/cdk-bootstrap/"+BootstrapQualifier+"/version")
}

// StackID is the CloudFormation ID of any of the environment's stacks in a
// region: AWS draws the last part.
func (n Names) StackID(r Region) string {
	return ARN("cloudformation", r.Name, n.account, "stack/"+n.StackName("*")+"/*")
}

// IdentityStackName is the stack of an account's trust in GitHub. No environment
// owns it: several may share an account.
func IdentityStackName() string { return Platform + "-identity" }

// DeploymentBoundary is the policy that `cdk bootstrap` puts around CloudFormation
// in an account, so that a deployment cannot change whom the account trusts.
func DeploymentBoundary() string { return Platform + "-deployment-boundary" }

// PipelineRole is the name of the role that a workflow takes for a task in the
// environment.
func (n Names) PipelineRole(task string) string { return n.Prefix() + "-pipeline-" + task }

// PipelineRoleARN is the ARN by which a workflow asks for that role.
func (n Names) PipelineRoleARN(task string) string {
	return ARN("iam", "", n.account, "role/"+n.PipelineRole(task))
}

// GitHubProviderARN is GitHub as an identity provider of the account.
func (n Names) GitHubProviderARN() string {
	return ARN("iam", "", n.account, "oidc-provider/"+GitHubIssuer)
}

// No hyphen: IAM policies and names match on the prefix "wallet-<name>-", which
// an environment "staging" and another "staging-eu" would share.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]+$`)

// reservedNames would make an environment the owner of what [DeploymentBoundary] and
// [IdentityStackName] name: policies match on "wallet-<name>".
var reservedNames = []string{"deployment", "identity"}

// validateNames holds the names of names.go against the services' limits. Only
// the environment's name can make one too long.
func validateNames(p *problems, e Environment) {
	if !namePattern.MatchString(e.Name) {
		p.add("Name", e.Name, "lower-case letters and digits, a letter first, two or more")
		return
	}
	p.check(!slices.Contains(reservedNames, e.Name), "Name", e.Name, "another name than %s, with which the account's own policies and stack begin", strings.Join(reservedNames, ", "))
	worst := slices.MaxFunc(e.limitedNames(), func(a, b limitedName) int { return a.excess() - b.excess() })
	p.check(worst.excess() <= 0, "Name", e.Name, "a name short enough for %s %q (at most %d characters, not %d)",
		worst.what, worst.value, worst.limit, len(worst.value))
}

// limitedName is a physical name and the length that its service allows.
type limitedName struct {
	what  string
	value string
	limit int
}

// excess is by how much the name is too long.
func (n limitedName) excess() int { return len(n.value) - n.limit }

// limitedNames are the names of the environment that could become too long, the
// longest of each kind.
func (e Environment) limitedNames() []limitedName {
	names := []limitedName{
		{"the cache", e.Names().CacheName(), 40},
		{"the MSK cluster", e.Names().KafkaClusterName(), 64},
		{"the cache's user", e.Names().CacheUserID("default"), 40},
		{"the global database", e.Names().GlobalClusterName(), 63},
		{"the restore test", e.Names().RestoreTestName(), 50},
		{"the Region switch plan", e.Names().PlanName(PlanFailover), 32},
		{"the database's export", e.Names().Prefix() + "-" + strings.Repeat("0", 36), 60}, // with a UUID
		{"the approver's role", e.Names().RecoveryApprover(), 64},
		{"the pipeline's role", e.Names().PipelineRole(PipelineMigrations), 64},
	}
	for _, region := range []Region{e.Primary, e.Secondary} {
		names = append(names,
			limitedName{"the database in " + region.Name, e.Names().DatabaseClusterName(region), 63},
			limitedName{"the backup vault in " + region.Name, e.Names().BackupVault(region), 50},
		)
	}
	for _, purpose := range []string{"backups", "static"} {
		names = append(names, limitedName{fmt.Sprintf("the %s bucket", purpose), e.Names().Bucket(purpose, e.Primary), 63})
	}
	return names
}
