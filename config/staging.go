package config

import "time"

// Staging is small but representative: each component of production is here,
// at the smallest size that AWS accepts and that still fails over where the
// code must cope with it.
func Staging() Environment {
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
			GitHub:   walletGitHub(),
		},
		Tags:          walletTags(synthetic),
		Primary:       saoPaulo(),
		Secondary:     virginia(),
		Protected:     false,
		Network:       stagingNetwork(),
		Database:      stagingDatabase(),
		Cache:         stagingCache(),
		Messaging:     stagingMessaging(),
		Storage:       stagingStorage(),
		Backup:        stagingBackup(),
		Registry:      Registry{UntaggedDays: 7},
		Service:       stagingService(),
		Delivery:      stagingDelivery(),
		Edge:          stagingEdge(),
		Observability: stagingObservability(),
		DR:            stagingDR(),
		Pipeline:      walletPipeline(),
	}
}

func stagingNetwork() Network {
	return Network{
		CIDR:        "10.10.0.0/16",
		Public:      []string{"10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/24"},
		Private:     []string{"10.10.11.0/24", "10.10.12.0/24", "10.10.13.0/24"},
		Database:    []string{"10.10.21.0/24", "10.10.22.0/24", "10.10.23.0/24"},
		NATGateways: 1,
		// Interface endpoints cost 46 USD a month each in three zones; synthetic
		// data may go to AWS's own endpoints through the NAT gateway.
		InterfaceEndpoints:   nil,
		FlowLogRetentionDays: 30,
	}
}

func stagingDatabase() Database {
	return Database{
		EngineVersion:          auroraLTS,
		InstanceType:           "r6g.large",
		Readers:                1,
		MaxReaders:             3, // enough to see autoscaling work
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
		AdminRotation:          RotationWindow{Week: 1, Hour: 13, Hours: 2},
		AppRotation:            RotationWindow{Week: 3, Hour: 13, Hours: 2},
	}
}

func stagingCache() Cache {
	return Cache{
		Engine:                "redis",
		EngineVersion:         "7.1",
		NodeType:              "cache.t4g.medium", // r6g.medium, which the seed names, does not exist
		ClusterMode:           true,
		Shards:                1,
		Replicas:              0,
		SnapshotRetentionDays: 1,
		SnapshotWindow:        "02:00-03:00",
		MaintenanceWindow:     "sun:05:00-sun:06:00",
		LogRetentionDays:      30,
	}
}

// stagingPartitions divides evenly over two brokers and is what developers run.
const stagingPartitions = 6

func stagingMessaging() Messaging {
	return Messaging{
		KafkaVersion:        "3.9.x", // t3 brokers cannot run KRaft
		BrokerType:          "kafka.t3.small",
		Brokers:             2, // the seed's single broker is refused by MSK
		Zones:               2,
		VolumeGiB:           50,
		MaxVolumeGiB:        200,
		VolumeTargetPercent: 60,
		ReplicationFactor:   2,
		MinInSyncReplicas:   1,
		Topics:              walletTopics(stagingPartitions),
		LogRetentionDays:    30,
		Replication:         ReplicationNone, // kafka.t3.small has neither multi-VPC connectivity nor a replicator
	}
}

func stagingStorage() Storage {
	return Storage{
		BackupRetentionDays:  35,
		BackupColdAfterDays:  0,
		LogRetentionDays:     90,
		NoncurrentDays:       30,
		IncompleteUploadDays: 7,
	}
}

func stagingBackup() Backup {
	return Backup{
		RetentionDays:    35,
		StartHourUTC:     5,
		StartWindow:      time.Hour,
		CompletionWindow: 4 * time.Hour,
		LockMinDays:      1,
		LockMaxDays:      35,
		LockGraceDays:    0, // governance mode: a staging vault can be emptied
		RestoreTestDays:  7,
		ExportDay:        1,
		RestoreTestHold:  2 * time.Hour,
	}
}

func stagingService() Service {
	return Service{
		CPU:                 2048,
		MemoryMiB:           4096,
		Architecture:        "X86_64",
		MinTasks:            2,
		MaxTasks:            4,
		CPUTargetPercent:    70,
		MemoryTargetPercent: 80,
		// Half of production's, for half the CPU.
		RequestsPerTaskPerMinute: 18000,
		ScaleOutCooldown:         time.Minute,
		ScaleInCooldown:          5 * time.Minute,
		// Production's; it fits the smaller server twice over.
		DatabasePoolSize:   40,
		HeapPercent:        70,
		StartupGrace:       120 * time.Second,
		StopTimeout:        90 * time.Second,
		Exec:               true,
		TraceSampleRatio:   1,
		CollectorImage:     collectorImage,
		CollectorCPU:       256,
		CollectorMemoryMiB: 512,
		LogRetentionDays:   30,
	}
}

func stagingDelivery() Delivery {
	return Delivery{
		// Nobody is hurt by a bad release here, and a tenth of the few requests of a
		// test would show nothing.
		Strategy: AllAtOnce,
		// As far as the alarms look back.
		Bake:     5 * time.Minute,
		Rollback: walletRollback(stagingObservability()),
		Migration: Migration{
			CPU:          256,
			MemoryMiB:    512,
			StartTimeout: 5 * time.Minute,
			Timeout:      30 * time.Minute,
		},
		SmokeTransactions: true, // synthetic wallets
	}
}

func stagingEdge() Edge {
	return Edge{
		PublicPaths: walletPaths(),
		Firewall:    walletFirewall(stagingFirewall()),
		// What it breaks shows here first.
		Desync:              DesyncStrictest,
		DeregistrationDelay: 60 * time.Second,
		SlowStart:           60 * time.Second,
		Health:              walletHealth(),
		IdleTimeout:         60 * time.Second,
		LogRetentionDays:    30,
		PriceClass:          "PriceClass_All",
	}
}

// stagingFirewall blocks what production will block after its time of observation:
// a client that a rule stops is found here.
func stagingFirewall() FirewallModes {
	return FirewallModes{
		SessionRate:    FirewallBlock,
		AddressRate:    FirewallBlock,
		StaticRate:     FirewallBlock,
		IPReputation:   FirewallBlock,
		AnonymousIP:    FirewallCount,
		KnownBadInputs: FirewallBlock,
		Common:         FirewallBlock,
		SQLInjection:   FirewallBlock,
	}
}

func stagingObservability() Observability {
	return Observability{
		LatencyTarget:       100 * time.Millisecond,
		TailLatencyTarget:   200 * time.Millisecond,
		ErrorRatePercent:    0.1,
		WAFBlocksPerMinute:  1000,
		ConsumerLagRecords:  100_000,
		MetricRetentionDays: 30,
		ScrapeInterval:      30 * time.Second,
		GrafanaVersion:      grafanaVersion,
		LogRetentionDays:    30,
		Limits:              walletLimits(),
	}
}

func stagingDR() DR {
	return DR{
		Mode:                   DRBackup,
		AllowDataOutsideBrazil: true, // staging holds synthetic data only
	}
}
