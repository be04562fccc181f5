package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/grafana"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
)

// This file asks for what a template cannot say and CloudFormation finds out late:
// what the account has already, what AWS offers today, and whether an image that is no
// release's is there.

// checkAccount asks for those of the stacks that are to be deployed, in the regions
// that may be asked.
func (s *Session) checkAccount(ctx context.Context, ready readied, regions []string, f *console.Findings) {
	for _, stack := range ready.selected {
		if !slices.Contains(regions, stack.Region) {
			continue
		}
		if stack.Region == s.Env.Primary.Name && s.Env.DR.Mode == config.DRStandby && ready.seen[stack.Name].Exists() {
			for _, resource := range stack.Template.OfType("AWS::RDS::DBCluster") {
				if version, pinned := resource.Properties["EngineVersion"].(string); pinned {
					s.checkPatch(ctx, version, f)
				}
			}
		}
		for _, resource := range stack.Template.OfType("AWS::ECR::ReplicationConfiguration") {
			s.checkReplication(ctx, stack, resource, ready.seen[stack.Name].Exists(), f)
		}
		for _, resource := range stack.Template.OfType("AWS::Grafana::Workspace") {
			s.checkGrafana(ctx, stack, resource, ready.seen[stack.Name].Exists(), f)
		}
	}
}

// checkPatch refuses to give the primary cluster of a global database a version that the
// secondary does not have yet: RDS wants the secondary first ("Upgrading an Amazon Aurora
// global database"), and the stack would be rolled back. A secondary that is detached
// has none.
func (s *Session) checkPatch(ctx context.Context, want string, f *console.Findings) {
	has := func(region config.Region) (string, error) {
		name := s.Env.Names().DatabaseClusterName(region)
		answer, err := rds.NewFromConfig(s.account.Reading(region.Name)).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
		if account.Code(err) == "DBClusterNotFoundFault" || err == nil && len(answer.DBClusters) == 0 {
			return want, nil
		}
		if err != nil {
			return "", err
		}
		return aws.ToString(answer.DBClusters[0].EngineVersion), nil
	}
	primary, err := has(s.Env.Primary)
	if err == nil && primary == want {
		return
	}
	secondary := ""
	if err == nil {
		secondary, err = has(s.Env.Secondary)
	}
	switch {
	case err != nil:
		f.Problem("the versions of the database: %s", account.Explain(err))
	case secondary != want:
		f.Problem("the primary database would get %s while the standby has %s, and RDS wants the standby first: docs/DEPLOYMENT.md#upgrades-of-aurora", want, secondary)
	}
}

// checkReplication refuses to make a second replication configuration: an account has
// one in each region, and CloudFormation's creation of another fails
// (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-replicationconfiguration.html).
// One that copies this environment's repositories alone is its own, unless the stack is
// still to be made.
func (s *Session) checkReplication(ctx context.Context, stack cfn.Stack, _ cfn.Resource, exists bool, f *console.Findings) {
	answer, err := ecr.NewFromConfig(s.account.Reading(stack.Region)).DescribeRegistry(ctx, &ecr.DescribeRegistryInput{})
	if err != nil {
		f.Problem("the replication of images in %s: %s", stack.Region, account.Explain(err))
		return
	}
	if answer.ReplicationConfiguration == nil {
		return
	}
	for _, rule := range answer.ReplicationConfiguration.Rules {
		foreign := slices.ContainsFunc(rule.RepositoryFilters, func(filter types.RepositoryFilter) bool {
			return aws.ToString(filter.Filter) != s.Env.Names().Prefix()
		})
		if !exists || foreign || len(rule.RepositoryFilters) == 0 {
			f.Problem("ECR replicates images of %s already by a configuration that %s did not make, and an account has one for each region: "+
				"see aws ecr describe-registry --region %s, and remove it there or give this environment an account of its own", stack.Region, stack.Name, stack.Region)
			return
		}
	}
}

// checkGrafana looks whether AWS offers the version: the strings come from ListVersions
// alone. A workspace that runs one that is no longer offered goes on.
func (s *Session) checkGrafana(ctx context.Context, stack cfn.Stack, workspace cfn.Resource, exists bool, f *console.Findings) {
	want := fmt.Sprint(workspace.Properties["GrafanaVersion"])
	pages := grafana.NewListVersionsPaginator(grafana.NewFromConfig(s.account.Reading(stack.Region)), &grafana.ListVersionsInput{})
	var offered []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			f.Problem("the versions of Managed Grafana in %s: %s", stack.Region, account.Explain(err))
			return
		}
		offered = append(offered, page.GrafanaVersions...)
	}
	switch {
	case slices.Contains(offered, want):
	case exists:
		f.Note("Managed Grafana no longer offers version %s in %s (it offers %s); the workspace goes on if it has it", want, stack.Region, strings.Join(offered, ", "))
	default:
		f.Problem("Managed Grafana does not offer version %s in %s: set Observability.GrafanaVersion to one of %s", want, stack.Region, strings.Join(offered, ", "))
	}
}

// checkCollector looks for the telemetry collector in a region's own registry. No task
// starts without it: a failed pull is the task's end, although the container is not
// essential.
func (s *Session) checkCollector(ctx context.Context, region string, f *console.Findings) {
	repository, digest := s.Env.Names().CollectorRepository(), s.Env.Service.CollectorDigest()
	_, err := ecr.NewFromConfig(s.account.Reading(region)).DescribeImages(ctx, &ecr.DescribeImagesInput{
		RepositoryName: &repository, ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}},
	})
	switch {
	case err == nil:
	case account.Code(err) == "ImageNotFoundException" && region != s.Env.Primary.Name:
		f.Problem("%s has no image %s in %s: ECR copies only what is pushed after the copy was set up; wait some minutes after scripts/collector.sh, or delete it in %s and run it again",
			repository, digest, region, s.Env.Primary.Name)
	case account.Code(err) == "ImageNotFoundException":
		f.Problem("%s has no image %s in %s: scripts/collector.sh %s", repository, digest, region, s.Env.Name)
	case account.Code(err) == "RepositoryNotFoundException":
		f.Problem("the repository %s does not exist in %s: deploy without an image first (scripts/deploy.sh %s --image-tag none), and then run scripts/collector.sh %s", repository, region, s.Env.Name, s.Env.Name)
	default:
		f.Problem("image %s@%s in %s: %s", repository, digest, region, account.Explain(err))
	}
}
