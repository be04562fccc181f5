package drill

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/cloud"
)

// fixture is both regions as the templates make them, as far as the plans touch
// them, and without deletion protection.
type fixture struct {
	blueprint.Blueprint
	cloud *cloud.Cloud
	// Checks stand for the health checks that Region switch makes, by region.
	checks map[string]string
	zone   string
}

// build makes everything, the primary region first, and serves from it.
func (s *fixture) build(ctx context.Context) error {
	s.checks = map[string]string{}
	for _, part := range []func(context.Context) error{s.database, s.services, s.checksAndZone, s.alarms} {
		if err := part(ctx); err != nil {
			return fmt.Errorf("building the two regions: %w", err)
		}
	}
	return nil
}

func (s *fixture) database(ctx context.Context) error {
	db := s.Database
	_, err := s.cloud.In(s.Primary).RDS.CreateGlobalCluster(ctx, &rds.CreateGlobalClusterInput{
		GlobalClusterIdentifier: &db.ID, Engine: &db.Engine, EngineVersion: &db.Version, StorageEncrypted: &db.Encrypted,
	})
	if err != nil {
		return err
	}
	for _, region := range []string{s.Primary, s.Secondary} {
		cluster, ok := db.Cluster(region)
		if !ok {
			return fmt.Errorf("no cluster in %s", region)
		}
		if err := s.cluster(ctx, cluster); err != nil {
			return err
		}
	}
	return nil
}

func (s *fixture) cluster(ctx context.Context, cluster blueprint.Cluster) error {
	region := s.cloud.In(cluster.Region)
	input := &rds.CreateDBClusterInput{
		DBClusterIdentifier: &cluster.ID, Engine: &s.Database.Engine, EngineVersion: &s.Database.Version,
		GlobalClusterIdentifier: &s.Database.ID, StorageEncrypted: &s.Database.Encrypted,
	}
	if cluster.Region == s.Primary {
		// A secondary takes these from the primary, and AWS refuses them there.
		input.MasterUsername, input.MasterUserPassword = aws.String("drill"), aws.String("nobody-logs-in")
	}
	if _, err := region.RDS.CreateDBCluster(ctx, input); err != nil {
		return err
	}
	for _, instance := range cluster.Instances {
		_, err := region.RDS.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: &instance.ID, DBInstanceClass: &instance.Class,
			DBClusterIdentifier: &cluster.ID, Engine: &s.Database.Engine,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// services run at their peak in the primary region, which is the hardest case for
// the other one, and at their minimum there.
func (s *fixture) services(ctx context.Context) error {
	for _, service := range s.Services {
		region := s.cloud.In(service.Region)
		if _, err := region.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &service.ClusterName}); err != nil {
			return err
		}
		task, err := region.ECS.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
			Family: &service.Name, ContainerDefinitions: []ecstypes.ContainerDefinition{{
				Name: aws.String("app"), Image: aws.String("scratch"), Memory: aws.Int32(64),
			}},
		})
		if err != nil {
			return err
		}
		_, err = region.ECS.CreateService(ctx, &ecs.CreateServiceInput{
			Cluster: &service.ClusterName, ServiceName: &service.Name, TaskDefinition: task.TaskDefinition.TaskDefinitionArn,
			DesiredCount: aws.Int32(int32(s.tasks(service))), // #nosec G115 -- a count of tasks
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *fixture) tasks(service blueprint.Service) int {
	if service.Region == s.Primary {
		return service.Max
	}
	return service.Min
}

// baseline is how many tasks each service runs at its busiest.
func (s *fixture) baseline() map[string]int {
	busiest := map[string]int{}
	for _, service := range s.Services {
		busiest[service.ARN] = s.tasks(service)
	}
	return busiest
}

// checksAndZone makes the moved name with a health check for each region.
func (s *fixture) checksAndZone(ctx context.Context) error {
	if len(s.Records) == 0 {
		return nil
	}
	// Route 53 is global: either region's client reaches it.
	global := s.cloud.In(s.Secondary).Route53
	name := s.Records[0].Name
	zone, err := global.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: &name, CallerReference: reference(name)})
	if err != nil {
		return err
	}
	s.zone = last(aws.ToString(zone.HostedZone.Id), "/")
	for _, region := range []string{s.Primary, s.Secondary} {
		check, err := global.CreateHealthCheck(ctx, &route53.CreateHealthCheckInput{
			CallerReference: reference(marker + s.Database.ID + "-" + region),
			HealthCheckConfig: &r53types.HealthCheckConfig{
				Type: r53types.HealthCheckTypeCalculated, HealthThreshold: aws.Int32(0), Inverted: aws.Bool(region != s.Primary),
			},
		})
		if err != nil {
			return err
		}
		s.checks[region] = aws.ToString(check.HealthCheck.Id)
	}
	batch := &r53types.ChangeBatch{}
	for _, record := range append(s.RegionalRecords, s.Records...) {
		batch.Changes = append(batch.Changes, r53types.Change{Action: r53types.ChangeActionUpsert, ResourceRecordSet: s.recordSet(record)})
	}
	_, err = global.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &s.zone, ChangeBatch: batch})
	return err
}

// marker begins the caller's reference of everything that the drill makes.
const marker = "wallet-drill-"

// reference makes a request unlike any earlier one.
func reference(text string) *string {
	return aws.String(text + "-" + time.Now().Format(time.RFC3339Nano))
}

func (s *fixture) recordSet(record blueprint.Record) *r53types.ResourceRecordSet {
	set := &r53types.ResourceRecordSet{
		Name: &record.Name, Type: r53types.RRType(record.Type),
		AliasTarget: &r53types.AliasTarget{DNSName: &record.Target, HostedZoneId: aws.String(s.zone), EvaluateTargetHealth: record.Evaluates},
	}
	if record.SetID != "" {
		set.SetIdentifier, set.Failover = &record.SetID, r53types.ResourceRecordSetFailover(record.Failover)
	}
	if record.HealthCheck {
		set.HealthCheckId = aws.String(s.checks[record.Region])
	}
	return set
}

// alarms are those that the plans watch.
func (s *fixture) alarms(ctx context.Context) error {
	for _, alarm := range s.Alarms {
		_, err := s.cloud.In(alarm.Region).CloudWatch.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
			AlarmName: &alarm.Name, Namespace: aws.String("Drill"), MetricName: aws.String("Health"), Statistic: cwtypes.StatisticMinimum,
			Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
			ComparisonOperator: cwtypes.ComparisonOperatorLessThanThreshold,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
