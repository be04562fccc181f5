package dashboards

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Standby is what decides about a failover.
type Standby struct {
	// Regions are both, and Reached is 1 while the world reaches one.
	Regions []config.Region
	Reached func(config.Region) alarms.Metric
	// Lag is the work that a failover would lose, and EventDelay how late events
	// arrive, both in milliseconds; EventDelay is empty while nothing copies events.
	Lag, EventDelay alarms.Metric
	// DR has the limits.
	DR config.DR
}

// panels are the way out.
func (s Standby) panels(names config.Names) []panel {
	var reached []line
	for _, region := range s.Regions {
		reached = append(reached, line{region.Name, s.Reached(region)})
	}
	panels := []panel{
		{text: "# " + names.Prefix() + ": second region\n" +
			"Whether a failover could be run now, and what it would lose. What to do is in docs/RUNBOOK.md."},
		{title: "Load balancers as the world sees them, 1 is reached", lines: reached},
		{title: "Work that a failover would lose, milliseconds", lines: []line{{"lag", s.Lag}}, limits: []limit{
			{"alarm", float64(s.DR.ReplicationLag.Milliseconds())},
			{"promise", float64(s.DR.Recovery.PointObjective.Milliseconds())},
		}},
	}
	if s.EventDelay.Name == "" {
		return panels
	}
	return append(panels, panel{title: "Events' delay, milliseconds", lines: []line{{"replicator", s.EventDelay}},
		limits: []limit{{"alarm", float64(s.DR.EventLag.Milliseconds())}}})
}
