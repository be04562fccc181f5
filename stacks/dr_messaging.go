package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
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
	logKey := newLogKey(stack, env, "dr-messaging-logs")
	cluster := kafka.New(stack, kafka.Props{
		Env:       env,
		Region:    env.Secondary,
		Vpc:       dr.Network.Vpc,
		Brokers:   dr.Network.Database(),
		Functions: dr.Network.Private(),
		Logs:      global.Copies.Logs,
		LogPrefix: storage.BrokerPrefix,
		LogKey:    logKey,
	})
	kafka.NewReplicator(stack, kafka.ReplicatorProps{Env: env, Target: cluster, Vpc: dr.Network.Vpc, LogKey: logKey})
	return DRMessaging{Stack: stack, Kafka: cluster}
}
