package backup

import (
	"time"

	"wallet-infra/constructs/alarms"
)

// Alarms watch all vaults of the account, which holds one environment, in the
// region. They are queries because AWS Backup publishes by vault and resource type,
// and a failure anywhere counts.
func Alarms() []alarms.Row {
	return []alarms.Row{
		failed("backup-failed", "NumberOfBackupJobsFailed", "A daily backup failed."),
		failed("backup-restore-failed", "NumberOfRestoreJobsFailed", "A restore failed, perhaps the test that proves backups work."),
	}
}

// CopyAlarms watch the copies to the second region, which AWS Backup counts in the
// first.
func CopyAlarms() []alarms.Row {
	return []alarms.Row{failed("backup-copy-failed", "NumberOfCopyJobsFailed", "A backup was not copied to the second region.")}
}

func failed(id, metric, why string) alarms.Row {
	return alarms.Row{
		ID: id, Runbook: "backup-failed", Severity: alarms.Warning, Why: why,
		Metric:  alarms.Metric{Expression: `SELECT SUM(` + metric + `) FROM "AWS/Backup"`, Period: 5 * time.Minute},
		Compare: alarms.Above, Threshold: 0, Periods: 1, Datapoints: 1, Missing: alarms.NotBreaching,
	}
}

// WatchAlarms watch the function that looks after copies, by how often in an hour it
// ran and found them good. While it does not run, nobody knows.
func (b Backup) WatchAlarms() []alarms.Row {
	calls := func(name string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/Lambda", Name: name, Statistic: "Sum", Period: time.Hour,
			Dimensions: map[string]string{"FunctionName": b.Watch},
		}
	}
	return []alarms.Row{{
		ID: "copies", Runbook: "copies", Severity: alarms.Warning,
		Why: "A secret's replica does not follow, or the database's export is missing, or nobody looks.",
		Metric: alarms.Metric{
			Expression: "invocations - errors",
			Inputs:     map[string]alarms.Metric{"invocations": calls("Invocations"), "errors": calls("Errors")},
		},
		Compare: alarms.Below, Threshold: 1, Periods: 2, Datapoints: 2, Missing: alarms.Breaching,
	}}
}

// failedStates are the ends of a backup job that are no success.
var failedStates = []string{"FAILED", "ABORTED", "EXPIRED"}

// Events report jobs that did not succeed. They arrive by EventBridge, so that the
// vaults need not know the topics.
func Events() []alarms.Event {
	return []alarms.Event{{
		ID: "BackupJob", Severity: alarms.Warning, Runbook: "backup-failed",
		Why:    "A backup, copy or restore job did not succeed.",
		Source: "aws.backup", Kinds: []string{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"},
		// Restores say "status" where the others say "state".
		Detail: map[string]any{"$or": []any{map[string]any{"state": failedStates}, map[string]any{"status": failedStates}}},
		About:  map[string]string{"job": "$.detail-type", "resource": "$.detail.resourceArn", "message": "$.detail.statusMessage"},
	}}
}
