package config

import (
	"strings"
	"time"
)

// The environments of the tests of validation. They are nobody's: a size that changes
// in production must not break a test that says something about validation. They are
// called as the committed ones are, and began as their copies.

// large is protected and has a standby.
func large() Environment {
	return Environment{
		Name: "production",
		Site: Site{
			Account:      "222222222222",
			APIDomain:    "api.wallet.example.com",
			StaticDomain: "static.wallet.example.com",
			HostedZone:   HostedZone{ID: "Z0987654321PRODUCTION", Name: "wallet.example.com"},
			Alerts: Alerts{
				Critical: []string{"wallet-oncall@example.com"},
				Warning:  []string{"wallet-team@example.com"},
			},
			ImageTag: "1.0.0",
			Grafana:  GrafanaIdentity{Provider: "AWS_SSO"},
			GitHub:   fixtureGitHub(),
		},
		Tags:          Tags{Owner: "wallet-platform", CostCentre: "payments", DataClass: "restricted"},
		Primary:       Region{Name: "sa-east-1", Zones: []string{"sa-east-1a", "sa-east-1b", "sa-east-1c"}},
		Secondary:     Region{Name: "us-east-1", Zones: []string{"us-east-1a", "us-east-1b", "us-east-1c"}},
		Protected:     true,
		Network:       largeNetwork(),
		Database:      largeDatabase(),
		Cache:         largeCache(),
		Messaging:     largeMessaging(),
		Storage:       largeStorage(),
		Backup:        largeBackup(),
		Registry:      largeRegistry(),
		Service:       largeService(),
		Delivery:      largeDelivery(),
		Edge:          largeEdge(),
		Observability: largeObservability(),
		DR:            largeDR(),
		Pipeline:      fixturePipeline(),
	}
}

func largeNetwork() Network {
	return Network{
		CIDR:                 "10.0.0.0/16",
		Public:               []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"},
		Private:              []string{"10.0.11.0/24", "10.0.12.0/24", "10.0.13.0/24"},
		Database:             []string{"10.0.21.0/24", "10.0.22.0/24", "10.0.23.0/24"},
		NATGateways:          3,
		InterfaceEndpoints:   largeEndpoints(),
		FlowLogRetentionDays: 365,
	}
}
func largeEndpoints() []string {
	return []string{"secretsmanager", "ecr.api", "ecr.dkr", "logs", "kms", "monitoring", "xray", "sts"}
}

func largeDatabase() Database {
	return Database{
		EngineVersion:          "3.10.4",
		InstanceType:           "r6g.2xlarge",
		Readers:                2,
		MaxReaders:             14,
		ReaderCPUTargetPercent: 60,
		Storage:                StorageStandard,
		MaxConnections:         2000,
		BackupRetentionDays:    35,
		BackupWindow:           "03:00-04:00",
		MaintenanceWindow:      "sun:04:00-sun:05:00",
		Insights:               InsightsAdvanced,
		LogRetentionDays:       365,
		MonitoringInterval:     time.Minute,
		SlowQuery:              500 * time.Millisecond,
		AdminRotation:          RotationWindow{Week: 2, Hour: 9, Hours: 1},
		AppRotation:            RotationWindow{Week: 4, Hour: 9, Hours: 1},
	}
}

func largeCache() Cache {
	return Cache{
		Engine:                "redis",
		EngineVersion:         "7.1",
		NodeType:              "cache.r6g.large",
		ClusterMode:           true,
		Shards:                1,
		Replicas:              2,
		SnapshotRetentionDays: 7,
		SnapshotWindow:        "02:00-03:00",
		MaintenanceWindow:     "sun:05:00-sun:06:00",
		LogRetentionDays:      90,
	}
}

const largePartitions = 24

func largeMessaging() Messaging {
	return Messaging{
		KafkaVersion:        "3.9.x.kraft",
		BrokerType:          "kafka.m5.large",
		Brokers:             3,
		Zones:               3,
		VolumeGiB:           500,
		MaxVolumeGiB:        2000,
		VolumeTargetPercent: 60,
		ReplicationFactor:   3,
		MinInSyncReplicas:   2,
		Topics:              walletTopics(largePartitions),
		LogRetentionDays:    90,
		Replication:         ReplicationNone,
	}
}

func largeStorage() Storage {
	return Storage{
		BackupRetentionDays:  365,
		BackupColdAfterDays:  30,
		LogRetentionDays:     365,
		NoncurrentDays:       90,
		IncompleteUploadDays: 7,
	}
}

func largeBackup() Backup {
	return Backup{
		RetentionDays:    35,
		StartHourUTC:     5,
		StartWindow:      time.Hour,
		CompletionWindow: 4 * time.Hour,
		LockMinDays:      7,
		LockMaxDays:      365,
		LockGraceDays:    3,
		RestoreTestDays:  7,
		ExportDay:        1,
		RestoreTestHold:  2 * time.Hour,
	}
}

func largeRegistry() Registry {
	return Registry{
		UntaggedDays: 7,
	}
}

func largeService() Service {
	return Service{
		CPU:                      4096,
		MemoryMiB:                8192,
		Architecture:             "X86_64",
		MinTasks:                 6,
		MaxTasks:                 20,
		CPUTargetPercent:         70,
		MemoryTargetPercent:      80,
		RequestsPerTaskPerMinute: 36000,
		ScaleOutCooldown:         time.Minute,
		ScaleInCooldown:          5 * time.Minute,
		DatabasePoolSize:         40,
		HeapPercent:              70,
		StartupGrace:             120 * time.Second,
		StopTimeout:              90 * time.Second,
		Exec:                     false,
		TraceSampleRatio:         0.05,
		CollectorImage:           "registry.example.com/collector:v1@sha256:" + strings.Repeat("0", 64),
		CollectorCPU:             256,
		CollectorMemoryMiB:       512,
		LogRetentionDays:         90,
	}
}

func largeDelivery() Delivery {
	return Delivery{
		Strategy:    Canary,
		StepPercent: 10,
		StepBake:    10 * time.Minute,
		Bake:        15 * time.Minute,
		Rollback:    fixtureRollback(),
		Migration: Migration{
			CPU:          512,
			MemoryMiB:    1024,
			StartTimeout: 5 * time.Minute,
			Timeout:      2 * time.Hour,
		},
		SmokeTransactions: false,
	}
}

func largeEdge() Edge {
	return Edge{
		PublicPaths:         walletPaths(),
		Firewall:            fixtureFirewall(),
		Desync:              DesyncDefensive,
		DeregistrationDelay: 60 * time.Second,
		SlowStart:           60 * time.Second,
		Health:              walletHealth(),
		IdleTimeout:         60 * time.Second,
		LogRetentionDays:    365,
		PriceClass:          "PriceClass_All",
	}
}

func largeObservability() Observability {
	return Observability{
		LatencyTarget:       100 * time.Millisecond,
		TailLatencyTarget:   200 * time.Millisecond,
		ErrorRatePercent:    0.1,
		WAFBlocksPerMinute:  1000,
		ConsumerLagRecords:  100_000,
		MetricRetentionDays: 150,
		GrafanaVersion:      "10.4",
		ScrapeInterval:      30 * time.Second,
		LogRetentionDays:    90,
		Limits:              fixtureLimits(),
	}
}

func largeDR() DR {
	return DR{
		Mode:                   DRStandby,
		AllowDataOutsideBrazil: true,
		Network: Network{
			CIDR:                 "10.1.0.0/16",
			Public:               []string{"10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"},
			Private:              []string{"10.1.11.0/24", "10.1.12.0/24", "10.1.13.0/24"},
			Database:             []string{"10.1.21.0/24", "10.1.22.0/24", "10.1.23.0/24"},
			NATGateways:          3,
			InterfaceEndpoints:   largeEndpoints(),
			FlowLogRetentionDays: 365,
		},
		Readers:        1,
		ReplicationLag: time.Minute,
		EventLag:       2 * time.Minute,
		LagMinutes:     2,
		MinTasks:       2,
		ActiveRegion:   "sa-east-1",
		Recovery:       largeRecovery(),
	}
}
func largeRecovery() Recovery {
	return Recovery{
		TimeObjective:  30 * time.Minute,
		PointObjective: 5 * time.Minute,
		Probe:          Probe{Interval: 30 * time.Second, Failures: 3, Minutes: 2},
		Decision:       5 * time.Minute,
		Approval:       5 * time.Minute,
		Database:       5 * time.Minute,
		Scaling:        6 * time.Minute,
		Traffic:        time.Minute,
		Resolvers:      time.Minute,
	}
}

// small keeps backups in the second region alone.
func small() Environment {
	return Environment{
		Name: "staging",
		Site: Site{
			Account:      "111111111111",
			APIDomain:    "api.staging.wallet.example.com",
			StaticDomain: "static.staging.wallet.example.com",
			HostedZone:   HostedZone{ID: "Z0123456789STAGING", Name: "staging.wallet.example.com"},
			Alerts: Alerts{
				Critical: []string{"wallet-team@example.com"},
				Warning:  []string{"wallet-team@example.com"},
			},
			ImageTag: "1.0.0",
			Grafana:  GrafanaIdentity{Provider: "AWS_SSO"},
			GitHub:   fixtureGitHub(),
		},
		Tags:          Tags{Owner: "wallet-platform", CostCentre: "payments", DataClass: "synthetic"},
		Primary:       Region{Name: "sa-east-1", Zones: []string{"sa-east-1a", "sa-east-1b", "sa-east-1c"}},
		Secondary:     Region{Name: "us-east-1", Zones: []string{"us-east-1a", "us-east-1b", "us-east-1c"}},
		Protected:     false,
		Network:       smallNetwork(),
		Database:      smallDatabase(),
		Cache:         smallCache(),
		Messaging:     smallMessaging(),
		Storage:       smallStorage(),
		Backup:        smallBackup(),
		Registry:      smallRegistry(),
		Service:       smallService(),
		Delivery:      smallDelivery(),
		Edge:          smallEdge(),
		Observability: smallObservability(),
		DR:            smallDR(),
		Pipeline:      fixturePipeline(),
	}
}

func smallNetwork() Network {
	return Network{
		CIDR:                 "10.10.0.0/16",
		Public:               []string{"10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/24"},
		Private:              []string{"10.10.11.0/24", "10.10.12.0/24", "10.10.13.0/24"},
		Database:             []string{"10.10.21.0/24", "10.10.22.0/24", "10.10.23.0/24"},
		NATGateways:          1,
		InterfaceEndpoints:   nil,
		FlowLogRetentionDays: 30,
	}
}

func smallDatabase() Database {
	return Database{
		EngineVersion:          "3.10.4",
		InstanceType:           "r6g.large",
		Readers:                1,
		MaxReaders:             3,
		ReaderCPUTargetPercent: 60,
		Storage:                StorageStandard,
		MaxConnections:         1000,
		BackupRetentionDays:    35,
		BackupWindow:           "03:00-04:00",
		MaintenanceWindow:      "sun:04:00-sun:05:00",
		Insights:               InsightsStandard,
		LogRetentionDays:       30,
		MonitoringInterval:     time.Minute,
		SlowQuery:              500 * time.Millisecond,
		AdminRotation:          RotationWindow{Week: 2, Hour: 9, Hours: 1},
		AppRotation:            RotationWindow{Week: 4, Hour: 9, Hours: 1},
	}
}

func smallCache() Cache {
	return Cache{
		Engine:                "redis",
		EngineVersion:         "7.1",
		NodeType:              "cache.t4g.medium",
		ClusterMode:           false,
		Shards:                1,
		Replicas:              0,
		SnapshotRetentionDays: 1,
		SnapshotWindow:        "02:00-03:00",
		MaintenanceWindow:     "sun:05:00-sun:06:00",
		LogRetentionDays:      30,
	}
}

const smallPartitions = 6

func smallMessaging() Messaging {
	return Messaging{
		KafkaVersion:        "3.9.x",
		BrokerType:          "kafka.t3.small",
		Brokers:             2,
		Zones:               2,
		VolumeGiB:           50,
		MaxVolumeGiB:        200,
		VolumeTargetPercent: 60,
		ReplicationFactor:   2,
		MinInSyncReplicas:   1,
		Topics:              walletTopics(smallPartitions),
		LogRetentionDays:    30,
		Replication:         ReplicationNone,
	}
}

func smallStorage() Storage {
	return Storage{
		BackupRetentionDays:  35,
		BackupColdAfterDays:  0,
		LogRetentionDays:     90,
		NoncurrentDays:       30,
		IncompleteUploadDays: 7,
	}
}

func smallBackup() Backup {
	return Backup{
		RetentionDays:    35,
		StartHourUTC:     5,
		StartWindow:      time.Hour,
		CompletionWindow: 4 * time.Hour,
		LockMinDays:      1,
		LockMaxDays:      35,
		LockGraceDays:    0,
		RestoreTestDays:  7,
		ExportDay:        1,
		RestoreTestHold:  2 * time.Hour,
	}
}

func smallRegistry() Registry {
	return Registry{
		UntaggedDays: 7,
	}
}

func smallService() Service {
	return Service{
		CPU:                      2048,
		MemoryMiB:                4096,
		Architecture:             "X86_64",
		MinTasks:                 2,
		MaxTasks:                 4,
		CPUTargetPercent:         70,
		MemoryTargetPercent:      80,
		RequestsPerTaskPerMinute: 18000,
		ScaleOutCooldown:         time.Minute,
		ScaleInCooldown:          5 * time.Minute,
		DatabasePoolSize:         40,
		HeapPercent:              70,
		StartupGrace:             120 * time.Second,
		StopTimeout:              90 * time.Second,
		Exec:                     true,
		TraceSampleRatio:         1,
		CollectorImage:           "registry.example.com/collector:v1@sha256:" + strings.Repeat("0", 64),
		CollectorCPU:             256,
		CollectorMemoryMiB:       512,
		LogRetentionDays:         30,
	}
}

func smallDelivery() Delivery {
	return Delivery{
		Strategy: AllAtOnce,
		Bake:     5 * time.Minute,
		Rollback: fixtureRollback(),
		Migration: Migration{
			CPU:          256,
			MemoryMiB:    512,
			StartTimeout: 5 * time.Minute,
			Timeout:      30 * time.Minute,
		},
		SmokeTransactions: true,
	}
}

func smallEdge() Edge {
	return Edge{
		PublicPaths:         walletPaths(),
		Firewall:            fixtureFirewall(),
		Desync:              DesyncDefensive,
		DeregistrationDelay: 60 * time.Second,
		SlowStart:           60 * time.Second,
		Health:              walletHealth(),
		IdleTimeout:         60 * time.Second,
		LogRetentionDays:    30,
		PriceClass:          "PriceClass_All",
	}
}

func smallObservability() Observability {
	return Observability{
		LatencyTarget:       100 * time.Millisecond,
		TailLatencyTarget:   200 * time.Millisecond,
		ErrorRatePercent:    0.1,
		WAFBlocksPerMinute:  1000,
		ConsumerLagRecords:  100_000,
		MetricRetentionDays: 30,
		GrafanaVersion:      "10.4",
		ScrapeInterval:      30 * time.Second,
		LogRetentionDays:    30,
		Limits:              fixtureLimits(),
	}
}

func smallDR() DR {
	return DR{
		Mode:                   DRBackup,
		AllowDataOutsideBrazil: true,
	}
}

func fixtureRollback() Rollback {
	return Rollback{
		ErrorPercent: 1,
		MinErrors:    5,
		MinRequests:  50,
		Latency:      500 * time.Millisecond,
	}
}
func fixtureLimits() Limits {
	return Limits{
		DatabaseCPUPercent: 80,
		ConnectionsPercent: 80,
		ReplicaLag:         time.Second,
		DeadlocksPerMinute: 6,
		FreeMemoryPercent:  10,
		CacheCPUPercent:    80,
		CacheMemoryPercent: 80,
		EvictionsPerMinute: 100,
		KafkaDiskPercent:   85,
		TrafficPercent:     10,
		TrafficPerMinute:   60,
		OutboxAge:          5 * time.Minute,
		CertificateDays:    30,
	}
}
func fixtureGitHub() GitHub {
	return GitHub{
		Platform: Repository{Owner: "example", OwnerID: 1000001, Name: "wallet-infra", ID: 2000001},
		Service:  Repository{Owner: "example", OwnerID: 1000001, Name: "wallet-service", ID: 2000002},
		Branch:   "main",
	}
}
func fixturePipeline() Pipeline {
	return Pipeline{
		DeploySession: 4 * time.Hour,
	}
}

func fixtureFirewall() Firewall {
	return Firewall{
		SessionRequests: 2000, AddressRequests: 30_000, StaticRequests: 100_000,
		Modes: FirewallModes{
			SessionRate: FirewallBlock, AddressRate: FirewallCount, StaticRate: FirewallCount, IPReputation: FirewallCount,
			AnonymousIP: FirewallCount, KnownBadInputs: FirewallBlock, Common: FirewallCount, SQLInjection: FirewallCount,
		},
	}
}
