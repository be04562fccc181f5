package changes

// networkRules: networks, and who reaches what in them.
var networkRules = map[string][]rule{
	"AWS::EC2::VPC": {
		must("EnableDnsHostnames", "true", Interrupts, "private names of endpoints no longer resolve"),
		must("EnableDnsSupport", "true", Interrupts, "names no longer resolve in the network"),
		row("InstanceTenancy", mayInterrupt("what starts in the network starts on other hardware", reference+"aws-resource-ec2-vpc.html")),
	},
	"AWS::EC2::Subnet": {
		must("MapPublicIpOnLaunch", "|false", Widens, "what starts in the subnet gets a public address"),
		must("AssignIpv6AddressOnCreation", "|false", Widens, "what starts in the subnet gets an IPv6 address"),
	},
	"AWS::EC2::EIP": {
		row("Tags", mayInterrupt("the address is associated anew, which AWS says of a change of its tags too", reference+"aws-resource-ec2-eip.html")),
	},
	"AWS::EC2::Route": {
		every("GatewayId", Interrupts, "what left by the gateway goes another way"),
		every("NatGatewayId", Interrupts, "what left by the gateway comes from another address"),
	},
	"AWS::EC2::VPCGatewayAttachment": {
		every("InternetGatewayId", Interrupts, "the network's way to the internet is cut and made anew"),
	},
	"AWS::EC2::VPCEndpoint": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
		must("PrivateDnsEnabled", "true", Interrupts, "clients reach the service by another way, or not at all"),
		list("RouteTableIds", Traffic, "more subnets reach the service by the endpoint", Interrupts, "subnets reach the service by another way, or not at all"),
		list("SecurityGroupIds", Widens, "others reach the endpoint", Interrupts, "fewer reach the endpoint"),
		list("SubnetIds", Safe, "the endpoint has an address more", Interrupts, "the endpoint's addresses in a subnet that leaves go away"),
	},
	"AWS::EC2::NetworkAclEntry": {
		judgedElsewhere("CidrBlock", reachOfAll, isNetwork),
		judgedElsewhere("PortRange/From", reachOfAll, isNumber),
		judgedElsewhere("PortRange/To", reachOfAll, isNumber),
		judgedElsewhere("Protocol", reachOfAll, isNumber),
		judgedElsewhere("RuleAction", reachOfAll, func(c change) bool { return c.after == "allow" || c.after == "deny" }),
	},
	"AWS::EC2::SecurityGroup": {
		groupRules("SecurityGroupEgress"),
		groupRules("SecurityGroupIngress"),
	},
	"AWS::EC2::SecurityGroupEgress": {
		harmless("Description", "a text for readers"),
	},
	"AWS::EC2::SecurityGroupIngress": {
		harmless("Description", "a text for readers"),
	},
}

// groupRules are the rules that stand in a group itself. CloudFormation removes one that
// changes before it adds it anew, also where only its description does.
func groupRules(path string) rule {
	made := judgedElsewhere(path, reachOfAll, readsAsGroupRules)
	altered := mayInterrupt("what a changed rule lets pass is dropped for a moment", reference+"aws-resource-ec2-securitygroup.html")
	altered.on, altered.holds = "altered", func(c change) bool { return gains(c) && loses(c) }
	made.outcomes = append(made.outcomes, altered)
	return made
}

// What compares properties of many resources together.
const (
	permissionsOfAll = "all permissions"
	reachOfAll       = "all rules of who reaches what"
)
