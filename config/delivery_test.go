package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDeliveryThatECSOrCloudFormationRefuses(t *testing.T) {
	const percent = `Delivery.StepPercent: want tenths of a percent, at least `
	const days = `whole minutes, 5m0s to 24h0m0s, got `
	linear := func(e *Environment, step float64, wait, bake time.Duration) {
		e.Delivery.Strategy, e.Delivery.StepPercent, e.Delivery.StepBake, e.Delivery.Bake = Linear, step, wait, bake
	}
	assertRefused(t, large, map[string]refusal{
		"strategy":             {func(e *Environment) { e.Delivery.Strategy = "ROLLING" }, `Delivery.Strategy: want one of BLUE_GREEN, CANARY, LINEAR, got "ROLLING"`},
		"no time to see":       {func(e *Environment) { e.Delivery.Bake = 4 * time.Minute }, `Delivery.Bake: want ` + days + `4m0s`},
		"bake by fractions":    {func(e *Environment) { e.Delivery.Bake = 270 * time.Second }, `Delivery.Bake: want ` + days + `4m30s`},
		"bake over a day":      {func(e *Environment) { e.Delivery.Bake = 25 * time.Hour }, `Delivery.Bake: want ` + days + `25h0m0s`},
		"step over a day":      {func(e *Environment) { e.Delivery.StepBake = 25 * time.Hour }, `Delivery.StepBake: want ` + days + `25h0m0s`},
		"step without a look":  {func(e *Environment) { e.Delivery.StepBake = 0 }, `Delivery.StepBake: want ` + days + `0s`},
		"canary of nobody":     {func(e *Environment) { e.Delivery.StepPercent = 0 }, percent + `0.1 and less than 100, with Strategy CANARY, got 0`},
		"canary of everybody":  {func(e *Environment) { e.Delivery.StepPercent = 100 }, percent + `0.1 and less than 100, with Strategy CANARY, got 100`},
		"canary of hundredths": {func(e *Environment) { e.Delivery.StepPercent = 0.25 }, percent + `0.1 and less than 100, with Strategy CANARY, got 0.25`},
		"linear too slow":      {func(e *Environment) { linear(e, 2.9, 5*time.Minute, 5*time.Minute) }, percent + `3 and less than 100, with Strategy LINEAR, got 2.9`},
		"canary over CloudFormation's time": {func(e *Environment) { e.Delivery.StepBake, e.Delivery.Bake = 10*time.Hour, 24*time.Hour },
			`Delivery.Bake: want with every StepBake at most 33h0m0s, CloudFormation's limit, not 34h0m0s, got 24h0m0s`},
		// 25 % moves four times and waits three.
		"linear over CloudFormation's time": {func(e *Environment) { linear(e, 25, 8*time.Hour, 10*time.Hour) },
			`Delivery.Bake: want with every StepBake at most 33h0m0s, CloudFormation's limit, not 34h0m0s, got 10h0m0s`},
		// 11 % moves ten times and waits nine.
		"odd steps over CloudFormation's time": {func(e *Environment) { linear(e, 11, 3*time.Hour, 7*time.Hour) },
			`Delivery.Bake: want with every StepBake at most 33h0m0s, CloudFormation's limit, not 34h0m0s, got 7h0m0s`},
		"a real ledger": {func(e *Environment) { e.Delivery.SmokeTransactions = true },
			`Delivery.SmokeTransactions: want false where Tags.DataClass is not "synthetic": a test must not enter money into a real ledger, got true`},
	})
	assertRefused(t, small, map[string]refusal{
		"steps of all at once": {func(e *Environment) { e.Delivery.StepPercent, e.Delivery.StepBake = 10, time.Minute },
			"Delivery.StepPercent: want 0 with Strategy BLUE_GREEN, which has one step, got 10\nDelivery.StepBake: want 0s with Strategy BLUE_GREEN, which has one step, got 1m0s"},
	})
	for name, delivery := range map[string]Delivery{
		"the smallest canary":  {Strategy: Canary, StepPercent: 0.1, StepBake: 5 * time.Minute, Bake: 5 * time.Minute},
		"tenths":               {Strategy: Canary, StepPercent: 12.3, StepBake: 5 * time.Minute, Bake: 5 * time.Minute},
		"the longest canary":   {Strategy: Canary, StepPercent: 5, StepBake: 9 * time.Hour, Bake: 24 * time.Hour},
		"the slowest linear":   {Strategy: Linear, StepPercent: 3, StepBake: 59 * time.Minute, Bake: 5 * time.Minute},
		"linear, just in time": {Strategy: Linear, StepPercent: 25, StepBake: 8 * time.Hour, Bake: 9 * time.Hour},
	} {
		env := large()
		delivery.Rollback, delivery.Migration = env.Delivery.Rollback, env.Delivery.Migration
		delivery.Migration.Timeout = time.Hour // the longest strategy leaves no time for more
		env.Delivery = delivery
		assert.NoError(t, env.Validate(), name)
	}
}

func TestRollbackThatNeverOrAlwaysComes(t *testing.T) {
	rollback := func(e *Environment) *Rollback { return &e.Delivery.Rollback }
	assertRefused(t, large, map[string]refusal{
		"under the promise": {func(e *Environment) { rollback(e).ErrorPercent = 0.05 }, `Delivery.Rollback.ErrorPercent: want at least Observability.ErrorRatePercent, 0.1, and less than 100, got 0.05`},
		"never":             {func(e *Environment) { rollback(e).ErrorPercent = 100 }, `Delivery.Rollback.ErrorPercent: want at least Observability.ErrorRatePercent, 0.1, and less than 100, got 100`},
		"without an error":  {func(e *Environment) { rollback(e).MinErrors = 0 }, `Delivery.Rollback.MinErrors: want at least 1, got 0`},
		"without a request": {func(e *Environment) { rollback(e).MinRequests = 0 }, `Delivery.Rollback.MinRequests: want at least 1, got 0`},
		"at once":           {func(e *Environment) { rollback(e).Latency = 90 * time.Millisecond }, `Delivery.Rollback.Latency: want whole milliseconds, 100ms to 1m0s, got 90ms`},
		"never too slow":    {func(e *Environment) { rollback(e).Latency = 2 * time.Minute }, `Delivery.Rollback.Latency: want whole milliseconds, 100ms to 1m0s, got 2m0s`},
	})
}

func TestMigrationThatFargateOrADeploymentRefuses(t *testing.T) {
	migration := func(e *Environment) *Migration { return &e.Delivery.Migration }
	assertRefused(t, large, map[string]refusal{
		"size":          {func(e *Environment) { migration(e).MemoryMiB = 512 }, `Delivery.Migration.MemoryMiB: want a Fargate size: 1024 to 4096 MiB in steps of 1024 for CPU 512, got 512`},
		"start at once": {func(e *Environment) { migration(e).StartTimeout = 0 }, `Delivery.Migration.StartTimeout: want whole seconds, 1m0s to 1h0m0s, got 0s`},
		"end at once":   {func(e *Environment) { migration(e).Timeout = 0 }, `Delivery.Migration.Timeout: want whole seconds, 1m0s to 22h0m0s, got 0s`},
		"update that CloudFormation gives up": {func(e *Environment) { e.Delivery.Bake, migration(e).Timeout = 20*time.Hour, 20*time.Hour },
			`Delivery.Migration.Timeout: want so much that with the start, every wait and an hour for the tasks it is at most 36h0m0s, after which CloudFormation gives an update up, not 41h15m0s, got 20h0m0s`},
		"over its stage": {func(e *Environment) { migration(e).Timeout = 23 * time.Hour }, `Delivery.Migration.Timeout: want whole seconds, 1m0s to 22h0m0s, got 23h0m0s`},
	})
}
