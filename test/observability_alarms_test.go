package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"wallet-infra/config"
	"wallet-infra/constructs/cache"
)

// described is what AWS's page says of a metric: the sets of dimensions by which it
// exists, and the statistics that AWS calls useful, or all where it names none.
type described struct{ by, statistics string }

const anyStatistic = "Average Maximum Minimum Sum p50 p95 p99"

// awsMetrics are the metrics of each namespace that the platform reads. CloudWatch
// accepts any name and any dimension: a misspelt one is an empty graph and a silent
// alarm.
var awsMetrics = map[string]map[string]described{
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
	"AWS/ApplicationELB": {
		"RequestCount":               {"LoadBalancer | LoadBalancer, TargetGroup", "Sum"},
		"HTTPCode_ELB_5XX_Count":     {"LoadBalancer", "Sum"},
		"HTTPCode_Target_2XX_Count":  {"LoadBalancer | LoadBalancer, TargetGroup", "Sum"},
		"HTTPCode_Target_4XX_Count":  {"LoadBalancer | LoadBalancer, TargetGroup", "Sum"},
		"HTTPCode_Target_5XX_Count":  {"LoadBalancer | LoadBalancer, TargetGroup", "Sum"},
		"TargetConnectionErrorCount": {"LoadBalancer | LoadBalancer, TargetGroup", "Sum"},
		"TargetResponseTime":         {"LoadBalancer | LoadBalancer, TargetGroup", "Average p50 p95 p99"},
		"HealthyHostCount":           {"LoadBalancer, TargetGroup", "Average Minimum Maximum"},
		"UnHealthyHostCount":         {"LoadBalancer, TargetGroup", "Average Minimum Maximum"},
	},
	// https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
	"AWS/WAFV2": each("Region, Rule, WebACL", "Sum", "BlockedRequests", "AllowedRequests", "CountedRequests"),
	// https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
	"AWS/CertificateManager": each("CertificateArn", anyStatistic, "DaysToExpiry"),
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
	"AWS/ECS": each("ClusterName, ServiceName", "Average Minimum Maximum", "CPUUtilization", "MemoryUtilization"),
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
	"ECS/ContainerInsights": each("ClusterName, ServiceName", anyStatistic, "RunningTaskCount", "DesiredTaskCount", "PendingTaskCount"),
	// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
	"AWS/RDS": each("DBClusterIdentifier | DBClusterIdentifier, Role", anyStatistic,
		"CPUUtilization", "DatabaseConnections", "Deadlocks", "FreeableMemory", "AuroraReplicaLag", "VolumeBytesUsed",
		"SelectLatency", "DMLLatency", "CommitLatency", "AuroraGlobalDBRPOLag"),
	// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
	"AWS/ElastiCache": each("CacheClusterId", anyStatistic,
		"EngineCPUUtilization", "DatabaseMemoryUsagePercentage", "Evictions", "ReplicationLag", "CacheHitRate"),
	// https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html
	"AWS/Kafka": {
		"OfflinePartitionsCount":    {"Cluster Name", anyStatistic},
		"ActiveControllerCount":     {"Cluster Name", anyStatistic},
		"SumOffsetLag":              {"Cluster Name, Consumer Group, Topic", anyStatistic},
		"KafkaDataLogsDiskUsed":     {"Broker ID, Cluster Name", anyStatistic},
		"UnderReplicatedPartitions": {"Broker ID, Cluster Name", anyStatistic},
		"UnderMinIsrPartitionCount": {"Broker ID, Cluster Name", anyStatistic},
		"MessagesInPerSec":          {"Broker ID, Cluster Name", anyStatistic},
		"CpuUser":                   {"Broker ID, Cluster Name", anyStatistic},
		"LeaderCount":               {"Broker ID, Cluster Name", anyStatistic},
		// https://docs.aws.amazon.com/msk/latest/developerguide/msk-replicator-monitor.html
		"ReplicationLatency": {"ReplicatorName", anyStatistic},
		"ReplicatorFailure":  {"ReplicatorName", anyStatistic},
	},
	// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html
	"AWS/Route53": each("HealthCheckId", "Average Minimum Maximum", "HealthCheckStatus"),
	// https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
	"AWS/NATGateway": each("NatGatewayId", "Sum", "ErrorPortAllocation", "BytesOutToDestination"),
	// https://docs.aws.amazon.com/aws-backup/latest/devguide/cloudwatch.html
	"AWS/Backup": each("BackupVaultName, ResourceType", "Sum", "NumberOfBackupJobsFailed", "NumberOfCopyJobsFailed", "NumberOfRestoreJobsFailed"),
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
	"AWS/S3": each("DestinationBucket, RuleId, SourceBucket", "Maximum", "ReplicationLatency"),
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
	"AWS/Lambda": each("FunctionName", "Sum", "Errors", "Invocations"),
	// Ours: lambda/outbox writes them, and test/engines/mysql reads what it writes.
	"Wallet": each("Environment", anyStatistic, "OutboxOldestEventAge", "OutboxUnpublishedEvents"),
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
	"AWS/SQS": each("QueueName", anyStatistic, "ApproximateNumberOfMessagesVisible"),
}

// each says the same of several metrics.
func each(by, statistics string, metrics ...string) map[string]described {
	all := map[string]described{}
	for _, metric := range metrics {
		all[metric] = described{by, statistics}
	}
	return all
}

// isDocumented fails for a metric that AWS does not publish by these dimensions.
func isDocumented(t *testing.T, who string, s series) {
	t.Helper()
	says, there := awsMetrics[s.namespace][s.metric]
	if !assert.Truef(t, there, "%s: %s publishes no %s", who, s.namespace, s.metric) {
		return
	}
	assert.Containsf(t, strings.Split(says.by, " | "), s.dimensionNames(), "%s: %s does not exist by these dimensions", who, s.metric)
	assert.Containsf(t, strings.Fields(says.statistics), s.statistic, "%s: %s says nothing by this statistic", who, s.metric)
}

// insightsStatistics are CloudWatch's statistics as Metrics Insights calls them.
var insightsStatistics = map[string]string{"MAX": "Maximum", "SUM": "Sum", "MIN": "Minimum", "AVG": "Average"}

// eachThatIsWatched is each environment, and one in which the replicator runs.
func eachThatIsWatched(t *testing.T, check func(t *testing.T, env environment)) {
	t.Helper()
	eachEnvironment(t, check)
	t.Run("with a replicator", func(t *testing.T) { check(t, altered(t, replicating())) })
}

func TestNoAlarmWaitsForAMetricThatDoesNotExist(t *testing.T) {
	t.Parallel()
	eachThatIsWatched(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			for _, s := range a.reads() {
				isDocumented(t, id, s)
			}
			query, is := a.selects(t)
			if !is {
				continue
			}
			says, there := awsMetrics[query.namespace][query.metric]
			assert.Truef(t, there, "%s: %s publishes no %s", id, query.namespace, query.metric)
			assert.Containsf(t, strings.Fields(says.statistics), insightsStatistics[query.function], "%s", id)
			if query.dimension != "" {
				// RDS publishes what it measures between regions by more dimensions than it documents.
				assert.Containsf(t, says.by, query.dimension, "%s", id)
				assert.Truef(t, env.exists(a.stack.region, query.dimension, query.value), "%s: nothing in %s is called %s", id, a.stack.region, query.value)
			}
		}
	})
}

// bound is when an alarm begins, in the unit in which AWS publishes the metric.
type bound struct {
	comparison string
	threshold  float64
}

func above[N int | float64](threshold N) bound {
	return bound{"GreaterThanThreshold", float64(threshold)}
}
func below[N int | float64](threshold N) bound { return bound{"LessThanThreshold", float64(threshold)} }

// milliseconds are a duration as Aurora and MSK publish lags.
func milliseconds(d time.Duration) float64 { return float64(d.Milliseconds()) }

// memoryGiB is the memory of the seed's instance classes ("Hardware specifications for
// DB instance classes for Aurora").
var memoryGiB = map[string]int{"r6g.large": 16, "r6g.2xlarge": 64}

// bounds are what must be watched in a region, by how it is read: the seed's and the
// issue's list, with the thresholds of config. What metric math computes is judged
// by its behaviour (observability_behaviour_test.go).
func bounds(env environment, region string) map[string]bound {
	promise, limits, service, database := env.Observability, env.Observability.Limits, env.Service, env.Database
	connections := above(database.MaxConnections * limits.ConnectionsPercent / 100)
	all := map[string]bound{
		"p95 TargetResponseTime":                     above(promise.LatencyTarget.Seconds()),
		"p99 TargetResponseTime":                     above(promise.TailLatencyTarget.Seconds()),
		"Sum BlockedRequests":                        above(promise.WAFBlocksPerMinute),
		"Sum AddressRate CountedRequests":            above(promise.WAFBlocksPerMinute),
		"Minimum DaysToExpiry":                       below(limits.CertificateDays),
		"Average MemoryUtilization":                  above(float64(service.MemoryTargetPercent+100) / 2), // autoscaling has not helped
		"Maximum DesiredTaskCount":                   {"GreaterThanOrEqualToThreshold", float64(service.MaxTasks)},
		"Minimum RunningTaskCount":                   below(env.MinTasks(config.Region{Name: region})),
		"Average WRITER CPUUtilization":              above(limits.DatabaseCPUPercent),
		"Maximum WRITER DatabaseConnections":         connections,
		"Average WRITER Deadlocks":                   above(float64(limits.DeadlocksPerMinute) / 60), // a second
		"Minimum FreeableMemory":                     below(float64(memoryGiB[database.InstanceType]*limits.FreeMemoryPercent) / 100 * (1 << 30)),
		"Average EngineCPUUtilization":               above(limits.CacheCPUPercent),
		"Maximum DatabaseMemoryUsagePercentage":      above(limits.CacheMemoryPercent),
		"Sum Evictions":                              above(limits.EvictionsPerMinute),
		"MAX(LeaderCount)":                           below(1),
		"Maximum LeaderCount":                        below(1),
		"Maximum OfflinePartitionsCount":             above(0),
		"Maximum ActiveControllerCount":              below(1),
		"Maximum UnderReplicatedPartitions":          above(0),
		"Maximum UnderMinIsrPartitionCount":          above(0),
		"Maximum KafkaDataLogsDiskUsed":              above(limits.KafkaDiskPercent),
		"MAX(SumOffsetLag)":                          above(promise.ConsumerLagRecords),
		"Maximum OutboxOldestEventAge":               above(limits.OutboxAge.Seconds()),
		"Sum ErrorPortAllocation":                    above(0),
		"SUM(NumberOfBackupJobsFailed)":              above(0),
		"SUM(NumberOfRestoreJobsFailed)":             above(0),
		"SUM(Errors)":                                above(0),
		"Maximum ApproximateNumberOfMessagesVisible": above(0),
	}
	if env.Edge.Firewall.Modes.AddressRate != config.FirewallCount {
		delete(all, "Sum AddressRate CountedRequests")
	}
	if env.Cache.Failover() {
		all["Maximum ReplicationLag"] = above(limits.ReplicaLag.Seconds())
	}
	first := region == env.Primary.Name
	if first && database.Readers > 0 {
		all["Average READER CPUUtilization"] = above(limits.DatabaseCPUPercent)
		all["Maximum READER DatabaseConnections"] = connections
		all["Maximum READER AuroraReplicaLag"] = above(milliseconds(limits.ReplicaLag))
	}
	if first && env.DR.Mode.Copies() {
		all["SUM(NumberOfCopyJobsFailed)"] = above(0)
		all["MAX(ReplicationLatency)"] = above(900) // seconds: S3 promises a quarter of an hour
	}
	if env.DR.Mode == config.DRStandby {
		all["MAX(AuroraGlobalDBRPOLag)"] = above(milliseconds(env.DR.ReplicationLag))
		if !first {
			all["Minimum HealthCheckStatus"] = below(1) // Route 53: 1 is healthy
		}
		if !first && env.Replication() == config.ReplicationRunning {
			all["Maximum ReplicationLatency"] = above(milliseconds(env.DR.EventLag))
			all["Maximum ReplicatorFailure"] = above(0)
		}
	}
	return all
}

// reading says how an alarm on a metric or a query reads it; empty for metric math.
func (a alarm) reading(t *testing.T) string {
	t.Helper()
	if query, is := a.selects(t); is {
		return fmt.Sprintf("%s(%s)", query.function, query.metric)
	}
	if a.expression() != "" || a.MetricName == "" {
		return ""
	}
	return a.reads()[0].statistic + " " + a.reads()[0].name()
}

// publishers are the namespaces of CloudWatch in which the metric of a reading is.
func publishers(reading string) string {
	words := strings.FieldsFunc(reading, func(r rune) bool { return r == ' ' || r == '(' || r == ')' })
	var found []string
	for _, namespace := range slices.Sorted(maps.Keys(awsMetrics)) {
		if _, publishes := awsMetrics[namespace][words[len(words)-1]]; publishes {
			found = append(found, namespace)
		}
	}
	return strings.Join(found, " or ")
}

func TestNoComponentFailsUnnoticed(t *testing.T) {
	t.Parallel()
	eachThatIsWatched(t, func(t *testing.T, env environment) {
		regions := []string{env.Primary.Name}
		if env.DR.Mode == config.DRStandby {
			regions = append(regions, env.Secondary.Name)
		}
		for _, region := range regions {
			got, from := map[string]bound{}, map[string]string{}
			for id, a := range env.alarms(t) {
				how := a.reading(t)
				if a.stack.region != region || how == "" {
					continue
				}
				one := bound{a.ComparisonOperator, a.Threshold}
				if other, again := got[how]; again {
					assert.Equalf(t, other, one, "%s begins elsewhere than its like", id)
				}
				got[how], from[how] = one, id
			}
			want := bounds(env, region)
			for how, bound := range want {
				is, watched := got[how]
				if assert.Truef(t, watched, "%s in %s: no alarm watches %s. Its construct (constructs/*/alarms.go) must, at %v", publishers(how), region, how, bound) {
					assert.Equalf(t, bound, is, "%s in %s: the alarm %s on %s begins elsewhere than config says", publishers(how), region, from[how], how)
				}
			}
			for how := range got {
				assert.Containsf(t, want, how, "%s in %s: the alarm %s watches %s, and bounds in test/observability_alarms_test.go does not say from where on", publishers(how), region, from[how], how)
			}
		}
	})
}

func TestTheSeedsServiceLevelsAreWatched(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Equal(t, 100*time.Millisecond, env.Observability.LatencyTarget, "P95")
		assert.Equal(t, 200*time.Millisecond, env.Observability.TailLatencyTarget, "P99")
		assert.InDelta(t, 0.1, env.Observability.ErrorRatePercent, 0)
		for _, id := range []string{"edge-latency", "edge-tail-latency"} {
			assert.Equalf(t, "ignore", env.alarm(t, id).EvaluateLowSampleCountPercentile, "%s: one slow request at night wakes somebody", id)
		}
	})
}

func TestEveryNodeHasItsOwnAlarm(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		everyNodeHasItsAlarm(t, env, env.Primary, env.Network.NATGateways)
		if env.DR.Mode == config.DRStandby {
			everyNodeHasItsAlarm(t, env, env.Secondary, env.DR.Network.NATGateways)
		}
	})
}

func everyNodeHasItsAlarm(t *testing.T, env environment, region config.Region, gateways int) {
	t.Helper()
	nodes := map[string]map[string]bool{} // by metric
	for _, a := range env.alarms(t) {
		if a.stack.region == region.Name && a.MetricName != "" {
			if nodes[a.MetricName] == nil {
				nodes[a.MetricName] = map[string]bool{}
			}
			nodes[a.MetricName][fmt.Sprint(a.Dimensions)] = true
		}
	}
	replicas := 0
	if env.Cache.Failover() {
		replicas = env.Cache.Nodes() // each may be one
	}
	for metric, count := range map[string]int{
		"EngineCPUUtilization": env.Cache.Nodes(), "DatabaseMemoryUsagePercentage": env.Cache.Nodes(), "Evictions": env.Cache.Nodes(),
		"ReplicationLag":        replicas,
		"KafkaDataLogsDiskUsed": env.Messaging.Brokers, "LeaderCount": env.Messaging.Brokers,
		"UnderReplicatedPartitions": env.Messaging.Brokers, "UnderMinIsrPartitionCount": env.Messaging.Brokers,
		"ErrorPortAllocation": gateways,
	} {
		assert.Lenf(t, nodes[metric], count, "%s: resources of which %s is watched", region.Name, metric)
	}
}

func TestCacheNodesAreNamedAsElastiCacheNamesThem(t *testing.T) {
	assert.Equal(t, []string{"wallet-0001-001", "wallet-0001-002", "wallet-0002-001", "wallet-0002-002"},
		cache.Nodes("wallet", config.Cache{ClusterMode: true, Shards: 2, Replicas: 1}))
	assert.Equal(t, []string{"wallet-001"}, cache.Nodes("wallet", config.Cache{Shards: 1}))
}

// always says whether AWS publishes a metric whenever the resource is there, so that
// silence is a failure. With KRaft AWS documents none of the controllers' metrics.
func always(env environment, region, metric string) bool {
	active := region == env.DR.ActiveRegion || env.DR.Mode != config.DRStandby
	switch metric {
	case "WRITER CPUUtilization", "OutboxOldestEventAge":
		return active // only the active region has a writer, and events of its own
	case "AuroraGlobalDBRPOLag":
		return !active // a secondary cluster publishes it
	}
	return slices.Contains([]string{
		"EngineCPUUtilization", "LeaderCount", "RunningTaskCount", "HealthCheckStatus",
		"blue HealthyHostCount", "green HealthyHostCount",
		"Invocations", // of a function on a schedule
	}, metric)
}

func TestAlarmsDoNotSleepThroughSilence(t *testing.T) {
	t.Parallel()
	eachThatIsWatched(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if a.AlarmRule != "" {
				continue
			}
			names := a.metrics(t)
			for _, s := range a.reads() {
				names = append(names, s.name())
			}
			want := "notBreaching"
			if slices.ContainsFunc(names, func(name string) bool { return always(env, a.stack.region, name) }) &&
				!strings.Contains(a.expression(), "desired") { // without tasks, nothing to say of each
				want = "breaching"
			}
			assert.Equalf(t, want, a.TreatMissingData, "%s", id)
		}
	})
}

// standsBy says whether an alarm is the second region's copy of one of the first.
func standsBy(id string) bool { return strings.HasPrefix(id, "standby-") && id != "standby-lag" }

func TestWhatWakesSomebodyIsWorthIt(t *testing.T) {
	t.Parallel()
	critical := []string{
		"outage", "edge-errors", "edge-latency", "edge-healthy-targets", "service-tasks", "outbox-age",
		"database-writer-cpu", "database-writer-connections", "database-reader-connections",
		"kafka-brokers", "kafka-offline-partitions", "kafka-controller", "standby-lag", "primary-lag", "load-balancer-sa-east-1",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if endsDeployments(id) {
				assert.Emptyf(t, a.AlarmActions, "%s: an accident of a minute is no reason to wake somebody", id)
				continue
			}
			want := "AlertsWarning"
			if !standsBy(id) && slices.Contains(critical, id) || strings.HasPrefix(id, "kafka-disk-") || strings.HasPrefix(id, "kafka-under-minimum-") {
				want = "AlertsCritical"
			}
			assert.Containsf(t, fmt.Sprint(a.AlarmActions), want, "%s", id) // of its own stack, or of the ground that it stands on
		}
	})
}

// Ten minutes are what a person on call may lose to a critical alarm, and half an hour
// to a warning; a single minute is an accident. Where nothing is an accident (a
// failed job, a rotation that nobody followed), one value is enough.
func TestAlarmsComeSoonAndNotByAccident(t *testing.T) {
	certain := []string{"NumberOfBackupJobsFailed", "NumberOfCopyJobsFailed", "NumberOfRestoreJobsFailed", "ApproximateNumberOfMessagesVisible", "DaysToExpiry", "Errors"}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if a.AlarmRule != "" {
				continue
			}
			assert.LessOrEqualf(t, a.DatapointsToAlarm, a.EvaluationPeriods, "%s", id)
			needed := time.Duration(float64(a.DatapointsToAlarm)*a.seconds(t)) * time.Second
			switch {
			case strings.Contains(fmt.Sprint(a.AlarmActions), "AlertsCritical"):
				assert.LessOrEqualf(t, needed, 10*time.Minute, "%s", id)
			case a.seconds(t) < 3600: // the rest is published by the hour or day
				assert.LessOrEqualf(t, needed, 30*time.Minute, "%s", id)
			}
			if !slices.Contains(certain, a.metrics(t)[0]) {
				assert.Greaterf(t, a.DatapointsToAlarm, 1, "%s: an accident of a minute", id)
			}
		}
	})
}

// AWS publishes the life of certificates once a day and counts backup jobs every five
// minutes (the pages above).
func TestNoPeriodIsShorterThanAWSMeasures(t *testing.T) {
	published := map[string]float64{"DaysToExpiry": 86400, "NumberOfBackupJobsFailed": 300, "NumberOfCopyJobsFailed": 300, "NumberOfRestoreJobsFailed": 300}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			for _, metric := range a.metrics(t) {
				assert.GreaterOrEqualf(t, a.seconds(t), published[metric], "%s: most periods would be empty", id)
			}
		}
	})
}
