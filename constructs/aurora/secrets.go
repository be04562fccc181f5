package aurora

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/logging"
)

// passwordExcludes leaves letters, digits and "-", "." and "_": what needs no
// escape in a URL, in JSON, in a shell, or inside Quarkus's "${...}". The
// function that rotates must leave out the same characters, so they are listed
// rather than switched off as a class.
const passwordExcludes = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"

// passwordLength is also what the rotation function generates, and RDS allows
// 41 characters.
const passwordLength = 32

// newAdminSecret makes the credentials of the schema's owner.
//
// RDS could manage this password itself, but not on a global database.
func newAdminSecret(scope constructs.Construct, key awskms.IKey, props Props) awssecretsmanager.Secret {
	return newSecret(scope, "AdminSecret", key, props, awssecretsmanager.SecretProps{
		SecretName:  new(props.Environment.DatabaseAdminSecret()),
		Description: new("The owner of the wallet's schema: migrations and rotation log in with it"),
	}, map[string]any{"username": config.DatabaseAdminUser})
}

// newAppSecret makes the credentials that the service runs with. They name the
// administrator's secret, by which rotation makes the second user.
func newAppSecret(scope constructs.Construct, key awskms.IKey, admin awssecretsmanager.ISecret, props Props) awssecretsmanager.Secret {
	return newSecret(scope, "AppSecret", key, props, awssecretsmanager.SecretProps{
		SecretName:  new(props.Environment.DatabaseAppSecret()),
		Description: new("The wallet service's own database user, which reads and writes rows"),
	}, map[string]any{"username": config.DatabaseAppUser, "masterarn": *admin.SecretArn()})
}

// newSecret makes a database secret with a generated password. Attaching it to
// the cluster adds host and port.
func newSecret(scope constructs.Construct, id string, key awskms.IKey, props Props, secret awssecretsmanager.SecretProps, fields map[string]any) awssecretsmanager.Secret {
	fields["engine"] = "mysql"
	fields["dbname"] = config.DatabaseName
	// Rotation would otherwise fall back to a connection without TLS.
	fields["ssl"] = true
	template, err := json.Marshal(fields)
	if err != nil {
		panic(err) // only texts and a boolean: cannot fail
	}
	secret.EncryptionKey = key
	secret.RemovalPolicy = removal(props.Environment)
	secret.GenerateSecretString = &awssecretsmanager.SecretStringGenerator{
		SecretStringTemplate: new(string(template)),
		GenerateStringKey:    new("password"),
		PasswordLength:       jsii.Number(passwordLength),
		ExcludeCharacters:    new(passwordExcludes),
	}
	if props.ReplicaKey != nil {
		secret.ReplicaRegions = &[]*awssecretsmanager.ReplicaRegion{
			{Region: new(props.Environment.Secondary.Name), EncryptionKey: props.ReplicaKey},
		}
	}
	return awssecretsmanager.NewSecret(scope, new(id), &secret)
}

// rotate replaces both passwords every so many days with the functions that AWS
// hosts for it. The application alternates between two users: the password that
// running tasks hold stays good until the rotation after the next.
func rotate(scope constructs.Construct, to cluster, user constructs.IConstruct, admin, app awssecretsmanager.ISecret, props Props) {
	group := newClientGroup(scope, "RotationGroup", to, props, "Rotation of the database passwords")
	vpc, subnets := props.Network.Vpc, props.Network.Private()
	groups := &[]awsec2.ISecurityGroup{group}
	env := props.Environment

	single := newRotation(scope, "admin", admin, to, props, awssecretsmanager.HostedRotation_MysqlSingleUser(&awssecretsmanager.SingleUserHostedRotationOptions{
		FunctionName:      new(env.RotationFunction("admin")),
		ExcludeCharacters: new(passwordExcludes),
		Vpc:               vpc, VpcSubnets: subnets, SecurityGroups: groups,
	}))
	alternating := newRotation(scope, "app", app, to, props, awssecretsmanager.HostedRotation_MysqlMultiUser(&awssecretsmanager.MultiUserHostedRotationOptions{
		MasterSecret:      admin,
		FunctionName:      new(env.RotationFunction("app")),
		ExcludeCharacters: new(passwordExcludes),
		Vpc:               vpc, VpcSubnets: subnets, SecurityGroups: groups,
	}))
	// A new schedule tests the login, so the way to the database comes first, and
	// the user whose login it is.
	single.Node().AddDependency(to.group, group)
	alternating.Node().AddDependency(to.group, group, user)
}

// newRotation schedules the rotation of a secret.
func newRotation(scope constructs.Construct, name string, secret awssecretsmanager.ISecret, to cluster, props Props, by awssecretsmanager.HostedRotation) awssecretsmanager.RotationSchedule {
	env := props.Environment
	schedule := secret.AddRotationSchedule(new("Rotation"), &awssecretsmanager.RotationScheduleOptions{
		HostedRotation:     by,
		AutomaticallyAfter: days(env.Database.RotationDays),
		// A change of this schedule is no reason to change passwords, least of all
		// both at once: the application's rotation logs in with the administrator's.
		RotateImmediatelyOnUpdate: new(false),
	})
	// AWS's function would make its log group itself, unencrypted and endless.
	logs := logging.NewGroup(scope, "RotationLog-"+name, logging.Props{
		Name:          env.FunctionLogGroup(env.RotationFunction(name)),
		RetentionDays: env.Database.LogRetentionDays,
		Key:           props.LogKey,
		Keep:          env.Protected,
	})
	schedule.Node().AddDependency(logs, to.writer())
	return schedule
}
