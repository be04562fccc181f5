package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/storage"
)

// Data holds everything that must survive: the database, the cache, the buckets
// and the backups.
type Data struct {
	Stack    awscdk.Stack
	Database aurora.Database
	Cache    cache.Cache
	Buckets  storage.Buckets
	Backup   backup.Backup
}

// NewData builds the data stack.
func NewData(stage awscdk.Stage, env config.Environment, network Network, global Global) Data {
	stack := newStack(stage, env, "Data", env.Primary, "The database, the cache, the buckets and the backups")
	logKey := newLogKey(stack, env, "data-logs")
	database := aurora.New(stack, aurora.Props{
		Env:        env,
		Network:    network.Network,
		LogKey:     logKey,
		ReplicaKey: global.SecretsKey,
	})
	buckets := storage.New(stack, storage.Props{Env: env, Copies: global.Copies, Distribution: global.Distribution})
	return Data{
		Stack:    stack,
		Database: database,
		Cache:    cache.New(stack, cache.Props{Env: env, Network: network.Network, LogKey: logKey}),
		Buckets:  buckets,
		Backup: backup.New(stack, backup.Props{
			Env: env, Cluster: database.Cluster, DatabaseKey: database.Key, Network: network.Network,
			Exports: buckets.Backups, ReplicatedSecrets: database.Replicated, LogKey: logKey,
		}),
	}
}
