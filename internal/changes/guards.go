package changes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/internal/cfn"
)

// guard is a property that protects, or keeps something closed, and the direction
// in which it must not go unnoticed.
type guard struct {
	kind, path string
	verdict    Verdict
	worse      func(before, after any) bool
	what       string
}

var guards = []guard{
	// What may be deleted, and how long it can be brought back.
	{"AWS::RDS::DBCluster", "DeletionProtection", Weakens, off, "the cluster can be deleted"},
	{"AWS::RDS::GlobalCluster", "DeletionProtection", Weakens, off, "the global cluster can be deleted"},
	{instance, "DeletionProtection", Weakens, off, "the instance can be deleted"},
	{"AWS::DynamoDB::Table", "DeletionProtectionEnabled", Weakens, off, "the table can be deleted"},
	{"AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes[deletion_protection.enabled]", Weakens, off, "the load balancer can be deleted"},
	{"AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes[access_logs.s3.enabled]", Weakens, off, "requests are no longer logged"},
	{"AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes[routing.http.drop_invalid_header_fields.enabled]", Weakens, off, "invalid headers reach the service"},
	{"AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes[routing.http.desync_mitigation_mode]", Weakens, leaves("strictest", "defensive"), "requests that are ambiguous reach the service"},
	{"AWS::RDS::DBCluster", "BackupRetentionPeriod", Weakens, shorter, "the database can be brought back to fewer days"},
	{instance, "BackupRetentionPeriod", Weakens, shorter, "the database can be brought back to fewer days"},
	{"AWS::RDS::DBCluster", "BacktrackWindow", Weakens, shorter, "the database can be taken back less far"},
	{"AWS::RDS::DBCluster", "GlobalClusterIdentifier", Weakens, removed, "the cluster leaves its global database: no copy in another region"},
	{cacheGroup, "SnapshotRetentionLimit", Weakens, shorter, "the cache can be brought back to fewer days"},
	{cacheGroup, "AutomaticFailoverEnabled", Weakens, off, "a lost primary node is not replaced by a replica"},
	{cacheGroup, "MultiAZEnabled", Weakens, off, "the nodes may all stand in one zone"},
	{cacheGroup, "ReplicasPerNodeGroup", Weakens, shorter, "fewer copies of each shard"},
	{"AWS::MSK::Topic", "Configs", Weakens, topicLoses, "the topic keeps less, or less safely"},
	{"AWS::MSK::Configuration", "ServerProperties", Weakens, brokersLose, "the brokers keep less, or less safely"},
	{"AWS::Logs::LogGroup", "RetentionInDays", Weakens, shorterOrBegun, "older log entries are deleted"},
	{"AWS::KMS::Key", "PendingWindowInDays", Weakens, shorterFrom("30"), "less time to notice that a key is about to go"},
	{"AWS::KMS::Key", "EnableKeyRotation", Weakens, off, "the key is no longer rotated"},
	{"AWS::S3::Bucket", "VersioningConfiguration.Status", Weakens, leaves("Enabled"), "what is overwritten or deleted is gone"},
	{"AWS::S3::Bucket", "LifecycleConfiguration", Weakens, expiresMore, "objects are deleted, or deleted sooner"},
	{"AWS::S3::Bucket", "ObjectLockConfiguration", Weakens, altered, "objects are locked otherwise"},
	{"AWS::S3::Bucket", "ReplicationConfiguration", Weakens, removed, "objects are no longer copied"},
	{"AWS::S3::Bucket", "LoggingConfiguration", Weakens, removed, "access is no longer logged"},
	{"AWS::ECR::Repository", "LifecyclePolicy", Weakens, altered, "other images are deleted than before"},
	{"AWS::ECR::Repository", "ImageTagMutability", Weakens, leaves("IMMUTABLE"), "a tag may name another image tomorrow"},
	{"AWS::ECR::Repository", "ImageScanningConfiguration.ScanOnPush", Weakens, off, "images are no longer scanned"},
	{"AWS::ECR::ReplicationConfiguration", "ReplicationConfiguration", Weakens, fewer("Rules"), "images are no longer copied"},
	{"AWS::SecretsManager::Secret", "ReplicaRegions", Weakens, fewer(""), "a region loses its copy of the secret"},
	{"AWS::SecretsManager::RotationSchedule", "RotationRules", Weakens, altered, "the secret is rotated otherwise"},
	{"AWS::Backup::BackupVault", "LockConfiguration", Weakens, vaultLoosens, "recovery points can be deleted sooner"},
	{"AWS::Backup::BackupPlan", "BackupPlan.BackupPlanRule", Weakens, planLoses, "less is backed up, copied or kept"},
	{"AWS::Backup::BackupSelection", "BackupSelection", Weakens, altered, "other resources are backed up than before"},

	// What is encrypted.
	{"AWS::RDS::DBCluster", "StorageEncrypted", Weakens, off, "the storage is not encrypted"},
	{instance, "StorageEncrypted", Weakens, off, "the storage is not encrypted"},
	{cacheGroup, "AtRestEncryptionEnabled", Weakens, off, "the snapshots are not encrypted"},
	{cacheGroup, "TransitEncryptionEnabled", Weakens, off, "connections are not encrypted"},
	{cacheGroup, "TransitEncryptionMode", Weakens, leaves("required"), "connections may be unencrypted"},
	{"AWS::MSK::Cluster", "EncryptionInfo.EncryptionInTransit.ClientBroker", Weakens, becomesOne("TLS_PLAINTEXT", "PLAINTEXT"), "connections may be unencrypted"},
	{"AWS::MSK::Cluster", "EncryptionInfo.EncryptionInTransit.InCluster", Weakens, turnedFalse, "the brokers talk unencrypted"},
	{"AWS::MSK::Cluster", "EncryptionInfo.EncryptionAtRest", Weakens, removed, "the key is AWS's"},
	{"AWS::S3::Bucket", "BucketEncryption", Weakens, encryptsLess, "objects are encrypted with less, or AWS's, keys"},
	{"AWS::SNS::Topic", "KmsMasterKeyId", Weakens, removed, "messages are not encrypted"},
	{"AWS::SQS::Queue", "KmsMasterKeyId", Weakens, removed, "messages are encrypted with AWS's key or not at all"},
	{"AWS::SQS::Queue", "SqsManagedSseEnabled", Weakens, off, "messages are not encrypted"},
	{"AWS::SQS::Queue", "MessageRetentionPeriod", Weakens, shorterFrom("345600"), "messages are kept for less time"},
	{"AWS::SQS::Queue", "RedrivePolicy", Weakens, removed, "messages that fail are lost"},
	{"AWS::Logs::LogGroup", "KmsKeyId", Weakens, removed, "the key is AWS's"},
	{"AWS::Lambda::Function", "KmsKeyArn", Weakens, removed, "the key is AWS's"},
	{"AWS::SecretsManager::Secret", "KmsKeyId", Weakens, removed, "the key is AWS's"},
	{"AWS::RDS::DBClusterParameterGroup", "Parameters.require_secure_transport", Weakens, leaves("ON", "on", "1"), "connections may be unencrypted"},
	{"AWS::RDS::DBClusterParameterGroup", "Parameters.innodb_flush_log_at_trx_commit", Weakens, leaves("1"), "what was confirmed may be lost"},
	{"AWS::RDS::DBParameterGroup", "Parameters.require_secure_transport", Weakens, leaves("ON", "on", "1"), "connections may be unencrypted"},
	{"AWS::RDS::DBParameterGroup", "Parameters.innodb_flush_log_at_trx_commit", Weakens, leaves("1"), "what was confirmed may be lost"},
	{listener, "Protocol", Weakens, leaves("HTTPS", "TLS"), "requests are not encrypted"},
	{listener, "SslPolicy", Weakens, altered, "other ciphers and versions of TLS are accepted"},
	{"AWS::CloudFront::Distribution", "DistributionConfig.ViewerCertificate.MinimumProtocolVersion", Weakens, altered, "other versions of TLS are accepted"},
	{"AWS::CloudFront::Distribution", "DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy", Weakens, becomesOne("allow-all"), "requests may be unencrypted"},

	// Who watches, and who filters.
	{"AWS::WAFv2::WebACL", "Rules", Weakens, filtersLess, "the firewall lets more pass"},
	{"AWS::WAFv2::WebACL", "DefaultAction", Weakens, allowsByDefault, "the firewall lets pass what no rule stops"},
	{"AWS::WAFv2::LoggingConfiguration", "LoggingFilter", Weakens, altered, "other requests are logged than before"},
	{"AWS::CloudFront::Distribution", "DistributionConfig.WebACLId", Weakens, removed, "no firewall stands before it"},
	{"AWS::CloudFront::Distribution", "DistributionConfig.Logging", Weakens, removed, "requests are no longer logged"},
	{"AWS::CloudWatch::Alarm", "ActionsEnabled", Weakens, turnedFalse, "nobody hears the alarm"},
	{"AWS::CloudWatch::Alarm", "AlarmActions", Weakens, fewer(""), "fewer hear the alarm"},
	{"AWS::CloudWatch::CompositeAlarm", "AlarmActions", Weakens, fewer(""), "fewer hear the alarm"},
	{ecsService, "DeploymentConfiguration.DeploymentCircuitBreaker.Enable", Weakens, off, "a deployment that fails is not stopped"},
	{ecsService, "DeploymentConfiguration.DeploymentCircuitBreaker.Rollback", Weakens, off, "a deployment that fails is not rolled back"},
	{ecsService, "DeploymentConfiguration.Alarms", Weakens, removed, "no alarm stops a deployment"},
	{ecsService, "DeploymentConfiguration.Alarms.AlarmNames", Weakens, fewer(""), "fewer alarms stop a deployment"},
	{ecsService, "DeploymentConfiguration.Alarms.Enable", Weakens, off, "no alarm stops a deployment"},
	{ecsService, "DeploymentConfiguration.Alarms.Rollback", Weakens, off, "a deployment that alarms is not rolled back"},
	{ecsService, "DeploymentConfiguration.LifecycleHooks", Weakens, fewer(""), "a deployment goes on without one of its checks"},
	{ecsService, "DeploymentConfiguration.BakeTimeInMinutes", Weakens, shorter, "less time to notice that a version is bad"},
	{ecsService, "DeploymentConfiguration.MinimumHealthyPercent", Weakens, shorterFrom("100"), "a deployment leaves fewer tasks running"},
	{"AWS::ECS::TaskDefinition", "ContainerDefinitions", Weakens, containersLoosen, "a container may do more on its host or with its files"},

	// Who reaches what.
	{"AWS::RDS::DBCluster", "PubliclyAccessible", Widens, on, "the database has a public address"},
	{instance, "PubliclyAccessible", Widens, on, "the instance has a public address"},
	{"AWS::RDS::DBCluster", "EnableIAMDatabaseAuthentication", Widens, on, "IAM identities may log in"},
	{"AWS::ElasticLoadBalancingV2::LoadBalancer", "Scheme", Widens, leaves("internal"), "the load balancer has public addresses"},
	{"AWS::EC2::Subnet", "MapPublicIpOnLaunch", Widens, on, "what starts in the subnet gets a public address"},
	{"AWS::EC2::Subnet", "AssignIpv6AddressOnCreation", Widens, on, "what starts in the subnet gets an IPv6 address"},
	{"AWS::MSK::Cluster", "BrokerNodeGroupInfo.ConnectivityInfo.PublicAccess.Type", Widens, becomesOne("SERVICE_PROVIDED_EIPS"), "the brokers have public addresses"},
	{"AWS::MSK::Cluster", "ClientAuthentication.Unauthenticated.Enabled", Widens, on, "clients need no credentials"},
	{ecsService, "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp", Widens, becomesOne("ENABLED"), "the tasks have public addresses"},
	{ecsService, "NetworkConfiguration.AwsvpcConfiguration.SecurityGroups", Widens, more, "the tasks reach, and are reached, as another group's members too"},
	{ecsService, "EnableExecuteCommand", Widens, on, "a shell in a task can be opened"},
	{"AWS::S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicAcls", Widens, off, "objects can be made public"},
	{"AWS::S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", Widens, off, "the bucket can be made public"},
	{"AWS::S3::Bucket", "PublicAccessBlockConfiguration.IgnorePublicAcls", Widens, off, "public objects are public"},
	{"AWS::S3::Bucket", "PublicAccessBlockConfiguration.RestrictPublicBuckets", Widens, off, "a public bucket is public"},
	{"AWS::S3::Bucket", "ReplicationConfiguration.Rules.Destination", Widens, more, "objects are copied to another place"},
	{"AWS::Backup::BackupPlan", "BackupPlan.BackupPlanRule.CopyActions", Widens, more, "backups are copied to another place"},
	{"AWS::SecretsManager::Secret", "ReplicaRegions.Region", Widens, more, "another region has a copy of the secret"},
	{"AWS::Lambda::Function", "Role", Widens, altered, "it runs with the permissions of another role"},
	{"AWS::ECS::TaskDefinition", "TaskRoleArn", Widens, altered, "the tasks run with the permissions of another role"},
	{"AWS::ECS::TaskDefinition", "ExecutionRoleArn", Widens, altered, "the tasks start with the permissions of another role"},
	{"AWS::Grafana::Workspace", "RoleArn", Widens, altered, "it reads with the permissions of another role"},
	{"AWS::Grafana::Workspace", "DataSources", Widens, more, "it reads other sources"},
	{"AWS::IAM::OIDCProvider", "ClientIdList", Widens, more, "tokens for others are accepted"},
	{"AWS::IAM::OIDCProvider", "ThumbprintList", Widens, more, "tokens of another server are accepted"},
	{"AWS::S3::Bucket", "OwnershipControls", Widens, altered, "objects may have owners and access lists of their own"},
	{"AWS::S3::Bucket", "AccessControl", Widens, altered, "another access list holds"},
	{"AWS::S3::Bucket", "WebsiteConfiguration", Widens, appeared, "the bucket answers as a web site"},
	{"AWS::S3::Bucket", "CorsConfiguration", Widens, altered, "other sites may read it"},
	{"AWS::SecretsManager::ResourcePolicy", "BlockPublicPolicy", Widens, off, "the policy may be a public one"},
	{"AWS::Lambda::Url", "AuthType", Widens, becomesOne("NONE"), "anyone may call the function"},
	{"AWS::Grafana::Workspace", "NetworkAccessControl", Widens, altered, "others reach the workspace"},
	{"AWS::Grafana::Workspace", "AuthenticationProviders", Widens, more, "others may sign in"},
	{"AWS::EC2::VPCEndpoint", "SecurityGroupIds", Widens, more, "others reach the endpoint"},
	{"AWS::ElasticLoadBalancingV2::LoadBalancer", "SecurityGroups", Widens, more, "others reach the load balancer"},
	{"AWS::RDS::DBCluster", "VpcSecurityGroupIds", Widens, more, "others reach the database"},
	{cacheGroup, "SecurityGroupIds", Widens, more, "others reach the cache"},
	{"AWS::Lambda::Function", "VpcConfig.SecurityGroupIds", Widens, more, "the function reaches more"},
	{"AWS::CloudFront::Distribution", "DistributionConfig.Restrictions", Widens, altered, "other countries reach it"},
	{listenerRule, "Conditions", Widens, conditionsLoosen, "the rule answers more requests"},
	{"AWS::WAFv2::IPSet", "Addresses", Widens, more, "other addresses are treated as listed"},
	{"AWS::ElastiCache::User", "AccessString", Widens, accessGrows, "the user may do more in the cache"},
	{"AWS::ElastiCache::UserGroup", "UserIds", Widens, more, "other users may log in"},
	{"Custom::KafkaAccess", "Grants", Widens, grantsGrow, "the user may do more in Kafka"},
	{"Custom::DatabaseUser", "Privileges", Widens, more, "the user may do more in the database"},
}

// guardsByRemoval are types that protect by being there.
var guardsByRemoval = map[string]string{
	"AWS::ApplicationAutoScaling::ScalableTarget": "the number no longer follows the load",
	"AWS::ApplicationAutoScaling::ScalingPolicy":  "the number no longer follows the load",
	"AWS::APS::AlertManagerDefinition":            "alerts reach nobody",
	"AWS::APS::RuleGroupsNamespace":               "its alerts are gone",
	"AWS::Backup::BackupPlan":                     "nothing is backed up by it",
	"AWS::Backup::BackupSelection":                "its resources are no longer backed up",
	"AWS::Backup::RestoreTestingPlan":             "restoring is no longer tested",
	"AWS::Backup::RestoreTestingSelection":        "restoring is no longer tested",
	"AWS::CloudTrail::Trail":                      "calls are no longer recorded",
	"AWS::CloudWatch::Alarm":                      "nobody is told any more",
	"AWS::CloudWatch::CompositeAlarm":             "nobody is told any more",
	"AWS::EC2::FlowLog":                           "connections are no longer logged",
	"AWS::ECR::ReplicationConfiguration":          "images are no longer copied",
	"AWS::Events::Rule":                           "its events reach nobody",
	"AWS::Logs::Delivery":                         "its log is no longer delivered",
	"AWS::Logs::SubscriptionFilter":               "its log is no longer delivered",
	"AWS::RDS::EventSubscription":                 "nobody is told any more",
	"AWS::SNS::Subscription":                      "nobody is told any more",
	"AWS::SecretsManager::RotationSchedule":       "the secret is no longer rotated",
	"AWS::WAFv2::LoggingConfiguration":            "requests are no longer logged",
	"AWS::WAFv2::WebACL":                          "its rules stop nobody",
	"AWS::WAFv2::WebACLAssociation":               "no firewall stands before the resource",
}

// harmless are types whose removal takes away permissions or pictures, and
// nothing that anyone waits for. What a removed Deny means is judged with the
// permissions.
var harmless = map[string]bool{
	"AWS::CloudWatch::Dashboard":          true,
	"AWS::EC2::NetworkAclEntry":           true,
	"AWS::EC2::SecurityGroupEgress":       true,
	"AWS::EC2::SecurityGroupIngress":      true,
	"AWS::ECS::TaskDefinition":            true,
	"AWS::IAM::ManagedPolicy":             true,
	"AWS::IAM::Policy":                    true,
	"AWS::IAM::Role":                      true,
	"AWS::KMS::Alias":                     true,
	"AWS::Lambda::Permission":             true,
	"AWS::Lambda::Version":                true,
	"AWS::Logs::MetricFilter":             true,
	"AWS::Logs::QueryDefinition":          true,
	"AWS::Logs::ResourcePolicy":           true,
	"AWS::MSK::ClusterPolicy":             true,
	"AWS::S3::BucketPolicy":               true,
	"AWS::SNS::TopicPolicy":               true,
	"AWS::SQS::QueuePolicy":               true,
	"AWS::SecretsManager::ResourcePolicy": true,
	"AWS::XRay::Group":                    true,
	"AWS::XRay::SamplingRule":             true,
	"AWS::CDK::Metadata":                  true,
}

// removal judges that a resource without state goes. What a type does that is in
// no list stops being done, which somebody may be waiting for.
func removal(before resource) (Verdict, string) {
	if what, ok := guardsByRemoval[before.kind]; ok {
		return Weakens, "removed: " + what
	}
	if what, ok := carriers[before.kind]; ok {
		return Traffic, "removed: " + what
	}
	if harmless[before.kind] {
		return Safe, "removed"
	}
	return Interrupts, "removed: what it did stops"
}

// judgeGuards asks the table about one resource.
func (c *comparison) judgeGuards(is stack, before, after resource) {
	for _, row := range guards {
		if row.kind != after.kind {
			continue
		}
		was, to := attribute(before.properties, row.path), attribute(after.properties, row.path)
		if same(was, to) || !row.worse(was, to) {
			continue
		}
		c.add(finding{
			stack: is.name, resource: after, verdict: row.verdict, property: row.path, value: cfn.Canonical(to),
			text: fmt.Sprintf("%s changes from %s: %s", row.path, transition(was, to), row.what),
		})
	}
}

// attribute is at with one more form: "List[key]" is the Value beside a Key.
func attribute(properties object, path string) any {
	name, key, listed := strings.Cut(strings.TrimSuffix(path, "]"), "[")
	if !listed {
		return at(properties, path)
	}
	for _, item := range cfn.List(properties[name]) {
		if text(item, "Key") == key {
			return at(item, "Value")
		}
	}
	return nil
}

// Directions of change. What is not a literal cannot be compared and counts as
// worse.

func on(_, after any) bool { return after != nil && after != "false" }

func off(before, after any) bool { return before != nil && before != "false" && after != "true" }

func turnedFalse(_, after any) bool { return after != nil && after != "true" }

func removed(before, after any) bool { return before != nil && after == nil }

func appeared(before, after any) bool { return before == nil && after != nil }

func altered(_, _ any) bool { return true }

func leaves(good ...string) func(before, after any) bool {
	return func(before, after any) bool {
		return before != nil && slices.Contains(good, cfn.Canonical(before)) && !slices.Contains(good, cfn.Canonical(after))
	}
}

func becomesOne(bad ...string) func(before, after any) bool {
	return func(_, after any) bool { return cfn.IsIntrinsic(after) || slices.Contains(bad, cfn.Canonical(after)) }
}

func shorter(before, after any) bool {
	if before == nil {
		return false
	}
	was, err := strconv.ParseFloat(cfn.Canonical(before), 64)
	to, wrong := strconv.ParseFloat(cfn.Canonical(after), 64)
	return err != nil || wrong != nil || to < was
}

// shorterFrom is shorter where no number means the default of AWS.
func shorterFrom(number string) func(before, after any) bool {
	filled := func(value any) any {
		if value == nil {
			return number
		}
		return value
	}
	return func(before, after any) bool { return shorter(filled(before), filled(after)) }
}

// shorterOrBegun is shorter where no number means for ever.
func shorterOrBegun(before, after any) bool {
	if after == nil {
		return false
	}
	return before == nil || shorter(before, after)
}

// more finds items that were not there.
func more(before, after any) bool {
	if cfn.IsIntrinsic(before) || cfn.IsIntrinsic(after) {
		return true
	}
	for _, item := range cfn.List(after) {
		if !slices.ContainsFunc(cfn.List(before), func(was any) bool { return same(was, item) }) {
			return true
		}
	}
	return false
}

// fewer finds items below a path that are there no more.
func fewer(path string) func(before, after any) bool {
	return func(before, after any) bool {
		if path != "" {
			before, after = at(before, path), at(after, path)
		}
		return more(after, before)
	}
}
