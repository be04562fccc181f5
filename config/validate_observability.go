package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var digitsPattern = regexp.MustCompile(`^[0-9]{1,3}$`)

func validateObservability(p *problems, o Observability) {
	p.milliseconds("Observability.LatencyTarget", o.LatencyTarget, time.Millisecond, time.Minute)
	p.milliseconds("Observability.TailLatencyTarget", o.TailLatencyTarget, max(o.LatencyTarget, time.Millisecond), time.Minute)
	p.check(0 < o.ErrorRatePercent && o.ErrorRatePercent <= 100, "Observability.ErrorRatePercent", o.ErrorRatePercent, "more than 0, at most 100")
	p.positive("Observability.WAFBlocksPerMinute", o.WAFBlocksPerMinute)
	p.positive("Observability.ConsumerLagRecords", o.ConsumerLagRecords)
	between(p, "Observability.MetricRetentionDays", o.MetricRetentionDays, 1, 1095)
	// Prometheus takes a series for gone when it has not heard of it for 5 minutes.
	p.seconds("Observability.ScrapeInterval", o.ScrapeInterval, 30*time.Second, 5*time.Minute)
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
	between(p, limits+"CertificateDays", l.CertificateDays, 1, 59) // ACM renews from 60 on
}
