package config

import (
	"regexp"
	"strings"
	"time"
)

// Edge is what stands between the internet and the service.
type Edge struct {
	// PublicPaths are the load balancer path patterns that reach the service from
	// the internet. Everything else is answered with 404.
	PublicPaths []string
	// Firewall is what the web ACLs let pass.
	Firewall Firewall
	// Desync is what happens to requests that two servers could read in two ways.
	Desync DesyncMode
	// DeregistrationDelay is how long a leaving task may finish its requests.
	DeregistrationDelay time.Duration
	// SlowStart is the time over which a new task's share of the requests grows to
	// its full size, 30 to 900 s. It helps tasks that autoscaling adds; those of a
	// new release come into an empty target group, where no task starts slowly.
	SlowStart time.Duration
	// Health is how the load balancer asks a task whether it is ready.
	Health HealthCheck
	// IdleTimeout closes a silent connection.
	IdleTimeout time.Duration
	// LogRetentionDays is for the logs of the web ACLs and of the distribution.
	LogRetentionDays int
	// PriceClass bounds the CloudFront locations that serve static content.
	PriceClass string
}

// HealthCheck is how often a target is asked and what its answers mean.
type HealthCheck struct {
	Interval, Timeout time.Duration
	// Healthy and Unhealthy are the answers in a row that change the verdict.
	Healthy, Unhealthy int
}

// DesyncMode is what the load balancer does with requests that two servers could
// read in two ways.
type DesyncMode string

// The modes. Defensive closes connections that are risky and lets through what
// merely breaks a rule of RFC 7230; strictest refuses that too.
const (
	DesyncMonitor   DesyncMode = "monitor"
	DesyncDefensive DesyncMode = "defensive"
	DesyncStrictest DesyncMode = "strictest"
)

// walletPaths are the path patterns of the public API. Management paths
// (/q/*, /metrics) are not among them.
func walletPaths() []string {
	return []string{"/api/v1/wallets", "/api/v1/wallets/*"}
}

// walletHealth asks for readiness. The answer waits for the database (3 s at
// most), the cache and the broker, so the time limit is above that; and since a
// short loss of one of them makes every task unready at once, it takes nearly a
// minute of it before tasks are replaced.
func walletHealth() HealthCheck {
	return HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 5}
}

// ReadyPath answers whether a task can take requests. The whole-service check,
// one level up, has been seen to fail while the service worked.
const ReadyPath = "/q/health/ready"

// LivePath answers whether the process runs, whatever it depends on.
const LivePath = "/q/health/live"

// HealthPath is what the load balancer of a region asks its tasks. Readiness wants
// a database that can be written to, which a region that does not serve has not
// got: its tasks would be replaced for ever. They are asked whether they live.
func (e Environment) HealthPath(region Region) string {
	if e.Active(region) {
		return ReadyPath
	}
	return LivePath
}

// The characters of a path pattern of a load balancer's rule.
var pathPattern = regexp.MustCompile(`^/[A-Za-z0-9_\-.$/~"'@:+&*?]{0,127}$`)

func validateEdge(p *problems, e Edge) {
	validatePaths(p, e.PublicPaths)
	validateFirewall(p, e.Firewall)
	oneOf(p, "Edge.Desync", e.Desync, DesyncMonitor, DesyncDefensive, DesyncStrictest)
	p.seconds("Edge.DeregistrationDelay", e.DeregistrationDelay, 0, time.Hour)
	p.check(e.SlowStart == 0 || 30*time.Second <= e.SlowStart && e.SlowStart <= 900*time.Second && e.SlowStart%time.Second == 0,
		"Edge.SlowStart", e.SlowStart, "0s, or whole seconds, 30s to 900s")
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
	const maxValues, maxWildcards = 5, 6
	p.check(1 <= len(paths) && len(paths) <= maxValues, "Edge.PublicPaths", len(paths), "1 to %d patterns", maxValues)
	all := strings.Join(paths, "")
	wildcards := strings.Count(all, "*") + strings.Count(all, "?")
	p.check(wildcards <= maxWildcards, "Edge.PublicPaths", wildcards, "at most %d wildcards in all", maxWildcards)
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
