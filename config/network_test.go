package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNetworkThatCannotBeCreatedOrFillsUp(t *testing.T) {
	private := func(block string) string {
		return `Network.CIDR: want a block inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10: AWS refuses some of the others, and the rest are somebody's addresses on the internet, got "` + block + `"`
	}
	const form = "an IPv4 block of /16 to /28 that starts at its first address"
	assertRefused(t, large, map[string]refusal{
		"VPC malformed":             {func(e *Environment) { e.Network.CIDR = "10.0.0.0" }, `Network.CIDR: want ` + form + `, got "10.0.0.0"`},
		"VPC too wide":              {func(e *Environment) { e.Network.CIDR = "10.0.0.0/15" }, `Network.CIDR: want ` + form + `, got "10.0.0.0/15"`},
		"VPC with host bits":        {func(e *Environment) { e.Network.CIDR = "10.0.0.1/16" }, `Network.CIDR: want ` + form + `, got "10.0.0.1/16"`},
		"VPC of loopback":           {func(e *Environment) { renumber(&e.Network, "127.0") }, private("127.0.0.0/16")},
		"VPC of link-local":         {func(e *Environment) { renumber(&e.Network, "169.254") }, private("169.254.0.0/16")},
		"VPC of multicast":          {func(e *Environment) { renumber(&e.Network, "224.0") }, private("224.0.0.0/16")},
		"VPC of nobody":             {func(e *Environment) { renumber(&e.Network, "0.0") }, private("0.0.0.0/16")},
		"VPC of somebody else":      {func(e *Environment) { renumber(&e.Network, "8.8") }, private("8.8.0.0/16")},
		"VPC beside 172.16/12":      {func(e *Environment) { renumber(&e.Network, "172.32") }, private("172.32.0.0/16")},
		"VPC in IPv6":               {func(e *Environment) { e.Network.CIDR = "fd00::/24" }, `Network.CIDR: want ` + form + `, got "fd00::/24"`},
		"subnet malformed":          {func(e *Environment) { e.Network.Public[1] = "10.0.2.0/29" }, `Network.Public[1]: want ` + form + `, got "10.0.2.0/29"`},
		"subnet outside":            {func(e *Environment) { e.Network.Private[0] = "10.9.11.0/24" }, `Network.Private[0]: want a block inside 10.0.0.0/16, got 10.9.11.0/24`},
		"subnets overlap":           {func(e *Environment) { e.Network.Database[0] = "10.0.13.0/25" }, `Network.Database[0]: want a block apart from Network.Private[2] 10.0.13.0/24, got 10.0.13.0/25`},
		"zone without a subnet":     {func(e *Environment) { e.Network.Database = e.Network.Database[:2] }, `Network.Database: want one block for each of the 3 zones, got 2`},
		"no room for load peaks":    {func(e *Environment) { e.Network.Public[0] = "10.0.1.0/28" }, `Network.Public[0]: want a block of at least 32 addresses, got 10.0.1.0/28`},
		"no room for tasks":         {func(e *Environment) { e.Network.Private[0] = "10.0.11.0/27" }, `Network.Private[0]: want a block of at least 41 addresses, got 10.0.11.0/27`},
		"no room for readers":       {func(e *Environment) { e.Network.Database[0] = "10.0.21.0/28" }, `Network.Database[0]: want a block of at least 26 addresses, got 10.0.21.0/28`},
		"NAT in two of three":       {func(e *Environment) { e.Network.NATGateways = 2 }, `Network.NATGateways: want 1, or 3 for one in each zone, got 2`},
		"endpoint unknown":          {func(e *Environment) { e.Network.InterfaceEndpoints = []string{"secretmanager"} }, `Network.InterfaceEndpoints: want a service of endpointServices in config/network.go, such as secretsmanager, got "secretmanager"`},
		"endpoint twice":            {func(e *Environment) { e.Network.InterfaceEndpoints = []string{"kms", "kms"} }, `Network.InterfaceEndpoints: want each value once, got "kms"`},
		"flow log retention":        {func(e *Environment) { e.Network.FlowLogRetentionDays = 366 }, `Network.FlowLogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 366`},
		"DR overlaps the primary":   {func(e *Environment) { e.DR.Network = e.Network }, `DR.Network.CIDR: want a block apart from Network.CIDR 10.0.0.0/16, got 10.0.0.0/16`},
		"DR subnet outside its own": {func(e *Environment) { e.DR.Network.Public[0] = "10.0.1.0/24" }, `DR.Network.Public[0]: want a block inside 10.1.0.0/16, got 10.0.1.0/24`},
	})
}

// renumber gives production's network other first two bytes, subnets included.
func renumber(network *Network, bytes string) {
	network.CIDR = strings.Replace(network.CIDR, "10.0", bytes, 1)
	for _, tier := range []*[]string{&network.Public, &network.Private, &network.Database} {
		*tier = slices.Clone(*tier)
		for i := range *tier {
			(*tier)[i] = strings.Replace((*tier)[i], "10.0", bytes, 1)
		}
	}
}

func TestEveryPrivateRangeHoldsANetwork(t *testing.T) {
	for _, bytes := range []string{"10.255", "172.31", "192.168", "100.127"} {
		env := large()
		renumber(&env.Network, bytes)
		assert.NoError(t, env.Validate(), bytes)
	}
}
