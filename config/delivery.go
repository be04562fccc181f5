package config

import (
	"math"
	"time"
)

// Delivery is how a new release of the service takes over from the running one.
// ECS starts it beside the old one, changes the schema first, tests it, moves the
// customers' requests to it, and moves them back when an alarm goes off.
type Delivery struct {
	// Strategy says in how many steps requests move.
	Strategy Strategy
	// StepPercent is the share of requests that [Canary] moves first and [Linear]
	// moves at each step: tenths of a percent; 0 with [AllAtOnce].
	StepPercent float64
	// StepBake is the wait after such a step, in whole minutes; 0 with [AllAtOnce].
	StepBake time.Duration
	// Bake is how long the old release waits, after the last step, to take the
	// requests back in seconds. Whole minutes.
	Bake time.Duration
	// Rollback is what ends a deployment.
	Rollback Rollback
	// Migration is the task that changes the schema.
	Migration Migration
	// SmokeTransactions lets the test of a new release create wallets and move
	// money between them; without it the test only reads.
	SmokeTransactions bool
	// HooksOff leaves the migration and the test out of deployments: the way out when
	// one of the two is itself what fails.
	HooksOff bool
}

// Strategy is the way in which requests move to a new release, by ECS's name.
type Strategy string

// The strategies.
const (
	AllAtOnce Strategy = "BLUE_GREEN"
	Canary    Strategy = "CANARY"
	Linear    Strategy = "LINEAR"
)

// Rollback are the limits from which a new release is taken back. They hold for
// the target group of each release by itself: a tenth of the requests that all
// fail would be lost in the average of both.
type Rollback struct {
	// ErrorPercent is the share of failed requests.
	ErrorPercent float64
	// MinErrors is the number of failed requests in a minute below which their
	// share says nothing, and MinRequests the same for the latency.
	MinErrors, MinRequests int
	// Latency is the P95.
	Latency time.Duration
}

// RollbackMinutes bad minutes of the last RollbackWindowMinutes end a deployment.
// The first one of a JVM that has just started is often slow, and of the newest one
// not everything has been counted yet.
const RollbackMinutes = 3

// RollbackWindowMinutes are those that are looked at.
const RollbackWindowMinutes = 5

// walletRollback takes a release back that fails ten times as many requests as the
// wallet promises, or is five times as slow. The promises themselves are watched
// by alarms that people read: a release is not the only thing that breaks them.
func walletRollback(promises Observability) Rollback {
	return Rollback{
		ErrorPercent: 10 * promises.ErrorRatePercent,
		// Five failures in a minute are no accident; fewer, of a handful of requests,
		// are a large share and say nothing.
		MinErrors: 5,
		// A P95 of fewer is the slowest one or two of them, in a JVM that still compiles.
		MinRequests: 50,
		Latency:     5 * promises.LatencyTarget,
	}
}

// Migration is the task that changes the schema before a new release starts.
type Migration struct {
	CPU, MemoryMiB int // a Fargate size
	// StartTimeout is how long the task may take to start, Timeout how long from
	// there to its end, after which it is stopped and the deployment fails: what takes
	// longer belongs into a migration of its own, apart from a release.
	StartTimeout, Timeout time.Duration
}

// MigrationUser is the user of the migrations' image: nobody, as in images that
// hold one static program.
const MigrationUser = 65532

// MigrationConnections is the number of database connections that a migration
// opens: one that holds the lock and one that works.
const MigrationConnections = 2

// MaxDelivery is the longest a strategy may take. CloudFormation gives an update
// up after 36 hours, and refuses a service that would take more than 33.
const MaxDelivery = 33 * time.Hour

// maxUpdate is when CloudFormation gives the update of a service up, its hooks
// included.
const maxUpdate = 36 * time.Hour

// steps is the number of steps after which [Linear] waits: not after the last one.
func (d Delivery) steps() int {
	if d.Strategy != Linear || d.StepPercent <= 0 {
		return 1
	}
	exact := 100 / d.StepPercent
	if exact == math.Trunc(exact) {
		return int(exact) - 1
	}
	return int(exact)
}

// Shift is the time for which the strategy waits in all.
func (d Delivery) Shift() time.Duration {
	return time.Duration(d.steps())*d.StepBake + d.Bake
}

// Longest is how long a deployment takes that ends well: the strategy's waits, a
// migration at its limits, and an hour for tasks to start and to drain.
func (d Delivery) Longest() time.Duration {
	return d.Shift() + d.Migration.StartTimeout + d.Migration.Timeout + time.Hour
}

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
