package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"

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
			Region:  env.Primary,
			Network: env.Network,
			LogKey:  newLogKey(stack, env, "network-logs"),
		}),
	}
}

// newLogKey makes the key of a stack's log groups. Each stack has its own, so
// that no key policy ties two stacks together.
func newLogKey(stack awscdk.Stack, env config.Environment, purpose string) awskms.Key {
	key := encryption.NewKey(stack, "LogKey", encryption.Props{
		Alias:   env.Names().KeyAlias(purpose),
		Purpose: "Encrypts the log groups of " + *stack.StackName(),
	})
	encryption.AllowLogs(key)
	return key
}
