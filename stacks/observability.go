package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/dashboards"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/signals"
	"wallet-infra/constructs/tracing"
)

// NewObservability builds the stack that watches the others. It hands out nothing:
// nothing may depend on it, so it can be replaced while the wallet runs.
func NewObservability(stage awscdk.Stage, env config.Environment, network Network, data Data, messaging Messaging, compute Compute) {
	stack := newStack(stage, env, "Observability", env.Primary, "Alarms, dashboards, Prometheus and tracing of the wallet")
	topics := alarms.NewTopics(stack, env.Names(), env.Primary, env.Site.Alerts)
	platform := watched(env, network, data, messaging, compute)
	rows := signals.Rows(env, platform, data.Cache.Alarms(env.Observability.Limits))
	made := alarms.New(stack, env.Names(), topics, rows)
	alarms.NewOutage(stack, env.Names(), topics, signals.Outage(env), made)
	alarms.NewEvents(stack, topics, signals.Events(env, platform))
	dashboards.New(stack, env, platform, data.Cache.Metrics(), rows)
	discovery := compute.Service.Discovery
	prometheus.New(stack, prometheus.Props{
		Env:         env,
		Network:     network.Network,
		Topics:      topics,
		LogKey:      encryption.NewLogKey(stack, env.Names(), env.Primary, "observability"),
		Tasks:       compute.Service.SecurityGroup,
		TaskHost:    *discovery.ServiceName() + "." + *discovery.Namespace().NamespaceName(),
		Brokers:     messaging.Kafka.SecurityGroup,
		BrokerHosts: messaging.Kafka.BrokerHosts,
	})
	tracing.New(stack, env.Names(), env.Service.TraceSampleRatio)
}

// watched collects what the metrics of the other stacks are named by.
func watched(env config.Environment, network Network, data Data, messaging Messaging, compute Compute) signals.Platform {
	return signals.Platform{
		Entrance:    compute.Edge.Signals(),
		WebACL:      compute.Edge.WebACL,
		Certificate: *compute.Edge.Certificate.CertificateArn(),
		ECSCluster:  *compute.Service.Cluster.ClusterName(),
		ECSService:  env.Names().ServiceName(),
		Aurora:      *data.Database.Cluster.ClusterIdentifier(),
		Kafka:       messaging.Kafka.Name,
		Brokers:     env.Messaging.Brokers,
		NATGateways: network.NATGateways,
		Region:      env.Primary.Name,

		FailedRotations: compute.FailedRotations,
		CopiesWatch:     data.Backup.Watch,
	}
}
