package test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// subnet is a subnet of a template, by its tier.
type subnet struct{ id, tier, cidr, zone string }

// subnets lists a template's subnets in the order of their CIDRs.
func subnets(t *testing.T, network template) []subnet {
	t.Helper()
	var found []subnet
	for id, r := range network.ofType("AWS::EC2::Subnet") {
		s := subnet{id: id, cidr: textAt(t, r.Properties, "CidrBlock"), zone: textAt(t, r.Properties, "AvailabilityZone")}
		for _, tag := range listAt(t, r.Properties, "Tags") {
			if at(tag, "Key") == "aws-cdk:subnet-name" {
				s.tier = textAt(t, tag, "Value")
			}
		}
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b subnet) int {
		return netip.MustParsePrefix(a.cidr).Addr().Compare(netip.MustParsePrefix(b.cidr).Addr())
	})
	return found
}

// networks are the VPCs of an environment with what config says of them.
func (e environment) networks(t *testing.T) map[string]struct {
	template template
	region   config.Region
	plan     config.Network
} {
	t.Helper()
	type network = struct {
		template template
		region   config.Region
		plan     config.Network
	}
	found := map[string]network{"primary": {e.stack(t, "network"), e.Primary, e.Network}}
	if e.DR.Mode == config.DRStandby {
		found["secondary"] = network{e.stack(t, "dr"), e.Secondary, e.DR.Network}
	}
	return found
}

func TestSubnetsAreTheOnesWrittenDown(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for name, network := range env.networks(t) {
			var want []subnet
			for tier, cidrs := range map[string][]string{
				"Public": network.plan.Public, "Private": network.plan.Private, "Database": network.plan.Database,
			} {
				for i, cidr := range cidrs {
					want = append(want, subnet{tier: tier, cidr: cidr, zone: network.region.Zones[i]})
				}
			}
			var got []subnet
			for _, s := range subnets(t, network.template) {
				s.id = ""
				got = append(got, s)
			}
			assert.ElementsMatchf(t, want, got, "%s network", name)
			assert.Equal(t, network.plan.CIDR, network.template.only(t, "AWS::EC2::VPC").Properties["CidrBlock"])
		}
	})
}

// The seed asks for three zones; a lookup or an agnostic stack would give two.
func TestThreeZonesSurviveTheLossOfOne(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		tiers := map[string]map[string]bool{}
		for _, s := range subnets(t, env.stack(t, "network")) {
			if tiers[s.tier] == nil {
				tiers[s.tier] = map[string]bool{}
			}
			tiers[s.tier][s.zone] = true
		}
		require.Len(t, tiers, 3)
		for tier, zones := range tiers {
			assert.Lenf(t, zones, 3, "%s tier", tier)
		}
	})
}

// People who come from the public repository's Terraform keep its addresses.
func TestProductionKeepsTheAddressPlanOfTheApplication(t *testing.T) {
	var cidrs []string
	for _, s := range subnets(t, platform(t)["production"].stack(t, "network")) {
		cidrs = append(cidrs, s.cidr)
	}
	assert.Equal(t, strings.Fields("10.0.1.0/24 10.0.2.0/24 10.0.3.0/24 10.0.11.0/24 10.0.12.0/24 10.0.13.0/24 10.0.21.0/24 10.0.22.0/24 10.0.23.0/24"), cidrs)
}

func TestOutboundTrafficSurvivesTheLossOfAZoneWhereItIsPaidFor(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			assert.Len(t, network.template.ofType("AWS::EC2::NatGateway"), network.plan.NATGateways)
		}
	})
	assert.Len(t, platform(t)["production"].stack(t, "network").ofType("AWS::EC2::NatGateway"), 3, "one NAT gateway for each zone")
	assert.Len(t, platform(t)["staging"].stack(t, "network").ofType("AWS::EC2::NatGateway"), 1)
}

func TestTheDatabaseTierHasNoWayToTheInternet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			tables := map[any]bool{}
			for _, association := range network.template.ofType("AWS::EC2::SubnetRouteTableAssociation") {
				if strings.Contains(textAt(t, association.Properties, "SubnetId", "Ref"), "DatabaseSubnet") {
					tables[at(association.Properties, "RouteTableId", "Ref")] = true
				}
			}
			require.Len(t, tables, len(network.region.Zones))
			for id, route := range network.template.ofType("AWS::EC2::Route") {
				assert.Falsef(t, tables[at(route.Properties, "RouteTableId", "Ref")], "%s leads out of the database tier", id)
			}
		}
	})
}

func TestNoSubnetHandsOutPublicAddresses(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			for id, r := range network.template.ofType("AWS::EC2::Subnet") {
				assert.Equalf(t, false, r.Properties["MapPublicIpOnLaunch"], id)
			}
		}
	})
}

// aclRule is what an entry of a network ACL lets through.
type aclRule struct {
	cidr        string
	egress      bool
	first, last float64
}

func TestTheDatabaseTierAnswersThePrivateTierOnItsServicesAlone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			var want, got []aclRule
			for _, cidr := range network.plan.Database {
				want = append(want, aclRule{cidr, false, 0, 65535}, aclRule{cidr, true, 0, 65535})
			}
			for _, cidr := range network.plan.Private {
				want = append(want,
					aclRule{cidr, false, 3306, 3306}, aclRule{cidr, false, 6379, 6379},
					aclRule{cidr, false, 9096, 9098},
					aclRule{cidr, true, 1024, 65535})
			}
			for id, entry := range network.template.ofType("AWS::EC2::NetworkAclEntry") {
				p := entry.Properties
				assert.Equalf(t, "allow", p["RuleAction"], id)
				assert.EqualValuesf(t, 6, p["Protocol"], "%s: TCP", id)
				got = append(got, aclRule{textAt(t, p, "CidrBlock"), boolAt(t, p, "Egress"),
					numberAt(t, p, "PortRange", "From"), numberAt(t, p, "PortRange", "To")})
			}
			assert.ElementsMatch(t, want, got)
			acl := slices.Collect(maps.Keys(network.template.ofType("AWS::EC2::NetworkAcl")))
			require.Len(t, acl, 1)
			guarded := 0
			for _, association := range network.template.ofType("AWS::EC2::SubnetNetworkAclAssociation") {
				assert.Contains(t, at(association.Properties, "SubnetId", "Ref"), "DatabaseSubnet")
				assert.Equal(t, acl[0], at(association.Properties, "NetworkAclId", "Ref"))
				guarded++
			}
			assert.Equal(t, len(network.region.Zones), guarded)
		}
	})
}

func TestWhatProductionKeepsSecretNeverCrossesTheInternet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			want := map[string]string{"com.amazonaws." + network.region.Name + ".s3": "Gateway"}
			for _, service := range network.plan.InterfaceEndpoints {
				want["com.amazonaws."+network.region.Name+"."+service] = "Interface"
			}
			got := map[string]string{}
			for id, endpoint := range network.template.ofType("AWS::EC2::VPCEndpoint") {
				name := endpointService(endpoint.Properties["ServiceName"], network.region)
				got[name] = textAt(t, endpoint.Properties, "VpcEndpointType")
				if got[name] == "Interface" {
					assert.Equalf(t, true, endpoint.Properties["PrivateDnsEnabled"], "%s: SDKs would go around it", id)
					assert.Lenf(t, endpoint.Properties["SubnetIds"], len(network.region.Zones), "%s: one in each zone", id)
				}
			}
			assert.Equal(t, want, got)
		}
	})
	for _, service := range []string{"secretsmanager", "ecr.api", "ecr.dkr", "logs", "kms", "xray", "monitoring"} {
		assert.Contains(t, platform(t)["production"].Network.InterfaceEndpoints, service)
	}
}

// endpointService reads a service name that may be a Fn::Join of literals and
// the region.
func endpointService(value any, region config.Region) string {
	if name, ok := value.(string); ok {
		return name
	}
	var name strings.Builder
	parts, _ := at(value, "Fn::Join", 1).([]any)
	for _, part := range parts {
		if text, ok := part.(string); ok {
			name.WriteString(text)
		} else if at(part, "Ref") == "AWS::Region" {
			name.WriteString(region.Name)
		}
	}
	return name.String()
}

func TestOnlyThePrivateTierReachesTheEndpoints(t *testing.T) {
	network := platform(t)["production"].stack(t, "network")
	var from []string
	for id, group := range network.ofType("AWS::EC2::SecurityGroup") {
		assert.Equalf(t, "255.255.255.255/32", at(group.Properties, "SecurityGroupEgress", 0, "CidrIp"), "%s: CDK's way to allow nothing", id)
		ingress, _ := group.Properties["SecurityGroupIngress"].([]any)
		for _, rule := range ingress {
			assert.EqualValuesf(t, config.HTTPSPort, at(rule, "FromPort"), id)
			assert.EqualValuesf(t, config.HTTPSPort, at(rule, "ToPort"), id)
			from = append(from, textAt(t, rule, "CidrIp"))
		}
	}
	assert.ElementsMatch(t, platform(t)["production"].Network.Private, from)
}

func TestFlowLogsKeepTheEvidence(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			flow := network.template.only(t, "AWS::EC2::FlowLog")
			assert.Equal(t, "ALL", flow.Properties["TrafficType"])
			assert.EqualValues(t, 60, flow.Properties["MaxAggregationInterval"])
			group := network.template.Resources[textAt(t, flow.Properties, "LogGroupName", "Ref")]
			assert.EqualValues(t, network.plan.FlowLogRetentionDays, group.Properties["RetentionInDays"])
			assert.Contains(t, retained, group.DeletionPolicy)
			assert.NotNil(t, group.Properties["KmsKeyId"])
		}
	})
	assert.GreaterOrEqual(t, platform(t)["production"].Network.FlowLogRetentionDays, 365, "PCI DSS 3.2.1, 10.7: a year of audit trail")
}

func TestTheDefaultSecurityGroupLetsNothingThrough(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			closed := network.template.only(t, "Custom::VpcRestrictDefaultSG")
			assert.Equal(t, "DefaultSecurityGroup", at(closed.Properties, "DefaultSecurityGroupId", "Fn::GetAtt", 1))
		}
	})
}
