package config

import (
	"slices"
	"strings"
	"time"
)

// monitoringSeconds are the intervals of Enhanced Monitoring. 0, which turns it
// off, is not among them on purpose.
var monitoringSeconds = []float64{1, 5, 10, 15, 30, 60}

// maxConnections is the highest max_connections of Aurora MySQL.
const maxConnections = 16000

func validateDatabase(p *problems, e Environment) {
	db := e.Database
	oneOf(p, "Database.EngineVersion", db.EngineVersion, auroraVersions...)
	validateDatabaseClass(p, "Database.InstanceType", db.InstanceType, e.Primary, e.DR.Mode)
	validateReaders(p, db, e.DR.Mode)
	oneOf(p, "Database.Storage", db.Storage, StorageStandard, StorageIOOptimized)
	between(p, "Database.MaxConnections", db.MaxConnections, 1, maxConnections)
	between(p, "Database.BackupRetentionDays", db.BackupRetentionDays, 1, 35)
	validateWindows(p, windows{
		dailyField: "Database.BackupWindow", daily: db.BackupWindow,
		weeklyField: "Database.MaintenanceWindow", weekly: db.MaintenanceWindow,
		least: 30 * time.Minute, readers: min(max(db.Readers, e.DR.Readers), 16),
	})
	oneOf(p, "Database.Insights", db.Insights, InsightsStandard, InsightsAdvanced)
	p.check(slices.Contains(monitoringSeconds, db.MonitoringInterval.Seconds()), "Database.MonitoringInterval", db.MonitoringInterval,
		"one of %v seconds", monitoringSeconds)
	p.logRetention("Database.LogRetentionDays", db.LogRetentionDays)
	// Aurora takes less for 0, which logs every statement, and with it customers' data.
	p.milliseconds("Database.SlowQuery", db.SlowQuery, time.Millisecond, time.Hour)
	validateRotations(p, db)
}

// validateRotations checks the windows against Secrets Manager's rules: they open on
// the hour and close on the same day.
func validateRotations(p *problems, db Database) {
	for field, window := range map[string]RotationWindow{"Database.AdminRotation": db.AdminRotation, "Database.AppRotation": db.AppRotation} {
		between(p, field+".Week", window.Week, 1, 4)
		between(p, field+".Hour", window.Hour, 0, 23)
		between(p, field+".Hours", window.Hours, 1, 24-window.Hour)
	}
	p.check(!db.AppRotation.overlaps(db.AdminRotation), "Database.AppRotation", db.AppRotation,
		"a time apart from Database.AdminRotation, with whose password it logs in")
}

// validateDatabaseClass checks the class in the region where it would run. A
// global database takes no burstable class.
func validateDatabaseClass(p *problems, field, class string, region Region, mode DRMode) {
	if offer, known := offers[region.Name]; known {
		p.check(offered(offer.databases, class), field, class,
			"an Aurora MySQL class offered in %s, without \"db.\" (families %s)", region.Name, familyNames(offer.databases))
	}
	p.check(mode != DRStandby || !strings.HasPrefix(class, "t"), field, class, "a class that is not burstable in a global database")
}

// validateReaders bounds autoscaling by what a cluster can have: fifteen readers,
// and each secondary region takes the place of one.
func validateReaders(p *problems, db Database, mode DRMode) {
	between(p, "Database.ReaderCPUTargetPercent", db.ReaderCPUTargetPercent, 1, 100)
	p.positive("Database.Readers", db.Readers)
	p.check(db.Readers <= db.MaxReaders, "Database.Readers", db.Readers, "at most Database.MaxReaders, %d", db.MaxReaders)
	const most = 15
	secondaries := mode.SecondaryRegions()
	switch {
	case db.MaxReaders <= most-secondaries:
	case secondaries == 0:
		p.add("Database.MaxReaders", db.MaxReaders, "at most %d", most)
	default:
		p.add("Database.MaxReaders", db.MaxReaders, "at most %d (%d less %d secondary region)", most-secondaries, most, secondaries)
	}
}

func validateCache(p *problems, cache Cache, region Region) {
	oneOf(p, "Cache.Engine", cache.Engine, "redis", "valkey")
	if versions, known := cacheVersions[cache.Engine]; known {
		p.check(slices.Contains(versions, cache.EngineVersion), "Cache.EngineVersion", cache.EngineVersion,
			"a version of %s (%s)", cache.Engine, strings.Join(versions, ", "))
	}
	if offer, known := offers[region.Name]; known {
		node, prefixed := strings.CutPrefix(cache.NodeType, "cache.")
		p.check(prefixed && offered(offer.caches, node), "Cache.NodeType", cache.NodeType,
			"a node type offered in %s, with \"cache.\" (families %s)", region.Name, familyNames(offer.caches))
	}
	validateShards(p, cache)
	between(p, "Cache.SnapshotRetentionDays", cache.SnapshotRetentionDays, 0, 35)
	validateWindows(p, windows{
		dailyField: "Cache.SnapshotWindow", daily: cache.SnapshotWindow,
		weeklyField: "Cache.MaintenanceWindow", weekly: cache.MaintenanceWindow,
		least: time.Hour,
	})
	p.logRetention("Cache.LogRetentionDays", cache.LogRetentionDays)
}

// validateShards holds what ElastiCache demands of a replication group.
func validateShards(p *problems, cache Cache) {
	between(p, "Cache.Replicas", cache.Replicas, 0, 5)
	const most = 500 // nodes of a group
	between(p, "Cache.Shards", cache.Shards, 1, most)
	p.check(cache.ClusterMode || cache.Shards <= 1, "Cache.Shards", cache.Shards, "1 without Cache.ClusterMode")
	p.check(cache.Shards > most || cache.Nodes() <= most, "Cache.Shards", cache.Shards, "at most %d nodes in all, not %d", most, cache.Nodes())
}

// maxDays is a century, which AWS Backup has for its longest time.
const maxDays = 36500

func validateStorage(p *problems, storage Storage) {
	between(p, "Storage.BackupRetentionDays", storage.BackupRetentionDays, 1, maxDays)
	cold := storage.BackupColdAfterDays
	p.check(cold == 0 || 0 < cold && cold < storage.BackupRetentionDays, "Storage.BackupColdAfterDays", cold,
		"0, or less than Storage.BackupRetentionDays, %d", storage.BackupRetentionDays)
	between(p, "Storage.LogRetentionDays", storage.LogRetentionDays, 1, maxDays)
	between(p, "Storage.NoncurrentDays", storage.NoncurrentDays, 1, maxDays)
	between(p, "Storage.IncompleteUploadDays", storage.IncompleteUploadDays, 1, maxDays)
}

func validateBackup(p *problems, backup Backup) {
	between(p, "Backup.StartHourUTC", backup.StartHourUTC, 0, 23)
	between(p, "Backup.LockMinDays", backup.LockMinDays, 1, maxDays-1)
	between(p, "Backup.LockMaxDays", backup.LockMaxDays, backup.LockMinDays+1, maxDays)
	// The vault refuses a recovery point outside its lock: the backup job fails.
	p.check(backup.LockMinDays <= backup.RetentionDays && backup.RetentionDays <= backup.LockMaxDays,
		"Backup.RetentionDays", backup.RetentionDays, "the vault lock's %d to %d", backup.LockMinDays, backup.LockMaxDays)
	p.check(backup.LockGraceDays == 0 || 3 <= backup.LockGraceDays && backup.LockGraceDays <= maxDays,
		"Backup.LockGraceDays", backup.LockGraceDays, "0, or 3 to %d", maxDays)
	p.hours("Backup.StartWindow", backup.StartWindow, 1, 168)
	// The restore test starts when both are over, on the same day.
	p.check(backup.CompletionWindow > backup.StartWindow && backup.CompletionWindow%time.Hour == 0 && backup.StartWindow+backup.CompletionWindow < 24*time.Hour,
		"Backup.CompletionWindow", backup.CompletionWindow, "whole hours, more than Backup.StartWindow, %v, and with it less than a day", backup.StartWindow)
	between(p, "Backup.RestoreTestDays", backup.RestoreTestDays, 1, 31) // a day of the month, in its schedule
	between(p, "Backup.ExportDay", backup.ExportDay, 1, 28)             // every month has it
	p.hours("Backup.RestoreTestHold", backup.RestoreTestHold, 1, 168)
}
