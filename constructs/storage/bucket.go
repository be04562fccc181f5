package storage

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// What the buckets of both regions are for, as config/names.go names them.
const (
	purposeBackups = "backups"
	purposeLogs    = "logs"
	purposeStatic  = "static"
)

// site is where buckets are made: one region of one environment.
type site struct {
	scope   constructs.Construct
	names   config.Names
	region  config.Region
	storage config.Storage
}

// spec is what differs between two buckets.
type spec struct {
	purpose string
	// key encrypts the objects; nil leaves it to S3's own keys.
	key awskms.IKey
	// accessLogs receives the record of who read and wrote; nil for the bucket
	// that holds such records.
	accessLogs awss3.IBucket
	lifecycle  []*awss3.LifecycleRule
}

// bucket makes a bucket as every bucket of the platform is: closed to the
// public, owned by the account whoever writes, reached over TLS 1.2 alone,
// versioned, and kept when its stack goes.
func (s site) bucket(id string, spec spec) awss3.Bucket {
	props := awss3.BucketProps{
		BucketName:        new(s.names.Bucket(spec.purpose, s.region)),
		BlockPublicAccess: value.Once("block public access", awss3.BlockPublicAccess_BLOCK_ALL),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		EnforceSSL:        new(true),
		MinimumTLSVersion: jsii.Number(1.2),
		Versioned:         new(true),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		LifecycleRules:    &spec.lifecycle,
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	}
	if spec.key != nil {
		props.Encryption = awss3.BucketEncryption_KMS
		props.EncryptionKey = spec.key
		props.BucketKeyEnabled = new(true) // one call to KMS for many objects
	}
	if spec.accessLogs != nil {
		props.ServerAccessLogsBucket = spec.accessLogs
		props.ServerAccessLogsPrefix = new(accessPrefix + "/" + spec.purpose + "/")
	}
	return awss3.NewBucket(s.scope, new(id), &props)
}

// logs makes the bucket that receives a region's logs.
func (s site) logs(id string) awss3.Bucket {
	bucket := s.bucket(id, spec{
		purpose: purposeLogs,
		lifecycle: append(s.housekeeping(), &awss3.LifecycleRule{
			Id:         new("Expire"),
			Expiration: value.Days(s.storage.LogRetentionDays),
		}),
	})
	acknowledge.Findings(bucket,
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-S3DefaultEncryptionKMS",
			Reason: "The load balancer and S3 cannot deliver access logs to a bucket with a customer key; the logs are encrypted with S3's own keys",
		},
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-S3BucketReplicationEnabled",
			Reason: "Logs are evidence of this region, kept here in versions until they expire; recovery in the other region does not need them",
		},
	)
	return bucket
}

// backups makes the bucket of database exports, or its replica.
func (s site) backups(id string, key awskms.IKey, accessLogs awss3.IBucket) awss3.Bucket {
	expire := &awss3.LifecycleRule{
		Id:         new("Expire"),
		Expiration: value.Days(s.storage.BackupRetentionDays),
	}
	if s.storage.BackupColdAfterDays > 0 {
		expire.Transitions = &[]*awss3.Transition{{
			StorageClass:    awss3.StorageClass_GLACIER_INSTANT_RETRIEVAL(),
			TransitionAfter: value.Days(s.storage.BackupColdAfterDays),
		}}
	}
	bucket := s.bucket(id, spec{
		purpose:    purposeBackups,
		key:        key,
		accessLogs: accessLogs,
		lifecycle:  append(s.housekeeping(), expire),
	})
	denyErasure(bucket)
	return bucket
}

// static makes the bucket of static content, or its replica.
func (s site) static(id string, accessLogs awss3.IBucket) awss3.Bucket {
	bucket := s.bucket(id, spec{
		purpose:    purposeStatic,
		accessLogs: accessLogs,
		lifecycle: append(s.housekeeping(), &awss3.LifecycleRule{
			Id:                        new("ForgetDeletions"),
			ExpiredObjectDeleteMarker: new(true),
		}),
	})
	acknowledge.Finding(bucket, "PCI.DSS.321-S3DefaultEncryptionKMS",
		"Static content is published to the internet: a customer key would add a KMS call to each cache miss and protect nothing that is secret")
	return bucket
}

// housekeeping removes what no reader sees but the bill does: versions beyond
// the time in which a mistake can be undone, and uploads that never ended.
func (s site) housekeeping() []*awss3.LifecycleRule {
	return []*awss3.LifecycleRule{{
		Id:                                  new("Housekeeping"),
		NoncurrentVersionExpiration:         value.Days(s.storage.NoncurrentDays),
		AbortIncompleteMultipartUploadAfter: value.Days(s.storage.IncompleteUploadDays),
	}}
}

// denyErasure keeps everybody from removing a version for good, which is what
// ransomware does first. The lifecycle rules are S3's own and still work; an
// operator who must erase something has to change this policy first, and that
// is on record.
func denyErasure(bucket awss3.Bucket) {
	addToPolicy(bucket, policy.Statement{
		Sid: "NobodyErasesVersions", Deny: true, Principal: policy.Anyone(),
		Actions: []string{"s3:DeleteObjectVersion"}, Resources: []string{*bucket.BucketArn() + "/*"},
	})
}

// addToPolicy adds statements to a bucket's policy, which has one about TLS already.
// CDK's own way tells a caller of each what changed, which nobody asks.
func addToPolicy(bucket awss3.Bucket, statements ...policy.Statement) {
	bucket.Policy().Document().AddStatements(*policy.List(statements...)...)
}
