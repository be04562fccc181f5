package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Observability is alarms, dashboards, metrics and traces.
type Observability struct {
	// LatencyTarget is the P95 that the wallet promises its users, and
	// TailLatencyTarget the P99.
	LatencyTarget, TailLatencyTarget time.Duration
	// ErrorRatePercent is the share of 5xx answers that the wallet promises to
	// stay under.
	ErrorRatePercent float64
	// WAFBlocksPerMinute is the number of blocked requests in a minute that is an
	// attack, or a rule that blocks customers.
	WAFBlocksPerMinute int
	// ConsumerLagRecords is the sum of a consumer group's lag at which events are
	// late.
	ConsumerLagRecords int
	// MetricRetentionDays is how long Managed Prometheus keeps a series.
	MetricRetentionDays int
	// ScrapeInterval is how often a task's collector reads /metrics.
	ScrapeInterval time.Duration
	// GrafanaVersion is the workspace's version, such as "10.4": one of those that
	// `aws grafana list-versions` shows in the second region, which a deployment checks.
	// AWS never takes a workspace back to an older one.
	GrafanaVersion string
	// LogRetentionDays is for the logs of Prometheus and its collector.
	LogRetentionDays int
	// Limits are the thresholds that no other part of the configuration implies.
	Limits Limits
}

// Limits are thresholds of alarms: the values from which a person should look.
type Limits struct {
	// DatabaseCPUPercent is the writer's and the readers' load.
	DatabaseCPUPercent int
	// ConnectionsPercent is the share of Database.MaxConnections in use.
	ConnectionsPercent int
	// ReplicaLag is how far a reader, of Aurora or of the cache, may be behind.
	ReplicaLag time.Duration
	// DeadlocksPerMinute is on the writer.
	DeadlocksPerMinute int
	// FreeMemoryPercent is the share of its memory that an Aurora instance should have
	// left.
	FreeMemoryPercent int
	// CacheCPUPercent is of the one core that runs commands, CacheMemoryPercent of
	// a node's memory.
	CacheCPUPercent, CacheMemoryPercent int
	// EvictionsPerMinute is the number of entries that a cache node may drop early.
	EvictionsPerMinute int
	// KafkaDiskPercent is a broker's disk use: above Messaging.VolumeTargetPercent,
	// at which storage grows by itself.
	KafkaDiskPercent int
	// TrafficPercent is the share of an operation's traffic of the same hour a week ago
	// below which it has stopped. TrafficPerMinute is what there must have been.
	TrafficPercent, TrafficPerMinute int
	// OutboxAge is how long an event may wait in the outbox to be published.
	OutboxAge time.Duration
	// CertificateDays is the remaining life of a certificate. ACM starts to renew
	// 60 days before the end.
	CertificateDays int
}

// walletLimits are the alarm thresholds that hold for every size of the
// platform.
func walletLimits() Limits {
	return Limits{
		// Above it a failover's reconnections no longer fit on the writer.
		DatabaseCPUPercent: 80,
		// Twenty tasks with 44 connections each hold 880 of production's 2,000, and
		// 1,760 for the minutes of a deployment at the bound: else something leaks.
		ConnectionsPercent: 80,
		// Both replicate in milliseconds; after a second users miss their own writes.
		ReplicaLag:         time.Second,
		DeadlocksPerMinute: 6,  // one in ten seconds is a pattern, not an accident
		FreeMemoryPercent:  10, // what Aurora leaves beside its buffer pool when nothing is wrong
		CacheCPUPercent:    80,
		CacheMemoryPercent: 80, // a snapshot's fork needs the rest
		EvictionsPerMinute: 100,
		KafkaDiskPercent:   85, // AWS's own advice for MSK
		TrafficPercent:     10, // a holiday is half of a working day, not a tenth
		TrafficPerMinute:   60, // with less, a quarter of an hour can be empty by chance
		// Sixty rounds of the publisher. A failover of the database and a broker's restart
		// take less; what acts on events is wrong for longer than a customer waits.
		OutboxAge:       5 * time.Minute,
		CertificateDays: 30,
	}
}

// grafanaVersion is the same everywhere, so that a dashboard means the same.
const grafanaVersion = "10.4"

// grafanaMajors are the versions of Grafana that AWS documents ("Working in Grafana
// version …" in the Managed Grafana user guide). Which minors there are only
// grafana:ListVersions says, which a deployment asks.
var grafanaMajors = []string{"9", "10", "12", "13"}

// logRetentionDays are the retentions that CloudWatch Logs accepts
// (PutRetentionPolicy). "Never" is not among them on purpose.
var logRetentionDays = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

var digitsPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})$`)

func validateObservability(p *problems, o Observability) {
	p.milliseconds("Observability.LatencyTarget", o.LatencyTarget, time.Millisecond, time.Minute)
	p.milliseconds("Observability.TailLatencyTarget", o.TailLatencyTarget, max(o.LatencyTarget, time.Millisecond), time.Minute)
	p.check(0 < o.ErrorRatePercent && o.ErrorRatePercent <= 100, "Observability.ErrorRatePercent", o.ErrorRatePercent, "more than 0, at most 100")
	p.positive("Observability.WAFBlocksPerMinute", o.WAFBlocksPerMinute)
	p.positive("Observability.ConsumerLagRecords", o.ConsumerLagRecords)
	between(p, "Observability.MetricRetentionDays", o.MetricRetentionDays, 1, 1095)
	// The rules count in windows of two minutes, which hold four readings (constructs/prometheus).
	p.seconds("Observability.ScrapeInterval", o.ScrapeInterval, 15*time.Second, 30*time.Second)
	major, minor, _ := strings.Cut(o.GrafanaVersion, ".")
	p.check(slices.Contains(grafanaMajors, major) && digitsPattern.MatchString(minor), "Observability.GrafanaVersion", o.GrafanaVersion,
		"a version of Managed Grafana, such as 10.4 (%s are documented)", strings.Join(grafanaMajors, ", "))
	p.logRetention("Observability.LogRetentionDays", o.LogRetentionDays)
}

// validateLimits refuses thresholds that an alarm can never cross or always has.
func validateLimits(p *problems, l Limits, m Messaging) {
	const limits = "Observability.Limits."
	between(p, limits+"DatabaseCPUPercent", l.DatabaseCPUPercent, 1, 99)
	between(p, limits+"ConnectionsPercent", l.ConnectionsPercent, 1, 99)
	p.milliseconds(limits+"ReplicaLag", l.ReplicaLag, time.Millisecond, time.Hour) // in milliseconds on the alarm
	p.positive(limits+"DeadlocksPerMinute", l.DeadlocksPerMinute)
	// Aurora's buffer pool takes three quarters of the memory: with a threshold above
	// the rest, the alarm would never be quiet.
	between(p, limits+"FreeMemoryPercent", l.FreeMemoryPercent, 1, 24)
	between(p, limits+"CacheCPUPercent", l.CacheCPUPercent, 1, 99)
	between(p, limits+"CacheMemoryPercent", l.CacheMemoryPercent, 1, 99)
	p.positive(limits+"EvictionsPerMinute", l.EvictionsPerMinute)
	p.check(m.VolumeTargetPercent < l.KafkaDiskPercent && l.KafkaDiskPercent < 100, limits+"KafkaDiskPercent", l.KafkaDiskPercent,
		"more than Messaging.VolumeTargetPercent, %d, and less than 100", m.VolumeTargetPercent)
	between(p, limits+"TrafficPercent", l.TrafficPercent, 1, 99)
	p.positive(limits+"TrafficPerMinute", l.TrafficPerMinute)
	p.seconds(limits+"OutboxAge", l.OutboxAge, time.Minute, time.Hour) // it is measured once a minute
	between(p, limits+"CertificateDays", l.CertificateDays, 1, 59)     // ACM renews from 60 on
}
