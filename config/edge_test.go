package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestEdgeThatExposesOrRefusesTooMuch(t *testing.T) {
	const reach = `want a pattern that reaches none of /q, /q/*, /metrics, /metrics/*`
	assertRefused(t, large, map[string]refusal{
		"no path":             {func(e *Environment) { e.Edge.PublicPaths = nil }, `Edge.PublicPaths: want 1 to 5 patterns, got 0`},
		"paths over a rule":   {func(e *Environment) { e.Edge.PublicPaths = []string{"/a", "/b", "/c", "/d", "/e", "/f"} }, `Edge.PublicPaths: want 1 to 5 patterns, got 6`},
		"path malformed":      {func(e *Environment) { e.Edge.PublicPaths = []string{"api"} }, `Edge.PublicPaths: want a path pattern of a load balancer: "/" first, 128 characters at most, got "api"`},
		"path twice":          {func(e *Environment) { e.Edge.PublicPaths = []string{"/a", "/a"} }, `Edge.PublicPaths: want each value once, got "/a"`},
		"too many wildcards":  {func(e *Environment) { e.Edge.PublicPaths = []string{"/a/*?*?*?*"} }, `Edge.PublicPaths: want at most 6 wildcards in all, got 7`},
		"everything":          {func(e *Environment) { e.Edge.PublicPaths = []string{"/*"} }, `Edge.PublicPaths: ` + reach + `, got "/*"`},
		"metrics":             {func(e *Environment) { e.Edge.PublicPaths = []string{"/metrics"} }, `Edge.PublicPaths: ` + reach + `, got "/metrics"`},
		"health by wildcard":  {func(e *Environment) { e.Edge.PublicPaths = []string{"/?/health"} }, `Edge.PublicPaths: ` + reach + `, got "/?/health"`},
		"session limit":       {func(e *Environment) { e.Edge.Firewall.SessionRequests = 9 }, `Edge.Firewall.SessionRequests: want 10 to 2000000000, got 9`},
		"address limit":       {func(e *Environment) { e.Edge.Firewall.AddressRequests = 1999 }, `Edge.Firewall.AddressRequests: want 2000 to 2000000000, got 1999`},
		"static limit":        {func(e *Environment) { e.Edge.Firewall.StaticRequests = 2_000_000_001 }, `Edge.Firewall.StaticRequests: want 10 to 2000000000, got 2000000001`},
		"a rule without mode": {func(e *Environment) { e.Edge.Firewall.Modes.Common = "" }, `Edge.Firewall.Modes.Common: want one of count, block, got ""`},
		"desync":              {func(e *Environment) { e.Edge.Desync = "off" }, `Edge.Desync: want one of monitor, defensive, strictest, got "off"`},
		"deregistration": {func(e *Environment) { e.Edge.DeregistrationDelay = 2 * time.Hour }, `Edge.DeregistrationDelay: want whole seconds, 0s to 1h0m0s, got 2h0m0s
Edge.DeregistrationDelay: want less than Service.StopTimeout, 1m30s, got 2h0m0s`},
		"slow start too short":    {func(e *Environment) { e.Edge.SlowStart = 29 * time.Second }, `Edge.SlowStart: want 0s, or whole seconds, 30s to 900s, got 29s`},
		"slow start by fractions": {func(e *Environment) { e.Edge.SlowStart = 30500 * time.Millisecond }, `Edge.SlowStart: want 0s, or whole seconds, 30s to 900s, got 30.5s`},
		"slow start too long":     {func(e *Environment) { e.Edge.SlowStart = 901 * time.Second }, `Edge.SlowStart: want 0s, or whole seconds, 30s to 900s, got 15m1s`},
		"idle":                    {func(e *Environment) { e.Edge.IdleTimeout = 0 }, `Edge.IdleTimeout: want whole seconds, 1s to 1h6m40s, got 0s`},
		"log retention":           {func(e *Environment) { e.Edge.LogRetentionDays = 6 }, `Edge.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 6`},
		"price class":             {func(e *Environment) { e.Edge.PriceClass = "PriceClass_300" }, `Edge.PriceClass: want one of PriceClass_100, PriceClass_200, PriceClass_All, got "PriceClass_300"`},
	})
	assert.False(t, patternsMeet("/qr/*", "/q/*"), "a path that only begins like a management path is public")
}

func TestHealthChecksThatALoadBalancerRefuses(t *testing.T) {
	health := func(e *Environment) *HealthCheck { return &e.Edge.Health }
	assertRefused(t, large, map[string]refusal{
		"too often": {func(e *Environment) { *health(e) = HealthCheck{4 * time.Second, 2 * time.Second, 2, 5} },
			`Edge.Health.Interval: want whole seconds, 5s to 5m0s, got 4s`},
		"too rarely": {func(e *Environment) { health(e).Interval = 301 * time.Second }, `Edge.Health.Interval: want whole seconds, 5s to 5m0s, got 5m1s`},
		"no time":    {func(e *Environment) { health(e).Timeout = time.Second }, `Edge.Health.Timeout: want whole seconds, 2s to 2m0s, got 1s`},
		"too patient": {func(e *Environment) { *health(e) = HealthCheck{200 * time.Second, 121 * time.Second, 2, 5} },
			`Edge.Health.Timeout: want whole seconds, 2s to 2m0s, got 2m1s`},
		"over the interval": {func(e *Environment) { health(e).Timeout = 10 * time.Second }, `Edge.Health.Timeout: want less than Edge.Health.Interval, 10s, got 10s`},
		"healthy at once":   {func(e *Environment) { health(e).Healthy = 1 }, `Edge.Health.Healthy: want 2 to 10, got 1`},
		"never healthy":     {func(e *Environment) { health(e).Healthy = 11 }, `Edge.Health.Healthy: want 2 to 10, got 11`},
		"unhealthy at once": {func(e *Environment) { health(e).Unhealthy = 1 }, `Edge.Health.Unhealthy: want 2 to 10, got 1`},
		"never unhealthy":   {func(e *Environment) { health(e).Unhealthy = 11 }, `Edge.Health.Unhealthy: want 2 to 10, got 11`},
	})
	quiet := large()
	quiet.Edge.SlowStart = 0
	assert.NoError(t, quiet.Validate(), "slow start can be off")
}
