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

// Migration is the task that changes the schema before a new release starts.
type Migration struct {
	CPU, MemoryMiB int // a Fargate size
	// StartTimeout is how long the task may take to start, Timeout how long from
	// there to its end, after which it is stopped and the deployment fails.
	StartTimeout, Timeout time.Duration
}

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
