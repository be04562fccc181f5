package config

import (
	"testing"
	"time"
)

func TestObservabilityThatSeesNothing(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"latency":            {func(e *Environment) { e.Observability.LatencyTarget = 0 }, `Observability.LatencyTarget: want whole milliseconds, 1ms to 1m0s, got 0s`},
		"tail under P95":     {func(e *Environment) { e.Observability.TailLatencyTarget = time.Millisecond }, `Observability.TailLatencyTarget: want whole milliseconds, 100ms to 1m0s, got 1ms`},
		"tail never crossed": {func(e *Environment) { e.Observability.TailLatencyTarget = 61 * time.Second }, `Observability.TailLatencyTarget: want whole milliseconds, 100ms to 1m0s, got 1m1s`},
		"log retention":      {func(e *Environment) { e.Observability.LogRetentionDays = 91 }, `Observability.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 91`},
		"errors":             {func(e *Environment) { e.Observability.ErrorRatePercent = 0 }, `Observability.ErrorRatePercent: want more than 0, at most 100, got 0`},
		"blocks":             {func(e *Environment) { e.Observability.WAFBlocksPerMinute = 0 }, `Observability.WAFBlocksPerMinute: want at least 1, got 0`},
		"lag":                {func(e *Environment) { e.Observability.ConsumerLagRecords = 0 }, `Observability.ConsumerLagRecords: want at least 1, got 0`},
		"metric retention":   {func(e *Environment) { e.Observability.MetricRetentionDays = 1096 }, `Observability.MetricRetentionDays: want 1 to 1095, got 1096`},
		"Grafana 11":         {func(e *Environment) { e.Observability.GrafanaVersion = "11.2" }, `Observability.GrafanaVersion: want a version of Managed Grafana, such as 10.4 (9, 10, 12, 13 are documented), got "11.2"`},
		"Grafana's minor":    {func(e *Environment) { e.Observability.GrafanaVersion = "10.04" }, `Observability.GrafanaVersion: want a version of Managed Grafana, such as 10.4 (9, 10, 12, 13 are documented), got "10.04"`},
		"Grafana's patch":    {func(e *Environment) { e.Observability.GrafanaVersion = "10.4.1" }, `Observability.GrafanaVersion: want a version of Managed Grafana, such as 10.4 (9, 10, 12, 13 are documented), got "10.4.1"`},
		"scrapes too often":  {func(e *Environment) { e.Observability.ScrapeInterval = 10 * time.Second }, `Observability.ScrapeInterval: want whole seconds, 15s to 30s, got 10s`},
		"scrapes too seldom": {func(e *Environment) { e.Observability.ScrapeInterval = time.Minute }, `Observability.ScrapeInterval: want whole seconds, 15s to 30s, got 1m0s`},
	})
}

func TestThresholdsThatAreNeverOrAlwaysCrossed(t *testing.T) {
	limits := func(e *Environment) *Limits { return &e.Observability.Limits }
	assertRefused(t, large, map[string]refusal{
		"database CPU":        {func(e *Environment) { limits(e).DatabaseCPUPercent = 100 }, `Observability.Limits.DatabaseCPUPercent: want 1 to 99, got 100`},
		"connections":         {func(e *Environment) { limits(e).ConnectionsPercent = 0 }, `Observability.Limits.ConnectionsPercent: want 1 to 99, got 0`},
		"lag of a nanosecond": {func(e *Environment) { limits(e).ReplicaLag = 1 }, `Observability.Limits.ReplicaLag: want whole milliseconds, 1ms to 1h0m0s, got 1ns`},
		"replica lag":         {func(e *Environment) { limits(e).ReplicaLag = 0 }, `Observability.Limits.ReplicaLag: want whole milliseconds, 1ms to 1h0m0s, got 0s`},
		"deadlocks":           {func(e *Environment) { limits(e).DeadlocksPerMinute = 0 }, `Observability.Limits.DeadlocksPerMinute: want at least 1, got 0`},
		"free memory":         {func(e *Environment) { limits(e).FreeMemoryPercent = 0 }, `Observability.Limits.FreeMemoryPercent: want 1 to 24, got 0`},
		// The buffer pool has the other three quarters.
		"memory that Aurora never frees": {func(e *Environment) { limits(e).FreeMemoryPercent = 25 }, `Observability.Limits.FreeMemoryPercent: want 1 to 24, got 25`},
		"cache CPU":                      {func(e *Environment) { limits(e).CacheCPUPercent = 0 }, `Observability.Limits.CacheCPUPercent: want 1 to 99, got 0`},
		"cache memory":                   {func(e *Environment) { limits(e).CacheMemoryPercent = 100 }, `Observability.Limits.CacheMemoryPercent: want 1 to 99, got 100`},
		"evictions":                      {func(e *Environment) { limits(e).EvictionsPerMinute = 0 }, `Observability.Limits.EvictionsPerMinute: want at least 1, got 0`},
		"disk grows":                     {func(e *Environment) { limits(e).KafkaDiskPercent = 60 }, `Observability.Limits.KafkaDiskPercent: want more than Messaging.VolumeTargetPercent, 60, and less than 100, got 60`},
		"traffic share":                  {func(e *Environment) { limits(e).TrafficPercent = 100 }, `Observability.Limits.TrafficPercent: want 1 to 99, got 100`},
		"traffic":                        {func(e *Environment) { limits(e).TrafficPerMinute = 0 }, `Observability.Limits.TrafficPerMinute: want at least 1, got 0`},
		"an event too young to be seen":  {func(e *Environment) { limits(e).OutboxAge = 59 * time.Second }, `Observability.Limits.OutboxAge: want whole seconds, 1m0s to 1h0m0s, got 59s`},
		"events that wait for ever":      {func(e *Environment) { limits(e).OutboxAge = 2 * time.Hour }, `Observability.Limits.OutboxAge: want whole seconds, 1m0s to 1h0m0s, got 2h0m0s`},
		"certificate":                    {func(e *Environment) { limits(e).CertificateDays = 60 }, `Observability.Limits.CertificateDays: want 1 to 59, got 60`},
	})
}
