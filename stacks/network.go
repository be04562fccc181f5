package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/network"
)

// Network holds the primary region's VPC.
type Network struct {
	Stack awscdk.Stack
	network.Network
}

// NewNetwork builds the network stack.
func NewNetwork(stage awscdk.Stage, env config.Environment) Network {
	stack := newStack(stage, env, "Network", env.Primary, "The VPC in three tiers, its endpoints, flow logs and network ACLs")
	return Network{
		Stack: stack,
		Network: network.New(stack, network.Props{
			Names:   env.Names(),
			Region:  env.Primary,
			Network: env.Network,
			LogKey:  encryption.NewLogKey(stack, env.Names(), env.Primary, "network"),
		}),
	}
}
