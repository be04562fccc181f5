package storage

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
)

// Props describe the primary region's buckets.
type Props struct {
	Env config.Environment
	// Copies are where backups and static content are replicated to; the zero
	// value replicates nothing.
	Copies Copies
	// Distribution serves the static content; nil lets nobody read it.
	Distribution awscloudfront.IDistribution
}

// New makes the buckets of the primary region.
func New(scope constructs.Construct, props Props) Buckets {
	own := constructs.NewConstruct(scope, new("Storage"))
	at := site{scope: own, env: props.Env, region: props.Env.Primary}
	key := encryption.NewKey(own, "Key", encryption.Props{
		Alias:   props.Env.Names().KeyAlias("storage"),
		Purpose: "Encrypts the backups bucket",
	})
	logs := at.logs("Logs")
	acceptLogs(logs, props.Env, props.Env.Primary)
	buckets := Buckets{Backups: at.backups("Backups", key, logs), Logs: logs, Static: at.static("Static", logs)}
	if props.Distribution != nil {
		allowDistribution(buckets.Static, props.Distribution)
	}
	if props.Copies == (Copies{}) {
		for _, bucket := range []constructs.IConstruct{buckets.Backups, buckets.Static} {
			acknowledge.Finding(bucket, "PCI.DSS.321-S3BucketReplicationEnabled",
				"Nothing may leave the primary region in this environment's recovery mode; versions protect the objects here")
		}
		return buckets
	}
	at.replicate(buckets.Backups, purposeBackups, stream{to: props.Copies.Backups, fromKey: key, toKey: props.Copies.Key})
	at.replicate(buckets.Static, purposeStatic, stream{to: props.Copies.Static, deletions: true})
	return buckets
}

// allowDistribution lets one CloudFront distribution, by its origin access
// control, read a bucket's objects.
func allowDistribution(bucket awss3.IBucket, distribution awscloudfront.IDistribution) {
	bucket.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("CloudFront"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("cloudfront.amazonaws.com"), nil)},
		Actions:    jsii.Strings("s3:GetObject"),
		Resources:  &[]*string{bucket.ArnForObjects(new("*"))},
		Conditions: &map[string]any{"StringEquals": map[string]any{"AWS:SourceArn": distribution.DistributionArn()}},
	}))
}

// acceptLogs lets the load balancer and MSK's log delivery write, each under its
// prefix and for this account alone. Both services check the policy when logging
// is switched on, and log delivery would write one of its own if this one were
// not what it expects: hence its names for the statements.
func acceptLogs(logs awss3.Bucket, env config.Environment, at config.Region) {
	account, region := env.Site.Account, at.Name
	objects := func(prefix string) *[]*string {
		return &[]*string{logs.ArnForObjects(new(prefix + "/AWSLogs/" + account + "/*"))}
	}
	service := func(name string) *[]awsiam.IPrincipal {
		return &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new(name), nil)}
	}
	own := func(source string) map[string]any {
		return map[string]any{"aws:SourceArn": config.ARN(source, region, account, "*")}
	}
	logs.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("LoadBalancerWrite"),
		Principals: service("logdelivery.elasticloadbalancing.amazonaws.com"),
		Actions:    jsii.Strings("s3:PutObject"),
		Resources:  objects(LoadBalancerPrefix),
		Conditions: &map[string]any{"ArnLike": own("elasticloadbalancing")},
	}))
	logs.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("AWSLogDeliveryWrite"),
		Principals: service("delivery.logs.amazonaws.com"),
		Actions:    jsii.Strings("s3:PutObject"),
		Resources:  objects(BrokerPrefix),
		Conditions: &map[string]any{
			"StringEquals": map[string]any{"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account},
			"ArnLike":      own("logs"),
		},
	}))
	logs.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("AWSLogDeliveryAclCheck"),
		Principals: service("delivery.logs.amazonaws.com"),
		Actions:    jsii.Strings("s3:GetBucketAcl"),
		Resources:  &[]*string{logs.BucketArn()},
		Conditions: &map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": account},
			"ArnLike":      own("logs"),
		},
	}))
}
