package waf

import (
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
	group     string // an AWS managed rule group; empty for a rule of our own
	statement *awswafv2.CfnWebACL_StatementProperty
	capacity  int  // WCU, as AWS documents them
	count     bool // only count and label what matches
}

// table lists the rules in the order in which they are asked. Their capacities
// stay under the 1,500 that the basic price includes
// (docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html).
func table(env config.Environment, scope Scope) []rule {
	rules := []rule{
		{
			name: "RateLimit", capacity: 2, statement: rateLimit(env.Edge.RateLimit),
			why: "one address cannot take the capacity of all; first, so that blocked requests count too",
		},
		{
			name: "IpReputation", capacity: 25, group: "AWSManagedRulesAmazonIpReputationList",
			why: "addresses that AWS sees attack others",
		},
		{
			name: "AnonymousIp", capacity: 50, group: "AWSManagedRulesAnonymousIpList", count: true,
			why: "customers use VPNs and partners call from hosting providers, so it informs and does not block",
		},
		{
			name: "KnownBadInputs", capacity: 200, group: "AWSManagedRulesKnownBadInputsRuleSet",
			why: "requests that exploit known holes, Log4j and Java deserialization among them",
		},
		{
			// SizeRestrictions_BODY stays on: a command of the wallet is some hundred
			// bytes of JSON, and what is beyond 8 KiB no rule would have inspected.
			name: "Common", capacity: 700, group: "AWSManagedRulesCommonRuleSet",
			why: "the OWASP list: scripts, file inclusion, traversal, oversized requests",
		},
		{
			name: "SqlInjection", capacity: 200, group: "AWSManagedRulesSQLiRuleSet",
			why: "the wallet's data is in SQL",
		},
	}
	if scope == Regional {
		rules = append(rules, rule{
			name: "ManagementPaths", capacity: 48, statement: managementPaths(),
			why: "health, metrics and Swagger are not for the internet: the load balancer matches the raw path, " +
				"and the application would follow /api/v1/wallets/../../../q/health",
		})
	}
	return rules
}

// property is the rule as the web ACL takes it.
func (r rule) property(priority int) *awswafv2.CfnWebACL_RuleProperty {
	property := &awswafv2.CfnWebACL_RuleProperty{
		Name:             new(r.name),
		Priority:         jsii.Number(priority),
		VisibilityConfig: visibility(r.name),
	}
	switch {
	case r.group == "":
		property.Statement = r.statement
		property.Action = &awswafv2.CfnWebACL_RuleActionProperty{Block: map[string]any{}}
	case r.count:
		property.Statement = managed(r.group)
		property.OverrideAction = &awswafv2.CfnWebACL_OverrideActionProperty{Count: map[string]any{}}
	default:
		property.Statement = managed(r.group)
		property.OverrideAction = &awswafv2.CfnWebACL_OverrideActionProperty{None: map[string]any{}}
	}
	return property
}

// managed asks a rule group of AWS, in its current default version.
func managed(group string) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{
		ManagedRuleGroupStatement: &awswafv2.CfnWebACL_ManagedRuleGroupStatementProperty{
			VendorName: new("AWS"),
			Name:       new(group),
		},
	}
}

// rateLimit matches an address that has made more requests in five minutes.
func rateLimit(requests int) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{
		RateBasedStatement: &awswafv2.CfnWebACL_RateBasedStatementProperty{
			AggregateKeyType:    new("IP"),
			EvaluationWindowSec: jsii.Number(300),
			Limit:               jsii.Number(requests),
		},
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
