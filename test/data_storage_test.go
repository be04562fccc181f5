package test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// bucket finds a bucket by what it is for, in either region.
func (e environment) bucket(t *testing.T, purpose string, region config.Region) (string, resource) {
	t.Helper()
	name := fmt.Sprintf("wallet-%s-%s-%s-%s", e.Name, purpose, e.Site.Account, region.Name)
	return holder(t, e.bucketStack(t, region), "AWS::S3::Bucket", name, "BucketName")
}

// bucketStack holds the buckets of a region.
func (e environment) bucketStack(t *testing.T, region config.Region) template {
	t.Helper()
	if region.Name == e.Primary.Name {
		return e.stack(t, "data")
	}
	return e.stack(t, "global")
}

// regions are those with buckets: both where copies are kept, else the first.
func (e environment) regions() []config.Region {
	if e.DR.Mode.Copies() {
		return []config.Region{e.Primary, e.Secondary}
	}
	return []config.Region{e.Primary}
}

// bucketStatement finds a statement of a bucket's policy.
func bucketStatement(t *testing.T, in template, bucket, property string, value any) map[string]any {
	t.Helper()
	_, policy := holder(t, in, "AWS::S3::BucketPolicy", map[string]any{"Ref": bucket}, "Bucket")
	for _, candidate := range listAt(t, objectAt(t, policy.Properties, "PolicyDocument"), "Statement") {
		if assert.ObjectsAreEqual(value, at(candidate, property)) {
			return objectAt(t, candidate)
		}
	}
	t.Fatalf("%s %s: no statement with %s %v", in.name, bucket, property, value)
	return nil
}

// objects is a bucket's objects under a prefix, as CDK writes it.
func objects(bucket, prefix string) map[string]any {
	return map[string]any{"Fn::Join": []any{"", []any{map[string]any{"Fn::GetAtt": []any{bucket, "Arn"}}, "/" + prefix + "*"}}}
}

func TestEveryBucketIsClosedVersionedAndKept(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, region := range env.regions() {
			for _, purpose := range []string{"backups", "logs", "static"} {
				_, bucket := env.bucket(t, purpose, region)
				assert.Equal(t, map[string]any{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true},
					bucket.Properties["PublicAccessBlockConfiguration"])
				assert.Equal(t, "Enabled", at(bucket.Properties, "VersioningConfiguration", "Status"))
				assert.Equal(t, "BucketOwnerEnforced", at(bucket.Properties, "OwnershipControls", "Rules", 0, "ObjectOwnership"))
				assert.Equal(t, []string{"Retain", "Retain"}, []string{bucket.DeletionPolicy, bucket.UpdateReplacePolicy})
			}
		}
	})
}

func TestNoBucketSpeaksOldTLS(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range []template{env.stack(t, "data"), env.stack(t, "global")} {
			for id := range stack.ofType("AWS::S3::Bucket") {
				for _, condition := range []any{
					map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
					map[string]any{"NumericLessThan": map[string]any{"s3:TlsVersion": 1.2}},
				} {
					deny := bucketStatement(t, stack, id, "Condition", condition)
					assert.Equal(t, "Deny", deny["Effect"])
					assert.Equal(t, "s3:*", deny["Action"])
					assert.Equal(t, map[string]any{"AWS": "*"}, deny["Principal"])
				}
			}
		}
	})
}

func TestBackupsLieUnderTheWalletsOwnKey(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, region := range env.regions() {
			_, bucket := env.bucket(t, "backups", region)
			encryption := at(bucket.Properties, "BucketEncryption", "ServerSideEncryptionConfiguration", 0)
			_, alias := holder(t, env.bucketStack(t, region), "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/storage", "AliasName")
			assert.Equal(t, "aws:kms", at(encryption, "ServerSideEncryptionByDefault", "SSEAlgorithm"))
			assert.Equal(t, alias.Properties["TargetKeyId"], at(encryption, "ServerSideEncryptionByDefault", "KMSMasterKeyID"))
			assert.Equal(t, true, at(encryption, "BucketKeyEnabled"), "else every object costs a call to KMS")
		}
	})
}

// The load balancer and S3 refuse to deliver access logs under a customer key.
func TestAccessLogsCanBeDelivered(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, region := range env.regions() {
			_, logs := env.bucket(t, "logs", region)
			assert.Equal(t, "AES256", at(logs.Properties, "BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault", "SSEAlgorithm"))
		}
	})
}

// lifecycle is a bucket's rules by name, without the names.
func lifecycle(t *testing.T, bucket resource) map[string]map[string]any {
	t.Helper()
	rules := map[string]map[string]any{}
	for _, rule := range listAt(t, bucket.Properties, "LifecycleConfiguration", "Rules") {
		fields := map[string]any{}
		for key, value := range objectAt(t, rule) {
			if key != "Id" {
				fields[key] = value
			}
		}
		rules[textAt(t, rule, "Id")] = fields
	}
	return rules
}

func TestObjectsAgeAsConfigured(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		housekeeping := map[string]any{
			"Status":                         "Enabled",
			"NoncurrentVersionExpiration":    map[string]any{"NoncurrentDays": float64(env.Storage.NoncurrentDays)},
			"AbortIncompleteMultipartUpload": map[string]any{"DaysAfterInitiation": float64(env.Storage.IncompleteUploadDays)},
		}
		backups := map[string]any{"Status": "Enabled", "ExpirationInDays": float64(env.Storage.BackupRetentionDays)}
		if env.Storage.BackupColdAfterDays > 0 {
			backups["Transitions"] = []any{map[string]any{
				"StorageClass": "GLACIER_IR", "TransitionInDays": float64(env.Storage.BackupColdAfterDays)}}
		}
		want := map[string]map[string]map[string]any{
			"backups": {"Housekeeping": housekeeping, "Expire": backups},
			"logs": {"Housekeeping": housekeeping,
				"Expire": {"Status": "Enabled", "ExpirationInDays": float64(env.Storage.LogRetentionDays)}},
			"static": {"Housekeeping": housekeeping, "ForgetDeletions": {"Status": "Enabled", "ExpiredObjectDeleteMarker": true}},
		}
		for purpose, rules := range want {
			for _, region := range env.regions() {
				_, bucket := env.bucket(t, purpose, region)
				assert.Equalf(t, rules, lifecycle(t, bucket), "%s in %s: S3 does not replicate life cycles", purpose, region.Name)
			}
		}
	})
	assert.Positive(t, platform(t)["production"].Storage.BackupColdAfterDays, "the seed wants cheap long-term backups")
}

func TestNobodyErasesABackupForGood(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, region := range env.regions() {
			id, _ := env.bucket(t, "backups", region)
			deny := bucketStatement(t, env.bucketStack(t, region), id, "Action", "s3:DeleteObjectVersion")
			assert.Equal(t, "Deny", deny["Effect"])
			assert.Equal(t, map[string]any{"AWS": "*"}, deny["Principal"])
			assert.Equal(t, objects(id, ""), deny["Resource"])
			assert.Nil(t, deny["Condition"])
		}
	})
}

func TestWhoReadABucketIsOnRecord(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, region := range env.regions() {
			logs, _ := env.bucket(t, "logs", region)
			for _, purpose := range []string{"backups", "static"} {
				id, bucket := env.bucket(t, purpose, region)
				assert.Equal(t, map[string]any{"DestinationBucketName": map[string]any{"Ref": logs}, "LogFilePrefix": "s3/" + purpose + "/"},
					bucket.Properties["LoggingConfiguration"])
				allow := bucketStatement(t, env.bucketStack(t, region), logs, "Resource", objects(logs, "s3/"+purpose+"/"))
				assert.Equal(t, map[string]any{"Service": "logging.s3.amazonaws.com"}, allow["Principal"])
				assert.Equal(t, map[string]any{"Fn::GetAtt": []any{id, "Arn"}}, at(allow, "Condition", "ArnLike", "aws:SourceArn"))
			}
		}
	})
}

// replicationRule is the one rule of a bucket's replication.
func replicationRule(t *testing.T, bucket resource) any {
	t.Helper()
	rules, _ := at(bucket.Properties, "ReplicationConfiguration", "Rules").([]any)
	require.Len(t, rules, 1)
	assert.Equal(t, "Enabled", at(rules, 0, "Status"))
	assert.Equal(t, map[string]any{"Prefix": ""}, at(rules, 0, "Filter"), "every object")
	return rules[0]
}

func TestBackupsReachTheSecondRegionWithinFifteenMinutes(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		_, backups := env.bucket(t, "backups", env.Primary)
		rule := replicationRule(t, backups)
		assert.Equal(t, "arn:aws:s3:::"+env.Names().Bucket("backups", env.Secondary), at(rule, "Destination", "Bucket"))
		fifteen := map[string]any{"Minutes": 15.0}
		assert.Equal(t, map[string]any{"Status": "Enabled", "Time": fifteen}, at(rule, "Destination", "ReplicationTime"))
		assert.Equal(t, map[string]any{"Status": "Enabled", "EventThreshold": fifteen}, at(rule, "Destination", "Metrics"))
		assert.Equal(t, "Enabled", at(rule, "SourceSelectionCriteria", "SseKmsEncryptedObjects", "Status"), "else encrypted objects stay behind")
		global := env.stack(t, "global")
		_, alias := holder(t, global, "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/storage", "AliasName")
		output, _ := at(rule, "Destination", "EncryptionConfiguration", "ReplicaKmsKeyID", "Fn::GetStackOutput", "OutputName").(string)
		assert.Equal(t, alias.Properties["TargetKeyId"], global.Outputs[output].Value, "under the replica's own key")

		_, static := env.bucket(t, "static", env.Primary)
		assert.Equal(t, "arn:aws:s3:::"+env.Names().Bucket("static", env.Secondary), at(replicationRule(t, static), "Destination", "Bucket"))
	})
}

func TestWhoDeletesTheBackupsHereDeletesNoneThere(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		_, backups := env.bucket(t, "backups", env.Primary)
		assert.Equal(t, "Disabled", at(replicationRule(t, backups), "DeleteMarkerReplication", "Status"))
		_, static := env.bucket(t, "static", env.Primary)
		assert.Equal(t, "Enabled", at(replicationRule(t, static), "DeleteMarkerReplication", "Status"), "what is unpublished here must not stay published there")
	})
}

// S3 refuses a replication to a bucket that does not exist yet.
func TestReplicasAreMadeBeforeTheirOriginals(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Contains(t, env.stack(t, "data").requires, env.Names().StackName("global"))
	})
}

func TestNothingIsCopiedOutOfBrazilWhenNothingMayLeave(t *testing.T) {
	t.Parallel()
	env := altered(t, withoutCopies())
	assert.Empty(t, env.stack(t, "global").ofType("AWS::S3::Bucket"))
	data := env.stack(t, "data")
	assert.Len(t, data.ofType("AWS::S3::Bucket"), 3)
	for id, bucket := range data.ofType("AWS::S3::Bucket") {
		assert.Nil(t, bucket.Properties["ReplicationConfiguration"], id)
	}
	for id, role := range data.ofType("AWS::IAM::Role") {
		assert.NotContains(t, fmt.Sprint(role.Properties["AssumeRolePolicyDocument"]), "s3.amazonaws.com", id)
	}
}
