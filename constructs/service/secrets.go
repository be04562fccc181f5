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
func addSecrets(scope constructs.Construct, app awsecs.ContainerDefinition, props Props) {
	own := constructs.NewConstruct(scope, new("Secrets"))
	database := Local(own, "Database", props.Database.AppSecret)
	for _, source := range datasources {
		addUser(app, "QUARKUS_DATASOURCE_"+source.variable, database)
	}
	addUser(app, "CACHE_", Local(own, "Cache", props.Cache.Secret))
	addUser(app, "BROKER_", Local(own, "Kafka", props.Kafka.Secret))
	app.TaskDefinition().ExecutionRole().AddToPrincipalPolicy(encryption.SecretsStatement(
		props.Region, props.Database.AppSecret.EncryptionKey(), props.Cache.Secret.EncryptionKey(), props.Kafka.Secret.EncryptionKey()).CDK())
}

// addUser gives the application both halves of a secret as environment variables.
func addUser(app awsecs.ContainerDefinition, prefix string, secret awssecretsmanager.ISecret) {
	app.AddSecret(new(prefix+"USERNAME"), awsecs.Secret_FromSecretsManager(secret, new("username")))
	app.AddSecret(new(prefix+"PASSWORD"), awsecs.Secret_FromSecretsManager(secret, new("password")))
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
