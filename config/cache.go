package config

import (
	"slices"
	"strings"
	"time"
)

// Cache is the ElastiCache replication group.
type Cache struct {
	Engine        string // "redis" or "valkey"
	EngineVersion string // such as "7.1"
	NodeType      string // such as "cache.r6g.large"
	// ClusterMode lets shards be added without downtime; a single node can have it too,
	// and a client then finds its keys in the same way in every environment.
	ClusterMode bool
	Shards      int // primaries; 1 without cluster mode
	Replicas    int // for each shard; 0 means a single node without failover
	// SnapshotRetentionDays is how long a daily snapshot stays; 0 turns them off.
	SnapshotRetentionDays int
	// SnapshotWindow and MaintenanceWindow are in UTC.
	SnapshotWindow, MaintenanceWindow string
	// LogRetentionDays is for the slow log and the engine log.
	LogRetentionDays int
}

// Nodes is the number of nodes in all.
func (c Cache) Nodes() int { return c.Shards * (1 + c.Replicas) }

// ParameterFamily is the family of parameter groups of the engine's version,
// such as "redis7".
func (c Cache) ParameterFamily() string {
	major, _, _ := strings.Cut(c.EngineVersion, ".")
	return c.Engine + major
}

// Failover says whether another node can take over.
func (c Cache) Failover() bool { return c.Replicas > 0 }

// CachePoolSize is the number of connections of one task to the cache.
const CachePoolSize = 20

// cacheVersions are the versions of each ElastiCache engine that can have user
// groups, an engine log and a mode of encryption in transit, which Redis 6 has not.
var cacheVersions = map[string][]string{
	"redis":  {"7.0", "7.1"},
	"valkey": {"7.2", "8.0", "8.1", "8.2", "9.0", "9.1"},
}

func validateCache(p *problems, cache Cache, region Region) {
	oneOf(p, "Cache.Engine", cache.Engine, "redis", "valkey")
	if versions, known := cacheVersions[cache.Engine]; known {
		p.check(slices.Contains(versions, cache.EngineVersion), "Cache.EngineVersion", cache.EngineVersion,
			"a version of %s (%s)", cache.Engine, strings.Join(versions, ", "))
	}
	if offer, known := offers[region.Name]; known {
		node, prefixed := strings.CutPrefix(cache.NodeType, "cache.")
		p.check(prefixed && offered(offer.caches, node), "Cache.NodeType", cache.NodeType,
			"a node type offered in %s, with \"cache.\" (families %s)", region.Name, familyNames(offer.caches))
	}
	validateShards(p, cache)
	between(p, "Cache.SnapshotRetentionDays", cache.SnapshotRetentionDays, 0, 35)
	validateWindows(p, windows{
		dailyField: "Cache.SnapshotWindow", daily: cache.SnapshotWindow,
		weeklyField: "Cache.MaintenanceWindow", weekly: cache.MaintenanceWindow,
		least: time.Hour,
	})
	p.logRetention("Cache.LogRetentionDays", cache.LogRetentionDays)
}

// validateShards holds what ElastiCache demands of a replication group.
func validateShards(p *problems, cache Cache) {
	between(p, "Cache.Replicas", cache.Replicas, 0, 5)
	const most = 500 // nodes of a group
	between(p, "Cache.Shards", cache.Shards, 1, most)
	p.check(cache.ClusterMode || cache.Shards <= 1, "Cache.Shards", cache.Shards, "1 without Cache.ClusterMode")
	p.check(cache.Shards > most || cache.Nodes() <= most, "Cache.Shards", cache.Shards, "at most %d nodes in all, not %d", most, cache.Nodes())
}
