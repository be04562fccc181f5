package function

import (
	"time"

	"wallet-infra/constructs/alarms"
)

// Alarms watch every function of the account: they rotate passwords and keep the
// platform, and none of them serves users.
func Alarms() []alarms.Row {
	return []alarms.Row{{
		ID: "functions-failing", Runbook: "functions-failing", Severity: alarms.Warning,
		Why:     "A function of the platform fails; a password rotation may be stuck.",
		Metric:  alarms.Metric{Expression: `SELECT SUM(Errors) FROM "AWS/Lambda"`, Period: 5 * time.Minute},
		Compare: alarms.Above, Threshold: 0, Periods: 1, Datapoints: 1, Missing: alarms.NotBreaching,
	}}
}
