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
// and the most, and the unit that a reader can check; no unit means that it is
// free.
type pricer func(c context, r assembly.Resource) (component string, low, high float64, unit string, err error)

// context is what a resource's price depends on beyond itself.
type context struct {
	region string
	stack  assembly.Stack
	prices *Prices
}

// pricers holds a rule for each resource type that costs money by the hour or
// the month just by being there, as far as the price list has its price: what is
// missing stands in docs/COST-OPTIMIZATION.md.
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
	"AWS::SecretsManager::Secret":               priceSecret,
	"AWS::CloudWatch::Alarm":                    priceAlarm,
	"AWS::CloudWatch::CompositeAlarm":           monthly("Monitoring", "CloudWatch", "alarm, composite", "composite alarm"),
	"AWS::WAFv2::WebACL":                        priceWebACL,
	"AWS::MSK::Replicator":                      hourly("Messaging", "MSK", "Replicator", "replicator"),
	"AWS::Route53::HealthCheck":                 everywhere("Networking", "Route 53", "health check, AWS endpoint", "health check"),
	"AWS::ARCRegionSwitch::Plan":                everywhere("Recovery", "ARC", "Region switch plan", "Region switch plan"),
}

// Lines prices every stack, component by component.
func Lines(stacks []assembly.Stack, prices *Prices) ([]Line, error) {
	lines, counts := map[string]*Line{}, map[string]map[string]int{}
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
			if unit == "" {
				continue // free
			}
			at := strings.Join([]string{environment, stack.Region, component}, "|")
			if lines[at] == nil {
				lines[at] = &Line{Environment: environment, Region: stack.Region, Component: component}
				counts[at] = map[string]int{}
			}
			lines[at].Low += low
			lines[at].High += high
			counts[at][unit]++
		}
	}
	var sorted []Line
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		lines[at].Units = units(counts[at])
		sorted = append(sorted, *lines[at])
	}
	return sorted, nil
}

// units writes what was counted, such as "3 × NAT gateway".
func units(counts map[string]int) []string {
	var all []string
	for _, unit := range slices.Sorted(maps.Keys(counts)) {
		if counts[unit] > 1 {
			unit = fmt.Sprintf("%d × %s", counts[unit], unit)
		}
		all = append(all, unit)
	}
	return all
}

func hourly(component, service, item, unit string) pricer {
	return func(c context, _ assembly.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of(c.region, service, item)
		return component, usd * hoursPerMonth, usd * hoursPerMonth, unit, err
	}
}

// everywhere prices by the month what costs the same in every region.
func everywhere(component, service, item, unit string) pricer {
	return func(c context, _ assembly.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of("global", service, item)
		return component, usd, usd, unit, err
	}
}

func monthly(component, service, item, unit string) pricer {
	return func(c context, _ assembly.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of(c.region, service, item)
		return component, usd, usd, unit, err
	}
}
