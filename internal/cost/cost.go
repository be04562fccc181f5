package cost

import (
	"errors"
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
	Environment string   `json:"environment"`
	Region      string   `json:"region"`
	Component   string   `json:"component"`
	Low         float64  `json:"lowUSD"`  // a month, at the least tasks
	High        float64  `json:"highUSD"` // at the most tasks
	Units       []string `json:"units"`
}

// quote is the price of one resource: its component, its fixed USD a month at the
// least and the most tasks, and the unit that a reader can check; no unit means that
// it is free.
type quote struct {
	component string
	low, high float64
	unit      string
}

// fixed is a quote of one figure.
func fixed(component string, month float64, unit string, values ...any) quote {
	return quote{component, month, month, fmt.Sprintf(unit, values...)}
}

// pricer prices one resource.
type pricer func(c *context, r cfn.Resource) quote

// context is what a resource's price depends on beyond itself. It collects what is
// missing, so that nothing that is missing counts as 0.
type context struct {
	stack  cfn.Stack
	prices *Prices
	// dashboards counts those of an account so far: its first ones are free.
	dashboards map[string]int
	problems   []error
}

func (c *context) problem(format string, arguments ...any) {
	c.problems = append(c.problems, fmt.Errorf(format, arguments...))
}

// usd is a price of the stack's region.
func (c *context) usd(service, item string) float64 { return c.usdIn(c.stack.Region, service, item) }

func (c *context) usdIn(region, service, item string) float64 {
	price, err := c.prices.of(region, service, item)
	if err != nil {
		c.problem("%w", err)
	}
	return price
}

// number is a number at a path of a resource's properties.
func (c *context) number(r cfn.Resource, path ...any) float64 {
	value, err := cfn.Number(cfn.Lookup(r.Properties, path...))
	if err != nil {
		c.problem("%s: %w", strings.TrimSpace(fmt.Sprintln(path...)), err)
	}
	return value
}

// count is the length of a list in a resource's properties, which may be left out.
func (c *context) count(r cfn.Resource, property string) float64 {
	value := r.Properties[property]
	list, ok := value.([]any)
	if !ok && value != nil {
		c.problem("%s: want a list, got %s", property, cfn.Canonical(value))
	}
	return float64(len(list))
}

// text is a text at a path of a resource's properties; empty where it is none, which
// no price has.
func text(r cfn.Resource, path ...any) string {
	value, _ := cfn.Lookup(r.Properties, path...).(string)
	return value
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
	"AWS::ARCRegionSwitch::Plan":                  everywhere("Recovery", "ARC", "Region switch plan", "Region switch plan"),
}

// Bill is what a set of templates costs.
type Bill struct {
	Lines []Line `json:"lines"`
	// ByUse is what AWS bills for the use of, Unpriced what nobody here has a price
	// or a judgement for. Neither is in the lines. Each counts resources by what they
	// are, such as "AWS::Lambda::Function: requests and duration".
	ByUse    map[string]int `json:"billedByUse"`
	Unpriced map[string]int `json:"unpriced"`
	// Free counts the resources that AWS does not charge for.
	Free int `json:"free"`
}

// Calculate prices every stack, component by component. Each resource is priced,
// free, billed by use, or unpriced, and the bill says which: nothing counts as 0 in
// silence. It fails where a resource that has a price cannot be read.
func Calculate(stacks []cfn.Stack, prices *Prices) (Bill, error) {
	bill := Bill{ByUse: map[string]int{}, Unpriced: map[string]int{}}
	lines, counts, dashboards := map[string]*Line{}, map[string]map[string]int{}, map[string]int{}
	for _, stack := range stacks {
		environment, _, _ := strings.Cut(stack.ID, "/")
		for _, id := range stack.Template.IDs() {
			resource := resolved(stack, stack.Template.Resources[id])
			price, ok := pricers[resource.Type]
			if !ok {
				bill.unpriced(resource.Type)
				continue
			}
			for _, extra := range extras(stack, resource) {
				bill.Unpriced[extra]++
			}
			c := &context{stack: stack, prices: prices, dashboards: dashboards}
			quoted := price(c, resource)
			if err := errors.Join(c.problems...); err != nil {
				return Bill{}, fmt.Errorf("%s, %s: %w", stack.ID, id, err)
			}
			if quoted.unit == "" {
				bill.Free++
				continue
			}
			at := strings.Join([]string{environment, stack.Region, quoted.component}, "|")
			if lines[at] == nil {
				lines[at] = &Line{Environment: environment, Region: stack.Region, Component: quoted.component}
				counts[at] = map[string]int{}
			}
			lines[at].Low += quoted.low
			lines[at].High += quoted.high
			counts[at][quoted.unit]++
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

// resolved is a resource with its properties resolved, as far as its stack's own
// template tells.
func resolved(stack cfn.Stack, r cfn.Resource) cfn.Resource {
	r.Properties, _ = cfn.Resolver{}.Resolve(stack, r.Properties).(cfn.Object)
	return r
}

// ofType are a stack's resources of a type, resolved.
func (c *context) ofType(resourceType string) []cfn.Resource {
	found := c.stack.Template.OfType(resourceType)
	for i, r := range found {
		found[i] = resolved(c.stack, r)
	}
	return found
}

// refersTo says whether a value refers to a resource of its stack, at any depth.
func refersTo(value any, id string) bool {
	return slices.ContainsFunc(cfn.References(value), func(to cfn.Reference) bool {
		return to.Name == id && (to.Function == "Ref" || to.Function == "Fn::GetAtt")
	})
}

func hourly(component, service, item, unit string) pricer {
	return func(c *context, _ cfn.Resource) quote {
		return fixed(component, c.usd(service, item)*hoursPerMonth, "%s", unit)
	}
}

func monthly(component, service, item, unit string) pricer {
	return func(c *context, _ cfn.Resource) quote { return fixed(component, c.usd(service, item), "%s", unit) }
}

// everywhere prices by the month what costs the same in every region.
func everywhere(component, service, item, unit string) pricer {
	return func(c *context, _ cfn.Resource) quote {
		return fixed(component, c.usdIn("global", service, item), "%s", unit)
	}
}
