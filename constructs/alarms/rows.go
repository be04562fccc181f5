package alarms

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"wallet-infra/config"
	"wallet-infra/constructs/signals"
	"wallet-infra/constructs/storage"
)

// The alarms that the outage alarm is made of.
const (
	edgeErrors  = "edge-errors"
	edgeLatency = "edge-latency"
	edgeHealthy = "edge-healthy-targets"
)

// Rows is the table of the environment's alarms in its primary region.
func Rows(env config.Environment, p signals.Platform) []Row {
	rows := slices.Concat(
		edgeRows(env, p), guardRows(env, p), serviceRows(env, p, env.MinTasks(env.Primary)), writerRows(env, p), readerRows(env, p),
		cacheRows(env, p), kafkaRows(env, p), networkRows(p), backupRows(env), copiesRows(p), functionRows(p),
	)
	return append(atRest(rows, env, env.Primary), lagRows(env, env.Primary)...)
}

// atRest are the rows as they are in a region: while it does not serve they wake
// nobody, and what only a writer has is not missed.
func atRest(rows []Row, env config.Environment, region config.Region) []Row {
	if env.Serves(region) {
		return rows
	}
	for i := range rows {
		rows[i].Severity = Warning
		if rows[i].Metric.Dimensions["Role"] == signals.Writer {
			rows[i].Missing = Quiet
		}
	}
	return rows
}

func edgeRows(env config.Environment, p signals.Platform) []Row {
	watch := env.Observability
	rows := []Row{
		{
			ID: edgeErrors, Runbook: "edge-errors", Severity: Critical,
			Why:        "More requests fail than the wallet promises.",
			Expression: signals.ErrorRate,
			Inputs:     p.ErrorRateInputs(),
			Compare:    Above, Threshold: watch.ErrorRatePercent, Periods: 5, Datapoints: 3, Missing: Quiet,
		},
		{
			ID: edgeLatency, Runbook: "edge-latency", Severity: Critical,
			Why:     "One request in twenty takes longer than the wallet promises.",
			Metric:  p.Edge("TargetResponseTime", "p95"),
			Compare: Above, Threshold: watch.LatencyTarget.Seconds(), Periods: 10, Datapoints: 8, Missing: Quiet,
		},
		{
			ID: "edge-tail-latency", Runbook: "edge-latency", Severity: Warning,
			Why:     "One request in a hundred takes longer than the wallet promises.",
			Metric:  p.Edge("TargetResponseTime", "p99"),
			Compare: Above, Threshold: watch.TailLatencyTarget.Seconds(), Periods: 10, Datapoints: 8, Missing: Quiet,
		},
		{
			ID: "edge-unhealthy-targets", Runbook: "edge-unhealthy-targets", Severity: Warning,
			Why:        "A task is registered and does not answer its readiness check.",
			Expression: signals.BothGroups,
			Inputs:     p.Targets("UnHealthyHostCount", "Maximum"),
			Compare:    Above, Threshold: 0, Periods: 10, Datapoints: 8, Missing: Quiet,
		},
	}
	if env.Site.ImageTag == config.NoImage {
		return rows // no task is meant to run
	}
	return append(rows, Row{
		ID: edgeHealthy, Runbook: "edge-healthy-targets", Severity: Critical,
		Why:        "No task answers: the wallet is down.",
		Expression: signals.BothGroups,
		Inputs:     p.Targets("HealthyHostCount", "Maximum"),
		Compare:    Below, Threshold: 1, Periods: 3, Datapoints: 2, Missing: Broken,
	})
}

// guardRows watch what stands between the internet and the load balancer.
func guardRows(env config.Environment, p signals.Platform) []Row {
	watch := env.Observability
	rows := []Row{
		{
			ID: "waf-blocks", Runbook: "waf-blocks", Severity: Warning,
			Why:     "The web ACL blocks an attack, or blocks customers.",
			Metric:  p.Firewall("ALL", "BlockedRequests"),
			Compare: Above, Threshold: float64(watch.WAFBlocksPerMinute), Periods: 5, Datapoints: 3, Missing: Quiet,
		},
		{
			// Published once a day, from the day after issuing.
			ID: "certificate-expiry", Runbook: "certificate-expiry", Severity: Warning,
			Why:     "The API's certificate was not renewed and every client will refuse it.",
			Metric:  p.CertificateDays(),
			Compare: Below, Threshold: float64(watch.Limits.CertificateDays), Periods: 1, Datapoints: 1, Missing: Quiet,
		},
	}
	if env.Edge.Firewall.Modes.AddressRate != config.FirewallCount {
		return rows
	}
	return append(rows, Row{
		ID: "waf-address-rate", Runbook: "waf-blocks", Severity: Warning,
		Why:     "An address sends more than the limit, which only counts: a flood, or a carrier's customers.",
		Metric:  p.Firewall("AddressRate", "CountedRequests"),
		Compare: Above, Threshold: float64(watch.WAFBlocksPerMinute), Periods: 5, Datapoints: 3, Missing: Quiet,
	})
}

// serviceRows watch the tasks, of which least are meant to run.
func serviceRows(env config.Environment, p signals.Platform, least int) []Row {
	service := env.Service
	rows := []Row{
		{
			ID: "service-cpu", Runbook: "service-cpu", Severity: Warning,
			Why:        "Autoscaling does not hold the tasks' CPU.",
			Expression: signals.CPUPerTask,
			Inputs:     p.CPUPerTaskInputs(),
			Compare:    Above, Threshold: beyond(service.CPUTargetPercent), Periods: 10, Datapoints: 10, Missing: Quiet,
		},
		{
			ID: "service-memory", Runbook: "service-memory", Severity: Warning,
			Why:     "Autoscaling does not hold the tasks' memory; at 100 % they are killed.",
			Metric:  p.Service("MemoryUtilization", "Average"),
			Compare: Above, Threshold: beyond(service.MemoryTargetPercent), Periods: 10, Datapoints: 10, Missing: Quiet,
		},
		{
			ID: "service-at-maximum", Runbook: "service-at-maximum", Severity: Warning,
			Why: "The service wants all tasks that it may have: more load will slow it down.",
			// What is wanted: a release runs the tasks twice for a while.
			Metric:  p.Tasks("DesiredTaskCount", "Maximum"),
			Compare: AtLeast, Threshold: float64(service.MaxTasks), Periods: 15, Datapoints: 15, Missing: Quiet,
		},
	}
	if env.Site.ImageTag == config.NoImage {
		return rows
	}
	return append(rows, Row{
		ID: "service-tasks", Runbook: "service-tasks", Severity: Critical,
		Why:     "Fewer tasks run than the wallet needs to lose a zone and go on.",
		Metric:  p.Tasks("RunningTaskCount", "Minimum"),
		Compare: Below, Threshold: float64(least), Periods: 10, Datapoints: 8, Missing: Broken,
	})
}

// beyond is a threshold above autoscaling's target, halfway to all there is:
// crossed for long, it says that scaling no longer helps.
func beyond(targetPercent int) float64 { return float64(targetPercent+100) / 2 }

// writerRows watch the writer, and what is true of every instance.
func writerRows(env config.Environment, p signals.Platform) []Row {
	limits := env.Observability.Limits
	return []Row{
		{
			ID: "database-writer-cpu", Runbook: "database-cpu", Severity: Critical,
			Why:     "The writer is near its limit, and only one instance can write.",
			Metric:  p.Database(signals.Writer, "CPUUtilization", "Average"),
			Compare: Above, Threshold: float64(limits.DatabaseCPUPercent), Periods: 10, Datapoints: 10, Missing: Broken,
		},
		{
			ID: "database-writer-connections", Runbook: "database-connections", Severity: Critical,
			Why:     "The writer runs out of connections, after which tasks fail.",
			Metric:  p.Database(signals.Writer, "DatabaseConnections", "Maximum"),
			Compare: Above, Threshold: connections(env), Periods: 5, Datapoints: 5, Missing: Quiet,
		},
		{
			ID: "database-deadlocks", Runbook: "database-deadlocks", Severity: Warning,
			Why:    "Transactions kill each other, which users see as failed transfers.",
			Metric: p.Database(signals.Writer, "Deadlocks", "Average"),
			// The metric is a rate per second.
			Compare: Above, Threshold: float64(limits.DeadlocksPerMinute) / 60, Periods: 10, Datapoints: 5, Missing: Quiet,
		},
		{
			ID: "database-memory", Runbook: "database-memory", Severity: Warning,
			Why:    "An instance runs out of memory and will restart.",
			Metric: p.Volume("FreeableMemory", "Minimum"),
			// The metric is in bytes.
			Compare: Below, Threshold: float64(env.Database.MemoryMiB()*limits.FreeMemoryPercent) / 100 * 1024 * 1024, Periods: 10, Datapoints: 10, Missing: Quiet,
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
func readerRows(env config.Environment, p signals.Platform) []Row {
	limits := env.Observability.Limits
	if env.Database.Readers == 0 {
		return nil
	}
	return []Row{
		{
			ID: "database-reader-cpu", Runbook: "database-cpu", Severity: Warning,
			Why:     "Reader autoscaling does not hold the readers' CPU.",
			Metric:  p.Database(signals.Reader, "CPUUtilization", "Average"),
			Compare: Above, Threshold: float64(limits.DatabaseCPUPercent), Periods: 15, Datapoints: 15, Missing: Quiet,
		},
		{
			ID: "database-reader-connections", Runbook: "database-connections", Severity: Critical,
			Why:     "A reader runs out of connections: tasks fail that cannot reach it.",
			Metric:  p.Database(signals.Reader, "DatabaseConnections", "Maximum"),
			Compare: Above, Threshold: connections(env), Periods: 5, Datapoints: 5, Missing: Quiet,
		},
		{
			ID: "database-replica-lag", Runbook: "database-replica-lag", Severity: Warning,
			Why:    "A reader is far behind: it would take over late, and show queries old balances.",
			Metric: p.Database(signals.Reader, "AuroraReplicaLag", "Maximum"),
			// The metric is in milliseconds.
			Compare: Above, Threshold: float64(limits.ReplicaLag.Milliseconds()), Periods: 5, Datapoints: 5, Missing: Quiet,
		},
	}
}

func cacheRows(env config.Environment, p signals.Platform) []Row {
	limits := env.Observability.Limits
	var rows []Row
	for i, node := range p.CacheNodes {
		id := func(what string) string { return fmt.Sprintf("cache-%s-%d", what, i+1) }
		rows = append(rows,
			Row{
				// Commands run on one core whatever the node's size, so this core is the
				// limit and not the node's average.
				ID: id("cpu"), Runbook: "cache-cpu", Severity: Warning,
				Why:     "The cache's command thread is near its limit.",
				Metric:  p.Cache(node, "EngineCPUUtilization", "Average"),
				Compare: Above, Threshold: float64(limits.CacheCPUPercent), Periods: 5, Datapoints: 5, Missing: Broken,
			},
			Row{
				ID: id("memory"), Runbook: "cache-memory", Severity: Warning,
				Why:     "The cache is nearly full and will drop entries or fail to take a snapshot.",
				Metric:  p.Cache(node, "DatabaseMemoryUsagePercentage", "Maximum"),
				Compare: Above, Threshold: float64(limits.CacheMemoryPercent), Periods: 5, Datapoints: 5, Missing: Quiet,
			},
			Row{
				ID: id("evictions"), Runbook: "cache-evictions", Severity: Warning,
				Why:     "The cache drops entries before their time, and the database serves them instead.",
				Metric:  p.Cache(node, "Evictions", "Sum"),
				Compare: Above, Threshold: float64(limits.EvictionsPerMinute), Periods: 5, Datapoints: 5, Missing: Quiet,
			})
		if env.Cache.Failover() {
			rows = append(rows, Row{
				// Each node, because any of them may be a replica after a failover; the
				// primary publishes nothing.
				ID: id("replication-lag"), Runbook: "cache-replication-lag", Severity: Warning,
				Why:     "A replica is behind: a failover would bring back old balances.",
				Metric:  p.Cache(node, "ReplicationLag", "Maximum"),
				Compare: Above, Threshold: limits.ReplicaLag.Seconds(), Periods: 5, Datapoints: 5, Missing: Quiet,
			})
		}
	}
	return rows
}

// kafkaRows watch the cluster. AWS does not say that KRaft publishes the
// controllers' metrics (the first two, and the partitions under their minimum), so
// their absence says nothing; what the brokers publish of themselves must be there.
func kafkaRows(env config.Environment, p signals.Platform) []Row {
	watch := env.Observability
	rows := []Row{
		{
			ID: "kafka-brokers", Runbook: "kafka-brokers", Severity: Critical,
			Why:        "No broker leads a partition, or none says so: no event can be written or read.",
			Expression: p.Leaders(),
			Compare:    Below, Threshold: 1, Periods: 6, Datapoints: 5, Missing: Broken,
		},
		{
			ID: "kafka-offline-partitions", Runbook: "kafka-offline-partitions", Severity: Critical,
			Why:     "Some partitions have no leader: their events can be neither written nor read.",
			Metric:  p.KafkaCluster("OfflinePartitionsCount", "Maximum"),
			Compare: Above, Threshold: 0, Periods: 3, Datapoints: 3, Missing: Quiet,
		},
		{
			// The maximum, because with KRaft each controller reports and all but one
			// report 0.
			ID: "kafka-controller", Runbook: "kafka-controller", Severity: Critical,
			Why:     "No controller is active: Kafka cannot choose leaders.",
			Metric:  p.KafkaCluster("ActiveControllerCount", "Maximum"),
			Compare: Below, Threshold: 1, Periods: 5, Datapoints: 5, Missing: Quiet,
		},
		{
			ID: "kafka-consumer-lag", Runbook: "kafka-consumer-lag", Severity: Warning,
			Why:        "A consumer group falls behind, and what depends on events is late.",
			Expression: p.ConsumerLag(),
			Compare:    Above, Threshold: float64(watch.ConsumerLagRecords), Periods: 10, Datapoints: 10, Missing: Quiet,
		},
	}
	for broker := 1; broker <= p.Brokers; broker++ {
		rows = append(rows, brokerRows(env, p, broker)...)
	}
	return rows
}

// brokerRows watch one broker.
func brokerRows(env config.Environment, p signals.Platform, broker int) []Row {
	watch := env.Observability
	id := func(what string) string { return fmt.Sprintf("kafka-%s-%d", what, broker) }
	return []Row{
		{
			ID: id("disk"), Runbook: "kafka-disk", Severity: Critical,
			Why:     "A broker's disk fills although storage grows by itself; a full broker stops.",
			Metric:  p.Broker(broker, "KafkaDataLogsDiskUsed", "Maximum"),
			Compare: Above, Threshold: float64(watch.Limits.KafkaDiskPercent), Periods: 5, Datapoints: 5, Missing: Quiet,
		},
		{
			// As long as the next one: MSK restarts a broker to patch it.
			ID: id("broker"), Runbook: "kafka-brokers", Severity: Warning,
			Why:     "A broker leads no partition, or does not say so: the others carry its load.",
			Metric:  p.Broker(broker, "LeaderCount", "Maximum"),
			Compare: Below, Threshold: 1, Periods: 30, Datapoints: 30, Missing: Broken,
		},
		{
			// Longer than one broker's restart in a rolling update.
			ID: id("under-replicated"), Runbook: "kafka-under-replicated", Severity: Warning,
			Why:     "A broker does not keep up with its copies: another failure would lose writes.",
			Metric:  p.Broker(broker, "UnderReplicatedPartitions", "Maximum"),
			Compare: Above, Threshold: 0, Periods: 30, Datapoints: 30, Missing: Quiet,
		},
		{
			ID: id("under-minimum"), Runbook: "kafka-under-minimum", Severity: Critical,
			Why:     "Partitions have fewer copies in sync than a write needs: the service cannot publish.",
			Metric:  p.Broker(broker, "UnderMinIsrPartitionCount", "Maximum"),
			Compare: Above, Threshold: 0, Periods: 5, Datapoints: 5, Missing: Quiet,
		},
	}
}

func networkRows(p signals.Platform) []Row {
	var rows []Row
	for i, gateway := range p.NATGateways {
		rows = append(rows, Row{
			ID: fmt.Sprintf("nat-ports-%d", i+1), Runbook: "nat-ports", Severity: Warning,
			Why:     "A NAT gateway has no port left for a new connection to one destination.",
			Metric:  p.NAT(gateway, "ErrorPortAllocation", "Sum"),
			Compare: Above, Threshold: 0, Periods: 5, Datapoints: 3, Missing: Quiet,
		})
	}
	return rows
}

// backupRows watch all vaults of the account, which holds one environment. They
// are queries because AWS Backup publishes by vault and resource type, and a
// failure anywhere counts.
func backupRows(env config.Environment) []Row {
	failed := func(id, metric, why string) Row {
		return Row{
			ID: id, Runbook: "backup-failed", Severity: Warning, Why: why,
			Expression: `SELECT SUM(` + metric + `) FROM "AWS/Backup"`,
			Metric:     signals.Metric{Period: 5 * time.Minute},
			Compare:    Above, Threshold: 0, Periods: 1, Datapoints: 1, Missing: Quiet,
		}
	}
	rows := []Row{
		failed("backup-failed", "NumberOfBackupJobsFailed", "A daily backup failed."),
		failed("backup-restore-failed", "NumberOfRestoreJobsFailed", "A restore failed, perhaps the test that proves backups work."),
	}
	if !env.DR.Mode.Copies() {
		return rows
	}
	return append(rows,
		failed("backup-copy-failed", "NumberOfCopyJobsFailed", "A backup was not copied to the second region."),
		Row{
			ID: "storage-replication", Runbook: "storage-replication", Severity: Warning,
			Why:        "Objects wait longer for their copy in the second region than S3 promises.",
			Expression: `SELECT MAX(ReplicationLatency) FROM "AWS/S3"`,
			Metric:     signals.Metric{Period: 5 * time.Minute},
			Compare:    Above, Threshold: storage.ReplicationTime.Seconds(), Periods: 3, Datapoints: 3, Missing: Quiet,
		})
}

// copiesRows watch the function that looks after copies. Broken: while it does not
// run, nobody knows.
func copiesRows(p signals.Platform) []Row {
	return []Row{{
		ID: "copies", Runbook: "copies", Severity: Warning,
		Why:        "A secret's replica does not follow, or the database's export is missing, or nobody looks.",
		Expression: signals.WatchSucceeded,
		Inputs:     p.WatchInputs(),
		Compare:    Below, Threshold: 1, Periods: 2, Datapoints: 2, Missing: Broken,
	}}
}

// functionRows watch every function of the account: they rotate passwords and
// keep the platform, and none of them serves users.
func functionRows(p signals.Platform) []Row {
	rows := []Row{{
		ID: "functions-failing", Runbook: "functions-failing", Severity: Warning,
		Why:        "A function of the platform fails; a password rotation may be stuck.",
		Expression: `SELECT SUM(Errors) FROM "AWS/Lambda"`,
		Metric:     signals.Metric{Period: 5 * time.Minute},
		Compare:    Above, Threshold: 0, Periods: 1, Datapoints: 1, Missing: Quiet,
	}}
	if p.FailedRotations == "" {
		return rows // no task holds a password that rotates
	}
	return append(rows, Row{
		ID: "rotation-not-deployed", Runbook: "rotation-not-deployed", Severity: Warning,
		Why:     "Running tasks hold a password that was rotated; the next rotation locks them out.",
		Metric:  p.Queue(p.FailedRotations, "ApproximateNumberOfMessagesVisible", "Maximum"),
		Compare: Above, Threshold: 0, Periods: 5, Datapoints: 1, Missing: Quiet,
	})
}

// lagRows watch the replication of the database into a region. Aurora publishes the
// lag of a global database beside the member that waits, and an alarm reads its own
// region alone: each region has the alarm. Where the member serves there is no lag to
// publish; where it waits, silence says that nothing is copied.
func lagRows(env config.Environment, region config.Region) []Row {
	if env.DR.Mode != config.DRStandby {
		return nil
	}
	missing := Broken
	if env.Serves(region) {
		missing = Quiet
	}
	return []Row{{
		// A query, because the metric carries the source region as a dimension, which
		// a switchover turns around.
		ID: env.AlarmLag(region), Runbook: "standby-lag", Severity: Critical,
		Why:        "This region's database is behind the one that writes: a failover to it now would lose more than promised.",
		Expression: signals.RecoveryPointLag(env.Names().DatabaseClusterName(region)),
		// The metric is in milliseconds.
		Compare: Above, Threshold: float64(env.DR.ReplicationLag.Milliseconds()), Periods: env.DR.LagMinutes + 1, Datapoints: env.DR.LagMinutes, Missing: missing,
	}}
}

func sortedKeys[V any](values map[string]V) []string { return slices.Sorted(maps.Keys(values)) }
