// Package config holds everything that may differ between two deployments of
// the wallet platform, as plain Go values.
//
// An [Environment] is one deployment: the files staging.go and production.go
// give each number once, with its reason. [Environment.Validate] refuses what
// AWS would refuse, before anything is synthesized; names.go holds each
// physical name that must be known outside the stack which owns it. The package
// imports no CDK, so tools and tests can read it without starting Node.
package config

import (
	"fmt"
	"strings"
	"time"
)

// Environment is one deployment of the whole platform in one AWS account.
type Environment struct {
	// Name is lower-case, such as "production". It names the stacks and, through
	// names.go, everything else that needs a name.
	Name string
	// Site is what a fork fills in before its first deployment.
	Site Site
	// Tags are set on every resource that takes tags.
	Tags Tags
	// Primary is where the wallet runs; Secondary is where its copies go.
	Primary, Secondary Region
	// Protected turns on termination protection of the stacks and deletion
	// protection of the load balancer, the database and the user-facing log data.
	Protected bool

	Network       Network
	Database      Database
	Cache         Cache
	Messaging     Messaging
	Storage       Storage
	Backup        Backup
	Registry      Registry
	Service       Service
	Delivery      Delivery
	Edge          Edge
	Observability Observability
	DR            DR
	Pipeline      Pipeline
}

// Site is what a fork of this repository must fill in: nothing here has a
// default that is right for somebody else.
type Site struct {
	// Account is the twelve-digit AWS account that holds the environment.
	Account string
	// APIDomain is the public host name of the wallet API.
	APIDomain string
	// StaticDomain is the public host name of the static content.
	StaticDomain string
	// HostedZone is the public Route 53 zone that holds both host names.
	HostedZone HostedZone
	// Alerts are the e-mail addresses that alarms reach.
	Alerts Alerts
	// ImageTag is the tag of the service's image and of the migrations' in ECR. Both
	// must be there before Compute is deployed: the stack Registry, which holds the
	// repositories, comes first. The context key imageTag overrides it.
	ImageTag string
	// Grafana says who signs in to the Grafana workspace.
	Grafana GrafanaIdentity
	// GitHub says whose workflows may act in the account.
	GitHub GitHub
	// KafkaSource is the cluster that the MSK Replicator reads. AWS chooses its
	// names, and the second region must not ask the first for them: they are written
	// down here once the cluster exists, for every phase after [ReplicationNone].
	KafkaSource KafkaSource
	// RecoveryApprovers are the ARNs of the roles, such as those of IAM Identity
	// Center, that may take on the role by which a failover is approved. Empty lets
	// every principal of the account that IAM allows to.
	RecoveryApprovers []string
}

// KafkaSource is what the Messaging stack puts out about its cluster.
type KafkaSource struct {
	// ARN is the output KafkaClusterArn, and Subnets are those of KafkaSubnets.
	ARN     string
	Subnets []string
}

// NoImage is the image tag of no release.
const NoImage = "none"

// HostedZone names an existing public Route 53 hosted zone.
type HostedZone struct {
	ID   string // such as "Z0123456789EXAMPLE00"
	Name string // such as "example.com"
}

// Alerts are the subscribers of the two severities.
type Alerts struct {
	Critical []string // e-mail addresses that wake somebody
	Warning  []string // e-mail addresses that are read in working hours
}

// GrafanaIdentity says how people sign in to Grafana.
type GrafanaIdentity struct {
	// Provider is "AWS_SSO" (IAM Identity Center, which the account's
	// organization must have) or "SAML".
	Provider string
	// SAMLMetadataURL is the identity provider's metadata document. Only for SAML.
	SAMLMetadataURL string
	// SAMLAdminRoles are the values of the role attribute that make an
	// administrator. Only for SAML.
	SAMLAdminRoles []string
}

// GitHub says which repositories the account trusts, and what their workflows
// may do there is decided by constructs/identity.
type GitHub struct {
	// Platform is the repository of this program: it deploys, and pushes the
	// images that change the schema.
	Platform Repository
	// Service is the repository of the wallet service, which pushes its images.
	// It may be the same one.
	Service Repository
	// Branch is the protected branch of both, such as "main": nothing else deploys
	// or pushes an image.
	Branch string
	// SharedProvider says that the account has GitHub as an identity provider
	// already, made by somebody else. An account can have one only, and the
	// platform makes it otherwise.
	SharedProvider bool
}

// Repository is a repository on github.com with the numbers that GitHub never
// gives to another one. Whoever takes over a name that was given up has other
// numbers, and is not trusted.
type Repository struct {
	Owner   string // the organization or user, such as "example"
	OwnerID int    // its number: `gh api repos/OWNER/NAME --jq .owner.id`
	Name    string // without its owner, such as "wallet-infra"
	ID      int    // its number: `gh api repos/OWNER/NAME --jq .id`
}

// Pipeline is what the workflows may do in the account, and for how long.
type Pipeline struct {
	// DeploySession is how long a deployment may act on one sign-in, 1 to 12 hours.
	DeploySession time.Duration
}

// Tags are the cost and ownership tags of an environment.
type Tags struct {
	Owner      string // the team that answers for the resources
	CostCentre string // where finance books them
	DataClass  string // the highest class of data in the environment: "restricted" or "synthetic"
}

// Region is an AWS region with the zones that the platform uses there, written
// down because a lookup can answer differently tomorrow and stacks without an
// environment silently get two.
type Region struct {
	Name  string   // such as "sa-east-1"
	Zones []string // full zone names, in the order of the network's CIDR lists
}

// Network is one VPC in three tiers. The lists hold one CIDR for each zone of
// the region, in its order.
type Network struct {
	CIDR     string   // the VPC's IPv4 block
	Public   []string // load balancer and NAT gateways
	Private  []string // tasks and functions: out through NAT, not in
	Database []string // Aurora, the cache and the brokers: no route to the internet
	// NATGateways is 1 (cheap, one zone's failure cuts outbound traffic) or the
	// number of zones.
	NATGateways int
	// InterfaceEndpoints are AWS services reached without the internet, by the
	// last part of their endpoint name, such as "secretsmanager" or "ecr.api".
	InterfaceEndpoints []string
	// FlowLogRetentionDays is how long traffic metadata stays in CloudWatch Logs.
	FlowLogRetentionDays int
}

// Database is the Aurora MySQL cluster.
type Database struct {
	// EngineVersion is the Aurora MySQL version, such as "3.10.4".
	EngineVersion string
	// InstanceType is the class of the writer and of every reader, without "db.".
	InstanceType string
	// Readers is the fixed number of readers beside the one writer. They take over
	// when it is lost, and serve queries once the service routes them there.
	Readers int
	// MaxReaders is the bound of reader autoscaling, the fixed readers included.
	MaxReaders int
	// ReaderCPUTargetPercent is the average reader CPU that autoscaling holds.
	ReaderCPUTargetPercent int
	// Storage is [StorageStandard] or [StorageIOOptimized].
	Storage StorageType
	// MaxConnections is the server's limit per instance.
	MaxConnections int
	// BackupRetentionDays is the window of point-in-time recovery, 1 to 35.
	BackupRetentionDays int
	// BackupWindow and MaintenanceWindow are in UTC, "03:00-04:00" and
	// "sun:04:00-sun:05:00".
	BackupWindow, MaintenanceWindow string
	// Insights is the mode of CloudWatch Database Insights.
	Insights DatabaseInsights
	// LogRetentionDays is for the audit, error and slow query logs, and for the
	// functions that make and rotate the users.
	LogRetentionDays int
	// MonitoringInterval is how often Enhanced Monitoring reads the operating
	// system: 1, 5, 10, 15, 30 or 60 seconds.
	MonitoringInterval time.Duration
	// SlowQuery is the duration from which a statement is logged as slow.
	SlowQuery time.Duration
	// AdminRotation and AppRotation are when the two users' passwords are replaced:
	// at different times, because the application's rotation logs in as the
	// administrator.
	AdminRotation, AppRotation RotationWindow
}

// RotationWindow is a time in every month, on a Tuesday: a deployment follows the
// application's rotation, and somebody should be there.
type RotationWindow struct {
	Week  int // of the month, 1 to 4
	Hour  int // in which it opens, UTC
	Hours int // that it is open, to the end of the day at most
}

// Expression is the window's beginning in the words of Secrets Manager ("Schedule
// expressions in Secrets Manager rotation").
func (w RotationWindow) Expression() string {
	return fmt.Sprintf("cron(0 %d ? * TUE#%d *)", w.Hour, w.Week)
}

// Duration is the window's length in its words.
func (w RotationWindow) Duration() string { return fmt.Sprintf("%dh", w.Hours) }

// overlaps tells whether both can rotate at the same time.
func (w RotationWindow) overlaps(other RotationWindow) bool {
	return w.Week == other.Week && w.Hour < other.Hour+other.Hours && other.Hour < w.Hour+w.Hours
}

// MemoryMiB is the memory of the writer and of every reader.
func (d Database) MemoryMiB() int { return databaseMemoryMiB(d.InstanceType) }

// StorageType is an Aurora storage configuration.
type StorageType string

// The storage configurations of Aurora MySQL.
const (
	StorageStandard    StorageType = "aurora"       // I/O is paid for each request
	StorageIOOptimized StorageType = "aurora-iopt1" // I/O is included, instances and storage cost more
)

// DatabaseInsights is a mode of CloudWatch Database Insights.
type DatabaseInsights string

// The modes of Database Insights. Advanced keeps 15 months, standard seven days.
const (
	InsightsStandard DatabaseInsights = "standard"
	InsightsAdvanced DatabaseInsights = "advanced"
)

// RetentionDays is how long Performance Insights data is kept in the mode, in
// days: AWS couples the two and refuses other pairs.
func (d DatabaseInsights) RetentionDays() int {
	if d == InsightsAdvanced {
		return 465
	}
	return 7
}

// Cache is the ElastiCache replication group.
type Cache struct {
	Engine        string // "redis" or "valkey"
	EngineVersion string // such as "7.1"
	NodeType      string // such as "cache.r6g.large"
	// ClusterMode lets shards be added without downtime; a single node can have it too.
	ClusterMode bool
	Shards      int // primaries; 1 without cluster mode
	Replicas    int // for each shard; 0 means a single node without failover
	// SnapshotRetentionDays is how long a daily snapshot stays; 0 turns them off.
	SnapshotRetentionDays int
	// SnapshotWindow and MaintenanceWindow are in UTC.
	SnapshotWindow, MaintenanceWindow string
	// LogRetentionDays is for the slow log and the engine log.
	LogRetentionDays int
}

// Nodes is the number of nodes in all.
func (c Cache) Nodes() int { return c.Shards * (1 + c.Replicas) }

// ParameterFamily is the family of parameter groups of the engine's version,
// such as "redis7".
func (c Cache) ParameterFamily() string {
	major, _, _ := strings.Cut(c.EngineVersion, ".")
	return c.Engine + major
}

// Failover says whether another node can take over.
func (c Cache) Failover() bool { return c.Replicas > 0 }

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

// Replication is a phase in the rollout of the MSK Replicator, which cannot be
// made in one deployment: a cluster gets its multi-VPC connectivity only after it
// exists, and the replicator refuses a source without it.
type Replication string

// The phases, in their order.
const (
	ReplicationNone     Replication = "none"     // the source is as MSK makes it: the only phase of a new cluster
	ReplicationPrepared Replication = "prepared" // the source lets a replicator in: multi-VPC connectivity and a cluster policy; needs [Site.KafkaSource]
	ReplicationRunning  Replication = "running"  // the replicator copies; needs a source on which the phase before is deployed
)

// Replication is the phase of a deployment: none without a second cluster,
// whatever the configuration says.
func (e Environment) Replication() Replication {
	if e.DR.Mode != DRStandby {
		return ReplicationNone
	}
	return e.Messaging.Replication
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

// Storage is the S3 buckets' life cycle.
type Storage struct {
	// BackupRetentionDays is how long an exported backup stays.
	BackupRetentionDays int
	// BackupColdAfterDays moves an exported backup to Glacier Instant Retrieval.
	BackupColdAfterDays int
	// LogRetentionDays is how long access logs and archived broker logs stay.
	LogRetentionDays int
	// NoncurrentDays is how long a replaced or deleted version can be brought back.
	NoncurrentDays int
	// IncompleteUploadDays is when the parts of an upload that never ended go.
	IncompleteUploadDays int
}

// Backup is the AWS Backup plan.
type Backup struct {
	// RetentionDays is how long a daily recovery point stays in its vault.
	RetentionDays int
	// StartHourUTC is the hour of the daily backup.
	StartHourUTC int
	// StartWindow is how late the backup may begin, at least an hour; CompletionWindow
	// is how long it and its copy may take.
	StartWindow, CompletionWindow time.Duration
	// LockMinDays and LockMaxDays bound what anyone can set as a recovery point's
	// retention in the vault.
	LockMinDays, LockMaxDays int
	// LockGraceDays is the time in which the lock can still be taken back; after
	// it not even the root user can. 0 leaves the lock in governance mode, which
	// an administrator can remove.
	LockGraceDays int
	// ExportDay is the day of the month, 1 to 28, on which the database is exported to
	// the bucket of backups, which keeps it for Storage.BackupRetentionDays.
	ExportDay int
	// RestoreTestDays is the longest time between two restores of a recovery
	// point, which prove that it can be; 1 to 31.
	RestoreTestDays int
	// RestoreTestHold is how long a restored cluster stays for inspection before
	// AWS Backup deletes it: 1 to 168 whole hours.
	RestoreTestHold time.Duration
}

// RestoreTestHourUTC is the hour at which a restore test starts: when the day's
// backup has ended even at its latest.
func (b Backup) RestoreTestHourUTC() int {
	return (b.StartHourUTC + int((b.StartWindow + b.CompletionWindow).Hours())) % 24
}

// Registry is how long images stay in ECR.
type Registry struct {
	// UntaggedDays is how long an image without a tag stays: what an interrupted
	// push leaves behind.
	UntaggedDays int
}

// Service is the wallet service on Fargate.
type Service struct {
	CPU          int    // units of 1/1024 vCPU for the whole task
	MemoryMiB    int    // of the whole task
	Architecture string // "X86_64" or "ARM64", which the image must be built for
	MinTasks     int
	MaxTasks     int
	// CPUTargetPercent, MemoryTargetPercent and RequestsPerTaskPerMinute are what
	// autoscaling holds; whichever asks for more tasks wins.
	CPUTargetPercent, MemoryTargetPercent, RequestsPerTaskPerMinute int
	// ScaleOutCooldown and ScaleInCooldown are how long autoscaling waits after it
	// added or removed tasks before it does so again.
	ScaleOutCooldown, ScaleInCooldown time.Duration
	// DatabasePoolSize is the number of connections in a task's default pool, which
	// does all the work; the others have [NamedPoolSize].
	DatabasePoolSize int
	// HeapPercent is the share of the application's memory that the JVM may use as
	// heap; the rest is for class data, thread stacks and network buffers.
	HeapPercent int
	// StartupGrace is how long a new task may fail health checks while its JVM
	// starts.
	StartupGrace time.Duration
	// StopTimeout is how long a task may drain after SIGTERM before it is killed:
	// at most 120 s on Fargate.
	StopTimeout time.Duration
	// Exec allows `aws ecs execute-command` into a running task.
	Exec bool
	// TraceSampleRatio is the share of requests that are traced, 0 to 1.
	TraceSampleRatio float64
	// CollectorImage is where the OpenTelemetry collector is copied from, by its digest.
	// Tasks pull the copy: see [Environment.CollectorRepository].
	CollectorImage string
	// CollectorCPU and CollectorMemoryMiB are taken from the task for the collector.
	CollectorCPU, CollectorMemoryMiB int
	LogRetentionDays                 int
}

// CollectorDigest is the digest by which tasks pull the collector, as in "sha256:…".
func (s Service) CollectorDigest() string {
	_, digest, _ := strings.Cut(s.CollectorImage, "@")
	return digest
}

// AppMemoryMiB is what the collector leaves to the application.
func (s Service) AppMemoryMiB() int { return s.MemoryMiB - s.CollectorMemoryMiB }

// AppCPU is what the collector leaves to the application, in units of 1/1024 vCPU.
func (s Service) AppCPU() int { return s.CPU - s.CollectorCPU }

// DatabaseConnections is the most that the service can open at once: every pool
// of every task full, and twice the tasks while a deployment replaces them. The
// migration has ended before the second half starts, but a deployment that is
// repeated can meet it.
func (s Service) DatabaseConnections() int {
	return 2*s.MaxTasks*(s.DatabasePoolSize+NamedPools*NamedPoolSize) + MigrationConnections
}

// Edge is what stands between the internet and the service.
type Edge struct {
	// PublicPaths are the load balancer path patterns that reach the service from
	// the internet. Everything else is answered with 404.
	PublicPaths []string
	// Firewall is what the web ACLs let pass.
	Firewall Firewall
	// Desync is what happens to requests that two servers could read in two ways.
	Desync DesyncMode
	// DeregistrationDelay is how long a leaving task may finish its requests.
	DeregistrationDelay time.Duration
	// SlowStart is the time over which a new task's share of the requests grows to
	// its full size, 30 to 900 s. It helps tasks that autoscaling adds; those of a
	// new release come into an empty target group, where no task starts slowly.
	SlowStart time.Duration
	// Health is how the load balancer asks a task whether it is ready.
	Health HealthCheck
	// IdleTimeout closes a silent connection.
	IdleTimeout time.Duration
	// LogRetentionDays is for the logs of the web ACLs and of the distribution.
	LogRetentionDays int
	// PriceClass bounds the CloudFront locations that serve static content.
	PriceClass string
}

// HealthCheck is how often a target is asked and what its answers mean.
type HealthCheck struct {
	Interval, Timeout time.Duration
	// Healthy and Unhealthy are the answers in a row that change the verdict.
	Healthy, Unhealthy int
}

// Observability is alarms, dashboards, metrics and traces.
type Observability struct {
	// LatencyTarget is the P95 that the wallet promises its users, and
	// TailLatencyTarget the P99.
	LatencyTarget, TailLatencyTarget time.Duration
	// ErrorRatePercent is the share of 5xx answers that the wallet promises to
	// stay under.
	ErrorRatePercent float64
	// WAFBlocksPerMinute is the number of blocked requests in a minute that is an
	// attack, or a rule that blocks customers.
	WAFBlocksPerMinute int
	// ConsumerLagRecords is the sum of a consumer group's lag at which events are
	// late.
	ConsumerLagRecords int
	// MetricRetentionDays is how long Managed Prometheus keeps a series.
	MetricRetentionDays int
	// ScrapeInterval is how often Prometheus reads /metrics.
	ScrapeInterval time.Duration
	// GrafanaVersion is the workspace's version, such as "10.4": one of those that
	// `aws grafana list-versions` shows in the second region, which a deployment checks.
	// AWS never takes a workspace back to an older one.
	GrafanaVersion string
	// LogRetentionDays is for the logs of Prometheus and its collector.
	LogRetentionDays int
	// Limits are the thresholds that no other part of the configuration implies.
	Limits Limits
}

// Limits are thresholds of alarms: the values from which a person should look.
type Limits struct {
	// DatabaseCPUPercent is the writer's and the readers' load.
	DatabaseCPUPercent int
	// ConnectionsPercent is the share of Database.MaxConnections in use.
	ConnectionsPercent int
	// ReplicaLag is how far a reader, of Aurora or of the cache, may be behind.
	ReplicaLag time.Duration
	// DeadlocksPerMinute is on the writer.
	DeadlocksPerMinute int
	// FreeMemoryPercent is the share of its memory that an Aurora instance should have
	// left.
	FreeMemoryPercent int
	// CacheCPUPercent is of the one core that runs commands, CacheMemoryPercent of
	// a node's memory.
	CacheCPUPercent, CacheMemoryPercent int
	// EvictionsPerMinute is the number of entries that a cache node may drop early.
	EvictionsPerMinute int
	// KafkaDiskPercent is a broker's disk use: above Messaging.VolumeTargetPercent,
	// at which storage grows by itself.
	KafkaDiskPercent int
	// CertificateDays is the remaining life of a certificate. ACM starts to renew
	// 60 days before the end.
	CertificateDays int
}

// DR is the second region.
type DR struct {
	Mode DRMode
	// AllowDataOutsideBrazil is the residency switch: while it is false, nothing
	// that holds personal data may leave sa-east-1 and Mode must be [DRNone].
	AllowDataOutsideBrazil bool
	// Network is the second region's VPC. Only used in [DRStandby].
	Network Network
	// ClusterSuffix ends the secondary cluster's name, such as "-b". Another one
	// makes another cluster in its place, which is how the standby comes back after it
	// was detached (docs/DEPLOYMENT.md#another-minor-version). Empty at first.
	ClusterSuffix string
	// InstanceType is the class of the secondary cluster's reader, without "db.".
	// It must carry the whole load after a failover.
	InstanceType string
	// Readers is the number of instances of the secondary cluster.
	Readers int
	// ReplicationLag is the Aurora Global Database lag at which the recovery
	// point objective is in danger.
	ReplicationLag time.Duration
	// EventLag is the MSK Replicator's latency at which events would be lost that
	// the outbox must bring back.
	EventLag time.Duration
	// LagMinutes in a row above ReplicationLag or EventLag raise the alarm.
	LagMinutes int
	// MinTasks is how many tasks a region runs at least while it does not serve:
	// enough to prove each minute that it could. The most is [Service.MaxTasks].
	MinTasks int
	// ActiveRegion is the name of the region that answers customers. It decides
	// how many tasks each region keeps at least, what their load balancers ask
	// them, and which region's silence wakes somebody. It says nothing to the
	// databases, which know their writer, nor to DNS, which the plans move: after a
	// failover it is changed at leisure, or not at all before the way back.
	ActiveRegion string
	// Recovery is the promise and the budget of a failover.
	Recovery Recovery
}

// Active says whether the region answers customers, as far as the configuration
// knows.
func (e Environment) Active(region Region) bool {
	if e.DR.Mode != DRStandby {
		return region.Name == e.Primary.Name
	}
	return region.Name == e.DR.ActiveRegion
}

// MinTasks is how many tasks the service keeps at least in a region.
func (e Environment) MinTasks(region Region) int {
	if e.Active(region) {
		return e.Service.MinTasks
	}
	return e.DR.MinTasks
}

// DRMode is how much of the platform stands in the second region.
type DRMode string

// The modes of disaster recovery.
const (
	DRNone    DRMode = "none"    // nothing leaves the primary region
	DRBackup  DRMode = "backup"  // copies of backups: hours to recover
	DRStandby DRMode = "standby" // a replicated database and network: minutes to recover
)

// Copies says whether anything of the primary region is copied to the second.
func (m DRMode) Copies() bool { return m == DRBackup || m == DRStandby }

// SecondaryRegions is the number of secondary clusters of the global database.
func (m DRMode) SecondaryRegions() int {
	if m == DRStandby {
		return 1
	}
	return 0
}

// All is every environment of the platform. A new environment is a file like
// staging.go and a line here; `make update` and `make lock` then take its stacks
// into the generated files.
func All() []Environment {
	return []Environment{
		Staging(),
		Production(),
	}
}
