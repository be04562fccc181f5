package waf

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// ruleAddressRate is the rule that limits addresses, a dimension of its metrics.
const ruleAddressRate = "AddressRate"

// Metrics are what AWS WAF publishes of a regional web ACL, in requests.
type Metrics struct {
	Blocked, Counted, Allowed alarms.Metric
	// AddressRate is counted by the rule that limits addresses while it only counts.
	AddressRate alarms.Metric
}

// Metrics are the web ACL's in its region.
func (a ACL) Metrics(region config.Region) Metrics {
	of := func(rule, name string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/WAFV2", Name: name, Statistic: "Sum",
			Dimensions: map[string]string{"WebACL": a.Name, "Region": region.Name, "Rule": rule},
		}
	}
	return Metrics{
		Blocked: of("ALL", "BlockedRequests"), Counted: of("ALL", "CountedRequests"), Allowed: of("ALL", "AllowedRequests"),
		AddressRate: of(ruleAddressRate, "CountedRequests"),
	}
}
