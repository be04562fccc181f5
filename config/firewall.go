package config

import (
	"net/netip"
	"regexp"
	"slices"
)

// Firewall is what the web ACLs do: the API's, and that of the static content.
type Firewall struct {
	// SessionRequests, AddressRequests and StaticRequests are the requests in
	// [FirewallWindowSeconds] from which a sender is limited: one address with one
	// Authorization header at the API, one address at the API, one address at the
	// static content.
	SessionRequests, AddressRequests, StaticRequests int
	// Callers are partners and load tests, which have limits of their own.
	Callers []Caller
	// Modes say of each rule what it does with what it matches.
	Modes FirewallModes
}

// FirewallWindowSeconds is the time over which AWS WAF counts requests: 60, 120,
// 300 or 600.
const FirewallWindowSeconds = 300

// Caller is somebody whose addresses we know, and with whom a rate is agreed. The
// limits and the reputation of strangers' addresses do not hold for them.
type Caller struct {
	Name  string   // lower-case letters, digits and hyphens
	CIDRs []string // public IPv4 blocks, such as "203.0.113.0/24"
	// Requests in [FirewallWindowSeconds] from all of the blocks together; more are
	// blocked.
	Requests int
}

// FirewallMode is what a rule does.
type FirewallMode string

// The modes. A rule that counts shows what it would block, in its metric and in
// the web ACL's log.
const (
	FirewallCount FirewallMode = "count"
	FirewallBlock FirewallMode = "block"
)

// FirewallModes are the modes of the rules, by their names in the web ACLs. Rules
// that only we write, and that no customer's request meets (a caller's agreed rate,
// management paths), always block.
type FirewallModes struct {
	// SessionRate is [Firewall.SessionRequests]: so many are nobody's evening.
	SessionRate FirewallMode
	// AddressRate and StaticRate are the limits of an address. How many customers share a
	// carrier's, nobody has published: where it counts, an alarm says when one passes.
	AddressRate, StaticRate FirewallMode
	// IPReputation is AWS's list of addresses, on which one infected phone puts its
	// carrier's shared one.
	IPReputation FirewallMode
	// AnonymousIP counts for good: customers use VPNs, partners call from hosting
	// providers, and the workflows' machines are one's.
	AnonymousIP FirewallMode
	// KnownBadInputs are exploits of known holes, Log4j among them: no command of the
	// wallet looks so.
	KnownBadInputs FirewallMode
	// Common and SQLInjection read free text, and a reference or a name can look like a
	// script or SQL.
	Common, SQLInjection FirewallMode
}

// walletFirewall are the limits of the web ACLs, and no caller: a fork adds its
// partners, and its load test for the day of the test.
func walletFirewall(modes FirewallModes) Firewall {
	return Firewall{
		// A person taps a few times a minute; an app that repeats itself, seven times a
		// second. Nothing is counted until clients send an Authorization header.
		SessionRequests: 2000,
		// A hundred a second from one address are a fiftieth of the load. Behind a
		// mobile carrier's stand hundreds to thousands of customers: two thousand of
		// them may send fifteen requests each.
		AddressRequests: 30_000,
		// The same customers open pages of some fifty files, which CloudFront serves
		// from its cache: what is limited is the bill.
		StaticRequests: 100_000,
		Modes:          modes,
	}
}

var callerPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// maxCallers keeps the web ACL within the capacity of the basic price.
const maxCallers = 20

func validateFirewall(p *problems, f Firewall) {
	const least, most = 10, 2_000_000_000 // AWS WAF's bounds of a rate
	between(p, "Edge.Firewall.SessionRequests", f.SessionRequests, least, most)
	between(p, "Edge.Firewall.AddressRequests", f.AddressRequests, max(least, f.SessionRequests), most)
	between(p, "Edge.Firewall.StaticRequests", f.StaticRequests, least, most)
	for _, mode := range []struct {
		rule string
		mode FirewallMode
	}{
		{"SessionRate", f.Modes.SessionRate}, {"AddressRate", f.Modes.AddressRate}, {"StaticRate", f.Modes.StaticRate},
		{"IPReputation", f.Modes.IPReputation}, {"AnonymousIP", f.Modes.AnonymousIP}, {"KnownBadInputs", f.Modes.KnownBadInputs},
		{"Common", f.Modes.Common}, {"SQLInjection", f.Modes.SQLInjection},
	} {
		oneOf(p, "Edge.Firewall.Modes."+mode.rule, mode.mode, FirewallCount, FirewallBlock)
	}
	p.check(len(f.Callers) <= maxCallers, "Edge.Firewall.Callers", len(f.Callers), "at most %d", maxCallers)
	var names []string
	var known []netip.Prefix
	for _, caller := range f.Callers {
		field := "Edge.Firewall.Callers[" + caller.Name + "]"
		p.check(callerPattern.MatchString(caller.Name), field+".Name", caller.Name, "1 to 32 lower-case letters, digits and hyphens, a letter first")
		between(p, field+".Requests", caller.Requests, least, most)
		p.check(len(caller.CIDRs) > 0, field+".CIDRs", len(caller.CIDRs), "at least one block")
		for _, cidr := range caller.CIDRs {
			known = append(known, validateCaller(p, field+".CIDRs", cidr, known))
		}
		names = append(names, caller.Name)
	}
	p.unique("Edge.Firewall.Callers", names)
}

// specialBlocks are what the internet does not carry besides the private ranges
// (IANA IPv4 Special-Purpose Address Registry): this network, carriers' shared
// addresses, and the reserved ones.
var specialBlocks = []string{"0.0.0.0/8", "100.64.0.0/10", "240.0.0.0/4"}

// validateCaller wants a public block of a size that somebody owns, apart from the
// others: a caller in two lists is limited by the lower rate.
func validateCaller(p *problems, field, cidr string, known []netip.Prefix) netip.Prefix {
	block, err := netip.ParsePrefix(cidr)
	address := block.Addr()
	public := address.Is4() && address.IsGlobalUnicast() && !address.IsPrivate() && !address.IsLoopback() && !address.IsLinkLocalUnicast()
	nobodys := slices.ContainsFunc(specialBlocks, func(cidr string) bool { return netip.MustParsePrefix(cidr).Overlaps(block) })
	if err != nil || !public || nobodys || block != block.Masked() || block.Bits() < 16 {
		p.add(field, cidr, "a public IPv4 block of /16 to /32 that starts at its first address")
		return netip.Prefix{}
	}
	for _, other := range known {
		p.check(!other.IsValid() || !block.Overlaps(other), field, cidr, "a block apart from %v", other)
	}
	return block
}
