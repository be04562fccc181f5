package kafka

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// addTopics makes the topics through MSK's own API, which needs Kafka 3.6 or
// later and works on every broker type of Provisioned clusters
// (docs.aws.amazon.com/msk/latest/developerguide/msk-topic-operations-information.html).
// They are retained: a topic that leaves the template is still the wallet's
// history. More partitions are an update, and so are other settings, but MSK takes
// only one of the two in an update; a new number of copies replaces the topic.
func addTopics(scope constructs.Construct, cluster string, messaging config.Messaging) []constructs.IDependable {
	topics := constructs.NewConstruct(scope, new("Topics"))
	var made []constructs.IDependable
	for _, topic := range messaging.Topics {
		resource := awsmsk.NewCfnTopic(topics, new(topic.Name), &awsmsk.CfnTopicProps{
			ClusterArn:        new(cluster),
			TopicName:         new(topic.Name),
			PartitionCount:    jsii.Number(topic.Partitions),
			ReplicationFactor: jsii.Number(messaging.ReplicationFactor),
			Configs:           new(topicConfigs(topic, messaging.MinInSyncReplicas)),
		})
		resource.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
		made = append(made, resource)
	}
	return made
}

// topicConfigs are the topic's own settings as MSK wants them: Base64 of a JSON
// object of texts.
func topicConfigs(topic config.Topic, minInSync int) string {
	retention := strconv.FormatInt(int64(topic.Retention/time.Millisecond), 10)
	configs := map[string]string{
		"cleanup.policy":      topic.Cleanup,
		"retention.ms":        retention,
		"min.insync.replicas": strconv.Itoa(minInSync),
	}
	if topic.Cleanup == "compact" {
		// Compaction ignores retention.ms: it keeps the last record of a key for
		// ever and may drop the ones before it within seconds. The topic's days are
		// the time in which a consumer that was down still finds every record, and
		// every deletion.
		configs["min.compaction.lag.ms"] = retention
		configs["delete.retention.ms"] = retention
	}
	encoded, err := json.Marshal(configs) // sorted by key, so the template is stable
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	return base64.StdEncoding.EncodeToString(encoded)
}
