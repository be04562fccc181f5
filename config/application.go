package config

import "time"

// What the deployment must know of the application, read from its repository.

// NamedPools are the pools of database connections that a task declares beside the
// default one, which does all the work: Hibernate Reactive in Quarkus 3.8 knows no
// other (quarkusio/quarkus, pull request 35493 and issue 39049). They are "write" and
// "read", and answer health checks, for which [NamedPoolSize] is plenty.
const NamedPools = 2

// NamedPoolSize is the connections of each of them.
const NamedPoolSize = 2

// ReservedConnections of the database are not the service's: rotation, the function
// that makes users, RDS itself, and people who look into an incident.
const ReservedConnections = 200

// CachePoolSize is the number of connections of one task to the cache.
const CachePoolSize = 20

// AppUser is the user that the service's image runs as.
const AppUser = 185

// ReadyPath answers whether a task can take requests. The whole-service check,
// one level up, has been seen to fail while the service worked.
const ReadyPath = "/q/health/ready"

// LivePath answers whether the process runs, whatever it depends on.
const LivePath = "/q/health/live"

// HealthPath is what the load balancer of a region asks its tasks. Readiness wants
// a database that can be written to, which a region that does not serve has not
// got: its tasks would be replaced for ever. They are asked whether they live.
func (e Environment) HealthPath(region Region) string {
	if e.Active(region) {
		return ReadyPath
	}
	return LivePath
}

// walletHealth asks for readiness. The answer waits for the database (3 s at
// most), the cache and the broker, so the time limit is above that; and since a
// short loss of one of them makes every task unready at once, it takes nearly a
// minute of it before tasks are replaced.
func walletHealth() HealthCheck {
	return HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 5}
}

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
	TestPort       = 8443  // the load balancer's listener for a release that is tested
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

// MigrationUser is the user of the migrations' image: nobody, as in images that
// hold one static program.
const MigrationUser = 65532

// walletPaths are the path patterns of the public API. Management paths
// (/q/*, /metrics) are not among them.
func walletPaths() []string {
	return []string{"/api/v1/wallets", "/api/v1/wallets/*"}
}
