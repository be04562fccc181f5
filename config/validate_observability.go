package config

import "time"

func validateObservability(p *problems, o Observability) {
	p.check(o.LatencyTarget > 0, "Observability.LatencyTarget", o.LatencyTarget, "more than 0s")
	p.check(o.TailLatencyTarget >= o.LatencyTarget, "Observability.TailLatencyTarget", o.TailLatencyTarget,
		"at least Observability.LatencyTarget, %v", o.LatencyTarget)
	p.check(0 < o.ErrorRatePercent && o.ErrorRatePercent <= 100, "Observability.ErrorRatePercent", o.ErrorRatePercent, "more than 0, at most 100")
	p.atLeast("Observability.WAFBlocksPerMinute", o.WAFBlocksPerMinute, 1)
	p.atLeast("Observability.ConsumerLagRecords", o.ConsumerLagRecords, 1)
	between(p, "Observability.MetricRetentionDays", o.MetricRetentionDays, 1, 1095)
	// Prometheus takes a series for gone when it has not heard of it for 5 minutes.
	p.seconds("Observability.ScrapeInterval", o.ScrapeInterval, 30*time.Second, 5*time.Minute)
	p.logRetention("Observability.LogRetentionDays", o.LogRetentionDays)
}

// validateLimits refuses thresholds that an alarm can never cross or always has.
func validateLimits(p *problems, l Limits, m Messaging) {
	const limits = "Observability.Limits."
	between(p, limits+"DatabaseCPUPercent", l.DatabaseCPUPercent, 1, 99)
	between(p, limits+"ConnectionsPercent", l.ConnectionsPercent, 1, 99)
	p.check(l.ReplicaLag > 0, limits+"ReplicaLag", l.ReplicaLag, "more than 0s")
	p.atLeast(limits+"DeadlocksPerMinute", l.DeadlocksPerMinute, 1)
	p.atLeast(limits+"FreeMemoryMiB", l.FreeMemoryMiB, 1)
	between(p, limits+"CacheCPUPercent", l.CacheCPUPercent, 1, 99)
	between(p, limits+"CacheMemoryPercent", l.CacheMemoryPercent, 1, 99)
	p.atLeast(limits+"EvictionsPerMinute", l.EvictionsPerMinute, 1)
	p.check(m.VolumeTargetPercent < l.KafkaDiskPercent && l.KafkaDiskPercent < 100, limits+"KafkaDiskPercent", l.KafkaDiskPercent,
		"more than Messaging.VolumeTargetPercent, %d, and less than 100", m.VolumeTargetPercent)
	between(p, limits+"CertificateDays", l.CertificateDays, 1, 59) // ACM renews from 60 on
}
