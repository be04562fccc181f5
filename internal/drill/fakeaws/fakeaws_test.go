package fakeaws_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/fakeaws"
)

// The rules that only the fake keeps, because no emulator knows a lost region:
// the others are in the conformance suite.

func world(t *testing.T) (*fakeaws.Server, *cloud.Cloud, clock.Clock) {
	t.Helper()
	clk := clock.NewVirtual(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	server, err := fakeaws.New(clk)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	c, err := cloud.New(server.URL, "222222222222", clk)
	require.NoError(t, err)
	return server, c, clk
}

// global makes a global database; only the listed regions have an instance.
func global(t *testing.T, c *cloud.Cloud, instances ...string) string {
	t.Helper()
	ctx := context.Background()
	_, err := c.In("sa-east-1").RDS.CreateGlobalCluster(ctx, &rds.CreateGlobalClusterInput{GlobalClusterIdentifier: new("g"), Engine: new("aurora-mysql")})
	require.NoError(t, err)
	secondary := ""
	for _, region := range []string{"sa-east-1", "us-east-1"} {
		out, err := c.In(region).RDS.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
			DBClusterIdentifier: new("c-" + region), Engine: new("aurora-mysql"), GlobalClusterIdentifier: new("g"),
		})
		require.NoError(t, err)
		secondary = aws.ToString(out.DBCluster.DBClusterArn)
	}
	for _, region := range instances {
		_, err := c.In(region).RDS.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: new("i"), DBClusterIdentifier: new("c-" + region), Engine: new("aurora-mysql"), DBInstanceClass: new("db.r6g.large"),
		})
		require.NoError(t, err)
	}
	return secondary
}

func switchover(c *cloud.Cloud, target string) error {
	_, err := c.In("us-east-1").RDS.SwitchoverGlobalCluster(context.Background(), &rds.SwitchoverGlobalClusterInput{
		GlobalClusterIdentifier: new("g"), TargetDbClusterIdentifier: &target,
	})
	return err
}

func TestALostPrimaryCannotBeSwitchedOver(t *testing.T) {
	server, c, _ := world(t)
	target := global(t, c, "sa-east-1", "us-east-1")
	server.SetDown("sa-east-1", true)
	assert.ErrorContains(t, switchover(c, target), "InvalidGlobalClusterStateFault")
	server.SetDown("sa-east-1", false)
	assert.NoError(t, switchover(c, target))
}

func TestASecondaryWithoutAnInstanceIsNotPromoted(t *testing.T) {
	_, c, _ := world(t)
	target := global(t, c, "sa-east-1")
	assert.ErrorContains(t, switchover(c, target), "InvalidDBClusterStateFault")
}

func TestTheOldWriterGetsInStepAfterItsRegionIsBack(t *testing.T) {
	server, c, clk := world(t)
	target := global(t, c, "sa-east-1", "us-east-1")
	ctx := context.Background()
	server.SetDown("sa-east-1", true)
	_, err := c.In("us-east-1").RDS.FailoverGlobalCluster(ctx, &rds.FailoverGlobalClusterInput{
		GlobalClusterIdentifier: new("g"), TargetDbClusterIdentifier: &target, AllowDataLoss: new(true),
	})
	require.NoError(t, err)
	require.NoError(t, clk.Sleep(ctx, fakeaws.DefaultTiming.Promotion))
	status := func() map[string]string {
		out, err := c.In("us-east-1").RDS.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: new("g")})
		require.NoError(t, err)
		found := map[string]string{}
		for _, m := range out.GlobalClusters[0].GlobalClusterMembers {
			found[aws.ToString(m.DBClusterArn)] = string(m.SynchronizationStatus)
		}
		return found
	}
	old := "arn:aws:rds:sa-east-1:222222222222:cluster:c-sa-east-1"
	assert.Equal(t, "pending-resync", status()[old])
	server.SetDown("sa-east-1", false)
	assert.Equal(t, "connected", status()[old])
}

func TestNobodyWritesMetricsOfAWSsOwn(t *testing.T) {
	_, c, _ := world(t)
	_, err := c.In("us-east-1").CloudWatch.PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{
		Namespace: new("AWS/RDS"), MetricData: []cwtypes.MetricDatum{{MetricName: new("m"), Value: new(1.0)}},
	})
	assert.ErrorContains(t, err, "InvalidParameterValue")
}

func TestALostRegionAnswersNothing(t *testing.T) {
	server, c, _ := world(t)
	server.SetDown("sa-east-1", true)
	_, err := c.In("sa-east-1").RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{})
	assert.ErrorContains(t, err, "StatusCode: 503")
}
