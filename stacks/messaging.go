package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/storage"
)

// Messaging holds the event stream.
type Messaging struct {
	Stack awscdk.Stack
	Kafka kafka.Cluster
}

// NewMessaging builds the messaging stack; broker logs are archived in logs.
func NewMessaging(stage awscdk.Stage, env config.Environment, network Network, logs awss3.IBucket) Messaging {
	stack := newStack(stage, env, "Messaging", env.Primary, "The Kafka cluster, its topics and the service's access to them")
	messaging := Messaging{
		Stack: stack,
		Kafka: kafka.New(stack, kafka.Props{
			Names:             env.Names(),
			Region:            env.Primary,
			Messaging:         env.Messaging,
			Protected:         env.Protected,
			ReplicationSource: env.Replication() != config.ReplicationNone,
			Network:           network.Network,
			Logs:              logs,
			LogPrefix:         storage.BrokerPrefix,
			LogKey:            encryption.NewLogKey(stack, env.Names(), env.Primary, "messaging"),
		}),
	}
	if env.DR.Mode == config.DRStandby {
		// What Site.KafkaSource is filled in with, by a person.
		awscdk.NewCfnOutput(stack, new("KafkaClusterArn"), &awscdk.CfnOutputProps{Value: new(messaging.Kafka.Arn)})
		awscdk.NewCfnOutput(stack, new("KafkaSubnets"), &awscdk.CfnOutputProps{Value: new(strings.Join(messaging.Kafka.Subnets, ","))})
	}
	return messaging
}
