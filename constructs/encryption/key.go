// Package encryption makes the customer-managed keys of the platform.
package encryption

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// Props describe a key.
type Props struct {
	// Alias is the key's alias without "alias/", from config/names.go.
	Alias string
	// Purpose says what the key protects; it is the key's description.
	Purpose string
}

// NewKey makes a symmetric key that rotates every year and outlives its stack:
// whoever loses the key loses the data. Principals of the account get access by
// IAM statements on their own side, so that no key policy points at a consumer.
func NewKey(scope constructs.Construct, id string, props Props) awskms.Key {
	return awskms.NewKey(scope, new(id), &awskms.KeyProps{
		Alias:             new(props.Alias),
		Description:       new(props.Purpose),
		EnableKeyRotation: new(true),
		// A creation that is rolled back takes the key along.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		// The longest time that KMS offers to notice a mistake.
		PendingWindow: awscdk.Duration_Days(jsii.Number(30)),
	})
}

// AllowLogs lets CloudWatch Logs encrypt log groups of the key's own region and
// account with the key. The condition keeps the service from using it for
// anybody else's log group.
func AllowLogs(key awskms.Key) {
	stack := awscdk.Stack_Of(key)
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("CloudWatchLogs"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("logs."+*stack.Region()+".amazonaws.com"), nil)},
		Actions: &[]*string{
			new("kms:Encrypt"), new("kms:Decrypt"), new("kms:ReEncryptFrom"), new("kms:ReEncryptTo"),
			new("kms:GenerateDataKey"), new("kms:GenerateDataKeyWithoutPlaintext"), new("kms:DescribeKey"),
		},
		Resources: &[]*string{new("*")}, // in a key policy, "*" is this key alone
		Conditions: &map[string]any{"ArnLike": map[string]any{
			"kms:EncryptionContext:aws:logs:arn": config.ARN("logs", *stack.Region(), *stack.Account(), "log-group:*"),
		}},
	}), nil)
}

// SecretsStatement lets a principal decrypt the secrets under the keys, by way of
// Secrets Manager alone. It stands on the principal's side: CDK's own grant would
// write the principal into the key's policy, and so make the stack of the key
// depend on the stack of its consumer.
func SecretsStatement(keys ...awskms.IKey) awsiam.PolicyStatement {
	return secretsStatement("DecryptSecrets", "kms:Decrypt", keys)
}

// WriteSecretsStatement lets a principal also store new versions of the secrets.
func WriteSecretsStatement(keys ...awskms.IKey) awsiam.PolicyStatement {
	return secretsStatement("EncryptSecrets", "kms:GenerateDataKey", keys)
}

// ReplicateSecretsStatement lets a principal that stores a new version of a secret
// have it encrypted under the key of the secret's replica: Secrets Manager does so with
// the rights of whoever stored it, and without them the replica keeps the old version
// ("Troubleshoot AWS Secrets Manager replication"). AWS does not say in which region
// Secrets Manager asks KMS: either may be the one.
func ReplicateSecretsStatement(replica awskms.IKey, regions ...config.Region) awsiam.PolicyStatement {
	return replicateSecrets(ARN(replica), regions)
}

// AllowReplicas lets the account's principals, as far as IAM allows them to, encrypt
// replicas of secrets with the key, by way of Secrets Manager alone.
func AllowReplicas(key awskms.Key, regions ...config.Region) {
	statement := replicateSecrets(new("*"), regions) // in a key policy, "*" is this key alone
	statement.AddAccountRootPrincipal()
	key.AddToResourcePolicy(statement, nil)
}

func replicateSecrets(resource *string, regions []config.Region) awsiam.PolicyStatement {
	var services []string
	for _, region := range regions {
		services = append(services, "secretsmanager."+region.Name+".amazonaws.com")
	}
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("EncryptReplicas"),
		Actions:    &[]*string{new("kms:Encrypt"), new("kms:GenerateDataKey")},
		Resources:  &[]*string{resource},
		Conditions: &map[string]any{"StringEquals": map[string]any{"kms:ViaService": services}},
	})
}

// ARN is a key's ARN as a plain reference: a key has no physical name, by which CDK
// would want to know it in another region.
func ARN(key awskms.IKey) *string {
	return key.Node().DefaultChild().(awskms.CfnKey).AttrArn()
}

// secretsStatement allows an action on the keys by way of Secrets Manager alone.
func secretsStatement(sid, action string, keys []awskms.IKey) awsiam.PolicyStatement {
	region := *awscdk.Stack_Of(keys[0]).Region()
	var arns []*string
	for _, key := range keys {
		arns = append(arns, key.KeyArn())
	}
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new(sid),
		Actions:    &[]*string{new(action)},
		Resources:  &arns,
		Conditions: &map[string]any{"StringEquals": map[string]any{"kms:ViaService": "secretsmanager." + region + ".amazonaws.com"}},
	})
}
