package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Messaging is the MSK cluster and its topics.
type Messaging struct {
	KafkaVersion string // such as "3.9.x.kraft"; the metadata mode can never change on a cluster
	BrokerType   string // such as "kafka.m5.large"
	// Brokers is the number of brokers in all: a multiple of Zones.
	Brokers int
	// Zones is how many zones of the region hold brokers: 2 or 3.
	Zones int
	// VolumeGiB is each broker's volume at creation, MaxVolumeGiB the bound of
	// its autoscaling. AWS never shrinks a volume.
	VolumeGiB, MaxVolumeGiB int
	// VolumeTargetPercent is the disk use at which autoscaling adds storage.
	VolumeTargetPercent int
	// ReplicationFactor and MinInSyncReplicas hold for every topic: with
	// acks=all a write is safe when MinInSyncReplicas brokers have it.
	ReplicationFactor, MinInSyncReplicas int
	// Topics are created and configured as code; none appears by itself.
	Topics []Topic
	// LogRetentionDays is for the broker logs in CloudWatch Logs.
	LogRetentionDays int
	// Replication is how far the copy of the events into the second region is
	// rolled out; read it by [Environment.Replication].
	Replication Replication
}

// Topic is one Kafka topic.
type Topic struct {
	Name       string
	Partitions int
	Cleanup    string // "compact" or "delete"
	// Retention is how long a record stays; in a compacted topic, how long every
	// record stays before only the last one of its key is kept.
	Retention time.Duration
}

// walletTopics are the topics of the wallet service, with its own retentions and,
// but for one, its own cleanup policies: developers' topics.json compacts
// wallet-events, yet the service publishes its events without a key
// (OutboxPublisher), and Kafka refuses a record without a key in a compacted
// topic. A history that keeps one event of each wallet would be none, either.
func walletTopics(partitions int) []Topic {
	const day = 24 * time.Hour
	return []Topic{
		{Name: "wallet-events", Partitions: partitions, Cleanup: "delete", Retention: 7 * day},
		{Name: "wallet-commands", Partitions: partitions, Cleanup: "delete", Retention: day},
		{Name: "wallet-snapshots", Partitions: partitions, Cleanup: "compact", Retention: 7 * day},
	}
}

// KafkaUser is the wallet service's SASL/SCRAM user, and KafkaPrefix what its
// consumer groups and transactional IDs begin with: Quarkus names a group after
// the application, wallet-service.
const (
	KafkaUser   = "wallet-service"
	KafkaPrefix = "wallet-"
)

// kafkaVersions are the versions with which MSK still creates clusters. Those
// with ".kraft" keep their metadata in Kafka itself, the others in ZooKeeper,
// which Kafka 4 no longer knows.
var kafkaVersions = []string{"3.8.x", "3.8.x.kraft", "3.9.x", "3.9.x.kraft", "4.0.x.kraft", "4.1.x.kraft"}

// replicasPerBroker is how many partition replicas AWS recommends at most for a
// broker of a size ("Amazon MSK Standard broker best practices"); a cluster above
// it cannot be patched, and MSK refuses to change its configuration.
var replicasPerBroker = map[string]int{"small": 300, "large": 1000, "xlarge": 1000, "2xlarge": 2000}

// replicasPerLargeBroker is the same for every size from 4xlarge on.
const replicasPerLargeBroker = 4000

// Kafka's own rule for a topic's name.
var topicPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func validateMessaging(p *problems, m Messaging, region Region) {
	oneOf(p, "Messaging.KafkaVersion", m.KafkaVersion, kafkaVersions...)
	if offer, known := offers[region.Name]; known {
		broker, prefixed := strings.CutPrefix(m.BrokerType, "kafka.")
		p.check(prefixed && offered(offer.brokers, broker), "Messaging.BrokerType", m.BrokerType,
			"a broker type offered in %s, with \"kafka.\" (families %s)", region.Name, familyNames(offer.brokers))
	}
	kraft := strings.HasSuffix(m.KafkaVersion, ".kraft")
	p.check(!kraft || m.BrokerType != "kafka.t3.small", "Messaging.KafkaVersion", m.KafkaVersion,
		"a version with ZooKeeper on kafka.t3.small, such as 3.9.x")
	validateBrokers(p, m, region)
	validateVolumes(p, m)
	validateTopics(p, m)
	p.logRetention("Messaging.LogRetentionDays", m.LogRetentionDays)
}

// validateBrokers holds MSK's arithmetic: the same number of brokers in each of
// two or three zones.
func validateBrokers(p *problems, m Messaging, region Region) {
	p.check(m.Zones == 2 || m.Zones == 3, "Messaging.Zones", m.Zones, "2 or 3")
	p.check(m.Zones <= len(region.Zones), "Messaging.Zones", m.Zones, "at most the %d zones of %s", len(region.Zones), region.Name)
	zones := max(m.Zones, 1)
	p.check(m.Brokers >= zones && m.Brokers%zones == 0, "Messaging.Brokers", m.Brokers, "a multiple of Messaging.Zones, %d", m.Zones)
	// "Amazon MSK quota for Standard brokers", without a request.
	most := 30
	if strings.HasSuffix(m.KafkaVersion, ".kraft") {
		most = 60
	}
	p.check(m.Brokers <= most, "Messaging.Brokers", m.Brokers, "at most %d with Kafka %s", most, m.KafkaVersion)
	// MSK restarts one broker after the other when it patches them: with one copy,
	// or with every copy needed, each restart is an outage of its partitions.
	p.check(2 <= m.ReplicationFactor && m.ReplicationFactor <= m.Brokers, "Messaging.ReplicationFactor", m.ReplicationFactor,
		"at least 2 and at most Messaging.Brokers, %d", m.Brokers)
	p.check(1 <= m.MinInSyncReplicas && m.MinInSyncReplicas < m.ReplicationFactor, "Messaging.MinInSyncReplicas", m.MinInSyncReplicas,
		"at least 1 and less than Messaging.ReplicationFactor, %d", m.ReplicationFactor)
}

func validateVolumes(p *problems, m Messaging) {
	const most = 16384 // MSK's bound for a broker's volume
	between(p, "Messaging.VolumeGiB", m.VolumeGiB, 1, most)
	between(p, "Messaging.MaxVolumeGiB", m.MaxVolumeGiB, m.VolumeGiB, most)
	between(p, "Messaging.VolumeTargetPercent", m.VolumeTargetPercent, 10, 80)
}

// maxPartitions is above what any number of brokers carries, and bounds the sum.
const maxPartitions = 100_000

func validateTopics(p *problems, m Messaging) {
	p.check(len(m.Topics) > 0, "Messaging.Topics", len(m.Topics), "at least one topic: brokers make none by themselves")
	var names, metrics []string
	replicas := 0
	for i, topic := range m.Topics {
		field := fmt.Sprintf("Messaging.Topics[%d]", i)
		wellFormed := topicPattern.MatchString(topic.Name) && topic.Name != "." && topic.Name != ".." && !strings.HasPrefix(topic.Name, "__")
		p.check(wellFormed, field+".Name", topic.Name, "1 to 249 letters, digits, '.', '_' and '-', without Kafka's own prefix \"__\"")
		between(p, field+".Partitions", topic.Partitions, 1, maxPartitions)
		oneOf(p, field+".Cleanup", topic.Cleanup, "compact", "delete")
		p.seconds(field+".Retention", topic.Retention, time.Minute, maxDays*24*time.Hour)
		names = append(names, topic.Name)
		// Kafka names a topic's metrics with "_" for ".", and refuses the second of two
		// that would share theirs.
		metrics = append(metrics, strings.ReplaceAll(topic.Name, ".", "_"))
		replicas += min(topic.Partitions, maxPartitions+1) * m.ReplicationFactor
	}
	p.unique("Messaging.Topics", names)
	for i, name := range names {
		first := slices.Index(metrics, metrics[i])
		p.check(names[first] == name, "Messaging.Topics", name, "a name that differs from %q in more than \".\" and \"_\"", names[first])
	}
	if m.Brokers > 0 {
		onEach, most := (replicas+m.Brokers-1)/m.Brokers, brokerReplicas(m.BrokerType)
		p.check(onEach <= most, "Messaging.Topics", onEach, "at most %d partition replicas on each %s", most, m.BrokerType)
	}
}

// brokerReplicas is the bound for a broker type.
func brokerReplicas(brokerType string) int {
	parts := strings.Split(brokerType, ".")
	size := parts[len(parts)-1]
	if most, small := replicasPerBroker[size]; small {
		return most
	}
	return replicasPerLargeBroker
}
