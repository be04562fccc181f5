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
		"class unknown":                {func(e *Environment) { e.DR.InstanceType = "" }, `DR.InstanceType: want an Aurora MySQL class offered in us-east-1, without "db." (families r6g, r6i, r7g, r7i, r8g, t4g), got ""`},
		"class burstable":              {func(e *Environment) { e.DR.InstanceType = "t4g.large" }, "DR.InstanceType: want a class that is not burstable in a global database, got \"t4g.large\"\nDR.InstanceType: want a class of at least the 65536 MiB of Database.InstanceType, r6g.2xlarge, got \"t4g.large\""},
		"class too small for the load": {func(e *Environment) { e.DR.InstanceType = "r6g.xlarge" }, `DR.InstanceType: want a class of at least the 65536 MiB of Database.InstanceType, r6g.2xlarge, got "r6g.xlarge"`},
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

// shrink leaves a network with the first few zones.
func shrink(network *Network, zones int) {
	network.Public, network.Private, network.Database = network.Public[:zones], network.Private[:zones], network.Database[:zones]
	network.NATGateways = zones
}
