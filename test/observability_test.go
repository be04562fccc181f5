package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"wallet-infra/config"
	"wallet-infra/constructs/cache"
)

const runbookPage = "docs/RUNBOOK.md"

// anchorOf finds the runbook entry that a text sends its reader to.
var anchorOf = regexp.MustCompile(regexp.QuoteMeta(runbookPage) + `#([a-z0-9-]+)`)

// alarm is a CloudWatch alarm as the tests need it.
type alarm struct {
	resource
	id string // the name without the environment's prefix
}

// alarms lists the single and composite alarms of all of an environment's stacks.
func (e environment) alarms() map[string]alarm {
	found := map[string]alarm{}
	for _, stack := range e.stacks {
		for _, kind := range []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"} {
			for _, r := range stack.ofType(kind) {
				name, _ := r.Properties["AlarmName"].(string)
				id := strings.TrimPrefix(name, e.Names().Prefix()+"-")
				found[id] = alarm{resource: r, id: id}
			}
		}
	}
	return found
}

// metrics are the names of the metrics that the alarm compares.
func (a alarm) metrics() []string {
	if name, ok := a.Properties["MetricName"].(string); ok {
		return []string{name}
	}
	var names []string
	queries, _ := a.Properties["Metrics"].([]any)
	for _, query := range queries {
		if name, ok := at(query, "MetricStat", "Metric", "MetricName").(string); ok {
			names = append(names, name)
		}
		names = append(names, insightsMetric(render(at(query, "Expression")))...)
	}
	return names
}

var insights = regexp.MustCompile(`SELECT [A-Z]+\((\w+)\)`)

func insightsMetric(expression string) []string {
	if found := insights.FindStringSubmatch(expression); found != nil {
		return found[1:]
	}
	return nil
}

// render flattens a text that CloudFormation joins at deployment; each part that
// only AWS knows becomes "later".
func render(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		if parts, ok := at(v, "Fn::Join", 1).([]any); ok {
			var text strings.Builder
			for _, part := range parts {
				text.WriteString(render(part))
			}
			return text.String()
		}
		if inner, ok := v["Fn::Base64"]; ok {
			return render(inner)
		}
		if v != nil {
			return "later"
		}
	}
	return ""
}

// The seed's and the list of what must be watched, by the metric that
// shows it.
func TestNoComponentFailsUnnoticed(t *testing.T) {
	always := map[string][]string{
		"load balancer errors":     {"HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"},
		"latency":                  {"TargetResponseTime"},
		"healthy targets":          {"HealthyHostCount", "UnHealthyHostCount"},
		"service CPU and memory":   {"CPUUtilization", "MemoryUtilization"},
		"running tasks":            {"RunningTaskCount"},
		"database connections":     {"DatabaseConnections"},
		"database replica lag":     {"AuroraReplicaLag"},
		"database deadlocks":       {"Deadlocks"},
		"database free memory":     {"FreeableMemory"},
		"cache CPU":                {"EngineCPUUtilization"},
		"cache memory":             {"DatabaseMemoryUsagePercentage"},
		"cache evictions":          {"Evictions"},
		"Kafka disk":               {"KafkaDataLogsDiskUsed"},
		"Kafka partitions":         {"OfflinePartitionsCount", "UnderReplicatedPartitions", "UnderMinIsrPartitionCount"},
		"Kafka controller":         {"ActiveControllerCount"},
		"Kafka brokers":            {"LeaderCount"},
		"Kafka consumers":          {"SumOffsetLag"},
		"NAT ports":                {"ErrorPortAllocation"},
		"web ACL":                  {"BlockedRequests"},
		"certificate":              {"DaysToExpiry"},
		"backups and restores":     {"NumberOfBackupJobsFailed", "NumberOfRestoreJobsFailed"},
		"rotations and provisions": {"Errors"},
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		want := maps.Clone(always)
		if env.Cache.Failover() {
			want["cache replication lag"] = []string{"ReplicationLag"}
		}
		if env.DR.Mode.Copies() {
			want["copies"] = []string{"NumberOfCopyJobsFailed", "ReplicationLatency"}
		}
		watched := map[string]bool{}
		for _, a := range env.alarms() {
			for _, metric := range a.metrics() {
				watched[metric] = true
			}
		}
		for component, metrics := range want {
			for _, metric := range metrics {
				assert.Truef(t, watched[metric], "%s: no alarm reads %s", component, metric)
			}
		}
	})
}

func TestEveryNodeHasItsOwnAlarm(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		everyNodeHasItsAlarm(t, env, env.Network.NATGateways, func(id string) bool { return !standsBy(id) })
		if env.DR.Mode == config.DRStandby {
			everyNodeHasItsAlarm(t, env, env.DR.Network.NATGateways, standsBy)
		}
	})
}

// standsBy says whether an alarm is the second region's copy of one of the first.
func standsBy(id string) bool { return strings.HasPrefix(id, "standby-") && id != "standby-lag" }

// everyNodeHasItsAlarm checks the alarms of one region.
func everyNodeHasItsAlarm(t *testing.T, env environment, gateways int, here func(id string) bool) {
	t.Helper()
	want := map[string]int{
		"EngineCPUUtilization":          env.Cache.Nodes(),
		"DatabaseMemoryUsagePercentage": env.Cache.Nodes(),
		"Evictions":                     env.Cache.Nodes(),
		"KafkaDataLogsDiskUsed":         env.Messaging.Brokers,
		"LeaderCount":                   env.Messaging.Brokers + 1, // and of all together
		"UnderReplicatedPartitions":     env.Messaging.Brokers,
		"UnderMinIsrPartitionCount":     env.Messaging.Brokers,
		"ErrorPortAllocation":           gateways,
		"ReplicationLag":                0,
	}
	if env.Cache.Failover() {
		want["ReplicationLag"] = env.Cache.Nodes()
	}
	dimensions := map[string]map[string]bool{}
	for id, a := range env.alarms() {
		if !here(id) {
			continue
		}
		for _, metric := range a.metrics() {
			if dimensions[metric] == nil {
				dimensions[metric] = map[string]bool{}
			}
			encoded, err := json.Marshal(a.Properties["Dimensions"])
			require.NoError(t, err)
			dimensions[metric][string(encoded)] = true
		}
	}
	for metric, count := range want {
		assert.Lenf(t, dimensions[metric], count, "distinct resources of which %s is watched", metric)
	}
}

func TestCacheNodesAreNamedAsElastiCacheNamesThem(t *testing.T) {
	assert.Equal(t, []string{"wallet-0001-001", "wallet-0001-002", "wallet-0002-001", "wallet-0002-002"},
		cache.Nodes("wallet", config.Cache{ClusterMode: true, Shards: 2, Replicas: 1}))
	assert.Equal(t, []string{"wallet-001"}, cache.Nodes("wallet", config.Cache{Shards: 1}))
}

func TestAlarmsBeginWhereThePromisesEnd(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		watch, limits := env.Observability, env.Observability.Limits
		connections := float64(env.Database.MaxConnections) * float64(limits.ConnectionsPercent) / 100
		for id, want := range map[string]struct {
			compare   string
			threshold float64
		}{
			"edge-errors":                 {"GreaterThanThreshold", watch.ErrorRatePercent},
			"edge-latency":                {"GreaterThanThreshold", watch.LatencyTarget.Seconds()},
			"edge-tail-latency":           {"GreaterThanThreshold", watch.TailLatencyTarget.Seconds()},
			"edge-unhealthy-targets":      {"GreaterThanThreshold", 0},
			"edge-healthy-targets":        {"LessThanThreshold", 1},
			"service-tasks":               {"LessThanThreshold", float64(env.Service.MinTasks)},
			"service-at-maximum":          {"GreaterThanOrEqualToThreshold", float64(env.Service.MaxTasks)},
			"service-cpu":                 {"GreaterThanThreshold", 85},
			"service-memory":              {"GreaterThanThreshold", 90},
			"database-writer-cpu":         {"GreaterThanThreshold", float64(limits.DatabaseCPUPercent)},
			"database-reader-cpu":         {"GreaterThanThreshold", float64(limits.DatabaseCPUPercent)},
			"database-writer-connections": {"GreaterThanThreshold", connections},
			"database-reader-connections": {"GreaterThanThreshold", connections},
			"database-replica-lag":        {"GreaterThanThreshold", 1000}, // milliseconds
			"database-deadlocks":          {"GreaterThanThreshold", 0.1},  // a second
			"database-memory":             {"LessThanThreshold", float64(env.Database.MemoryMiB()) / 10 * (1 << 20)},
			"cache-cpu-1":                 {"GreaterThanThreshold", float64(limits.CacheCPUPercent)},
			"cache-memory-1":              {"GreaterThanThreshold", float64(limits.CacheMemoryPercent)},
			"cache-evictions-1":           {"GreaterThanThreshold", float64(limits.EvictionsPerMinute)},
			"kafka-disk-1":                {"GreaterThanThreshold", float64(limits.KafkaDiskPercent)},
			"kafka-brokers":               {"LessThanThreshold", 1},
			"kafka-broker-1":              {"LessThanThreshold", 1},
			"kafka-offline-partitions":    {"GreaterThanThreshold", 0},
			"kafka-under-replicated-1":    {"GreaterThanThreshold", 0},
			"kafka-under-minimum-1":       {"GreaterThanThreshold", 0},
			"kafka-controller":            {"LessThanThreshold", 1},
			"kafka-consumer-lag":          {"GreaterThanThreshold", float64(watch.ConsumerLagRecords)},
			"nat-ports-1":                 {"GreaterThanThreshold", 0},
			"waf-blocks":                  {"GreaterThanThreshold", float64(watch.WAFBlocksPerMinute)},
			"certificate-expiry":          {"LessThanThreshold", float64(limits.CertificateDays)},
			"backup-failed":               {"GreaterThanThreshold", 0},
			"backup-restore-failed":       {"GreaterThanThreshold", 0},
			"copies":                      {"LessThanThreshold", 1},
			"functions-failing":           {"GreaterThanThreshold", 0},
			"rotation-not-deployed":       {"GreaterThanThreshold", 0},
			"deployment-errors":           {"GreaterThanThreshold", env.Delivery.Rollback.ErrorPercent},
			"deployment-errors-blue":      {"GreaterThanThreshold", env.Delivery.Rollback.ErrorPercent},
			"deployment-errors-green":     {"GreaterThanThreshold", env.Delivery.Rollback.ErrorPercent},
			"deployment-latency-blue":     {"GreaterThanThreshold", env.Delivery.Rollback.Latency.Seconds()},
			"deployment-latency-green":    {"GreaterThanThreshold", env.Delivery.Rollback.Latency.Seconds()},
			// Both environments copy. S3 promises a quarter of an hour, in seconds.
			"backup-copy-failed":  {"GreaterThanThreshold", 0},
			"storage-replication": {"GreaterThanThreshold", 900},
		} {
			a, ok := env.alarms()[id]
			if !assert.Truef(t, ok, "no alarm %s", id) {
				continue
			}
			assert.Equalf(t, want.compare, a.Properties["ComparisonOperator"], "%s", id)
			assert.InDeltaf(t, want.threshold, a.Properties["Threshold"], 1e-9, "%s", id)
		}
	})
}

func TestTheSeedsServiceLevelsAreWatched(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Equal(t, 100*time.Millisecond, env.Observability.LatencyTarget, "P95")
		assert.Equal(t, 200*time.Millisecond, env.Observability.TailLatencyTarget, "P99")
		assert.InDelta(t, 0.1, env.Observability.ErrorRatePercent, 0)
		for _, id := range []string{"edge-latency", "edge-tail-latency"} {
			assert.Equalf(t, "ignore", env.alarms()[id].Properties["EvaluateLowSampleCountPercentile"], "%s: one slow request at night wakes somebody", id)
		}
		assert.Equal(t, "p95", env.alarms()["edge-latency"].Properties["ExtendedStatistic"])
		assert.Equal(t, "p99", env.alarms()["edge-tail-latency"].Properties["ExtendedStatistic"])
	})
}

// Silence is a failure where the metric always exists, and is not where it only
// exists when something happens.
func TestAlarmsDoNotSleepThroughSilence(t *testing.T) {
	broken := []string{
		"edge-healthy-targets", "service-tasks", "database-writer-cpu", "kafka-brokers", "standby-lag", "copies",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms() {
			if a.Type == "AWS::CloudWatch::CompositeAlarm" {
				continue
			}
			want := "notBreaching"
			first := id
			if standsBy(id) {
				first = strings.TrimPrefix(id, "standby-")
			}
			if slices.Contains(broken, first) || strings.HasPrefix(first, "cache-cpu-") || strings.HasPrefix(first, "kafka-broker-") || strings.HasPrefix(id, "entrance-") {
				want = "breaching"
			}
			if id == "standby-database-writer-cpu" {
				want = "notBreaching" // a standby has no writer
			}
			assert.Equalf(t, want, a.Properties["TreatMissingData"], "%s", id)
			periods, _ := a.Properties["EvaluationPeriods"].(float64)
			datapoints, _ := a.Properties["DatapointsToAlarm"].(float64)
			assert.Positivef(t, datapoints, "%s", id)
			assert.LessOrEqualf(t, datapoints, periods, "%s", id)
		}
	})
}

func TestEveryAlarmReachesAPersonWhoFindsWhatToDo(t *testing.T) {
	anchors := documents(t)[runbookPage].anchors
	eachEnvironment(t, func(t *testing.T, env environment) {
		require.NotEmpty(t, env.alarms())
		for id, a := range env.alarms() {
			if !endsDeployments(id) {
				assert.Lenf(t, a.Properties["AlarmActions"], 1, "%s", id)
			}
			assert.Equalf(t, a.Properties["AlarmActions"], a.Properties["OKActions"], "%s: the end of the incident", id)
			description, _ := a.Properties["AlarmDescription"].(string)
			found := anchorOf.FindStringSubmatch(description)
			if assert.NotNilf(t, found, "%s: the description names no runbook entry", id) {
				assert.Truef(t, anchors[found[1]], "%s: %s has no heading %q", id, runbookPage, found[1])
				assert.Greaterf(t, strings.Index(description, ". Runbook"), 20, "%s: no reason", id)
			}
		}
	})
}

// endsDeployments says whether ECS acts on the alarm, and nobody has to: what ECS
// did is reported (TestEventsThatNoMetricShowsAreReported).
func endsDeployments(id string) bool { return strings.HasPrefix(id, "deployment-") }

func TestWhatWakesSomebodyIsWorthIt(t *testing.T) {
	critical := []string{
		"outage", "edge-errors", "edge-latency", "edge-healthy-targets", "service-tasks",
		"database-writer-cpu", "database-writer-connections", "database-reader-connections",
		"kafka-brokers", "kafka-offline-partitions", "kafka-controller", "standby-lag", "primary-lag", "entrance-sa-east-1",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms() {
			want := "AlertsWarning"
			if !standsBy(id) && slices.Contains(critical, id) || strings.HasPrefix(id, "kafka-disk-") || strings.HasPrefix(id, "kafka-under-minimum-") {
				want = "AlertsCritical"
			}
			if endsDeployments(id) {
				assert.Nilf(t, a.Properties["AlarmActions"], "%s: an accident of a minute is no reason to wake somebody", id)
				continue
			}
			topic := fmt.Sprint(at(a.Properties["AlarmActions"], 0)) // of its own stack, or of the ground that it stands on
			assert.Containsf(t, topic, want, "%s goes to %s", id, topic)
		}
	})
}

// An entry that nothing leads to is either a forgotten alarm or a story about a
// platform that is gone.
func TestEveryRunbookEntryBelongsToAnAlarm(t *testing.T) {
	used := map[string]bool{}
	// Some alarms come with the last phase of the replicator's rollout.
	all := append(slices.Collect(maps.Values(platform(t))), altered(t, replicating(t)))
	for _, env := range all {
		for _, stack := range env.stacks {
			for _, found := range anchorOf.FindAllStringSubmatch(string(stack.raw), -1) {
				used[found[1]] = true
			}
		}
	}
	content, err := os.ReadFile(filepath.Join("..", runbookPage))
	require.NoError(t, err)
	_, entries, ok := strings.Cut(string(content), "\n## Alarms\n")
	require.True(t, ok, "no alarms")
	for _, heading := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(entries, -1) {
		assert.Truef(t, used[slug(heading[1])], "no alarm leads to %q", heading[1])
	}
	anchors := documents(t)[runbookPage].anchors
	for anchor := range used {
		assert.Truef(t, anchors[anchor], "%s has no heading %q", runbookPage, anchor)
	}
}

// Who is woken reads four lines: what customers feel, where to look, what to do, and what
// comes then.
func TestEachAlarmHasItsFourLines(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", runbookPage))
	require.NoError(t, err)
	_, entries, ok := strings.Cut(string(content), "\n## Alarms\n")
	require.True(t, ok, "no alarms")
	for _, entry := range strings.Split(entries, "\n### ")[1:] {
		heading, lines, _ := strings.Cut(entry, "\n")
		line := regexp.MustCompile(`^- \*\*(\w+)\*\*,? \S.*$`)
		var begin []string
		for text := range strings.Lines(strings.TrimSpace(lines)) {
			found := line.FindStringSubmatch(strings.TrimSpace(text))
			if assert.NotNilf(t, found, "%s: %q is none of the four lines", heading, text) {
				begin = append(begin, found[1])
			}
		}
		assert.Equalf(t, []string{"Customers", "Look", "Do", "Then"}, begin, "%s", heading)
	}
}

func TestTheOutageAlarmKnowsItsParts(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		rule, _ := env.alarms()["outage"].Properties["AlarmRule"].(string)
		parts := regexp.MustCompile(`ALARM\("([^"]+)"\)`).FindAllStringSubmatch(rule, -1)
		require.Len(t, parts, 3, rule)
		named := func(id string) string { return fmt.Sprintf("ALARM(%q)", env.Names().AlarmName(id)) }
		assert.Equal(t, named("edge-healthy-targets")+" OR ("+named("edge-errors")+" AND "+named("edge-latency")+")", rule,
			"nothing serving is an outage by itself; errors or slowness alone are not")
		for _, part := range parts {
			id := strings.TrimPrefix(part[1], env.Names().Prefix()+"-")
			assert.Containsf(t, env.alarms(), id, "the outage alarm names %s", part[1])
		}
		assert.Len(t, env.alarms()["outage"].DependsOn, 3, "CloudWatch refuses a rule over alarms that do not exist yet")
	})
}

func TestAlertsAreReadByNobodyElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack := env.stack(t, "observability")
		topics := stack.ofType("AWS::SNS::Topic")
		require.Len(t, topics, 2)
		require.Len(t, stack.ofType("AWS::SNS::TopicPolicy"), 2)
		for id, topic := range topics {
			key, _ := at(topic.Properties["KmsMasterKeyId"], "Fn::GetAtt", 0).(string)
			require.Contains(t, stack.Resources, key, id)
			assert.Equal(t, "AWS::KMS::Key", stack.Resources[key].Type)
		}
	})
}

func TestAlertsReachEverybodyInConfig(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		got := map[string][]string{}
		for _, subscription := range env.stack(t, "observability").ofType("AWS::SNS::Subscription") {
			assert.Equal(t, "email", subscription.Properties["Protocol"])
			topic, _ := at(subscription.Properties["TopicArn"], "Ref").(string)
			severity := "critical"
			if strings.HasPrefix(topic, "AlertsWarning") {
				severity = "warning"
			}
			got[severity] = append(got[severity], textAt(t, subscription.Properties, "Endpoint"))
		}
		assert.ElementsMatch(t, env.Site.Alerts.Critical, got["critical"])
		assert.ElementsMatch(t, env.Site.Alerts.Warning, got["warning"])
	})
}

func TestEventsThatNoMetricShowsAreReported(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		sources := map[string]resource{}
		for _, rule := range env.stack(t, "observability").ofType("AWS::Events::Rule") {
			source, _ := at(rule.Properties, "EventPattern", "source", 0).(string)
			sources[source] = rule
			assert.NotEmptyf(t, at(rule.Properties, "EventPattern", "detail-type"), "%s: every event of the service would be mail", source)
			template, _ := at(rule.Properties, "Targets", 0, "InputTransformer", "InputTemplate").(string)
			assert.Regexp(t, anchorOf, template)
		}
		assert.ElementsMatch(t, []string{"aws.backup", "aws.ecs", "aws.health", "aws.rds"}, slices.Collect(maps.Keys(sources)))
		for source, severity := range map[string]string{"aws.backup": "Warning", "aws.ecs": "Critical", "aws.health": "Warning", "aws.rds": "Warning"} {
			topic, _ := at(sources[source].Properties, "Targets", 0, "Arn", "Ref").(string)
			assert.Truef(t, strings.HasPrefix(topic, "Alerts"+severity), "%s goes to %s", source, topic)
			assert.Lenf(t, at(sources[source].Properties, "Targets"), 1, "%s", source)
		}
		kinds := func(source string) any { return at(sources[source].Properties, "EventPattern", "detail-type") }
		assert.Equal(t, []any{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"}, kinds("aws.backup"))
		assert.Equal(t, []any{"ECS Deployment State Change"}, kinds("aws.ecs"))
		assert.Equal(t, []any{"RDS DB Cluster Event"}, kinds("aws.rds"))
		assert.Equal(t, []any{"AWS Health Event"}, kinds("aws.health"))
		health := at(sources["aws.health"].Properties, "EventPattern", "detail")
		assert.Equal(t, []any{"issue", "scheduledChange"}, at(health, "eventTypeCategory"))
		assert.ElementsMatch(t, []any{"ECS", "FARGATE", "RDS", "ELASTICACHE", "KAFKA", "ELASTICLOADBALANCING", "EC2", "ACM", "KMS"}, at(health, "service"),
			"AWS's problem with a service that carries the wallet")
		assert.Equal(t, []any{"SERVICE_DEPLOYMENT_FAILED"}, at(sources["aws.ecs"].Properties, "EventPattern", "detail", "eventName"))
		prefix, _ := at(sources["aws.ecs"].Properties, "EventPattern", "resources", 0, "prefix").(string)
		assert.True(t, strings.HasSuffix(prefix, ":service/"+env.Names().ECSClusterName()+"/"), "other services' deployments")
		assert.NotEmpty(t, at(sources["aws.rds"].Properties, "EventPattern", "detail", "SourceIdentifier"), "other clusters' failovers")
		failed := []any{"FAILED", "ABORTED", "EXPIRED"}
		assert.Equal(t, failed, at(sources["aws.backup"].Properties, "EventPattern", "detail", "$or", 0, "state"))
		assert.Equal(t, failed, at(sources["aws.backup"].Properties, "EventPattern", "detail", "$or", 1, "status"), "restores say status")
		assert.Equal(t, []any{"failover", "failure", "global-failover"}, at(sources["aws.rds"].Properties, "EventPattern", "detail", "EventCategories"))
	})
}

// published are the metrics that AWS documents, for each namespace that the
// platform reads. A misspelt metric is an empty graph and a silent alarm.
var published = map[string][]string{
	"AWS/ApplicationELB": {
		"RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_2XX_Count", "HTTPCode_Target_4XX_Count",
		"HTTPCode_Target_5XX_Count", "TargetResponseTime", "HealthyHostCount", "UnHealthyHostCount",
		"RequestCountPerTarget", "TargetConnectionErrorCount",
	},
	"AWS/WAFV2":              {"BlockedRequests", "AllowedRequests", "CountedRequests"},
	"AWS/CertificateManager": {"DaysToExpiry"},
	"AWS/ECS":                {"CPUUtilization", "MemoryUtilization"},
	"ECS/ContainerInsights":  {"RunningTaskCount", "DesiredTaskCount", "PendingTaskCount"},
	"AWS/RDS": {
		"CPUUtilization", "DatabaseConnections", "Deadlocks", "FreeableMemory", "AuroraReplicaLag", "VolumeBytesUsed",
		"SelectLatency", "DMLLatency", "CommitLatency", "AuroraGlobalDBRPOLag",
	},
	"AWS/ElastiCache": {
		"EngineCPUUtilization", "DatabaseMemoryUsagePercentage", "Evictions", "ReplicationLag", "CacheHitRate",
	},
	"AWS/Kafka": {
		"OfflinePartitionsCount", "ActiveControllerCount", "SumOffsetLag", "KafkaDataLogsDiskUsed",
		"UnderReplicatedPartitions", "UnderMinIsrPartitionCount", "MessagesInPerSec", "CpuUser", "LeaderCount",
	},
	"AWS/Route53":    {"HealthCheckStatus"},
	"AWS/NATGateway": {"ErrorPortAllocation", "BytesOutToDestination"},
	"AWS/Backup":     {"NumberOfBackupJobsFailed", "NumberOfCopyJobsFailed", "NumberOfRestoreJobsFailed"},
	"AWS/S3":         {"ReplicationLatency"},
	"AWS/Lambda":     {"Errors", "Invocations"},
	"AWS/SQS":        {"ApproximateNumberOfMessagesVisible"},
}

func TestNoAlarmWaitsForAMetricThatDoesNotExist(t *testing.T) {
	var all []string
	for _, names := range published {
		all = append(all, names...)
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms() {
			if namespace, ok := a.Properties["Namespace"].(string); ok {
				assert.Containsf(t, published[namespace], a.Properties["MetricName"], "%s: %s", id, namespace)
				assert.NotEmptyf(t, a.Properties["Dimensions"], "%s", id)
			}
			for _, metric := range a.metrics() {
				assert.Containsf(t, all, metric, "%s", id)
			}
		}
	})
}

func TestDashboardsShowWhatExists(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		names := map[string]bool{}
		for _, dashboard := range env.stack(t, "observability").ofType("AWS::CloudWatch::Dashboard") {
			name := textAt(t, dashboard.Properties, "DashboardName")
			names[name] = true
			var body struct {
				Widgets []struct {
					Type        string
					X, Y, Width int
					Properties  struct {
						Title, Region string
						Metrics       [][]any
						Alarms        []string
					}
				}
			}
			require.NoErrorf(t, json.Unmarshal([]byte(render(dashboard.Properties["DashboardBody"])), &body), "%s", name)
			require.Greater(t, len(body.Widgets), 5)
			for _, widget := range body.Widgets {
				assert.LessOrEqual(t, widget.X+widget.Width, 24)
				if widget.Type == "metric" {
					assert.Equal(t, env.Primary.Name, widget.Properties.Region)
					assert.NotEmptyf(t, widget.Properties.Metrics, "%s: %s is empty", name, widget.Properties.Title)
				}
				for _, metric := range widget.Properties.Metrics {
					if len(metric) > 1 {
						assert.Containsf(t, published[textAt(t, metric, 0)], metric[1], "%s: %s", name, widget.Properties.Title)
					}
				}
				for _, arn := range widget.Properties.Alarms {
					assert.Contains(t, env.alarms(), arn[strings.LastIndex(arn, ":")+1+len(env.Names().Prefix())+1:])
				}
			}
		}
		assert.Equal(t, map[string]bool{
			env.Names().Prefix() + "-business": true, env.Names().Prefix() + "-technical": true, env.Names().Prefix() + "-infrastructure": true,
		}, names)
	})
}

// drawn is a graph of a dashboard in a line: how many lines it has, and its
// limits with their values.
func drawn(widget map[string]any) string {
	metrics, _ := at(widget, "properties", "metrics").([]any)
	text := fmt.Sprintf("%v: %d lines", at(widget, "properties", "title"), len(metrics))
	limits, _ := at(widget, "properties", "annotations", "horizontal").([]any)
	for _, limit := range limits {
		text += fmt.Sprintf(", %v %v", at(limit, "label"), at(limit, "value"))
	}
	return text
}

func TestNoGraphAndNoLimitDisappears(t *testing.T) {
	env := platform(t)["production"]
	want := map[string][]string{
		"business": {
			"Requests a minute: 1 lines", "Failed requests, percent: 4 lines, promise 0.1",
			"Response time, seconds: 3 lines, P95 promise 0.1, P99 promise 0.2", "Answers by class: 3 lines",
			"Events written to Kafka, a second: 3 lines", "Requests that the web ACL blocked, a minute: 3 lines, alarm 1000",
		},
		"technical": {
			fmt.Sprintf("Tasks: 3 lines, minimum %d, maximum %d", env.Service.MinTasks, env.Service.MaxTasks), "Tasks' CPU and memory, percent: 2 lines, CPU target 70, memory target 80",
			fmt.Sprintf("Requests a minute for each task: 3 lines, target %d", env.Service.RequestsPerTaskPerMinute), "Targets: 4 lines", "Requests a minute by release: 2 lines", "Errors by origin: 3 lines",
			"Response time, seconds: 3 lines", "Database statements, milliseconds: 3 lines",
			fmt.Sprintf("Database connections: 2 lines, server's limit %d", env.Database.MaxConnections), "Consumer lag, records: 1 lines, alarm 100000",
		},
		"infrastructure": {
			"Database CPU, percent: 2 lines, alarm 80", "Database free memory, bytes: 1 lines", "Database storage, bytes: 1 lines",
			"Database deadlocks, a second: 1 lines", "Cache command thread, percent: 3 lines, alarm 80", "Cache memory, percent: 3 lines, alarm 80",
			"Cache evictions, a minute: 3 lines", "Cache hit rate, percent: 3 lines", "Kafka disk, percent: 3 lines, grows 60, alarm 85",
			"Kafka CPU, percent: 3 lines", "Kafka partitions: 4 lines", "NAT port errors: 3 lines", "NAT bytes to the internet: 3 lines",
			"Certificate, days left: 1 lines, alarm 30", "Database replica lag, milliseconds: 1 lines, alarm 1000", "Cache replication lag, seconds: 3 lines",
		},
	}
	got := map[string][]string{}
	states := 0
	for _, dashboard := range env.stack(t, "observability").ofType("AWS::CloudWatch::Dashboard") {
		name := strings.TrimPrefix(textAt(t, dashboard.Properties, "DashboardName"), env.Names().Prefix()+"-")
		var body struct{ Widgets []map[string]any }
		require.NoError(t, json.Unmarshal([]byte(render(dashboard.Properties["DashboardBody"])), &body))
		for _, widget := range body.Widgets {
			switch widget["type"] {
			case "metric":
				got[name] = append(got[name], drawn(widget))
			case "alarm":
				listed, _ := at(widget, "properties", "alarms").([]any)
				states += len(listed)
			}
		}
	}
	assert.Equal(t, want, got)
	assert.Len(t, env.stack(t, "observability").ofType("AWS::CloudWatch::Alarm"), states, "the colour of every alarm")
}

func TestPrometheusReadsTheServiceAndTheBrokers(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack := env.stack(t, "observability")
		scraper := stack.only(t, "AWS::APS::Scraper")
		var scrape struct {
			Global struct {
				Interval string `yaml:"scrape_interval"`
			} `yaml:"global"`
			Jobs []struct {
				Name string `yaml:"job_name"`
				Path string `yaml:"metrics_path"`
				DNS  []struct {
					Names []string
					Type  string
					Port  int
				} `yaml:"dns_sd_configs"`
			} `yaml:"scrape_configs"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(render(at(scraper.Properties, "ScrapeConfiguration", "ConfigurationBlob"))), &scrape))
		assert.Equal(t, fmt.Sprintf("%ds", int(env.Observability.ScrapeInterval.Seconds())), scrape.Global.Interval)
		ports := map[string]int{}
		for _, job := range scrape.Jobs {
			require.Len(t, job.DNS, 1)
			assert.Equal(t, "/metrics", job.Path)
			assert.Equal(t, "A", job.DNS[0].Type)
			assert.NotEmptyf(t, job.DNS[0].Names, "%s", job.Name)
			ports[job.Name] = job.DNS[0].Port
		}
		assert.Equal(t, map[string]int{"wallet-service": 8080, "kafka": 11001, "kafka-node": 11002}, ports)
		var opened []any
		for _, rule := range stack.ofType("AWS::EC2::SecurityGroupIngress") {
			assert.Equal(t, rule.Properties["FromPort"], rule.Properties["ToPort"])
			assert.NotEmpty(t, rule.Properties["Description"])
			opened = append(opened, rule.Properties["FromPort"])
		}
		assert.ElementsMatch(t, []any{8080.0, 11001.0, 11002.0}, opened)
		assert.Len(t, at(scraper.Properties, "Source", "VpcConfiguration", "SubnetIds"), len(env.Primary.Zones))
		assert.Len(t, at(scraper.Properties, "ScraperLoggingConfiguration", "ScraperComponents"), 3)
	})
}

func TestTheServicesHistoryIsKeptAndEncrypted(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		workspace := env.stack(t, "observability").only(t, "AWS::APS::Workspace")
		assert.InDelta(t, env.Observability.MetricRetentionDays, at(workspace.Properties, "WorkspaceConfiguration", "RetentionPeriodInDays"), 0)
		assert.NotEmpty(t, at(workspace.Properties, "KmsKeyArn", "Fn::GetAtt"))
		assert.Equal(t, "RetainExceptOnCreate", workspace.DeletionPolicy)
		assert.Equal(t, "Retain", workspace.UpdateReplacePolicy)
		for _, group := range env.stack(t, "observability").ofType("AWS::Logs::LogGroup") {
			assert.Truef(t, strings.HasPrefix(textAt(t, group.Properties, "LogGroupName"), "/aws/vendedlogs/"), "%v", group.Properties["LogGroupName"])
			assert.InDelta(t, env.Observability.LogRetentionDays, group.Properties["RetentionInDays"], 0)
		}
	})
}

// exported is what the wallet service publishes at /metrics, as its public
// repository has it.
var exported = regexp.MustCompile(`^(` + strings.Join([]string{
	`wallet_operations_(created|deposits|withdrawals|transfers|queries|failed)_total`,
	`wallet_operations_(creation|deposit|withdrawal|transfer|query)_duration_seconds_(bucket|sum|count)`,
	`wallet_money_(deposited|withdrawn|transferred)_total`,
	`wallet_outbox_events_(created|published|failed)_total`,
	`wallet_outbox_publishing_duration_seconds_(bucket|sum|count)`,
	`wallet_cqrs_\w+`, `http_server_requests_seconds_(bucket|sum|count)`, `jvm_\w+`, `process_cpu_usage`, `up`,
}, "|") + `)$`)

// The parts of a PromQL expression that are no metric.
var (
	promStrings  = regexp.MustCompile(`"[^"]*"`)
	promMatchers = regexp.MustCompile(`\{[^}]*\}`)
	promBy       = regexp.MustCompile(`\bby \([^)]*\)`)
	promRange    = regexp.MustCompile(`\[[^\]]*\]`)
	promName     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*(\s*\()?`)
)

// promMetrics lists the metrics that a PromQL expression reads.
func promMetrics(expression string) []string {
	for _, noise := range []*regexp.Regexp{promStrings, promMatchers, promBy, promRange} {
		expression = noise.ReplaceAllString(expression, "")
	}
	var names []string
	for _, name := range promName.FindAllString(expression, -1) {
		if !strings.HasSuffix(name, "(") && name != "or" {
			names = append(names, name)
		}
	}
	return names
}

// promRule is a rule of Prometheus.
type promRule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

// promRules are an environment's rules, in the order of evaluation.
func promRules(t *testing.T, env environment) []promRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Interval string
			Rules    []promRule
		}
	}
	data := env.stack(t, "observability").only(t, "AWS::APS::RuleGroupsNamespace").Properties["Data"]
	require.NoError(t, yaml.Unmarshal([]byte(render(data)), &file))
	var all []promRule
	for _, group := range file.Groups {
		assert.Equal(t, "1m", group.Interval, "alerts come later than they say")
		// Service Quotas, "Rules per rule group".
		assert.LessOrEqual(t, len(group.Rules), 20, "Managed Prometheus refuses the whole file")
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

func TestPrometheusComputesFromWhatTheServiceExports(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		known := map[string]bool{}
		alerts := map[string]promRule{}
		for _, rule := range promRules(t, env) {
			for _, metric := range promMetrics(rule.Expr) {
				assert.Truef(t, known[metric] || exported.MatchString(metric), "%s%s reads %s", rule.Record, rule.Alert, metric)
			}
			known[rule.Record] = true
			if rule.Alert != "" {
				alerts[rule.Alert] = rule
				assert.Containsf(t, []string{"critical", "warning"}, rule.Labels["severity"], "%s", rule.Alert)
				assert.Regexpf(t, anchorOf, rule.Annotations["runbook"], "%s", rule.Alert)
			}
		}
		assert.Equal(t, fmt.Sprintf("wallet:operations_failed:ratio5m > %g", env.Observability.ErrorRatePercent/100), alerts["WalletOperationsFailing"].Expr)
		assert.Equal(t, fmt.Sprintf("wallet:operation_duration_seconds:p95 > %[1]g or wallet:operation_duration_seconds:mean > %[1]g", env.Observability.LatencyTarget.Seconds()), alerts["WalletOperationSlow"].Expr)
		assert.Equal(t, "wallet:outbox_failed:rate5m > 0", alerts["OutboxFailing"].Expr)
		assert.Equal(t, "wallet:outbox_published:ratio15m < 0.9", alerts["OutboxBehind"].Expr)
		assert.Equal(t, `absent(up{job="wallet-service"} == 1)`, alerts["MetricsMissing"].Expr)
		assert.Len(t, alerts, 5)
	})
}

func TestPrometheusAlertsWaitAndWakeAsAgreed(t *testing.T) {
	want := map[string]string{
		"WalletOperationsFailing": "critical after 5m", "WalletOperationSlow": "warning after 10m",
		"OutboxFailing": "warning after 5m", "OutboxBehind": "critical after 15m", "MetricsMissing": "warning after 15m",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		got := map[string]string{}
		for _, rule := range promRules(t, env) {
			if rule.Alert != "" {
				got[rule.Alert] = rule.Labels["severity"] + " after " + rule.For
			}
		}
		assert.Equal(t, want, got)
	})
}

// An operation that is left out is a flow of money that nobody watches.
func TestEveryKindOfOperationIsCountedAndTimed(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		recorded := map[string]string{}
		for _, rule := range promRules(t, env) {
			if rule.Record != "" {
				recorded[rule.Record+" "+rule.Labels["operation"]+rule.Labels["flow"]] = rule.Expr
			}
		}
		assert.ElementsMatch(t,
			[]string{
				"wallet_operations_created_total", "wallet_operations_deposits_total", "wallet_operations_withdrawals_total",
				"wallet_operations_transfers_total", "wallet_operations_queries_total",
			},
			promMetrics(recorded["wallet:operations:rate5m "]))
		assert.Equal(t, "sum(rate(wallet_operations_failed_total[5m])) / (wallet:operations:rate5m + sum(rate(wallet_operations_failed_total[5m])))",
			recorded["wallet:operations_failed:ratio5m "])
		for _, flow := range []string{"deposited", "withdrawn", "transferred"} {
			assert.Equal(t, "sum(increase(wallet_money_"+flow+"_total[1h]))", recorded["wallet:money:increase1h "+flow])
		}
		for _, operation := range []string{"creation", "deposit", "withdrawal", "transfer", "query"} {
			for _, percentile := range []string{"95", "99"} {
				assert.Equal(t, "histogram_quantile(0."+percentile+", sum by (le) (rate(wallet_operations_"+operation+"_duration_seconds_bucket[5m])))",
					recorded["wallet:operation_duration_seconds:p"+percentile+" "+operation])
			}
			timer := "wallet_operations_" + operation + "_duration_seconds"
			assert.Equal(t, "sum(rate("+timer+"_sum[5m])) / sum(rate("+timer+"_count[5m]))",
				recorded["wallet:operation_duration_seconds:mean "+operation])
		}
		assert.Len(t, recorded, 22)
	})
}

// The service's timers publish no buckets, so that a percentile alone would never
// speak.
func TestASlowOperationIsSeenWithoutHistogramBuckets(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		seen := map[string]bool{} // recorded from what exists
		slow := ""
		operations := map[string]bool{}
		for _, rule := range promRules(t, env) {
			if rule.Alert == "WalletOperationSlow" {
				slow = rule.Expr
			}
			if rule.Record != "" && !strings.Contains(rule.Expr, "_bucket") {
				seen[rule.Record] = true
			}
			if rule.Record == "wallet:operation_duration_seconds:mean" {
				operations[rule.Labels["operation"]] = true
			}
		}
		assert.Len(t, operations, 5, "a kind of operation is not watched")
		assert.Truef(t, slices.ContainsFunc(promMetrics(slow), func(metric string) bool { return seen[metric] }), "%s can never be true", slow)
	})
}

func TestPrometheusAlertsReachTheTopicOfTheirSeverity(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		var outer struct {
			Config string `yaml:"alertmanager_config"`
		}
		definition := env.stack(t, "observability").only(t, "AWS::APS::Workspace").Properties["AlertManagerDefinition"]
		require.NoError(t, yaml.Unmarshal([]byte(render(definition)), &outer))
		var inner struct {
			Route struct {
				Receiver string
				Repeat   string `yaml:"repeat_interval"`
				Routes   []struct {
					Receiver string
					Matchers []string
				}
			}
			Receivers []struct {
				Name string
				SNS  []struct {
					Sigv4 struct{ Region string }
				} `yaml:"sns_configs"`
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(outer.Config), &inner))
		assert.Equal(t, "warning", inner.Route.Receiver)
		assert.Equal(t, "4h", inner.Route.Repeat, "an alert that lasts is forgotten, or a nuisance")
		require.Len(t, inner.Route.Routes, 1)
		assert.Equal(t, "critical", inner.Route.Routes[0].Receiver)
		assert.Equal(t, []string{`severity="critical"`}, inner.Route.Routes[0].Matchers)
		require.Len(t, inner.Receivers, 2)
		for _, receiver := range inner.Receivers {
			assert.Equal(t, env.Primary.Name, receiver.SNS[0].Sigv4.Region, "Managed Prometheus refuses a receiver without its region")
		}
		for _, severity := range []string{"Critical", "Warning"} {
			pattern := regexp.MustCompile(`name: ` + strings.ToLower(severity) + `\n(?s:.*?)topic_arn: $`)
			found := false
			for _, part := range listAt(t, definition, "Fn::Join", 1) {
				if text, ok := part.(string); ok && pattern.MatchString(text) {
					found = true
				} else if found {
					ref, _ := at(part, "Ref").(string)
					assert.Truef(t, strings.HasPrefix(ref, "Alerts"+severity), "%s alerts go to %s", severity, ref)
					break
				}
			}
			assert.Truef(t, found, "no receiver %s", severity)
		}
	})
}

func TestGrafanaDashboardsReadWhatPrometheusHas(t *testing.T) {
	recorded := map[string]bool{}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, rule := range promRules(t, env) {
			recorded[rule.Record] = true
		}
	})
	titles := map[string]bool{}
	paths, err := filepath.Glob("../constructs/grafana/dashboards/*.json")
	require.NoError(t, err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		var dashboard struct {
			UID, Title string
			Panels     []struct {
				ID      int
				Title   string
				Targets []struct{ RefID, Expr, Namespace, MetricName, Region string }
			}
		}
		require.NoErrorf(t, json.Unmarshal(content, &dashboard), "%s", path)
		titles[dashboard.Title] = true
		for _, panel := range dashboard.Panels {
			assert.NotEmptyf(t, panel.Targets, "%s: %s", dashboard.Title, panel.Title)
			for _, target := range panel.Targets {
				for _, metric := range promMetrics(target.Expr) {
					assert.Truef(t, recorded[metric] || exported.MatchString(metric), "%s: %s reads %s", dashboard.Title, panel.Title, metric)
				}
				if target.Expr == "" {
					assert.Containsf(t, published[target.Namespace], target.MetricName, "%s: %s", dashboard.Title, panel.Title)
					assert.Equal(t, config.Production().Primary.Name, target.Region)
				}
			}
		}
	}
	assert.Equal(t, map[string]bool{"Wallet: business": true, "Wallet: technical": true}, titles)
}

func TestTracesAreSampledAsTheServiceSamplesThem(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack := env.stack(t, "observability")
		rule := at(stack.only(t, "AWS::XRay::SamplingRule").Properties, "SamplingRule")
		assert.InDelta(t, env.Service.TraceSampleRatio, at(rule, "FixedRate"), 0)
		assert.InDelta(t, 0, at(rule, "ReservoirSize"), 0)
		assert.Equal(t, env.Names().ServiceName(), at(rule, "ServiceName"))
		name, _ := at(rule, "RuleName").(string)
		assert.LessOrEqual(t, len(name), 32, "X-Ray refuses longer names")
		group := stack.only(t, "AWS::XRay::Group")
		assert.Equal(t, `service("`+env.Names().ServiceName()+`")`, group.Properties["FilterExpression"])
		assert.Equal(t, true, at(group.Properties, "InsightsConfiguration", "InsightsEnabled"))
	})
}

func TestGrafanaStandsWhereAWSOffersItAndReadsOnlyMetrics(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.stacks {
			if stack.region != "us-east-1" {
				assert.Empty(t, stack.ofType("AWS::Grafana::Workspace"), "Managed Grafana is not offered in %s", stack.region)
			}
		}
		global := env.stack(t, "global")
		workspace := global.only(t, "AWS::Grafana::Workspace")
		assert.Equal(t, []any{env.Site.Grafana.Provider}, workspace.Properties["AuthenticationProviders"])
		assert.Subset(t, workspace.Properties["DataSources"], []any{"CLOUDWATCH", "PROMETHEUS"})
		assert.Equal(t, "10.4", workspace.Properties["GrafanaVersion"], "AWS never takes a workspace back to an older version")
		assert.Equal(t, "CURRENT_ACCOUNT", workspace.Properties["AccountAccessType"])
		assert.Equal(t, false, workspace.Properties["PluginAdminEnabled"])
		role, _ := at(workspace.Properties["RoleArn"], "Fn::GetAtt", 0).(string)
		require.Contains(t, global.Resources, role)
		assert.Equal(t, env.DR.AllowDataOutsideBrazil, slices.Contains(listAt(t, workspace.Properties, "DataSources"), any("XRAY")))
	})
}

// numbered is the end of an ID that stands for one of several nodes.
var numbered = regexp.MustCompile(`-\d+$`)

// reading says in a line what an alarm reads and how long it waits: statistic,
// metric, dimensions (with the value where it is fixed) and datapoints, or the
// expression.
func (a alarm) reading(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if statistic, ok := a.Properties["Statistic"]; ok {
		fmt.Fprint(&b, statistic)
	} else if statistic, ok := a.Properties["ExtendedStatistic"]; ok {
		fmt.Fprint(&b, statistic)
	}
	if queries, ok := a.Properties["Metrics"].([]any); ok {
		for _, query := range queries {
			fmt.Fprint(&b, render(at(query, "Expression")))
			fmt.Fprint(&b, input(t, query))
		}
	} else {
		fmt.Fprintf(&b, " %s %s", a.Properties["Namespace"], a.Properties["MetricName"])
	}
	dimensions, _ := a.Properties["Dimensions"].([]any)
	for _, dimension := range dimensions {
		fmt.Fprintf(&b, " %s", at(dimension, "Name"))
		if value := at(dimension, "Value"); value == "ALL" || value == "AddressRate" || value == "WRITER" || value == "READER" {
			fmt.Fprintf(&b, "=%s", value)
		}
	}
	fmt.Fprintf(&b, ", %v of %v", a.Properties["DatapointsToAlarm"], a.Properties["EvaluationPeriods"])
	if period := a.period(); period != 60 {
		fmt.Fprintf(&b, " in %v s", period)
	}
	return b.String()
}

// input says in a line what one of an expression's inputs is, where it is a metric
// of one target group; those of the whole load balancer are known by their names.
func input(t *testing.T, query any) string {
	t.Helper()
	var names, group []string
	dimensions, _ := at(query, "MetricStat", "Metric", "Dimensions").([]any)
	for _, dimension := range dimensions {
		names = append(names, textAt(t, dimension, "Name"))
		if at(dimension, "Name") == "TargetGroup" {
			// The reference to the group in its own stack, or to that stack's output.
			text, _ := json.Marshal(at(dimension, "Value"))
			group = regexp.MustCompile("EdgeBlue|EdgeGreen").FindAllString(string(text), 1)
		}
	}
	if len(group) == 0 {
		return ""
	}
	return fmt.Sprintf("; %v: %v %v %s of %s", at(query, "Id"), at(query, "MetricStat", "Stat"),
		at(query, "MetricStat", "Metric", "MetricName"), strings.Join(names, " "), group[0])
}

// period is the length of the alarm's periods in seconds; 0 where its inputs have
// different ones.
func (a alarm) period() float64 {
	if period, ok := a.Properties["Period"].(float64); ok {
		return period
	}
	var all []float64
	queries, _ := a.Properties["Metrics"].([]any)
	for _, query := range queries {
		for _, period := range []any{at(query, "Period"), at(query, "MetricStat", "Period")} {
			if seconds, ok := period.(float64); ok {
				all = append(all, seconds)
			}
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != 1 {
		return 0
	}
	return all[0]
}

// both is the sum of a metric over the two target groups, of which one is empty
// between deployments.
func both(metric string) string {
	const one = "; %s: Maximum %s LoadBalancer TargetGroup of %s"
	return "FILL(blue, 0) + FILL(green, 0) + 0 * FILL(blue, green)" + fmt.Sprintf(one, "blue", metric, "EdgeBlue") + fmt.Sprintf(one, "green", metric, "EdgeGreen")
}

// failures and slowness are what takes back the release in one target group.
func failures(group string) string {
	const failed = "(FILL(failed, 0) + FILL(lost, 0) + 0 * FILL(requests, lost))"
	return "IF(" + failed + " >= 5, 100 * " + failed + " / (FILL(requests, 0) + FILL(lost, 0) + 1), 0)" +
		"; failed: Sum HTTPCode_Target_5XX_Count LoadBalancer TargetGroup of " + group +
		"; lost: Sum TargetConnectionErrorCount LoadBalancer TargetGroup of " + group +
		"; requests: Sum RequestCount LoadBalancer TargetGroup of " + group + ", 3 of 5"
}

func slowness(group string) string {
	return "IF(requests >= 50, latency, 0)" +
		"; latency: p95 TargetResponseTime LoadBalancer TargetGroup of " + group +
		"; requests: Sum RequestCount LoadBalancer TargetGroup of " + group + ", 3 of 5"
}

// A wrong dimension is an alarm that never sees its metric, and CloudWatch
// accepts every name.
func TestAlarmsReadTheRightMetricInTheRightWay(t *testing.T) {
	const failed = "(FILL(balancer, 0) + FILL(service, 0) + 0 * FILL(requests, balancer))"
	const share = "100 * " + failed + " / (FILL(requests, 0) + FILL(balancer, 0))"
	want := map[string]string{
		"backup-copy-failed":          `SELECT SUM(NumberOfCopyJobsFailed) FROM "AWS/Backup", 1 of 1 in 300 s`,
		"backup-failed":               `SELECT SUM(NumberOfBackupJobsFailed) FROM "AWS/Backup", 1 of 1 in 300 s`,
		"backup-restore-failed":       `SELECT SUM(NumberOfRestoreJobsFailed) FROM "AWS/Backup", 1 of 1 in 300 s`,
		"cache-cpu":                   `Average AWS/ElastiCache EngineCPUUtilization CacheClusterId, 5 of 5`,
		"cache-evictions":             `Sum AWS/ElastiCache Evictions CacheClusterId, 5 of 5`,
		"cache-memory":                `Maximum AWS/ElastiCache DatabaseMemoryUsagePercentage CacheClusterId, 5 of 5`,
		"cache-replication-lag":       `Maximum AWS/ElastiCache ReplicationLag CacheClusterId, 5 of 5`,
		"certificate-expiry":          `Minimum AWS/CertificateManager DaysToExpiry CertificateArn, 1 of 1 in 86400 s`,
		"database-deadlocks":          `Average AWS/RDS Deadlocks DBClusterIdentifier Role=WRITER, 5 of 10`,
		"database-memory":             `Minimum AWS/RDS FreeableMemory DBClusterIdentifier, 10 of 10`,
		"database-reader-connections": `Maximum AWS/RDS DatabaseConnections DBClusterIdentifier Role=READER, 5 of 5`,
		"database-reader-cpu":         `Average AWS/RDS CPUUtilization DBClusterIdentifier Role=READER, 15 of 15`,
		"database-replica-lag":        `Maximum AWS/RDS AuroraReplicaLag DBClusterIdentifier Role=READER, 5 of 5`,
		"database-writer-connections": `Maximum AWS/RDS DatabaseConnections DBClusterIdentifier Role=WRITER, 5 of 5`,
		"database-writer-cpu":         `Average AWS/RDS CPUUtilization DBClusterIdentifier Role=WRITER, 10 of 10`,
		"deployment-errors":           "IF(" + failed + " >= 5, " + share + ", 0), 3 of 5",
		"deployment-errors-blue":      failures("EdgeBlue"),
		"deployment-errors-green":     failures("EdgeGreen"),
		"deployment-latency-blue":     slowness("EdgeBlue"),
		"deployment-latency-green":    slowness("EdgeGreen"),
		"edge-errors":                 share + ", 3 of 5",
		"edge-healthy-targets":        both("HealthyHostCount") + `, 2 of 3`,
		"edge-latency":                `p95 AWS/ApplicationELB TargetResponseTime LoadBalancer, 8 of 10`,
		"edge-tail-latency":           `p99 AWS/ApplicationELB TargetResponseTime LoadBalancer, 8 of 10`,
		"edge-unhealthy-targets":      both("UnHealthyHostCount") + `, 8 of 10`,
		"copies":                      `invocations - errors, 2 of 2 in 3600 s`,
		"functions-failing":           `SELECT SUM(Errors) FROM "AWS/Lambda", 1 of 1 in 300 s`,
		"kafka-broker":                `Maximum AWS/Kafka LeaderCount Broker ID Cluster Name, 30 of 30`,
		"kafka-brokers":               `SELECT MAX(LeaderCount) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = 'wallet-%s', 5 of 6`,
		"kafka-consumer-lag":          `SELECT MAX(SumOffsetLag) FROM "AWS/Kafka" WHERE "Cluster Name" = 'wallet-%s', 10 of 10`,
		"kafka-controller":            `Maximum AWS/Kafka ActiveControllerCount Cluster Name, 5 of 5`,
		"kafka-disk":                  `Maximum AWS/Kafka KafkaDataLogsDiskUsed Broker ID Cluster Name, 5 of 5`,
		"kafka-offline-partitions":    `Maximum AWS/Kafka OfflinePartitionsCount Cluster Name, 3 of 3`,
		"kafka-under-minimum":         `Maximum AWS/Kafka UnderMinIsrPartitionCount Broker ID Cluster Name, 5 of 5`,
		"kafka-under-replicated":      `Maximum AWS/Kafka UnderReplicatedPartitions Broker ID Cluster Name, 30 of 30`,
		"nat-ports":                   `Sum AWS/NATGateway ErrorPortAllocation NatGatewayId, 3 of 5`,
		"rotation-not-deployed":       `Maximum AWS/SQS ApproximateNumberOfMessagesVisible QueueName, 1 of 5`,
		"service-at-maximum":          `Maximum ECS/ContainerInsights DesiredTaskCount ClusterName ServiceName, 15 of 15`,
		"service-cpu":                 `IF(running > desired, cpu * running / desired, cpu), 10 of 10`,
		"service-memory":              `Average AWS/ECS MemoryUtilization ClusterName ServiceName, 10 of 10`,
		"service-tasks":               `Minimum ECS/ContainerInsights RunningTaskCount ClusterName ServiceName, 8 of 10`,
		"entrance-sa-east":            `Minimum AWS/Route53 HealthCheckStatus HealthCheckId, 2 of 3`,
		"entrance-us-east":            `Minimum AWS/Route53 HealthCheckStatus HealthCheckId, 2 of 3`,
		"primary-lag":                 `SELECT MAX(AuroraGlobalDBRPOLag) FROM "AWS/RDS" WHERE DBClusterIdentifier = 'wallet-%s-sa-east-1', 2 of 3`,
		"standby-lag":                 `SELECT MAX(AuroraGlobalDBRPOLag) FROM "AWS/RDS" WHERE DBClusterIdentifier = 'wallet-%s-us-east-1', 2 of 3`,
		"storage-replication":         `SELECT MAX(ReplicationLatency) FROM "AWS/S3", 3 of 3 in 300 s`,
		"waf-address-rate":            `Sum AWS/WAFV2 CountedRequests Region Rule=AddressRate WebACL, 3 of 5`,
		"waf-blocks":                  `Sum AWS/WAFV2 BlockedRequests Region Rule=ALL WebACL, 3 of 5`,
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms() {
			if a.Type == "AWS::CloudWatch::Alarm" {
				first := numbered.ReplaceAllString(id, "")
				if standsBy(id) {
					first = strings.TrimPrefix(first, "standby-")
				}
				known, ok := want[first]
				require.Truef(t, ok, "%s: say here what it reads", id)
				assert.Equalf(t, strings.ReplaceAll(known, "wallet-%s", env.Names().Prefix()), a.reading(t), "%s", id)
			}
		}
	})
}

func TestTheLimitsAreTheAgreedOnes(t *testing.T) {
	want := config.Limits{
		DatabaseCPUPercent: 80, ConnectionsPercent: 80, ReplicaLag: time.Second, DeadlocksPerMinute: 6,
		CacheCPUPercent: 80, CacheMemoryPercent: 80, EvictionsPerMinute: 100, KafkaDiskPercent: 85, CertificateDays: 30,
	}
	want.FreeMemoryPercent = 10
	// The memory of an r6g.large and an r6g.2xlarge ("Hardware specifications for DB
	// instance classes for Aurora").
	for name, memory := range map[string]int{"staging": 16 * 1024, "production": 64 * 1024} {
		assert.Equalf(t, memory, platform(t)[name].Database.MemoryMiB(), "%s: the memory of which the alarm takes a share, for the instance class that the seed asks for", name)
		watch := platform(t)[name].Observability
		assert.Equal(t, want, watch.Limits, name)
		assert.Equal(t, 1000, watch.WAFBlocksPerMinute, name)
		assert.Equal(t, 100_000, watch.ConsumerLagRecords, name)
		assert.Equal(t, 30*time.Second, watch.ScrapeInterval, name)
	}
	assert.Equal(t, 150, platform(t)["production"].Observability.MetricRetentionDays)
	assert.Equal(t, 30, platform(t)["staging"].Observability.MetricRetentionDays)
}

func TestTheStandbyCallsForHelpWithoutThePrimaryRegion(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		if env.DR.Mode != config.DRStandby {
			assert.NotContains(t, env.alarms(), "standby-lag", "nothing replicates")
			return
		}
		dr := env.stack(t, "dr")
		assert.Equal(t, env.Secondary.Name, dr.region)
		lag := env.alarms()["standby-lag"]
		assert.InDelta(t, 60_000, lag.Properties["Threshold"], 0, "a minute, in milliseconds: the seed allows to lose five")
		assert.Contains(t, rendered(at(lag.Properties, "AlarmActions", 0)), env.Names().StackName("dr"), "its topic is São Paulo's")
		assert.Len(t, dr.ofType("AWS::SNS::Subscription"), len(env.Site.Alerts.Critical)+len(env.Site.Alerts.Warning))
	})
}

func TestTheCollectorReachesNothingElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack := env.stack(t, "observability")
		assert.True(t, allowsNothingOut(stack.only(t, "AWS::EC2::SecurityGroup")), "the collector may call anywhere")
		var opened []any
		for _, rule := range stack.ofType("AWS::EC2::SecurityGroupEgress") {
			assert.NotEmpty(t, rule.Properties["DestinationSecurityGroupId"])
			opened = append(opened, rule.Properties["FromPort"])
		}
		assert.ElementsMatch(t, []any{8080.0, 11001.0, 11002.0}, opened)
	})
}

// A broker exports thousands of series, and each sample is paid for.
func TestOnlyTheKafkaSeriesThatAreReadArePaidFor(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		scraper := env.stack(t, "observability").only(t, "AWS::APS::Scraper")
		var scrape struct {
			Jobs []struct {
				Name    string `yaml:"job_name"`
				Relabel []struct {
					Action, Regex string
					Labels        []string `yaml:"source_labels"`
				} `yaml:"metric_relabel_configs"`
			} `yaml:"scrape_configs"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(render(at(scraper.Properties, "ScrapeConfiguration", "ConfigurationBlob"))), &scrape))
		for _, job := range scrape.Jobs {
			if job.Name == "wallet-service" {
				assert.Empty(t, job.Relabel)
				continue
			}
			require.Lenf(t, job.Relabel, 1, "%s", job.Name)
			assert.Equalf(t, "keep", job.Relabel[0].Action, "%s", job.Name)
			assert.Equalf(t, []string{"__name__"}, job.Relabel[0].Labels, "%s", job.Name)
			kept := regexp.MustCompile("^(?:" + job.Relabel[0].Regex + ")$")
			assert.Falsef(t, kept.MatchString("kafka_log_Log_Size"), "%s keeps a series for each partition", job.Name)
		}
	})
}
