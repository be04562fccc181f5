package signals

import (
	"fmt"
	"slices"
	"time"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/storage"
)

// The alarms that the outage alarm is made of.
const (
	edgeErrors  = "edge-errors"
	edgeLatency = "edge-latency"
	edgeHealthy = "edge-healthy-targets"
)

// Rows is the table of the environment's alarms in its primary region.
func Rows(env config.Environment, p Platform, cache []alarms.Row) []alarms.Row {
	rows := slices.Concat(
		edgeRows(env, p), guardRows(env, p), serviceRows(env, p, env.MinTasks(env.Primary)), writerRows(env, p), readerRows(env, p),
		cache, kafkaRows(env, p), networkRows(p), backupRows(env), copiesRows(p), functionRows(p),
	)
	return append(atRest(rows, env, env.Primary), lagRows(env, env.Primary)...)
}

// atRest are the rows as they are in a region: while it does not serve they wake
// nobody, and what only a writer has is not missed.
func atRest(rows []alarms.Row, env config.Environment, region config.Region) []alarms.Row {
	if env.Serves(region) {
		return rows
	}
	for i := range rows {
		rows[i].Severity = alarms.Warning
		if rows[i].Metric.Dimensions["Role"] == Writer {
			rows[i].Missing = alarms.NotBreaching
		}
	}
	return rows
}

// Outage is when the wallet is down: nothing serves, or what is served is both
// failing and slow.
func Outage(env config.Environment) alarms.Outage {
	outage := alarms.Outage{Severity: alarms.Critical, Groups: [][]string{{edgeHealthy}, {edgeErrors, edgeLatency}}}
	if env.Site.ImageTag == config.NoImage {
		outage.Groups = outage.Groups[1:]
	}
	if !env.Serves(env.Primary) {
		outage.Severity = alarms.Warning // its users are in the other region
	}
	return outage
}

func edgeRows(env config.Environment, p Platform) []alarms.Row {
	watch := env.Observability
	rows := []alarms.Row{
		{
			ID: edgeErrors, Runbook: "edge-errors", Severity: alarms.Critical,
			Why:     "More requests fail than the wallet promises.",
			Metric:  alarms.Metric{Expression: ErrorRate, Inputs: p.ErrorRateInputs()},
			Compare: alarms.Above, Threshold: watch.ErrorRatePercent, Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		},
		{
			ID: edgeLatency, Runbook: "edge-latency", Severity: alarms.Critical,
			Why:     "One request in twenty takes longer than the wallet promises.",
			Metric:  p.Edge("TargetResponseTime", "p95"),
			Compare: alarms.Above, Threshold: watch.LatencyTarget.Seconds(), Periods: 10, Datapoints: 8, Missing: alarms.NotBreaching,
		},
		{
			ID: "edge-tail-latency", Runbook: "edge-latency", Severity: alarms.Warning,
			Why:     "One request in a hundred takes longer than the wallet promises.",
			Metric:  p.Edge("TargetResponseTime", "p99"),
			Compare: alarms.Above, Threshold: watch.TailLatencyTarget.Seconds(), Periods: 10, Datapoints: 8, Missing: alarms.NotBreaching,
		},
		{
			ID: "edge-unhealthy-targets", Runbook: "edge-unhealthy-targets", Severity: alarms.Warning,
			Why:     "A task is registered and does not answer its readiness check.",
			Metric:  alarms.Metric{Expression: BothGroups, Inputs: p.Targets("UnHealthyHostCount", "Maximum")},
			Compare: alarms.Above, Threshold: 0, Periods: 10, Datapoints: 8, Missing: alarms.NotBreaching,
		},
	}
	if env.Site.ImageTag == config.NoImage {
		return rows // no task is meant to run
	}
	return append(rows, alarms.Row{
		ID: edgeHealthy, Runbook: "edge-healthy-targets", Severity: alarms.Critical,
		Why:     "No task answers: the wallet is down.",
		Metric:  alarms.Metric{Expression: BothGroups, Inputs: p.Targets("HealthyHostCount", "Maximum")},
		Compare: alarms.Below, Threshold: 1, Periods: 3, Datapoints: 2, Missing: alarms.Breaching,
	})
}

// guardRows watch what stands between the internet and the load balancer.
func guardRows(env config.Environment, p Platform) []alarms.Row {
	watch := env.Observability
	rows := []alarms.Row{
		{
			ID: "waf-blocks", Runbook: "waf-blocks", Severity: alarms.Warning,
			Why:     "The web ACL blocks an attack, or blocks customers.",
			Metric:  p.Firewall("ALL", "BlockedRequests"),
			Compare: alarms.Above, Threshold: float64(watch.WAFBlocksPerMinute), Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		},
		{
			// Published once a day, from the day after issuing.
			ID: "certificate-expiry", Runbook: "certificate-expiry", Severity: alarms.Warning,
			Why:     "The API's certificate was not renewed and every client will refuse it.",
			Metric:  p.CertificateDays(),
			Compare: alarms.Below, Threshold: float64(watch.Limits.CertificateDays), Periods: 1, Datapoints: 1, Missing: alarms.NotBreaching,
		},
	}
	if env.Edge.Firewall.Modes.AddressRate != config.FirewallCount {
		return rows
	}
	return append(rows, alarms.Row{
		ID: "waf-address-rate", Runbook: "waf-blocks", Severity: alarms.Warning,
		Why:     "An address sends more than the limit, which only counts: a flood, or a carrier's customers.",
		Metric:  p.Firewall("AddressRate", "CountedRequests"),
		Compare: alarms.Above, Threshold: float64(watch.WAFBlocksPerMinute), Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
	})
}

// serviceRows watch the tasks, of which least are meant to run.
func serviceRows(env config.Environment, p Platform, least int) []alarms.Row {
	service := env.Service
	rows := []alarms.Row{
		{
			ID: "service-cpu", Runbook: "service-cpu", Severity: alarms.Warning,
			Why:     "Autoscaling does not hold the tasks' CPU.",
			Metric:  alarms.Metric{Expression: CPUPerTask, Inputs: p.CPUPerTaskInputs()},
			Compare: alarms.Above, Threshold: beyond(service.CPUTargetPercent), Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
		{
			ID: "service-memory", Runbook: "service-memory", Severity: alarms.Warning,
			Why:     "Autoscaling does not hold the tasks' memory; at 100 % they are killed.",
			Metric:  p.Service("MemoryUtilization", "Average"),
			Compare: alarms.Above, Threshold: beyond(service.MemoryTargetPercent), Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
		{
			ID: "service-at-maximum", Runbook: "service-at-maximum", Severity: alarms.Warning,
			Why: "The service wants all tasks that it may have: more load will slow it down.",
			// What is wanted: a release runs the tasks twice for a while.
			Metric:  p.Tasks("DesiredTaskCount", "Maximum"),
			Compare: alarms.AtLeast, Threshold: float64(service.MaxTasks), Periods: 15, Datapoints: 15, Missing: alarms.NotBreaching,
		},
	}
	if env.Site.ImageTag == config.NoImage {
		return rows
	}
	return append(rows, alarms.Row{
		ID: "service-tasks", Runbook: "service-tasks", Severity: alarms.Critical,
		Why:     "Fewer tasks run than the wallet needs to lose a zone and go on.",
		Metric:  p.Tasks("RunningTaskCount", "Minimum"),
		Compare: alarms.Below, Threshold: float64(least), Periods: 10, Datapoints: 8, Missing: alarms.Breaching,
	})
}

// beyond is a threshold above autoscaling's target, halfway to all there is:
// crossed for long, it says that scaling no longer helps.
func beyond(targetPercent int) float64 { return float64(targetPercent+100) / 2 }

// writerRows watch the writer, and what is true of every instance.
func writerRows(env config.Environment, p Platform) []alarms.Row {
	limits := env.Observability.Limits
	return []alarms.Row{
		{
			ID: "database-writer-cpu", Runbook: "database-cpu", Severity: alarms.Critical,
			Why:     "The writer is near its limit, and only one instance can write.",
			Metric:  p.Database(Writer, "CPUUtilization", "Average"),
			Compare: alarms.Above, Threshold: float64(limits.DatabaseCPUPercent), Periods: 10, Datapoints: 10, Missing: alarms.Breaching,
		},
		{
			ID: "database-writer-connections", Runbook: "database-connections", Severity: alarms.Critical,
			Why:     "The writer runs out of connections, after which tasks fail.",
			Metric:  p.Database(Writer, "DatabaseConnections", "Maximum"),
			Compare: alarms.Above, Threshold: connections(env), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-deadlocks", Runbook: "database-deadlocks", Severity: alarms.Warning,
			Why:    "Transactions kill each other, which users see as failed transfers.",
			Metric: p.Database(Writer, "Deadlocks", "Average"),
			// The metric is a rate per second.
			Compare: alarms.Above, Threshold: float64(limits.DeadlocksPerMinute) / 60, Periods: 10, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-memory", Runbook: "database-memory", Severity: alarms.Warning,
			Why:    "An instance runs out of memory and will restart.",
			Metric: p.Volume("FreeableMemory", "Minimum"),
			// The metric is in bytes.
			Compare: alarms.Below, Threshold: float64(env.Database.MemoryMiB()*limits.FreeMemoryPercent) / 100 * 1024 * 1024, Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
	}
}

// connections is the number of connections at which an instance is nearly out of
// them.
func connections(env config.Environment) float64 {
	return float64(env.Database.MaxConnections*env.Observability.Limits.ConnectionsPercent) / 100
}

// readerRows watch the readers, where there are any. They get no query of the service
// yet (docs/APPLICATION.md): what loads them is a person, or their own replication.
func readerRows(env config.Environment, p Platform) []alarms.Row {
	limits := env.Observability.Limits
	if env.Database.Readers == 0 {
		return nil
	}
	return []alarms.Row{
		{
			ID: "database-reader-cpu", Runbook: "database-cpu", Severity: alarms.Warning,
			Why:     "Reader autoscaling does not hold the readers' CPU.",
			Metric:  p.Database(Reader, "CPUUtilization", "Average"),
			Compare: alarms.Above, Threshold: float64(limits.DatabaseCPUPercent), Periods: 15, Datapoints: 15, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-reader-connections", Runbook: "database-connections", Severity: alarms.Critical,
			Why:     "A reader runs out of connections: tasks fail that cannot reach it.",
			Metric:  p.Database(Reader, "DatabaseConnections", "Maximum"),
			Compare: alarms.Above, Threshold: connections(env), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "database-replica-lag", Runbook: "database-replica-lag", Severity: alarms.Warning,
			Why:    "A reader is far behind: it would take over late, and show queries old balances.",
			Metric: p.Database(Reader, "AuroraReplicaLag", "Maximum"),
			// The metric is in milliseconds.
			Compare: alarms.Above, Threshold: float64(limits.ReplicaLag.Milliseconds()), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
	}
}

// kafkaRows watch the cluster. AWS does not say that KRaft publishes the
// controllers' metrics (the first two, and the partitions under their minimum), so
// their absence says nothing; what the brokers publish of themselves must be there.
func kafkaRows(env config.Environment, p Platform) []alarms.Row {
	watch := env.Observability
	rows := []alarms.Row{
		{
			ID: "kafka-brokers", Runbook: "kafka-brokers", Severity: alarms.Critical,
			Why:     "No broker leads a partition, or none says so: no event can be written or read.",
			Metric:  alarms.Metric{Expression: p.Leaders()},
			Compare: alarms.Below, Threshold: 1, Periods: 6, Datapoints: 5, Missing: alarms.Breaching,
		},
		{
			ID: "kafka-offline-partitions", Runbook: "kafka-offline-partitions", Severity: alarms.Critical,
			Why:     "Some partitions have no leader: their events can be neither written nor read.",
			Metric:  p.KafkaCluster("OfflinePartitionsCount", "Maximum"),
			Compare: alarms.Above, Threshold: 0, Periods: 3, Datapoints: 3, Missing: alarms.NotBreaching,
		},
		{
			// The maximum, because with KRaft each controller reports and all but one
			// report 0.
			ID: "kafka-controller", Runbook: "kafka-controller", Severity: alarms.Critical,
			Why:     "No controller is active: Kafka cannot choose leaders.",
			Metric:  p.KafkaCluster("ActiveControllerCount", "Maximum"),
			Compare: alarms.Below, Threshold: 1, Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "kafka-consumer-lag", Runbook: "kafka-consumer-lag", Severity: alarms.Warning,
			Why:     "A consumer group falls behind, and what depends on events is late.",
			Metric:  alarms.Metric{Expression: p.ConsumerLag()},
			Compare: alarms.Above, Threshold: float64(watch.ConsumerLagRecords), Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
	}
	for broker := 1; broker <= p.Brokers; broker++ {
		rows = append(rows, brokerRows(env, p, broker)...)
	}
	return rows
}

// brokerRows watch one broker.
func brokerRows(env config.Environment, p Platform, broker int) []alarms.Row {
	watch := env.Observability
	id := func(what string) string { return fmt.Sprintf("kafka-%s-%d", what, broker) }
	return []alarms.Row{
		{
			ID: id("disk"), Runbook: "kafka-disk", Severity: alarms.Critical,
			Why:     "A broker's disk fills although storage grows by itself; a full broker stops.",
			Metric:  p.Broker(broker, "KafkaDataLogsDiskUsed", "Maximum"),
			Compare: alarms.Above, Threshold: float64(watch.Limits.KafkaDiskPercent), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			// As long as the next one: MSK restarts a broker to patch it.
			ID: id("broker"), Runbook: "kafka-brokers", Severity: alarms.Warning,
			Why:     "A broker leads no partition, or does not say so: the others carry its load.",
			Metric:  p.Broker(broker, "LeaderCount", "Maximum"),
			Compare: alarms.Below, Threshold: 1, Periods: 30, Datapoints: 30, Missing: alarms.Breaching,
		},
		{
			// Longer than one broker's restart in a rolling update.
			ID: id("under-replicated"), Runbook: "kafka-under-replicated", Severity: alarms.Warning,
			Why:     "A broker does not keep up with its copies: another failure would lose writes.",
			Metric:  p.Broker(broker, "UnderReplicatedPartitions", "Maximum"),
			Compare: alarms.Above, Threshold: 0, Periods: 30, Datapoints: 30, Missing: alarms.NotBreaching,
		},
		{
			ID: id("under-minimum"), Runbook: "kafka-under-minimum", Severity: alarms.Critical,
			Why:     "Partitions have fewer copies in sync than a write needs: the service cannot publish.",
			Metric:  p.Broker(broker, "UnderMinIsrPartitionCount", "Maximum"),
			Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
	}
}

func networkRows(p Platform) []alarms.Row {
	var rows []alarms.Row
	for i, gateway := range p.NATGateways {
		rows = append(rows, alarms.Row{
			ID: fmt.Sprintf("nat-ports-%d", i+1), Runbook: "nat-ports", Severity: alarms.Warning,
			Why:     "A NAT gateway has no port left for a new connection to one destination.",
			Metric:  p.NAT(gateway, "ErrorPortAllocation", "Sum"),
			Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		})
	}
	return rows
}

// backupRows watch all vaults of the account, which holds one environment. They
// are queries because AWS Backup publishes by vault and resource type, and a
// failure anywhere counts.
func backupRows(env config.Environment) []alarms.Row {
	failed := func(id, metric, why string) alarms.Row {
		return alarms.Row{
			ID: id, Runbook: "backup-failed", Severity: alarms.Warning, Why: why,
			Metric:  alarms.Metric{Expression: `SELECT SUM(` + metric + `) FROM "AWS/Backup"`, Period: 5 * time.Minute},
			Compare: alarms.Above, Threshold: 0, Periods: 1, Datapoints: 1, Missing: alarms.NotBreaching,
		}
	}
	rows := []alarms.Row{
		failed("backup-failed", "NumberOfBackupJobsFailed", "A daily backup failed."),
		failed("backup-restore-failed", "NumberOfRestoreJobsFailed", "A restore failed, perhaps the test that proves backups work."),
	}
	if !env.DR.Mode.Copies() {
		return rows
	}
	return append(rows,
		failed("backup-copy-failed", "NumberOfCopyJobsFailed", "A backup was not copied to the second region."),
		alarms.Row{
			ID: "storage-replication", Runbook: "storage-replication", Severity: alarms.Warning,
			Why:     "Objects wait longer for their copy in the second region than S3 promises.",
			Metric:  alarms.Metric{Expression: `SELECT MAX(ReplicationLatency) FROM "AWS/S3"`, Period: 5 * time.Minute},
			Compare: alarms.Above, Threshold: storage.ReplicationTime.Seconds(), Periods: 3, Datapoints: 3, Missing: alarms.NotBreaching,
		})
}

// copiesRows watch the function that looks after copies. Broken: while it does not
// run, nobody knows.
func copiesRows(p Platform) []alarms.Row {
	return []alarms.Row{{
		ID: "copies", Runbook: "copies", Severity: alarms.Warning,
		Why:     "A secret's replica does not follow, or the database's export is missing, or nobody looks.",
		Metric:  alarms.Metric{Expression: WatchSucceeded, Inputs: p.WatchInputs()},
		Compare: alarms.Below, Threshold: 1, Periods: 2, Datapoints: 2, Missing: alarms.Breaching,
	}}
}

// functionRows watch every function of the account: they rotate passwords and
// keep the platform, and none of them serves users.
func functionRows(p Platform) []alarms.Row {
	rows := []alarms.Row{{
		ID: "functions-failing", Runbook: "functions-failing", Severity: alarms.Warning,
		Why:     "A function of the platform fails; a password rotation may be stuck.",
		Metric:  alarms.Metric{Expression: `SELECT SUM(Errors) FROM "AWS/Lambda"`, Period: 5 * time.Minute},
		Compare: alarms.Above, Threshold: 0, Periods: 1, Datapoints: 1, Missing: alarms.NotBreaching,
	}}
	if p.FailedRotations == "" {
		return rows // no task holds a password that rotates
	}
	return append(rows, alarms.Row{
		ID: "rotation-not-deployed", Runbook: "rotation-not-deployed", Severity: alarms.Warning,
		Why:     "Running tasks hold a password that was rotated; the next rotation locks them out.",
		Metric:  p.Queue(p.FailedRotations, "ApproximateNumberOfMessagesVisible", "Maximum"),
		Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 1, Missing: alarms.NotBreaching,
	})
}

// lagRows watch the replication of the database into a region. Aurora publishes the
// lag of a global database beside the member that waits, and an alarm reads its own
// region alone: each region has the alarm. Where the member serves there is no lag to
// publish; where it waits, silence says that nothing is copied.
func lagRows(env config.Environment, region config.Region) []alarms.Row {
	if env.DR.Mode != config.DRStandby {
		return nil
	}
	missing := alarms.Breaching
	if env.Serves(region) {
		missing = alarms.NotBreaching
	}
	return []alarms.Row{{
		// A query, because the metric carries the source region as a dimension, which
		// a switchover turns around.
		ID: env.AlarmLag(region), Runbook: "standby-lag", Severity: alarms.Critical,
		Why:    "This region's database is behind the one that writes: a failover to it now would lose more than promised.",
		Metric: alarms.Metric{Expression: RecoveryPointLag(env.Names().DatabaseClusterName(region))},
		// The metric is in milliseconds.
		Compare: alarms.Above, Threshold: float64(env.DR.ReplicationLag.Milliseconds()), Periods: env.DR.LagMinutes + 1, Datapoints: env.DR.LagMinutes, Missing: missing,
	}}
}
