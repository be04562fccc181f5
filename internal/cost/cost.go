package cost

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/assembly"
)

// Assumed is what the templates do not say: how much is stored.
var Assumed = struct {
	DatabaseGB float64 // Aurora cluster volume
}{
	DatabaseGB: 1000, // year 1 to 3 of the wallet's own estimate is 390 GB to 1.2 TB
}

// Line is the monthly cost of one component in one environment and region.
type Line struct {
	Environment, Region, Component string
	Low, High                      float64 // USD a month: at the least and the most tasks
	Units                          []string
}

// pricer prices one resource: its component, its fixed USD a month at the least
// and the most, and the unit that a reader can check.
type pricer func(c context, r assembly.Resource) (component string, low, high float64, unit string, err error)

// context is what a resource's price depends on beyond itself.
type context struct {
	region string
	stack  assembly.Stack
	prices *Prices
}

// pricers holds a rule for each resource type that costs money by the hour or
// the month just by being there.
var pricers = map[string]pricer{
	"AWS::ECS::Service":                         priceService,
	"AWS::RDS::DBInstance":                      priceInstance,
	"AWS::RDS::DBCluster":                       priceVolume,
	"AWS::ElastiCache::ReplicationGroup":        priceCache,
	"AWS::MSK::Cluster":                         priceBrokers,
	"AWS::EC2::NatGateway":                      hourly("Networking", "NAT Gateway", "gateway", "NAT gateway"),
	"AWS::EC2::EIP":                             hourly("Networking", "VPC", "public IPv4 address", "public address"),
	"AWS::ElasticLoadBalancingV2::LoadBalancer": priceLoadBalancer,
	"AWS::EC2::VPCEndpoint":                     priceEndpoint,
	"AWS::KMS::Key":                             monthly("Keys and secrets", "KMS", "customer managed key", "key"),
	"AWS::SecretsManager::Secret":               monthly("Keys and secrets", "Secrets Manager", "secret", "secret"),
	"AWS::CloudWatch::Alarm":                    monthly("Monitoring", "CloudWatch", "alarm, standard", "alarm"),
	"AWS::CloudWatch::CompositeAlarm":           monthly("Monitoring", "CloudWatch", "alarm, composite", "composite alarm"),
	"AWS::WAFv2::WebACL":                        priceWebACL,
}

// Lines prices every stack, component by component.
func Lines(stacks []assembly.Stack, prices *Prices) ([]Line, error) {
	lines, units := map[string]Line{}, map[string]map[string]int{}
	for _, stack := range stacks {
		environment, _, _ := strings.Cut(stack.ID, "/")
		for _, id := range slices.Sorted(maps.Keys(stack.Template.Resources)) {
			resource := stack.Template.Resources[id]
			price, ok := pricers[resource.Type]
			if !ok {
				continue
			}
			component, low, high, unit, err := price(context{stack.Region, stack, prices}, resource)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", stack.ID, id, err)
			}
			at := strings.Join([]string{environment, stack.Region, component}, "|")
			line := lines[at]
			lines[at] = Line{
				Environment: environment, Region: stack.Region, Component: component,
				Low: line.Low + low, High: line.High + high,
			}
			if units[at] == nil {
				units[at] = map[string]int{}
			}
			units[at][unit]++
		}
	}
	var sorted []Line
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		line := lines[at]
		for _, unit := range slices.Sorted(maps.Keys(units[at])) {
			line.Units = append(line.Units, fmt.Sprintf("%d × %s", units[at][unit], unit))
		}
		sorted = append(sorted, line)
	}
	return sorted, nil
}

func hourly(component, service, item, unit string) pricer {
	return func(c context, _ assembly.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of(c.region, service, item)
		return component, usd * hoursPerMonth, usd * hoursPerMonth, unit, err
	}
}

func monthly(component, service, item, unit string) pricer {
	return func(c context, _ assembly.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of(c.region, service, item)
		return component, usd, usd, unit, err
	}
}
