package aurora

import (
	"fmt"

	"wallet-infra/constructs/alarms"
)

// Metrics are what RDS publishes of a cluster. Those of a role follow a failover;
// those of an instance would not.
type Metrics struct {
	Writer, Reader Instances
	// WriterDeadlocks is a rate per second.
	WriterDeadlocks alarms.Metric
	// ReaderSelects, WriterChanges and WriterCommits are latencies in milliseconds.
	ReaderSelects, WriterChanges, WriterCommits alarms.Metric
	ReaderLag                                   alarms.Metric // in milliseconds, of the worst reader
	FreeMemory                                  alarms.Metric // in bytes, of the instance that has least
	StorageUsed                                 alarms.Metric // in bytes
}

// Instances are the metrics of all instances of a role.
type Instances struct {
	CPU         alarms.Metric // in percent
	Connections alarms.Metric
}

// Metrics are the cluster's.
func (d Database) Metrics() Metrics {
	of := func(name, statistic string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/RDS", Name: name, Statistic: statistic,
			Dimensions: map[string]string{"DBClusterIdentifier": d.Name},
		}
	}
	by := func(role, name, statistic string) alarms.Metric {
		metric := of(name, statistic)
		metric.Dimensions["Role"] = role
		return metric
	}
	instances := func(role string) Instances {
		return Instances{CPU: by(role, "CPUUtilization", "Average"), Connections: by(role, "DatabaseConnections", "Maximum")}
	}
	const writer, reader = "WRITER", "READER"
	return Metrics{
		Writer:          instances(writer),
		Reader:          instances(reader),
		WriterDeadlocks: by(writer, "Deadlocks", "Average"),
		ReaderSelects:   by(reader, "SelectLatency", "Average"),
		WriterChanges:   by(writer, "DMLLatency", "Average"),
		WriterCommits:   by(writer, "CommitLatency", "Average"),
		ReaderLag:       by(reader, "AuroraReplicaLag", "Maximum"),
		FreeMemory:      of("FreeableMemory", "Minimum"),
		StorageUsed:     of("VolumeBytesUsed", "Average"),
	}
}

// RecoveryPointLag is what a failover to the cluster would lose, in milliseconds: a
// query, because the metric carries the source region as a dimension, which a
// switchover turns around.
func RecoveryPointLag(cluster string) alarms.Metric {
	return alarms.Metric{Expression: fmt.Sprintf(
		`SELECT MAX(AuroraGlobalDBRPOLag) FROM "AWS/RDS" WHERE DBClusterIdentifier = '%s'`, cluster)}
}
