package stacks

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/dashboards"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/storage"
	"wallet-infra/constructs/tracing"
)

// NewObservability builds the stack that watches the others. It hands out nothing:
// nothing may depend on it, so it can be replaced while the wallet runs.
func NewObservability(stage awscdk.Stage, env config.Environment, network Network, data Data, messaging Messaging, compute Compute) {
	stack := newStack(stage, env, "Observability", env.Primary, "Alarms, dashboards, rules of Prometheus and tracing of the wallet")
	names, active := env.Names(), env.Active(env.Primary)
	topics := data.Topics
	here := watched{
		region: env.Primary, network: network.Network, database: data.Database.Database, cache: data.Cache, messaging: messaging, compute: compute,
	}
	rows := slices.Concat(here.alarms(env), data.Backup.WatchAlarms())
	if env.DR.Mode.Copies() {
		rows = slices.Concat(rows, backup.CopyAlarms(), storage.ReplicationAlarms())
	}
	rows = downgraded(rows, active)
	if env.DR.Mode == config.DRStandby {
		rows = append(rows, aurora.LagAlarm(env.AlarmLag(env.Primary), names.DatabaseClusterName(env.Primary), env.DR, active))
	}
	made := alarms.New(stack, names, topics, rows)
	outage := alarms.Outage{Severity: alarms.Critical, Groups: edge.Outage()}
	if !active {
		outage.Severity = alarms.Warning // its users are in the other region
	}
	alarms.NewOutage(stack, names, topics, outage, made)
	alarms.NewEvents(stack, topics, here.events(env))
	dashboards.New(stack, here.dashboards(env, rows))
	prometheus.NewRules(stack, names, env.Observability, data.Metrics, active)
	tracing.New(stack, env.Names(), env.Service.TraceSampleRatio)
}
