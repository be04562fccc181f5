package signals

import (
	"slices"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// StandbyRows is the table of the second region: what decides about a failover, and
// the first region's own table for the platform that waits.
func StandbyRows(env config.Environment, p Platform, cache []alarms.Row) []alarms.Row {
	return slices.Concat(lagRows(env, env.Secondary), entranceRows(env, p), replicatorRows(env, p), waitingRows(env, p, cache))
}

// entranceRows watch both regions from outside. Losing the region that serves is
// what the failover plan is for; losing the other one takes the way out away.
func entranceRows(env config.Environment, p Platform) []alarms.Row {
	var rows []alarms.Row
	for _, region := range []config.Region{env.Primary, env.Secondary} {
		row := alarms.Row{
			ID: config.AlarmEntrance(region), Runbook: "entrance", Severity: alarms.Warning,
			Why:     "The world does not reach the region that waits: there is nowhere to fail over to.",
			Metric:  p.Reached(region.Name),
			Compare: alarms.Below, Threshold: 1, Periods: env.DR.Recovery.Probe.Minutes + 1, Datapoints: env.DR.Recovery.Probe.Minutes, Missing: alarms.Breaching,
		}
		if env.Serves(region) {
			row.Severity = alarms.Critical
			row.Why = "The world does not reach the region that serves: decide about a failover now."
		}
		rows = append(rows, row)
	}
	return rows
}

// replicatorRows watch the copying of events, once it runs.
func replicatorRows(env config.Environment, p Platform) []alarms.Row {
	if env.Replication() != config.ReplicationRunning {
		return nil
	}
	name := env.Names().ReplicatorName()
	return []alarms.Row{
		{
			ID: config.AlarmReplicator, Runbook: "standby-replicator", Severity: alarms.Warning,
			Why:    "Events reach the second region late: a failover now would have to publish more of them again.",
			Metric: p.Replicator(name, "ReplicationLatency", "Maximum"),
			// The metric is in milliseconds.
			Compare: alarms.Above, Threshold: float64(env.DR.EventLag.Milliseconds()), Periods: env.DR.LagMinutes + 1, Datapoints: env.DR.LagMinutes, Missing: alarms.NotBreaching,
		},
		{
			ID: "standby-replicator-failed", Runbook: "standby-replicator", Severity: alarms.Warning,
			Why:     "The replicator of events fails: it cannot read one cluster or write the other.",
			Metric:  p.Replicator(name, "ReplicatorFailure", "Maximum"),
			Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		},
	}
}

// waitingRows are the first region's rows for the second one's platform.
func waitingRows(env config.Environment, p Platform, cache []alarms.Row) []alarms.Row {
	rows := slices.Concat(
		edgeRows(env, p), guardRows(env, p), serviceRows(env, p, env.MinTasks(env.Secondary)), writerRows(env, p),
		cache, kafkaRows(env, p), networkRows(p), backupRows(env)[:2], functionRows(p),
	)
	for i := range rows {
		rows[i].ID = "standby-" + rows[i].ID
	}
	return atRest(rows, env, env.Secondary)
}
