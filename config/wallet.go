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

// DatabaseName is the schema that the wallet service uses.
const DatabaseName = "wallet"

// DatabasePools is the number of connection pools in one task of the wallet
// service: default, write and read.
const DatabasePools = 3

// CachePoolSize is the number of connections of one task to the cache.
const CachePoolSize = 20

// AppUser is the user that the service's image runs as.
const AppUser = 185

// ReadyPath answers whether a task can take requests. The whole-service check,
// one level up, has been seen to fail while the service worked.
const ReadyPath = "/q/health/ready"

// walletHealth asks for readiness. The answer waits for the database (3 s at
// most), the cache and the broker, so the time limit is above that; and since a
// short loss of one of them makes every task unready at once, it takes nearly a
// minute of it before tasks are replaced.
func walletHealth() HealthCheck {
	return HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 5}
}

// walletTopics are the topics of the wallet service, with its own cleanup
// policies and retentions.
func walletTopics(partitions int) []Topic {
	const day = 24 * time.Hour
	return []Topic{
		{Name: "wallet-events", Partitions: partitions, Cleanup: "compact", Retention: 7 * day},
		{Name: "wallet-commands", Partitions: partitions, Cleanup: "delete", Retention: day},
		{Name: "wallet-snapshots", Partitions: partitions, Cleanup: "compact", Retention: 7 * day},
	}
}

// walletPaths are the path patterns of the public API. Management paths
// (/q/*, /metrics) are not among them.
func walletPaths() []string {
	return []string{"/api/v1/wallets", "/api/v1/wallets/*"}
}
