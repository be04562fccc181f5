package config

import (
	"regexp"
	"strings"
	"time"
)

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
