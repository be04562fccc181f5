// Package encryption makes the customer-managed keys of the platform.
package encryption

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// Props describe a key.
type Props struct {
	Names config.Names
	// Alias is the last part of the key's alias, such as "cache".
	Alias string
	// Purpose says what the key protects; it is the key's description.
	Purpose string
	// Services are the statements by which AWS services use the key, beside the one by
	// which IAM rules the account's principals.
	Services []policy.Statement
}

// NewKey makes a symmetric key that rotates every year and outlives its stack:
// whoever loses the key loses the data. Principals of the account get access by
// IAM statements on their own side, so that no key policy points at a consumer.
func NewKey(scope constructs.Construct, id string, props Props) awskms.Key {
	key := awskms.KeyProps{
		Alias:             new(props.Names.KeyAlias(props.Alias)),
		Description:       new(props.Purpose),
		EnableKeyRotation: new(true),
		// A creation that is rolled back takes the key along.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		// The longest time that KMS offers to notice a mistake.
		PendingWindow: value.Days(30),
	}
	if len(props.Services) > 0 {
		key.Policy = policy.Document(append([]policy.Statement{{
			Principal: policy.Account(props.Names.Account()), Actions: []string{"kms:*"}, Resources: thisKey,
		}}, props.Services...)...)
	}
	return awskms.NewKey(scope, new(id), &key)
}

// thisKey is what "*" means in a key's policy.
var thisKey = []string{"*"}

// NewLogKey makes the key of the log groups of a stack, in the stack's region: CloudWatch
// Logs may encrypt the account's groups with it, and nobody else's. Each stack has its
// own, so that no key policy ties two stacks together.
func NewLogKey(scope constructs.Construct, names config.Names, region config.Region, stack string) awskms.Key {
	return NewKey(scope, "LogKey", Props{
		Names:   names,
		Alias:   stack + "-logs",
		Purpose: "Encrypts the log groups of " + names.StackName(stack),
		Services: []policy.Statement{{
			Sid:       "CloudWatchLogs",
			Principal: policy.Service("logs." + region.Name + ".amazonaws.com"),
			Actions: []string{
				"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo",
				"kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey",
			},
			Resources: thisKey,
			Conditions: map[string]any{"ArnLike": map[string]any{
				"kms:EncryptionContext:aws:logs:arn": names.ARN("logs", region, "log-group:*"),
			}},
		}},
	})
}

// AllowService lets an AWS service use the key of messages that it writes or reads, under
// conditions or without.
func AllowService(sid, service string, conditions map[string]any) policy.Statement {
	return policy.Statement{
		Sid: sid, Principal: policy.Service(service), Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: thisKey, Conditions: conditions,
	}
}

// SecretsStatement lets a principal decrypt the secrets under keys of a region, which go
// by their ARNs, by way of Secrets Manager alone. It stands on the principal's side:
// CDK's own grant would write the principal into the key's policy, and so make the
// stack of the key depend on the stack of its consumer.
func SecretsStatement(region config.Region, keys ...string) policy.Statement {
	return secretsStatement("DecryptSecrets", "kms:Decrypt", region, keys)
}

// WriteSecretsStatement lets a principal also store new versions of the secrets.
func WriteSecretsStatement(region config.Region, keys ...string) policy.Statement {
	return secretsStatement("EncryptSecrets", "kms:GenerateDataKey", region, keys)
}

// secretsStatement allows an action on the keys by way of Secrets Manager alone.
func secretsStatement(sid, action string, region config.Region, keys []string) policy.Statement {
	return policy.Statement{
		Sid: sid, Actions: []string{action}, Resources: keys,
		Conditions: map[string]any{"StringEquals": map[string]any{"kms:ViaService": secretsManager(region)}},
	}
}

// ReplicateSecretsStatement lets a principal that stores a new version of a secret
// have it encrypted under the key of the secret's replica: Secrets Manager does so with
// the rights of whoever stored it, and without them the replica keeps the old version
// ("Troubleshoot AWS Secrets Manager replication"). AWS does not say in which region
// Secrets Manager asks KMS: either may be the one.
func ReplicateSecretsStatement(replica awskms.IKey, regions ...config.Region) policy.Statement {
	return replicateSecrets(ARN(replica), regions)
}

// AllowReplication lets an account's principals, as far as IAM allows them to, encrypt
// replicas of secrets with the key, by way of Secrets Manager alone.
func AllowReplication(names config.Names, regions ...config.Region) policy.Statement {
	statement := replicateSecrets("*", regions)
	statement.Principal = policy.Account(names.Account())
	return statement
}

func replicateSecrets(resource string, regions []config.Region) policy.Statement {
	var services []string
	for _, region := range regions {
		services = append(services, secretsManager(region))
	}
	return policy.Statement{
		Sid:        "EncryptReplicas",
		Actions:    []string{"kms:Encrypt", "kms:GenerateDataKey"},
		Resources:  []string{resource},
		Conditions: map[string]any{"StringEquals": map[string]any{"kms:ViaService": services}},
	}
}

// secretsManager is the service by its name in "kms:ViaService".
func secretsManager(region config.Region) string {
	return "secretsmanager." + region.Name + ".amazonaws.com"
}

// ARN is a key's ARN as a plain reference: a key has no physical name, by which CDK
// would want to know it in another region.
func ARN(key awskms.IKey) string {
	return *key.Node().DefaultChild().(awskms.CfnKey).AttrArn()
}
