package destroy

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
)

// guard is a resource that refuses its own deletion.
type guard struct{ resourceType, id string }

// balancerProtection is the load balancer's attribute.
const balancerProtection = "deletion_protection.enabled"

// protected says that a template protects a resource against deletion.
func protected(declared cfn.Resource) bool {
	if on, _ := declared.Properties["DeletionProtection"].(bool); on {
		return true
	}
	attributes, _ := declared.Properties["LoadBalancerAttributes"].([]any)
	return slices.ContainsFunc(attributes, func(item any) bool {
		attribute, _ := item.(map[string]any)
		return attribute["Key"] == balancerProtection && attribute["Value"] == "true"
	})
}

// drop switches a resource's deletion protection off. What the template keeps
// also keeps its protection: only what is to be deleted comes here.
func (r Removal) drop(ctx context.Context, region string, g guard) error {
	own := r.Account.Writing(region)
	switch g.resourceType {
	case "AWS::ElasticLoadBalancingV2::LoadBalancer":
		_, err := elb.NewFromConfig(own).ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &g.id,
			Attributes:      []elbtypes.LoadBalancerAttribute{{Key: new(balancerProtection), Value: new("false")}},
		})
		return err
	case "AWS::RDS::DBCluster":
		_, err := rds.NewFromConfig(own).ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
			DBClusterIdentifier: &g.id, DeletionProtection: new(false), ApplyImmediately: new(true),
		})
		return err
	case "AWS::RDS::GlobalCluster":
		_, err := rds.NewFromConfig(own).ModifyGlobalCluster(ctx, &rds.ModifyGlobalClusterInput{
			GlobalClusterIdentifier: &g.id, DeletionProtection: new(false),
		})
		return err
	}
	return fmt.Errorf("how to switch it off for a %s is not known here: do it by hand", g.resourceType)
}

// checkReaders finds the database readers that autoscaling added: they are in no
// template, and their cluster cannot go while they stand.
func (r Removal) checkReaders(ctx context.Context, one removal, resources []types.StackResourceSummary, f *console.Findings) error {
	known := map[string]bool{}
	for _, resource := range resources {
		known[aws.ToString(resource.PhysicalResourceId)] = true
	}
	for _, cluster := range one.clusters {
		answer, err := rds.NewFromConfig(r.Account.Reading(one.stack.Region)).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &cluster})
		if account.Code(err) == "DBClusterNotFoundFault" {
			continue
		}
		if err != nil {
			return err
		}
		for _, member := range answer.DBClusters[0].DBClusterMembers {
			if instance := aws.ToString(member.DBInstanceIdentifier); !known[instance] {
				f.Problem("%s was added to the database by autoscaling and is in no template: aws rds delete-db-instance --region %s --db-instance-identifier %s", instance, one.stack.Region, instance)
			}
		}
	}
	return nil
}
