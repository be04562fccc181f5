package changes

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// groupRule is one sentence of a security group: who may send what in one direction.
type groupRule struct {
	ingress  bool
	protocol string // "-1" is every one
	from, to int    // ports; the whole range where the protocol has none
	peer     string // a network, or the name of a group or prefix list
	by       resource
}

// group is a security group with all its rules, wherever they stand.
type group struct {
	stack string
	id    string // the logical ID; empty when the group is not in this template
	rules []groupRule
}

// Peers and ports of rules.
const (
	anyPort      = 65535
	defaultAllow = "everyone, which is EC2's default"
)

// judgeNetwork compares who reaches what.
func (c *comparison) judgeNetwork() {
	before, after := groups(c.base), groups(c.head)
	c.judgeOpened(before, after)
	c.judgeClosed(before, after)
	for _, name := range c.head.Stacks() {
		if !c.new[name] {
			c.judgeAccessLists(c.base.stacks[name], c.head.stacks[name])
			c.judgeWays(c.base.stacks[name], c.head.stacks[name])
		}
	}
}

// judgeOpened finds who is let in who was not.
func (c *comparison) judgeOpened(before, after map[string]*group) {
	for _, key := range slices.Sorted(maps.Keys(after)) {
		is := after[key]
		was, existed := before[key]
		for _, one := range is.rules {
			// A new group opens nothing that stood before: what lets its members in is a
			// rule of another group.
			if (existed && was.lets(one)) || (!existed && is.id != "" && !public(one.peer)) {
				continue
			}
			f := finding{stack: is.stack, resource: one.by, verdict: Widens, property: one.property(), text: "newly open: " + one.String()}
			if c.new[is.stack] {
				f.resource, f.text = resource{}, one.by.id+" is new, and open: "+one.String()
			}
			c.add(f)
		}
	}
}

// judgeClosed finds who is let in no more.
func (c *comparison) judgeClosed(before, after map[string]*group) {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		was, is := before[key], after[key]
		if is == nil || c.new[was.stack] {
			is = &group{}
		}
		for _, one := range was.rules {
			if _, stays := c.head.stacks[was.stack].resources[was.id]; is.lets(one) || c.gone[was.stack] || (!stays && was.id != "") {
				continue
			}
			c.closed(was.stack, one.by, one.property(), "no longer open: "+one.String())
		}
	}
}

// closed reports what passed and passes no more. Whether anybody needs it, no
// template says.
func (c *comparison) closed(in string, by resource, property, text string) {
	c.narrowed[place{in, by.id}] = true
	c.add(finding{stack: in, resource: by, verdict: Interrupts, property: property, maybe: true, text: text})
}

// lets says whether what passes a rule passes the group.
func (g *group) lets(one groupRule) bool {
	return slices.ContainsFunc(g.rules, func(known groupRule) bool { return known.covers(one) })
}

func (r groupRule) property() string {
	if r.by.kind != "AWS::EC2::SecurityGroup" {
		return ""
	}
	if r.ingress {
		return "SecurityGroupIngress"
	}
	return "SecurityGroupEgress"
}

// String writes a rule for a reader.
func (r groupRule) String() string {
	ports := fmt.Sprintf("ports %d to %d", r.from, r.to)
	switch {
	case r.from == 0 && r.to == anyPort:
		ports = "all ports"
	case r.from == r.to:
		ports = fmt.Sprintf("port %d", r.from)
	}
	protocol := r.protocol
	if protocol == "-1" {
		protocol = "every protocol"
	}
	direction := "to"
	if r.ingress {
		direction = "from"
	}
	return fmt.Sprintf("%s, %s, %s %s", protocol, ports, direction, r.peer)
}

// covers says whether everything that passes the other rule passes this one.
func (r groupRule) covers(other groupRule) bool {
	if r.ingress != other.ingress || (r.protocol != "-1" && r.protocol != other.protocol) {
		return false
	}
	if r.protocol != "-1" && (r.from > other.from || r.to < other.to) {
		return false
	}
	return r.peer == other.peer || r.peer == defaultAllow || policy.Contains(r.peer, other.peer)
}

// public says whether a network reaches beyond private addresses. A group or a
// prefix list is not a network.
func public(peer string) bool {
	if peer == defaultAllow {
		return true
	}
	prefix, err := policy.ParsePrefix(peer)
	if err != nil {
		return false
	}
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "255.255.255.255/32", "::1/128"} {
		if inner := netip.MustParsePrefix(private); inner.Bits() <= prefix.Bits() && inner.Contains(prefix.Addr()) {
			return false
		}
	}
	return true
}

// groups reads the security groups of a set, by stack and group.
func groups(set Set) map[string]*group {
	found := map[string]*group{}
	for _, name := range set.Stacks() {
		in := set.stacks[name]
		for _, id := range slices.Sorted(maps.Keys(in.resources)) {
			readRules(in, in.resources[id], found)
		}
	}
	for _, one := range found {
		by, here := set.stacks[one.stack].resources[one.id]
		if here && !slices.ContainsFunc(one.rules, func(known groupRule) bool { return !known.ingress }) {
			// EC2 adds this rule to a group that has no rule of egress.
			one.rules = append(one.rules, groupRule{protocol: "-1", to: anyPort, peer: defaultAllow, by: by})
		}
	}
	return found
}

func readRules(in stack, r resource, found map[string]*group) {
	of := func(key, id string) *group {
		if found[key] == nil {
			found[key] = &group{stack: in.name, id: id}
		}
		return found[key]
	}
	switch r.kind {
	case "AWS::EC2::SecurityGroup":
		one := of(in.name+"/"+r.id, r.id)
		one.id = r.id
		for _, rules := range []struct {
			property string
			ingress  bool
		}{{"SecurityGroupIngress", true}, {"SecurityGroupEgress", false}} {
			for _, item := range cfn.List(r.properties[rules.property]) {
				one.rules = append(one.rules, readRule(item, rules.ingress, r))
			}
		}
	case "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress":
		target := at(r.properties, "GroupId")
		if target == nil {
			target = at(r.properties, "GroupName")
		}
		id := own(in, target)
		key := id
		if id == "" {
			key = cfn.Render(target)
		}
		one := of(in.name+"/"+key, id)
		one.rules = append(one.rules, readRule(r.properties, r.kind == "AWS::EC2::SecurityGroupIngress", r))
	}
}

// peers are the properties of a rule that name the other side.
var peers = []string{
	"CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourceSecurityGroupName", "DestinationSecurityGroupId", "SourcePrefixListId", "DestinationPrefixListId",
}

// readRule reads one rule in either of its forms.
func readRule(value any, ingress bool, by resource) groupRule {
	read := groupRule{ingress: ingress, by: by, to: anyPort, protocol: cfn.Canonical(at(value, "IpProtocol"))}
	if name, known := map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}[read.protocol]; known {
		read.protocol = name
	}
	if from, err := strconv.Atoi(text(value, "FromPort")); err == nil && from >= 0 && read.protocol != "-1" {
		read.from = from
	}
	if to, err := strconv.Atoi(text(value, "ToPort")); err == nil && to >= 0 && read.protocol != "-1" {
		read.to = to
	}
	for _, property := range peers {
		if peer := at(value, property); peer != nil {
			read.peer = cfn.Render(peer)
		}
	}
	if cfn.IsIntrinsic(value) {
		read.peer = cfn.Render(value)
	}
	return read
}

// entry is one line of a network access list.
type entry struct {
	groupRule
	allows bool
	number int
	list   string // its logical ID, or how the template names it
	// elsewhere: the list is not in the template.
	elsewhere bool
}

// judgeAccessLists compares the network access lists that exist on both sides.
// Their lines hold in the order of their numbers.
func (c *comparison) judgeAccessLists(was, is stack) {
	before, after := entries(was), entries(is)
	for _, one := range after {
		if _, listed := was.resources[one.list]; one.allows && (listed || one.elsewhere) && !passes(one, before, after) {
			c.add(finding{stack: is.name, resource: one.by, verdict: Widens, text: "newly open in the access list: " + one.String()})
		}
	}
	for _, old := range before {
		if _, listed := is.resources[old.list]; !listed && !old.elsewhere {
			continue
		}
		if old.allows {
			if !passes(old, after, before) {
				c.closed(is.name, old.by, "", "no longer open in the access list: "+old.String())
			}
			continue
		}
		if !slices.ContainsFunc(after, func(one entry) bool { return !one.allows && one.list == old.list && one.covers(old.groupRule) }) {
			c.add(finding{stack: is.name, resource: old.by, verdict: Widens, text: "no longer closed in the access list: " + old.String()})
		}
	}
}

// passes says whether what an entry lets pass passed before: an old entry lets it
// pass, and every denial that came before that one still comes before this one.
func passes(one entry, before, after []entry) bool {
	return slices.ContainsFunc(before, func(old entry) bool {
		if !old.allows || old.list != one.list || !old.covers(one.groupRule) {
			return false
		}
		for _, denial := range before {
			if denial.allows || denial.list != one.list || denial.number >= old.number {
				continue
			}
			if !slices.ContainsFunc(after, func(now entry) bool {
				return !now.allows && now.list == one.list && now.number < one.number && now.covers(denial.groupRule)
			}) {
				return false
			}
		}
		return true
	})
}

func entries(in stack) []entry {
	var found []entry
	for _, id := range slices.Sorted(maps.Keys(in.resources)) {
		r := in.resources[id]
		if r.kind != "AWS::EC2::NetworkAclEntry" {
			continue
		}
		one := entry{
			groupRule: groupRule{ingress: text(r.properties, "Egress") != "true", protocol: text(r.properties, "Protocol"), to: anyPort, by: r},
			allows:    text(r.properties, "RuleAction") != "deny",
		}
		if from, err := strconv.Atoi(text(r.properties, "PortRange.From")); err == nil {
			one.from = from
		}
		if to, err := strconv.Atoi(text(r.properties, "PortRange.To")); err == nil {
			one.to = to
		}
		one.number, _ = strconv.Atoi(text(r.properties, "RuleNumber"))
		for _, property := range []string{"CidrBlock", "Ipv6CidrBlock"} {
			if peer := at(r.properties, property); peer != nil {
				one.peer = cfn.Render(peer)
			}
		}
		if one.list = own(in, r.properties["NetworkAclId"]); one.list == "" {
			one.list, one.elsewhere = cfn.Render(r.properties["NetworkAclId"]), true
		}
		found = append(found, one)
	}
	return found
}

// ways are the properties of a route that lead out of a network.
var ways = []string{
	"GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "InstanceId",
	"NetworkInterfaceId", "CarrierGatewayId", "LocalGatewayId", "CoreNetworkArn", "VpcEndpointId",
}

// judgeWays finds new routes of tables that exist already. A route is known by its
// table, destination and way, because a changed one is a new one.
func (c *comparison) judgeWays(was, is stack) {
	known := map[string]bool{}
	for _, r := range was.resources {
		if r.kind == "AWS::EC2::Route" {
			known[way(r)] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(is.resources)) {
		if r := is.resources[id]; r.kind == "AWS::EC2::Route" && !known[way(r)] && c.existed(was, is, r.properties["RouteTableId"]) {
			c.add(finding{stack: is.name, resource: r, verdict: Widens, value: way(r),
				text: "a new way out of subnets that exist: " + destination(r) + " by " + leadsBy(r)})
		}
	}
}

func way(r resource) string {
	return strings.Join([]string{cfn.Render(r.properties["RouteTableId"]), destination(r), leadsBy(r)}, " ")
}

func destination(r resource) string {
	for _, property := range []string{"DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"} {
		if value := r.properties[property]; value != nil {
			return cfn.Render(value)
		}
	}
	return "anywhere"
}

func leadsBy(r resource) string {
	for _, property := range ways {
		if value := r.properties[property]; value != nil {
			return strings.TrimSuffix(strings.TrimSuffix(property, "Id"), "Arn") + " " + cfn.Render(value)
		}
	}
	return "nothing"
}
