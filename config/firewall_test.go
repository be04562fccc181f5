package config

import (
	"fmt"
	"testing"
)

func TestCallersWhomTheWebACLWouldRefuseOrMistake(t *testing.T) {
	callers := func(all ...Caller) func(*Environment) {
		return func(e *Environment) { e.Edge.Firewall.Callers = all }
	}
	of := func(cidrs ...string) Caller { return Caller{Name: "p", CIDRs: cidrs, Requests: 1000} }
	var many []Caller
	for i := range maxCallers + 1 {
		many = append(many, Caller{Name: fmt.Sprintf("p%d", i), CIDRs: []string{fmt.Sprintf("198.51.100.%d/32", i)}, Requests: 1000})
	}
	const block = `Edge.Firewall.Callers[p].CIDRs: want a public IPv4 block of /16 to /32 that starts at its first address, got `
	assertRefused(t, large, map[string]refusal{
		"without a name": {callers(Caller{CIDRs: []string{"203.0.113.0/24"}, Requests: 1000}),
			`Edge.Firewall.Callers[].Name: want 1 to 32 lower-case letters, digits and hyphens, a letter first, got ""`},
		"a rate below AWS's":        {callers(Caller{Name: "p", CIDRs: []string{"203.0.113.0/24"}, Requests: 9}), `Edge.Firewall.Callers[p].Requests: want 10 to 2000000000, got 9`},
		"without an address":        {callers(of()), `Edge.Firewall.Callers[p].CIDRs: want at least one block, got 0`},
		"a private network":         {callers(of("10.1.2.0/24")), block + `"10.1.2.0/24"`},
		"half the internet":         {callers(of("128.0.0.0/1")), block + `"128.0.0.0/1"`},
		"an address as it is":       {callers(of("203.0.113.7")), block + `"203.0.113.7"`},
		"a block from its end":      {callers(of("203.0.113.7/24")), block + `"203.0.113.7/24"`},
		"an IPv6 block":             {callers(of("2001:db8::/32")), block + `"2001:db8::/32"`},
		"nobody's address":          {callers(of("240.1.0.0/16")), block + `"240.1.0.0/16"`},
		"a carrier's inner address": {callers(of("100.64.0.0/16")), block + `"100.64.0.0/16"`},
		"two callers at one address": {callers(of("203.0.113.0/24"), Caller{Name: "q", CIDRs: []string{"203.0.113.128/25"}, Requests: 10}),
			`Edge.Firewall.Callers[q].CIDRs: want a block apart from 203.0.113.0/24, got "203.0.113.128/25"`},
		"more than the capacity": {callers(many...), `Edge.Firewall.Callers: want at most 20, got 21`},
		"one caller twice":       {callers(of("203.0.113.0/24"), of("198.51.100.0/24")), `Edge.Firewall.Callers: want each value once, got "p"`},
	})
}
