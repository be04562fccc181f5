package cost

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
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
type pricer func(c context, r cfn.Resource) (component string, low, high float64, unit string, err error)

// context is what a resource's price depends on beyond itself.
type context struct {
	region string
	id     string // its logical ID
	stack  cfn.Stack
	prices *Prices
	// dashboards counts those of an account so far: its first ones are free.
	dashboards map[string]int
}

// pricers holds a rule for each resource type that costs money by the hour or
// the month just by being there.
var pricers = map[string]pricer{
	"AWS::ECS::Service":                           priceService,
	"AWS::RDS::DBInstance":                        priceInstance,
	"AWS::RDS::DBCluster":                         priceVolume,
	"AWS::ElastiCache::ReplicationGroup":          priceCache,
	"AWS::MSK::Cluster":                           priceBrokers,
	"AWS::ApplicationAutoScaling::ScalableTarget": priceGrowth,
	"AWS::EC2::NatGateway":                        hourly("Networking", "NAT Gateway", "gateway", "NAT gateway"),
	"AWS::EC2::EIP":                               hourly("Networking", "VPC", "public IPv4 address", "public address"),
	"AWS::ElasticLoadBalancingV2::LoadBalancer":   priceLoadBalancer,
	"AWS::EC2::VPCEndpoint":                       priceEndpoint,
	"AWS::KMS::Key":                               monthly("Keys and secrets", "KMS", "customer managed key", "key"),
	"AWS::SecretsManager::Secret":                 priceSecret,
	"AWS::CloudWatch::Alarm":                      priceAlarm,
	"AWS::CloudWatch::CompositeAlarm":             monthly("Monitoring", "CloudWatch", "alarm, composite", "composite alarm"),
	"AWS::CloudWatch::Dashboard":                  priceDashboard,
	"AWS::WAFv2::WebACL":                          priceWebACL,
	"AWS::MSK::Replicator":                        hourly("Messaging", "MSK", "Replicator", "replicator"),
	"AWS::Route53::HealthCheck":                   everywhere("Networking", "Route 53", "health check, AWS endpoint", "health check"),
	// Cloud Map makes a hosted zone of its namespace: https://aws.amazon.com/cloud-map/pricing/
	"AWS::ServiceDiscovery::PrivateDnsNamespace": everywhere("Networking", "Route 53", "hosted zone, first 25", "hosted zone of Cloud Map"),
	"AWS::ARCRegionSwitch::Plan":                 everywhere("Recovery", "ARC", "Region switch plan", "Region switch plan"),
}

// Bill is what a set of templates costs.
type Bill struct {
	Lines []Line
	// ByUse is what AWS bills for the use of, Unpriced what nobody here has a price
	// or a judgement for. Neither is in the lines. Each counts resources by what they
	// are, such as "AWS::Lambda::Function: requests and duration".
	ByUse, Unpriced map[string]int
	// Free counts the resources that AWS does not charge for.
	Free int
}

// Calculate prices every stack, component by component. Each resource is priced,
// free, billed by use, or unpriced, and the bill says which: nothing counts as 0 in
// silence. It fails where a resource that has a price cannot be read.
func Calculate(stacks []cfn.Stack, prices *Prices) (Bill, error) {
	bill := Bill{ByUse: map[string]int{}, Unpriced: map[string]int{}}
	lines, counts, dashboards := map[string]*Line{}, map[string]map[string]int{}, map[string]int{}
	for _, stack := range stacks {
		environment, _, _ := strings.Cut(stack.ID, "/")
		for _, id := range slices.Sorted(maps.Keys(stack.Template.Resources)) {
			resource := stack.Template.Resources[id]
			price, ok := pricers[resource.Type]
			if !ok {
				bill.unpriced(resource.Type)
				continue
			}
			for _, extra := range extras(stack, resource) {
				bill.Unpriced[extra]++
			}
			component, low, high, unit, err := price(context{stack.Region, id, stack, prices, dashboards}, resource)
			if err != nil {
				return Bill{}, fmt.Errorf("%s, %s: %w", stack.ID, id, err)
			}
			if unit == "" {
				bill.Free++
				continue
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
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		lines[at].Units = units(counts[at])
		bill.Lines = append(bill.Lines, *lines[at])
	}
	return bill, nil
}

// unpriced counts a resource without a fixed price.
func (b *Bill) unpriced(resourceType string) {
	by, used := byUse[resourceType]
	switch {
	case used:
		b.ByUse[resourceType+": "+by]++
	case free[resourceType] || strings.HasPrefix(resourceType, "Custom::"):
		b.Free++ // a custom resource is a call of a function that is counted itself
	default:
		b.Unpriced[resourceType]++
	}
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
	return func(c context, _ cfn.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of(c.region, service, item)
		return component, usd * hoursPerMonth, usd * hoursPerMonth, unit, err
	}
}

// everywhere prices by the month what costs the same in every region.
func everywhere(component, service, item, unit string) pricer {
	return func(c context, _ cfn.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of("global", service, item)
		return component, usd, usd, unit, err
	}
}

func monthly(component, service, item, unit string) pricer {
	return func(c context, _ cfn.Resource) (string, float64, float64, string, error) {
		usd, err := c.prices.of(c.region, service, item)
		return component, usd, usd, unit, err
	}
}
