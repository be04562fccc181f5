package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/storage"
)

// Global holds what must stand in us-east-1 before the primary region's stacks:
// what AWS has only there, and the places that copies are sent to.
type Global struct {
	Stack        awscdk.Stack
	Distribution awscloudfront.Distribution
	// Copies are the replica buckets; empty when nothing may leave Brazil.
	Copies storage.Copies
	// SecretsKey encrypts the secrets' replicas; nil outside standby.
	SecretsKey awskms.IKey
}

// NewGlobal builds what the primary region's stacks need from the second region.
func NewGlobal(stage awscdk.Stage, env config.Environment) Global {
	if env.DR.Mode.SecondaryRegions() == 0 {
		return Global{}
	}
	stack := newStack(stage, env, "Global", env.Secondary, "What must stand in the second region before the first")
	return Global{
		Stack: stack,
		SecretsKey: encryption.NewKey(stack, "SecretsKey", encryption.Props{
			Alias:   env.KeyAlias("secrets"),
			Purpose: "Encrypts the replicas of the primary region's secrets",
		}),
	}
}
