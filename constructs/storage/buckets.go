package storage

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/policy"
)

// Props describe the primary region's buckets.
type Props struct {
	Names   config.Names
	Region  config.Region
	Storage config.Storage
	// Targets are where backups and static content are replicated to; the zero
	// value replicates nothing.
	Targets Targets
	// Distribution serves the static content.
	Distribution awscloudfront.IDistribution
}

// New makes the buckets of the primary region.
func New(scope constructs.Construct, props Props) Buckets {
	own := constructs.NewConstruct(scope, new("Storage"))
	at := site{scope: own, names: props.Names, region: props.Region, storage: props.Storage}
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "storage",
		Purpose: "Encrypts the backups bucket",
	})
	logs := at.logs("Logs")
	acceptLogs(logs, props.Names, props.Region)
	buckets := Buckets{Backups: at.backups("Backups", key, logs), Logs: logs, Static: at.static("Static", logs)}
	allowDistribution(buckets.Static, props.Distribution)
	if props.Targets.Key == nil {
		for _, bucket := range []constructs.IConstruct{buckets.Backups, buckets.Static} {
			acknowledge.Finding(bucket, "PCI.DSS.321-S3BucketReplicationEnabled",
				"Nothing may leave the primary region in this environment's recovery mode; versions protect the objects here")
		}
		return buckets
	}
	targets := props.Targets
	at.replicate(buckets.Backups, purposeBackups, stream{to: targets.Backups, region: targets.Region, fromKey: key, toKey: targets.Key})
	at.replicate(buckets.Static, purposeStatic, stream{to: targets.Static, region: targets.Region, deletions: true})
	return buckets
}

// allowDistribution lets one CloudFront distribution, by its origin access
// control, read a bucket's objects.
func allowDistribution(bucket awss3.Bucket, distribution awscloudfront.IDistribution) {
	addToPolicy(bucket, policy.Statement{
		Sid:        "CloudFront",
		Principal:  policy.Service("cloudfront.amazonaws.com"),
		Actions:    []string{"s3:GetObject"},
		Resources:  []string{*bucket.BucketArn() + "/*"},
		Conditions: map[string]any{"StringEquals": map[string]any{"AWS:SourceArn": distribution.DistributionArn()}},
	})
}

// acceptLogs lets the load balancer and MSK's log delivery write, each under its
// prefix and for this account alone. Both services check the policy when logging
// is switched on, and log delivery would write one of its own if this one were
// not what it expects: hence its names for the statements.
func acceptLogs(logs awss3.Bucket, names config.Names, region config.Region) {
	account, arn := names.Account(), *logs.BucketArn()
	objects := func(prefix string) []string { return []string{arn + "/" + prefix + "/AWSLogs/" + account + "/*"} }
	own := func(source string) map[string]any {
		return map[string]any{"aws:SourceArn": names.ARN(source, region, "*")}
	}
	delivery := policy.Service("delivery.logs.amazonaws.com")
	addToPolicy(logs,
		policy.Statement{
			Sid:        "LoadBalancerWrite",
			Principal:  policy.Service("logdelivery.elasticloadbalancing.amazonaws.com"),
			Actions:    []string{"s3:PutObject"},
			Resources:  objects(LoadBalancerPrefix),
			Conditions: map[string]any{"ArnLike": own("elasticloadbalancing")},
		},
		policy.Statement{
			Sid:       "AWSLogDeliveryWrite",
			Principal: delivery,
			Actions:   []string{"s3:PutObject"},
			Resources: objects(BrokerPrefix),
			Conditions: map[string]any{
				"StringEquals": map[string]any{"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account},
				"ArnLike":      own("logs"),
			},
		},
		policy.Statement{
			Sid:       "AWSLogDeliveryAclCheck",
			Principal: delivery,
			Actions:   []string{"s3:GetBucketAcl"},
			Resources: []string{arn},
			Conditions: map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": account},
				"ArnLike":      own("logs"),
			},
		})
}
