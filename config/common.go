package config

import "time"

// Choices that are the same in every environment, whatever its size.

const (
	// auroraLTS is the newest minor of the long-term support line 3.10.
	auroraLTS = "3.10.4"
	// collectorImage is AWS's distribution of the OpenTelemetry collector.
	collectorImage = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"
)

// walletRollback takes a release back that fails ten times as many requests as the
// wallet promises, or is five times as slow. The promises themselves are watched
// by alarms that people read: a release is not the only thing that breaks them.
func walletRollback() Rollback {
	return Rollback{
		ErrorPercent: 1,
		// Five failures in a minute are no accident; fewer, of a handful of requests,
		// are a large share and say nothing.
		LeastErrors: 5,
		// A P95 of fewer is the slowest one or two of them, in a JVM that still compiles.
		LeastRequests: 50,
		Latency:       500 * time.Millisecond,
	}
}

// walletLimits are the alarm thresholds that hold for every size of the
// platform. freeMemoryMiB is a tenth of an Aurora instance's memory, which is
// what Aurora leaves free after its buffer pool when nothing is wrong.
func walletLimits(freeMemoryMiB int) Limits {
	return Limits{
		// Above it a failover's reconnections no longer fit on the writer.
		DatabaseCPUPercent: 80,
		// Twenty tasks with 45 connections each hold 900 of production's 2,000: above
		// it something leaks, or readers are lost in the middle of a deployment.
		ConnectionsPercent: 80,
		// Both replicate in milliseconds; after a second users miss their own writes.
		ReplicaLag:         time.Second,
		DeadlocksPerMinute: 6, // one in ten seconds is a pattern, not an accident
		FreeMemoryMiB:      freeMemoryMiB,
		CacheCPUPercent:    80,
		CacheMemoryPercent: 80, // a snapshot's fork needs the rest
		EvictionsPerMinute: 100,
		KafkaDiskPercent:   85, // AWS's own advice for MSK
		CertificateDays:    30,
	}
}
