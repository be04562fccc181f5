package kafka

import (
	"fmt"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Alarms watch the cluster and each of its brokers. AWS does not say that KRaft
// publishes the controllers' metrics (the active controllers, and the partitions
// offline and under their minimum), so their absence says nothing; what the brokers
// publish of themselves must be there.
func (c Cluster) Alarms(watch config.Observability) []alarms.Row {
	metrics := c.Metrics()
	rows := []alarms.Row{
		{
			ID: "kafka-brokers", Runbook: "kafka-brokers", Severity: alarms.Critical,
			Why:     "No broker leads a partition, or none says so: no event can be written or read.",
			Metric:  metrics.MostLeaders,
			Compare: alarms.Below, Threshold: 1, Periods: 6, Datapoints: 5, Missing: alarms.Breaching,
		},
		{
			ID: "kafka-offline-partitions", Runbook: "kafka-offline-partitions", Severity: alarms.Critical,
			Why:     "Some partitions have no leader: their events can be neither written nor read.",
			Metric:  metrics.OfflinePartitions,
			Compare: alarms.Above, Threshold: 0, Periods: 3, Datapoints: 3, Missing: alarms.NotBreaching,
		},
		{
			ID: "kafka-controller", Runbook: "kafka-controller", Severity: alarms.Critical,
			Why:     "No controller is active: Kafka cannot choose leaders.",
			Metric:  metrics.ActiveControllers,
			Compare: alarms.Below, Threshold: 1, Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			ID: "kafka-consumer-lag", Runbook: "kafka-consumer-lag", Severity: alarms.Warning,
			Why:     "A consumer group falls behind, and what depends on events is late.",
			Metric:  metrics.ConsumerLag,
			Compare: alarms.Above, Threshold: float64(watch.ConsumerLagRecords), Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
	}
	for i := range metrics.Leaders {
		rows = append(rows, metrics.brokerAlarms(i, watch.Limits)...)
	}
	return rows
}

// brokerAlarms watch one broker.
func (m Metrics) brokerAlarms(i int, limits config.Limits) []alarms.Row {
	id := func(what string) string { return fmt.Sprintf("kafka-%s-%d", what, i+1) }
	return []alarms.Row{
		{
			ID: id("disk"), Runbook: "kafka-disk", Severity: alarms.Critical,
			Why:     "A broker's disk fills although storage grows by itself; a full broker stops.",
			Metric:  m.DiskUsed[i],
			Compare: alarms.Above, Threshold: float64(limits.KafkaDiskPercent), Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
		{
			// As long as the next one: MSK restarts a broker to patch it.
			ID: id("broker"), Runbook: "kafka-brokers", Severity: alarms.Warning,
			Why:     "A broker leads no partition, or does not say so: the others carry its load.",
			Metric:  m.Leaders[i],
			Compare: alarms.Below, Threshold: 1, Periods: 30, Datapoints: 30, Missing: alarms.Breaching,
		},
		{
			// Longer than one broker's restart in a rolling update.
			ID: id("under-replicated"), Runbook: "kafka-under-replicated", Severity: alarms.Warning,
			Why:     "A broker does not keep up with its copies: another failure would lose writes.",
			Metric:  m.UnderReplicated[i],
			Compare: alarms.Above, Threshold: 0, Periods: 30, Datapoints: 30, Missing: alarms.NotBreaching,
		},
		{
			ID: id("under-minimum"), Runbook: "kafka-under-minimum", Severity: alarms.Critical,
			Why:     "Partitions have fewer copies in sync than a write needs: the service cannot publish.",
			Metric:  m.UnderMinimum[i],
			Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 5, Missing: alarms.NotBreaching,
		},
	}
}

// Alarms watch the copying of events, in the replicator's region.
func (r Replicator) Alarms(dr config.DR) []alarms.Row {
	metrics := r.Metrics()
	return []alarms.Row{
		{
			ID: config.AlarmReplicator, Runbook: "standby-replicator", Severity: alarms.Warning,
			Why:    "Events reach the second region late: a failover now would have to publish more of them again.",
			Metric: metrics.Latency,
			// The metric is in milliseconds.
			Compare: alarms.Above, Threshold: float64(dr.EventLag.Milliseconds()), Periods: dr.LagMinutes + 1, Datapoints: dr.LagMinutes, Missing: alarms.NotBreaching,
		},
		{
			ID: "standby-replicator-failed", Runbook: "standby-replicator", Severity: alarms.Warning,
			Why:     "The replicator of events fails: it cannot read one cluster or write the other.",
			Metric:  metrics.Failures,
			Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		},
	}
}
