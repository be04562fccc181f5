package changes

// Documents of AWS on brokers.
const (
	mskConfig   = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-cluster-config.html"
	mskType     = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-broker-type.html"
	mskVersion  = "https://docs.aws.amazon.com/msk/latest/developerguide/version-upgrades.html"
	mskSecurity = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-security.html"
	mskRemoval  = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-remove-broker.html"
	mskStorage  = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-storage.html"
)

// messagingRules: Kafka, its topics and who may use them.
var messagingRules = map[string][]rule{
	"AWS::MSK::Cluster": {
		every("BrokerNodeGroupInfo/ConnectivityInfo", Interrupts, "the brokers restart, one after the other", reference+"aws-resource-msk-cluster.html"),
		row("BrokerNodeGroupInfo/ConnectivityInfo/PublicAccess/Type", does(Interrupts, "the brokers restart, one after the other", reference+"aws-resource-msk-cluster.html"),
			when("leaves DISABLED", leaves([]string{"", "DISABLED"}), Widens, "the brokers have public addresses")),
		every("BrokerNodeGroupInfo/InstanceType", Interrupts, "the brokers restart, one after the other", mskType),
		row("BrokerNodeGroupInfo/StorageInfo/EBSStorageInfo/VolumeSize", up(Safe, "the brokers get more storage while they run"),
			when("less", unless(larger), Refused, "storage of brokers only grows", mskStorage)),
		every("ClientAuthentication", Interrupts, "the brokers restart, and clients of a way that is turned off are turned away", mskSecurity),
		row("ClientAuthentication/Unauthenticated/Enabled", does(Interrupts, "the brokers restart, and clients of a way that is turned off are turned away", mskSecurity),
			when("leaves false", leaves([]string{"", "false"}), Widens, "clients need no credentials")),
		every("ConfigurationInfo", Interrupts, "the brokers restart with the other configuration, one after the other", mskConfig),
		row("EncryptionInfo/EncryptionInTransit/ClientBroker", does(Interrupts, "the brokers restart, and clients of a way that is turned off are turned away", mskSecurity),
			when("leaves TLS", leaves([]string{"", "TLS"}), Weakens, "connections may be unencrypted")),
		born("EncryptionInfo/EncryptionInTransit/InCluster", "|true", Weakens, "the brokers talk unencrypted"),
		every("EnhancedMonitoring", Weakens, "other metrics of the brokers"),
		every("KafkaVersion", Interrupts, "the brokers restart on the other version, one after the other", mskVersion),
		every("LoggingInfo", Weakens, "the brokers log elsewhere, or not at all"),
		must("LoggingInfo/BrokerLogs/CloudWatchLogs/Enabled", "true", Weakens, "the brokers do not log"),
		must("LoggingInfo/BrokerLogs/S3/Enabled", "true", Weakens, "the brokers' log is not kept"),
		row("NumberOfBrokerNodes", up(Safe, "a broker more holds nothing until partitions move"),
			when("less", unless(larger), Interrupts, "brokers are removed, and with them what is still on them", mskRemoval)),
	},
	"AWS::MSK::Configuration": brokerSettings,
	"AWS::MSK::Topic": {
		row("Configs/*", when("any", anyChange, Weakens, "the topic keeps or accepts other messages")),
		every("Configs/cleanup.policy", Weakens, "the topic forgets by other rules"),
		row("Configs/delete.retention.ms", longer, shorter(Weakens, "deletions are told for less time")),
		floor("Configs/min.insync.replicas", Weakens, "an acknowledged message may be on fewer brokers"),
		row("Configs/retention.bytes", longer, shorter(Weakens, "the topic forgets sooner")),
		row("Configs/retention.ms", longer, shorter(Weakens, "the topic forgets sooner")),
		row("PartitionCount", up(Interrupts, "keys go to other partitions, out of their order"),
			when("less", unless(larger), Refused, "Kafka takes no partition away")),
	},
	"AWS::MSK::BatchScramSecret": {
		list("SecretArnList", Widens, "others may log in to Kafka", Interrupts, "fewer may log in to Kafka"),
	},
}

// brokerSettings are those of server.properties. The clusters that follow the
// latest revision restart their brokers for any of them.
var brokerSettings = []rule{
	harmless("Description", "a text for readers"),
	brokers("ServerProperties/*"),
	brokers("ServerProperties/allow.everyone.if.no.acl.found", when("leaves false", leaves([]string{"false"}), Widens, "who has no rule may do everything")),
	brokers("ServerProperties/auto.create.topics.enable", when("leaves false", leaves([]string{"false"}), Widens, "clients make topics by naming them")),
	brokers("ServerProperties/default.replication.factor", lowers("topics are on fewer brokers")),
	brokers("ServerProperties/min.insync.replicas", lowers("an acknowledged message may be on fewer brokers")),
	brokers("ServerProperties/log.retention.bytes", lowers("topics forget sooner")),
	brokers("ServerProperties/log.retention.hours", lowers("topics forget sooner")),
	brokers("ServerProperties/log.retention.ms", lowers("topics forget sooner")),
	brokers("ServerProperties/offsets.retention.minutes", lowers("where consumers are is forgotten sooner")),
	brokers("ServerProperties/offsets.topic.replication.factor", lowers("where consumers are is on fewer brokers")),
	brokers("ServerProperties/transaction.state.log.min.isr", lowers("transactions may be on fewer brokers")),
	brokers("ServerProperties/transaction.state.log.replication.factor", lowers("transactions are on fewer brokers")),
	brokers("ServerProperties/unclean.leader.election.enable", when("leaves false", leaves([]string{"false"}), Weakens, "what was acknowledged may be lost with a broker")),
}

func brokers(path string, more ...outcome) rule {
	return row(path, append(more, does(Interrupts, "the clusters that follow its latest revision restart their brokers, one after the other", mskConfig))...)
}

func lowers(text string) outcome { return down(Weakens, text) }

// In Kafka -1 keeps for ever.
var longer = when("longer", keepsLonger, Safe, "messages are kept longer")

func shorter(verdict Verdict, text string) outcome {
	return when("shorter", unless(keepsLonger), verdict, text)
}
