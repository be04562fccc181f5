package config

import "time"

// Production carries the wallet: 10 million users, 5,000 transactions a second
// sustained and 15,000 at peak. Its sizes are the seed's.
func Production() Environment {
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
			GitHub:   walletGitHub(),
		},
		Tags:          walletTags(restricted),
		Primary:       saoPaulo(),
		Secondary:     virginia(),
		Protected:     true,
		Network:       productionNetwork(),
		Database:      productionDatabase(),
		Cache:         productionCache(),
		Messaging:     productionMessaging(),
		Storage:       productionStorage(),
		Backup:        productionBackup(),
		Registry:      Registry{UntaggedDays: 7},
		Service:       productionService(),
		Delivery:      productionDelivery(),
		Edge:          productionEdge(),
		Observability: productionObservability(),
		DR:            productionDR(),
		Pipeline:      walletPipeline(),
	}
}

func productionNetwork() Network {
	return Network{
		CIDR:        "10.0.0.0/16",
		Public:      []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"},
		Private:     []string{"10.0.11.0/24", "10.0.12.0/24", "10.0.13.0/24"},
		Database:    []string{"10.0.21.0/24", "10.0.22.0/24", "10.0.23.0/24"},
		NATGateways: 3,
		// They keep the calls of tasks and functions off the internet.
		InterfaceEndpoints:   []string{"secretsmanager", "ecr.api", "ecr.dkr", "logs", "kms", "monitoring", "xray", "sts"},
		FlowLogRetentionDays: 365, // PCI DSS 3.2.1, 10.7: a year of audit trail
	}
}

// productionStandbyNetwork is the same at other addresses.
func productionStandbyNetwork() Network {
	network := productionNetwork()
	network.CIDR = "10.1.0.0/16"
	network.Public = []string{"10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"}
	network.Private = []string{"10.1.11.0/24", "10.1.12.0/24", "10.1.13.0/24"}
	network.Database = []string{"10.1.21.0/24", "10.1.22.0/24", "10.1.23.0/24"}
	return network
}

func productionDatabase() Database {
	return Database{
		EngineVersion:          auroraLTS,
		InstanceType:           "r6g.2xlarge",
		Readers:                2,
		MaxReaders:             14, // 15 less the one secondary region
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
		AdminRotation:          RotationWindow{Week: 1, Hour: 13, Hours: 2},
		AppRotation:            RotationWindow{Week: 3, Hour: 13, Hours: 2},
	}
}

func productionCache() Cache {
	return Cache{
		Engine:                "redis",
		EngineVersion:         "7.1",
		NodeType:              "cache.r6g.large",
		ClusterMode:           true,
		Shards:                1,
		Replicas:              2,
		SnapshotRetentionDays: 7, // it can be rebuilt from Aurora; a week is for post-mortems
		SnapshotWindow:        "02:00-03:00",
		MaintenanceWindow:     "sun:05:00-sun:06:00",
		LogRetentionDays:      90,
	}
}

// productionPartitions carries 15,000 events a second. A partition of an
// m5.large broker with acks=all and three copies takes about 1,000 small
// records a second with room to spare, so 15 would do; 24 divides evenly over
// three brokers, leaves 60 % for growth (partitions of a keyed topic cannot be
// added later without breaking the order of events within a wallet), and three
// such topics with three copies are 216 replicas, 72 on each broker, far from
// the 1,000 that AWS recommends as an m5.large's limit.
const productionPartitions = 24

// productionMessaging has room for events of about 300 B with three copies on three
// brokers: the seven days of wallet-events are 90 GB on each at an average of 500 a
// second. At 5,000 around the clock they would be 910 GB, to which the volume grows.
func productionMessaging() Messaging {
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
		Topics:              walletTopics(productionPartitions),
		LogRetentionDays:    90,
		Replication:         ReplicationNone, // of a new cluster: docs/DEPLOYMENT.md#the-replicator-of-events
	}
}

func productionStorage() Storage {
	return Storage{
		BackupRetentionDays:  365,
		BackupColdAfterDays:  30,
		LogRetentionDays:     365,
		NoncurrentDays:       90,
		IncompleteUploadDays: 7,
	}
}

func productionBackup() Backup {
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

func productionService() Service {
	return Service{
		CPU:                 4096,
		MemoryMiB:           8192,
		Architecture:        "X86_64",
		MinTasks:            6,
		MaxTasks:            20,
		CPUTargetPercent:    70,
		MemoryTargetPercent: 80,
		// 15,000 a second over 20 tasks is 45,000 a minute for each; scaling at
		// 80 % of that leaves the time a new JVM needs to start.
		RequestsPerTaskPerMinute: 36000,
		ScaleOutCooldown:         time.Minute,
		ScaleInCooldown:          5 * time.Minute,
		// 40 and four for health checks, in 40 tasks in the middle of a deployment at
		// the bound, are 1,760 of the server's 2,000; all of them are the writer's once
		// the last reader is lost. Out of a deployment 20 tasks have 800 that work: at
		// 5 ms a transaction, 160,000 a second, and at 50 ms still the peak of 15,000.
		DatabasePoolSize:   40,
		HeapPercent:        70,
		StartupGrace:       120 * time.Second,
		StopTimeout:        90 * time.Second,
		Exec:               false,
		TraceSampleRatio:   0.05,
		CollectorImage:     collectorImage,
		CollectorCPU:       256,
		CollectorMemoryMiB: 512,
		LogRetentionDays:   90,
	}
}

func productionDelivery() Delivery {
	return Delivery{
		// A tenth of 5,000 requests a second meets every kind of request within a
		// minute, and warms the new JVMs before the rest follows.
		Strategy:    Canary,
		StepPercent: 10,
		StepBake:    10 * time.Minute,
		// A quarter of an hour at the full load, in which the way back takes seconds;
		// both releases' tasks are paid for meanwhile.
		Bake:     15 * time.Minute,
		Rollback: walletRollback(productionObservability()),
		Migration: Migration{
			CPU:          512,
			MemoryMiB:    1024,
			StartTimeout: 5 * time.Minute,
			Timeout:      2 * time.Hour, // an online change of a table of 500 million rows takes hours
		},
		SmokeTransactions: false, // the ledger is real: the test only reads
	}
}

func productionEdge() Edge {
	return Edge{
		PublicPaths: walletPaths(),
		Firewall:    walletFirewall(productionFirewall()),
		// The load balancer's own default. Old phones and partners' proxies break RFC
		// 7230 without harm: strictest once DesyncMitigationMode_NonCompliant_Request_Count
		// has stayed at nothing for two weeks.
		Desync:              DesyncDefensive,
		DeregistrationDelay: 60 * time.Second,
		SlowStart:           60 * time.Second,
		Health:              walletHealth(),
		IdleTimeout:         60 * time.Second,
		LogRetentionDays:    365,
		PriceClass:          "PriceClass_All",
	}
}

// productionFirewall begins with a time of observation: two weeks with a payday in
// them, in which what could hit customers counts and tells (docs/SECURITY.md).
func productionFirewall() FirewallModes {
	return FirewallModes{
		SessionRate:    FirewallBlock,
		AddressRate:    FirewallCount,
		StaticRate:     FirewallCount,
		IPReputation:   FirewallCount,
		AnonymousIP:    FirewallCount,
		KnownBadInputs: FirewallBlock,
		Common:         FirewallCount,
		SQLInjection:   FirewallCount,
	}
}

func productionObservability() Observability {
	return Observability{
		LatencyTarget:       100 * time.Millisecond,
		TailLatencyTarget:   200 * time.Millisecond,
		ErrorRatePercent:    0.1,
		WAFBlocksPerMinute:  1000,
		ConsumerLagRecords:  100_000,
		MetricRetentionDays: 150,
		ScrapeInterval:      30 * time.Second,
		GrafanaVersion:      grafanaVersion,
		LogRetentionDays:    90,
		Limits:              walletLimits(),
	}
}

func productionDR() DR {
	return DR{
		Mode:                   DRStandby,
		AllowDataOutsideBrazil: true,
		Network:                productionStandbyNetwork(),
		Readers:                1,
		ReplicationLag:         time.Minute,
		// Two minutes of events are 2,400 at the 20 a second of the service's publisher
		// (docs/APPLICATION.md): two minutes of publishing again, and more once it is faster.
		EventLag: 2 * time.Minute,
		// One late value is noise. With a third minute, a replication that stands still
		// would have lost the five minutes of the promise before anybody knew.
		LagMinutes: 2,
		// One in each of two zones: the smallest service that shows a zone's failure.
		MinTasks:     2,
		ActiveRegion: saoPaulo().Name,
		Recovery:     productionRecovery(),
	}
}

// productionRecovery fits the seed's 30 minutes with room for one step that has
// to be tried again.
func productionRecovery() Recovery {
	return Recovery{
		TimeObjective:  30 * time.Minute,
		PointObjective: 5 * time.Minute,
		// Route 53's checkers ask from several regions, and a share of them must
		// agree: two minutes of silence are no accident.
		Probe:    Probe{Interval: 30 * time.Second, Failures: 3, Minutes: 2},
		Decision: 5 * time.Minute,
		Approval: 5 * time.Minute,
		Database: 5 * time.Minute,
		// From 2 tasks to 20: a pull and a start take about two minutes, ECS starts
		// them in a few waves, and Region switch looks once a minute.
		Scaling:   6 * time.Minute,
		Traffic:   time.Minute,
		Resolvers: time.Minute,
	}
}
