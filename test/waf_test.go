package test

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/waf"
)

// eachWebACL runs a test on a stack with nothing but a web ACL, for every
// environment and scope.
func eachWebACL(t *testing.T, check func(t *testing.T, env environment, scope waf.Scope, built template)) {
	t.Helper()
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, scope := range []waf.Scope{waf.Regional, waf.CloudFront} {
			t.Run(string(scope), func(t *testing.T) {
				check(t, env, scope, synthesizeStack(t, env, env.Secondary, func(stack awscdk.Stack) {
					key := encryption.NewKey(stack, "Key", encryption.Props{Alias: "logs", Purpose: "logs"})
					waf.New(stack, "Acl", waf.Props{Env: env.Environment, Scope: scope, LogKey: key})
				}))
			})
		}
	})
}

// webACLRules returns a web ACL's rules by name.
func webACLRules(t *testing.T, built template) map[string]map[string]any {
	t.Helper()
	rules := map[string]map[string]any{}
	for _, rule := range listAt(t, built.only(t, "AWS::WAFv2::WebACL").Properties, "Rules") {
		rules[textAt(t, rule, "Name")] = objectAt(t, rule)
	}
	return rules
}

func TestKnownAttacksAreBlockedBeforeTheyReachTheApplication(t *testing.T) {
	// Capacities as AWS documents them for the current versions.
	documented := map[string]int{
		"AWSManagedRulesAmazonIpReputationList": 25,
		"AWSManagedRulesAnonymousIpList":        50,
		"AWSManagedRulesKnownBadInputsRuleSet":  200,
		"AWSManagedRulesCommonRuleSet":          700,
		"AWSManagedRulesSQLiRuleSet":            200,
	}
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		total := 2 + 48 // the rate limit and the management paths
		actions := map[string]any{}
		for _, rule := range webACLRules(t, built) {
			group, managed := at(rule, "Statement", "ManagedRuleGroupStatement", "Name").(string)
			if !managed {
				continue
			}
			assert.Contains(t, documented, group, "an unknown group fails the deployment")
			assert.Equal(t, "AWS", at(rule, "Statement", "ManagedRuleGroupStatement", "VendorName"))
			assert.Nil(t, at(rule, "Statement", "ManagedRuleGroupStatement", "ScopeDownStatement"))
			assert.Nil(t, at(rule, "Statement", "ManagedRuleGroupStatement", "RuleActionOverrides"))
			total += documented[group]
			actions[group] = rule["OverrideAction"]
		}
		block, count := map[string]any{"None": map[string]any{}}, map[string]any{"Count": map[string]any{}}
		assert.Equal(t, map[string]any{
			"AWSManagedRulesAmazonIpReputationList": block,
			"AWSManagedRulesAnonymousIpList":        count,
			"AWSManagedRulesKnownBadInputsRuleSet":  block,
			"AWSManagedRulesCommonRuleSet":          block,
			"AWSManagedRulesSQLiRuleSet":            block,
		}, actions)
		assert.LessOrEqual(t, total, 1500, "web ACL capacity units beyond the basic price")
	})
}

func TestNoRuleOfAWebACLHidesAnother(t *testing.T) {
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		acl := built.only(t, "AWS::WAFv2::WebACL").Properties
		assert.Equal(t, string(scope), acl["Scope"])
		assert.Equal(t, map[string]any{"Allow": map[string]any{}}, acl["DefaultAction"])
		assert.Equal(t, acl["Name"], at(acl, "VisibilityConfig", "MetricName"))
		priorities, metrics := map[any]bool{}, map[any]bool{}
		rules := listAt(t, acl, "Rules")
		for _, rule := range rules {
			priorities[at(rule, "Priority")] = true
			metrics[at(rule, "VisibilityConfig", "MetricName")] = true
			assert.Equal(t, true, at(rule, "VisibilityConfig", "CloudWatchMetricsEnabled"))
			assert.Equal(t, true, at(rule, "VisibilityConfig", "SampledRequestsEnabled"))
		}
		assert.Len(t, priorities, len(rules))
		assert.Len(t, metrics, len(rules))
	})
}

func TestOneAddressCannotTakeTheCapacityOfAll(t *testing.T) {
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		rule := webACLRules(t, built)["RateLimit"]
		assert.Equal(t, map[string]any{"RateBasedStatement": map[string]any{
			"AggregateKeyType":    "IP",
			"EvaluationWindowSec": 300.0,
			"Limit":               float64(env.Edge.RateLimit),
		}}, rule["Statement"])
		assert.Equal(t, map[string]any{"Block": map[string]any{}}, rule["Action"])
		assert.Zero(t, rule["Priority"], "requests that another rule blocks must count too")
	})
}

func TestManagementPathsAreBlockedHoweverTheyAreWritten(t *testing.T) {
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		rule, has := webACLRules(t, built)["ManagementPaths"]
		if scope == waf.CloudFront {
			assert.False(t, has, "static content has no management endpoints")
			return
		}
		assert.Equal(t, map[string]any{"Block": map[string]any{}}, rule["Action"])
		for _, evil := range []string{
			"/q", "/q/", "/q/health", "/q/health/ready", "/Q/health", "/q;x=1/health", "//q/health", "/./q/health",
			"/%71/health", "/q%2Fhealth", "/metrics", "/metrics/", "/Metrics", "/metric%73",
			"/api/v1/wallets/../../../q/health",
			"/api/v1/wallets/../../../metrics",
			"/api/v1/wallets/%2e%2e/%2E%2e/../q/swagger-ui",
			"/api/v1/wallets/..%2f..%2F..%2fq/health",
			"/api/v1/wallets/..;/../../q/health",
			`/api/v1/wallets/..\..\..\q\health`,
			"/api/v1/wallets/..%5c..%5C..%5cq",
			"/api/v1/wallets/%2e./%2e./%2e./q/..%2fapi",
			`/api/v1/wallets\q`, "/api/v1/wallets%5cq", "/api/v1/wallets%2fq", "/api/v1/wallets/%2e",
		} {
			assert.Truef(t, matches(t, rule["Statement"], evil), "%s passes", evil)
		}
		for _, good := range []string{
			"/api/v1/wallets", "/api/v1/wallets/", "/api/v1/wallets/6f1c0c1e-8e0b-4d3e-9d57-0d1f0a2b3c4d",
			"/api/v1/wallets/6f1c0c1e/balance/historical", "/api/v1/wallets/q/metrics", "/quotes", "/metricsystem",
		} {
			assert.Falsef(t, matches(t, rule["Statement"], good), "%s is blocked", good)
		}
	})
}

// matches evaluates a statement on a request's path the way AWS WAF does.
func matches(t *testing.T, statement any, uri string) bool {
	t.Helper()
	if alternatives, ok := at(statement, "OrStatement", "Statements").([]any); ok {
		for _, nested := range alternatives {
			if matches(t, nested, uri) {
				return true
			}
		}
		return false
	}
	match := at(statement, "RegexMatchStatement")
	require.NotNil(t, match)
	require.Equal(t, map[string]any{"UriPath": map[string]any{}}, at(match, "FieldToMatch"))
	for priority, step := range listAt(t, match, "TextTransformations") {
		require.EqualValues(t, priority, at(step, "Priority"))
		switch at(step, "Type") {
		case "URL_DECODE_UNI":
			decoded, err := url.PathUnescape(uri)
			require.NoError(t, err)
			uri = decoded
		case "NORMALIZE_PATH":
			uri = path.Clean(uri)
		case "LOWERCASE":
			uri = strings.ToLower(uri)
		default:
			t.Fatalf("unknown transformation %v", at(step, "Type"))
		}
	}
	return regexp.MustCompile(textAt(t, match, "RegexString")).MatchString(uri)
}

func TestCredentialsAppearInNoWebACLLog(t *testing.T) {
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		assert.Equal(t, []any{
			map[string]any{"SingleHeader": map[string]any{"Name": "authorization"}},
			map[string]any{"SingleHeader": map[string]any{"Name": "cookie"}},
		}, built.only(t, "AWS::WAFv2::LoggingConfiguration").Properties["RedactedFields"])
		// The samples that the console shows are no log and need this as well.
		assert.Equal(t, []any{map[string]any{
			"Action": "SUBSTITUTION",
			"Field":  map[string]any{"FieldType": "SINGLE_HEADER", "FieldKeys": []any{"authorization", "cookie"}},
		}}, at(built.only(t, "AWS::WAFv2::WebACL").Properties, "DataProtectionConfig", "DataProtections"))
	})
}

func TestBlockedRequestsAreLoggedWhereAWSWAFMayWrite(t *testing.T) {
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		purpose := map[waf.Scope]string{waf.Regional: "api", waf.CloudFront: "static"}[scope]
		group := built.only(t, "AWS::Logs::LogGroup")
		assert.Equal(t, "aws-waf-logs-"+env.Prefix()+"-"+purpose, group.Properties["LogGroupName"])
		assert.EqualValues(t, env.Edge.LogRetentionDays, group.Properties["RetentionInDays"])
		assert.NotNil(t, group.Properties["KmsKeyId"])

		logging := built.only(t, "AWS::WAFv2::LoggingConfiguration").Properties
		var groupID string
		for id := range built.ofType("AWS::Logs::LogGroup") {
			groupID = id
		}
		// No ":*" after the name, or AWS WAF refuses the ARN.
		assert.Equal(t, []any{map[string]any{"Fn::Join": []any{"", []any{
			"arn:aws:logs:" + env.Secondary.Name + ":" + env.Site.Account + ":log-group:", map[string]any{"Ref": groupID},
		}}}}, logging["LogDestinationConfigs"])
		assert.Equal(t, map[string]any{
			"DefaultBehavior": "DROP",
			"Filters": []any{map[string]any{
				"Behavior":    "KEEP",
				"Requirement": "MEETS_ANY",
				"Conditions": []any{
					map[string]any{"ActionCondition": map[string]any{"Action": "BLOCK"}},
					map[string]any{"ActionCondition": map[string]any{"Action": "COUNT"}},
				},
			}},
		}, logging["LoggingFilter"])
		policy := at(built.only(t, "AWS::Logs::ResourcePolicy").Properties, "PolicyDocument", "Fn::Join", 1, 0)
		assert.Contains(t, policy, `"Principal":{"Service":"delivery.logs.amazonaws.com"}`)
		assert.Contains(t, policy, `"aws:SourceAccount":"`+env.Site.Account+`"`)
	})
}
