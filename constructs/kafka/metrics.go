package kafka

import (
	"fmt"

	"wallet-infra/constructs/alarms"
)

// Metrics are what MSK publishes of a cluster. Each that is read exists at its free
// monitoring level, DEFAULT.
type Metrics struct {
	OfflinePartitions alarms.Metric
	// ActiveControllers is the maximum, because with KRaft each controller reports and
	// all but one report 0.
	ActiveControllers alarms.Metric
	// MostLeaders is the number of partitions that the busiest broker leads.
	MostLeaders alarms.Metric
	// ConsumerLag is the worst consumer group's, in records: a query, because groups
	// appear by themselves.
	ConsumerLag alarms.Metric

	// These are by broker.
	DiskUsed        []alarms.Metric // in percent
	Leaders         []alarms.Metric // partitions that the broker leads
	UnderReplicated []alarms.Metric // partitions
	UnderMinimum    []alarms.Metric // partitions with fewer copies in sync than a write needs
	EventsIn        []alarms.Metric // a second
	CPU             []alarms.Metric // of the brokers' own process, in percent
}

// Metrics are the cluster's.
func (c Cluster) Metrics() Metrics {
	return Metrics{
		OfflinePartitions: c.metric("OfflinePartitionsCount", "Maximum"),
		ActiveControllers: c.metric("ActiveControllerCount", "Maximum"),
		MostLeaders: alarms.Metric{Expression: fmt.Sprintf(
			`SELECT MAX(LeaderCount) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = '%s'`, c.Name)},
		ConsumerLag: alarms.Metric{Expression: fmt.Sprintf(
			`SELECT MAX(SumOffsetLag) FROM "AWS/Kafka" WHERE "Cluster Name" = '%s'`, c.Name)},
		DiskUsed:        c.each("KafkaDataLogsDiskUsed", "Maximum"),
		Leaders:         c.each("LeaderCount", "Maximum"),
		UnderReplicated: c.each("UnderReplicatedPartitions", "Maximum"),
		UnderMinimum:    c.each("UnderMinIsrPartitionCount", "Maximum"),
		EventsIn:        c.each("MessagesInPerSec", "Average"),
		CPU:             c.each("CpuUser", "Average"),
	}
}

// metric is one of the cluster.
func (c Cluster) metric(name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/Kafka", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"Cluster Name": c.Name},
	}
}

// each is a metric of every broker.
func (c Cluster) each(name, statistic string) []alarms.Metric {
	var metrics []alarms.Metric
	for id := range c.Brokers {
		metric := c.metric(name, statistic)
		metric.Dimensions["Broker ID"] = fmt.Sprint(id + 1)
		metrics = append(metrics, metric)
	}
	return metrics
}

// Replicator is the MSK Replicator as its alarms need it.
type Replicator struct {
	Name string // the dimension ReplicatorName
}

// ReplicatorMetrics are what MSK publishes of a replicator, in its own region.
type ReplicatorMetrics struct {
	Latency  alarms.Metric // in milliseconds
	Failures alarms.Metric
}

// Metrics are the replicator's.
func (r Replicator) Metrics() ReplicatorMetrics {
	of := func(name string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/Kafka", Name: name, Statistic: "Maximum",
			Dimensions: map[string]string{"ReplicatorName": r.Name},
		}
	}
	return ReplicatorMetrics{Latency: of("ReplicationLatency"), Failures: of("ReplicatorFailure")}
}
