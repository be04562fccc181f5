package aurora

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Alarms watch a region's cluster. What only a writer has is missed while the region
// is active.
func (d Database) Alarms(database config.Database, limits config.Limits, active bool) []alarms.Row {
	metrics := d.Metrics()
	rows := metrics.writerAlarms(database, limits, active)
	if d.readersScale {
		rows = append(rows, metrics.readerAlarms(database, limits)...)
	}
	return rows
}

// writerAlarms watch the writer, and what is true of every instance.
func (m Metrics) writerAlarms(database config.Database, limits config.Limits, active bool) []alarms.Row {
	missing := alarms.NotBreaching
	if active {
		missing = alarms.Breaching
	}
	return []alarms.Row{
		{
			ID: "database-writer-cpu", Runbook: "database-cpu", Severity: alarms.Critical,
			Why:     "The writer is near its limit, and only one instance can write.",
			Metric:  m.Writer.CPU,
			Compare: alarms.Above, Threshold: float64(limits.DatabaseCPUPercent), Periods: 10, Datapoints: 10, Missing: missing,
		},
		{
			ID: "database-writer-connections", Runbook: "database-connections", Severity: alarms.Critical,
			Why:     "The writer runs out of connections, after which tasks fail.",
			Metric:  m.Writer.Connections,
			Compare: alarms.Above, Threshold: connections(database, limits), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-deadlocks", Runbook: "database-deadlocks", Severity: alarms.Warning,
			Why:     "Transactions kill each other, which users see as failed transfers.",
			Metric:  m.WriterDeadlocks,
			Compare: alarms.Above, Threshold: float64(limits.DeadlocksPerMinute) / 60, Periods: 10, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-memory", Runbook: "database-memory", Severity: alarms.Warning,
			Why:     "An instance runs out of memory and will restart.",
			Metric:  m.FreeMemory,
			Compare: alarms.Below, Threshold: float64(database.MemoryMiB()*limits.FreeMemoryPercent) / 100 * 1024 * 1024, Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
	}
}

// connections is the number of connections at which an instance is nearly out of
// them.
func connections(database config.Database, limits config.Limits) float64 {
	return float64(database.MaxConnections*limits.ConnectionsPercent) / 100
}

// readerAlarms watch the readers, where there are any. They get no query of the service
// yet (docs/APPLICATION.md): what loads them is a person, or their own replication.
func (m Metrics) readerAlarms(database config.Database, limits config.Limits) []alarms.Row {
	if database.Readers == 0 {
		return nil
	}
	return []alarms.Row{
		{
			ID: "database-reader-cpu", Runbook: "database-cpu", Severity: alarms.Warning,
			Why:     "Reader autoscaling does not hold the readers' CPU.",
			Metric:  m.Reader.CPU,
			Compare: alarms.Above, Threshold: float64(limits.DatabaseCPUPercent), Periods: 15, Datapoints: 15, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-reader-connections", Runbook: "database-connections", Severity: alarms.Critical,
			Why:     "A reader runs out of connections: tasks fail that cannot reach it.",
			Metric:  m.Reader.Connections,
			Compare: alarms.Above, Threshold: connections(database, limits), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-replica-lag", Runbook: "database-replica-lag", Severity: alarms.Warning,
			Why:     "A reader is far behind: it would take over late, and show queries old balances.",
			Metric:  m.ReaderLag,
			Compare: alarms.Above, Threshold: float64(limits.ReplicaLag.Milliseconds()), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
	}
}

// LagAlarm watches the replication of the database into a region. Aurora publishes
// the lag of a global database beside the member that waits, and an alarm reads its
// own region alone: each region has the alarm, by its own ID. Where the member is
// active there is no lag to publish; where it waits, silence says that nothing is
// copied.
func LagAlarm(id, cluster string, dr config.DR, active bool) alarms.Row {
	missing := alarms.Breaching
	if active {
		missing = alarms.NotBreaching
	}
	return alarms.Row{
		ID: id, Runbook: "standby-lag", Severity: alarms.Critical,
		Why:     "This region's database is behind the one that writes: a failover to it now would lose more than promised.",
		Metric:  RecoveryPointLag(cluster),
		Compare: alarms.Above, Threshold: float64(dr.ReplicationLag.Milliseconds()), Periods: dr.LagMinutes + 1, Datapoints: dr.LagMinutes, Missing: missing,
	}
}

// Events report changes of the writer that nobody asked for.
func (d Database) Events() []alarms.Event {
	return []alarms.Event{{
		ID: "DatabaseFailover", Severity: alarms.Warning, Runbook: "database-failover",
		Why:    "Aurora chose another writer, or failed to.",
		Source: "aws.rds", Kinds: []string{"RDS DB Cluster Event"},
		Detail: map[string]any{
			"SourceIdentifier": []string{d.Name},
			"EventCategories":  []string{"failover", "failure", "global-failover"},
		},
		About: map[string]string{"cluster": "$.detail.SourceIdentifier", "message": "$.detail.Message"},
	}}
}
