package config

import (
	"fmt"
	"time"
)

// Recovery is how São Paulo's loss is survived: what is promised, and how long
// each part of the way may take. Every duration is an upper bound that somebody
// or something enforces; what enforces it is said with each.
type Recovery struct {
	// TimeObjective and PointObjective are the promises: until the wallet works
	// again (RTO), and how much of the newest work may be gone (RPO).
	TimeObjective, PointObjective time.Duration
	// Probe asks each region's load balancer from outside it.
	Probe Probe
	// Decision is the time that people have between the page and the start of the
	// plan. The procedure of the runbook enforces it, and nothing else does.
	Decision time.Duration
	// Approval, Database, Scaling and Traffic are the time-outs of the plan's
	// steps, in whole minutes: Region switch stops a step that takes longer and
	// waits for a person.
	Approval, Database, Scaling, Traffic time.Duration
	// Resolvers is how long names that were answered before the switch are used
	// beyond [AliasTTL]: by clients that look a name up once for each connection.
	Resolvers time.Duration
}

// Probe is a Route 53 health check on a region's load balancer, and the alarm on it.
type Probe struct {
	// Interval is between two questions of one checker: 10 or 30 seconds.
	Interval time.Duration
	// Failures in a row make the load balancer unhealthy, 1 to 10.
	Failures int
	// Minutes in a row without health raise the alarm.
	Minutes int
}

// Detection is the time from the loss to the page.
func (p Probe) Detection() time.Duration {
	return time.Duration(p.Failures)*p.Interval + metricDelay + time.Duration(p.Minutes)*time.Minute
}

// AliasTTL is how long resolvers keep the answer of an alias record that leads to
// a load balancer. Route 53 sets it and lets nobody change it ("Choosing between
// alias and non-alias records" in its developer guide).
const AliasTTL = 60 * time.Second

// Phase is one part of the way from the loss to a wallet that works.
type Phase struct {
	Name   string
	Budget time.Duration
	// Source says where the duration is from.
	Source string
	// Parallel means: at the same time as the phase before it.
	Parallel bool
}

// RTOBudget is the critical path of a failover, in its order.
func (r Recovery) RTOBudget() []Phase {
	probe := r.Probe
	return []Phase{
		{Name: "detection", Budget: probe.Detection(), Source: fmt.Sprintf(
			"%d failures %v apart, the minute that CloudWatch may be late, and %d minutes of the alarm", probe.Failures, probe.Interval, probe.Minutes)},
		{Name: "decision", Budget: r.Decision, Source: "people: the on-call starts the plan; measured in each drill, enforced by nothing"},
		{Name: StepApprove, Budget: r.Approval, Source: "people: the second person; the step's time-out"},
		{Name: StepDatabase, Budget: r.Database, Source: "the step's time-out; AWS says \"typically minutes\" for an unplanned failover and less for a switchover"},
		{Name: StepService, Budget: r.Scaling, Parallel: true, Source: "the step's time-out; an image pull, a JVM's start and the load balancer's two good answers, in waves"},
		{Name: StepTraffic, Budget: r.Traffic, Source: "the step's time-out; Route 53's data plane changes a health check's state in seconds"},
		{Name: "resolvers", Budget: AliasTTL + r.Resolvers, Source: fmt.Sprintf("Route 53's TTL of %v for a load balancer's alias, and clients that keep a name longer", AliasTTL)},
	}
}

// RecoveryTime is the sum of the critical path: of phases that run at the same
// time, the longest counts.
func (r Recovery) RecoveryTime() time.Duration {
	var sum, group time.Duration
	for _, phase := range r.RTOBudget() {
		if phase.Parallel {
			group = max(group, phase.Budget)
			continue
		}
		sum += group
		group = phase.Budget
	}
	return sum + group
}

// The names of the plans' steps, by which people approve and skip them.
const (
	StepApprove  = "approve"
	StepRegion   = "activate-region" // holds the two after it, side by side
	StepDatabase = "promote-database"
	StepService  = "scale-service"
	StepTraffic  = "move-traffic"
)

// The Region switch plans.
const (
	PlanFailover = "failover" // for the loss of the active region; can lose data when it is run so
	PlanFailback = "failback" // the way back, or a planned change of region; never loses data
	PlanTraffic  = "traffic"  // moves the name alone; the two others run it as their last step
)

// Plans are the names of all plans.
func Plans() []string { return []string{PlanFailover, PlanFailback, PlanTraffic} }

// Plans are the names of the environment's own: none where no region stands by.
func (e Environment) Plans() []string {
	if e.DR.Mode != DRStandby {
		return nil
	}
	return Plans()
}

// RecoveryPoint is what one store loses with the region.
type RecoveryPoint struct {
	Store string
	// Copy says how it gets to the second region; empty for what is not copied.
	Copy string
	// Loss is the bound that is watched; 0 where the store is lost as a whole or
	// nothing is lost.
	Loss time.Duration
	// Typical is what AWS states, or what the platform does about it.
	Typical string
	// Alarm names what is raised when the bound is in danger; empty for none.
	Alarm string
	// RecoverySource says where the lost part comes from.
	RecoverySource string
}

// RecoveryPoints are all stores of the platform, the most precious first.
func (e Environment) RecoveryPoints() []RecoveryPoint {
	return []RecoveryPoint{
		{
			Store: "Aurora: wallets, transactions, events, outbox", Copy: "Aurora Global Database", Loss: e.DR.ReplicationLag,
			Typical: "under a second; nothing in a switchover; Aurora MySQL enforces no bound", Alarm: e.AlarmLag(e.StandbyRegion()),
			RecoverySource: "from the snapshot that Aurora keeps of the old primary, by hand",
		},
		e.kafkaPoint(),
		{
			Store: "S3: exported backups", Copy: "replication with time control", Loss: ReplicationTime,
			Typical: "AWS promises 15 minutes, no less: the exception to the five", Alarm: "storage-replication", RecoverySource: "the export is made again",
		},
		{
			Store: "S3: static content", Copy: "replication", Typical: "minutes; AWS promises nothing without time control", RecoverySource: "the pipeline that published it",
		},
		{
			Store: "secrets of the database", Copy: "Secrets Manager replicas", Typical: "seconds", RecoverySource: "the next rotation",
		},
		{
			Store: "container images", Copy: "ECR replication", Typical: "most within 30 minutes of the push", RecoverySource: "the pipeline that pushed them",
		},
		{
			Store: "snapshots in AWS Backup", Copy: "daily copy", Loss: 24*time.Hour + e.Backup.StartWindow + e.Backup.CompletionWindow,
			Typical: "against corruption, not for a failover", Alarm: "backup-copy-failed", RecoverySource: "no other source",
		},
		{Store: "cache", Typical: "all of it, by design: outside the RPO", RecoverySource: "fills itself from Aurora"},
		{Store: "logs, metrics, traces of São Paulo", Typical: "out of reach until the region returns", RecoverySource: "no other source"},
	}
}

// kafkaPoint depends on how far the rollout of the replicator is.
func (e Environment) kafkaPoint() RecoveryPoint {
	point := RecoveryPoint{
		Store: "Kafka: events", Typical: "all of it: no replicator runs",
		RecoverySource: "deposits and new wallets: published again from the outbox, which is in Aurora; withdrawals and transfers leave no event yet",
	}
	if e.Replication() == ReplicationRunning {
		point.Copy, point.Loss = "MSK Replicator", e.DR.EventLag
		point.Typical, point.Alarm = "seconds, without a promise of AWS", AlarmReplicator
	}
	return point
}

// AlarmReplicator is the alarm on the delay of events.
const AlarmReplicator = "standby-replicator-lag"

// AlarmLag is the alarm on the lag of a region's database while it waits.
func (e Environment) AlarmLag(region Region) string {
	if region.Name == e.Primary.Name {
		return "primary-lag"
	}
	return "standby-lag"
}

// ReplicationTime is the only promise that S3's replication time control makes.
const ReplicationTime = 15 * time.Minute

const (
	// recoveryTime and recoveryPoint are the seed's objectives, which nobody
	// promises less than.
	recoveryTime  = 30 * time.Minute
	recoveryPoint = 5 * time.Minute
)

// validateRecovery holds the promises, and the sum of the way to keep them.
func validateRecovery(p *problems, dr DR) {
	recovery := dr.Recovery
	p.minutes("DR.Recovery.TimeObjective", recovery.TimeObjective, time.Minute, recoveryTime)
	p.minutes("DR.Recovery.PointObjective", recovery.PointObjective, time.Minute, recoveryPoint)
	// The alarm must leave a person the time to act before the promise is broken.
	most := max(recovery.PointObjective/2, minLag)
	p.seconds("DR.ReplicationLag", dr.ReplicationLag, minLag, most)
	p.seconds("DR.EventLag", dr.EventLag, minLag, time.Hour)
	between(p, "DR.LagMinutes", dr.LagMinutes, 1, 5)
	p.check(dr.ReplicationLag > most || dr.AlertLag(dr.ReplicationLag) < recovery.PointObjective, "DR.LagMinutes", dr.LagMinutes,
		"an alarm before DR.Recovery.PointObjective, %v, is lost: by now it comes at %v", recovery.PointObjective, dr.AlertLag(dr.ReplicationLag))
	probe := recovery.Probe
	p.check(probe.Interval == 10*time.Second || probe.Interval == 30*time.Second, "DR.Recovery.Probe.Interval", probe.Interval, "10s or 30s")
	between(p, "DR.Recovery.Probe.Failures", probe.Failures, 1, 10)
	between(p, "DR.Recovery.Probe.Minutes", probe.Minutes, 1, 10)
	p.minutes("DR.Recovery.Decision", recovery.Decision, time.Minute, recoveryTime)
	for _, step := range []struct {
		field   string
		timeout time.Duration
	}{
		{"DR.Recovery.Approval", recovery.Approval}, {"DR.Recovery.Database", recovery.Database},
		{"DR.Recovery.Scaling", recovery.Scaling}, {"DR.Recovery.Traffic", recovery.Traffic},
	} {
		p.minutes(step.field, step.timeout, time.Minute, recoveryTime)
	}
	p.seconds("DR.Recovery.Resolvers", recovery.Resolvers, 0, recoveryTime)
	p.check(recovery.RecoveryTime() <= recovery.TimeObjective, "DR.Recovery", recovery.RecoveryTime(),
		"phases that sum to DR.Recovery.TimeObjective, %v, at most", recovery.TimeObjective)
}
