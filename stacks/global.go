package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"

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
