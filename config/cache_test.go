package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCacheThatElastiCacheRefuses(t *testing.T) {
	const types = `want a node type offered in sa-east-1, with "cache." (families m6g, m7g, r6g, r7g, t3, t4g)`
	assertRefused(t, large, map[string]refusal{
		"engine":                      {func(e *Environment) { e.Cache.Engine = "memcached" }, `Cache.Engine: want one of redis, valkey, got "memcached"`},
		"version of the other":        {func(e *Environment) { e.Cache.EngineVersion = "8.0" }, `Cache.EngineVersion: want a version of redis (7.0, 7.1), got "8.0"`},
		"the seed's node type":        {func(e *Environment) { e.Cache.NodeType = "cache.r6g.medium" }, `Cache.NodeType: ` + types + `, got "cache.r6g.medium"`},
		"type without prefix":         {func(e *Environment) { e.Cache.NodeType = "r6g.large" }, `Cache.NodeType: ` + types + `, got "r6g.large"`},
		"sources disagree":            {func(e *Environment) { e.Cache.NodeType = "cache.r8g.large" }, `Cache.NodeType: ` + types + `, got "cache.r8g.large"`},
		"replicas":                    {func(e *Environment) { e.Cache.Replicas = 6 }, `Cache.Replicas: want 0 to 5, got 6`},
		"version before its TLS mode": {func(e *Environment) { e.Cache.EngineVersion = "6.2" }, `Cache.EngineVersion: want a version of redis (7.0, 7.1), got "6.2"`},
		"no shard":                    {func(e *Environment) { e.Cache.Shards = 0 }, `Cache.Shards: want 1 to 500, got 0`},
		"snapshots":                   {func(e *Environment) { e.Cache.SnapshotRetentionDays = 36 }, `Cache.SnapshotRetentionDays: want 0 to 35, got 36`},
		"snapshot window short":       {func(e *Environment) { e.Cache.SnapshotWindow = "02:00-02:30" }, `Cache.SnapshotWindow: want hh:mm-hh:mm in UTC, 60 minutes or longer, got "02:00-02:30"`},
		"maintenance short":           {func(e *Environment) { e.Cache.MaintenanceWindow = "sun:05:00-sun:05:30" }, `Cache.MaintenanceWindow: want ddd:hh:mm-ddd:hh:mm in UTC, 60 minutes or longer and at most a day, got "sun:05:00-sun:05:30"`},
		"windows overlap":             {func(e *Environment) { e.Cache.MaintenanceWindow = "sun:02:30-sun:03:30" }, `Cache.MaintenanceWindow: want a time apart from Cache.SnapshotWindow 02:00-03:00, got "sun:02:30-sun:03:30"`},
		"log retention":               {func(e *Environment) { e.Cache.LogRetentionDays = 91 }, `Cache.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 91`},
	})
	assertRefused(t, small, map[string]refusal{
		"shards without cluster mode": {func(e *Environment) { e.Cache.ClusterMode, e.Cache.Shards = false, 2 }, `Cache.Shards: want 1 without Cache.ClusterMode, got 2`},
	})
}

func TestCacheWithMoreNodesThanAnyGroupHas(t *testing.T) {
	env := large()
	env.Cache.Shards = 167
	assert.ErrorContains(t, env.Validate(), "production: Cache.Shards: want at most 500 nodes in all, not 501, got 167")
}
