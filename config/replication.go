package config

import (
	"regexp"
)

// Replication is a phase in the rollout of the MSK Replicator, which cannot be
// made in one deployment: a cluster gets its multi-VPC connectivity only after it
// exists, and the replicator refuses a source without it.
type Replication string

// The phases, in their order.
const (
	ReplicationNone     Replication = "none"     // the source is as MSK makes it: the only phase of a new cluster
	ReplicationPrepared Replication = "prepared" // the source lets a replicator in: multi-VPC connectivity and a cluster policy; needs [Site.KafkaSource]
	ReplicationRunning  Replication = "running"  // the replicator copies; needs a source on which the phase before is deployed
)

// KafkaSource is what the Messaging stack puts out about its cluster.
type KafkaSource struct {
	// ARN is the output KafkaClusterArn, and Subnets are those of KafkaSubnets.
	ARN     string
	Subnets []string
}

// Replication is the phase of a deployment: none without a second cluster,
// whatever the configuration says.
func (e Environment) Replication() Replication {
	if e.DR.Mode != DRStandby {
		return ReplicationNone
	}
	return e.Messaging.Replication
}

var subnetPattern = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)

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
