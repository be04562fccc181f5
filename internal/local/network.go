package local

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

func readVPC(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
	if err != nil || len(answer.Vpcs) == 0 {
		return nil, err
	}
	return Facts{"cidr": aws.ToString(answer.Vpcs[0].CidrBlock)}, nil
}

func readSubnet(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
	if err != nil || len(answer.Subnets) == 0 {
		return nil, err
	}
	subnet := answer.Subnets[0]
	return Facts{"cidr": aws.ToString(subnet.CidrBlock), "zone": aws.ToString(subnet.AvailabilityZone)}, nil
}

func readSecurityGroup(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil || len(answer.SecurityGroups) == 0 {
		return nil, err
	}
	return Facts{"vpc": aws.ToString(answer.SecurityGroups[0].VpcId)}, nil
}

func readInternetGateway(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeInternetGateways(ctx,
		&ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{id}})
	if err != nil || len(answer.InternetGateways) == 0 {
		return nil, err
	}
	return Facts{"id": id}, nil
}

func readNATGateway(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	if err != nil || len(answer.NatGateways) == 0 || answer.NatGateways[0].State == "deleted" {
		return nil, err
	}
	return Facts{"state": string(answer.NatGateways[0].State)}, nil
}

func readRouteTable(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{id}})
	if err != nil || len(answer.RouteTables) == 0 {
		return nil, err
	}
	return Facts{"vpc": aws.ToString(answer.RouteTables[0].VpcId)}, nil
}

func readEndpoint(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
	if err != nil || len(answer.VpcEndpoints) == 0 {
		return nil, err
	}
	return Facts{"service": aws.ToString(answer.VpcEndpoints[0].ServiceName)}, nil
}
