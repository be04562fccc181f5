package test

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
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
				check(t, env, scope, webACL(t, env, env.Secondary, scope, env.Edge.Firewall))
			})
		}
	})
}

// webACLs are the stacks that were asked for.
var webACLs keyed[template]

// webACL is a stack with nothing but a web ACL.
func webACL(t *testing.T, env environment, region config.Region, scope waf.Scope, firewall config.Firewall) template {
	t.Helper()
	built, err := webACLs.get(fmt.Sprintf("%s %s %s %#v", env.Name, region.Name, scope, firewall), func() (template, error) {
		return synthesizeStack(env, region, func(stack awscdk.Stack) {
			waf.New(stack, "Acl", waf.Props{
				Names: env.Names(), Region: region, Scope: scope, Firewall: firewall, Protected: env.Protected,
				LogKey:           encryption.NewKey(stack, "Key", encryption.Props{Names: env.Names(), Alias: "logs", Purpose: "logs"}),
				LogRetentionDays: env.Edge.LogRetentionDays,
			})
		})
	})
	require.NoError(t, err)
	return built
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

// capacity is what AWS documents of each managed group's current version, in web ACL
// capacity units ("AWS Managed Rules rule groups list").
var capacity = map[string]int{
	"AWSManagedRulesAmazonIpReputationList": 25,
	"AWSManagedRulesAnonymousIpList":        50,
	"AWSManagedRulesKnownBadInputsRuleSet":  200,
	"AWSManagedRulesCommonRuleSet":          700,
	"AWSManagedRulesSQLiRuleSet":            200,
}

// does says what a rule does with what it matches.
func does(rule map[string]any) string {
	for property, actions := range map[string]map[string]string{
		"Action":         {"Block": "block", "Count": "count", "Allow": "allow"},
		"OverrideAction": {"None": "block", "Count": "count"},
	} {
		for action, word := range actions {
			if at(rule, property, action) != nil {
				return word
			}
		}
	}
	return "nothing"
}

func TestKnownAttacksAreAskedForByEveryWebACL(t *testing.T) {
	t.Parallel()
	eachWebACL(t, func(t *testing.T, _ environment, _ waf.Scope, built template) {
		asked := map[string]bool{}
		for name, rule := range webACLRules(t, built) {
			group := at(rule, "Statement", "ManagedRuleGroupStatement")
			if group == nil {
				assert.NotNil(t, rule["Action"], name)
				continue
			}
			assert.NotNilf(t, rule["OverrideAction"], "%s: a group brings its own actions", name)
			asked[textAt(t, group, "Name")] = true
			assert.Contains(t, capacity, at(group, "Name"), "an unknown group fails the deployment")
			assert.Equal(t, "AWS", at(group, "VendorName"))
			assert.Nil(t, at(group, "ScopeDownStatement"), "%s: without callers everybody is asked about", name)
			assert.Nil(t, at(group, "RuleActionOverrides"), name)
		}
		assert.Len(t, asked, len(capacity))
	})
}

// What a rule would do to customers, nobody knows before it has seen some: AWS says
// to run every rule in count mode first ("Testing and tuning your AWS WAF protections").
func TestNoRuleShutsProductionsCustomersOutBeforeItHasSeenThem(t *testing.T) {
	t.Parallel()
	want := map[bool]map[string]string{
		true: {
			"SessionRate": "block", "AddressRate": "count", "StaticRate": "count", "IpReputation": "count", "AnonymousIp": "count",
			"KnownBadInputs": "block", "Common": "count", "SqlInjection": "count", "ManagementPaths": "block",
		},
		// Where no customer is, what they will meet is tried.
		false: {
			"SessionRate": "block", "AddressRate": "block", "StaticRate": "block", "IpReputation": "block", "AnonymousIp": "count",
			"KnownBadInputs": "block", "Common": "block", "SqlInjection": "block", "ManagementPaths": "block",
		},
	}
	eachWebACL(t, func(t *testing.T, env environment, _ waf.Scope, built template) {
		for name, rule := range webACLRules(t, built) {
			assert.Equal(t, want[env.Protected][name], does(rule), name)
		}
	})
}

func TestNoRuleOfAWebACLHidesAnother(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		name, limit := "AddressRate", env.Edge.Firewall.AddressRequests
		if scope == waf.CloudFront {
			name, limit = "StaticRate", env.Edge.Firewall.StaticRequests
		}
		rules := webACLRules(t, built)
		assert.Equal(t, map[string]any{"RateBasedStatement": map[string]any{
			"AggregateKeyType":    "IP",
			"EvaluationWindowSec": 300.0,
			"Limit":               float64(limit),
		}}, rules[name]["Statement"])
		for other, rule := range rules {
			if at(rule, "Statement", "RateBasedStatement") == nil {
				assert.Greater(t, rule["Priority"], rules[name]["Priority"], "%s: requests that it blocks must count too", other)
			}
		}
	})
}

// Hundreds to thousands of a mobile carrier's customers stand behind one IPv4 address.
func TestACarriersCustomersAreNotShutOutForOneOfThem(t *testing.T) {
	t.Parallel()
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		const customers, files = 2000, 50
		rules := webACLRules(t, built)
		if scope == waf.CloudFront {
			assert.GreaterOrEqual(t, numberAt(t, rules["StaticRate"], "Statement", "RateBasedStatement", "Limit"), float64(customers*files))
			assert.NotContains(t, rules, "AddressRate", "static files have the API's limit")
			return
		}
		assert.GreaterOrEqual(t, numberAt(t, rules["AddressRate"], "Statement", "RateBasedStatement", "Limit"), float64(10*customers), "ten requests of each")
		session := at(rules["SessionRate"], "Statement", "RateBasedStatement")
		assert.Equal(t, "CUSTOM_KEYS", at(session, "AggregateKeyType"))
		assert.Equal(t, []any{
			map[string]any{"IP": map[string]any{}},
			map[string]any{"Header": map[string]any{"Name": "authorization", "TextTransformations": []any{map[string]any{"Priority": 0.0, "Type": "NONE"}}}},
		}, at(session, "CustomKeys"), "one customer is told from the others by nothing")
		assert.EqualValues(t, env.Edge.Firewall.SessionRequests, at(session, "Limit"))
	})
}

// partnerACL is the API's web ACL of an environment with a partner and a load test.
func partnerACL(t *testing.T, env environment) template {
	t.Helper()
	with := env.Environment
	with.Edge.Firewall.Callers = []config.Caller{
		{Name: "partner", CIDRs: []string{"203.0.113.0/24"}, Requests: 60_000},
		{Name: "load-test", CIDRs: []string{"198.51.100.7/32", "198.51.100.9/32"}, Requests: 5_000_000},
	}
	require.NoError(t, with.Validate())
	return webACL(t, env, env.Primary, waf.Regional, with.Edge.Firewall)
}

// addresses are those of the set that a statement refers to.
func addresses(t *testing.T, built template, statement any) []any {
	t.Helper()
	set := textAt(t, statement, "IPSetReferenceStatement", "Arn", "Fn::GetAtt", 0)
	require.Contains(t, built.Resources, set)
	assert.Equal(t, "REGIONAL", built.Resources[set].Properties["Scope"])
	assert.Equal(t, "IPV4", built.Resources[set].Properties["IPAddressVersion"])
	return listAt(t, built.Resources[set].Properties, "Addresses")
}

func TestAPartnerAndALoadTestGetThroughAtTheirAgreedRate(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, env environment) {
		built := partnerACL(t, env)
		rules := webACLRules(t, built)
		for name, want := range map[string]struct {
			limit float64
			from  []any
		}{
			"Caller-partner":   {60_000, []any{"203.0.113.0/24"}},
			"Caller-load-test": {5_000_000, []any{"198.51.100.7/32", "198.51.100.9/32"}},
		} {
			rate := at(rules[name], "Statement", "RateBasedStatement")
			assert.Equal(t, want.limit, at(rate, "Limit"), name)
			assert.Equal(t, "CONSTANT", at(rate, "AggregateKeyType"), "%s: each of its addresses would have the whole rate", name)
			assert.Equal(t, want.from, addresses(t, built, at(rate, "ScopeDownStatement")))
			assert.Equal(t, "block", does(rules[name]))
		}
		all := []any{"203.0.113.0/24", "198.51.100.7/32", "198.51.100.9/32"}
		for name, kind := range map[string]string{
			"SessionRate": "RateBasedStatement", "AddressRate": "RateBasedStatement",
			"IpReputation": "ManagedRuleGroupStatement", "AnonymousIp": "ManagedRuleGroupStatement",
		} {
			others := at(rules[name], "Statement", kind, "ScopeDownStatement", "NotStatement", "Statement")
			assert.Equal(t, all, addresses(t, built, others), "%s holds for callers too", name)
		}
		for _, name := range []string{"KnownBadInputs", "Common", "SqlInjection", "ManagementPaths"} {
			assert.NotContains(t, fmt.Sprint(rules[name]), "IPSetReference", "%s: an attack is one, whoever sends it", name)
		}
	})
}

// The basic price includes 1,500 units. A limit takes 2, each custom key 30 more, a
// reference to a set 1, a regular expression 3 and 10 for each transformation (URI
// path; "Web ACL capacity units"): 48 for the management paths.
func TestTheWebACLFitsTheBasicPriceWithAsManyCallersAsConfigTakes(t *testing.T) {
	const callers, limits, management = 20, 2 + 60 + 1 + 2 + 1, 48
	total := callers*3 + limits + management + 2 // the two groups that leave callers out
	for _, units := range capacity {
		total += units
	}
	assert.LessOrEqual(t, total, 1500)
	many := config.Production()
	for i := range callers + 1 {
		assert.NoError(t, many.Validate())
		many.Edge.Firewall.Callers = append(many.Edge.Firewall.Callers,
			config.Caller{Name: fmt.Sprintf("c%d", i), CIDRs: []string{fmt.Sprintf("203.0.113.%d/32", i)}, Requests: 1000})
	}
	assert.ErrorContains(t, many.Validate(), "Edge.Firewall.Callers: want at most 20, got 21")
}

func TestManagementPathsAreBlockedHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
	eachWebACL(t, func(t *testing.T, env environment, scope waf.Scope, built template) {
		purpose := map[waf.Scope]string{waf.Regional: "api", waf.CloudFront: "static"}[scope]
		group := built.only(t, "AWS::Logs::LogGroup")
		assert.Equal(t, "aws-waf-logs-"+env.Names().Prefix()+"-"+purpose, group.Properties["LogGroupName"])
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
