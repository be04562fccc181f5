package test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
)

// What stands in this file holds the seed's lines against faults that change no
// component and no number: an alarm that tells nobody, a zone that carries
// everything, a metric that is read from nowhere.

// origin is the resource that a value refers to, also in another stack of the
// environment; false for what is no reference or leads nowhere.
func (e environment) origin(stack template, value any) (found, bool) {
	from, to, ok := e.resolver().Follow(stack.stack(), value)
	if !ok {
		return found{}, false
	}
	short := strings.TrimPrefix(from.Name, e.Names().StackName(""))
	return found{resource: from.Template.Resources[to.Name], id: to.Name, stack: e.stacks[short]}, true
}

// resolver follows what the environment's stacks read from each other.
func (e environment) resolver() cfn.Resolver {
	var all []cfn.Stack
	for _, stack := range e.sorted() {
		all = append(all, stack.stack())
	}
	return cfn.Resolver{Stacks: all}
}

// stack is the template as the package that reads templates knows it.
func (t template) stack() cfn.Stack {
	return cfn.Stack{Name: t.name, Account: t.account, Region: t.region, Template: t.Template}
}

func TestNoAlarmIsMutedOrRingsWhereNobodyListens(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		listened := map[string]bool{} // stack and ID of the topics that reach an address
		for _, s := range env.everywhere("AWS::SNS::Subscription") {
			topic, there := env.origin(s.stack, s.Properties["TopicArn"])
			if assert.Truef(t, there, "%s %s: its topic", s.stack.name, s.id) {
				listened[topic.stack.name+" "+topic.id] = s.Properties["Endpoint"] != ""
			}
			assert.Nilf(t, s.Properties["FilterPolicy"], "%s %s hears only a part", s.stack.name, s.id)
		}
		for id, a := range env.alarms(t) {
			assert.NotEqualf(t, false, a.Properties["ActionsEnabled"], "%s is muted", id)
			for _, action := range slices.Concat(a.AlarmActions, a.OKActions) {
				topic, there := env.origin(a.stack, action)
				if assert.Truef(t, there, "%s: an action leads nowhere", id) {
					assert.Truef(t, listened[topic.stack.name+" "+topic.id], "%s rings at %s, to which nobody listens", id, topic.id)
					assert.Equalf(t, a.stack.region, topic.stack.region, "%s: an alarm notifies topics of its own region alone", id)
				}
			}
		}
	})
}

// oneOf are values of dimensions that AWS defines, by the dimension's name.
var oneOf = map[string][]string{
	"Role":        {"WRITER", "READER"}, // https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
	"Rule":        {"ALL"},              // https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
	"Region":      {"sa-east-1", "us-east-1"},
	"Environment": {"production", "staging"}, // ours: each alarm's own is judged on MySQL (test/engines/mysql)
}

// named are the properties that give a resource the name by which a dimension knows it.
var named = map[string]struct{ resourceType, property string }{
	"ClusterName":         {"AWS::ECS::Cluster", "ClusterName"},
	"ServiceName":         {"AWS::ECS::Service", "ServiceName"},
	"DBClusterIdentifier": {"AWS::RDS::DBCluster", "DBClusterIdentifier"},
	"Cluster Name":        {"AWS::MSK::Cluster", "ClusterName"},
	"WebACL":              {"AWS::WAFv2::WebACL", "Name"},
	"CacheClusterId":      {"AWS::ElastiCache::ReplicationGroup", "ReplicationGroupId"},
	"ReplicatorName":      {"AWS::MSK::Replicator", "ReplicatorName"},
}

// member is what ElastiCache adds to the name of a group for each of its nodes:
// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.Endpoints.html
var member = regexp.MustCompile(`(-\d{4})?-\d{3}$`)

// CloudWatch accepts a dimension of nothing, and the alarm waits for ever.
func TestEveryAlarmWatchesSomethingThatExists(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			for _, s := range a.reads() {
				for _, d := range s.dimensions {
					if literal, isText := d.Value.(string); isText {
						assert.Truef(t, env.exists(a.stack.region, d.Name, literal), "%s watches %s %s, which nothing in %s is called", id, d.Name, literal, a.stack.region)
						continue
					}
					_, there := env.origin(a.stack, d.Value)
					assert.Truef(t, there, "%s: %s leads nowhere: %v", id, d.Name, d.Value)
				}
			}
		}
	})
}

// exists says whether the region has what a dimension with this value is measured of.
func (e environment) exists(region, dimension, value string) bool {
	for _, allowed := range oneOf[dimension] {
		if value == allowed {
			return dimension != "Region" || value == region
		}
	}
	if dimension == "Broker ID" {
		id, err := strconv.Atoi(value)
		return err == nil && id >= 1 && id <= e.Messaging.Brokers
	}
	if dimension == "CacheClusterId" {
		value = member.ReplaceAllString(value, "")
	}
	if dimension == "Rule" { // its metric's name: waf-metrics.html, as above
		for _, acl := range e.everywhere("AWS::WAFv2::WebACL") {
			rules, _ := acl.Properties["Rules"].([]any)
			for _, rule := range rules {
				if acl.stack.region == region && at(rule, "VisibilityConfig", "MetricName") == value {
					return true
				}
			}
		}
		return false
	}
	source := named[dimension]
	for _, candidate := range e.everywhere(source.resourceType) {
		if candidate.stack.region == region && candidate.Properties[source.property] == value {
			return true
		}
	}
	return false
}

// attributeOf is what a reference takes of its resource, also through an output.
func attributeOf(env environment, stack template, value any) string {
	_, to, _ := env.resolver().Follow(stack.stack(), value)
	return to.Attribute
}

// zone is the zone of a subnet that a value refers to.
func (e environment) zone(t *testing.T, stack template, value any) string {
	t.Helper()
	subnet, there := e.origin(stack, value)
	require.Truef(t, there, "no subnet: %v", value)
	require.Equal(t, "AWS::EC2::Subnet", subnet.Type)
	return textAt(t, subnet.Properties, "AvailabilityZone")
}

// Two gateways that nobody uses cost money and help nobody.
func TestALostZoneTakesNoOtherZonesWayOut(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, network := range env.networks(t) {
			stack := network.template
			zoneOf := map[any]string{} // of a route table, by the subnet that uses it
			for _, association := range stack.ofType("AWS::EC2::SubnetRouteTableAssociation") {
				zoneOf[at(association.Properties, "RouteTableId", "Ref")] = env.zone(t, stack, association.Properties["SubnetId"])
			}
			ways := 0
			for id, route := range stack.ofType("AWS::EC2::Route") {
				if route.Properties["NatGatewayId"] == nil {
					continue
				}
				ways++
				gateway, there := env.origin(stack, route.Properties["NatGatewayId"])
				require.Truef(t, there, "%s leads nowhere", id)
				if network.plan.NATGateways == len(network.region.Zones) {
					assert.Equalf(t, zoneOf[at(route.Properties, "RouteTableId", "Ref")], env.zone(t, stack, gateway.Properties["SubnetId"]),
						"%s leaves by another zone's gateway", id)
				}
			}
			assert.Equal(t, len(network.region.Zones), ways, "a private subnet has no way out")
		}
	})
}

// subnetLists are the properties in which a resource names its subnets.
var subnetLists = [][]any{
	{"Subnets"}, {"SubnetIds"}, {"SubnetIDs"}, {"DBSubnetGroupSubnetIds"},
	{"NetworkConfiguration", "AwsvpcConfiguration", "Subnets"},
	{"VpcConfig", "SubnetIds"}, {"BrokerNodeGroupInfo", "ClientSubnets"},
	{"Source", "VpcConfiguration", "SubnetIds"},
}

func TestEverythingThatStandsInSubnetsStandsInEveryZone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		placed := map[string]bool{}
		for _, stack := range env.sorted() {
			zones := env.Primary.Zones
			if stack.region == env.Secondary.Name {
				zones = env.Secondary.Zones
			}
			require.Len(t, zones, 3, "the seed's three zones")
			for id, r := range stack.Resources {
				for _, path := range subnetLists {
					list, _ := at(r.Properties, path...).([]any)
					if len(list) == 0 {
						continue
					}
					placed[r.Type] = true
					in := map[string]bool{}
					for _, subnet := range list {
						in[env.zone(t, stack, subnet)] = true
					}
					want := len(zones)
					if r.Type == "AWS::MSK::Cluster" {
						// Its brokers are a multiple of its subnets.
						want = min(want, env.Messaging.Brokers)
					}
					assert.Lenf(t, in, want, "%s %s (%s): the loss of a zone takes more than its share", stack.name, id, r.Type)
				}
			}
		}
		for _, resourceType := range []string{
			"AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::RDS::DBSubnetGroup",
			"AWS::ElastiCache::SubnetGroup", "AWS::MSK::Cluster", "AWS::Lambda::Function",
		} {
			assert.Truef(t, placed[resourceType], "no %s names its subnets where this test looks", resourceType)
		}
	})
}

// The seed's two regions, whatever config says.
func TestThePrimaryRegionIsSaoPauloAndTheBackupRegionIsVirginia(t *testing.T) {
	eachOfTheSeed(t, map[string]bool{"staging": false, "production": true}, func(t *testing.T, env environment, backups bool) {
		for _, name := range []string{"network", "data", "messaging", "compute", "observability"} {
			assert.Equal(t, "sa-east-1", env.stack(t, name).region, name)
		}
		assert.Equal(t, "us-east-1", env.stack(t, "dr").region)
		if backups {
			assert.NotEmpty(t, env.stack(t, "dr").ofType("AWS::Backup::BackupVault"))
			assert.Equal(t, config.DRStandby, env.DR.Mode)
		}
	})
}
