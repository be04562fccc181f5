package waf

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// managementPath matches the application's management endpoints, after
// decoding and normalizing, whatever follows the first segment.
const managementPath = `^/(q|metrics)([/;]|$)`

// detour matches what a path needs to leave the public prefix that the load
// balancer has matched: dot segments and separators, plain or encoded. A wallet's
// path has identifiers and words and never needs one.
const detour = `\.\.|%2e|%2f|%5c|\\`

// rule is one row of a web ACL. Its priority is its place in the table.
type rule struct {
	name      string
	why       string
	statement *awswafv2.CfnWebACL_StatementProperty
	mode      config.FirewallMode
}

// callers are the addresses of those whom we know: each caller's own set, and one of
// all, which is empty without callers.
type callers struct {
	each []caller
	all  string // ARN
}

type caller struct {
	config.Caller
	set string // ARN
}

// table lists the rules in the order in which they are asked, limits first, so that
// what another rule blocks counts too. A test holds their capacity under the 1,500
// units that the basic price includes
// (docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html).
func table(firewall config.Firewall, scope Scope, known callers) []rule {
	modes := firewall.Modes
	rules := slices.Concat(limits(firewall, scope, known), []rule{
		{
			name: "IpReputation", statement: managed("AWSManagedRulesAmazonIpReputationList", known), mode: modes.IPReputation,
			why: "addresses that AWS sees attack others",
		},
		{
			name: "AnonymousIp", statement: managed("AWSManagedRulesAnonymousIpList", known), mode: modes.AnonymousIP,
			why: "VPNs and hosting providers",
		},
		{
			name: "KnownBadInputs", statement: managed("AWSManagedRulesKnownBadInputsRuleSet", callers{}), mode: modes.KnownBadInputs,
			why: "requests that exploit known holes, Log4j and Java deserialization among them",
		},
		{
			// SizeRestrictions_BODY stays on: a command of the wallet is some hundred
			// bytes of JSON, and what is beyond 8 KiB no rule would have inspected.
			name: "Common", statement: managed("AWSManagedRulesCommonRuleSet", callers{}), mode: modes.Common,
			why: "the OWASP list: scripts, file inclusion, traversal, oversized requests",
		},
		{
			name: "SqlInjection", statement: managed("AWSManagedRulesSQLiRuleSet", callers{}), mode: modes.SQLInjection,
			why: "the wallet's data is in SQL",
		},
	})
	if scope == Regional {
		rules = append(rules, rule{
			name: "ManagementPaths", statement: managementPaths(), mode: config.FirewallBlock,
			why: "health, metrics and Swagger are not for the internet: the load balancer matches the raw path, " +
				"and the application would follow /api/v1/wallets/../../../q/health",
		})
	}
	return rules
}

// limits are the rules on how many requests somebody sends. Who has a limit of their
// own is in no other.
func limits(firewall config.Firewall, scope Scope, known callers) []rule {
	modes := firewall.Modes
	if scope == CloudFront {
		return []rule{{
			name: "StaticRate", statement: limited(rate(firewall.StaticRequests, "IP", nil)), mode: modes.StaticRate,
			why: "one address cannot run up the bill",
		}}
	}
	var rules []rule
	for _, c := range known.each {
		rules = append(rules, rule{
			name: "Caller-" + c.Name, statement: limited(rate(c.Requests, "CONSTANT", inSet(c.set))), mode: config.FirewallBlock,
			why: "what is agreed with them, over all of their addresses together",
		})
	}
	session := rate(firewall.SessionRequests, "CUSTOM_KEYS", known.others())
	session.CustomKeys = &[]any{
		&awswafv2.CfnWebACL_RateBasedStatementCustomKeyProperty{Ip: map[string]any{}},
		&awswafv2.CfnWebACL_RateBasedStatementCustomKeyProperty{Header: &awswafv2.CfnWebACL_RateLimitHeaderProperty{
			Name:                new("authorization"),
			TextTransformations: &[]any{&awswafv2.CfnWebACL_TextTransformationProperty{Priority: jsii.Number(0), Type: new("NONE")}},
		}},
	}
	return append(rules,
		rule{
			name: "SessionRate", statement: limited(session), mode: modes.SessionRate,
			why: "one customer's app that has gone wild, without those who share the carrier's address",
		},
		rule{
			name: ruleAddressRate, statement: limited(rate(firewall.AddressRequests, "IP", known.others())), mode: modes.AddressRate,
			why: "one address cannot take the capacity of all",
		})
}

// property is the rule as the web ACL takes it. A rule group brings its own actions,
// which are overridden, and a rule of our own has one.
func (r rule) property(priority int) *awswafv2.CfnWebACL_RuleProperty {
	property := &awswafv2.CfnWebACL_RuleProperty{
		Name:             new(r.name),
		Priority:         jsii.Number(priority),
		VisibilityConfig: visibility(r.name),
		Statement:        r.statement,
	}
	group, counts := r.statement.ManagedRuleGroupStatement != nil, r.mode != config.FirewallBlock
	nothing := map[string]any{}
	switch {
	case group && counts:
		property.OverrideAction = &awswafv2.CfnWebACL_OverrideActionProperty{Count: nothing}
	case group:
		property.OverrideAction = &awswafv2.CfnWebACL_OverrideActionProperty{None: nothing}
	case counts:
		property.Action = &awswafv2.CfnWebACL_RuleActionProperty{Count: nothing}
	default:
		property.Action = &awswafv2.CfnWebACL_RuleActionProperty{Block: nothing}
	}
	return property
}

// managed asks a rule group of AWS, in its current default version, about everybody
// but the callers.
func managed(group string, known callers) *awswafv2.CfnWebACL_StatementProperty {
	statement := &awswafv2.CfnWebACL_ManagedRuleGroupStatementProperty{VendorName: new("AWS"), Name: new(group)}
	if others := known.others(); others != nil {
		statement.ScopeDownStatement = others
	}
	return &awswafv2.CfnWebACL_StatementProperty{ManagedRuleGroupStatement: statement}
}

// rate matches senders of more requests than that in the window, among those that a
// statement matches or everybody. A sender is what the key says: an address ("IP"),
// all of them together ("CONSTANT"), or what has the same values ("CUSTOM_KEYS"); a
// request without one of these is not counted.
func rate(requests int, key string, from *awswafv2.CfnWebACL_StatementProperty) *awswafv2.CfnWebACL_RateBasedStatementProperty {
	statement := &awswafv2.CfnWebACL_RateBasedStatementProperty{
		AggregateKeyType:    new(key),
		EvaluationWindowSec: jsii.Number(config.FirewallWindowSeconds),
		Limit:               jsii.Number(requests),
	}
	if from != nil {
		statement.ScopeDownStatement = from
	}
	return statement
}

func limited(rate *awswafv2.CfnWebACL_RateBasedStatementProperty) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{RateBasedStatement: rate}
}

// inSet matches the addresses of a set.
func inSet(set string) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{
		IpSetReferenceStatement: &awswafv2.CfnWebACL_IPSetReferenceStatementProperty{Arn: new(set)},
	}
}

// others matches everybody who is no caller; nil without callers.
func (c callers) others() *awswafv2.CfnWebACL_StatementProperty {
	if c.all == "" {
		return nil
	}
	return &awswafv2.CfnWebACL_StatementProperty{
		NotStatement: &awswafv2.CfnWebACL_NotStatementProperty{Statement: inSet(c.all)},
	}
}

// managementPaths matches a management path however it is written, and every
// path that tries to leave its prefix.
func managementPaths() *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{
		OrStatement: &awswafv2.CfnWebACL_OrStatementProperty{Statements: &[]any{
			pathMatches(managementPath, "URL_DECODE_UNI", "NORMALIZE_PATH", "LOWERCASE"),
			pathMatches(detour, "LOWERCASE"),
		}},
	}
}

// pathMatches matches a regular expression in the path, without its query, after
// the transformations in their order.
func pathMatches(expression string, transformations ...string) *awswafv2.CfnWebACL_StatementProperty {
	var steps []any
	for priority, transformation := range transformations {
		steps = append(steps, &awswafv2.CfnWebACL_TextTransformationProperty{
			Priority: jsii.Number(priority),
			Type:     new(transformation),
		})
	}
	return &awswafv2.CfnWebACL_StatementProperty{
		RegexMatchStatement: &awswafv2.CfnWebACL_RegexMatchStatementProperty{
			FieldToMatch:        &awswafv2.CfnWebACL_FieldToMatchProperty{UriPath: map[string]any{}},
			RegexString:         new(expression),
			TextTransformations: &steps,
		},
	}
}

// visibility gives a rule its own metric and keeps samples of what it matched.
func visibility(metric string) *awswafv2.CfnWebACL_VisibilityConfigProperty {
	return &awswafv2.CfnWebACL_VisibilityConfigProperty{
		CloudWatchMetricsEnabled: new(true),
		MetricName:               new(metric),
		SampledRequestsEnabled:   new(true),
	}
}
