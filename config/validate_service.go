package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	// An image with its registry and a tag or digest, so that a task started
	// tomorrow runs what was tested today.
	imagePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$`)
	// The characters of a path pattern of a load balancer's rule.
	pathPattern = regexp.MustCompile(`^/[A-Za-z0-9_\-.$/~"'@:+&*?]{0,127}$`)
)

func validateService(p *problems, s Service) {
	p.check(fargateOffers(s.CPU, s.MemoryMiB), "Service.MemoryMiB", s.MemoryMiB, "a Fargate size: %s", fargateSizes(s.CPU))
	oneOf(p, "Service.Architecture", s.Architecture, "X86_64", "ARM64")
	p.atLeast("Service.MinTasks", s.MinTasks, 1)
	p.check(s.MinTasks <= s.MaxTasks, "Service.MinTasks", s.MinTasks, "at most Service.MaxTasks, %d", s.MaxTasks)
	between(p, "Service.CPUTargetPercent", s.CPUTargetPercent, 1, 100)
	between(p, "Service.MemoryTargetPercent", s.MemoryTargetPercent, 1, 100)
	p.atLeast("Service.RequestsPerTaskPerMinute", s.RequestsPerTaskPerMinute, 1)
	p.seconds("Service.ScaleOutCooldown", s.ScaleOutCooldown, 0, time.Hour)
	p.seconds("Service.ScaleInCooldown", s.ScaleInCooldown, 0, time.Hour)
	p.atLeast("Service.DatabasePoolSize", s.DatabasePoolSize, 1)
	between(p, "Service.HeapPercent", s.HeapPercent, 1, 90)
	p.seconds("Service.StartupGrace", s.StartupGrace, time.Second, time.Hour)
	p.seconds("Service.StopTimeout", s.StopTimeout, time.Second, 120*time.Second)
	between(p, "Service.TraceSampleRatio", s.TraceSampleRatio, 0, 1)
	validateCollector(p, s)
	p.logRetention("Service.LogRetentionDays", s.LogRetentionDays)
}

// fargateSizes says what memory a CPU size may have, or which sizes there are.
func fargateSizes(cpu int) string {
	if cpu == smallestTask.cpu {
		return fmt.Sprintf("one of %v MiB for CPU %d", smallestTask.memoryMiB, cpu)
	}
	if memory, known := fargateMemory[cpu]; known {
		return fmt.Sprintf("%d to %d MiB in steps of %d for CPU %d", memory.least, memory.most, memory.step, cpu)
	}
	return fmt.Sprintf("CPU 256, 512, 1024, 2048, 4096, 8192 or 16384, not %d", cpu)
}

func validateCollector(p *problems, s Service) {
	p.check(imagePattern.MatchString(s.CollectorImage) && !strings.HasSuffix(s.CollectorImage, ":latest"),
		"Service.CollectorImage", s.CollectorImage, "an image with its registry and a fixed tag or digest")
	p.check(0 < s.CollectorCPU && s.CollectorCPU < s.CPU, "Service.CollectorCPU", s.CollectorCPU, "more than 0 and less than Service.CPU, %d", s.CPU)
	p.check(0 < s.CollectorMemoryMiB && s.CollectorMemoryMiB < s.MemoryMiB,
		"Service.CollectorMemoryMiB", s.CollectorMemoryMiB, "more than 0 and less than Service.MemoryMiB, %d", s.MemoryMiB)
}

func validateRegistry(p *problems, r Registry) {
	p.atLeast("Registry.Releases", r.Releases, 2) // the running release and the one to return to
	p.atLeast("Registry.UntaggedDays", r.UntaggedDays, 1)
}

// validateServiceData reports what the service asks of the database and does not
// get.
func validateServiceData(p *problems, e Environment) {
	p.check(e.Service.DatabaseConnections() <= e.Database.MaxConnections, "Service.DatabasePoolSize", e.Service.DatabasePoolSize,
		"small enough that twice Service.MaxTasks with %d pools each fit into Database.MaxConnections, %d", DatabasePools, e.Database.MaxConnections)
	p.check(e.Primary.DatabaseAuthorities() != "", "Primary.Name", e.Primary.Name, "a region whose RDS certificates are in config/authorities")
	// A task that is killed before the load balancer lets go of it cuts requests.
	p.check(e.Edge.DeregistrationDelay < e.Service.StopTimeout, "Edge.DeregistrationDelay", e.Edge.DeregistrationDelay,
		"less than Service.StopTimeout, %s", e.Service.StopTimeout)
}

func validateEdge(p *problems, e Edge) {
	validatePaths(p, e.PublicPaths)
	between(p, "Edge.RateLimit", e.RateLimit, 10, 2_000_000_000)
	p.seconds("Edge.DeregistrationDelay", e.DeregistrationDelay, 0, time.Hour)
	p.check(e.SlowStart == 0 || 30*time.Second <= e.SlowStart && e.SlowStart <= 900*time.Second,
		"Edge.SlowStart", e.SlowStart, "0s, or 30s to 900s")
	p.seconds("Edge.Health.Interval", e.Health.Interval, 5*time.Second, 300*time.Second)
	p.seconds("Edge.Health.Timeout", e.Health.Timeout, 2*time.Second, 120*time.Second)
	p.check(e.Health.Timeout < e.Health.Interval, "Edge.Health.Timeout", e.Health.Timeout, "less than Edge.Health.Interval, %s", e.Health.Interval)
	between(p, "Edge.Health.Healthy", e.Health.Healthy, 2, 10)
	between(p, "Edge.Health.Unhealthy", e.Health.Unhealthy, 2, 10)
	p.seconds("Edge.IdleTimeout", e.IdleTimeout, time.Second, 4000*time.Second)
	p.logRetention("Edge.LogRetentionDays", e.LogRetentionDays)
	oneOf(p, "Edge.PriceClass", e.PriceClass, "PriceClass_100", "PriceClass_200", "PriceClass_All")
}

// managementPaths are the service's own, which the internet must not reach.
var managementPaths = []string{"/q", "/q/*", "/metrics", "/metrics/*"}

func validatePaths(p *problems, paths []string) {
	// The load balancer's quotas for one rule.
	const mostValues, mostWildcards = 5, 6
	p.check(1 <= len(paths) && len(paths) <= mostValues, "Edge.PublicPaths", len(paths), "1 to %d patterns", mostValues)
	all := strings.Join(paths, "")
	wildcards := strings.Count(all, "*") + strings.Count(all, "?")
	p.check(wildcards <= mostWildcards, "Edge.PublicPaths", wildcards, "at most %d wildcards in all", mostWildcards)
	for _, path := range paths {
		if !pathPattern.MatchString(path) {
			p.add("Edge.PublicPaths", path, "a path pattern of a load balancer: \"/\" first, 128 characters at most")
			continue
		}
		for _, management := range managementPaths {
			if patternsMeet(path, management) {
				p.add("Edge.PublicPaths", path, "a pattern that reaches none of %s", strings.Join(managementPaths, ", "))
				break
			}
		}
	}
	p.unique("Edge.PublicPaths", paths)
}

// patternsMeet says whether some path matches both patterns, in which "*" stands
// for any characters and "?" for one.
func patternsMeet(a, b string) bool {
	switch {
	case a == "" && b == "":
		return true
	case strings.HasPrefix(a, "*"):
		return patternsMeet(a[1:], b) || b != "" && patternsMeet(a, b[1:])
	case strings.HasPrefix(b, "*"):
		return patternsMeet(b, a)
	case a == "" || b == "":
		return false
	}
	return (a[0] == b[0] || a[0] == '?' || b[0] == '?') && patternsMeet(a[1:], b[1:])
}

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
