package changes

import (
	"maps"
	"slices"
)

const vaultLock = "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultLockConfiguration.html"

// vaultRefuses: a vault fails a backup that is to be kept for longer than it may.
var vaultRefuses = when("longer than a vault keeps", func(c change) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(c.in.resources)), func(r resource) bool {
		return r.kind == "AWS::Backup::BackupVault" && larger(change{before: at(r.properties, "LockConfiguration.MaxRetentionDays"), after: c.after})
	})
}, Weakens, "a locked vault fails what is to be kept for longer", vaultLock)

// storageRules: objects, images, messages and backups.
var storageRules = map[string][]rule{
	"AWS::S3::Bucket": {
		every("AccessControl", Widens, "another access list holds"),
		every("BucketEncryption", Weakens, "objects are encrypted with less, or other, keys"),
		harmless("BucketEncryption/ServerSideEncryptionConfiguration/*/BucketKeyEnabled", "how often the key is asked, which is what it costs"),
		every("CorsConfiguration", Widens, "other sites may read it"),
		row("LifecycleConfiguration", when("expires sooner", expiresSooner, Weakens, "objects are deleted, or deleted sooner"), when("keeps longer", keepsObjectsLonger, Safe, "objects are kept longer")),
		every("LoggingConfiguration", Weakens, "access is logged elsewhere, or not at all"),
		every("ObjectLockConfiguration", Weakens, "objects are locked otherwise"),
		every("OwnershipControls", Widens, "objects may have owners and access lists of their own"),
		must("PublicAccessBlockConfiguration/BlockPublicAcls", "true", Widens, "objects can be made public"),
		must("PublicAccessBlockConfiguration/BlockPublicPolicy", "true", Widens, "the bucket can be made public"),
		must("PublicAccessBlockConfiguration/IgnorePublicAcls", "true", Widens, "public objects are public"),
		must("PublicAccessBlockConfiguration/RestrictPublicBuckets", "true", Widens, "a public bucket is public"),
		every("ReplicationConfiguration", Weakens, "objects are copied otherwise, or not at all"),
		every("ReplicationConfiguration/Role", Enters, "objects are copied with the permissions of another role"),
		row("ReplicationConfiguration/Rules/*", comes(Widens, "objects are copied to another place"), goes(Weakens, "objects are no longer copied")),
		every("ReplicationConfiguration/Rules/*/Destination/Bucket", Widens, "objects are copied to another place"),
		must("VersioningConfiguration/Status", "Enabled", Weakens, "what is overwritten or deleted is gone"),
		every("WebsiteConfiguration", Widens, "the bucket answers as a web site"),
	},
	"AWS::S3::BucketPolicy": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
	},
	"AWS::ECR::Repository": {
		must("ImageScanningConfiguration/ScanOnPush", "true", Weakens, "images are no longer scanned"),
		must("ImageTagMutability", "IMMUTABLE", Weakens, "a tag may name another image tomorrow"),
		every("LifecyclePolicy", Weakens, "other images are deleted than before"),
		judgedElsewhere("RepositoryPolicyText", permissionsOfAll, readsAsPolicy),
	},
	"AWS::ECR::ReplicationConfiguration": {
		every("ReplicationConfiguration", Weakens, "images are copied otherwise, or not at all"),
	},
	"AWS::SNS::Topic": {
		harmless("DisplayName", "a name for readers"),
		every("KmsMasterKeyId", Weakens, "messages are under another key, or not encrypted"),
	},
	"AWS::SNS::TopicPolicy": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
		judgedElsewhere("Topics", permissionsOfAll, anyChange),
	},
	"AWS::SQS::Queue": {
		every("ContentBasedDeduplication", Interrupts, "the same message counts as another one, or is refused"),
		every("DelaySeconds", Interrupts, "messages come sooner or later"),
		every("KmsMasterKeyId", Weakens, "messages are under another key, or AWS's"),
		floor("MessageRetentionPeriod", Weakens, "messages are kept for less time"),
		every("RedrivePolicy", Weakens, "messages that fail go elsewhere, or are lost"),
		floor("VisibilityTimeout", Interrupts, "a message that is worked on is seen again sooner"),
	},
	"AWS::SQS::QueuePolicy": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
		judgedElsewhere("Queues", permissionsOfAll, anyChange),
	},
	"AWS::Backup::BackupVault": {
		judgedElsewhere("AccessPolicy", permissionsOfAll, readsAsPolicy),
		every("LockConfiguration", Weakens, "recovery points can be deleted sooner"),
		row("LockConfiguration/MinRetentionDays", down(Weakens, "recovery points can be deleted sooner"),
			when("more", larger, Weakens, "backups that are kept for fewer days fail", vaultLock)),
		floor("LockConfiguration/MaxRetentionDays", Weakens, "recovery points cannot be kept as long"),
	},
	"AWS::Backup::BackupPlan": {
		harmless("BackupPlan/BackupPlanName", "a name for readers"),
		row("BackupPlan/BackupPlanRule/*", when("comes", func(c change) bool { return c.before == nil && !comesWithCopies(c) }, Safe, "a backup more"),
			when("comes with copies", comesWithCopies, Widens, "backups are copied to another place"), goes(Weakens, "a backup less")),
		floor("BackupPlan/BackupPlanRule/*/CompletionWindowMinutes", Weakens, "a backup has less time to end"),
		alsoWhenNew(list("BackupPlan/BackupPlanRule/*/CopyActions", Widens, "backups are copied to another place", Weakens, "backups are copied no more, or kept for less time")),
		row("BackupPlan/BackupPlanRule/*/CopyActions/*/Lifecycle/DeleteAfterDays", up(Safe, "copies are kept longer"), down(Weakens, "copies are kept for fewer days"), vaultRefuses),
		must("BackupPlan/BackupPlanRule/*/EnableContinuousBackup", "true", Weakens, "the moment to restore cannot be chosen"),
		row("BackupPlan/BackupPlanRule/*/Lifecycle/DeleteAfterDays", up(Safe, "backups are kept longer"), down(Weakens, "backups are kept for fewer days"), vaultRefuses),
		every("BackupPlan/BackupPlanRule/*/ScheduleExpression", Weakens, "backups are made at other times, or less often"),
		floor("BackupPlan/BackupPlanRule/*/StartWindowMinutes", Weakens, "a backup has less time to start"),
		every("BackupPlan/BackupPlanRule/*/TargetBackupVault", Weakens, "backups go into another vault"),
	},
	"AWS::Backup::RestoreTestingPlan": {
		every("RecoveryPointSelection", Weakens, "other backups are tested"),
		every("ScheduleExpression", Weakens, "restores are tested at other times, or less often"),
		floor("StartWindowHours", Weakens, "a test has less time to start"),
	},
	"AWS::Backup::RestoreTestingSelection": {
		every("IamRoleArn", Enters, "restores are tested with the permissions of another role"),
		list("ProtectedResourceArns", Safe, "more is tested", Weakens, "less is tested"),
		every("RestoreMetadataOverrides", Weakens, "restores are tested otherwise"),
		floor("ValidationWindowHours", Weakens, "what is restored is there for less time"),
	},
}
