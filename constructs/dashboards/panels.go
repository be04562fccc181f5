package dashboards

import (
	"fmt"

	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/edge"
)

// business is what users get, as far as CloudWatch can see.
func business(p Props) []panel {
	m := p.Metrics
	return []panel{
		{text: "# " + p.Names.Prefix() + ": business\n" +
			"What users get, measured at the load balancer. Wallets, deposits, withdrawals, transfers and money " +
			"are in Grafana's business dashboard, which reads the service's own counters from Managed Prometheus."},
		{title: "Requests a minute", lines: []line{{"requests", m.Edge.Requests}}},
		{title: "Failed requests, percent", lines: []line{{"failed", m.Edge.ErrorRate}}, limits: []limit{{"promise", p.Watch.ErrorRatePercent}}},
		{title: "Response time, seconds", lines: latency(m.Edge), limits: []limit{
			{"P95 promise", p.Watch.LatencyTarget.Seconds()}, {"P99 promise", p.Watch.TailLatencyTarget.Seconds()},
		}},
		{title: "Answers by class", lines: []line{
			{"2xx", m.Edge.Successes}, {"4xx", m.Edge.ClientErrors}, {"5xx", m.Edge.ServerErrors},
		}},
		{title: "Events written to Kafka, a second", lines: numbered("broker", m.Kafka.EventsIn)},
		{title: "Requests that the web ACL blocked, a minute", lines: []line{
			{"blocked", m.Firewall.Blocked}, {"counted", m.Firewall.Counted}, {"allowed", m.Firewall.Allowed},
		}, limits: []limit{{"alarm", float64(p.Watch.WAFBlocksPerMinute)}}},
	}
}

func latency(edge edge.Metrics) []line {
	var lines []line
	for _, percentile := range []string{"p50", "p95", "p99"} {
		lines = append(lines, line{percentile, edge.Latency.By(percentile)})
	}
	return lines
}

// technical is how the service does its work.
func technical(p Props) []panel {
	m := p.Metrics
	return []panel{
		{title: "Tasks", lines: []line{
			{"running", m.Service.Running}, {"desired", m.Service.Desired}, {"pending", m.Service.Pending},
		}, limits: []limit{{"minimum", float64(p.Service.MinTasks)}, {"maximum", float64(p.Service.MaxTasks)}}},
		{title: "Tasks' CPU and memory, percent", lines: []line{
			{"CPU", m.Service.CPU}, {"memory", m.Service.Memory},
		}, limits: []limit{
			{"CPU target", float64(p.Service.CPUTargetPercent)}, {"memory target", float64(p.Service.MemoryTargetPercent)},
		}},
		{title: "Requests a minute for each task", lines: []line{{"requests", m.Service.RequestsPerTask}},
			limits: []limit{{"target", float64(p.Service.RequestsPerTaskPerMinute)}}},
		// A line for each group shows a deployment move from one to the other.
		{title: "Targets", lines: []line{
			{"healthy, blue", m.Edge.Blue.Healthy}, {"healthy, green", m.Edge.Green.Healthy},
			{"unhealthy, blue", m.Edge.Blue.Unhealthy}, {"unhealthy, green", m.Edge.Green.Unhealthy},
		}},
		{title: "Requests a minute by release", lines: []line{
			{"requests, blue", m.Edge.Blue.Requests}, {"requests, green", m.Edge.Green.Requests},
		}},
		{title: "Errors by origin", lines: []line{
			{"load balancer", m.Edge.BalancerErrors}, {"service", m.Edge.ServerErrors}, {"connections to tasks", m.Edge.ConnectionErrors},
		}},
		{title: "Response time, seconds", lines: latency(m.Edge)},
		{title: "Database statements, milliseconds", lines: []line{
			{"select, readers", m.Database.ReaderSelects},
			{"change, writer", m.Database.WriterChanges},
			{"commit, writer", m.Database.WriterCommits},
		}},
		{title: "Database connections", lines: roles(p, m.Database.Writer.Connections, m.Database.Reader.Connections),
			limits: []limit{{"server's limit", float64(p.Database.MaxConnections)}}},
		{title: "Consumer lag, records", lines: []line{{"worst group", m.Kafka.ConsumerLag}},
			limits: []limit{{"alarm", float64(p.Watch.ConsumerLagRecords)}}},
		{title: "Outbox: age of the oldest event, seconds", lines: []line{{"oldest", m.Outbox.Age}},
			limits: []limit{{"alarm", p.Watch.Limits.OutboxAge.Seconds()}}},
		{title: "Outbox: events that wait", lines: []line{{"unpublished", m.Outbox.Rows}}},
	}
}

// infrastructure is what the service stands on.
func infrastructure(p Props) []panel {
	m, limits := p.Metrics, p.Watch.Limits
	panels := []panel{
		{title: "Database CPU, percent", lines: roles(p, m.Database.Writer.CPU, m.Database.Reader.CPU),
			limits: []limit{{"alarm", float64(limits.DatabaseCPUPercent)}}},
		{title: "Database free memory, bytes", lines: []line{{"least of all instances", m.Database.FreeMemory}}},
		{title: "Database storage, bytes", lines: []line{{"used", m.Database.StorageUsed}}},
		{title: "Database deadlocks, a second", lines: []line{{"writer", m.Database.WriterDeadlocks}}},
		{title: "Cache command thread, percent", lines: numbered("node", m.Cache.CommandCPU),
			limits: []limit{{"alarm", float64(limits.CacheCPUPercent)}}},
		{title: "Cache memory, percent", lines: numbered("node", m.Cache.Memory),
			limits: []limit{{"alarm", float64(limits.CacheMemoryPercent)}}},
		{title: "Cache evictions, a minute", lines: numbered("node", m.Cache.Evictions)},
		{title: "Cache hit rate, percent", lines: numbered("node", m.Cache.HitRate)},
		{title: "Kafka disk, percent", lines: numbered("broker", m.Kafka.DiskUsed),
			limits: []limit{
				{"grows", float64(p.Messaging.VolumeTargetPercent)}, {"alarm", float64(limits.KafkaDiskPercent)},
			}},
		{title: "Kafka CPU, percent", lines: numbered("broker", m.Kafka.CPU)},
		{title: "Kafka partitions", lines: append([]line{{"offline", m.Kafka.OfflinePartitions}},
			numbered("broker", m.Kafka.UnderReplicated)...)},
		{title: "NAT port errors", lines: numbered("gateway", m.Network.PortErrors)},
		{title: "NAT bytes to the internet", lines: numbered("gateway", m.Network.BytesOut)},
		{title: "Certificate, days left", lines: []line{{"API", m.Edge.CertificateDays}},
			limits: []limit{{"alarm", float64(limits.CertificateDays)}}},
	}
	if p.Database.Readers > 0 {
		panels = append(panels, panel{title: "Database replica lag, milliseconds",
			lines:  []line{{"worst reader", m.Database.ReaderLag}},
			limits: []limit{{"alarm", float64(limits.ReplicaLag.Milliseconds())}}})
	}
	if len(m.Cache.ReplicationLag) > 0 {
		panels = append(panels, panel{title: "Cache replication lag, seconds", lines: numbered("node", m.Cache.ReplicationLag)})
	}
	return panels
}

// roles draws a line for the writer and, when there are any, for the readers.
func roles(p Props, writer, readers alarms.Metric) []line {
	lines := []line{{"writer", writer}}
	if p.Database.Readers > 0 {
		lines = append(lines, line{"readers", readers})
	}
	return lines
}

// numbered draws a line for each of a component's parts.
func numbered(part string, metrics []alarms.Metric) []line {
	var lines []line
	for i, metric := range metrics {
		lines = append(lines, line{fmt.Sprintf("%s %d", part, i+1), metric})
	}
	return lines
}
