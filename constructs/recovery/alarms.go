package recovery

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Reached is 1 while the world reaches a region's load balancer. Route 53 publishes
// it in us-east-1 alone.
func (r Recovery) Reached(region config.Region) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/Route53", Name: "HealthCheckStatus", Statistic: "Minimum",
		Dimensions: map[string]string{"HealthCheckId": r.Probes[region.Name]},
	}
}

// Alarms watch the regions from outside. Losing the active one is what the failover
// plan is for; losing the other one takes the way out away.
func (r Recovery) Alarms(dr config.DR, regions ...config.Region) []alarms.Row {
	probe := dr.Recovery.Probe
	var rows []alarms.Row
	for _, region := range regions {
		row := alarms.Row{
			ID: config.AlarmLoadBalancer(region), Runbook: "load-balancer", Severity: alarms.Warning,
			Why:     "The world does not reach the waiting region: there is nowhere to fail over to.",
			Metric:  r.Reached(region),
			Compare: alarms.Below, Threshold: 1, Periods: probe.Minutes + 1, Datapoints: probe.Minutes, Missing: alarms.Breaching,
		}
		if region.Name == dr.ActiveRegion {
			row.Severity = alarms.Critical
			row.Why = "The world does not reach the active region: decide about a failover now."
		}
		rows = append(rows, row)
	}
	return rows
}
