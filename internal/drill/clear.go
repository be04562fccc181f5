package drill

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// clear removes what a drill made, of this run or an earlier one, and asks for
// nothing else. What is not there is no error; what could not be removed shows
// when the next fixture is built.
func (s *fixture) clear(ctx context.Context) {
	// The writer leaves its global database last, and either region's cluster may
	// be it.
	for range 2 {
		for _, cluster := range s.Database.Clusters {
			region := s.cloud.In(cluster.Region).RDS
			_, _ = region.RemoveFromGlobalCluster(ctx, &rds.RemoveFromGlobalClusterInput{
				GlobalClusterIdentifier: &s.Database.ID, DbClusterIdentifier: &cluster.ARN,
			})
			for _, instance := range cluster.Instances {
				_, _ = region.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{
					DBInstanceIdentifier: &instance.ID, SkipFinalSnapshot: aws.Bool(true),
				})
			}
			_, _ = region.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &cluster.ID, SkipFinalSnapshot: aws.Bool(true)})
		}
	}
	_, _ = s.cloud.In(s.Primary).RDS.DeleteGlobalCluster(ctx, &rds.DeleteGlobalClusterInput{GlobalClusterIdentifier: &s.Database.ID})
	for _, service := range s.Services {
		region := s.cloud.In(service.Region).ECS
		_, _ = region.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: &service.ClusterName, Service: &service.Name, Force: aws.Bool(true)})
		_, _ = region.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: &service.ClusterName})
	}
	for _, alarm := range s.Alarms {
		_, _ = s.cloud.In(alarm.Region).CloudWatch.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{alarm.Name}})
	}
	s.clearNames(ctx)
}

// clearNames removes the zones of the moved name and the drill's health checks.
func (s *fixture) clearNames(ctx context.Context) {
	if len(s.Records) == 0 {
		return
	}
	global := s.cloud.In(s.Secondary).Route53
	zones, err := global.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: &s.Records[0].Name})
	if err == nil {
		for _, zone := range zones.HostedZones {
			if strings.TrimSuffix(aws.ToString(zone.Name), ".") == s.Records[0].Name {
				clearZone(ctx, global, aws.ToString(zone.Id))
			}
		}
	}
	checks, err := global.ListHealthChecks(ctx, &route53.ListHealthChecksInput{})
	if err != nil {
		return
	}
	for _, check := range checks.HealthChecks {
		if strings.HasPrefix(aws.ToString(check.CallerReference), marker+s.Database.ID) {
			_, _ = global.DeleteHealthCheck(ctx, &route53.DeleteHealthCheckInput{HealthCheckId: check.Id})
		}
	}
}

func clearZone(ctx context.Context, global *route53.Client, id string) {
	records, err := global.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &id})
	if err != nil {
		return
	}
	batch := &r53types.ChangeBatch{}
	for i := range records.ResourceRecordSets {
		record := &records.ResourceRecordSets[i]
		if record.Type != r53types.RRTypeNs && record.Type != r53types.RRTypeSoa { // those go with the zone
			batch.Changes = append(batch.Changes, r53types.Change{Action: r53types.ChangeActionDelete, ResourceRecordSet: record})
		}
	}
	if len(batch.Changes) > 0 {
		_, _ = global.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &id, ChangeBatch: batch})
	}
	_, _ = global.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: &id})
}
