package edge

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
)

// tlsPolicy is TLS 1.3 and 1.2 with forward secrecy and authenticated
// encryption only, and a key exchange that a quantum computer cannot undo later
// where the client has it.
const tlsPolicy = awselasticloadbalancingv2.SslPolicy_TLS13_12_RES_PQ

// priority is that of the rules: each listener has one.
const priority = 100

// The weights that a listener's rule begins with: everything goes to the blue
// group, and to the green one as soon as ECS says so. ECS wants both groups in the
// rule from the start.
const (
	allRequests = 100
	noRequests  = 0
)

// listen opens the load balancer on its three ports: HTTP answers with a redirect,
// HTTPS with 404 to everything but the public paths, and so does the listener on
// which a new release is tested before customers reach it.
func (e *Edge) listen(publicPaths []string) {
	redirect := e.LoadBalancer.AddListener(new("Http"), &awselasticloadbalancingv2.BaseApplicationListenerProps{
		Port:     jsii.Number(config.HTTPPort),
		Protocol: awselasticloadbalancingv2.ApplicationProtocol_HTTP,
		// The security group is written by hand: a listener would open its port once more.
		Open: new(false),
		DefaultAction: awselasticloadbalancingv2.ListenerAction_Redirect(&awselasticloadbalancingv2.RedirectOptions{
			Protocol:  new("HTTPS"),
			Port:      new(strconv.Itoa(config.HTTPSPort)),
			Permanent: new(true),
		}),
	})
	acknowledge.Finding(redirect, "PCI.DSS.321-ELBv2ACMCertificateRequired", "It only redirects to HTTPS, which has the certificate")
	e.Production = e.forward(e.encrypted("Https", config.HTTPSPort), publicPaths)
	e.TestListener = e.encrypted("Test", config.TestPort)
	e.Test = e.forward(e.TestListener, publicPaths)
}

// encrypted makes a listener that speaks TLS as the API's host name.
func (e *Edge) encrypted(id string, port float64) awselasticloadbalancingv2.ApplicationListener {
	return e.LoadBalancer.AddListener(new(id), &awselasticloadbalancingv2.BaseApplicationListenerProps{
		Port:         jsii.Number(port),
		Protocol:     awselasticloadbalancingv2.ApplicationProtocol_HTTPS,
		Open:         new(false),
		Certificates: &[]awselasticloadbalancingv2.IListenerCertificate{e.Certificate},
		SslPolicy:    tlsPolicy,
		DefaultAction: awselasticloadbalancingv2.ListenerAction_FixedResponse(jsii.Number(404),
			&awselasticloadbalancingv2.FixedResponseOptions{ContentType: new("application/json"), MessageBody: new("{}")}),
	})
}

// forward is a listener's one way to the service. It is an allow-list, so that
// health, metrics and Swagger are unreachable because nobody named them.
//
// ECS rewrites the weights behind CloudFormation's back, and CloudFormation writes
// the template's again when anything of the rule changes: customers would be sent
// to a group without tasks. So nothing of the rule depends on what a release or a
// size changes, and it is a resource of its own, apart from the listener. What is
// left is a change of the public paths (docs/DEPLOYMENT.md says how).
func (e *Edge) forward(listener awselasticloadbalancingv2.ApplicationListener, publicPaths []string) awselasticloadbalancingv2.ApplicationListenerRule {
	return awselasticloadbalancingv2.NewApplicationListenerRule(listener, new("Api"), &awselasticloadbalancingv2.ApplicationListenerRuleProps{
		Listener: listener,
		Priority: jsii.Number(priority),
		Conditions: &[]awselasticloadbalancingv2.ListenerCondition{
			awselasticloadbalancingv2.ListenerCondition_PathPatterns(jsii.Strings(publicPaths...)),
		},
		Action: awselasticloadbalancingv2.ListenerAction_WeightedForward(&[]*awselasticloadbalancingv2.WeightedTargetGroup{
			{TargetGroup: e.Blue, Weight: jsii.Number(allRequests)},
			{TargetGroup: e.Green, Weight: jsii.Number(noRequests)},
		}, nil),
	})
}
