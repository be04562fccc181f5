package cache

import (
	"fmt"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Alarms watch each node.
func (c Cache) Alarms(limits config.Limits) []alarms.Row {
	metrics := c.Metrics()
	var rows []alarms.Row
	for i := range metrics.CommandCPU {
		id := func(what string) string { return fmt.Sprintf("cache-%s-%d", what, i+1) }
		rows = append(rows,
			alarms.Row{
				ID: id("cpu"), Runbook: "cache-cpu", Severity: alarms.Warning,
				Why:     "The cache's command thread is near its limit.",
				Metric:  metrics.CommandCPU[i],
				Compare: alarms.Above, Threshold: float64(limits.CacheCPUPercent), Periods: 5, Datapoints: 5, Missing: alarms.Breaching,
			},
			alarms.Row{
				ID: id("memory"), Runbook: "cache-memory", Severity: alarms.Warning,
				Why:     "The cache is nearly full and will drop entries or fail to take a snapshot.",
				Metric:  metrics.Memory[i],
				Compare: alarms.Above, Threshold: float64(limits.CacheMemoryPercent), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
			},
			alarms.Row{
				ID: id("evictions"), Runbook: "cache-evictions", Severity: alarms.Warning,
				Why:     "The cache drops entries before their time, and the database serves them instead.",
				Metric:  metrics.Evictions[i],
				Compare: alarms.Above, Threshold: float64(limits.EvictionsPerMinute), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
			})
		if c.config.Failover() {
			rows = append(rows, alarms.Row{
				ID: id("replication-lag"), Runbook: "cache-replication-lag", Severity: alarms.Warning,
				Why:     "A replica is behind: a failover would bring back old balances.",
				Metric:  metrics.ReplicationLag[i],
				Compare: alarms.Above, Threshold: limits.ReplicaLag.Seconds(), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
			})
		}
	}
	return rows
}
