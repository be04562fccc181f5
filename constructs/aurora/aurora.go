// Package aurora makes the Aurora MySQL cluster, its users and their rotation.
package aurora

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/value"
)

// Props describe the primary region's database.
type Props struct {
	Names    config.Names
	Region   config.Region
	Database config.Database
	// Protected keeps the cluster and what it needs when the stack goes.
	Protected bool
	Network   network.Network
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
	// Standby is where the data and the secrets are replicated to; the zero value
	// keeps both in this region.
	Standby Standby
}

// Standby is the second region of a global database, which must be able to log in
// while the first is gone.
type Standby struct {
	Region config.Region
	// SecretsKey encrypts the replicas of the secrets there.
	SecretsKey awskms.IKey
}

// exists says whether there is a second region.
func (s Standby) exists() bool { return s.SecretsKey != nil }

// Database is a region's cluster as its clients and alarms know it, whichever member of
// a global database that is.
type Database struct {
	// Name is the cluster's identifier.
	Name string
	// Writer and Reader are the host names of the cluster's endpoints, without a port.
	// Nobody answers at Writer while another member of the global database writes.
	Writer, Reader string
	// SecurityGroup is the cluster's: whoever connects opens it from its own stack.
	SecurityGroup awsec2.ISecurityGroup
	// AdminSecret is the owner of the schema: migrations and rotation use it, the
	// service never does. AppSecret is the user that the service runs as. Both
	// have the fields username, password, host, port and dbname. A third is known by its
	// name ([config.Names.DatabaseOutboxSecret]).
	//
	// A reader also needs their key ([encryption.SecretsStatement]): the secrets' own
	// grant leaves it out.
	AdminSecret, AppSecret awssecretsmanager.ISecret
	// SecretsKey is the ARN of the key of all three in the region.
	SecretsKey string

	// readersScale says that queries load the readers, which are watched then.
	readersScale bool
}

// Primary is the primary region's cluster, which is backed up.
type Primary struct {
	Database
	Arn string // of the cluster
	// Replicated are the ARNs of those secrets that have a replica in the second region.
	Replicated []string
	// Key encrypts the data, the snapshots and the secrets.
	Key awskms.IKey
}

// New makes the database: the cluster, the users inside it, and the rotation of their
// passwords.
func New(scope constructs.Construct, props Props) Primary {
	own := constructs.NewConstruct(scope, new("Database"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "database",
		Purpose: "Encrypts the wallet's database, its snapshots, its insights and its passwords",
	})
	// The secrets know the key by its ARN only. Knowing the construct, each grant
	// on a secret would write its reader into the key's policy.
	keyARN := key.KeyArn()
	secretsKey := awskms.Key_FromKeyArn(own, new("SecretsKey"), keyARN)
	admin := newAdminSecret(own, secretsKey, props)
	made := newCluster(own, key, admin, props)
	scaleReaders(made.cluster, props.Names, props.Database)

	users := newCredentials(*keyARN, made.cluster.Secret(),
		newAppSecret(own, secretsKey, admin, props).Attach(made.cluster), newOutboxSecret(own, secretsKey, props).Attach(made.cluster))
	rotate(own, made, newUsers(own, made, users, props), users, props)
	database := Primary{
		Database: Database{
			Name:          *made.cluster.ClusterIdentifier(),
			Writer:        *made.cluster.ClusterEndpoint().Hostname(),
			Reader:        *made.cluster.ClusterReadEndpoint().Hostname(),
			SecurityGroup: made.group,
			AdminSecret:   users.admin,
			AppSecret:     users.app,
			SecretsKey:    users.keyARN,
			readersScale:  true,
		},
		Arn: made.arn,
		Key: key,
	}
	if props.Standby.exists() {
		database.Replicated = users.arns()
	}
	return database
}

// EngineVersion is the name by which RDS knows an Aurora MySQL version.
func EngineVersion(db config.Database) string {
	return engineMajor + ".mysql_aurora." + db.EngineVersion
}

// engineMajor is the MySQL line of every Aurora MySQL 3 version.
const engineMajor = "8.0"

// engine is the cluster's engine.
func engine(db config.Database) awsrds.IClusterEngine {
	return value.Once("engine "+db.EngineVersion, func() awsrds.IClusterEngine {
		return awsrds.DatabaseClusterEngine_AuroraMysql(&awsrds.AuroraMysqlClusterEngineProps{
			Version: awsrds.AuroraMysqlEngineVersion_Of(new(EngineVersion(db)), new(engineMajor)),
		})
	})
}

// removal says what becomes of something that the cluster cannot live without
// when the stack goes. A retained cluster keeps using all of it; CDK itself
// would delete the security group, the parameter groups and the role.
func removal(protected bool) awscdk.RemovalPolicy {
	if protected {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

// clusterRemoval says what becomes of the cluster itself: even an unprotected
// environment leaves a last snapshot.
func clusterRemoval(protected bool) awscdk.RemovalPolicy {
	if protected {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_SNAPSHOT
}
