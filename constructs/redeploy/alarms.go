package redeploy

import "wallet-infra/constructs/alarms"

// Alarms watch the rotations that no deployment followed.
func (r Redeploy) Alarms() []alarms.Row {
	return []alarms.Row{{
		ID: "rotation-not-deployed", Runbook: "rotation-not-deployed", Severity: alarms.Warning,
		Why: "Running tasks hold a password that was rotated; the next rotation locks them out.",
		Metric: alarms.Metric{
			Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Statistic: "Maximum",
			Dimensions: map[string]string{"QueueName": r.DeadLetterQueue},
		},
		Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 1, Missing: alarms.NotBreaching,
	}}
}
