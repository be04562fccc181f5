package storage

import (
	"time"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// ReplicationAlarms watch the copying of objects to the second region. S3 publishes
// the latency of rules that promise a time, which are those of the backups.
func ReplicationAlarms() []alarms.Row {
	return []alarms.Row{{
		ID: "storage-replication", Runbook: "storage-replication", Severity: alarms.Warning,
		Why:     "Objects wait longer for their copy in the second region than S3 promises.",
		Metric:  alarms.Metric{Expression: `SELECT MAX(ReplicationLatency) FROM "AWS/S3"`, Period: 5 * time.Minute},
		Compare: alarms.Above, Threshold: config.ReplicationTime.Seconds(), Periods: 3, Datapoints: 3, Missing: alarms.NotBreaching,
	}}
}
