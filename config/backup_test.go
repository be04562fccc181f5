package config

import (
	"testing"
	"time"
)

func TestStorageAndBackupsThatCannotKeepTheirPromise(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"backups gone at once":    {func(e *Environment) { e.Storage.BackupRetentionDays = 0 }, "Storage.BackupRetentionDays: want 1 to 36500, got 0\nStorage.BackupColdAfterDays: want 0, or less than Storage.BackupRetentionDays, 0, got 30"},
		"cold after it is gone":   {func(e *Environment) { e.Storage.BackupColdAfterDays = 365 }, `Storage.BackupColdAfterDays: want 0, or less than Storage.BackupRetentionDays, 365, got 365`},
		"cold before it is there": {func(e *Environment) { e.Storage.BackupColdAfterDays = -1 }, `Storage.BackupColdAfterDays: want 0, or less than Storage.BackupRetentionDays, 365, got -1`},
		"logs gone at once":       {func(e *Environment) { e.Storage.LogRetentionDays = 0 }, `Storage.LogRetentionDays: want 1 to 36500, got 0`},
		"no way back":             {func(e *Environment) { e.Storage.NoncurrentDays = 0 }, `Storage.NoncurrentDays: want 1 to 36500, got 0`},
		"hour":                    {func(e *Environment) { e.Backup.StartHourUTC = 24 }, `Backup.StartHourUTC: want 0 to 23, got 24`},
		"lock without a minimum":  {func(e *Environment) { e.Backup.LockMinDays = 0 }, `Backup.LockMinDays: want 1 to 36499, got 0`},
		"lock without an end":     {func(e *Environment) { e.Backup.LockMaxDays = 36501 }, `Backup.LockMaxDays: want 8 to 36500, got 36501`},
		"shorter than the lock":   {func(e *Environment) { e.Backup.RetentionDays = 6 }, `Backup.RetentionDays: want the vault lock's 7 to 365, got 6`},
		"longer than the lock":    {func(e *Environment) { e.Backup.RetentionDays = 366 }, `Backup.RetentionDays: want the vault lock's 7 to 365, got 366`},
		"no time for regret":      {func(e *Environment) { e.Backup.LockGraceDays = 2 }, `Backup.LockGraceDays: want 0, or 3 to 36500, got 2`},
		"export on no day":        {func(e *Environment) { e.Backup.ExportDay = 0 }, `Backup.ExportDay: want 1 to 28, got 0`},
		"export but in February":  {func(e *Environment) { e.Backup.ExportDay = 29 }, `Backup.ExportDay: want 1 to 28, got 29`},
		"windows over a day":      {func(e *Environment) { e.Backup.StartWindow, e.Backup.CompletionWindow = 8*time.Hour, 16*time.Hour }, `Backup.CompletionWindow: want whole hours, more than Backup.StartWindow, 8h0m0s, and with it less than a day, got 16h0m0s`},
		"restore never tested":    {func(e *Environment) { e.Backup.RestoreTestDays = 0 }, `Backup.RestoreTestDays: want 1 to 31, got 0`},
		"uploads for ever":        {func(e *Environment) { e.Storage.IncompleteUploadDays = 0 }, `Storage.IncompleteUploadDays: want 1 to 36500, got 0`},
		"start within minutes":    {func(e *Environment) { e.Backup.StartWindow = 30 * time.Minute }, `Backup.StartWindow: want 1 to 168 whole hours, got 30m0s`},
		"end before the start":    {func(e *Environment) { e.Backup.CompletionWindow = time.Hour }, `Backup.CompletionWindow: want whole hours, more than Backup.StartWindow, 1h0m0s, and with it less than a day, got 1h0m0s`},
		"restore test for ever":   {func(e *Environment) { e.Backup.RestoreTestHold = 169 * time.Hour }, `Backup.RestoreTestHold: want 1 to 168 whole hours, got 169h0m0s`},
	})
}
