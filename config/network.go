package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Network is one VPC in three tiers. The lists hold one CIDR for each zone of
// the region, in its order.
type Network struct {
	CIDR     string   // the VPC's IPv4 block
	Public   []string // load balancer and NAT gateways
	Private  []string // tasks and functions: out through NAT, not in
	Database []string // Aurora, the cache and the brokers: no route to the internet
	// NATGateways is 1 (cheap, one zone's failure cuts outbound traffic) or the
	// number of zones.
	NATGateways int
	// InterfaceEndpoints are AWS services reached without the internet, by the
	// last part of their endpoint name, such as "secretsmanager" or "ecr.api".
	InterfaceEndpoints []string
	// FlowLogRetentionDays is how long traffic metadata stays in CloudWatch Logs.
	FlowLogRetentionDays int
}

// endpointServices are the services of the platform and its operators that have
// an interface endpoint in both regions. S3 has a gateway endpoint everywhere.
var endpointServices = []string{
	"acm", "application-autoscaling", "aps", "aps-workspaces", "autoscaling", "backup", "cloudformation",
	"ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "elasticache",
	"elasticloadbalancing", "events", "guardduty-data", "kafka", "kms", "lambda", "logs", "monitoring", "rds",
	"rds-data", "secretsmanager", "servicediscovery", "sns", "sqs", "ssm", "ssmmessages", "states", "sts",
	"wafv2", "xray",
}

const (
	// The sizes that AWS allows to a VPC and to a subnet, in bits of the prefix.
	widestBlock, narrowestBlock = 16, 28
	// AWS keeps five addresses of every subnet: the first four and the last.
	reservedAddresses = 5
	// A load balancer's subnet is at least a /27 with eight free addresses.
	publicAddresses = 32
	// functionAddresses is for the network interfaces of the Lambda functions
	// (rotation, migration, metrics), of which each subnet and security group
	// shares one.
	functionAddresses = 8
)

// privateRanges are the ranges that AWS recommends for a VPC: RFC 1918's, and the
// shared address space of RFC 6598 ("VPC CIDR blocks" in the VPC user guide).
var privateRanges = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"}

// validateNetwork checks the primary region's network and the second one's,
// which must be able to hold the same platform.
func validateNetwork(p *problems, field string, network Network, region Region, e Environment) {
	vpc, ok := parseBlock(network.CIDR)
	p.check(ok, field+".CIDR", network.CIDR, "an IPv4 block of /%d to /%d that starts at its first address", widestBlock, narrowestBlock)
	p.check(!ok || isPrivate(vpc), field+".CIDR", network.CIDR, "a block inside %s: AWS refuses some of the others, and the rest are somebody's addresses on the internet",
		strings.Join(privateRanges, ", "))
	tiers := []tier{
		{field + ".Public", network.Public, publicAddresses},
		{field + ".Private", network.Private, privateAddresses(e.Service, network, len(region.Zones))},
		{field + ".Database", network.Database, databaseAddresses(e)},
	}
	var subnets []block
	for _, tier := range tiers {
		subnets = append(subnets, validateTier(p, tier, len(region.Zones))...)
	}
	for i, subnet := range subnets {
		if ok {
			inside := vpc.Bits() <= subnet.prefix.Bits() && vpc.Contains(subnet.prefix.Addr())
			p.check(inside, subnet.field, subnet.prefix, "a block inside %v", vpc)
		}
		for _, other := range subnets[:i] {
			p.check(!subnet.prefix.Overlaps(other.prefix), subnet.field, subnet.prefix, "a block apart from %s %v", other.field, other.prefix)
		}
	}
	nat := network.NATGateways
	p.check(nat == 1 || nat == len(region.Zones), field+".NATGateways", nat, "1, or %d for one in each zone", len(region.Zones))
	for _, service := range network.InterfaceEndpoints {
		p.check(slices.Contains(endpointServices, service), field+".InterfaceEndpoints", service,
			"a service of endpointServices in config/network.go, such as secretsmanager")
	}
	p.unique(field+".InterfaceEndpoints", network.InterfaceEndpoints)
	p.logRetention(field+".FlowLogRetentionDays", network.FlowLogRetentionDays)
}

// tier is one subnet for each zone, each with room for a number of addresses.
type tier struct {
	field string
	cidrs []string
	room  int
}

// validateTier checks each subnet by itself and returns the well-formed ones.
func validateTier(p *problems, t tier, zones int) []block {
	p.check(len(t.cidrs) == zones, t.field, len(t.cidrs), "one block for each of the %d zones", zones)
	var subnets []block
	for i, cidr := range t.cidrs {
		field := fmt.Sprintf("%s[%d]", t.field, i)
		prefix, ok := parseBlock(cidr)
		if !ok {
			p.add(field, cidr, "an IPv4 block of /%d to /%d that starts at its first address", widestBlock, narrowestBlock)
			continue
		}
		size := 1 << (32 - prefix.Bits())
		p.check(size >= t.room, field, prefix, "a block of at least %d addresses", t.room)
		subnets = append(subnets, block{field, prefix})
	}
	return subnets
}

// privateAddresses is what a private subnet must hold when another zone is down
// in the middle of a blue/green deployment: its share of twice the tasks, an
// address of each endpoint, and the functions.
func privateAddresses(service Service, network Network, zones int) int {
	left := max(zones-1, 1)
	tasks := (2*service.MaxTasks + left - 1) / left
	return reservedAddresses + tasks + len(network.InterfaceEndpoints) + functionAddresses
}

// databaseAddresses is what a database subnet must hold at the worst, when every
// instance, node and broker that can be placed elsewhere has come to it.
func databaseAddresses(e Environment) int {
	return reservedAddresses + 1 + max(e.Database.MaxReaders, e.DR.Readers) + e.Cache.Nodes() + e.Messaging.Brokers
}

// block is a network's CIDR and the field that gives it.
type block struct {
	field  string
	prefix netip.Prefix
}

// blocks are the environment's well-formed networks.
func (e Environment) blocks() []block {
	fields := []struct{ field, cidr string }{{"Network.CIDR", e.Network.CIDR}}
	if e.DR.Mode == DRStandby {
		fields = append(fields, struct{ field, cidr string }{"DR.Network.CIDR", e.DR.Network.CIDR})
	}
	var blocks []block
	for _, f := range fields {
		if prefix, ok := parseBlock(f.cidr); ok {
			blocks = append(blocks, block{f.field, prefix})
		}
	}
	return blocks
}

// parseBlock reads an IPv4 block of a size that AWS allows.
func parseBlock(cidr string) (netip.Prefix, bool) {
	prefix, err := netip.ParsePrefix(cidr)
	ok := err == nil && prefix.Addr().Is4() && prefix == prefix.Masked() &&
		widestBlock <= prefix.Bits() && prefix.Bits() <= narrowestBlock
	return prefix, ok
}

// isPrivate says whether a block lies in one of the private ranges.
func isPrivate(block netip.Prefix) bool {
	return slices.ContainsFunc(privateRanges, func(cidr string) bool {
		whole := netip.MustParsePrefix(cidr)
		return whole.Bits() <= block.Bits() && whole.Contains(block.Addr())
	})
}
