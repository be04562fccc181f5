package config

import (
	"testing"
	"time"
)

func TestARecoveryThatCannotKeepItsPromise(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"promise of more than the seed's time": {func(e *Environment) { e.DR.Recovery.TimeObjective = 31 * time.Minute },
			`DR.Recovery.TimeObjective: want whole minutes, 1m0s to 30m0s, got 31m0s`},
		"promise of more than the seed's loss": {func(e *Environment) { e.DR.Recovery.PointObjective = 6 * time.Minute },
			`DR.Recovery.PointObjective: want whole minutes, 1m0s to 5m0s, got 6m0s`},
		"alarm after half of the promise": {func(e *Environment) { e.DR.Recovery.PointObjective = time.Minute },
			`DR.ReplicationLag: want whole seconds, 20s to 30s, got 1m0s`},
		"no minute of lag": {func(e *Environment) { e.DR.LagMinutes = 0 }, `DR.LagMinutes: want 1 to 5, got 0`},
		"alarm when the promise is broken": {func(e *Environment) { e.DR.LagMinutes = 3 },
			`DR.LagMinutes: want an alarm before DR.Recovery.PointObjective, 5m0s, is lost: by now it comes at 5m0s, got 3`},
		"events": {func(e *Environment) { e.DR.EventLag = 0 }, `DR.EventLag: want whole seconds, 20s to 1h0m0s, got 0s`},
		"probe that Route 53 does not make": {func(e *Environment) { e.DR.Recovery.Probe.Interval = time.Minute },
			`DR.Recovery.Probe.Interval: want 10s or 30s, got 1m0s`},
		"probe that never fails":   {func(e *Environment) { e.DR.Recovery.Probe.Failures = 0 }, `DR.Recovery.Probe.Failures: want 1 to 10, got 0`},
		"alarm that never comes":   {func(e *Environment) { e.DR.Recovery.Probe.Minutes = 0 }, `DR.Recovery.Probe.Minutes: want 1 to 10, got 0`},
		"nobody decides":           {func(e *Environment) { e.DR.Recovery.Decision = 0 }, `DR.Recovery.Decision: want whole minutes, 1m0s to 30m0s, got 0s`},
		"half a minute":            {func(e *Environment) { e.DR.Recovery.Approval = 90 * time.Second }, `DR.Recovery.Approval: want whole minutes, 1m0s to 30m0s, got 1m30s`},
		"database at once":         {func(e *Environment) { e.DR.Recovery.Database = 0 }, `DR.Recovery.Database: want whole minutes, 1m0s to 30m0s, got 0s`},
		"tasks at once":            {func(e *Environment) { e.DR.Recovery.Scaling = 0 }, `DR.Recovery.Scaling: want whole minutes, 1m0s to 30m0s, got 0s`},
		"traffic at once":          {func(e *Environment) { e.DR.Recovery.Traffic = 0 }, `DR.Recovery.Traffic: want whole minutes, 1m0s to 30m0s, got 0s`},
		"resolvers in the past":    {func(e *Environment) { e.DR.Recovery.Resolvers = -time.Second }, `DR.Recovery.Resolvers: want whole seconds, 0s to 30m0s, got -1s`},
		"no task waits":            {func(e *Environment) { e.DR.MinTasks = 0 }, `DR.MinTasks: want 1 to 20, got 0`},
		"more wait than may run":   {func(e *Environment) { e.DR.MinTasks = 21 }, `DR.MinTasks: want 1 to 20, got 21`},
		"a third region serves":    {func(e *Environment) { e.DR.ActiveRegion = "us-west-2" }, `DR.ActiveRegion: want one of sa-east-1, us-east-1, got "us-west-2"`},
		"zones for the brokers":    {func(e *Environment) { e.Secondary.Zones = e.Secondary.Zones[:2]; shrink(&e.DR.Network, 2) }, `Secondary.Zones: want at least Messaging.Zones, 3, got [us-east-1a us-east-1b]`},
		"a way that is too long":   {func(e *Environment) { e.DR.Recovery.Scaling = 13 * time.Minute }, `DR.Recovery: want phases that sum to DR.Recovery.TimeObjective, 30m0s, at most, got 30m30s`},
		"the longer of two counts": {func(e *Environment) { e.DR.Recovery.Database = 13 * time.Minute }, `DR.Recovery: want phases that sum to DR.Recovery.TimeObjective, 30m0s, at most, got 30m30s`},
	})
}
