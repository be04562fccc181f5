package test

import (
	"strings"
	"testing"
)

// Pages of AWS's documentation on policies of resources.
const (
	keyOwner      = "kms/latest/developerguide/key-policy-default.html"
	logKeys       = "AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"
	topicKeys     = "sns/latest/dg/sns-key-management.html"
	queueKeys     = "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"
	prometheusSNS = "prometheus/latest/userguide/AMP-alertmanager-receiver-AWSpermission.html"
	eventTargets  = "eventbridge/latest/userguide/eb-use-resource-based.html"
	deliveredLogs = "AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html"
	balancerLogs  = "elasticloadbalancing/latest/application/enable-access-logging.html"
	accessLogs    = "AmazonS3/latest/userguide/enable-server-access-logging.html"
	bucketTLS     = "AmazonS3/latest/userguide/security-best-practices.html"
	originAccess  = "AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html"
	vaultAccess   = "aws-backup/latest/devguide/create-a-vault-access-policy.html"
)

const (
	ownAccount = "StringEquals|aws:SourceAccount|ACCOUNT"
	plainHTTP  = "Bool|aws:SecureTransport|false"
	deployer   = "ArnNotLike|aws:PrincipalArn|arn:aws:iam::ACCOUNT:role/cdk-hnb659fds-cfn-exec-role-ACCOUNT-REGION"
)

// key is what a key's policy says: the account's IAM decides, and besides.
func key(more ...right) []right {
	return append([]right{
		{without: "nobody can use or manage the key, for ever", who: "account ACCOUNT", actions: "kms:*", on: "*", source: keyOwner},
	}, more...)
}

// bucket is what a bucket's policy refuses, and whom it lets in.
func bucket(name string, more ...right) []right {
	both := "${" + name + ".Arn} ${" + name + ".Arn}/*"
	return append([]right{
		{without: "objects travel in the clear", who: "*", actions: "s3:*", on: both, when: []string{plainHTTP}, deny: true, source: bucketTLS},
		{without: "objects travel under a broken cipher", who: "*", actions: "s3:*", on: both, when: []string{"NumericLessThan|s3:TlsVersion|1.2"}, deny: true, source: bucketTLS},
	}, more...)
}

// versions lets nobody erase what a bucket of backups holds.
func versions(name string) right {
	return right{without: "whoever takes over the account erases the backups", who: "*", actions: "s3:DeleteObjectVersion", on: "${" + name + ".Arn}/*", deny: true, source: "AmazonS3/latest/userguide/DeletingObjectVersions.html"}
}

// logBucket is what may be written into a bucket of logs, beside those of the
// buckets themselves; written says in which environments a platform stands there.
func logBucket(name, of string, platform func(place) bool) []right {
	logs := "${" + name + ".Arn}"
	rights := bucket(name,
		right{without: "nobody knows who called the wallet", who: "Service logdelivery.elasticloadbalancing.amazonaws.com", actions: "s3:PutObject", on: logs + "/load-balancer/AWSLogs/ACCOUNT/*", when: []string{"ArnLike|aws:SourceArn|arn:aws:elasticloadbalancing:REGION:ACCOUNT:*"}, applies: platform, source: balancerLogs},
		right{without: "the brokers' logs are lost", who: "Service delivery.logs.amazonaws.com", actions: "s3:PutObject", on: logs + "/brokers/AWSLogs/ACCOUNT/*", when: []string{"ArnLike|aws:SourceArn|arn:aws:logs:REGION:ACCOUNT:*", ownAccount, "StringEquals|s3:x-amz-acl|bucket-owner-full-control"}, applies: platform, source: deliveredLogs},
		right{without: "the brokers' logs are refused", who: "Service delivery.logs.amazonaws.com", actions: "s3:GetBucketAcl", on: logs, when: []string{"ArnLike|aws:SourceArn|arn:aws:logs:REGION:ACCOUNT:*", ownAccount}, applies: platform, source: deliveredLogs})
	for _, logged := range []string{"Backups", "Static"} {
		rights = append(rights, right{without: "nobody knows who read the bucket " + logged, who: "Service logging.s3.amazonaws.com", actions: "s3:PutObject", on: logs + "/s3/" + strings.ToLower(logged) + "/*", when: []string{"ArnLike|aws:SourceArn|${" + of + logged + ".Arn}", ownAccount}, source: accessLogs})
	}
	return rights
}

// topic is who publishes to a topic of alerts.
func topic(name string) []right {
	on := "${" + name + "}"
	return []right{
		{without: "alerts travel in the clear", who: "*", actions: "sns:Publish", on: on, when: []string{plainHTTP}, deny: true, source: "sns/latest/dg/sns-security-best-practices.html"},
		{without: "no alarm reaches anybody", who: "Service cloudwatch.amazonaws.com", actions: "sns:Publish", on: on, when: []string{"ArnLike|aws:SourceArn|arn:aws:cloudwatch:REGION:ACCOUNT:alarm:*", ownAccount}, source: "sns/latest/dg/sns-access-policy-use-cases.html"},
		{without: "no event reaches anybody", who: "Service events.amazonaws.com", actions: "sns:Publish", on: on, source: eventTargets},
		{without: "no alert of Prometheus reaches anybody", who: "Service aps.amazonaws.com", actions: "sns:GetTopicAttributes sns:Publish", on: on, when: []string{"ArnLike|aws:SourceArn|arn:aws:aps:REGION:ACCOUNT:workspace/*", ownAccount}, source: prometheusSNS},
	}
}

// delivery is the log group that log delivery writes to.
func delivery(group, from string) []right {
	return []right{{without: "the logs are lost", who: "Service delivery.logs.amazonaws.com", actions: "logs:CreateLogStream logs:PutLogEvents", on: "${" + group + ".Arn}", when: []string{"ArnLike|aws:SourceArn|arn:aws:logs:REGION:ACCOUNT:" + from, ownAccount}, source: deliveredLogs}}
}

// vault is what a vault refuses.
func vault() []right {
	return []right{
		{without: "a backup is deleted before its age", who: "*", actions: "backup:DeleteRecoveryPoint backup:UpdateRecoveryPointLifecycle", on: "*", deny: true, source: vaultAccess},
		{without: "somebody opens the vault by hand", who: "*", actions: "backup:DeleteBackupVault backup:DeleteBackupVaultAccessPolicy backup:DeleteBackupVaultLockConfiguration backup:PutBackupVaultAccessPolicy backup:PutBackupVaultLockConfiguration", on: "*", when: []string{deployer}, deny: true, source: vaultAccess},
	}
}

func secret() []right {
	return []right{{without: "a secret can be deleted", who: "account ACCOUNT", actions: "secretsmanager:DeleteSecret", on: "*", deny: true, source: "secretsmanager/latest/userguide/auth-and-access_resource-policies.html"}}
}

// queue is what a queue refuses, and the rule of EventBridge that writes to it.
func queue(name string, more ...right) []right {
	return append([]right{{without: "messages travel in the clear", who: "*", actions: "sqs:*", on: "${" + name + ".Arn}", when: []string{plainHTTP}, deny: true, source: "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"}}, more...)
}

// twoRegions says whether an environment has a platform in the second region.
func twoRegions(p place) bool { return p.env.DR.Mode.SecondaryRegions() > 0 }

// resourcePolicies are what is done with each resource that has a policy, by the
// path of the construct that holds it.
var resourcePolicies = map[string][]right{
	"LogKey": key(right{without: "no log group can be encrypted", who: "Service logs.REGION.amazonaws.com", actions: "kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo", on: "*", when: []string{"ArnLike|kms:EncryptionContext:aws:logs:arn|arn:aws:logs:REGION:ACCOUNT:log-group:*"}, source: logKeys}),
	"AlertsKey": key(
		right{without: "no alarm reaches anybody", who: "Service cloudwatch.amazonaws.com", actions: "kms:Decrypt kms:GenerateDataKey", on: "*", when: []string{ownAccount}, source: topicKeys},
		right{without: "no event reaches anybody", who: "Service events.amazonaws.com", actions: "kms:Decrypt kms:GenerateDataKey", on: "*", source: topicKeys},
		right{without: "no alert of Prometheus reaches anybody", who: "Service aps.amazonaws.com", actions: "kms:Decrypt kms:GenerateDataKey", on: "*", when: []string{ownAccount}, source: prometheusSNS}),
	"RedeployKey":    key(right{without: "tasks keep a password that a rotation took away", who: "Service events.amazonaws.com", actions: "kms:Decrypt kms:GenerateDataKey", on: "*", source: queueKeys}),
	"BackupVaultKey": key(), "CacheKey": key(), "CopiesKey": key(), "DatabaseKey": key(), "Key": key(), "PrometheusKey": key(), "RegistryKey": key(),
	"SecretKey":  key(),
	"SecretsKey": key(right{without: "the standby's password is dead after two rotations", who: "account ACCOUNT", actions: "kms:Encrypt kms:GenerateDataKey", on: "*", when: []string{viaEither}, source: "secretsmanager/latest/userguide/replicate-secrets-troubleshoot.html"}),
	"StorageKey": key(), "VaultKey": key(),

	"AlertsCriticalPolicy": topic("AlertsCritical"),
	"AlertsWarningPolicy":  topic("AlertsWarning"),
	"RedeployFailedPolicy": queue("RedeployFailed"),
	"RedeployQueuePolicy": queue("RedeployQueue",
		right{without: "tasks keep a password that a rotation took away", who: "Service events.amazonaws.com", actions: "sqs:SendMessage", on: "${RedeployQueue.Arn}", when: []string{"ArnEquals|aws:SourceArn|${RedeployRotated.Arn}"}, source: eventTargets}),

	"StorageBackupsPolicy": bucket("StorageBackups", versions("StorageBackups")),
	"CopiesBackupsPolicy":  bucket("CopiesBackups", versions("CopiesBackups")),
	"StorageLogsPolicy":    logBucket("StorageLogs", "Storage", nil),
	"CopiesLogsPolicy":     logBucket("CopiesLogs", "Copies", twoRegions),
	"StorageStaticPolicy": bucket("StorageStatic",
		right{without: "the app's files are not found", who: "Service cloudfront.amazonaws.com", actions: "s3:GetObject", on: "${StorageStatic.Arn}/*", when: []string{"StringEquals|aws:SourceArn|arn:aws:cloudfront::ACCOUNT:distribution/${global:StaticDistribution}"}, source: originAccess}),
	"CopiesStaticPolicy": bucket("CopiesStatic",
		right{without: "the app's files are gone with São Paulo", who: "Service cloudfront.amazonaws.com", actions: "s3:GetObject", on: "${CopiesStatic.Arn}/*", when: []string{"StringEquals|aws:SourceArn|arn:aws:cloudfront::ACCOUNT:distribution/${StaticDistribution}"}, source: originAccess}),

	"BackupVault": vault(),
	"Vault":       vault(),

	"DatabaseAdminSecretPolicy":  secret(),
	"DatabaseAppSecretPolicy":    secret(),
	"DatabaseOutboxSecretPolicy": secret(),
	"OutboxPermission":           {{without: "nobody measures the outbox", who: "Service events.amazonaws.com", actions: "lambda:InvokeFunction", on: "${OutboxMeasureFunction.Arn}", when: []string{"ArnLike|aws:SourceArn|${OutboxSchedule.Arn}"}, source: eventTargets}},
	"BackupWatchPermission":      {{without: "nobody looks after copies", who: "Service events.amazonaws.com", actions: "lambda:InvokeFunction", on: "${BackupWatchFunction.Arn}", when: []string{"ArnLike|aws:SourceArn|${BackupWatchSchedule.Arn}"}, source: eventTargets}},
	"DatabaseRotationPermission": {{without: "no password rotates", who: "Service secretsmanager.amazonaws.com", actions: "lambda:InvokeFunction", on: "${DatabaseRotationFunction.Arn}", when: []string{ownAccount}, source: rotationRole}},

	"TracesPolicyResourcePolicy": {{without: "no trace is kept", who: "Service xray.amazonaws.com", actions: "logs:PutLogEvents",
		on:   "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/application-signals/data:* arn:aws:logs:REGION:ACCOUNT:log-group:aws/spans:*",
		when: []string{"ArnLike|aws:SourceArn|arn:aws:xray:REGION:ACCOUNT:*", ownAccount}, source: "AmazonCloudWatch/latest/monitoring/Enable-TransactionSearch.html"}},
	"EdgeFirewallLogDeliveryResourcePolicy": delivery("EdgeFirewallLogs", "*"),
	"LogDeliveryResourcePolicy":             delivery("Logs", "*"),
	"ReplicatorLogDeliveryResourcePolicy":   delivery("ReplicatorLogs", "*"),
	"WebAclLogDeliveryResourcePolicy":       delivery("WebAclLogs", "*"),
	"StaticLogDeliveryResourcePolicy":       delivery("StaticLogs", "delivery-source:wallet-ENV-static-access"),

	"ReplicatorPolicy": {{without: "events are not copied to the second region", who: "Service kafka.amazonaws.com", actions: "kafka:CreateVpcConnection kafka:DescribeClusterV2 kafka:GetBootstrapBrokers", on: "${Cluster.Arn}", source: "msk/latest/developerguide/mvpc-cluster-owner-action-policy.html"}},
}

// policiesByName are what the policies of resources say, by the path of their
// constructs.
func policiesByName(t *testing.T) map[string][]has {
	t.Helper()
	found := map[string][]has{}
	everyPlace(t, func(p place, r resource) {
		if strings.HasPrefix(r.Type, "AWS::IAM::") {
			return
		}
		for _, held := range policiesOf(p.stack, p.id) {
			name := hash.ReplaceAllString(p.id, "")
			found[name] = append(found[name], has{p, p.named(held.grants())})
		}
	})
	return found
}

func TestEveryResourceServesItsUsersAndNobodyElse(t *testing.T) {
	t.Parallel()
	compare(t, resourcePolicies, policiesByName(t))
}
