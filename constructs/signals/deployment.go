package signals

import (
	"maps"
	"slices"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// DeploymentRows is the table of the alarms that take a release back. ECS reads them
// from the first request that a new release gets to the end of its bake time, and it
// does not read one that is in alarm already when a deployment begins: the release
// that mends an incident must not be stopped by it.
func DeploymentRows(env config.Environment, entrance Entrance) []alarms.Row {
	limits := env.Delivery.Rollback
	bad := func(row alarms.Row) alarms.Row {
		row.Runbook, row.Compare, row.Missing = "deployment-failed", alarms.Above, alarms.NotBreaching
		row.Periods, row.Datapoints = config.RollbackWindowMinutes, config.RollbackMinutes
		return row
	}
	rows := []alarms.Row{bad(alarms.Row{
		ID: "deployment-errors", Threshold: limits.ErrorPercent,
		Why:    "Requests fail, whoever answers them: a deployment that runs is taken back.",
		Metric: alarms.Metric{Expression: Errors(limits.LeastErrors), Inputs: entrance.ErrorRateInputs()},
	})}
	groups := entrance.Groups()
	for _, colour := range slices.Sorted(maps.Keys(groups)) {
		rows = append(rows,
			bad(alarms.Row{
				ID: "deployment-errors-" + colour, Threshold: limits.ErrorPercent,
				Why:    "The release in the " + colour + " target group fails: a deployment that runs is taken back.",
				Metric: alarms.Metric{Expression: GroupErrors(limits.LeastErrors), Inputs: entrance.GroupErrorsInputs(groups[colour])},
			}),
			bad(alarms.Row{
				ID: "deployment-latency-" + colour, Threshold: limits.Latency.Seconds(),
				Why:    "The release in the " + colour + " target group is slow: a deployment that runs is taken back.",
				Metric: alarms.Metric{Expression: GroupLatency(limits.LeastRequests), Inputs: entrance.GroupLatencyInputs(groups[colour])},
			}))
	}
	return rows
}
