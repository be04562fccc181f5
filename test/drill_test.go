package test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/drill"
	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/plan"
)

// drilled is the blueprint of an environment in standby, from its templates.
func drilled(t *testing.T, env environment) blueprint.Blueprint {
	t.Helper()
	stacks, err := cfn.Read(outdir(t))
	require.NoError(t, err)
	read, err := blueprint.Read(stacks, env.Names().Prefix())
	require.NoError(t, err)
	return read
}

// standbys are the environments with a second region that can serve.
func standbys(t *testing.T) []environment {
	t.Helper()
	var found []environment
	for _, env := range platform(t) {
		if env.DR.Mode == config.DRStandby {
			found = append(found, env)
		}
	}
	require.NotEmpty(t, found)
	return found
}

// The plans that would be deployed are rehearsed, both ways and with every fault,
// as `make drill` does.
func TestTheSynthesizedPlansSurviveEveryRehearsal(t *testing.T) {
	for _, env := range standbys(t) {
		all := drill.Suite(drill.Settings{
			Blueprint: drilled(t, env), Promised: drill.Promised{
				Primary: env.Primary.Name, Secondary: env.Secondary.Name, Name: env.Site.APIDomain,
				Hosts: map[string]string{env.Primary.Name: env.Names().RegionalDomain(env.Primary), env.Secondary.Name: env.Names().RegionalDomain(env.Secondary)},
			}, RPO: env.DR.Recovery.PointObjective, Directory: t.TempDir(),
			Approve: func(context.Context, plan.Step) error { return nil },
		})
		open := func(drill.Settings) (drill.Lab, error) { return drill.NewFake(env.Site.Account) }
		reports, err := drill.RunAll(context.Background(), open, all)
		require.NoError(t, err)
		require.Len(t, reports, len(all))
		for _, report := range reports {
			assert.Empty(t, report.Error, report.Name)
			for _, check := range report.Checks {
				assert.True(t, check.OK, "%s: %s: %s", report.Name, check.Name, check.Detail)
			}
		}
	}
}

// The drill shows the plan's own time-outs; config promises the recovery time.
// Each part of the promise must be one of the plan's, or of those around it.
func TestTheTimeoutsOfThePlanAreThePromisedOnes(t *testing.T) {
	for _, env := range standbys(t) {
		read := drilled(t, env)
		for _, mode := range []plan.Mode{plan.Graceful, plan.Ungraceful} {
			budget, err := plan.BudgetOf(read.Failover, read.Secondary, mode, read.Child)
			require.NoError(t, err)
			recovery := env.DR.Recovery
			around := recovery.Probe.Detection() + recovery.Decision + config.AliasTTL + recovery.Resolvers
			assert.Equal(t, recovery.RecoveryTime(), budget.Total()+around, mode)
			assert.Equal(t, recovery.TimeObjective, budget.Objective)
		}
		// The way back cannot lose data, in whatever mode it is run.
		back, ok := read.Failback.Activates(read.Primary)
		require.True(t, ok)
		for _, step := range back {
			assert.False(t, step.LosesData(plan.Ungraceful), step.Name)
			assert.Less(t, step.Timeout(), time.Hour, "%s has no time-out of its own", step.Name)
		}
	}
}
