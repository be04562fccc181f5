package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/plan"
)

// unknown is a lag that nobody publishes.
const unknown = time.Duration(-1)

// promote makes the target region's cluster the writer: by a switchover, which
// waits until both are in step, or by a failover, which does not.
// https://docs.aws.amazon.com/r53recovery/latest/dg/aurora-global-database-block.html
func (e *Execution) promote(ctx context.Context, step plan.Step) (string, error) {
	config := step.ExecutionBlockConfiguration.GlobalAuroraConfig
	target, err := clusterIn(e.Target, config.DatabaseClusterArns)
	if err != nil {
		return "", err
	}
	region := e.Cloud.In(e.Target)
	before, err := describeGlobal(ctx, region, config.GlobalClusterIdentifier)
	if err != nil {
		return "", err
	}
	how := "it was the writer already"
	if !writes(before, target) && before.FailoverState == nil {
		if how, err = e.change(ctx, region, step, target); err != nil {
			return "", err
		}
	} else if before.FailoverState != nil {
		how = "a change was under way"
	}
	seen, err := e.until(ctx, step.Timeout(), func() (bool, string, error) {
		now, err := describeGlobal(ctx, region, config.GlobalClusterIdentifier)
		if err != nil {
			return false, "", err
		}
		settled := aws.ToString(now.Status) == "available" && now.FailoverState == nil
		return settled && writes(now, target), "status " + aws.ToString(now.Status), nil
	})
	if err != nil {
		return seen, err
	}
	return how + "; " + last(target, ":") + " writes", nil
}

// change asks for the promotion, after the loss that it means is known.
func (e *Execution) change(ctx context.Context, region cloud.Clients, step plan.Step, target string) (string, error) {
	config := step.ExecutionBlockConfiguration.GlobalAuroraConfig
	lag := readLag(ctx, region, last(target, ":"), e.Clock.Now())
	e.mu.Lock()
	e.Journal.Lag = lag
	e.mu.Unlock()
	if !step.LosesData(e.Mode) {
		_, err := region.RDS.SwitchoverGlobalCluster(ctx, &rds.SwitchoverGlobalClusterInput{
			GlobalClusterIdentifier: &config.GlobalClusterIdentifier, TargetDbClusterIdentifier: &target,
		})
		return "switched over without loss", err
	}
	shown := "lag " + lag.String()
	if lag == unknown {
		shown = "lag unknown"
	}
	if lag == unknown || lag > e.RPO {
		if !e.AcceptLoss {
			return "", fmt.Errorf("%w: %s, objective %s", ErrLoss, shown, e.RPO)
		}
		e.mu.Lock()
		e.Journal.LossAccepted = true
		e.mu.Unlock()
		shown += ", the loss was accepted"
	}
	_, err := region.RDS.FailoverGlobalCluster(ctx, &rds.FailoverGlobalClusterInput{
		GlobalClusterIdentifier: &config.GlobalClusterIdentifier, TargetDbClusterIdentifier: &target, AllowDataLoss: aws.Bool(true),
	})
	return "failed over at " + shown, err
}

func clusterIn(region string, arns []string) (string, error) {
	for _, arn := range arns {
		if parts := strings.Split(arn, ":"); len(parts) > 4 && parts[3] == region {
			return arn, nil
		}
	}
	return "", fmt.Errorf("the step names no cluster in %s", region)
}

func last(text, separator string) string {
	return text[strings.LastIndex(text, separator)+1:]
}

func describeGlobal(ctx context.Context, region cloud.Clients, id string) (rdstypes.GlobalCluster, error) {
	out, err := region.RDS.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: &id})
	if err != nil {
		return rdstypes.GlobalCluster{}, err
	}
	if len(out.GlobalClusters) != 1 {
		return rdstypes.GlobalCluster{}, fmt.Errorf("%s: want one global database, got %d", id, len(out.GlobalClusters))
	}
	return out.GlobalClusters[0], nil
}

func writes(global rdstypes.GlobalCluster, arn string) bool {
	for _, member := range global.GlobalClusterMembers {
		if aws.ToString(member.DBClusterArn) == arn {
			return aws.ToBool(member.IsWriter)
		}
	}
	return false
}

// The metric that RDS publishes in the secondary's region, in milliseconds, with
// the region that it is behind as a further dimension.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
const (
	lagNamespace = "AWS/RDS"
	lagMetric    = "AuroraGlobalDBRPOLag"
)

// readLag is the newest lag of a cluster, or [unknown] where none was published
// lately or the metrics cannot be read: then the loss is unknown too, and a
// person has to accept that.
func readLag(ctx context.Context, region cloud.Clients, cluster string, now time.Time) time.Duration {
	found, err := region.CloudWatch.ListMetrics(ctx, &cloudwatch.ListMetricsInput{
		Namespace: aws.String(lagNamespace), MetricName: aws.String(lagMetric),
		Dimensions: []cwtypes.DimensionFilter{{Name: aws.String("DBClusterIdentifier"), Value: &cluster}},
	})
	if err != nil || len(found.Metrics) == 0 {
		return unknown
	}
	var queries []cwtypes.MetricDataQuery
	for i, metric := range found.Metrics {
		queries = append(queries, cwtypes.MetricDataQuery{
			Id: aws.String(fmt.Sprintf("lag%d", i)),
			MetricStat: &cwtypes.MetricStat{
				Metric: &metric, Period: aws.Int32(60), Stat: aws.String("Maximum"),
			},
		})
	}
	out, err := region.CloudWatch.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		MetricDataQueries: queries, StartTime: aws.Time(now.Add(-5 * time.Minute)), EndTime: aws.Time(now.Add(time.Minute)),
		ScanBy: cwtypes.ScanByTimestampDescending,
	})
	if err != nil {
		return unknown
	}
	return newest(out.MetricDataResults)
}

// newest is the worst value of the newest minute.
func newest(results []cwtypes.MetricDataResult) time.Duration {
	lag, at := unknown, time.Time{}
	for _, result := range results {
		for i, value := range result.Values {
			seen := time.Duration(value * float64(time.Millisecond))
			if i >= len(result.Timestamps) || result.Timestamps[i].Before(at) {
				continue
			}
			if result.Timestamps[i].After(at) {
				lag, at = unknown, result.Timestamps[i]
			}
			lag = max(lag, seen)
		}
	}
	return lag
}
