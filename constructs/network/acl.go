package network

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/value"
)

// firstEphemeralPort is where clients' source ports start, by AWS's advice for
// network ACLs: Linux, Lambda and NAT gateways all draw from 1024 to 65535.
const firstEphemeralPort, lastPort = 1024, 65535

// servicePorts are the ports that the private tier may reach in the database
// tier. Network ACLs are the second fence: they hold when a security group is
// opened by mistake.
var servicePorts = []struct {
	first, last int
	why         string
}{
	{config.MySQLPort, config.MySQLPort, "Aurora"},
	{config.CachePort, config.CachePort, "cache"},
	{config.KafkaSCRAMPort, config.KafkaIAMPort, "Kafka: the service and its operators"},
}

// guardDatabaseTier lets the database tier talk to itself (replication between
// brokers and cache nodes) and to the private tier, and to nothing else.
func guardDatabaseTier(vpc awsec2.Vpc, network config.Network) {
	acl := awsec2.NewNetworkAcl(vpc, new("DatabaseAcl"), &awsec2.NetworkAclProps{
		Vpc:             vpc,
		SubnetSelection: &awsec2.SubnetSelection{SubnetGroupName: new(tierDatabase)},
	})
	rules := aclRules{acl: acl}
	every, answers := ports(0, lastPort), ports(firstEphemeralPort, lastPort)
	var services []awsec2.AclTraffic
	for _, service := range servicePorts {
		services = append(services, ports(service.first, service.last))
	}
	for _, cidr := range network.Database {
		block := awsec2.AclCidr_Ipv4(new(cidr))
		rules.allow(block, awsec2.TrafficDirection_INGRESS, every)
		rules.allow(block, awsec2.TrafficDirection_EGRESS, every)
	}
	for _, cidr := range network.Private {
		block := awsec2.AclCidr_Ipv4(new(cidr))
		for _, service := range services {
			rules.allow(block, awsec2.TrafficDirection_INGRESS, service)
		}
		rules.allow(block, awsec2.TrafficDirection_EGRESS, answers)
	}
	acknowledge.Finding(acl, "AwsSolutions-VPC3",
		"The rule prefers security groups alone; this ACL is a second fence around the tier that holds the money, beside them")
}

func ports(first, last int) awsec2.AclTraffic {
	return value.Once(fmt.Sprintf("ports %d-%d", first, last), func() awsec2.AclTraffic {
		return awsec2.AclTraffic_TcpPortRange(jsii.Number(first), jsii.Number(last))
	})
}

// aclRules numbers the rules of one ACL in the order in which they are written.
type aclRules struct {
	acl     awsec2.NetworkAcl
	written int
}

func (r *aclRules) allow(cidr awsec2.AclCidr, direction awsec2.TrafficDirection, traffic awsec2.AclTraffic) {
	r.written++
	number := 100 + 10*r.written
	r.acl.AddEntry(new(fmt.Sprintf("Rule%d", number)), &awsec2.CommonNetworkAclEntryOptions{
		Cidr:       cidr,
		Direction:  direction,
		RuleNumber: jsii.Number(number),
		RuleAction: awsec2.Action_ALLOW,
		Traffic:    traffic,
	})
}
