package waf

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Alarms watch a regional web ACL: what it stops, and what it would stop.
func (a ACL) Alarms(region config.Region, modes config.FirewallModes, blocksPerMinute int) []alarms.Row {
	metrics := a.Metrics(region)
	rows := []alarms.Row{{
		ID: "waf-blocks", Runbook: "waf-blocks", Severity: alarms.Warning,
		Why:     "The web ACL blocks an attack, or blocks customers.",
		Metric:  metrics.Blocked,
		Compare: alarms.Above, Threshold: float64(blocksPerMinute), Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
	}}
	if modes.AddressRate != config.FirewallCount {
		return rows
	}
	return append(rows, alarms.Row{
		ID: "waf-address-rate", Runbook: "waf-blocks", Severity: alarms.Warning,
		Why:     "An address sends more than the limit, which only counts: a flood, or a carrier's customers.",
		Metric:  metrics.AddressRate,
		Compare: alarms.Above, Threshold: float64(blocksPerMinute), Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
	})
}
