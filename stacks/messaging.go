package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/storage"
)

// Messaging holds a region's event stream.
type Messaging struct {
	Stack awscdk.Stack
	Kafka kafka.Cluster
}

// MessagingProps are what a region's messaging stack stands on.
type MessagingProps struct {
	Region config.Region
	// ReplicaOf has the cluster whose events this one receives, without a name where it
	// receives none.
	ReplicaOf config.Region
	// Replicated says that another region has a replica of this cluster.
	Replicated bool

	Network network.Network
	// Logs is where broker logs are archived.
	Logs awss3.IBucket
}

// NewMessaging builds a region's messaging stack: the cluster with the topics, and what
// copies the events of another region into it.
func NewMessaging(stage awscdk.Stage, env config.Environment, props MessagingProps) Messaging {
	id, description := "Messaging", "The Kafka cluster, its topics and the service's access to them"
	if props.ReplicaOf.Name != "" {
		id, description = "DR-Messaging", "The second region's Kafka cluster, its topics and the replicator of events"
	}
	stack := newStack(stage, env, id, props.Region, description)
	names, logKey := env.Names(), encryption.NewLogKey(stack, env.Names(), props.Region, strings.ToLower(id))
	cluster := kafka.New(stack, kafka.Props{
		Names: names, Region: props.Region, Messaging: env.Messaging, Protected: env.Protected,
		ReplicationSource: props.Replicated && env.Replication() != config.ReplicationNone,
		Network:           props.Network, Logs: props.Logs, LogPrefix: storage.BrokerPrefix, LogKey: logKey,
	})
	if props.Replicated {
		// What Site.KafkaSource is filled in with, by a person.
		output(stack, "KafkaClusterArn", new(cluster.Arn))
		output(stack, "KafkaSubnets", new(strings.Join(cluster.Subnets, ",")))
	}
	if props.ReplicaOf.Name != "" && env.Replication() == config.ReplicationRunning {
		kafka.NewReplicator(stack, kafka.ReplicatorProps{
			Names: names, Source: kafka.Source{Region: props.ReplicaOf, KafkaSource: env.Site.KafkaSource},
			Region: props.Region, Target: cluster, Network: props.Network, Messaging: env.Messaging, LogKey: logKey,
		})
	}
	return Messaging{Stack: stack, Kafka: cluster}
}
