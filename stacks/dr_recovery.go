package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/dashboards"
	"wallet-infra/constructs/recovery"
	"wallet-infra/constructs/signals"
)

// NewDRRecovery builds what watches the second region and what moves the wallet
// into it and back. It hands out nothing.
func NewDRRecovery(stage awscdk.Stage, env config.Environment, global Global, dr DR, messaging DRMessaging, compute DRCompute) awscdk.Stack {
	stack := newStack(stage, env, "DR-Recovery", env.Secondary, "The plans of failover and failback, the API's name, and the second region's alarms and dashboard")
	made := recovery.New(stack, recovery.Props{
		Names: env.Names(), Primary: env.Primary, Secondary: env.Secondary, HostedZone: env.Site.HostedZone, APIDomain: env.Site.APIDomain,
		Service: env.Service, Recovery: env.DR.Recovery, Reports: global.Targets.Logs,
	})
	platform := signals.Platform{
		Entrance:    compute.Edge.Signals(),
		WebACL:      compute.Edge.WebACL,
		Certificate: *compute.Edge.Certificate.CertificateArn(),
		ECSCluster:  *compute.Service.Cluster.ClusterName(),
		ECSService:  env.Names().ServiceName(),
		Aurora:      dr.Database.Name,
		Kafka:       messaging.Kafka.Name,
		Brokers:     env.Messaging.Brokers,
		NATGateways: dr.Network.NATGateways,
		Region:      env.Secondary.Name,
		Probes:      made.Probes,

		FailedRotations: compute.FailedRotations,
	}
	rows := signals.StandbyRows(env, platform, dr.Cache.Alarms(env.Observability.Limits))
	alarms.New(stack, env.Names(), dr.Topics, rows)
	alarms.NewEvents(stack, dr.Topics, signals.Events(env, platform))
	dashboards.NewStandby(stack, env, platform, rows)
	return stack
}
