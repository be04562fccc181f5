// Package edge makes what stands between the internet and the service: the load
// balancer, its certificate, the web ACL and the DNS record.
package edge

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/storage"
	"wallet-infra/constructs/value"
	"wallet-infra/constructs/waf"
)

// Edge is the public load balancer of the API with what belongs to it.
type Edge struct {
	LoadBalancer awselasticloadbalancingv2.ApplicationLoadBalancer
	// Blue and Green are the two target groups. One of them has the running
	// release, and the other one gets the next; which is which changes with every
	// deployment.
	Blue, Green awselasticloadbalancingv2.ApplicationTargetGroup
	// Production is the rule by which customers' requests reach one of the groups,
	// and Test the rule of the same requests on TestListener. Once they stand, ECS
	// alone changes their weights.
	Production, Test awselasticloadbalancingv2.ApplicationListenerRule
	TestListener     awselasticloadbalancingv2.ApplicationListener
	Certificate      awscertificatemanager.ICertificate
	// Firewall is the web ACL before the load balancer.
	Firewall waf.ACL

	scope   constructs.Construct
	zone    awsroute53.IHostedZone
	metrics Metrics
}

// Props describe a region's load balancer.
type Props struct {
	Names config.Names
	// Region is where the load balancer stands.
	Region     config.Region
	Edge       config.Edge
	HostedZone config.HostedZone
	APIDomain  string // of the certificate
	// HealthPath is what the load balancer asks its targets.
	HealthPath string
	// Protected keeps the load balancer from being deleted.
	Protected bool
	Network   network.Network
	// AccessLogs receives a line for each request. Load balancers can write only
	// to a bucket with S3's own key.
	AccessLogs awss3.IBucket
	// LogKey encrypts the web ACL's log group; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// New makes the load balancer. Nothing stands behind it until a service takes its
// target groups, and no name leads to it until [Edge.AddDNSRecord].
func New(scope constructs.Construct, props Props) Edge {
	own := constructs.NewConstruct(scope, new("Edge"))
	zone := awsroute53.HostedZone_FromHostedZoneAttributes(own, new("Zone"), &awsroute53.HostedZoneAttributes{
		HostedZoneId: new(props.HostedZone.ID),
		ZoneName:     new(props.HostedZone.Name),
	})
	certificate := awscertificatemanager.NewCertificate(own, new("Certificate"), &awscertificatemanager.CertificateProps{
		DomainName: new(props.APIDomain),
		// The record that proves the domain stays, so the certificate renews itself.
		Validation: awscertificatemanager.CertificateValidation_FromDns(zone),
	})
	balancer := newLoadBalancer(own, props)
	edge := Edge{
		LoadBalancer: balancer,
		Blue:         newTargetGroup(own, "Blue", props),
		Green:        newTargetGroup(own, "Green", props),
		Certificate:  certificate,
		Firewall:     addWebACL(own, balancer, props),
		scope:        own,
		zone:         zone,
	}
	edge.metrics = newMetrics(edge)
	edge.listen(props.Edge.PublicPaths)
	return edge
}

// AddDNSRecord makes a host name lead to this load balancer: the API's own, or the
// region's where the API's follows the active region.
func (e Edge) AddDNSRecord(host string) {
	awsroute53.NewARecord(e.scope, new("Record"), &awsroute53.ARecordProps{
		Zone:       e.zone,
		RecordName: new(host + "."), // the dot keeps CDK from adding the zone
		Target:     awsroute53.RecordTarget_FromAlias(awsroute53targets.NewLoadBalancerTarget(e.LoadBalancer, nil)),
		Comment:    new("The wallet API; the load balancer has IPv4 addresses only"),
	})
}

// newLoadBalancer makes the load balancer in the public tier. Its name and the
// target groups' are left to CloudFormation, which keeps to their 32 characters.
func newLoadBalancer(scope constructs.Construct, props Props) awselasticloadbalancingv2.ApplicationLoadBalancer {
	balancer := awselasticloadbalancingv2.NewApplicationLoadBalancer(scope, new("LoadBalancer"),
		&awselasticloadbalancingv2.ApplicationLoadBalancerProps{
			Vpc:                props.Network.Vpc,
			VpcSubnets:         props.Network.Public(),
			InternetFacing:     new(true),
			SecurityGroup:      newSecurityGroup(scope, props),
			DeletionProtection: new(props.Protected),
			Http2Enabled:       new(true),
			IdleTimeout:        value.Duration(props.Edge.IdleTimeout),
			// Requests that two servers could read in two ways are how one customer's
			// request gets mixed into another's.
			DropInvalidHeaderFields: new(true),
			DesyncMitigationMode:    awselasticloadbalancingv2.DesyncMitigationMode(strings.ToUpper(string(props.Edge.Desync))),
			// No answer without the web ACL's: a wallet fails closed.
			WafFailOpen: new(false),
		})
	// By attribute and not by CDK's method, which would write the permission into
	// the bucket's policy: the bucket's own stack has it, narrower.
	balancer.SetAttribute(new("access_logs.s3.enabled"), new("true"))
	balancer.SetAttribute(new("access_logs.s3.bucket"), props.AccessLogs.BucketName())
	balancer.SetAttribute(new("access_logs.s3.prefix"), new(storage.LoadBalancerPrefix))
	return balancer
}

// newSecurityGroup lets the world in on the two ports of the web.
func newSecurityGroup(scope constructs.Construct, props Props) awsec2.SecurityGroup {
	group := props.Network.NewGroup(scope, "SecurityGroup", "The public load balancer of the wallet API")
	network.CloseOutbound(group)
	group.AddIngressRule(value.AnyIPv4(), value.TCP(config.HTTPSPort),
		new("The wallet API is public"), nil)
	group.AddIngressRule(value.AnyIPv4(), value.TCP(config.HTTPPort),
		new("Redirect to HTTPS, nothing else"), nil)
	acknowledge.Finding(group, "AwsSolutions-EC23",
		"The load balancer of a public API: customers' addresses are unknown, and the web ACL, the rate limit and the path rule judge what comes in")
	return group
}

// newTargetGroup makes a group of tasks of one release that are ready. The tasks
// come and go by ECS's hand.
func newTargetGroup(scope constructs.Construct, id string, props Props) awselasticloadbalancingv2.ApplicationTargetGroup {
	health := props.Edge.Health
	return awselasticloadbalancingv2.NewApplicationTargetGroup(scope, new(id),
		&awselasticloadbalancingv2.ApplicationTargetGroupProps{
			Vpc:                 props.Network.Vpc,
			TargetType:          awselasticloadbalancingv2.TargetType_IP,
			Protocol:            awselasticloadbalancingv2.ApplicationProtocol_HTTP,
			Port:                jsii.Number(config.AppPort),
			DeregistrationDelay: value.Duration(props.Edge.DeregistrationDelay),
			// A JVM that has just started compiles while it serves. Slow start works
			// with round robin only, so tasks are not chosen by outstanding requests.
			SlowStart:                  value.Duration(props.Edge.SlowStart),
			LoadBalancingAlgorithmType: awselasticloadbalancingv2.TargetGroupLoadBalancingAlgorithmType_ROUND_ROBIN,
			HealthCheck: &awselasticloadbalancingv2.HealthCheck{
				Path:                    new(props.HealthPath),
				HealthyHttpCodes:        new("200"),
				Interval:                value.Duration(health.Interval),
				Timeout:                 value.Duration(health.Timeout),
				HealthyThresholdCount:   jsii.Number(health.Healthy),
				UnhealthyThresholdCount: jsii.Number(health.Unhealthy),
			},
		})
}

// addWebACL puts the web ACL before the load balancer.
func addWebACL(scope constructs.Construct, balancer awselasticloadbalancingv2.ApplicationLoadBalancer, props Props) waf.ACL {
	acl := waf.New(scope, "Firewall", waf.Props{
		Names: props.Names, Region: props.Region, Scope: waf.Regional, Firewall: props.Edge.Firewall,
		Protected: props.Protected, LogKey: props.LogKey, LogRetentionDays: props.Edge.LogRetentionDays,
	})
	awswafv2.NewCfnWebACLAssociation(scope, new("FirewallAssociation"), &awswafv2.CfnWebACLAssociationProps{
		ResourceArn: balancer.LoadBalancerArn(),
		WebAclArn:   new(acl.Arn),
	})
	return acl
}
