package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/tracing"
)

// DR holds what the second region keeps for the day when the first is gone: its
// backups, network, database and cache. It names what it needs of the primary region
// and asks it nothing.
type DR struct {
	Stack awscdk.Stack
	// Vault receives copies of the primary region's recovery points.
	Vault awsbackup.BackupVault
	// The rest is empty outside standby.
	Network  network.Network
	Database aurora.Database
	Cache    cache.Cache
	// Topics reach people, and Metrics take the tasks' own, while the primary region is
	// down.
	Topics  alarms.Topics
	Metrics prometheus.Workspace
}

// NewDR builds the second region's data, for an environment whose mode of
// disaster recovery copies something.
func NewDR(stage awscdk.Stage, env config.Environment, global Global) DR {
	stack := newStack(stage, env, "DR", env.Secondary,
		"The second region's backups and, in standby, its network, replicated database and empty cache")
	dr := DR{Stack: stack, Vault: backup.NewVault(stack, backup.VaultProps{
		Names: env.Names(), Region: env.Secondary, Backup: env.Backup, Protected: env.Protected,
	})}
	if env.DR.Mode != config.DRStandby {
		return dr
	}
	logKey := encryption.NewLogKey(stack, env.Names(), env.Secondary, "dr")
	dr.Network = network.New(stack, network.Props{Names: env.Names(), Region: env.Secondary, Network: env.DR.Network, LogKey: logKey})
	dr.Database = aurora.NewSecondary(stack, aurora.SecondaryProps{
		Names:        env.Names(),
		Region:       env.Secondary,
		SourceRegion: env.Primary,
		Database:     env.Database,
		Instances:    env.DR.Readers,
		Protected:    env.Protected,
		Network:      dr.Network,
		SecretsKey:   global.SecretsKey,
		LogKey:       logKey,
	})
	backup.NewRestoreTest(constructs.NewConstruct(stack, new("Backup")), backup.RestoreProps{
		Names: env.Names(), Region: env.Secondary, Backup: env.Backup, Network: dr.Network, Vault: dr.Vault, Clusters: []string{"*"},
	})
	dr.Cache = cache.New(stack, cache.Props{
		Names: env.Names(), Cache: env.Cache, Protected: env.Protected, Network: dr.Network, LogKey: logKey,
	})
	tracing.NewDestination(stack, env.Names(), env.Secondary)
	dr.Topics = alarms.NewTopics(stack, env.Names(), env.Secondary, env.Site.Alerts)
	dr.Metrics = prometheus.New(stack, prometheus.Props{
		Names: env.Names(), Region: env.Secondary, Observability: env.Observability, Topics: dr.Topics, LogKey: logKey,
	})
	return dr
}
