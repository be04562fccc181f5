package dashboards

import (
	"fmt"
	"maps"
	"slices"

	"wallet-infra/config"
	"wallet-infra/constructs/signals"
)

// business is what users get, as far as CloudWatch can see.
func business(env config.Environment, p signals.Platform) []panel {
	watch := env.Observability
	return []panel{
		{text: "# " + env.Names().Prefix() + ": business\n" +
			"What users get, measured at the load balancer. Wallets, deposits, withdrawals, transfers and money " +
			"are in Grafana's business dashboard, which reads the service's own counters from Managed Prometheus."},
		{title: "Requests a minute", lines: []line{{label: "requests", metric: p.Edge("RequestCount", "Sum")}}},
		{title: "Failed requests, percent", lines: computed("failed", signals.ErrorRate, p.ErrorRateInputs()), limits: []limit{{"promise", watch.ErrorRatePercent}}},
		{title: "Response time, seconds", lines: latency(p), limits: []limit{
			{"P95 promise", watch.LatencyTarget.Seconds()}, {"P99 promise", watch.TailLatencyTarget.Seconds()},
		}},
		{title: "Answers by class", lines: []line{
			{label: "2xx", metric: p.Edge("HTTPCode_Target_2XX_Count", "Sum")},
			{label: "4xx", metric: p.Edge("HTTPCode_Target_4XX_Count", "Sum")},
			{label: "5xx", metric: p.Edge("HTTPCode_Target_5XX_Count", "Sum")},
		}},
		{title: "Events written to Kafka, a second", lines: brokers(p, "MessagesInPerSec", "Average")},
		{title: "Requests that the web ACL blocked, a minute", lines: []line{
			{label: "blocked", metric: p.Firewall("ALL", "BlockedRequests")},
			{label: "counted", metric: p.Firewall("ALL", "CountedRequests")},
			{label: "allowed", metric: p.Firewall("ALL", "AllowedRequests")},
		}, limits: []limit{{"alarm", float64(watch.WAFBlocksPerMinute)}}},
	}
}

// computed draws an expression, whose inputs are not drawn.
func computed(label, expression string, inputs map[string]signals.Metric) []line {
	lines := []line{{label: label, expression: expression}}
	for _, id := range slices.Sorted(maps.Keys(inputs)) {
		lines = append(lines, line{label: id, id: id, hidden: true, metric: inputs[id]})
	}
	return lines
}

func latency(p signals.Platform) []line {
	var lines []line
	for _, percentile := range []string{"p50", "p95", "p99"} {
		lines = append(lines, line{label: percentile, metric: p.Edge("TargetResponseTime", percentile)})
	}
	return lines
}

// technical is how the service does its work.
func technical(env config.Environment, p signals.Platform) []panel {
	service := env.Service
	return []panel{
		{title: "Tasks", lines: []line{
			{label: "running", metric: p.Tasks("RunningTaskCount", "Average")},
			{label: "desired", metric: p.Tasks("DesiredTaskCount", "Average")},
			{label: "pending", metric: p.Tasks("PendingTaskCount", "Average")},
		}, limits: []limit{{"minimum", float64(service.MinTasks)}, {"maximum", float64(service.MaxTasks)}}},
		{title: "Tasks' CPU and memory, percent", lines: []line{
			{label: "CPU", metric: p.Service("CPUUtilization", "Average")},
			{label: "memory", metric: p.Service("MemoryUtilization", "Average")},
		}, limits: []limit{
			{"CPU target", float64(service.CPUTargetPercent)}, {"memory target", float64(service.MemoryTargetPercent)},
		}},
		{title: "Requests a minute for each task", lines: computed("requests", signals.RequestsPerTask, p.RequestsPerTaskInputs()),
			limits: []limit{{"target", float64(service.RequestsPerTaskPerMinute)}}},
		{title: "Targets", lines: slices.Concat(
			groups(p, "healthy", "HealthyHostCount", "Maximum"),
			groups(p, "unhealthy", "UnHealthyHostCount", "Maximum"))},
		{title: "Requests a minute by release", lines: groups(p, "requests", "RequestCount", "Sum")},
		{title: "Errors by origin", lines: []line{
			{label: "load balancer", metric: p.Edge("HTTPCode_ELB_5XX_Count", "Sum")},
			{label: "service", metric: p.Edge("HTTPCode_Target_5XX_Count", "Sum")},
			{label: "connections to tasks", metric: p.Edge("TargetConnectionErrorCount", "Sum")},
		}},
		{title: "Response time, seconds", lines: latency(p)},
		{title: "Database statements, milliseconds", lines: []line{
			{label: "select, readers", metric: p.Database(signals.Reader, "SelectLatency", "Average")},
			{label: "change, writer", metric: p.Database(signals.Writer, "DMLLatency", "Average")},
			{label: "commit, writer", metric: p.Database(signals.Writer, "CommitLatency", "Average")},
		}},
		{title: "Database connections", lines: roles(env, p, "DatabaseConnections", "Maximum"),
			limits: []limit{{"server's limit", float64(env.Database.MaxConnections)}}},
		{title: "Consumer lag, records", lines: []line{{
			label:      "worst group",
			expression: p.ConsumerLag(),
		}}, limits: []limit{{"alarm", float64(env.Observability.ConsumerLagRecords)}}},
	}
}

// infrastructure is what the service stands on.
func infrastructure(env config.Environment, p signals.Platform) []panel {
	limits := env.Observability.Limits
	panels := []panel{
		{title: "Database CPU, percent", lines: roles(env, p, "CPUUtilization", "Average"),
			limits: []limit{{"alarm", float64(limits.DatabaseCPUPercent)}}},
		{title: "Database free memory, bytes", lines: []line{
			{label: "least of all instances", metric: p.Volume("FreeableMemory", "Minimum")},
		}},
		{title: "Database storage, bytes", lines: []line{{label: "used", metric: p.Volume("VolumeBytesUsed", "Average")}}},
		{title: "Database deadlocks, a second", lines: []line{
			{label: "writer", metric: p.Database(signals.Writer, "Deadlocks", "Average")},
		}},
		{title: "Cache command thread, percent", lines: nodes(p, "EngineCPUUtilization", "Average"),
			limits: []limit{{"alarm", float64(limits.CacheCPUPercent)}}},
		{title: "Cache memory, percent", lines: nodes(p, "DatabaseMemoryUsagePercentage", "Maximum"),
			limits: []limit{{"alarm", float64(limits.CacheMemoryPercent)}}},
		{title: "Cache evictions, a minute", lines: nodes(p, "Evictions", "Sum")},
		{title: "Cache hit rate, percent", lines: nodes(p, "CacheHitRate", "Average")},
		{title: "Kafka disk, percent", lines: brokers(p, "KafkaDataLogsDiskUsed", "Maximum"),
			limits: []limit{
				{"grows", float64(env.Messaging.VolumeTargetPercent)}, {"alarm", float64(limits.KafkaDiskPercent)},
			}},
		{title: "Kafka CPU, percent", lines: brokers(p, "CpuUser", "Average")},
		{title: "Kafka partitions", lines: append([]line{
			{label: "offline", metric: p.KafkaCluster("OfflinePartitionsCount", "Maximum")},
		}, brokers(p, "UnderReplicatedPartitions", "Maximum")...)},
		{title: "NAT port errors", lines: gateways(p, "ErrorPortAllocation", "Sum")},
		{title: "NAT bytes to the internet", lines: gateways(p, "BytesOutToDestination", "Sum")},
		{title: "Certificate, days left", lines: []line{{label: "API", metric: p.CertificateDays()}},
			limits: []limit{{"alarm", float64(limits.CertificateDays)}}},
	}
	if env.Database.Readers > 0 {
		panels = append(panels, panel{title: "Database replica lag, milliseconds",
			lines:  []line{{label: "worst reader", metric: p.Database(signals.Reader, "AuroraReplicaLag", "Maximum")}},
			limits: []limit{{"alarm", float64(limits.ReplicaLag.Milliseconds())}}})
	}
	if env.Cache.Failover() {
		panels = append(panels, panel{title: "Cache replication lag, seconds", lines: nodes(p, "ReplicationLag", "Maximum")})
	}
	return panels
}

// roles draws a line for the writer and, when there are any, for the readers.
func roles(env config.Environment, p signals.Platform, name, statistic string) []line {
	lines := []line{{label: "writer", metric: p.Database(signals.Writer, name, statistic)}}
	if env.Database.Readers > 0 {
		lines = append(lines, line{label: "readers", metric: p.Database(signals.Reader, name, statistic)})
	}
	return lines
}

// groups draws a line for each of the two target groups, which shows a deployment
// move from one to the other.
func groups(p signals.Platform, label, name, statistic string) []line {
	metrics := p.Targets(name, statistic)
	var lines []line
	for _, colour := range slices.Sorted(maps.Keys(metrics)) {
		lines = append(lines, line{label: label + ", " + colour, metric: metrics[colour]})
	}
	return lines
}

func brokers(p signals.Platform, name, statistic string) []line {
	var lines []line
	for id := 1; id <= p.Brokers; id++ {
		lines = append(lines, line{label: fmt.Sprintf("broker %d", id), metric: p.Broker(id, name, statistic)})
	}
	return lines
}

func nodes(p signals.Platform, name, statistic string) []line {
	var lines []line
	for i, node := range p.CacheNodes {
		lines = append(lines, line{label: fmt.Sprintf("node %d", i+1), metric: p.Cache(node, name, statistic)})
	}
	return lines
}

func gateways(p signals.Platform, name, statistic string) []line {
	var lines []line
	for i, gateway := range p.NATGateways {
		lines = append(lines, line{label: fmt.Sprintf("gateway %d", i+1), metric: p.NAT(gateway, name, statistic)})
	}
	return lines
}
