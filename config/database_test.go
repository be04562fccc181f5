package config

import (
	"testing"
	"time"
)

func TestDatabaseThatAuroraRefuses(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"version off the LTS line": {func(e *Environment) { e.Database.EngineVersion = "3.02.0" }, `Database.EngineVersion: want one of 3.10.0, 3.10.1, 3.10.2, 3.10.3, 3.10.4, got "3.02.0"`},
		"class does not exist":     {func(e *Environment) { e.Database.InstanceType = "r6g.medium" }, `Database.InstanceType: want an Aurora MySQL class offered in sa-east-1, without "db." (families r6g, r6i, r7g, r7i, t4g), got "r6g.medium"`},
		"class not in São Paulo":   {func(e *Environment) { e.Database.InstanceType = "r8g.large" }, `Database.InstanceType: want an Aurora MySQL class offered in sa-east-1, without "db." (families r6g, r6i, r7g, r7i, t4g), got "r8g.large"`},
		"burstable global":         {func(e *Environment) { e.Database.InstanceType = "t4g.large" }, `Database.InstanceType: want a class that is not burstable in a global database, got "t4g.large"`},
		"no reader":                {func(e *Environment) { e.Database.Readers = 0 }, `Database.Readers: want at least 1, got 0`},
		"min over max":             {func(e *Environment) { e.Database.Readers = 15 }, `Database.Readers: want at most Database.MaxReaders, 14, got 15`},
		"max over AWS's":           {func(e *Environment) { e.Database.MaxReaders = 20 }, `Database.MaxReaders: want at most 14 (15 less 1 secondary region), got 20`},
		"reader CPU":               {func(e *Environment) { e.Database.ReaderCPUTargetPercent = 100 }, `Database.ReaderCPUTargetPercent: want 1 to 99, got 100`},
		"storage":                  {func(e *Environment) { e.Database.Storage = "gp3" }, `Database.Storage: want one of aurora, aurora-iopt1, got "gp3"`},
		"connections":              {func(e *Environment) { e.Database.MaxConnections = 16001 }, `Database.MaxConnections: want 1 to 16000, got 16001`},
		"PITR over 35":             {func(e *Environment) { e.Database.BackupRetentionDays = 36 }, `Database.BackupRetentionDays: want 1 to 35, got 36`},
		"backup window malformed":  {func(e *Environment) { e.Database.BackupWindow = "3:00-4:00" }, `Database.BackupWindow: want hh:mm-hh:mm in UTC, 30 minutes or longer, got "3:00-4:00"`},
		"backup window short":      {func(e *Environment) { e.Database.BackupWindow = "03:00-03:29" }, `Database.BackupWindow: want hh:mm-hh:mm in UTC, 30 minutes or longer, got "03:00-03:29"`},
		"maintenance malformed":    {func(e *Environment) { e.Database.MaintenanceWindow = "Sun:04:00-Sun:05:00" }, `Database.MaintenanceWindow: want ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes or longer and at most a day, got "Sun:04:00-Sun:05:00"`},
		"windows overlap":          {func(e *Environment) { e.Database.MaintenanceWindow = "sun:03:30-sun:04:30" }, `Database.MaintenanceWindow: want a time apart from Database.BackupWindow 03:00-04:00, got "sun:03:30-sun:04:30"`},
		"instances until backup":   {func(e *Environment) { e.Database.MaintenanceWindow = "sun:02:30-sun:03:00" }, `Database.MaintenanceWindow: want a time apart from Database.BackupWindow 03:00-04:00, got "sun:02:30-sun:03:00"`},
		"maintenance for two days": {func(e *Environment) { e.Database.MaintenanceWindow = "sat:04:00-mon:03:00" }, `Database.MaintenanceWindow: want ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes or longer and at most a day, got "sat:04:00-mon:03:00"
Database.MaintenanceWindow: want a time apart from Database.BackupWindow 03:00-04:00, got "sat:04:00-mon:03:00"`},
		"insights":                 {func(e *Environment) { e.Database.Insights = "off" }, `Database.Insights: want one of standard, advanced, got "off"`},
		"monitoring":               {func(e *Environment) { e.Database.MonitoringInterval = 20 * time.Second }, `Database.MonitoringInterval: want one of [1 5 10 15 30 60] seconds, got 20s`},
		"every statement slow":     {func(e *Environment) { e.Database.SlowQuery = 0 }, `Database.SlowQuery: want whole milliseconds, 1ms to 1h0m0s, got 0s`},
		"slow in a nanosecond":     {func(e *Environment) { e.Database.SlowQuery = time.Nanosecond }, `Database.SlowQuery: want whole milliseconds, 1ms to 1h0m0s, got 1ns`},
		"slow by fractions":        {func(e *Environment) { e.Database.SlowQuery = 1500 * time.Microsecond }, `Database.SlowQuery: want whole milliseconds, 1ms to 1h0m0s, got 1.5ms`},
		"rotation in a fifth week": {func(e *Environment) { e.Database.AppRotation.Week = 5 }, `Database.AppRotation.Week: want 1 to 4, got 5`},
		"rotation at no hour":      {func(e *Environment) { e.Database.AdminRotation.Hour = -1 }, `Database.AdminRotation.Hour: want 0 to 23, got -1`},
		"rotation past midnight":   {func(e *Environment) { e.Database.AdminRotation = RotationWindow{1, 20, 5} }, `Database.AdminRotation.Hours: want 1 to 4, got 5`},
		"rotations overlap": {func(e *Environment) {
			e.Database.AdminRotation, e.Database.AppRotation = RotationWindow{2, 9, 3}, RotationWindow{2, 11, 1}
		},
			`Database.AppRotation: want a time apart from Database.AdminRotation, with whose password it logs in, got {2 11 1}`},
		"log retention": {func(e *Environment) { e.Database.LogRetentionDays = 0 }, `Database.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 0`},
	})
	assertRefused(t, small, map[string]refusal{
		"max without a secondary": {func(e *Environment) { e.Database.MaxReaders = 16 }, `Database.MaxReaders: want at most 15, got 16`},
	})
}
