package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// decision is a choice of the platform: the values that make it, and what a
// change of them costs. The values stand here a second time on purpose. Most
// tests read the configuration for what they expect, and would follow whoever
// changes it by mistake; this one asks whether the change is meant.
type decision struct {
	about               string
	of                  func(e Environment) []any
	staging, production string // the values, with spaces between them
	why                 string
}

// decisions are all of them, by concept.
var decisions = map[string][]decision{
	"pipeline": {
		{"session of a deployment", func(e Environment) []any { return []any{e.Pipeline.DeploySession} },
			"4h0m0s", "4h0m0s", "a first deployment must end within it; whoever steals the credentials has them as long"},
	},
	"place": {
		{"regions", func(e Environment) []any { return []any{e.Primary.Name, e.Secondary.Name} },
			"sa-east-1 us-east-1", "sa-east-1 us-east-1", "the wallet's data lives in Brazil, its copies in one place outside"},
		{"zones", func(e Environment) []any { return []any{e.Primary.Zones, e.Secondary.Zones} },
			"[sa-east-1a sa-east-1b sa-east-1c] [us-east-1a us-east-1b us-east-1c]",
			"[sa-east-1a sa-east-1b sa-east-1c] [us-east-1a us-east-1b us-east-1c]",
			"their order says in which zone each subnet, and with it each database instance, is: another order replaces them"},
		{"protection from deletion, and class of data", func(e Environment) []any { return []any{e.Protected, e.Tags.DataClass} },
			"false synthetic", "true restricted", "one deployment must not be able to delete customers' money"},
		{"recovery in the second region", func(e Environment) []any { return []any{e.DR.Mode, e.DR.AllowDataOutsideBrazil} },
			"backup true", "standby true", "the seed's 30 minutes need a standby; letting data leave Brazil is a legal decision"},
	},
	"network": {
		{"address plan", func(e Environment) []any { return addresses(e.Network) },
			"10.10.0.0/16 [10.10.1.0/24 10.10.2.0/24 10.10.3.0/24] [10.10.11.0/24 10.10.12.0/24 10.10.13.0/24] [10.10.21.0/24 10.10.22.0/24 10.10.23.0/24]",
			"10.0.0.0/16 [10.0.1.0/24 10.0.2.0/24 10.0.3.0/24] [10.0.11.0/24 10.0.12.0/24 10.0.13.0/24] [10.0.21.0/24 10.0.22.0/24 10.0.23.0/24]",
			"a renumbered subnet is a replaced database"},
		{"address plan of the second region", func(e Environment) []any { return addresses(e.DR.Network) },
			" [] [] []",
			"10.1.0.0/16 [10.1.1.0/24 10.1.2.0/24 10.1.3.0/24] [10.1.11.0/24 10.1.12.0/24 10.1.13.0/24] [10.1.21.0/24 10.1.22.0/24 10.1.23.0/24]",
			"as above, and the two VPCs must be able to be joined"},
		{"NAT gateways", func(e Environment) []any { return []any{e.Network.NATGateways, e.DR.Network.NATGateways} },
			"1 0", "3 3", "with fewer than one for each zone, one zone's failure cuts all tasks off"},
		{"interface endpoints", func(e Environment) []any {
			return []any{e.Network.InterfaceEndpoints, e.DR.Network.InterfaceEndpoints}
		}, "[] []", "[secretsmanager ecr.api ecr.dkr logs kms monitoring xray sts] [secretsmanager ecr.api ecr.dkr logs kms monitoring xray sts]",
			"without one, its traffic takes the internet"},
		{"days of flow logs", func(e Environment) []any {
			return []any{e.Network.FlowLogRetentionDays, e.DR.Network.FlowLogRetentionDays}
		}, "30 0", "365 365", "PCI DSS asks for a year of audit trail"},
	},
	"database": {
		{"class, readers and their bound", func(e Environment) []any {
			return []any{e.Database.InstanceType, e.Database.Readers, e.Database.MaxReaders}
		}, "r6g.large 1 3", "r6g.2xlarge 2 14", "the seed's sizes; AWS allows 15 readers less one for each secondary region"},
		{"instances in the second region", func(e Environment) []any { return []any{e.DR.Readers} },
			"0", "1", "after a failover it carries the whole load"},
		{"version", func(e Environment) []any { return []any{e.Database.EngineVersion} },
			"3.10.4", "3.10.4", "the long-term support line; an upgrade is rehearsed in staging, and there is no way back"},
		{"percent of CPU at which readers are added", func(e Environment) []any { return []any{e.Database.ReaderCPUTargetPercent} },
			"60", "60", "a new reader takes minutes; above 60 it comes too late"},
		{"storage", func(e Environment) []any { return []any{e.Database.Storage} },
			"aurora", "aurora", "I/O-optimized pays above about 2,240 I/O operations a second, and AWS takes the change to it once in 30 days"},
		{"connections of the server", func(e Environment) []any { return []any{e.Database.MaxConnections} },
			"1000", "2000", "the pools of twice the tasks must fit, and each connection costs the server memory"},
		{"days of point-in-time recovery", func(e Environment) []any { return []any{e.Database.BackupRetentionDays} },
			"35", "35", "the seed's 35, which is also AWS's most"},
		{"windows, UTC", func(e Environment) []any { return []any{e.Database.BackupWindow, e.Database.MaintenanceWindow} },
			"03:00-04:00 sun:04:00-sun:05:00", "03:00-04:00 sun:04:00-sun:05:00", "midnight to two in Brasília, when the fewest people pay"},
		{"what is seen of it", func(e Environment) []any {
			return []any{e.Database.Insights, e.Database.Insights.RetentionDays(), e.Database.MonitoringInterval, e.Database.SlowQuery}
		}, "standard 7 1m0s 500ms", "advanced 465 1m0s 500ms", "what an incident is explained with; AWS accepts these pairs of mode and days only"},
		{"days of logs", func(e Environment) []any { return []any{e.Database.LogRetentionDays} }, "30", "365", "PCI DSS: a year of audit trail"},
		{"windows of rotation: week, hour UTC, hours", func(e Environment) []any { return []any{e.Database.AdminRotation, e.Database.AppRotation} },
			"{1 13 2} {3 13 2}", "{1 13 2} {3 13 2}", "PCI DSS: a new password within 90 days; ten in the morning in Brasília, on two Tuesdays, because the second logs in with the first one's password"},
		{"end of the secondary cluster's name", func(e Environment) []any { return []any{e.DR.ClusterSuffix} },
			"", "", "another one makes a new, empty secondary in its place"},
		{"lag of the standby that is an alarm", func(e Environment) []any { return []any{e.DR.ReplicationLag} },
			"0s", "1m0s", "the seed's recovery point is five minutes"},
		{"minutes of lag before the alarm, and what is lost by then", func(e Environment) []any {
			return []any{e.DR.LagMinutes, e.DR.AlertLag(e.DR.ReplicationLag)}
		}, "0 1m0s", "2 4m0s", "a replication that stands still must be known before the seed's five minutes are gone"},
	},
	"cache": {
		{"nodes", func(e Environment) []any {
			return []any{e.Cache.NodeType, e.Cache.ClusterMode, e.Cache.Shards, e.Cache.Replicas, e.Cache.Nodes(), e.Cache.Failover()}
		}, "cache.t4g.medium true 1 0 1 false", "cache.r6g.large true 1 2 3 true",
			"the seed's sizes, or the nearest that exist; without replicas nothing takes over"},
		{"engine", func(e Environment) []any {
			return []any{e.Cache.Engine, e.Cache.EngineVersion, e.Cache.ParameterFamily()}
		}, "redis 7.1 redis7", "redis 7.1 redis7", "another engine replaces the group, another version has no way back"},
		{"days of snapshots and of logs, windows", func(e Environment) []any {
			return []any{e.Cache.SnapshotRetentionDays, e.Cache.LogRetentionDays, e.Cache.SnapshotWindow, e.Cache.MaintenanceWindow}
		}, "1 30 02:00-03:00 sun:05:00-sun:06:00", "7 90 02:00-03:00 sun:05:00-sun:06:00", "not while Aurora is backed up or maintained"},
	},
	"messaging": {
		{"brokers", func(e Environment) []any {
			return []any{e.Messaging.BrokerType, e.Messaging.Brokers, e.Messaging.Zones, e.Messaging.KafkaVersion}
		}, "kafka.t3.small 2 2 3.9.x", "kafka.m5.large 3 3 3.9.x.kraft", "the seed's sizes, or the nearest that MSK takes; zones and metadata mode never change on a cluster"},
		{"copies of an event, and how many make it safe", func(e Environment) []any {
			return []any{e.Messaging.ReplicationFactor, e.Messaging.MinInSyncReplicas}
		}, "2 1", "3 2", "with fewer, the loss of a broker loses events that were acknowledged"},
		{"GiB of a broker, their bound, and percent at which they grow", func(e Environment) []any {
			return []any{e.Messaging.VolumeGiB, e.Messaging.MaxVolumeGiB, e.Messaging.VolumeTargetPercent}
		}, "50 200 60", "500 2000 60", "a full disk stops a broker, and AWS never shrinks a volume"},
		{"topics", func(e Environment) []any { return []any{e.Messaging.Topics} },
			"[{wallet-events 6 delete 168h0m0s} {wallet-commands 6 delete 24h0m0s} {wallet-snapshots 6 compact 168h0m0s}]",
			"[{wallet-events 24 delete 168h0m0s} {wallet-commands 24 delete 24h0m0s} {wallet-snapshots 24 compact 168h0m0s}]",
			"the application's own policies; partitions added later break the order of a wallet's events"},
		{"phase of the replicator's rollout", func(e Environment) []any { return []any{e.Messaging.Replication, e.Replication()} },
			"none none", "none none", "the only phase that a new account can deploy; the last phase needs what only a deployment tells; a step back takes the replicator or its way in away"},
		{"days of broker logs", func(e Environment) []any { return []any{e.Messaging.LogRetentionDays} },
			"30", "90", "they also go to the log bucket, which keeps them longer"},
	},
	"storage and backup": {
		{"days of exported backups, and until they are cold", func(e Environment) []any {
			return []any{e.Storage.BackupRetentionDays, e.Storage.BackupColdAfterDays}
		}, "35 0", "365 30", "a shorter time deletes what is already there"},
		{"days of logs, replaced versions and parts of uploads", func(e Environment) []any {
			return []any{e.Storage.LogRetentionDays, e.Storage.NoncurrentDays, e.Storage.IncompleteUploadDays}
		}, "90 30 7", "365 90 7", "PCI DSS: a year of audit trail; a deletion must be noticed while its version is there"},
		{"days of recovery points", func(e Environment) []any { return []any{e.Backup.RetentionDays} },
			"35", "35", "the seed's 35"},
		{"lock of the vault: least, most and days of grace", func(e Environment) []any {
			return []any{e.Backup.LockMinDays, e.Backup.LockMaxDays, e.Backup.LockGraceDays}
		}, "1 35 0", "7 365 3", "after the days of grace nobody can loosen it, the root user included; 0 never locks for good"},
		{"hour, windows and hour of the restore test", func(e Environment) []any {
			return []any{e.Backup.StartHourUTC, e.Backup.StartWindow, e.Backup.CompletionWindow, e.Backup.RestoreTestHourUTC()}
		}, "5 1h0m0s 4h0m0s 10", "5 1h0m0s 4h0m0s 10", "the backup is daily and ends before its test begins"},
		{"day of the month of the export", func(e Environment) []any { return []any{e.Backup.ExportDay} },
			"1", "1", "a month without an export is one of the year's records missing"},
		{"restore tests: days between them, time to look", func(e Environment) []any {
			return []any{e.Backup.RestoreTestDays, e.Backup.RestoreTestHold}
		}, "7 2h0m0s", "7 2h0m0s", "a backup that was never restored is a hope; a restored cluster costs money and holds customers' data"},
	},
	"recovery": {
		{"promises", func(e Environment) []any { return []any{e.DR.Recovery.TimeObjective, e.DR.Recovery.PointObjective} },
			"0s 0s", "30m0s 5m0s", "the seed's"},
		{"what sees the loss", func(e Environment) []any { return []any{e.DR.Recovery.Probe, e.DR.Recovery.Probe.Detection()} },
			"{0s 0 0} 1m0s", "{30s 3 2} 4m30s", "a faster probe pages for a hiccup, a slower one takes the time from the people"},
		{"time of people: to decide, to approve", func(e Environment) []any { return []any{e.DR.Recovery.Decision, e.DR.Recovery.Approval} },
			"0s 0s", "5m0s 5m0s", "a failover can lose data: two people look, and they have the time to"},
		{"time-outs of steps: database, service, traffic; names that are kept", func(e Environment) []any {
			r := e.DR.Recovery
			return []any{r.Database, r.Scaling, r.Traffic, r.Resolvers}
		}, "0s 0s 0s 0s", "5m0s 6m0s 1m0s 1m0s", "a step that is stopped too early leaves the switch half-way; too late breaks the promise"},
		{"sum of the way", func(e Environment) []any { return []any{e.DR.Recovery.RecoveryTime()} },
			"2m0s", "23m30s", "what is left of the 30 minutes is for one step that must be tried again"},
		{"delay of events that is an alarm", func(e Environment) []any { return []any{e.DR.EventLag} },
			"0s", "2m0s", "what is late is published again from the outbox, at the cost of time"},
		{"tasks of a region that waits", func(e Environment) []any {
			return []any{e.DR.MinTasks, e.MinTasks(e.Primary), e.MinTasks(e.Secondary)}
		}, "0 2 0", "2 6 2", "they prove that the region could; each costs as much as one that serves"},
		{"active region", func(e Environment) []any { return []any{e.DR.ActiveRegion} },
			"", "sa-east-1", "it moves the minimum of tasks and who is woken, nothing else"},
	},
	"service": {
		{"size of a task", func(e Environment) []any {
			return []any{e.Service.CPU, e.Service.MemoryMiB, e.Service.Architecture}
		}, "2048 4096 X86_64", "4096 8192 X86_64", "the seed's; the image must be built for the architecture"},
		{"tasks", func(e Environment) []any { return []any{e.Service.MinTasks, e.Service.MaxTasks} },
			"2 4", "6 20", "the seed's; connections, the Fargate quota and the budget follow the most"},
		{"what adds tasks: percent of CPU and memory, requests a minute", func(e Environment) []any {
			return []any{e.Service.CPUTargetPercent, e.Service.MemoryTargetPercent, e.Service.RequestsPerTaskPerMinute}
		}, "70 80 18000", "70 80 36000", "the seed's percents; 20 tasks at 36,000 leave the room that a peak of 15,000 a second needs"},
		{"time between two steps out and in", func(e Environment) []any {
			return []any{e.Service.ScaleOutCooldown, e.Service.ScaleInCooldown}
		}, "1m0s 5m0s", "1m0s 5m0s", "out as fast as a JVM starts, in only when the peak is over"},
		{"connections of the pool that works, and of the whole service", func(e Environment) []any {
			return []any{e.Service.DatabasePoolSize, e.Service.DatabaseConnections()}
		}, "40 354", "40 1762", "all of them must fit the one server that is left after a failure"},
		{"percent of heap, time to start and to stop", func(e Environment) []any {
			return []any{e.Service.HeapPercent, e.Service.StartupGrace, e.Service.StopTimeout}
		}, "70 2m0s 1m30s", "70 2m0s 1m30s", "more heap is killed for its memory; less time kills a JVM that starts, or a transfer in flight"},
		{"a shell in a running task", func(e Environment) []any { return []any{e.Service.Exec} },
			"true", "false", "nobody enters a task that holds production's passwords"},
		{"the collector: share of traces, image, CPU, MiB", func(e Environment) []any {
			return []any{e.Service.TraceSampleRatio, e.Service.CollectorImage, e.Service.CollectorCPU, e.Service.CollectorMemoryMiB,
				e.Service.AppCPU(), e.Service.AppMemoryMiB()}
		}, "1 public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0@sha256:d2bdfff2c377c3d71d78bd5d9ce9862fd535b12134a5739d87a07801297cf9fd 256 512 1792 3584",
			"0.05 public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0@sha256:d2bdfff2c377c3d71d78bd5d9ce9862fd535b12134a5739d87a07801297cf9fd 256 512 3840 7680",
			"every trace of 5,000 requests a second costs more than the tasks; the image runs beside the passwords"},
		{"days of untagged images", func(e Environment) []any { return []any{e.Registry.UntaggedDays} },
			"7", "7", "what an interrupted push left is paid for as long"},
		{"days of logs", func(e Environment) []any { return []any{e.Service.LogRetentionDays} }, "30", "90", "the time in which a customer's complaint can be looked into"},
	},
	"delivery": {
		{"how requests move: strategy, percent, minutes", func(e Environment) []any {
			return []any{e.Delivery.Strategy, e.Delivery.StepPercent, e.Delivery.StepBake, e.Delivery.Bake}
		}, "BLUE_GREEN 0 0s 5m0s", "CANARY 10 10m0s 15m0s", "production shows a release to a tenth of its customers first; the old one waits long enough for the alarms"},
		{"what takes a release back: percent of errors, how many, P95, of how many", func(e Environment) []any {
			r := e.Delivery.Rollback
			return []any{r.ErrorPercent, r.MinErrors, r.Latency, r.MinRequests}
		}, "1 5 500ms 50", "1 5 500ms 50", "lower takes good releases back for an accident, higher leaves customers with a bad one"},
		{"the migration: size, time to start and to end", func(e Environment) []any {
			m := e.Delivery.Migration
			return []any{m.CPU, m.MemoryMiB, m.StartTimeout, m.Timeout}
		}, "256 512 5m0s 30m0s", "512 1024 5m0s 2h0m0s", "a migration that is stopped half-way must be repaired by hand"},
		{"a test that moves money", func(e Environment) []any { return []any{e.Delivery.SmokeTransactions} },
			"true", "false", "a ledger that holds real money holds no test's"},
		{"whether a deployment migrates and is tested", func(e Environment) []any { return []any{!e.Delivery.HooksOff} },
			"true", "true", "code meets a schema that it does not know, and customers are its test"},
		{"the longest that a deployment takes", func(e Environment) []any { return []any{e.Delivery.Longest()} },
			"1h40m0s", "3h30m0s", "rotations wait for it, and CloudFormation gives up after 36 hours"},
	},
	"edge": {
		{"public paths", func(e Environment) []any { return []any{e.Edge.PublicPaths} },
			"[/api/v1/wallets /api/v1/wallets/*]", "[/api/v1/wallets /api/v1/wallets/*]", "whatever else is public, nobody has looked at"},
		{"requests in five minutes of a session, an address, an address at static content", func(e Environment) []any {
			f := e.Edge.Firewall
			return []any{f.SessionRequests, f.AddressRequests, f.StaticRequests, f.Callers}
		}, "2000 30000 100000 []", "2000 30000 100000 []", "higher lets one address take a task's capacity, lower blocks the customers behind a carrier's address"},
		{"rules that count and block", func(e Environment) []any { return []any{e.Edge.Firewall.Modes} },
			"{block block block block count block block block}", "{block count count count count block count count}",
			"a managed rule that blocks from the first day shuts out customers whom nobody has seen yet"},
		{"requests that two servers read in two ways", func(e Environment) []any { return []any{e.Edge.Desync} },
			"strictest", "defensive", "strictest from the first day refuses old phones and partners' proxies"},
		{"health check", func(e Environment) []any { return []any{e.Edge.Health} },
			"{10s 5s 2 5}", "{10s 5s 2 5}", "a moment without the database makes all tasks unready at once: they must not all be replaced for it"},
		{"time to leave, to warm up and to be silent", func(e Environment) []any {
			return []any{e.Edge.DeregistrationDelay, e.Edge.SlowStart, e.Edge.IdleTimeout}
		}, "1m0s 1m0s 1m0s", "1m0s 1m0s 1m0s", "a task leaves the balancer before it stops, and a cold JVM gets few requests"},
		{"days of logs, places of the static content", func(e Environment) []any { return []any{e.Edge.LogRetentionDays, e.Edge.PriceClass} },
			"30 PriceClass_All", "365 PriceClass_All", "PCI DSS: a year of audit trail; cheaper classes leave South America out"},
	},
	"observability": {
		{"version of Grafana", func(e Environment) []any { return []any{e.Observability.GrafanaVersion} },
			"10.4", "10.4", "AWS takes no workspace back to an older version"},
		{"promises: P95, P99, percent of errors", func(e Environment) []any {
			return []any{e.Observability.LatencyTarget, e.Observability.TailLatencyTarget, e.Observability.ErrorRatePercent}
		}, "100ms 200ms 0.1", "100ms 200ms 0.1", "alarms begin where the promises to the users end"},
		{"blocked requests, events not read", func(e Environment) []any {
			return []any{e.Observability.WAFBlocksPerMinute, e.Observability.ConsumerLagRecords}
		}, "1000 100000", "1000 100000", "an attack, and seven seconds of the peak's events"},
		{"days of metrics and logs, time between two readings", func(e Environment) []any {
			return []any{e.Observability.MetricRetentionDays, e.Observability.LogRetentionDays, e.Observability.ScrapeInterval}
		}, "30 30 30s", "150 90 30s", "a trend of a quarter is seen over five months; each reading is paid for"},
		{"limits of the database: CPU, connections, lag, deadlocks, percent of memory left", func(e Environment) []any {
			l := e.Observability.Limits
			return []any{l.DatabaseCPUPercent, l.ConnectionsPercent, l.ReplicaLag, l.DeadlocksPerMinute, l.FreeMemoryPercent}
		}, "80 80 1s 6 10", "80 80 1s 6 10", "above them a failover no longer fits, or users miss their own writes"},
		{"limits of cache, brokers, missing traffic and certificates", func(e Environment) []any {
			l := e.Observability.Limits
			return []any{l.CacheCPUPercent, l.CacheMemoryPercent, l.EvictionsPerMinute, l.KafkaDiskPercent, l.TrafficPercent, l.TrafficPerMinute, l.CertificateDays}
		}, "80 80 100 85 10 60 30", "80 80 100 85 10 60 30", "each leaves the time that its repair takes"},
		{"age of an event that waits", func(e Environment) []any { return []any{e.Observability.Limits.OutboxAge} },
			"5m0s", "5m0s", "a failover and a broker's restart take less"},
	},
}

// addresses are the blocks of a network.
func addresses(n Network) []any { return []any{n.CIDR, n.Public, n.Private, n.Database} }

// got are the values of a decision in an environment.
func (d decision) got(e Environment) string {
	return strings.TrimSuffix(fmt.Sprintln(d.of(e)...), "\n")
}

func TestNoSizeOrSafeguardChangesUnnoticed(t *testing.T) {
	for concept, all := range decisions {
		for _, d := range all {
			assert.Equalf(t, d.staging, d.got(Staging()), "staging's %s: %s. If the change is meant, write it here too (config/decisions_test.go); %s", concept, d.about, d.why)
			assert.Equalf(t, d.production, d.got(Production()), "production's %s: %s. If the change is meant, write it here too (config/decisions_test.go); %s", concept, d.about, d.why)
		}
	}
}

// A new field of the configuration belongs to a decision. What a fork fills in
// does not: the test must not fail where somebody else deploys.
func TestNoFieldOfTheConfigurationIsLeftUndecided(t *testing.T) {
	free := []string{"Name", "Site", "Tags.Owner", "Tags.CostCentre"}
	before := snapshot(Production())
	for _, index := range leaves(reflect.TypeFor[Environment](), nil) {
		path := fieldPath(index)
		if isFree(path, free) {
			continue
		}
		env := Production()
		spoil(t, path, reflect.ValueOf(&env).Elem().FieldByIndex(index))
		assert.NotEqualf(t, before, snapshot(env), "%s can change and no test would tell: give it a decision", path)
	}
}

// snapshot is every decision of an environment.
func snapshot(e Environment) map[string]string {
	values := map[string]string{}
	for concept, all := range decisions {
		for _, d := range all {
			values[concept+d.about] = d.got(e)
		}
	}
	return values
}

// leaves are the fields that hold a value, at any depth.
func leaves(of reflect.Type, above []int) [][]int {
	var found [][]int
	for i := range of.NumField() {
		index := append(append([]int{}, above...), i)
		if of.Field(i).Type.Kind() == reflect.Struct {
			found = append(found, leaves(of.Field(i).Type, index)...)
			continue
		}
		found = append(found, index)
	}
	return found
}

// fieldPath is a field's name from the environment down, "Edge.Health.Timeout".
func fieldPath(index []int) string {
	var names []string
	for i := range index {
		names = append(names, reflect.TypeFor[Environment]().FieldByIndex(index[:i+1]).Name)
	}
	return strings.Join(names, ".")
}

func isFree(path string, free []string) bool {
	for _, name := range free {
		if path == name || strings.HasPrefix(path, name+".") {
			return true
		}
	}
	return false
}

// spoil changes a value, whatever its kind.
func spoil(t *testing.T, path string, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + int64(time.Hour))
	case reflect.Float64:
		field.SetFloat(field.Float() + 1)
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Slice:
		field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
	default:
		t.Fatalf("%s is a %s: say here how it is changed", path, field.Kind())
	}
}
