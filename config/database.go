package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

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

// auroraLTS is the newest minor of the long-term support line 3.10.
const auroraLTS = "3.10.4"

// auroraVersions are the minor versions of the long-term support line 3.10, as
// aws-cdk-lib 2.270.0 knows them.
var auroraVersions = []string{"3.10.0", "3.10.1", "3.10.2", "3.10.3", "3.10.4"}

// DatabaseName is the schema that the wallet service uses.
const DatabaseName = "wallet"

// OutboxTable is where the wallet service keeps the events that it has to publish.
const OutboxTable = "outbox_events"

// The MySQL users. The administrator owns the schema and changes it in migrations; the
// application reads and writes rows, and rotation alternates it with a second user of
// the same rights, "wallet_app_clone"; the last one reads [OutboxTable] and nothing else.
const (
	DatabaseAdminUser  = "wallet_admin" // at most 16 characters, by RDS
	DatabaseAppUser    = "wallet_app"   // at most 26, which leaves room for "_clone"
	DatabaseOutboxUser = "wallet_outbox"
)

// DatabaseEventSource and RotatedEvent name the event by which the rotation of a
// database password is known in the region; its resource is the secret.
const (
	DatabaseEventSource = "wallet.database"
	RotatedEvent        = "Database password rotated"
)

// SecretReplicaDelay is the time that the second region's copy of a secret has to
// follow a rotation; AWS says nothing firmer than that it follows.
const SecretReplicaDelay = 5 * time.Minute

// ReservedConnections of the database are not the service's: rotation, the function
// that makes users, RDS itself, and people who look into an incident.
const ReservedConnections = 200

// memoryUnits is the memory of an instance size, in units of a "large" of its family.
var memoryUnits = map[string]int{
	"medium": 0, "large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16,
	"12xlarge": 24, "16xlarge": 32, "24xlarge": 48, "32xlarge": 64, "48xlarge": 96,
}

// MemoryMiB is the memory of the writer and of every reader; 0 for a class that is not
// in the catalog. A large of the memory-optimized families has 16 GiB, one of t4g 8, and a
// medium of t4g 4 ("Hardware specifications for DB instance classes for Aurora").
func (d Database) MemoryMiB() int {
	family, size, _ := strings.Cut(d.InstanceType, ".")
	units, known := memoryUnits[size]
	switch {
	case !known:
		return 0
	case family == "t4g" && units == 0:
		return 4 * 1024
	case family == "t4g":
		return units * 8 * 1024
	case strings.HasPrefix(family, "r"):
		return units * 16 * 1024
	}
	return 0
}

// maxConnections is the highest max_connections of Aurora MySQL.
const maxConnections = 16000

// monitoringSeconds are the intervals of Enhanced Monitoring. 0, which turns it
// off, is not among them on purpose.
var monitoringSeconds = []float64{1, 5, 10, 15, 30, 60}

func validateDatabase(p *problems, e Environment) {
	db := e.Database
	oneOf(p, "Database.EngineVersion", db.EngineVersion, auroraVersions...)
	validateDatabaseClass(p, e)
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

// validateDatabaseClass checks the class in each region where it would run. A global
// database takes no burstable class.
func validateDatabaseClass(p *problems, e Environment) {
	const field = "Database.InstanceType"
	class, regions := e.Database.InstanceType, []Region{e.Primary}
	if e.DR.Mode == DRStandby {
		p.check(!strings.HasPrefix(class, "t"), field, class, "a class that is not burstable in a global database")
		regions = append(regions, e.Secondary)
	}
	for _, region := range regions {
		if offer, known := offers[region.Name]; known && !offered(offer.databases, class) {
			p.add(field, class, "an Aurora MySQL class offered in %s, without \"db.\" (families %s)", region.Name, familyNames(offer.databases))
			return
		}
	}
}

// validateReaders bounds autoscaling by what a cluster can have: fifteen readers,
// and each secondary region takes the place of one.
func validateReaders(p *problems, db Database, mode DRMode) {
	between(p, "Database.ReaderCPUTargetPercent", db.ReaderCPUTargetPercent, 1, 99) // nothing is above 100
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
