package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/storage"
)

// DRMessaging holds the second region's event stream.
type DRMessaging struct {
	Stack awscdk.Stack
	Kafka kafka.Cluster
}

// NewDRMessaging builds the second region's event stream, with the topics of the
// first, and what copies the events.
func NewDRMessaging(stage awscdk.Stage, env config.Environment, global Global, dr DR) DRMessaging {
	stack := newStack(stage, env, "DR-Messaging", env.Secondary, "The second region's Kafka cluster, its topics and the replicator of events")
	logKey := encryption.NewLogKey(stack, env.Names(), env.Secondary, "dr-messaging")
	cluster := kafka.New(stack, kafka.Props{
		Names:     env.Names(),
		Region:    env.Secondary,
		Messaging: env.Messaging,
		Protected: env.Protected,
		Network:   dr.Network,
		Logs:      global.Targets.Logs,
		LogPrefix: storage.BrokerPrefix,
		LogKey:    logKey,
	})
	if env.Replication() == config.ReplicationRunning {
		kafka.NewReplicator(stack, kafka.ReplicatorProps{
			Names: env.Names(), Source: kafka.Source{Region: env.Primary, KafkaSource: env.Site.KafkaSource},
			Region: env.Secondary, Target: cluster, Network: dr.Network, Messaging: env.Messaging, LogKey: logKey,
		})
	}
	return DRMessaging{Stack: stack, Kafka: cluster}
}
