package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDRThatTheResidencySwitchOrAWSForbids(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"mode unknown": {func(e *Environment) { e.DR.Mode = "active" }, `DR.Mode: want one of none, backup, standby, got "active"`},
		"data must stay": {func(e *Environment) { e.DR.AllowDataOutsideBrazil = false },
			`DR.Mode: want "none" while DR.AllowDataOutsideBrazil is false: give up the copies, or allow the transfer once it has a legal basis, got "standby"`},
		"suffix of a restored cluster": {func(e *Environment) { e.DR.ClusterSuffix = "-restored" }, `DR.ClusterSuffix: want another end than that of a restored cluster, whose place the standby would take, got "-restored"`},
		"suffix":                       {func(e *Environment) { e.DR.ClusterSuffix = "2" }, `DR.ClusterSuffix: want nothing, or a hyphen and 1 to 8 lower-case letters and digits, such as "-b", got "2"`},
		"class burstable":              {func(e *Environment) { e.Database.InstanceType = "t4g.large" }, `Database.InstanceType: want a class that is not burstable in a global database, got "t4g.large"`},
		"nobody to take over":          {func(e *Environment) { e.DR.Readers = 0 }, `DR.Readers: want 1 to 16, got 0`},
		"alarm too late":               {func(e *Environment) { e.DR.ReplicationLag = 6 * time.Minute }, `DR.ReplicationLag: want whole seconds, 20s to 2m30s, got 6m0s`},
		"alarm on noise":               {func(e *Environment) { e.DR.ReplicationLag = time.Second }, `DR.ReplicationLag: want whole seconds, 20s to 2m30s, got 1s`},
	})
	assertRefused(t, small, map[string]refusal{
		"data must stay": {func(e *Environment) { e.DR.AllowDataOutsideBrazil = false },
			`DR.Mode: want "none" while DR.AllowDataOutsideBrazil is false: give up the copies, or allow the transfer once it has a legal basis, got "backup"`},
	})
	env := small()
	env.DR = DR{Mode: DRNone}
	assert.NoError(t, env.Validate(), "an environment that keeps everything in Brazil")
}

func TestTheStandbysClassIsOfferedInItsRegionToo(t *testing.T) {
	of := offers["us-east-1"]
	t.Cleanup(func() { offers["us-east-1"] = of })
	without := of
	without.databases = map[string][]string{"r7g": graviton}
	offers["us-east-1"] = without
	assert.EqualError(t, large().Validate(),
		`production: Database.InstanceType: want an Aurora MySQL class offered in us-east-1, without "db." (families r7g), got "r6g.2xlarge"`)
	assert.NoError(t, small().Validate(), "nothing of it runs there")
}

// shrink leaves a network with the first few zones.
func shrink(network *Network, zones int) {
	network.Public, network.Private, network.Database = network.Public[:zones], network.Private[:zones], network.Database[:zones]
	network.NATGateways = zones
}
