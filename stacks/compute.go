package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/service"
)

// Compute holds the service and its entrance.
type Compute struct {
	Stack   awscdk.Stack
	Service service.Service
	Edge    edge.Edge
}
