package config

import "time"

// What the wallet application asks of every environment, wherever it runs.

const (
	// auroraLTS is the newest minor of the long-term support line 3.10.
	auroraLTS = "3.10.4"
	// collectorImage is AWS's distribution of the OpenTelemetry collector.
	collectorImage = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"
	// productionPartitions carries 15,000 events a second. A partition of an
	// m5.large broker with acks=all and three copies takes about 1,000 small
	// records a second with room to spare, so 15 would do; 24 divides evenly over
	// three brokers, leaves 60 % for growth (partitions of a keyed topic cannot be
	// added later without breaking the order of events within a wallet), and three
	// such topics with three copies are 216 replicas, 72 on each broker, far from
	// the 1,000 that AWS recommends as an m5.large's limit.
	productionPartitions = 24
	// stagingPartitions divides evenly over two brokers and is what developers run.
	stagingPartitions = 6
)

// The listening ports of the platform. They are the services' own defaults,
// which the application's configuration expects.
const (
	AppPort        = 8080  // the service's HTTP
	MySQLPort      = 3306  // Aurora
	CachePort      = 6379  // ElastiCache, TLS
	KafkaSCRAMPort = 9096  // MSK, SASL/SCRAM over TLS, inside the VPC
	KafkaIAMPort   = 9098  // MSK, IAM over TLS, inside the VPC
	KafkaJMXPort   = 11001 // MSK open monitoring: JMX exporter
	KafkaNodePort  = 11002 // MSK open monitoring: node exporter
	HTTPSPort      = 443
	HTTPPort       = 80
)

// KafkaUser is the wallet service's SASL/SCRAM user, and KafkaPrefix what its
// consumer groups and transactional IDs begin with: Quarkus names a group after
// the application, wallet-service.
const (
	KafkaUser   = "wallet-service"
	KafkaPrefix = "wallet-"
)

// DatabaseName is the schema that the wallet service uses.
const DatabaseName = "wallet"

// The two MySQL users. The administrator owns the schema and changes it in
// migrations; the application reads and writes rows, and rotation alternates it
// with a second user of the same rights, "wallet_app_clone".
const (
	DatabaseAdminUser = "wallet_admin" // at most 16 characters, by RDS
	DatabaseAppUser   = "wallet_app"   // at most 26, which leaves room for "_clone"
)

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

// walletPaths are the path patterns of the public API. Management paths
// (/q/*, /metrics) are not among them.
func walletPaths() []string {
	return []string{"/api/v1/wallets", "/api/v1/wallets/*"}
}

// walletLimits are the alarm thresholds that hold for every size of the
// platform. freeMemoryMiB is a tenth of an Aurora instance's memory, which is
// what Aurora leaves free after its buffer pool when nothing is wrong.
func walletLimits(freeMemoryMiB int) Limits {
	return Limits{
		// Above it a failover's reconnections no longer fit on the writer.
		DatabaseCPUPercent: 80,
		// Twenty tasks with 45 connections each hold 900 of production's 2,000: above
		// it something leaks, or readers are lost in the middle of a deployment.
		ConnectionsPercent: 80,
		// Both replicate in milliseconds; after a second users miss their own writes.
		ReplicaLag:         time.Second,
		DeadlocksPerMinute: 6, // one in ten seconds is a pattern, not an accident
		FreeMemoryMiB:      freeMemoryMiB,
		CacheCPUPercent:    80,
		CacheMemoryPercent: 80, // a snapshot's fork needs the rest
		EvictionsPerMinute: 100,
		KafkaDiskPercent:   85, // AWS's own advice for MSK
		CertificateDays:    30,
	}
}
