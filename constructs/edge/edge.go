// Package edge makes what stands between the internet and the service: the load
// balancer, its certificate, the web ACL and the DNS record.
package edge

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
)

// Edge is the public entrance of the API.
type Edge struct {
	LoadBalancer awselasticloadbalancingv2.ApplicationLoadBalancer
	TargetGroup  awselasticloadbalancingv2.ApplicationTargetGroup
	Certificate  awscertificatemanager.ICertificate
	// WebACL is the web ACL's name, a dimension of its metrics.
	WebACL string
}
