// Package waf makes the web ACLs: one for the API's load balancer and one for
// the distribution of static content, both from the same table of rules.
package waf

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/logging"
)

// Scope is what a web ACL protects.
type Scope string

// The scopes of a web ACL. One for CloudFront exists in us-east-1 only.
const (
	Regional   Scope = "REGIONAL"
	CloudFront Scope = "CLOUDFRONT"
)

// purpose is the scope's word in names: what the web ACL stands in front of.
func (s Scope) purpose() string {
	if s == CloudFront {
		return "static"
	}
	return "api"
}

// Props describe a web ACL.
type Props struct {
	Names    config.Names
	Region   config.Region // of the web ACL
	Scope    Scope
	Firewall config.Firewall
	// Protected keeps the log when the stack goes.
	Protected bool
	// LogKey encrypts the log group; its policy must allow CloudWatch Logs.
	LogKey           awskms.IKey
	LogRetentionDays int
}

// ACL is a web ACL.
type ACL struct {
	Arn string
	// Name is the dimension WebACL of its metrics.
	Name string
}

// secretHeaders carry credentials. They appear neither in the logs nor in the
// samples that the console shows.
var secretHeaders = []string{"authorization", "cookie"}

// New makes a web ACL that allows what no rule blocks, and its log.
func New(scope constructs.Construct, id string, props Props) ACL {
	own := constructs.NewConstruct(scope, new(id))
	name := props.Names.WebACL(props.Scope.purpose())
	var rules []any
	for priority, rule := range table(props.Firewall, props.Scope, newCallers(own, props)) {
		rules = append(rules, rule.property(priority))
	}
	acl := awswafv2.NewCfnWebACL(own, new("WebAcl"), &awswafv2.CfnWebACLProps{
		Name:                 new(name),
		Scope:                new(string(props.Scope)),
		DefaultAction:        &awswafv2.CfnWebACL_DefaultActionProperty{Allow: map[string]any{}},
		Rules:                &rules,
		VisibilityConfig:     visibility(name),
		DataProtectionConfig: hideSecrets(),
	})
	logRequests(own, acl, props)
	return ACL{Arn: *acl.AttrArn(), Name: name}
}

// newCallers makes the sets of the addresses that we know, at the API alone.
func newCallers(scope constructs.Construct, props Props) callers {
	var known callers
	if props.Scope != Regional || len(props.Firewall.Callers) == 0 {
		return known
	}
	set := func(id, description string, cidrs []string) string {
		return *awswafv2.NewCfnIPSet(scope, new(id), &awswafv2.CfnIPSetProps{
			Description:      new(description),
			Scope:            new(string(props.Scope)),
			IpAddressVersion: new("IPV4"), // as the load balancer's
			Addresses:        jsii.Strings(cidrs...),
		}).AttrArn()
	}
	var all []string
	for _, c := range props.Firewall.Callers {
		all = append(all, c.CIDRs...)
		known.each = append(known.each, caller{Caller: c, set: set("Caller-"+c.Name, "Addresses of the caller "+c.Name, c.CIDRs)})
	}
	known.all = set("Callers", "Addresses of all callers", all)
	return known
}

// hideSecrets takes credentials out of everything that AWS WAF shows. Redacted
// log fields alone would leave them in the sampled requests.
func hideSecrets() *awswafv2.CfnWebACL_DataProtectionConfigProperty {
	keys := make([]*string, len(secretHeaders))
	for i, header := range secretHeaders {
		keys[i] = new(header)
	}
	return &awswafv2.CfnWebACL_DataProtectionConfigProperty{DataProtections: &[]any{
		&awswafv2.CfnWebACL_DataProtectProperty{
			Action: new("SUBSTITUTION"),
			Field: &awswafv2.CfnWebACL_FieldToProtectProperty{
				FieldType: new("SINGLE_HEADER"),
				FieldKeys: &keys,
			},
		},
	}}
}

// logRequests records the requests that a rule matched. The rest stands in the
// access logs of the load balancer and of CloudFront, which cost a fraction: at
// 500 requests a second these logs alone would be 2 TB a month.
func logRequests(scope constructs.Construct, acl awswafv2.CfnWebACL, props Props) {
	name := props.Names.WAFLogGroup(props.Scope.purpose())
	group := logging.NewGroup(scope, "Logs", logging.Props{
		Name:          name,
		RetentionDays: props.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          props.Protected,
	})
	var redacted []any
	for _, header := range secretHeaders {
		redacted = append(redacted, &awswafv2.CfnLoggingConfiguration_FieldToMatchProperty{
			// Free-form JSON to CDK: its typed form would keep lower-case keys.
			SingleHeader: map[string]any{"Name": header},
		})
	}
	configuration := awswafv2.NewCfnLoggingConfiguration(scope, new("Logging"), &awswafv2.CfnLoggingConfigurationProps{
		ResourceArn: acl.AttrArn(),
		// The group's own ARN attribute ends in ":*", which AWS WAF refuses.
		LogDestinationConfigs: &[]any{props.Names.ARN("logs", props.Region, "log-group:"+*group.LogGroupName())},
		RedactedFields:        &redacted,
		LoggingFilter: map[string]any{
			"DefaultBehavior": "DROP",
			"Filters": []any{map[string]any{
				"Behavior":    "KEEP",
				"Requirement": "MEETS_ANY",
				"Conditions":  []any{onAction("BLOCK"), onAction("COUNT")},
			}},
		},
	})
	configuration.Node().AddDependency(logging.AllowDelivery(scope, group, logging.Delivery{
		Names: props.Names, Region: props.Region, PolicyName: name, Source: "*",
	}))
}

// onAction is the condition that a rule took the action.
func onAction(action string) map[string]any {
	return map[string]any{"ActionCondition": map[string]any{"Action": action}}
}
