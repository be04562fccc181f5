package config

import (
	"math"
	"time"
)

// validateDelivery holds the limits of DeploymentConfiguration, CanaryConfiguration
// and LinearConfiguration in CloudFormation's reference of AWS::ECS::Service.
func validateDelivery(p *problems, e Environment) {
	d := e.Delivery
	const day = 24 * time.Hour
	oneOf(p, "Delivery.Strategy", d.Strategy, AllAtOnce, Canary, Linear)
	// Alarms are read while the old release waits.
	p.minutes("Delivery.Bake", d.Bake, RollbackWindowMinutes*time.Minute, day)
	switch d.Strategy {
	case AllAtOnce:
		p.check(d.StepPercent == 0, "Delivery.StepPercent", d.StepPercent, "0 with Strategy %s, which has one step", AllAtOnce)
		p.check(d.StepBake == 0, "Delivery.StepBake", d.StepBake, "0s with Strategy %s, which has one step", AllAtOnce)
	case Canary, Linear:
		least := 0.1
		if d.Strategy == Linear {
			least = 3
		}
		tenths := d.StepPercent * 10
		p.check(least <= d.StepPercent && d.StepPercent < 100 && math.Abs(tenths-math.Round(tenths)) < 1e-9,
			"Delivery.StepPercent", d.StepPercent, "tenths of a percent, at least %v and less than 100, with Strategy %s", least, d.Strategy)
		p.minutes("Delivery.StepBake", d.StepBake, RollbackWindowMinutes*time.Minute, day)
	}
	p.check(d.Shift() <= MaxDelivery, "Delivery.Bake", d.Bake, "with every StepBake at most %v, CloudFormation's limit, not %v", MaxDelivery, d.Shift())
	// Also the queue of rotations waits for three of them, in at most SQS's 1,000 receptions.
	p.check(d.Shift() > MaxDelivery || d.Longest() <= maxUpdate, "Delivery.Migration.Timeout", d.Migration.Timeout,
		"so much that with the start, every wait and an hour for the tasks it is at most %v, after which CloudFormation gives an update up, not %v", maxUpdate, d.Longest())
	validateRollback(p, d.Rollback, e.Observability)
	validateMigration(p, d.Migration)
	p.check(!d.SmokeTransactions || e.Tags.DataClass == synthetic, "Delivery.SmokeTransactions", d.SmokeTransactions,
		"false where Tags.DataClass is not %q: a test must not enter money into a real ledger", synthetic)
}

func validateRollback(p *problems, r Rollback, promises Observability) {
	p.check(promises.ErrorRatePercent <= r.ErrorPercent && r.ErrorPercent < 100, "Delivery.Rollback.ErrorPercent", r.ErrorPercent,
		"at least Observability.ErrorRatePercent, %v, and less than 100", promises.ErrorRatePercent)
	p.positive("Delivery.Rollback.MinErrors", r.MinErrors)
	p.positive("Delivery.Rollback.MinRequests", r.MinRequests)
	// Above a minute, no release would ever be taken back for being slow.
	p.milliseconds("Delivery.Rollback.Latency", r.Latency, max(promises.LatencyTarget, time.Millisecond), time.Minute)
}

func validateMigration(p *problems, m Migration) {
	p.check(fargateOffers(m.CPU, m.MemoryMiB), "Delivery.Migration.MemoryMiB", m.MemoryMiB, "a Fargate size: %s", fargateSizes(m.CPU))
	p.seconds("Delivery.Migration.StartTimeout", m.StartTimeout, time.Minute, time.Hour)
	// ECS gives up a stage of a deployment after a day.
	p.seconds("Delivery.Migration.Timeout", m.Timeout, time.Minute, 22*time.Hour)
}
