package network

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
)

// The names of the three tiers, which are also the subnets' construct IDs.
const (
	tierPublic   = "Public"
	tierPrivate  = "Private"
	tierDatabase = "Database"
)

// setCIDRs gives each subnet of a tier the block that config writes down. CDK's own allocation is sequential, so it would renumber the
// database tier when a tier before it grows, and a renumbered subnet is a replaced
// database.
func setCIDRs(tier []awsec2.ISubnet, cidrs []string) {
	for i, subnet := range tier {
		subnet.Node().DefaultChild().(awsec2.CfnSubnet).SetCidrBlock(new(cidrs[i]))
	}
}

// setIDs are those of a tier's subnets, whose blocks it sets.
func setIDs(tier []awsec2.ISubnet, cidrs []string) []string {
	setCIDRs(tier, cidrs)
	var ids []string
	for _, subnet := range tier {
		ids = append(ids, *subnet.SubnetId())
	}
	return ids
}
