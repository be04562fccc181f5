package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/encryption"
)

// addSecrets lets ECS read the application's secrets when a task starts, key by
// key. User names are among them because rotation changes the user together with
// the password.
func addSecrets(scope constructs.Construct, task awsecs.FargateTaskDefinition, app awsecs.ContainerDefinition, props Props) {
	own := constructs.NewConstruct(scope, new("Secrets"))
	database := Local(own, "Database", props.Database.AppSecret)
	var prefixes []string
	for _, source := range datasources {
		prefixes = append(prefixes, "QUARKUS_DATASOURCE_"+source.variable)
	}
	AddUser(app, database, prefixes...)
	AddUser(app, Local(own, "Cache", props.Cache.Secret), "CACHE_")
	AddUser(app, Local(own, "Kafka", props.Kafka.Secret), "BROKER_")
	task.AddToExecutionRolePolicy(encryption.SecretsStatement(
		props.Region, props.Database.SecretsKey, *props.Cache.Secret.EncryptionKey().KeyArn(), *props.Kafka.Secret.EncryptionKey().KeyArn()).CDK())
}

// AddUser gives a container both halves of a secret as environment variables, which
// begin with each of the prefixes.
func AddUser(container awsecs.ContainerDefinition, secret awssecretsmanager.ISecret, prefixes ...string) {
	name := awsecs.Secret_FromSecretsManager(secret, new("username"))
	password := awsecs.Secret_FromSecretsManager(secret, new("password"))
	for _, prefix := range prefixes {
		container.AddSecret(new(prefix+"USERNAME"), name)
		container.AddSecret(new(prefix+"PASSWORD"), password)
	}
}

// Local is the secret without what CDK knows of its key. With it, CDK would name
// this stack's role in the key's policy, in the stack that this one depends on.
//
// A secret that another region replicates is known by its name only, which stands
// in its ARN without the suffix that Secrets Manager chose.
func Local(scope constructs.Construct, id string, secret awssecretsmanager.ISecret) awssecretsmanager.ISecret {
	if secret.SecretFullArn() == nil {
		return awssecretsmanager.Secret_FromSecretPartialArn(scope, new(id), secret.SecretArn())
	}
	return awssecretsmanager.Secret_FromSecretCompleteArn(scope, new(id), secret.SecretArn())
}
