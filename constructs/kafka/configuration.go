package kafka

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
)

// newConfiguration makes the brokers' server.properties. Its name is fixed for
// life and unique in the account, and so is a list of Kafka versions, which is
// therefore left open: an upgrade must not replace the configuration. It is
// retained, because MSK does not delete one that a cluster uses.
func newConfiguration(scope constructs.Construct, props Props) awsmsk.CfnConfiguration {
	configuration := awsmsk.NewCfnConfiguration(scope, new("Configuration"), &awsmsk.CfnConfigurationProps{
		Name:             new(props.Names.KafkaClusterName()),
		Description:      new("Server properties of " + props.Names.KafkaClusterName()),
		ServerProperties: new(serverProperties(props.Messaging, props.Protected)),
	})
	configuration.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	return configuration
}

// serverProperties are among those that MSK lets its customers set on Standard
// brokers, with ZooKeeper and with KRaft
// (docs.aws.amazon.com/msk/latest/developerguide/msk-configuration-properties.html).
func serverProperties(messaging config.Messaging, protected bool) string {
	replicas, inSync := messaging.ReplicationFactor, messaging.MinInSyncReplicas
	return strings.Join([]string{
		// A misspelt topic is an error, not a new topic with one partition.
		"auto.create.topics.enable=false",
		// Who has no ACL has no access. Brokers are super users on MSK, and IAM
		// principals are ruled by IAM.
		"allow.everyone.if.no.acl.found=false",
		// A topic of the protected environment is not deleted by one command.
		fmt.Sprintf("delete.topic.enable=%t", !protected),
		fmt.Sprintf("default.replication.factor=%d", replicas),
		fmt.Sprintf("min.insync.replicas=%d", inSync),
		// Rather no answer than one that has forgotten acknowledged transfers.
		"unclean.leader.election.enable=false",
		// For a topic made by hand without a number: a leader for every broker.
		fmt.Sprintf("num.partitions=%d", messaging.Brokers),
		// Kafka's own topics are as safe as ours; with more copies than brokers, no
		// consumer group and no transaction could start.
		fmt.Sprintf("offsets.topic.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.min.isr=%d", inSync),
	}, "\n") + "\n"
}
