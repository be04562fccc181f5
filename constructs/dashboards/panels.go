package dashboards

import (
	"fmt"
	"maps"
	"slices"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/signals"
)

// business is what users get, as far as CloudWatch can see.
func business(env config.Environment, p signals.Platform) []panel {
	watch := env.Observability
	return []panel{
		{text: "# " + env.Names().Prefix() + ": business\n" +
			"What users get, measured at the load balancer. Wallets, deposits, withdrawals, transfers and money " +
			"are in Grafana's business dashboard, which reads the service's own counters from Managed Prometheus."},
		{title: "Requests a minute", lines: []line{{"requests", p.Edge("RequestCount", "Sum")}}},
		{title: "Failed requests, percent", lines: []line{{"failed", alarms.Metric{Expression: signals.ErrorRate, Inputs: p.ErrorRateInputs()}}}, limits: []limit{{"promise", watch.ErrorRatePercent}}},
		{title: "Response time, seconds", lines: latency(p), limits: []limit{
			{"P95 promise", watch.LatencyTarget.Seconds()}, {"P99 promise", watch.TailLatencyTarget.Seconds()},
		}},
		{title: "Answers by class", lines: []line{
			{"2xx", p.Edge("HTTPCode_Target_2XX_Count", "Sum")},
			{"4xx", p.Edge("HTTPCode_Target_4XX_Count", "Sum")},
			{"5xx", p.Edge("HTTPCode_Target_5XX_Count", "Sum")},
		}},
		{title: "Events written to Kafka, a second", lines: brokers(p, "MessagesInPerSec", "Average")},
		{title: "Requests that the web ACL blocked, a minute", lines: []line{
			{"blocked", p.Firewall("ALL", "BlockedRequests")},
			{"counted", p.Firewall("ALL", "CountedRequests")},
			{"allowed", p.Firewall("ALL", "AllowedRequests")},
		}, limits: []limit{{"alarm", float64(watch.WAFBlocksPerMinute)}}},
	}
}

func latency(p signals.Platform) []line {
	var lines []line
	for _, percentile := range []string{"p50", "p95", "p99"} {
		lines = append(lines, line{percentile, p.Edge("TargetResponseTime", percentile)})
	}
	return lines
}

// technical is how the service does its work.
func technical(env config.Environment, p signals.Platform) []panel {
	service := env.Service
	return []panel{
		{title: "Tasks", lines: []line{
			{"running", p.Tasks("RunningTaskCount", "Average")},
			{"desired", p.Tasks("DesiredTaskCount", "Average")},
			{"pending", p.Tasks("PendingTaskCount", "Average")},
		}, limits: []limit{{"minimum", float64(service.MinTasks)}, {"maximum", float64(service.MaxTasks)}}},
		{title: "Tasks' CPU and memory, percent", lines: []line{
			{"CPU", p.Service("CPUUtilization", "Average")},
			{"memory", p.Service("MemoryUtilization", "Average")},
		}, limits: []limit{
			{"CPU target", float64(service.CPUTargetPercent)}, {"memory target", float64(service.MemoryTargetPercent)},
		}},
		{title: "Requests a minute for each task", lines: []line{{"requests", alarms.Metric{Expression: signals.RequestsPerTask, Inputs: p.RequestsPerTaskInputs()}}},
			limits: []limit{{"target", float64(service.RequestsPerTaskPerMinute)}}},
		{title: "Targets", lines: slices.Concat(
			groups(p, "healthy", "HealthyHostCount", "Maximum"),
			groups(p, "unhealthy", "UnHealthyHostCount", "Maximum"))},
		{title: "Requests a minute by release", lines: groups(p, "requests", "RequestCount", "Sum")},
		{title: "Errors by origin", lines: []line{
			{"load balancer", p.Edge("HTTPCode_ELB_5XX_Count", "Sum")},
			{"service", p.Edge("HTTPCode_Target_5XX_Count", "Sum")},
			{"connections to tasks", p.Edge("TargetConnectionErrorCount", "Sum")},
		}},
		{title: "Response time, seconds", lines: latency(p)},
		{title: "Database statements, milliseconds", lines: []line{
			{"select, readers", p.Database(signals.Reader, "SelectLatency", "Average")},
			{"change, writer", p.Database(signals.Writer, "DMLLatency", "Average")},
			{"commit, writer", p.Database(signals.Writer, "CommitLatency", "Average")},
		}},
		{title: "Database connections", lines: roles(env, p, "DatabaseConnections", "Maximum"),
			limits: []limit{{"server's limit", float64(env.Database.MaxConnections)}}},
		{title: "Consumer lag, records", lines: []line{{
			"worst group", alarms.Metric{Expression: p.ConsumerLag()},
		}}, limits: []limit{{"alarm", float64(env.Observability.ConsumerLagRecords)}}},
	}
}

// infrastructure is what the service stands on.
func infrastructure(env config.Environment, p signals.Platform, c cache.Metrics) []panel {
	limits := env.Observability.Limits
	panels := []panel{
		{title: "Database CPU, percent", lines: roles(env, p, "CPUUtilization", "Average"),
			limits: []limit{{"alarm", float64(limits.DatabaseCPUPercent)}}},
		{title: "Database free memory, bytes", lines: []line{
			{"least of all instances", p.Volume("FreeableMemory", "Minimum")},
		}},
		{title: "Database storage, bytes", lines: []line{{"used", p.Volume("VolumeBytesUsed", "Average")}}},
		{title: "Database deadlocks, a second", lines: []line{
			{"writer", p.Database(signals.Writer, "Deadlocks", "Average")},
		}},
		{title: "Cache command thread, percent", lines: numbered("node", c.CommandCPU),
			limits: []limit{{"alarm", float64(limits.CacheCPUPercent)}}},
		{title: "Cache memory, percent", lines: numbered("node", c.Memory),
			limits: []limit{{"alarm", float64(limits.CacheMemoryPercent)}}},
		{title: "Cache evictions, a minute", lines: numbered("node", c.Evictions)},
		{title: "Cache hit rate, percent", lines: numbered("node", c.HitRate)},
		{title: "Kafka disk, percent", lines: brokers(p, "KafkaDataLogsDiskUsed", "Maximum"),
			limits: []limit{
				{"grows", float64(env.Messaging.VolumeTargetPercent)}, {"alarm", float64(limits.KafkaDiskPercent)},
			}},
		{title: "Kafka CPU, percent", lines: brokers(p, "CpuUser", "Average")},
		{title: "Kafka partitions", lines: append([]line{
			{"offline", p.KafkaCluster("OfflinePartitionsCount", "Maximum")},
		}, brokers(p, "UnderReplicatedPartitions", "Maximum")...)},
		{title: "NAT port errors", lines: gateways(p, "ErrorPortAllocation", "Sum")},
		{title: "NAT bytes to the internet", lines: gateways(p, "BytesOutToDestination", "Sum")},
		{title: "Certificate, days left", lines: []line{{"API", p.CertificateDays()}},
			limits: []limit{{"alarm", float64(limits.CertificateDays)}}},
	}
	if env.Database.Readers > 0 {
		panels = append(panels, panel{title: "Database replica lag, milliseconds",
			lines:  []line{{"worst reader", p.Database(signals.Reader, "AuroraReplicaLag", "Maximum")}},
			limits: []limit{{"alarm", float64(limits.ReplicaLag.Milliseconds())}}})
	}
	if len(c.ReplicationLag) > 0 {
		panels = append(panels, panel{title: "Cache replication lag, seconds", lines: numbered("node", c.ReplicationLag)})
	}
	return panels
}

// roles draws a line for the writer and, when there are any, for the readers.
func roles(env config.Environment, p signals.Platform, name, statistic string) []line {
	lines := []line{{"writer", p.Database(signals.Writer, name, statistic)}}
	if env.Database.Readers > 0 {
		lines = append(lines, line{"readers", p.Database(signals.Reader, name, statistic)})
	}
	return lines
}

// groups draws a line for each of the two target groups, which shows a deployment
// move from one to the other.
func groups(p signals.Platform, label, name, statistic string) []line {
	metrics := p.Targets(name, statistic)
	var lines []line
	for _, colour := range slices.Sorted(maps.Keys(metrics)) {
		lines = append(lines, line{label + ", " + colour, metrics[colour]})
	}
	return lines
}

func brokers(p signals.Platform, name, statistic string) []line {
	var lines []line
	for id := 1; id <= p.Brokers; id++ {
		lines = append(lines, line{fmt.Sprintf("broker %d", id), p.Broker(id, name, statistic)})
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

func gateways(p signals.Platform, name, statistic string) []line {
	var lines []line
	for i, gateway := range p.NATGateways {
		lines = append(lines, line{fmt.Sprintf("gateway %d", i+1), p.NAT(gateway, name, statistic)})
	}
	return lines
}
