package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/constructs/kafka"
)

// Messaging holds the event stream.
type Messaging struct {
	Stack awscdk.Stack
	Kafka kafka.Cluster
}
