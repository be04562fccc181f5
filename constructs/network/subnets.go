package network

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"

	"wallet-infra/config"
)

// The names of the three tiers, which are also the subnets' construct IDs.
const (
	tierPublic   = "Public"
	tierPrivate  = "Private"
	tierDatabase = "Database"
)

// setCIDRs gives each subnet the block that config writes down. CDK's own allocation
// is sequential, so it would renumber the database tier when a tier before it
// grows, and a renumbered subnet is a replaced database.
func setCIDRs(vpc awsec2.Vpc, network config.Network) {
	for _, tier := range []struct {
		subnets *[]awsec2.ISubnet
		cidrs   []string
	}{
		{vpc.PublicSubnets(), network.Public},
		{vpc.PrivateSubnets(), network.Private},
		{vpc.IsolatedSubnets(), network.Database},
	} {
		for i, subnet := range *tier.subnets {
			subnet.Node().DefaultChild().(awsec2.CfnSubnet).SetCidrBlock(new(tier.cidrs[i]))
		}
	}
}
