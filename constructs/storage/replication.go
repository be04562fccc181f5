package storage

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// ReplicationTime is how long an object of the backups may wait for its copy.
const ReplicationTime = config.ReplicationTime

// stream is the replication of one bucket to another.
type stream struct {
	to     awss3.IBucket
	region config.Region // where it is
	// fromKey and toKey are the keys at both ends; nil for S3's own. An encrypted
	// stream is on the clock: it carries what a recovery needs.
	fromKey, toKey awskms.IKey
	// deletions replicates delete markers, so that the copy shows what the
	// original shows. Without it, whoever deletes everything here deletes nothing
	// there.
	deletions bool
}

// replicate copies every new object of a bucket to the second region. The
// configuration is written out, because CDK's own would add grants to the
// replica's key, which belongs to a stack that is made before this one.
func (s site) replicate(from awss3.Bucket, purpose string, stream stream) {
	rule := &awss3.CfnBucket_ReplicationRuleProperty{
		Id:                      new("SecondRegion"),
		Status:                  new("Enabled"),
		Priority:                jsii.Number(1),
		Filter:                  &awss3.CfnBucket_ReplicationRuleFilterProperty{Prefix: new("")},
		DeleteMarkerReplication: &awss3.CfnBucket_DeleteMarkerReplicationProperty{Status: status(stream.deletions)},
	}
	destination := &awss3.CfnBucket_ReplicationDestinationProperty{Bucket: stream.to.BucketArn()}
	if stream.toKey != nil {
		limit := &awss3.CfnBucket_ReplicationTimeValueProperty{Minutes: jsii.Number(ReplicationTime.Minutes())}
		destination.EncryptionConfiguration = &awss3.CfnBucket_EncryptionConfigurationProperty{ReplicaKmsKeyId: new(encryption.ARN(stream.toKey))}
		destination.ReplicationTime = &awss3.CfnBucket_ReplicationTimeProperty{Status: status(true), Time: limit}
		destination.Metrics = &awss3.CfnBucket_MetricsProperty{Status: status(true), EventThreshold: limit}
		rule.SourceSelectionCriteria = &awss3.CfnBucket_SourceSelectionCriteriaProperty{
			SseKmsEncryptedObjects: &awss3.CfnBucket_SseKmsEncryptedObjectsProperty{Status: status(true)},
		}
	}
	rule.Destination = destination
	from.Node().DefaultChild().(awss3.CfnBucket).SetReplicationConfiguration(&awss3.CfnBucket_ReplicationConfigurationProperty{
		Role:  s.replicationRole(from, purpose, stream).RoleArn(),
		Rules: &[]any{rule},
	})
}

// replicationRole may read one bucket and write one replica, nothing else. It
// names the original, not asks it, because the bucket is made after its role.
func (s site) replicationRole(from awss3.Bucket, purpose string, stream stream) awsiam.Role {
	original := config.ARN("s3", "", "", s.names.Bucket(purpose, s.region))
	write := []string{"s3:ReplicateObject", "s3:ReplicateTags"}
	if stream.deletions {
		write = append(write, "s3:ReplicateDelete")
	}
	statements := []policy.Statement{
		{Sid: "ReadBucket", Actions: []string{"s3:GetReplicationConfiguration", "s3:ListBucket"}, Resources: []string{original}},
		{
			Sid: "ReadObjects", Resources: []string{original + "/*"},
			Actions: []string{"s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"},
		},
		{Sid: "WriteReplica", Actions: write, Resources: []string{*stream.to.BucketArn() + "/*"}},
	}
	if stream.fromKey != nil {
		statements = append(statements, throughS3("Decrypt", *stream.fromKey.KeyArn(), s.region, "kms:Decrypt"))
	}
	if stream.toKey != nil {
		statements = append(statements, throughS3("Encrypt", encryption.ARN(stream.toKey), stream.region, "kms:Encrypt", "kms:GenerateDataKey"))
	}
	own := constructs.NewConstruct(from, new("Replication"))
	permissions := policy.NewManaged(own, "Policy", statements...)
	acknowledge.Finding(permissions, "AwsSolutions-IAM5", "Replication carries every object of the one bucket to its one replica",
		"Resource::"+original+"/*", "Resource::"+config.ARN("s3", "", "", s.names.Bucket(purpose, stream.region))+"/*")
	return awsiam.NewRole(own, new("Role"), &awsiam.RoleProps{
		AssumedBy:       value.Service("s3.amazonaws.com"),
		Description:     new("Replicates the bucket to the second region"),
		ManagedPolicies: &[]awsiam.IManagedPolicy{permissions},
	})
}

// throughS3 allows the use of a key by way of S3 in a region alone.
func throughS3(sid, key string, region config.Region, actions ...string) policy.Statement {
	return policy.Statement{
		Sid: sid, Actions: actions, Resources: []string{key},
		Conditions: map[string]any{"StringEquals": map[string]any{"kms:ViaService": "s3." + region.Name + ".amazonaws.com"}},
	}
}

func status(on bool) *string {
	if on {
		return new("Enabled")
	}
	return new("Disabled")
}
