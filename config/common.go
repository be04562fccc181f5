package config

import "time"

// Choices that are the same in every environment, whatever its size.

const (
	// auroraLTS is the newest minor of the long-term support line 3.10.
	auroraLTS = "3.10.4"
	// grafanaVersion is the same everywhere, so that a dashboard means the same.
	grafanaVersion = "10.4"
	// collectorImage is AWS's distribution of the OpenTelemetry collector, by the digest
	// of its index of both architectures. It is where the image is copied from
	// (scripts/collector.sh); no task pulls it from there.
	collectorImage = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0@sha256:d2bdfff2c377c3d71d78bd5d9ce9862fd535b12134a5739d87a07801297cf9fd"
)

// walletRollback takes a release back that fails ten times as many requests as the
// wallet promises, or is five times as slow. The promises themselves are watched
// by alarms that people read: a release is not the only thing that breaks them.
func walletRollback() Rollback {
	return Rollback{
		ErrorPercent: 1,
		// Five failures in a minute are no accident; fewer, of a handful of requests,
		// are a large share and say nothing.
		MinErrors: 5,
		// A P95 of fewer is the slowest one or two of them, in a JVM that still compiles.
		MinRequests: 50,
		Latency:     500 * time.Millisecond,
	}
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
		CertificateDays:    30,
	}
}

// walletFirewall are the limits of the web ACLs, and no caller: a fork adds its
// partners, and its load test for the day of the test.
func walletFirewall(modes FirewallModes) Firewall {
	return Firewall{
		// A person taps a few times a minute; an app that repeats itself, seven times a
		// second. Nothing is counted until clients send an Authorization header.
		SessionRequests: 2000,
		// A hundred a second from one address are a fiftieth of the load. Behind a
		// mobile carrier's stand hundreds to thousands of customers: two thousand of
		// them may send fifteen requests each.
		AddressRequests: 30_000,
		// The same customers open pages of some fifty files, which CloudFront serves
		// from its cache: what is limited is the bill.
		StaticRequests: 100_000,
		Modes:          modes,
	}
}

// walletGitHub is a part of Site that all environments share: a fork fills it in
// here, once. The numbers of a repository are shown by
// `gh api repos/OWNER/NAME --jq '.owner.id, .id'`.
func walletGitHub() GitHub {
	return GitHub{
		Platform: Repository{Owner: "example", OwnerID: 1000001, Name: "wallet-infra", ID: 2000001},
		Service:  Repository{Owner: "example", OwnerID: 1000001, Name: "wallet-service", ID: 2000002},
		Branch:   "main",
	}
}

// PipelineSession is how long a workflow may act on one sign-in: the least that IAM
// offers for a role. A deployment takes longer, see [Pipeline.DeploySession].
const PipelineSession = time.Hour

// walletPipeline is the same in every environment, since staging rehearses what
// production does.
func walletPipeline() Pipeline {
	return Pipeline{
		// A first deployment takes over an hour for the brokers and the database, and
		// CloudFormation goes on by itself when the session ends in the middle.
		DeploySession: 4 * time.Hour,
	}
}
