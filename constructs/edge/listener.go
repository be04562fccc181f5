package edge

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// tlsPolicy is TLS 1.3 and 1.2 with forward secrecy and authenticated
// encryption only, and a key exchange that a quantum computer cannot undo later
// where the client has it.
const tlsPolicy = awselasticloadbalancingv2.SslPolicy_TLS13_12_RES_PQ

// listen opens the load balancer on both ports: HTTP answers with a redirect,
// HTTPS with 404 to everything but the public paths.
func listen(
	balancer awselasticloadbalancingv2.ApplicationLoadBalancer,
	certificate awscertificatemanager.ICertificate,
	targets awselasticloadbalancingv2.ApplicationTargetGroup,
	paths []string,
) {
	// The security group is written by hand: a listener would open its port once more.
	closed := new(false)
	redirect := balancer.AddListener(new("Http"), &awselasticloadbalancingv2.BaseApplicationListenerProps{
		Port:     jsii.Number(config.HTTPPort),
		Protocol: awselasticloadbalancingv2.ApplicationProtocol_HTTP,
		Open:     closed,
		DefaultAction: awselasticloadbalancingv2.ListenerAction_Redirect(&awselasticloadbalancingv2.RedirectOptions{
			Protocol:  new("HTTPS"),
			Port:      new(strconv.Itoa(config.HTTPSPort)),
			Permanent: new(true),
		}),
	})
	acknowledge.Finding(redirect, "PCI.DSS.321-ELBv2ACMCertificateRequired", "It only redirects to HTTPS, which has the certificate")
	listener := balancer.AddListener(new("Https"), &awselasticloadbalancingv2.BaseApplicationListenerProps{
		Port:         jsii.Number(config.HTTPSPort),
		Protocol:     awselasticloadbalancingv2.ApplicationProtocol_HTTPS,
		Open:         closed,
		Certificates: &[]awselasticloadbalancingv2.IListenerCertificate{certificate},
		SslPolicy:    tlsPolicy,
		DefaultAction: awselasticloadbalancingv2.ListenerAction_FixedResponse(jsii.Number(404),
			&awselasticloadbalancingv2.FixedResponseOptions{ContentType: new("application/json"), MessageBody: new("{}")}),
	})
	forward(listener, targets, paths)
}

// forward is the one way to the service. It is an allow-list, so that health,
// metrics and Swagger are unreachable because nobody named them. The rule is a
// resource of its own: the listener stays as it is when deployments move traffic
// between two target groups.
func forward(
	listener awselasticloadbalancingv2.ApplicationListener,
	targets awselasticloadbalancingv2.ApplicationTargetGroup,
	paths []string,
) {
	awselasticloadbalancingv2.NewApplicationListenerRule(listener, new("Api"), &awselasticloadbalancingv2.ApplicationListenerRuleProps{
		Listener: listener,
		Priority: jsii.Number(100),
		Conditions: &[]awselasticloadbalancingv2.ListenerCondition{
			awselasticloadbalancingv2.ListenerCondition_PathPatterns(jsii.Strings(paths...)),
		},
		Action: awselasticloadbalancingv2.ListenerAction_Forward(
			&[]awselasticloadbalancingv2.IApplicationTargetGroup{targets}, nil),
	})
}
