package config

import (
	"strings"

	"wallet-infra/config/cabundle"
)

// Region is an AWS region with the zones that the platform uses there, written
// down because a lookup can answer differently tomorrow and stacks without an
// environment silently get two.
type Region struct {
	Name  string   // such as "sa-east-1"
	Zones []string // full zone names, in the order of the network's CIDR lists
}

// saoPaulo is where the wallet runs.
func saoPaulo() Region {
	return Region{Name: brazil, Zones: []string{"sa-east-1a", "sa-east-1b", "sa-east-1c"}}
}

// virginia is where copies go, and what AWS has only there.
func virginia() Region {
	return Region{Name: globalRegion, Zones: []string{"us-east-1a", "us-east-1b", "us-east-1c"}}
}

// DatabaseCABundle returns the root certificates of the region's databases as
// PEM, or nothing for a region whose file is not in config/cabundle.
func (r Region) DatabaseCABundle() string { return cabundle.PEM(r.Name) }

// The only region of CloudFront's certificates and web ACLs.
const globalRegion = "us-east-1"

// The only AWS region in Brazil.
const brazil = "sa-east-1"

func validateRegions(p *problems, e Environment) {
	oneOf(p, "Primary.Name", e.Primary.Name, regionNames()...)
	p.check(e.Primary.Name != e.Secondary.Name, "Primary.Name", e.Primary.Name, "another region than Secondary.Name")
	p.check(e.Primary.Name == brazil || e.DR.AllowDataOutsideBrazil, "Primary.Name", e.Primary.Name,
		"%q while DR.AllowDataOutsideBrazil is false", brazil)
	p.check(e.Secondary.Name == globalRegion, "Secondary.Name", e.Secondary.Name,
		"%q, the only region of CloudFront's certificates and web ACLs, which has Managed Grafana besides", globalRegion)
	// Three zones: a broker, a cache node and a database instance in each, so that
	// the loss of one leaves a majority.
	validateZones(p, "Primary.Zones", e.Primary, 3)
	validateZones(p, "Secondary.Zones", e.Secondary, 2)
}

func validateZones(p *problems, field string, region Region, least int) {
	p.check(len(region.Zones) >= least, field, region.Zones, "at least %d zones", least)
	p.unique(field, region.Zones)
	offer, known := offers[region.Name]
	if !known {
		return // reported with the region's name
	}
	for _, zone := range region.Zones {
		letter, inside := strings.CutPrefix(zone, region.Name)
		p.check(inside && len(letter) == 1 && strings.Contains(offer.zones, letter), field, zone,
			"zones of %s (letters %s to %s)", region.Name, offer.zones[:1], offer.zones[len(offer.zones)-1:])
	}
}
