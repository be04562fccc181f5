package dashboards

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/signals"
)

// standby is the way out, and then what the platform that waits does.
func standby(env config.Environment, p signals.Platform) []panel {
	panels := []panel{
		{text: "# " + env.Names().Prefix() + ": second region\n" +
			"Whether a failover could be run now, and what it would lose. What to do is in docs/RUNBOOK.md."},
		{title: "Entrances as the world sees them, 1 is reached", lines: []line{
			{env.Primary.Name, p.Reached(env.Primary.Name)},
			{env.Secondary.Name, p.Reached(env.Secondary.Name)},
		}},
		{title: "Work that a failover would lose, milliseconds", lines: []line{{
			"lag", alarms.Metric{Expression: signals.RecoveryPointLag(p.Aurora)},
		}}, limits: []limit{
			{"alarm", float64(env.DR.ReplicationLag.Milliseconds())},
			{"promise", float64(env.DR.Recovery.PointObjective.Milliseconds())},
		}},
	}
	if env.Replication() == config.ReplicationRunning {
		panels = append(panels, panel{title: "Events' delay, milliseconds", lines: []line{
			{"replicator", p.Replicator(env.Names().ReplicatorName(), "ReplicationLatency", "Maximum")},
		}, limits: []limit{{"alarm", float64(env.DR.EventLag.Milliseconds())}}})
	}
	return append(panels, technical(env, p)...)
}
