package config

import (
	"fmt"
	"regexp"
	"time"
)

// DR is the second region.
type DR struct {
	Mode DRMode
	// AllowDataOutsideBrazil is the residency switch: while it is false, nothing
	// that holds personal data may leave sa-east-1 and Mode must be [DRNone].
	AllowDataOutsideBrazil bool
	// Network is the second region's VPC. Only used in [DRStandby].
	Network Network
	// ClusterSuffix ends the secondary cluster's name, such as "-b". Another one
	// makes another cluster in its place, which is how the standby comes back after it
	// was detached (docs/DEPLOYMENT.md#another-minor-version). Empty at first.
	ClusterSuffix string
	// Readers is the number of instances of the secondary cluster, which have the class
	// of Database.InstanceType: after a failover they carry the whole load.
	Readers int
	// ReplicationLag is the Aurora Global Database lag at which the recovery
	// point objective is in danger.
	ReplicationLag time.Duration
	// EventLag is the MSK Replicator's latency at which events would be lost that
	// the outbox must bring back.
	EventLag time.Duration
	// LagMinutes in a row above ReplicationLag or EventLag raise the alarm.
	LagMinutes int
	// MinTasks is how many tasks a region runs at least while it does not serve:
	// enough to prove each minute that it could. The most is [Service.MaxTasks].
	MinTasks int
	// ActiveRegion is the name of the region that answers customers. It decides
	// how many tasks each region keeps at least, what their load balancers ask
	// them, and which region's silence wakes somebody. It says nothing to the
	// databases, which know their writer, nor to DNS, which the plans move: after a
	// failover it is changed at leisure, or not at all before the way back.
	ActiveRegion string
	// Recovery is the promise and the budget of a failover.
	Recovery Recovery
}

// DRMode is how much of the platform stands in the second region.
type DRMode string

// The modes of disaster recovery.
const (
	DRNone    DRMode = "none"    // nothing leaves the primary region
	DRBackup  DRMode = "backup"  // copies of backups: hours to recover
	DRStandby DRMode = "standby" // a replicated database and network: minutes to recover
)

// Copies says whether anything of the primary region is copied to the second.
func (m DRMode) Copies() bool { return m == DRBackup || m == DRStandby }

// SecondaryRegions is the number of secondary clusters of the global database.
func (m DRMode) SecondaryRegions() int {
	if m == DRStandby {
		return 1
	}
	return 0
}

// Active says whether the region answers customers, as far as the configuration
// knows.
func (e Environment) Active(region Region) bool {
	if e.DR.Mode != DRStandby {
		return region.Name == e.Primary.Name
	}
	return region.Name == e.DR.ActiveRegion
}

// StandbyRegion is the region that does not serve in mode standby.
func (e Environment) StandbyRegion() Region {
	if e.Active(e.Secondary) {
		return e.Primary
	}
	return e.Secondary
}

// MinTasks is how many tasks the service keeps at least in a region.
func (e Environment) MinTasks(region Region) int {
	if e.Active(region) {
		return e.Service.MinTasks
	}
	return e.DR.MinTasks
}

// metricDelay is how late CloudWatch has the value of a minute at most: Route 53
// publishes a health check's state once a minute.
const metricDelay = time.Minute

// AlertLag is the lag by which somebody is told that it is above a threshold, if it
// grows as fast as the clock: the worst that it can do, when nothing is copied.
func (dr DR) AlertLag(threshold time.Duration) time.Duration {
	return threshold + time.Duration(dr.LagMinutes)*time.Minute + metricDelay
}

const (
	// minLag is the shortest lag worth an alarm: Aurora promises about a second
	// and reports it once a minute, so a lower threshold only makes noise.
	minLag = 20 * time.Second
)

var suffixPattern = regexp.MustCompile(`^(-[a-z0-9]{1,8})?$`)

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
	p.check(suffixPattern.MatchString(dr.ClusterSuffix), "DR.ClusterSuffix", dr.ClusterSuffix, `nothing, or a hyphen and 1 to 8 lower-case letters and digits, such as "-b"`)
	p.check(e.Names().DatabaseClusterName(e.Secondary) != e.Names().RestoredClusterName(e.Secondary), "DR.ClusterSuffix", dr.ClusterSuffix,
		"another end than that of a restored cluster, whose place the standby would take")
	between(p, "DR.Readers", dr.Readers, 1, 16)
	if _, known := offers[e.Primary.Name]; known { // else reported with the region's name
		oneOf(p, "DR.ActiveRegion", dr.ActiveRegion, e.Primary.Name, e.Secondary.Name)
	}
	between(p, "DR.MinTasks", dr.MinTasks, 1, max(e.Service.MaxTasks, 1))
	p.check(e.Messaging.Zones <= len(e.Secondary.Zones), "Secondary.Zones", e.Secondary.Zones, "at least Messaging.Zones, %d", e.Messaging.Zones)
	validateRecovery(p, dr)
}

// Quota is an AWS quota of the second region and what the full load needs of it.
type Quota struct {
	Service, Name string
	Needed        int
	// Default is what AWS grants an account; a new one may get less.
	Default int
	// Source is the page of AWS that says so; empty for what nobody has looked up.
	Source string
	Why    string
}

const vpcQuotas = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"

// StandbyQuotas are the quotas that must be granted in the second region before
// a failover, for the whole load: a request during one comes too late.
func (e Environment) StandbyQuotas() []Quota {
	if e.DR.Mode != DRStandby {
		return nil
	}
	network := e.DR.Network
	return []Quota{
		{"Fargate", "On-Demand vCPU", 2 * e.Service.MaxTasks * e.Service.CPU / 1024, 6, "",
			fmt.Sprintf("%d tasks of %d vCPU, twice while a deployment runs", e.Service.MaxTasks, e.Service.CPU/1024)},
		{"EC2", "Elastic IP addresses", network.NATGateways, 5, vpcQuotas, "one for each NAT gateway"},
		{"VPC", "VPCs", 1, 5, vpcQuotas, "the second network; CDK makes no other"},
		{"VPC", "interface endpoints in a VPC", len(network.InterfaceEndpoints), 50, "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html", "DR.Network.InterfaceEndpoints"},
		{"RDS", "DB instances", e.DR.Readers + e.Database.MaxReaders, 40, "", "the promoted writer, and readers up to Database.MaxReaders"},
		{"ElastiCache", "nodes in the region", e.Cache.Nodes(), 300, "", "the cache, which starts empty"},
		{"MSK", "brokers in the account", e.Messaging.Brokers, 90, "https://docs.aws.amazon.com/msk/latest/developerguide/limits.html", "the topics of the primary"},
		{"Region switch", "plans", len(Plans()), 10, "", "each of the plans in the DR-Recovery stack"},
	}
}
