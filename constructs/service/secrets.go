package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
)

// addSecrets lets ECS read the application's secrets when a task starts, key by
// key. User names are among them because rotation changes the user together with
// the password.
func addSecrets(scope constructs.Construct, app awsecs.ContainerDefinition, props Props) {
	own := constructs.NewConstruct(scope, new("Secrets"))
	database := local(own, "Database", props.Database.AppSecret)
	for _, source := range datasources {
		addUser(app, "QUARKUS_DATASOURCE_"+source.variable, database)
	}
	addUser(app, "CACHE_", local(own, "Cache", props.Cache.Secret))
	addUser(app, "BROKER_", local(own, "Kafka", props.Kafka.Secret))
	decrypt(app.TaskDefinition().ExecutionRole(), props.Database.AppSecret, props.Cache.Secret, props.Kafka.Secret)
}

// addUser gives the application both halves of a secret as environment variables.
func addUser(app awsecs.ContainerDefinition, prefix string, secret awssecretsmanager.ISecret) {
	app.AddSecret(new(prefix+"USERNAME"), awsecs.Secret_FromSecretsManager(secret, new("username")))
	app.AddSecret(new(prefix+"PASSWORD"), awsecs.Secret_FromSecretsManager(secret, new("password")))
}

// local is the secret without what CDK knows of its key. With it, CDK would name
// this stack's role in the key's policy, in the stack that this one depends on.
func local(scope constructs.Construct, id string, secret awssecretsmanager.ISecret) awssecretsmanager.ISecret {
	return awssecretsmanager.Secret_FromSecretCompleteArn(scope, new(id), secret.SecretArn())
}

// decrypt lets the role use the secrets' keys, through Secrets Manager alone.
func decrypt(role awsiam.IRole, secrets ...awssecretsmanager.ISecret) {
	keys := []*string{}
	for _, secret := range secrets {
		if key := secret.EncryptionKey(); key != nil {
			keys = append(keys, key.KeyArn())
		}
	}
	role.AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:       new("DecryptSecrets"),
		Actions:   &[]*string{new("kms:Decrypt")},
		Resources: &keys,
		Conditions: &map[string]any{"StringEquals": map[string]any{
			"kms:ViaService": "secretsmanager." + *awscdk.Stack_Of(role).Region() + ".amazonaws.com",
		}},
	}))
}
