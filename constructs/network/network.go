// Package network makes a VPC in three tiers: public (load balancer and NAT),
// private (tasks and functions, outbound only) and database (no route to the
// internet at all).
package network

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// Props describe a network.
type Props struct {
	Names   config.Names
	Region  config.Region
	Network config.Network
	// LogKey encrypts the flow logs; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// Network is a VPC and the ways to select its tiers.
type Network struct {
	Vpc awsec2.Vpc
	// PrivateSubnets and DatabaseSubnets are the IDs of two tiers' subnets, in the order
	// of the region's zones.
	PrivateSubnets, DatabaseSubnets []string
	// NATGateways are the IDs of the gateways, for their alarms.
	NATGateways []string
}

// Private selects the subnets with outbound access through NAT.
func (n Network) Private() *awsec2.SubnetSelection {
	return &awsec2.SubnetSelection{SubnetGroupName: new(tierPrivate)}
}

// Public selects the subnets of the load balancer.
func (n Network) Public() *awsec2.SubnetSelection {
	return &awsec2.SubnetSelection{SubnetGroupName: new(tierPublic)}
}

// Database selects the isolated subnets.
func (n Network) Database() *awsec2.SubnetSelection {
	return &awsec2.SubnetSelection{SubnetGroupName: new(tierDatabase)}
}

// NewGroup makes a security group that reaches nothing until a rule lets it.
func (n Network) NewGroup(scope constructs.Construct, id, description string) awsec2.SecurityGroup {
	return awsec2.NewSecurityGroup(scope, new(id), &awsec2.SecurityGroupProps{
		Vpc: n.Vpc, Description: new(description), AllowAllOutbound: new(false),
	})
}

// NewClientGroup makes a security group that calls AWS, and says why. The addresses of
// AWS's APIs are not fixed: endpoints of the VPC where it has them, the internet
// through NAT where it has not.
func (n Network) NewClientGroup(scope constructs.Construct, id, description, why string) awsec2.SecurityGroup {
	group := n.NewGroup(scope, id, description)
	group.AddEgressRule(value.AnyIPv4(), value.TCP(config.HTTPSPort), new(why), nil)
	return group
}

// New makes the network.
func New(scope constructs.Construct, props Props) Network {
	vpc := awsec2.NewVpc(scope, new("Vpc"), &awsec2.VpcProps{
		IpAddresses:       awsec2.IpAddresses_Cidr(new(props.Network.CIDR)),
		AvailabilityZones: jsii.Strings(props.Region.Zones...),
		NatGateways:       jsii.Number(props.Network.NATGateways),
		SubnetConfiguration: &[]*awsec2.SubnetConfiguration{
			{Name: new(tierPublic), SubnetType: awsec2.SubnetType_PUBLIC, MapPublicIpOnLaunch: new(false)},
			{Name: new(tierPrivate), SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS},
			{Name: new(tierDatabase), SubnetType: awsec2.SubnetType_PRIVATE_ISOLATED},
		},
	})
	public := *vpc.PublicSubnets()
	setCIDRs(public, props.Network.Public)
	for _, subnet := range public {
		acknowledge.Finding(subnet, "PCI.DSS.321-VPCNoUnrestrictedRouteToIGW",
			"The public tier holds only the load balancer, whose purpose is the internet, and the NAT gateways")
	}
	addFlowLogs(vpc, props)
	addEndpoints(vpc, props.Network)
	guardDatabaseTier(vpc, props.Network)
	emptyDefaultGroup(vpc, props.LogKey, props.Network.FlowLogRetentionDays)
	return Network{
		Vpc:             vpc,
		PrivateSubnets:  setIDs(*vpc.PrivateSubnets(), props.Network.Private),
		DatabaseSubnets: setIDs(*vpc.IsolatedSubnets(), props.Network.Database),
		NATGateways:     natGateways(public[:props.Network.NATGateways]),
	}
}

// addFlowLogs records accepted and rejected flows: the evidence of who talked to
// the database, and the first thing to look at when something cannot.
func addFlowLogs(vpc awsec2.Vpc, props Props) {
	group := logging.NewGroup(vpc, "FlowLogs", logging.Props{
		RetentionDays: props.Network.FlowLogRetentionDays,
		Key:           props.LogKey,
		Keep:          true,
	})
	// Not the VPC's own AddFlowLog: it makes the whole app's templates deaf to misspelt
	// and missing properties (it acknowledges F3002 and F3003 of CloudFormation Validate).
	scope := constructs.NewConstruct(vpc, new("FlowLog"))
	role := logRole(scope, props, group)
	awsec2.NewCfnFlowLog(scope, new("FlowLog"), &awsec2.CfnFlowLogProps{
		ResourceId:               vpc.VpcId(),
		ResourceType:             new("VPC"),
		TrafficType:              new("ALL"),
		LogDestinationType:       new("cloud-watch-logs"),
		LogGroupName:             group.LogGroupName(),
		DeliverLogsPermissionArn: role.RoleArn(),
		MaxAggregationInterval:   jsii.Number(60), // seconds; AWS takes 60 or 600
	})
	acknowledge.Findings(role,
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-IAMNoInlinePolicy",
			Reason: "The policy belongs to this flow log's role alone and lets it write to this one log group",
		},
		acknowledge.Accepted{Rule: "AwsSolutions-IAM5", Reason: "logs:DescribeLogGroups exists for * only; it reads names", Only: []string{"Resource::*"}},
	)
}

// logRole may do what "IAM role for publishing flow logs to CloudWatch Logs" (VPC
// User Guide) asks for, with one group, and looks for it among all groups.
func logRole(scope constructs.Construct, props Props, group awslogs.LogGroup) awsiam.Role {
	role := awsiam.NewRole(scope, new("IAMRole"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(new("vpc-flow-logs.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": props.Names.Account()},
				"ArnLike":      map[string]any{"aws:SourceArn": props.Names.ARN("ec2", props.Region, "vpc-flow-log/*")},
			},
		}),
	})
	role.AddToPolicy(policy.Allow("", []string{*group.LogGroupArn()},
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents").CDK())
	role.AddToPolicy(policy.Allow("", []string{"*"}, "logs:DescribeLogGroups").CDK())
	return role
}

// addEndpoints keeps traffic to AWS off the internet. S3 is free and carries the
// image layers, so every network has it.
func addEndpoints(vpc awsec2.Vpc, network config.Network) {
	vpc.AddGatewayEndpoint(new("S3"), &awsec2.GatewayVpcEndpointOptions{
		Service: value.Once("endpoint S3", awsec2.GatewayVpcEndpointAwsService_S3),
	})
	if len(network.InterfaceEndpoints) == 0 {
		return
	}
	group := awsec2.NewSecurityGroup(vpc, new("EndpointGroup"), &awsec2.SecurityGroupProps{
		Vpc:              vpc,
		Description:      new("AWS services inside the VPC"),
		AllowAllOutbound: new(false),
	})
	for _, cidr := range network.Private {
		group.AddIngressRule(awsec2.Peer_Ipv4(new(cidr)), value.TCP(config.HTTPSPort),
			new("Tasks and functions call AWS services without the internet"), nil)
	}
	for _, service := range network.InterfaceEndpoints {
		vpc.AddInterfaceEndpoint(new("Endpoint-"+service), &awsec2.InterfaceVpcEndpointOptions{
			Service: value.Once("endpoint "+service, func() awsec2.InterfaceVpcEndpointAwsService {
				return awsec2.NewInterfaceVpcEndpointAwsService(new(service), nil, nil, nil)
			}),
			Subnets:        &awsec2.SubnetSelection{SubnetGroupName: new(tierPrivate)},
			SecurityGroups: &[]awsec2.ISecurityGroup{group},
			Open:           new(false), // the group's rules are written above, for the private tier alone
		})
	}
}

// emptyDefaultGroup empties the VPC's default security group, which would let
// everything that forgets to name a group talk to everything else that does.
func emptyDefaultGroup(vpc awsec2.Vpc, key awskms.IKey, retentionDays int) {
	stack := awscdk.Stack_Of(vpc)
	provider := stack.Node().FindChild(new("Custom::VpcRestrictDefaultSGCustomResourceProvider")).(constructs.Construct)
	handler := provider.Node().FindChild(new("Handler")).(awscdk.CfnResource)
	group := logging.NewGroup(provider, "Logs", logging.Props{
		Name:          "/aws/lambda/" + *handler.Ref(),
		RetentionDays: retentionDays,
		Key:           key,
	})
	// Without the explicit group, the first call would make one that never forgets.
	vpc.Node().FindChild(new("RestrictDefaultSecurityGroupCustomResource")).Node().AddDependency(group)
}

// natGateways finds what CDK put into public subnets.
func natGateways(public []awsec2.ISubnet) []string {
	var ids []string
	for _, subnet := range public {
		ids = append(ids, *subnet.Node().FindChild(new("NATGateway")).(awsec2.CfnNatGateway).AttrNatGatewayId())
	}
	return ids
}

// CloseOutbound keeps a group's own list of outbound rules from being empty. CDK
// leaves the list out as soon as a rule stands beside the group, and EC2 lets a group
// that is made without one call any address: "if you do not add egress rules, we add
// egress rules that allow all outbound IPv4 and IPv6 traffic"
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html).
func CloseOutbound(group awsec2.SecurityGroup) {
	resource := group.Node().DefaultChild().(awsec2.CfnSecurityGroup)
	resource.AddPropertyOverride(new("SecurityGroupEgress"), []any{map[string]any{
		"CidrIp": "255.255.255.255/32", "Description": "Disallow all traffic", "IpProtocol": "icmp", "FromPort": 252, "ToPort": 86, // as CDK allows nothing
	}})
}
