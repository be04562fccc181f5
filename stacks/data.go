package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/storage"
	"wallet-infra/constructs/tracing"
)

// Data holds everything that must survive: the database, the cache, the buckets, the
// backups and the history of the metrics.
type Data struct {
	Stack    awscdk.Stack
	Database aurora.Primary
	Cache    cache.Cache
	Buckets  storage.Buckets
	Backup   backup.Backup
	// Topics and Metrics stand before what writes to them.
	Topics  alarms.Topics
	Metrics prometheus.Workspace
}

// NewData builds the data stack.
func NewData(stage awscdk.Stage, env config.Environment, network Network, global Global) Data {
	stack := newStack(stage, env, "Data", env.Primary, "The database, the cache, the buckets, the backups and the metrics")
	logKey := encryption.NewLogKey(stack, env.Names(), env.Primary, "data")
	database := aurora.New(stack, aurora.Props{
		Names:     env.Names(),
		Region:    env.Primary,
		Database:  env.Database,
		Protected: env.Protected,
		Network:   network.Network,
		LogKey:    logKey,
		Standby:   aurora.Standby{Region: env.Secondary, SecretsKey: global.SecretsKey},
	})
	buckets := storage.New(stack, storage.Props{
		Names: env.Names(), Region: env.Primary, Storage: env.Storage, Targets: global.Targets, Distribution: global.Distribution,
	})
	tracing.NewDestination(stack, env.Names(), env.Primary)
	topics := alarms.NewTopics(stack, env.Names(), env.Primary, env.Site.Alerts)
	return Data{
		Stack:    stack,
		Database: database,
		Topics:   topics,
		Metrics: prometheus.New(stack, prometheus.Props{
			Names: env.Names(), Region: env.Primary, Observability: env.Observability, Topics: topics, LogKey: logKey,
		}),
		Cache: cache.New(stack, cache.Props{
			Names: env.Names(), Cache: env.Cache, Protected: env.Protected, Network: network.Network, LogKey: logKey,
		}),
		Buckets: buckets,
		Backup: backup.New(stack, backup.Props{
			Names: env.Names(), Region: env.Primary, Backup: env.Backup, CopyTo: copyTo(env), Protected: env.Protected,
			Cluster: database.Arn, DatabaseKey: database.Key, Network: network.Network,
			Exports: buckets.Backups, ReplicatedSecrets: database.Replicated,
			LogKey: logKey, LogRetentionDays: env.Database.LogRetentionDays,
		}),
	}
}

// copyTo is the region that copies of recovery points go to, without a name where none
// may.
func copyTo(env config.Environment) config.Region {
	if env.DR.Mode.Copies() {
		return env.Secondary
	}
	return config.Region{}
}
