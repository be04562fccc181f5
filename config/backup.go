package config

import (
	"time"
)

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
	// point, which prove that it can be; 1 to 31. PCI DSS asks for tests at least
	// yearly; a week keeps the restore path warm.
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
