package stacks

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/dashboards"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/recovery"
)

// NewDRRecovery builds what watches the second region and what moves the wallet
// into it and back. It hands out nothing.
func NewDRRecovery(stage awscdk.Stage, env config.Environment, global Global, dr DR, messaging Messaging, compute Compute) awscdk.Stack {
	stack := newStack(stage, env, "DR-Recovery", env.Secondary, "The plans of failover and failback, the API's name, and the second region's alarms and dashboard")
	names, active := env.Names(), env.Active(env.Secondary)
	made := recovery.New(stack, recovery.Props{
		Names: names, Primary: env.Primary, Secondary: env.Secondary, HostedZone: env.Site.HostedZone, APIDomain: env.Site.APIDomain,
		Service: env.Service, Recovery: env.DR.Recovery, Reports: global.Targets.Logs,
	})
	here := watched{
		region: env.Secondary, network: dr.Network, database: dr.Database, cache: dr.Cache, messaging: messaging, compute: compute,
	}
	standby := dashboards.Standby{
		Regions: []config.Region{env.Primary, env.Secondary}, Reached: made.Reached, DR: env.DR,
		Lag: aurora.RecoveryPointLag(dr.Database.Name),
	}
	// What decides about a failover comes first.
	rows := append([]alarms.Row{aurora.LagAlarm(env.AlarmLag(env.Secondary), dr.Database.Name, env.DR, active)},
		made.Alarms(env.DR, env.Primary, env.Secondary)...)
	if env.Replication() == config.ReplicationRunning {
		replicator := kafka.Replicator{Name: names.ReplicatorName()}
		rows = append(rows, replicator.Alarms(env.DR)...)
		standby.EventDelay = replicator.Metrics().Latency
	}
	rows = slices.Concat(rows, alarms.Prefixed("standby-", downgraded(here.alarms(env), active)))
	alarms.New(stack, names, dr.Topics, rows)
	alarms.NewEvents(stack, dr.Topics, here.events(env))
	prometheus.NewRules(stack, names, env.Observability, dr.Metrics, active)
	dashboards.NewStandby(stack, here.dashboards(env, rows), standby)
	return stack
}
