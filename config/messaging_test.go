package config

import (
	"math"
	"testing"
)

func TestBrokersThatMSKRefuses(t *testing.T) {
	const versions = `want one of 3.8.x, 3.8.x.kraft, 3.9.x, 3.9.x.kraft, 4.0.x.kraft, 4.1.x.kraft`
	assertRefused(t, large, map[string]refusal{
		"no topics":                {func(e *Environment) { e.Messaging.Topics = nil }, `Messaging.Topics: want at least one topic: brokers make none by themselves, got 0`},
		"version unknown":          {func(e *Environment) { e.Messaging.KafkaVersion = "2.8.1" }, `Messaging.KafkaVersion: ` + versions + `, got "2.8.1"`},
		"version 4 on ZooKeeper":   {func(e *Environment) { e.Messaging.KafkaVersion = "4.0.x" }, `Messaging.KafkaVersion: ` + versions + `, got "4.0.x"`},
		"broker type unknown":      {func(e *Environment) { e.Messaging.BrokerType = "kafka.m6g.large" }, `Messaging.BrokerType: want a broker type offered in sa-east-1, with "kafka." (families m5, m7g, t3), got "kafka.m6g.large"`},
		"broker type unprefixed":   {func(e *Environment) { e.Messaging.BrokerType = "m5.large" }, `Messaging.BrokerType: want a broker type offered in sa-east-1, with "kafka." (families m5, m7g, t3), got "m5.large"`},
		"brokers not a multiple":   {func(e *Environment) { e.Messaging.Brokers = 4 }, `Messaging.Brokers: want a multiple of Messaging.Zones, 3, got 4`},
		"no broker":                {func(e *Environment) { e.Messaging.Brokers = 0 }, "Messaging.Brokers: want a multiple of Messaging.Zones, 3, got 0\nMessaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 0, got 3"},
		"one copy":                 {func(e *Environment) { e.Messaging.ReplicationFactor = 1 }, "Messaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 3, got 1\nMessaging.MinInSyncReplicas: want at least 1 and less than Messaging.ReplicationFactor, 1, got 2"},
		"more copies than broker":  {func(e *Environment) { e.Messaging.ReplicationFactor = 4 }, `Messaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 3, got 4`},
		"every copy needed":        {func(e *Environment) { e.Messaging.MinInSyncReplicas = 3 }, `Messaging.MinInSyncReplicas: want at least 1 and less than Messaging.ReplicationFactor, 3, got 3`},
		"no volume":                {func(e *Environment) { e.Messaging.VolumeGiB = 0 }, `Messaging.VolumeGiB: want 1 to 16384, got 0`},
		"volume min over max":      {func(e *Environment) { e.Messaging.VolumeGiB = 3000 }, `Messaging.MaxVolumeGiB: want 3000 to 16384, got 2000`},
		"volume too large":         {func(e *Environment) { e.Messaging.MaxVolumeGiB = 16385 }, `Messaging.MaxVolumeGiB: want 500 to 16384, got 16385`},
		"volume target":            {func(e *Environment) { e.Messaging.VolumeTargetPercent = 81 }, `Messaging.VolumeTargetPercent: want 10 to 80, got 81`},
		"topic name":               {func(e *Environment) { e.Messaging.Topics[0].Name = "wallet events" }, `Messaging.Topics[0].Name: want 1 to 249 letters, digits, '.', '_' and '-', without Kafka's own prefix "__", got "wallet events"`},
		"topic of Kafka's own":     {func(e *Environment) { e.Messaging.Topics[0].Name = "__consumer_offsets" }, `Messaging.Topics[0].Name: want 1 to 249 letters, digits, '.', '_' and '-', without Kafka's own prefix "__", got "__consumer_offsets"`},
		"topic twice":              {func(e *Environment) { e.Messaging.Topics[1].Name = "wallet-events" }, `Messaging.Topics: want each value once, got "wallet-events"`},
		"partitions":               {func(e *Environment) { e.Messaging.Topics[2].Partitions = 0 }, `Messaging.Topics[2].Partitions: want 1 to 100000, got 0`},
		"partitions that overflow": {func(e *Environment) { e.Messaging.Topics[2].Partitions = math.MaxInt }, "Messaging.Topics[2].Partitions: want 1 to 100000, got 9223372036854775807\nMessaging.Topics: want at most 1000 partition replicas on each kafka.m5.large, got 100049"},
		"topics that Kafka cannot tell apart": {func(e *Environment) {
			e.Messaging.Topics[0].Name, e.Messaging.Topics[1].Name = "wallet.events", "wallet_events"
		},
			`Messaging.Topics: want a name that differs from "wallet.events" in more than "." and "_", got "wallet_events"`},
		"retention of a nanosecond": {func(e *Environment) { e.Messaging.Topics[0].Retention = 1 }, `Messaging.Topics[0].Retention: want whole seconds, 1m0s to 876000h0m0s, got 1ns`},
		"brokers over the quota":    {func(e *Environment) { e.Messaging.Brokers = 63 }, `Messaging.Brokers: want at most 60 with Kafka 3.9.x.kraft, got 63`},
		"cleanup":                   {func(e *Environment) { e.Messaging.Topics[0].Cleanup = "compacted" }, `Messaging.Topics[0].Cleanup: want one of compact, delete, got "compacted"`},
		"retention":                 {func(e *Environment) { e.Messaging.Topics[0].Retention = 0 }, `Messaging.Topics[0].Retention: want whole seconds, 1m0s to 876000h0m0s, got 0s`},
		"too many replicas":         {func(e *Environment) { e.Messaging.Topics[0].Partitions = 953 }, `Messaging.Topics: want at most 1000 partition replicas on each kafka.m5.large, got 1001`},
		"log retention":             {func(e *Environment) { e.Messaging.LogRetentionDays = 2 }, `Messaging.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 2`},
	})
	assertRefused(t, small, map[string]refusal{
		"the seed's single broker": {func(e *Environment) { e.Messaging.Brokers = 1 }, "Messaging.Brokers: want a multiple of Messaging.Zones, 2, got 1\nMessaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 1, got 2"},
		"single zone":              {func(e *Environment) { e.Messaging.Zones = 1 }, `Messaging.Zones: want 2 or 3, got 1`},
		"more zones than there are": {func(e *Environment) { e.Messaging.Zones, e.Messaging.Brokers = 4, 4 },
			"Messaging.Zones: want 2 or 3, got 4\nMessaging.Zones: want at most the 3 zones of sa-east-1, got 4"},
		"KRaft on t3":    {func(e *Environment) { e.Messaging.KafkaVersion = "3.9.x.kraft" }, `Messaging.KafkaVersion: want a version with ZooKeeper on kafka.t3.small, such as 3.9.x, got "3.9.x.kraft"`},
		"Kafka 4 on t3":  {func(e *Environment) { e.Messaging.KafkaVersion = "4.1.x.kraft" }, `Messaging.KafkaVersion: want a version with ZooKeeper on kafka.t3.small, such as 3.9.x, got "4.1.x.kraft"`},
		"replicas on t3": {func(e *Environment) { e.Messaging.Topics[0].Partitions = 289 }, `Messaging.Topics: want at most 300 partition replicas on each kafka.t3.small, got 301`},
	})
}
