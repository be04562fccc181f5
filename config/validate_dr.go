package config

import (
	"regexp"
	"time"
)

const (
	// recoveryTime and recoveryPoint are the seed's objectives, which nobody
	// promises less than.
	recoveryTime  = 30 * time.Minute
	recoveryPoint = 5 * time.Minute
	// minLag is the shortest lag worth an alarm: Aurora promises about a second
	// and reports it once a minute, so a lower threshold only makes noise.
	minLag = 20 * time.Second
)

func validateDR(p *problems, e Environment) {
	dr := e.DR
	oneOf(p, "DR.Mode", dr.Mode, DRNone, DRBackup, DRStandby)
	p.check(dr.AllowDataOutsideBrazil || !dr.Mode.Copies(), "DR.Mode", string(dr.Mode),
		"%q while DR.AllowDataOutsideBrazil is false: give up the copies, or allow the transfer once it has a legal basis", DRNone)
	validateReplication(p, e)
	if dr.Mode == DRStandby {
		validateStandby(p, e)
	}
}

// validateStandby checks what only the standby mode uses.
func validateStandby(p *problems, e Environment) {
	dr := e.DR
	validateNetwork(p, "DR.Network", dr.Network, e.Secondary, e)
	if blocks := e.blocks(); len(blocks) == 2 {
		p.check(!blocks[0].prefix.Overlaps(blocks[1].prefix), blocks[1].field, blocks[1].prefix,
			"a block apart from %s %v", blocks[0].field, blocks[0].prefix)
	}
	validateDatabaseClass(p, "DR.InstanceType", dr.InstanceType, e.Secondary, dr.Mode)
	// After a failover it carries what the primary's writer did.
	here, there := databaseMemoryMiB(e.Database.InstanceType), databaseMemoryMiB(dr.InstanceType)
	p.check(there == 0 || there >= here, "DR.InstanceType", dr.InstanceType, "a class of at least the %d MiB of Database.InstanceType, %s", here, e.Database.InstanceType)
	p.check(suffixPattern.MatchString(dr.ClusterSuffix), "DR.ClusterSuffix", dr.ClusterSuffix, `nothing, or a hyphen and 1 to 8 lower-case letters and digits, such as "-b"`)
	p.check(e.Names().DatabaseClusterName(e.Secondary) != e.Names().RestoredClusterName(e.Secondary), "DR.ClusterSuffix", dr.ClusterSuffix,
		"another end than that of a restored cluster, whose place the standby would take")
	between(p, "DR.Readers", dr.Readers, 1, 16)
	if _, known := offers[e.Primary.Name]; known { // else reported with the region's name
		oneOf(p, "DR.ActiveRegion", dr.ActiveRegion, e.Primary.Name, e.Secondary.Name)
	}
	between(p, "DR.MinTasks", dr.MinTasks, 1, max(e.Service.MaxTasks, 1))
	p.check(e.Secondary.DatabaseCABundle() != "", "Secondary.Name", e.Secondary.Name, "a region whose RDS certificates are in config/cabundle")
	p.check(e.Messaging.Zones <= len(e.Secondary.Zones), "Secondary.Zones", e.Secondary.Zones, "at least Messaging.Zones, %d", e.Messaging.Zones)
	validateRecovery(p, dr)
}

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

// validateReplication keeps the phases of the replicator's rollout in their order.
func validateReplication(p *problems, e Environment) {
	phase, source := e.Messaging.Replication, e.Site.KafkaSource
	oneOf(p, "Messaging.Replication", phase, ReplicationNone, ReplicationPrepared, ReplicationRunning)
	if phase != ReplicationPrepared && phase != ReplicationRunning || e.DR.Mode != DRStandby {
		return // without a second cluster, no phase does anything
	}
	p.check(e.Messaging.BrokerType != "kafka.t3.small" && e.Messaging.Zones >= 3, "Messaging.Replication", string(phase),
		"%q with brokers in fewer than 3 zones or on kafka.t3.small, which MSK does not replicate", ReplicationNone)
	// MSK refuses multi-VPC connectivity at a cluster's creation, and who fills these in
	// has a cluster.
	arn := regexp.MustCompile("^" + regexp.QuoteMeta(ARN("kafka", e.Primary.Name, e.Site.Account, "cluster/"+e.Names().KafkaClusterName()+"/")) + `[0-9a-f-]{36}-[0-9]+$`)
	p.check(arn.MatchString(source.ARN), "Site.KafkaSource.ARN", source.ARN, "the output KafkaClusterArn of the stack %s", e.Names().StackName("messaging"))
	p.check(len(source.Subnets) == e.Messaging.Zones, "Site.KafkaSource.Subnets", source.Subnets,
		"the %d subnets of the output KafkaSubnets of the stack %s", e.Messaging.Zones, e.Names().StackName("messaging"))
	for _, subnet := range source.Subnets {
		p.check(subnetPattern.MatchString(subnet), "Site.KafkaSource.Subnets", subnet, "the ID of a subnet, such as subnet-0123456789abcdef0")
	}
	p.unique("Site.KafkaSource.Subnets", source.Subnets)
}

var suffixPattern = regexp.MustCompile(`^(-[a-z0-9]{1,8})?$`)

var subnetPattern = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)
