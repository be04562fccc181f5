package cache

import (
	"fmt"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Metrics are what ElastiCache publishes of the cache, each by node.
type Metrics struct {
	// CommandCPU is the load of the thread that runs commands, in percent. Commands
	// run on one core whatever the node's size, so this core is the limit and not the
	// node's average.
	CommandCPU []alarms.Metric
	Memory     []alarms.Metric // used, in percent
	Evictions  []alarms.Metric
	HitRate    []alarms.Metric // in percent
	// ReplicationLag is in seconds, and empty without a replica. It is read of each
	// node, because any of them may be a replica after a failover; the primary
	// publishes nothing.
	ReplicationLag []alarms.Metric
}

// Metrics are the cache's.
func (c Cache) Metrics() Metrics {
	metrics := Metrics{
		CommandCPU: c.each("EngineCPUUtilization", "Average"),
		Memory:     c.each("DatabaseMemoryUsagePercentage", "Maximum"),
		Evictions:  c.each("Evictions", "Sum"),
		HitRate:    c.each("CacheHitRate", "Average"),
	}
	if c.config.Failover() {
		metrics.ReplicationLag = c.each("ReplicationLag", "Maximum")
	}
	return metrics
}

// each is a metric of every node.
func (c Cache) each(name, statistic string) []alarms.Metric {
	var metrics []alarms.Metric
	for _, node := range Nodes(c.Name, c.config) {
		metrics = append(metrics, alarms.Metric{
			Namespace: "AWS/ElastiCache", Name: name, Statistic: statistic,
			Dimensions: map[string]string{"CacheClusterId": node},
		})
	}
	return metrics
}

// Nodes are the IDs of the cache's nodes. ElastiCache forms them from the
// replication group's ID: with cluster mode, shard and node; without, the node.
func Nodes(name string, cache config.Cache) []string {
	var nodes []string
	for shard := 1; shard <= cache.Shards; shard++ {
		for node := 1; node <= 1+cache.Replicas; node++ {
			if cache.ClusterMode {
				nodes = append(nodes, fmt.Sprintf("%s-%04d-%03d", name, shard, node))
			} else {
				nodes = append(nodes, fmt.Sprintf("%s-%03d", name, node))
			}
		}
	}
	return nodes
}
