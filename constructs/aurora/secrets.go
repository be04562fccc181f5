package aurora

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// passwordExcludes leaves letters, digits and "-", "." and "_": what needs no
// escape in a URL, in JSON, in a shell, or inside Quarkus's "${...}". The
// function that rotates leaves out the same.
const passwordExcludes = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"

// passwordLength is also that of the passwords that rotation makes. RDS allows 41
// characters.
const passwordLength = 32

// credentials are the secrets of the users.
type credentials struct {
	admin, app, outbox                  awssecretsmanager.ISecret
	adminARN, appARN, outboxARN, keyARN string
}

func newCredentials(keyARN string, admin, app, outbox awssecretsmanager.ISecret) credentials {
	return credentials{
		admin: admin, app: app, outbox: outbox,
		adminARN: *admin.SecretArn(), appARN: *app.SecretArn(), outboxARN: *outbox.SecretArn(), keyARN: keyARN,
	}
}

func (c credentials) arns() []string { return []string{c.adminARN, c.appARN, c.outboxARN} }

// newAdminSecret makes the credentials of the schema's owner.
//
// RDS could manage this password itself, but not on a global database.
func newAdminSecret(scope constructs.Construct, key awskms.IKey, props Props) awssecretsmanager.Secret {
	return newSecret(scope, "AdminSecret", key, props, awssecretsmanager.SecretProps{
		SecretName:  new(props.Names.DatabaseAdminSecret()),
		Description: new("The owner of the wallet's schema: migrations and rotation log in with it"),
	}, map[string]any{"username": config.DatabaseAdminUser})
}

// newAppSecret makes the credentials that the service runs with. They name the
// administrator's secret, by which rotation makes the second user.
func newAppSecret(scope constructs.Construct, key awskms.IKey, admin awssecretsmanager.ISecret, props Props) awssecretsmanager.Secret {
	return newSecret(scope, "AppSecret", key, props, awssecretsmanager.SecretProps{
		SecretName:  new(props.Names.DatabaseAppSecret()),
		Description: new("The wallet service's own database user, which reads and writes rows"),
	}, map[string]any{"username": config.DatabaseAppUser, "masterarn": *admin.SecretArn()})
}

// newOutboxSecret makes the credentials that the outbox is measured with. They name no
// administrator: nobody keeps this password longer than a measurement, so rotation
// changes it in place.
func newOutboxSecret(scope constructs.Construct, key awskms.IKey, props Props) awssecretsmanager.Secret {
	return newSecret(scope, "OutboxSecret", key, props, awssecretsmanager.SecretProps{
		SecretName:  new(props.Names.DatabaseOutboxSecret()),
		Description: new("The database user that reads the outbox's table and nothing else: the outbox is measured with it"),
	}, map[string]any{"username": config.DatabaseOutboxUser})
}

// newSecret makes a database secret with a generated password. Attaching it to
// the cluster adds host and port.
func newSecret(scope constructs.Construct, id string, key awskms.IKey, props Props, secret awssecretsmanager.SecretProps, fields map[string]any) awssecretsmanager.Secret {
	fields["engine"] = "mysql"
	fields["dbname"] = config.DatabaseName
	// For a client that reads the secret; our own connect with TLS in any case.
	fields["ssl"] = true
	template, err := json.Marshal(fields)
	if err != nil {
		panic(err) // only texts and a boolean: cannot fail
	}
	secret.EncryptionKey = key
	secret.RemovalPolicy = removal(props.Protected)
	secret.GenerateSecretString = &awssecretsmanager.SecretStringGenerator{
		SecretStringTemplate: new(string(template)),
		GenerateStringKey:    new("password"),
		PasswordLength:       jsii.Number(passwordLength),
		ExcludeCharacters:    new(passwordExcludes),
	}
	if standby := props.Standby; standby.exists() {
		secret.ReplicaRegions = &[]*awssecretsmanager.ReplicaRegion{
			{Region: new(standby.Region.Name), EncryptionKey: standby.SecretsKey},
		}
	}
	return awssecretsmanager.NewSecret(scope, new(id), &secret)
}

// replicatedSecret is a user of the database as the second region has it: a replica
// under the key of that region, known by its name. It follows each rotation while
// the first region lives, and keeps the last one after.
func replicatedSecret(scope constructs.Construct, id, name string, props SecondaryProps) awssecretsmanager.ISecret {
	return awssecretsmanager.Secret_FromSecretAttributes(scope, new(id), &awssecretsmanager.SecretAttributes{
		SecretPartialArn: new(props.Names.ARN("secretsmanager", props.Region, "secret:"+name)),
		EncryptionKey:    props.SecretsKey,
	})
}
