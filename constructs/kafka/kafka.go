// Package kafka makes the MSK cluster, its topics and its clients' credentials.
package kafka

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/network"
)

// Cluster is the MSK cluster, as its clients and alarms need it.
type Cluster struct {
	Name, Arn     string
	SecurityGroup awsec2.ISecurityGroup
	// Bootstrap is the broker list for SASL/SCRAM clients.
	Bootstrap string
	// Brokers is their number; MSK counts them from 1.
	Brokers int
	// Secret holds "username" and "password" of the service's Kafka user.
	Secret awssecretsmanager.ISecret
	// Subnets are those of the brokers.
	Subnets []string
	// Ready is there when the cluster has its topics and its user's rights.
	Ready constructs.IDependable
}

// Props describe a cluster.
type Props struct {
	Names config.Names
	// Region is where the cluster stands; everything else here stands in it too.
	Region    config.Region
	Messaging config.Messaging
	// Protected keeps a topic from being deleted by one command.
	Protected bool
	// ReplicationSource lets an MSK Replicator of another region read the cluster.
	ReplicationSource bool
	// Network holds the database tier, in whose first zones the brokers stand, and the
	// private one, from which the access function reaches them and AWS's endpoints.
	Network network.Network
	// Logs receives the broker logs for the long term, under LogPrefix. Its policy
	// must let delivery.logs.amazonaws.com write there.
	Logs      awss3.IBucket
	LogPrefix string
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// New makes the cluster with its topics, and lets the service's user use them.
func New(scope constructs.Construct, props Props) Cluster {
	// Brokers open no connection of their own.
	group := props.Network.NewGroup(scope, "SecurityGroup", "The Kafka brokers. Replication between them does not pass this group.")
	group.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE) // as long as the cluster
	cluster := newBrokers(scope, props, group)
	arn := *cluster.AttrArn()
	scaleStorage(scope, arn, props.Messaging)
	secret, association := addUser(scope, arn, props.Names)
	if props.ReplicationSource {
		allowReplicator(scope, arn)
	}
	// The listener of a user who does not exist is of no use to anybody, and a
	// service that finds its address also finds its topics.
	access := allowUser(scope, props, arn, group, append(addTopics(scope, arn, props.Messaging), association))
	return Cluster{
		Name:          props.Names.KafkaClusterName(),
		Arn:           arn,
		SecurityGroup: group,
		Bootstrap:     *access.GetAttString(new(attributeBootstrap)),
		Brokers:       props.Messaging.Brokers,
		Secret:        secret,
		Subnets:       brokerSubnets(props),
		Ready:         access,
	}
}

// newBrokers makes the brokers themselves. Nearly everything about them, the
// security group included, is fixed for life, and MSK has no deletion protection:
// the cluster is retained.
func newBrokers(scope constructs.Construct, props Props, group awsec2.ISecurityGroup) awsmsk.CfnCluster {
	messaging := props.Messaging
	key := encryption.NewKey(scope, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "kafka",
		Purpose: "Encrypts the volumes of the Kafka brokers of " + props.Names.Environment(),
	})
	configuration := newConfiguration(scope, props)
	logging, delivery := newLogging(scope, props)
	cluster := awsmsk.NewCfnCluster(scope, new("Cluster"), &awsmsk.CfnClusterProps{
		ClusterName:         new(props.Names.KafkaClusterName()),
		KafkaVersion:        new(messaging.KafkaVersion),
		NumberOfBrokerNodes: jsii.Number(messaging.Brokers),
		BrokerNodeGroupInfo: brokerNodes(props, group),
		ConfigurationInfo: &awsmsk.CfnCluster_ConfigurationInfoProperty{
			Arn: configuration.AttrArn(),
			// Changed properties make a revision, which the brokers then roll to.
			Revision: configuration.AttrLatestRevisionRevision(),
		},
		ClientAuthentication: clientAuthentication(),
		EncryptionInfo: &awsmsk.CfnCluster_EncryptionInfoProperty{
			EncryptionAtRest: &awsmsk.CfnCluster_EncryptionAtRestProperty{DataVolumeKmsKeyId: key.KeyArn()},
			EncryptionInTransit: &awsmsk.CfnCluster_EncryptionInTransitProperty{
				ClientBroker: new("TLS"), InCluster: new(true),
			},
		},
		EnhancedMonitoring: new(monitoringLevel),
		LoggingInfo:        logging,
	})
	cluster.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	cluster.Node().AddDependency(delivery)
	return cluster
}

// brokerNodes spreads the brokers over the first zones of the region, unreachable
// from the internet.
func brokerNodes(props Props, group awsec2.ISecurityGroup) *awsmsk.CfnCluster_BrokerNodeGroupInfoProperty {
	messaging := props.Messaging
	return &awsmsk.CfnCluster_BrokerNodeGroupInfoProperty{
		InstanceType:   new(messaging.BrokerType),
		ClientSubnets:  jsii.Strings(brokerSubnets(props)...),
		SecurityGroups: &[]*string{group.SecurityGroupId()},
		StorageInfo: &awsmsk.CfnCluster_StorageInfoProperty{
			EbsStorageInfo: &awsmsk.CfnCluster_EBSStorageInfoProperty{VolumeSize: jsii.Number(messaging.VolumeGiB)},
		},
		ConnectivityInfo: connectivity(props),
	}
}

// brokerSubnets are the brokers' tier in the first zones of the region.
func brokerSubnets(props Props) []string {
	return props.Network.DatabaseSubnets[:props.Messaging.Zones]
}

// monitoringLevel gives every alarm its metric. Disk use, offline and
// under-replicated partitions and consumer lag come at DEFAULT; what tells why a
// broker is slow (idle request handlers, volume queues, throttled bandwidth) comes
// at PER_BROKER. The levels above it charge for each topic and partition.
const monitoringLevel = "PER_BROKER"

// clientAuthentication lets the service in with SASL/SCRAM and operators with
// IAM, and says no to anonymous clients. Certificates are left out: MSK refuses a
// block that says no to them without a list of authorities ("Enabled and
// CertificateAuthorityArnList fields must both be defined for TLS"), and they are
// off until such a list is given.
func clientAuthentication() *awsmsk.CfnCluster_ClientAuthenticationProperty {
	return &awsmsk.CfnCluster_ClientAuthenticationProperty{
		Sasl: &awsmsk.CfnCluster_SaslProperty{
			Scram: &awsmsk.CfnCluster_ScramProperty{Enabled: new(true)},
			Iam:   &awsmsk.CfnCluster_IamProperty{Enabled: new(true)},
		},
		Unauthenticated: &awsmsk.CfnCluster_UnauthenticatedProperty{Enabled: new(false)},
	}
}
