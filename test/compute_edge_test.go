package test

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// listener returns the load balancer's listener on a port.
func (t template) listener(test *testing.T, port float64) map[string]any {
	test.Helper()
	for _, listener := range t.ofType("AWS::ElasticLoadBalancingV2::Listener") {
		if listener.Properties["Port"] == port {
			return listener.Properties
		}
	}
	require.Failf(test, "no such listener", "%s has no listener on port %v", t.name, port)
	return nil
}

// rule returns the one rule of the listener on a port, and its logical ID.
func (t template) rule(test *testing.T, port float64) (string, resource) {
	test.Helper()
	for id, rule := range t.ofType("AWS::ElasticLoadBalancingV2::ListenerRule") {
		listener := t.Resources[rendered(at(rule.Properties, "ListenerArn", "Ref"))]
		if listener.Properties["Port"] == port {
			return id, rule
		}
	}
	require.Failf(test, "no such rule", "%s has no rule on port %v", t.name, port)
	return "", resource{}
}

// forwarded returns the path patterns by which requests reach the service.
func (t template) forwarded(test *testing.T) []string {
	test.Helper()
	var patterns []string
	for _, rule := range t.ofType("AWS::ElasticLoadBalancingV2::ListenerRule") {
		for _, condition := range listAt(test, rule.Properties, "Conditions") {
			for _, pattern := range listAt(test, condition, "PathPatternConfig", "Values") {
				patterns = append(patterns, textAt(test, pattern))
			}
		}
	}
	return patterns
}

func TestCustomersAreServedInModernTLSOnly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		for _, port := range []float64{443, config.TestPort} {
			listener := compute.listener(t, port)
			assert.Equal(t, "HTTPS", listener["Protocol"])
			assert.Equal(t, "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", listener["SslPolicy"])
			assert.NotNil(t, at(listener, "Certificates", 0, "CertificateArn"))
		}
		assert.Len(t, compute.ofType("AWS::ElasticLoadBalancingV2::Listener"), 3, "HTTPS, its redirect, and the test of a release")
	})
}

func TestHTTPAnswersWithARedirectOnly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		listener := env.stack(t, "compute").listener(t, 80)
		require.Len(t, listener["DefaultActions"], 1)
		action := at(listener, "DefaultActions", 0)
		assert.Equal(t, "redirect", at(action, "Type"))
		assert.Equal(t, map[string]any{"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}, at(action, "RedirectConfig"))
	})
}

func TestWhatNobodyNamedIsAnsweredWith404(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		assert.Len(t, compute.ofType("AWS::ElasticLoadBalancingV2::ListenerRule"), 2)
		for _, port := range []float64{443, config.TestPort} {
			listener := compute.listener(t, port)
			require.Len(t, listener["DefaultActions"], 1)
			assert.Equal(t, "fixed-response", at(listener, "DefaultActions", 0, "Type"))
			assert.Equal(t, "404", at(listener, "DefaultActions", 0, "FixedResponseConfig", "StatusCode"))
			_, rule := compute.rule(t, port)
			assert.Equal(t, "forward", at(rule.Properties, "Actions", 0, "Type"))
			assert.Equal(t, []any{"/api/v1/wallets", "/api/v1/wallets/*"}, at(rule.Properties, "Conditions", 0, "PathPatternConfig", "Values"))
		}
	})
}

func TestManagementPathsMatchNoRuleThatForwards(t *testing.T) {
	private := []string{"/q", "/q/health", "/q/health/ready", "/q/swagger-ui", "/q/openapi", "/metrics", "/metrics/", "/hello", "/", "/Q/health", "/index.html"}
	eachEnvironment(t, func(t *testing.T, env environment) {
		patterns := env.stack(t, "compute").forwarded(t)
		require.NotEmpty(t, patterns)
		for _, pattern := range patterns {
			for _, request := range private {
				// A load balancer's "*" crosses slashes, Go's does not: one letter for both.
				matched, err := path.Match(strings.ReplaceAll(pattern, "/", "!"), strings.ReplaceAll(request, "/", "!"))
				require.NoError(t, err)
				assert.False(t, matched, "%s is forwarded by %s", request, pattern)
			}
		}
	})
}

func TestRequestsThatTwoServersReadInTwoWaysAreDropped(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		balancer := env.stack(t, "compute").only(t, "AWS::ElasticLoadBalancingV2::LoadBalancer").Properties
		attributes := pairs(balancer["LoadBalancerAttributes"], "Key", "Value")
		assert.Equal(t, "true", attributes["routing.http.drop_invalid_header_fields.enabled"])
		desync := attributes["routing.http.desync_mitigation_mode"]
		assert.Equal(t, string(env.Edge.Desync), desync)
		assert.NotEqual(t, "monitor", desync, "what is dangerous would pass")
		if env.Name == "production" {
			assert.Equal(t, "defensive", desync, "strictest from the first day refuses clients that nobody has observed")
		}
		assert.Equal(t, "true", attributes["routing.http2.enabled"])
		assert.Equal(t, fmt.Sprint(env.Edge.IdleTimeout.Seconds()), attributes["idle_timeout.timeout_seconds"])
		assert.NotEqual(t, "true", attributes["waf.fail_open.enabled"])
	})
}

func TestProductionsLoadBalancerCannotBeDeletedByMistake(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		balancer := env.stack(t, "compute").only(t, "AWS::ElasticLoadBalancingV2::LoadBalancer").Properties
		attributes := pairs(balancer["LoadBalancerAttributes"], "Key", "Value")
		assert.Equal(t, fmt.Sprint(env.Name == "production"), attributes["deletion_protection.enabled"])
	})
}

func TestEveryRequestLeavesALineWhereTheBucketAcceptsIt(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		balancer := env.stack(t, "compute").only(t, "AWS::ElasticLoadBalancingV2::LoadBalancer").Properties
		attributes := pairs(balancer["LoadBalancerAttributes"], "Key", "Value")
		assert.Equal(t, "true", attributes["access_logs.s3.enabled"])
		assert.Contains(t, rendered(attributes["access_logs.s3.bucket"]), "Logs")
		prefix := textAt(t, attributes, "access_logs.s3.prefix")
		accepted := false
		for _, policy := range env.stack(t, "data").ofType("AWS::S3::BucketPolicy") {
			for _, statement := range listAt(t, policy.Properties, "PolicyDocument", "Statement") {
				if at(statement, "Principal", "Service") == "logdelivery.elasticloadbalancing.amazonaws.com" {
					accepted = accepted || strings.Contains(rendered(at(statement, "Resource")), "/"+prefix+"/AWSLogs/"+env.Site.Account+"/")
				}
			}
		}
		assert.True(t, accepted, "AWS refuses to switch logging on")
	})
}

func TestTheLoadBalancerStandsInThePublicTierAndOpensTheWebsTwoPorts(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		balancer := compute.only(t, "AWS::ElasticLoadBalancingV2::LoadBalancer").Properties
		assert.Equal(t, "internet-facing", balancer["Scheme"])
		assert.NotContains(t, balancer, "Name", "32 characters are too few for a name that says something")
		subnets := listAt(t, balancer, "Subnets")
		assert.Len(t, subnets, 3)
		for _, subnet := range subnets {
			assert.Contains(t, rendered(subnet), "PublicSubnet")
		}
		var ports []any
		for id, group := range compute.ofType("AWS::EC2::SecurityGroup") {
			if !strings.HasPrefix(id, "Edge") {
				continue
			}
			for _, rule := range listAt(t, group.Properties, "SecurityGroupIngress") {
				ports = append(ports, at(rule, "FromPort"), at(rule, "ToPort"))
			}
			assert.True(t, allowsNothingOut(group), "its one way out is the rule to the tasks")
		}
		assert.ElementsMatch(t, []any{443.0, 443.0, 80.0, 80.0}, ports)
		for id, rule := range compute.ofType("AWS::EC2::SecurityGroupEgress") {
			if strings.HasPrefix(id, "Edge") {
				assert.EqualValues(t, 8080, rule.Properties["FromPort"])
				assert.EqualValues(t, 8080, rule.Properties["ToPort"])
			}
		}
	})
}

func TestOnlyTasksThatAreReadyGetRequests(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		health := env.Edge.Health
		assert.Greater(t, health.Timeout.Seconds(), 3.0, "the readiness check may wait 3 s for the database")
		groups := compute.ofType("AWS::ElasticLoadBalancingV2::TargetGroup")
		assert.Len(t, groups, 2, "one for the running release, one for the next")
		for id, found := range groups {
			group := found.Properties
			assert.NotContains(t, group, "Name", id)
			assert.Equal(t, "ip", group["TargetType"], id)
			assert.Equal(t, "HTTP", group["Protocol"], id)
			assert.EqualValues(t, 8080, group["Port"], id)
			assert.Equal(t, "/q/health/ready", group["HealthCheckPath"], "the whole-service check fails while the service works")
			assert.Equal(t, "200", at(group, "Matcher", "HttpCode"), id)
			assert.EqualValues(t, health.Interval.Seconds(), group["HealthCheckIntervalSeconds"], id)
			assert.EqualValues(t, health.Timeout.Seconds(), group["HealthCheckTimeoutSeconds"], id)
			assert.EqualValues(t, health.Healthy, group["HealthyThresholdCount"], id)
			assert.EqualValues(t, health.Unhealthy, group["UnhealthyThresholdCount"], id)
			attributes := pairs(group["TargetGroupAttributes"], "Key", "Value")
			assert.Equal(t, fmt.Sprint(env.Edge.SlowStart.Seconds()), attributes["slow_start.duration_seconds"], id)
			assert.Equal(t, "round_robin", attributes["load_balancing.algorithm.type"], "the others cannot start slowly")
		}
		target := at(compute.only(t, "AWS::ECS::Service").Properties, "LoadBalancers", 0)
		assert.Equal(t, "wallet-service", at(target, "ContainerName"))
		assert.EqualValues(t, 8080, at(target, "ContainerPort"))
	})
}

func TestNoRequestGetsPastTheWebACL(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		association := compute.only(t, "AWS::WAFv2::WebACLAssociation").Properties
		_, isBalancer := compute.ofType("AWS::ElasticLoadBalancingV2::LoadBalancer")[rendered(at(association, "ResourceArn", "Ref"))]
		assert.True(t, isBalancer)
		_, isACL := compute.ofType("AWS::WAFv2::WebACL")[rendered(at(association, "WebACLArn", "Fn::GetAtt", 0))]
		assert.True(t, isACL)
		acl := compute.only(t, "AWS::WAFv2::WebACL").Properties
		assert.Equal(t, "REGIONAL", acl["Scope"])
		// The load balancer matches the raw path and the application normalizes it:
		// /api/v1/wallets/../../../q/health is public to the one, private to the other.
		rules := pairs(acl["Rules"], "Name", "Action")
		assert.Equal(t, map[string]any{"Block": map[string]any{}}, rules["ManagementPaths"])
	})
}

func TestTheAPIsNameLeadsToItsLoadBalancer(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		record := compute.only(t, "AWS::Route53::RecordSet").Properties
		assert.Equal(t, "A", record["Type"])
		name := env.Site.APIDomain
		if env.DR.Mode == config.DRStandby {
			name = env.Names().RegionalDomain(env.Primary) // the API's name follows the region that serves
		}
		assert.Equal(t, name+".", record["Name"])
		assert.Equal(t, env.Site.HostedZone.ID, record["HostedZoneId"])
		assert.Contains(t, rendered(at(record, "AliasTarget", "DNSName")), "dualstack.")
		certificate := compute.only(t, "AWS::CertificateManager::Certificate").Properties
		assert.Equal(t, env.Site.APIDomain, certificate["DomainName"])
		assert.Equal(t, "DNS", certificate["ValidationMethod"])
		assert.Equal(t, env.Site.HostedZone.ID, at(certificate, "DomainValidationOptions", 0, "HostedZoneId"))
	})
}
