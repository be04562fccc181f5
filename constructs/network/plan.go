package network

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"

	"wallet-infra/config"
)

// The names of the three tiers, which are also the subnets' construct IDs.
const (
	tierPublic   = "Public"
	tierPrivate  = "Private"
	tierDatabase = "Database"
)

// plan gives each subnet the CIDR that config writes down. CDK's own allocation
// is sequential, so it would renumber the database tier when a tier before it
// grows, and a renumbered subnet is a replaced database.
type plan struct {
	region  config.Region
	network config.Network
}

// AllocateVpcCidr implements awsec2.IIpAddresses.
func (p *plan) AllocateVpcCidr() *awsec2.VpcIpamOptions {
	return &awsec2.VpcIpamOptions{CidrBlock: new(p.network.CIDR)}
}

// AllocateSubnetsCidr implements awsec2.IIpAddresses.
func (p *plan) AllocateSubnetsCidr(input *awsec2.AllocateCidrRequest) *awsec2.SubnetIpamOptions {
	tiers := map[string][]string{
		tierPublic:   p.network.Public,
		tierPrivate:  p.network.Private,
		tierDatabase: p.network.Database,
	}
	var subnets []*awsec2.AllocatedSubnet
	for _, wanted := range *input.RequestedSubnets {
		zone := slices.Index(p.region.Zones, *wanted.AvailabilityZone)
		subnets = append(subnets, &awsec2.AllocatedSubnet{Cidr: new(tiers[*wanted.Configuration.Name][zone])})
	}
	return &awsec2.SubnetIpamOptions{AllocatedSubnets: &subnets}
}
