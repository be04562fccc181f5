package kafka

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// connectivity lets AWS connect another VPC to a cluster that is replicated, by
// PrivateLink. MSK refuses this at a cluster's creation and takes it as an update,
// of one setting in a call and never of one that is as it was (UpdateConnectivity).
// Public access is therefore not named: disabled is what a cluster is made with.
func connectivity(props Props) any {
	if !props.ReplicationSource {
		return nil
	}
	return &awsmsk.CfnCluster_ConnectivityInfoProperty{
		VpcConnectivity: &awsmsk.CfnCluster_VpcConnectivityProperty{
			ClientAuthentication: &awsmsk.CfnCluster_VpcConnectivityClientAuthenticationProperty{
				Sasl: &awsmsk.CfnCluster_VpcConnectivitySaslProperty{
					Iam: &awsmsk.CfnCluster_VpcConnectivityIamProperty{Enabled: new(true)},
				},
			},
		},
	}
}

// allowReplicator lets MSK's own service connect to the cluster from the other
// region ("Prepare source and target clusters" in the MSK developer guide). What
// it may read is the replicator's role's matter.
func allowReplicator(scope constructs.Construct, cluster string) {
	awsmsk.NewCfnClusterPolicy(scope, new("ReplicatorPolicy"), &awsmsk.CfnClusterPolicyProps{
		ClusterArn: new(cluster),
		Policy: policy.Document(policy.Statement{
			Sid:       "Replicator",
			Principal: policy.Service("kafka.amazonaws.com"),
			Actions:   []string{"kafka:CreateVpcConnection", "kafka:GetBootstrapBrokers", "kafka:DescribeClusterV2"},
			Resources: []string{cluster},
		}),
	})
}

// ReplicatorProps describe the copying of events into a cluster.
type ReplicatorProps struct {
	Names  config.Names
	Source Source
	// Region has Target, the cluster that receives the events, and the replicator.
	Region    config.Region
	Target    Cluster
	Network   network.Network
	Messaging config.Messaging
	// LogKey encrypts the log group; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// Source is the cluster that a replicator reads, in another region.
type Source struct {
	Region config.Region
	config.KafkaSource
}

// NewReplicator makes the MSK Replicator, which runs in the region of its target.
func NewReplicator(scope constructs.Construct, props ReplicatorProps) {
	own := constructs.NewConstruct(scope, new("Replicator"))
	group := props.Network.NewGroup(own, "SecurityGroup", "The MSK Replicator, where it writes")
	group.Connections().AllowTo(props.Target.SecurityGroup, value.TCP(config.KafkaIAMPort),
		new("The replicator writes events as an IAM principal"))
	logs := logging.NewGroup(own, "Logs", logging.Props{RetentionDays: props.Messaging.LogRetentionDays, Key: props.LogKey})
	delivery := logging.AllowDelivery(own, logs, logging.Delivery{Names: props.Names, Region: props.Region, Source: "*"})
	role, permissions := replicatorRole(own, props)
	replicator := awsmsk.NewCfnReplicator(own, new("Events"), &awsmsk.CfnReplicatorProps{
		ReplicatorName:          new(props.Names.ReplicatorName()),
		Description:             new("Copies the wallet's events to the second region"),
		ServiceExecutionRoleArn: role.RoleArn(),
		KafkaClusters: &[]any{
			// MSK reaches the source by its own connection: no security group there.
			kafkaCluster(props.Source.ARN, props.Source.Subnets, nil),
			kafkaCluster(props.Target.Arn, props.Target.Subnets, &[]*string{group.SecurityGroupId()}),
		},
		ReplicationInfoList: &[]any{replication(props)},
		LogDelivery: &awsmsk.CfnReplicator_LogDeliveryProperty{
			ReplicatorLogDelivery: &awsmsk.CfnReplicator_ReplicatorLogDeliveryProperty{
				CloudWatchLogs: &awsmsk.CfnReplicator_CloudWatchLogsProperty{Enabled: new(true), LogGroup: logs.LogGroupName()},
			},
		},
	})
	// The topics are there first, with our settings: the replicator makes those that
	// are missing, with the source's.
	replicator.Node().AddDependency(group, permissions, delivery, props.Target.Ready)
}

func kafkaCluster(arn string, subnets []string, groups *[]*string) any {
	return &awsmsk.CfnReplicator_KafkaClusterProperty{
		AmazonMskCluster: &awsmsk.CfnReplicator_AmazonMskClusterProperty{MskClusterArn: new(arn)},
		VpcConfig:        &awsmsk.CfnReplicator_KafkaClusterClientVpcConfigProperty{SubnetIds: jsii.Strings(subnets...), SecurityGroupIds: groups},
	}
}

// replication copies the wallet's topics under their own names, so that a client
// that moves finds what it left, and the consumers' places in them. Everything of
// it is fixed when the replicator is made, but for the lists.
func replication(props ReplicatorProps) any {
	var topics []*string
	for _, topic := range props.Messaging.Topics {
		topics = append(topics, new(topic.Name))
	}
	return &awsmsk.CfnReplicator_ReplicationInfoProperty{
		SourceKafkaClusterArn: new(props.Source.ARN),
		TargetKafkaClusterArn: new(props.Target.Arn),
		// The producer's compression stays: the records are copied as they are.
		TargetCompressionType: new("NONE"),
		TopicReplication: &awsmsk.CfnReplicator_TopicReplicationProperty{
			TopicsToReplicate: &topics,
			TopicNameConfiguration: &awsmsk.CfnReplicator_ReplicationTopicNameConfigurationProperty{
				Type: new("IDENTICAL"),
			},
			// From the beginning: a replicator that is made anew must not leave a hole,
			// and records are recognized by their keys and IDs.
			StartingPosition: &awsmsk.CfnReplicator_ReplicationStartingPositionProperty{Type: new("EARLIEST")},
			// Both clusters get settings and rights from the same templates.
			CopyTopicConfigurations:         new(false),
			CopyAccessControlListsForTopics: new(false),
			DetectAndCopyNewTopics:          new(false),
		},
		ConsumerGroupReplication: &awsmsk.CfnReplicator_ConsumerGroupReplicationProperty{
			ConsumerGroupsToReplicate:       jsii.Strings(config.KafkaPrefix + ".*"),
			DetectAndCopyNewConsumerGroups:  new(true),
			SynchroniseConsumerGroupOffsets: new(true),
		},
	}
}

// replicatorRole reads the source and writes the target, on the wallet's topics
// and groups and on those that the replicator keeps its own state in
// ("IAM permissions required to create an MSK Replicator").
func replicatorRole(own constructs.Construct, props ReplicatorProps) (awsiam.Role, awsiam.ManagedPolicy) {
	role := awsiam.NewRole(own, new("Role"), &awsiam.RoleProps{
		Description: new("Copies the wallet's events between the regions"),
		AssumedBy:   value.Service("kafka.amazonaws.com"),
	})
	source, target := []config.Region{props.Source.Region}, []config.Region{props.Region}
	both := slices.Concat(source, target)
	permissions := policy.Attach(own, "Policy", role,
		policy.Allow("Clusters", []string{props.Source.ARN, props.Target.Arn}, "kafka-cluster:Connect", "kafka-cluster:DescribeCluster",
			"kafka-cluster:AlterCluster", "kafka-cluster:WriteDataIdempotently", "kafka-cluster:DescribeClusterDynamicConfiguration"),
		policy.Allow("Read", inside(props.Names, source, "topic", ""), "kafka-cluster:DescribeTopic", "kafka-cluster:ReadData",
			"kafka-cluster:DescribeTopicDynamicConfiguration"),
		policy.Allow("State", inside(props.Names, both, "topic", "__amazon_msk"),
			"kafka-cluster:CreateTopic", "kafka-cluster:AlterTopic", "kafka-cluster:WriteData", "kafka-cluster:ReadData", "kafka-cluster:DescribeTopic",
			"kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:AlterTopicDynamicConfiguration"),
		policy.Allow("Write", inside(props.Names, target, "topic", ""), "kafka-cluster:DescribeTopic", "kafka-cluster:CreateTopic",
			"kafka-cluster:AlterTopic", "kafka-cluster:WriteData", "kafka-cluster:ReadData",
			"kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:AlterTopicDynamicConfiguration"),
		policy.Allow("Groups", inside(props.Names, both, "group", ""), "kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"),
	)
	acknowledge.Finding(permissions, "AwsSolutions-IAM5",
		"MSK puts an ID of its own between the cluster's name and the topic's; the environment's cluster of either region is named, and its topics are the wallet's alone")
	return role, permissions
}

// inside are the topics or groups of the regions' clusters whose names begin with a
// prefix. Between the cluster's name and theirs stands an ID that MSK chooses.
func inside(names config.Names, regions []config.Region, kind, prefix string) []string {
	var arns []string
	for _, region := range regions {
		arns = append(arns, names.ARN("kafka", region, kind+"/"+names.KafkaClusterName()+"/*/"+prefix+"*"))
	}
	return arns
}
