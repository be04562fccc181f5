// Package cdn makes the CloudFront distribution of the static content, with its
// certificate, DNS records and access log. Certificate and web ACL exist for
// CloudFront in us-east-1 only, so the whole package belongs there.
package cdn

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfrontorigins"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/waf"
)

// Props describe the distribution.
type Props struct {
	Names  config.Names
	Region config.Region // us-east-1
	// OriginRegion has the bucket of the static content.
	OriginRegion config.Region
	HostedZone   config.HostedZone
	// Domain is the content's host name, and APIDomain the one other host that its pages
	// may call.
	Domain, APIDomain string
	// PriceClass bounds the locations that serve.
	PriceClass string
	// Protected keeps the access log when the stack goes.
	Protected bool
	WebACL    waf.ACL
	// Replica is the copy of the static bucket that answers when the primary's
	// region does not; nil when there is none.
	Replica awss3.IBucket
	// LogKey encrypts the access log; its policy must allow CloudWatch Logs.
	LogKey           awskms.IKey
	LogRetentionDays int
}

// New makes the distribution. Its origin is the primary region's static bucket
// by name, which is made later: the bucket's own policy, which names the
// distribution, lets it read.
func New(scope constructs.Construct, props Props) awscloudfront.Distribution {
	own := constructs.NewConstruct(scope, new("Static"))
	zone := awsroute53.HostedZone_FromHostedZoneAttributes(own, new("Zone"), &awsroute53.HostedZoneAttributes{
		HostedZoneId: new(props.HostedZone.ID),
		ZoneName:     new(props.HostedZone.Name),
	})
	distribution := awscloudfront.NewDistribution(own, new("Distribution"), &awscloudfront.DistributionProps{
		Comment:     new("Static content of " + props.Names.Prefix()),
		DomainNames: jsii.Strings(props.Domain),
		Certificate: awscertificatemanager.NewCertificate(own, new("Certificate"), &awscertificatemanager.CertificateProps{
			DomainName: new(props.Domain),
			Validation: awscertificatemanager.CertificateValidation_FromDns(zone),
		}),
		MinimumProtocolVersion: awscloudfront.SecurityPolicyProtocol_TLS_V1_2_2021,
		HttpVersion:            awscloudfront.HttpVersion_HTTP2_AND_3,
		WebAclId:               new(props.WebACL.Arn),
		DefaultRootObject:      new("index.html"),
		// No error pages: a page for 403, which S3 answers for what does not exist,
		// would also stand before every request that the web ACL refuses.
		DefaultBehavior: &awscloudfront.BehaviorOptions{
			Origin:                origin(own, props),
			AllowedMethods:        awscloudfront.AllowedMethods_ALLOW_GET_HEAD_OPTIONS(),
			ViewerProtocolPolicy:  awscloudfront.ViewerProtocolPolicy_HTTPS_ONLY,
			CachePolicy:           awscloudfront.CachePolicy_CACHING_OPTIMIZED(),
			Compress:              new(true),
			ResponseHeadersPolicy: securityHeaders(own, props),
		},
	})
	// CDK takes an enumeration; CloudFront takes the name, which config has.
	distribution.Node().DefaultChild().(awscdk.CfnResource).AddPropertyOverride(
		new("DistributionConfig.PriceClass"), props.PriceClass)
	logAccess(own, distribution, props)
	addRecords(own, zone, distribution, props.Domain)
	acknowledgeFindings(distribution)
	return distribution
}

// origin is the primary region's bucket, with the replica behind it when there
// is one. Only errors of the bucket's region switch over: a missing object is
// missing in both.
func origin(scope constructs.Construct, props Props) awscloudfront.IOrigin {
	access := awscloudfront.NewS3OriginAccessControl(scope, new("AccessControl"), &awscloudfront.S3OriginAccessControlProps{
		Description: new("Signs requests to the buckets of " + props.Names.Prefix()),
		Signing:     awscloudfront.Signing_SIGV4_ALWAYS(),
	})
	signed := func(bucket awss3.IBucket) awscloudfront.IOrigin {
		return awscloudfrontorigins.S3BucketOrigin_WithOriginAccessControl(bucket, &awscloudfrontorigins.S3BucketOriginWithOACProps{
			OriginAccessControl: access,
			OriginAccessLevels:  &[]awscloudfront.AccessLevel{awscloudfront.AccessLevel_READ},
		})
	}
	primary := signed(awss3.Bucket_FromBucketAttributes(scope, new("Bucket"), &awss3.BucketAttributes{
		BucketName: new(props.Names.Bucket("static", props.OriginRegion)),
		Region:     new(props.OriginRegion.Name),
	}))
	awscdk.Validations_Of(scope).Acknowledge(&awscdk.Acknowledgment{
		Id:     new("@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac"),
		Reason: new("the Data stack, which makes the bucket later, gives its policy this distribution"),
	})
	if props.Replica == nil {
		return primary
	}
	return awscloudfrontorigins.NewOriginGroup(&awscloudfrontorigins.OriginGroupProps{
		PrimaryOrigin:       primary,
		FallbackOrigin:      signed(props.Replica),
		FallbackStatusCodes: &[]*float64{jsii.Number(500), jsii.Number(502), jsii.Number(503), jsii.Number(504)},
	})
}

// addRecords points the host name at the distribution, for IPv4 and IPv6.
func addRecords(scope constructs.Construct, zone awsroute53.IHostedZone, distribution awscloudfront.Distribution, domain string) {
	target := awsroute53.RecordTarget_FromAlias(awsroute53targets.NewCloudFrontTarget(distribution))
	awsroute53.NewARecord(scope, new("Ipv4"), &awsroute53.ARecordProps{
		Zone: zone, RecordName: new(domain + "."), Target: target,
	})
	awsroute53.NewAaaaRecord(scope, new("Ipv6"), &awsroute53.AaaaRecordProps{
		Zone: zone, RecordName: new(domain + "."), Target: target,
	})
}

// acknowledgeFindings records what cdk-nag cannot see or the wallet does not want.
func acknowledgeFindings(distribution awscloudfront.Distribution) {
	acknowledge.Findings(distribution,
		acknowledge.Accepted{Rule: "AwsSolutions-CFR1", Reason: "The static content is public and the wallet's customers travel: no country is refused."},
		acknowledge.Accepted{Rule: "AwsSolutions-CFR3", Reason: "Access is logged by CloudFront's standard logging v2 (AWS::Logs::Delivery), which the rule does not know: " +
			"the older kind demands a bucket with access control lists."},
	)
}
