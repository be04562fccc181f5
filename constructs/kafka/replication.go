package kafka

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
)

// replicated says whether a replicator may read the cluster: the primary region's,
// from the second phase of the rollout on.
func replicated(props Props) bool {
	return props.Region.Name == props.Env.Primary.Name && props.Env.Replication() != config.ReplicationNone
}

// connectivity lets AWS connect another VPC to a cluster that is replicated, by
// PrivateLink. MSK refuses this at a cluster's creation and takes it as an update,
// of one setting in a call and never of one that is as it was (UpdateConnectivity).
// Public access is therefore not named: disabled is what a cluster is made with.
func connectivity(props Props) any {
	if !replicated(props) {
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

// letReplicatorIn lets MSK's own service connect to the cluster from the other
// region ("Prepare source and target clusters" in the MSK developer guide). What
// it may read is the replicator's role's matter.
func letReplicatorIn(scope constructs.Construct, cluster awsmsk.CfnCluster) {
	awsmsk.NewCfnClusterPolicy(scope, new("ReplicatorPolicy"), &awsmsk.CfnClusterPolicyProps{
		ClusterArn: cluster.AttrArn(),
		Policy: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:        new("Replicator"),
				Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("kafka.amazonaws.com"), nil)},
				Actions:    jsii.Strings("kafka:CreateVpcConnection", "kafka:GetBootstrapBrokers", "kafka:DescribeClusterV2"),
				Resources:  &[]*string{cluster.AttrArn()},
			}),
		}}),
	})
}

// ReplicatorProps describe the copying of events into a cluster.
type ReplicatorProps struct {
	Env config.Environment
	// Target is the second region's cluster, in Vpc.
	Target Cluster
	Vpc    awsec2.IVpc
	// LogKey encrypts the log group; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// NewReplicator makes the MSK Replicator, which runs in the region of its target
// and reads the source that config.Site.KafkaSource names. It makes nothing before
// the last phase of the rollout.
func NewReplicator(scope constructs.Construct, props ReplicatorProps) {
	env := props.Env
	if env.Replication() != config.ReplicationRunning {
		return
	}
	own := constructs.NewConstruct(scope, new("Replicator"))
	group := awsec2.NewSecurityGroup(own, new("SecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              props.Vpc,
		Description:      new("The MSK Replicator, where it writes"),
		AllowAllOutbound: new(false),
	})
	group.Connections().AllowTo(props.Target.SecurityGroup, awsec2.Port_Tcp(jsii.Number(config.KafkaIAMPort)),
		new("The replicator writes events as an IAM principal"))
	logs := logging.NewGroup(own, "Logs", logging.Props{RetentionDays: env.Messaging.LogRetentionDays, Key: props.LogKey})
	delivery := logging.AllowDelivery(own, logs, "", "*")
	role, policy := replicatorRole(own, props)
	replicator := awsmsk.NewCfnReplicator(own, new("Events"), &awsmsk.CfnReplicatorProps{
		ReplicatorName:          new(env.Names().ReplicatorName()),
		Description:             new("Copies the wallet's events to the second region"),
		ServiceExecutionRoleArn: role.RoleArn(),
		KafkaClusters: &[]any{
			// MSK reaches the source by its own connection: no security group there.
			kafkaCluster(env.Site.KafkaSource.ARN, env.Site.KafkaSource.Subnets, nil),
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
	replicator.Node().AddDependency(group, policy, delivery, props.Target.Ready)
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
	env := props.Env
	var topics []*string
	for _, topic := range env.Messaging.Topics {
		topics = append(topics, new(topic.Name))
	}
	return &awsmsk.CfnReplicator_ReplicationInfoProperty{
		SourceKafkaClusterArn: new(env.Site.KafkaSource.ARN),
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
		AssumedBy:   awsiam.NewServicePrincipal(new("kafka.amazonaws.com"), nil),
	})
	statement := func(sid string, resources []string, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: new(sid), Actions: jsii.Strings(actions...), Resources: texts(resources),
		})
	}
	source, target := props.Env.Site.KafkaSource.ARN, props.Target.Arn
	policy := awsiam.NewManagedPolicy(own, new("Policy"), &awsiam.ManagedPolicyProps{
		Roles: &[]awsiam.IRole{role},
		Statements: &[]awsiam.PolicyStatement{
			statement("Clusters", []string{source, target}, "kafka-cluster:Connect", "kafka-cluster:DescribeCluster",
				"kafka-cluster:AlterCluster", "kafka-cluster:WriteDataIdempotently", "kafka-cluster:DescribeClusterDynamicConfiguration"),
			statement("Read", inside(props.Env.Primary, props.Env, "topic", ""), "kafka-cluster:DescribeTopic", "kafka-cluster:ReadData",
				"kafka-cluster:DescribeTopicDynamicConfiguration"),
			statement("State", append(inside(props.Env.Primary, props.Env, "topic", "__amazon_msk"), inside(props.Env.Secondary, props.Env, "topic", "__amazon_msk")...),
				"kafka-cluster:CreateTopic", "kafka-cluster:AlterTopic", "kafka-cluster:WriteData", "kafka-cluster:ReadData", "kafka-cluster:DescribeTopic",
				"kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:AlterTopicDynamicConfiguration"),
			statement("Write", inside(props.Env.Secondary, props.Env, "topic", ""), "kafka-cluster:DescribeTopic", "kafka-cluster:CreateTopic",
				"kafka-cluster:AlterTopic", "kafka-cluster:WriteData", "kafka-cluster:ReadData",
				"kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:AlterTopicDynamicConfiguration"),
			statement("Groups", append(inside(props.Env.Primary, props.Env, "group", ""), inside(props.Env.Secondary, props.Env, "group", "")...),
				"kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"),
		},
	})
	acknowledge.Finding(policy, "AwsSolutions-IAM5",
		"MSK puts an ID of its own between the cluster's name and the topic's; the environment's cluster of either region is named, and its topics are the wallet's alone")
	return role, policy
}

// inside are the topics or groups of a region's cluster whose names begin with a
// prefix. Between the cluster's name and theirs stands an ID that MSK chooses.
func inside(region config.Region, env config.Environment, kind, prefix string) []string {
	return []string{config.ARN("kafka", region.Name, env.Site.Account, kind+"/"+env.Names().KafkaClusterName()+"/*/"+prefix+"*")}
}

func texts(values []string) *[]*string { return jsii.Strings(values...) }
