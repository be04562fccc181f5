package preflight

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
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	xraytypes "github.com/aws/aws-sdk-go-v2/service/xray/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
)

// This file asks for what a template cannot say and CloudFormation finds out late:
// what the account has already, and what AWS offers today.

// checkAccount asks for those of the stacks that are to be deployed, in the regions
// that may be asked.
func (l *look) checkAccount(ctx context.Context) {
	for _, stack := range l.Selected {
		if !slices.Contains(l.regions, stack.Region) {
			continue
		}
		exists := l.Live[stack.Name].Exists()
		if stack.Region == l.Env.Primary.Name && l.Env.DR.Mode == config.DRStandby && exists {
			for _, resource := range stack.Template.OfType("AWS::RDS::DBCluster") {
				if version, pinned := resource.Properties["EngineVersion"].(string); pinned {
					l.checkPatch(ctx, version)
				}
			}
		}
		for range stack.Template.OfType("AWS::ECR::ReplicationConfiguration") {
			l.checkReplication(ctx, stack, exists)
		}
		for range stack.Template.OfType("AWS::XRay::TransactionSearchConfig") {
			l.checkTransactionSearch(ctx, stack, exists)
		}
		for _, resource := range stack.Template.OfType("AWS::Grafana::Workspace") {
			l.checkGrafana(ctx, stack.Region, fmt.Sprint(resource.Properties["GrafanaVersion"]), exists)
		}
	}
}

// checkPatch refuses to give the primary cluster of a global database a version that the
// secondary does not have yet: RDS wants the secondary first ("Upgrading an Amazon Aurora
// global database"), and the stack would be rolled back. A secondary that is detached
// has none.
func (l *look) checkPatch(ctx context.Context, want string) {
	has := func(region config.Region) (string, error) {
		name := l.Env.Names().DatabaseClusterName(region)
		answer, err := rds.NewFromConfig(l.Account.Reading(region.Name)).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
		if account.Code(err) == "DBClusterNotFoundFault" || err == nil && len(answer.DBClusters) == 0 {
			return want, nil
		}
		if err != nil {
			return "", err
		}
		return aws.ToString(answer.DBClusters[0].EngineVersion), nil
	}
	primary, err := has(l.Env.Primary)
	if err == nil && primary == want {
		return
	}
	secondary := ""
	if err == nil {
		secondary, err = has(l.Env.Secondary)
	}
	switch {
	case err != nil:
		l.found.Problem("the versions of the database: %s", account.Explain(err))
	case secondary != want:
		l.found.Problem("the primary database would get %s while the standby has %s, and RDS wants the standby first: docs/DEPLOYMENT.md#upgrades-of-aurora", want, secondary)
	}
}

// checkReplication refuses to make a second replication configuration: an account has
// one in each region, and CloudFormation's creation of another fails
// (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-replicationconfiguration.html).
// One that copies this environment's repositories alone is its own, unless the stack is
// still to be made.
func (l *look) checkReplication(ctx context.Context, stack cfn.Stack, exists bool) {
	answer, err := ecr.NewFromConfig(l.Account.Reading(stack.Region)).DescribeRegistry(ctx, &ecr.DescribeRegistryInput{})
	if err != nil {
		l.found.Problem("the replication of images in %s: %s", stack.Region, account.Explain(err))
		return
	}
	if answer.ReplicationConfiguration == nil {
		return
	}
	for _, rule := range answer.ReplicationConfiguration.Rules {
		foreign := slices.ContainsFunc(rule.RepositoryFilters, func(filter types.RepositoryFilter) bool {
			return aws.ToString(filter.Filter) != l.Env.Names().Prefix()
		})
		if !exists || foreign || len(rule.RepositoryFilters) == 0 {
			l.found.Problem("ECR replicates images of %s already by a configuration that %s did not make, and an account has one for each region: "+
				"see aws ecr describe-registry --region %s, and remove it there or give this environment an account of its own", stack.Region, stack.Name, stack.Region)
			return
		}
	}
}

// checkTransactionSearch refuses to turn on what somebody else turned on: an account and
// region has it once, and CloudFormation's creation of a second one fails
// (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-xray-transactionsearchconfig.html).
func (l *look) checkTransactionSearch(ctx context.Context, stack cfn.Stack, exists bool) {
	if exists {
		return
	}
	answer, err := xray.NewFromConfig(l.Account.Reading(stack.Region)).GetTraceSegmentDestination(ctx, &xray.GetTraceSegmentDestinationInput{})
	switch {
	case err != nil:
		l.found.Problem("where X-Ray keeps spans in %s: %s", stack.Region, account.Explain(err))
	case answer.Destination != xraytypes.TraceSegmentDestinationXRay:
		l.found.Problem("X-Ray keeps spans in %[1]s already (%[2]s), and %[3]s would turn that on a second time: "+
			"turn it off (aws xray update-trace-segment-destination --destination XRay --region %[1]s) or give this environment an account of its own",
			stack.Region, answer.Destination, stack.Name)
	}
}

// checkGrafana looks whether AWS offers the version: the strings come from ListVersions
// alone. A workspace that runs one that is no longer offered goes on.
func (l *look) checkGrafana(ctx context.Context, region, want string, exists bool) {
	pages := grafana.NewListVersionsPaginator(grafana.NewFromConfig(l.Account.Reading(region)), &grafana.ListVersionsInput{})
	var offered []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			l.found.Problem("the versions of Managed Grafana in %s: %s", region, account.Explain(err))
			return
		}
		offered = append(offered, page.GrafanaVersions...)
	}
	switch list := strings.Join(offered, ", "); {
	case slices.Contains(offered, want):
	case exists:
		l.found.Note("Managed Grafana no longer offers version %s in %s (it offers %s); the workspace goes on if it has it", want, region, list)
	default:
		l.found.Problem("Managed Grafana does not offer version %s in %s: set Observability.GrafanaVersion to one of %s", want, region, list)
	}
}

// checkCopies looks at the copies of secrets in other regions.
func (l *look) checkCopies(ctx context.Context) {
	for _, stack := range l.Selected {
		copied := map[string]bool{} // the logical IDs of secrets with a copy
		for _, secret := range stack.Template.OfType("AWS::SecretsManager::Secret") {
			copied[secret.ID] = len(cfn.List(secret.Properties["ReplicaRegions"])) > 0
		}
		if len(copied) == 0 || !l.Live[stack.Name].Exists() {
			continue
		}
		deployed, err := l.stacks.Resources(ctx, stack.Region, stack.Name)
		if err != nil {
			l.found.Problem("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		for _, resource := range deployed {
			if secret := aws.ToString(resource.PhysicalResourceId); copied[aws.ToString(resource.LogicalResourceId)] && secret != "" {
				l.checkSecret(ctx, stack.Region, secret)
			}
		}
	}
}

// checkSecret refuses to go on while a copy of a secret is out of date: the standby's
// password is then dead. A deployment may be the remedy, and is told so.
func (l *look) checkSecret(ctx context.Context, region, secret string) {
	answer, err := secretsmanager.NewFromConfig(l.Account.Reading(region)).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		l.found.Problem("the copies of secret %s: %s", secret, account.Explain(err))
		return
	}
	for _, copied := range answer.ReplicationStatus {
		to, message := aws.ToString(copied.Region), aws.ToString(copied.StatusMessage)
		switch {
		case copied.Status == secrettypes.StatusTypeInSync:
		case copied.Status == secrettypes.StatusTypeInProgress:
			l.found.Note("the copy of secret %s in %s is being made", secret, to)
		case l.DespiteOutage:
			l.found.Note("the copy of secret %s in %s is %s: %s", secret, to, copied.Status, message)
		default:
			l.found.Problem("the copy of secret %s in %s is %s (%s): the standby could not sign in. When the cause is mended: aws secretsmanager replicate-secret-to-regions --region %s --secret-id %s --force-overwrite-replica-secret --add-replica-regions Region=%s,KmsKeyId=KEY; if this deployment is the remedy, add --despite-outage",
				secret, to, copied.Status, message, region, secret, to)
		}
	}
}
