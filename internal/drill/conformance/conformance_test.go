package conformance

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/fakeaws"
)

const (
	primary   = "sa-east-1"
	secondary = "us-east-1"
	// account is no account of the platform: the suite makes and deletes.
	account = "999988887777"
)

// world is an endpoint with the clock that its transitions follow.
type world struct {
	name         string
	cloud        *cloud.Cloud
	clock        clock.Clock
	here, there  cloud.Clients // the two regions
	transitional bool          // it shows transitions while they are under way
}

// each runs a question against the fake and, where one is named, the endpoint.
func each(t *testing.T, ask func(t *testing.T, w world)) {
	t.Run("fake", func(t *testing.T) {
		clk := clock.NewVirtual(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
		server, err := fakeaws.New(clk)
		require.NoError(t, err)
		t.Cleanup(func() { _ = server.Close() })
		ask(t, newWorld(t, "fake", server.URL, clk, true))
	})
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		t.Run("endpoint", func(t *testing.T) { ask(t, newWorld(t, "endpoint", endpoint, clock.Real{}, false)) })
	}
}

func newWorld(t *testing.T, name, endpoint string, clk clock.Clock, transitional bool) world {
	c, err := cloud.New(endpoint, account, clk)
	require.NoError(t, err)
	return world{name, c, clk, c.In(primary), c.In(secondary), transitional}
}

// code is the error code of an answer.
func code(err error) string {
	var failed smithy.APIError
	if errors.As(err, &failed) {
		return failed.ErrorCode()
	}
	return ""
}

// database makes a global database with a cluster and an instance in both regions.
func database(t *testing.T, w world) (writer, reader string) {
	ctx := context.Background()
	_, err := w.here.RDS.CreateGlobalCluster(ctx, &rds.CreateGlobalClusterInput{
		GlobalClusterIdentifier: new("conform"), Engine: new("aurora-mysql"), EngineVersion: new("8.0.mysql_aurora.3.10.4"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { tearDown(w) })
	arns := map[string]string{}
	for _, region := range []cloud.Clients{w.here, w.there} {
		id := "conform-" + region.Region
		input := &rds.CreateDBClusterInput{
			DBClusterIdentifier: &id, Engine: new("aurora-mysql"), EngineVersion: new("8.0.mysql_aurora.3.10.4"),
			GlobalClusterIdentifier: new("conform"),
		}
		if region.Region == primary {
			input.MasterUsername, input.MasterUserPassword = new("administrator"), new("not-a-password")
		}
		made, err := region.RDS.CreateDBCluster(ctx, input)
		require.NoError(t, err)
		arns[region.Region] = aws.ToString(made.DBCluster.DBClusterArn)
		_, err = region.RDS.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: new(id + "-1"), DBClusterIdentifier: &id, Engine: new("aurora-mysql"), DBInstanceClass: new("db.r6g.large"),
		})
		require.NoError(t, err)
	}
	return arns[primary], arns[secondary]
}

func tearDown(w world) {
	ctx := context.Background()
	for range 2 { // the writer leaves last, whichever it is
		for _, region := range []cloud.Clients{w.there, w.here} {
			id := "conform-" + region.Region
			_, _ = region.RDS.RemoveFromGlobalCluster(ctx, &rds.RemoveFromGlobalClusterInput{
				GlobalClusterIdentifier: new("conform"), DbClusterIdentifier: new("arn:aws:rds:" + region.Region + ":" + account + ":cluster:" + id),
			})
			_, _ = region.RDS.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: new(id + "-1"), SkipFinalSnapshot: new(true)})
			_, _ = region.RDS.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &id, SkipFinalSnapshot: new(true)})
		}
	}
	_, _ = w.here.RDS.DeleteGlobalCluster(ctx, &rds.DeleteGlobalClusterInput{GlobalClusterIdentifier: new("conform")})
}

// writer waits until nothing changes, and says who writes, as a region sees it.
func writer(t *testing.T, w world, from cloud.Clients) string {
	ctx := context.Background()
	for range 100 {
		out, err := from.RDS.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: new("conform")})
		require.NoError(t, err)
		require.Len(t, out.GlobalClusters, 1)
		if aws.ToString(out.GlobalClusters[0].Status) == "available" && out.GlobalClusters[0].FailoverState == nil {
			for _, m := range out.GlobalClusters[0].GlobalClusterMembers {
				if aws.ToBool(m.IsWriter) {
					return aws.ToString(m.DBClusterArn)
				}
			}
		}
		require.NoError(t, w.clock.Sleep(ctx, time.Second))
	}
	t.Fatal("the global database never settled")
	return ""
}

func TestTheFirstClusterOfAGlobalDatabaseIsItsWriterInBothRegions(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		first, second := database(t, w)
		assert.Equal(t, first, writer(t, w, w.here))
		assert.Equal(t, first, writer(t, w, w.there))
		assert.NotEqual(t, first, second)
	})
}

func TestASwitchoverChangesTheRoles(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		_, second := database(t, w)
		out, err := w.there.RDS.SwitchoverGlobalCluster(context.Background(), &rds.SwitchoverGlobalClusterInput{
			GlobalClusterIdentifier: new("conform"), TargetDbClusterIdentifier: &second,
		})
		require.NoError(t, err)
		assert.Equal(t, "switching-over", aws.ToString(out.GlobalCluster.Status))
		assert.Equal(t, second, writer(t, w, w.there))
	})
}

func TestAFailoverWithLossPromotesTheSecondary(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		_, second := database(t, w)
		out, err := w.there.RDS.FailoverGlobalCluster(context.Background(), &rds.FailoverGlobalClusterInput{
			GlobalClusterIdentifier: new("conform"), TargetDbClusterIdentifier: &second, AllowDataLoss: new(true),
		})
		require.NoError(t, err)
		require.NotNil(t, out.GlobalCluster.FailoverState)
		assert.True(t, aws.ToBool(out.GlobalCluster.FailoverState.IsDataLossAllowed))
		assert.Equal(t, second, writer(t, w, w.there))
	})
}

func TestAFailoverRefusesBothModesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		_, second := database(t, w)
		_, err := w.there.RDS.FailoverGlobalCluster(context.Background(), &rds.FailoverGlobalClusterInput{
			GlobalClusterIdentifier: new("conform"), TargetDbClusterIdentifier: &second, AllowDataLoss: new(true), Switchover: new(true),
		})
		assert.Equal(t, "InvalidParameterCombination", code(err))
	})
}

func TestThePrimaryIsNotPromotedAgain(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		first, _ := database(t, w)
		_, err := w.there.RDS.SwitchoverGlobalCluster(context.Background(), &rds.SwitchoverGlobalClusterInput{
			GlobalClusterIdentifier: new("conform"), TargetDbClusterIdentifier: &first,
		})
		assert.Equal(t, "InvalidGlobalClusterStateFault", code(err))
	})
}

func TestASecondChangeIsRefusedWhileOneIsUnderWay(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		if !w.transitional {
			t.Skip("this endpoint changes the writer at once, and shows no transition")
		}
		_, second := database(t, w)
		input := &rds.FailoverGlobalClusterInput{
			GlobalClusterIdentifier: new("conform"), TargetDbClusterIdentifier: &second, AllowDataLoss: new(true),
		}
		_, err := w.there.RDS.FailoverGlobalCluster(context.Background(), input)
		require.NoError(t, err)
		_, err = w.there.RDS.FailoverGlobalCluster(context.Background(), input)
		assert.Equal(t, "InvalidGlobalClusterStateFault", code(err))
	})
}

func TestAnUnknownGlobalDatabaseIsNamedAsSuch(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		_, err := w.there.RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: new("nowhere")})
		assert.Equal(t, "GlobalClusterNotFoundFault", code(err))
	})
}

func TestAClusterInAGlobalDatabaseIsNotDeleted(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		database(t, w)
		_, err := w.there.RDS.DeleteDBCluster(context.Background(), &rds.DeleteDBClusterInput{
			DBClusterIdentifier: new("conform-" + secondary), SkipFinalSnapshot: new(true),
		})
		assert.Equal(t, "InvalidDBClusterStateFault", code(err))
	})
}

func TestAServiceReachesTheCountThatItIsGiven(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx := context.Background()
		_, err := w.there.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: new("conform")})
		require.NoError(t, err)
		t.Cleanup(func() {
			_, _ = w.there.ECS.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: new("conform"), Service: new("s"), Force: new(true)})
			_, _ = w.there.ECS.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: new("conform")})
		})
		defined, err := w.there.ECS.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
			Family: new("conform"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("c"), Image: new("scratch"), Memory: new(int32(64))}},
		})
		require.NoError(t, err)
		_, err = w.there.ECS.CreateService(ctx, &ecs.CreateServiceInput{
			Cluster: new("conform"), ServiceName: new("s"), TaskDefinition: defined.TaskDefinition.TaskDefinitionArn, DesiredCount: new(int32(1)),
		})
		require.NoError(t, err)
		_, err = w.there.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: new("conform"), Service: new("s"), DesiredCount: new(int32(3))})
		require.NoError(t, err)
		assert.Eventually(t, func() bool {
			_ = w.clock.Sleep(ctx, time.Second)
			out, err := w.there.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: new("conform"), Services: []string{"s"}})
			return err == nil && len(out.Services) == 1 && out.Services[0].RunningCount == 3
		}, 10*time.Second, time.Millisecond)

		// The other region has a cluster of its own, or none.
		out, err := w.here.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: new("conform"), Services: []string{"s"}})
		assert.True(t, err != nil || len(out.Services) == 0, "a service of us-east-1 shows in sa-east-1")
	})
}

func TestAnUpdateOfAHealthCheckLeavesTheRest(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx := context.Background()
		made, err := w.there.Route53.CreateHealthCheck(ctx, &route53.CreateHealthCheckInput{
			CallerReference: new("conform-" + time.Now().Format(time.RFC3339Nano)),
			HealthCheckConfig: &r53types.HealthCheckConfig{
				Type: r53types.HealthCheckTypeCalculated, HealthThreshold: new(int32(0)), Inverted: new(false),
			},
		})
		require.NoError(t, err)
		id := made.HealthCheck.Id
		t.Cleanup(func() {
			_, _ = w.there.Route53.DeleteHealthCheck(ctx, &route53.DeleteHealthCheckInput{HealthCheckId: id})
		})
		_, err = w.there.Route53.UpdateHealthCheck(ctx, &route53.UpdateHealthCheckInput{HealthCheckId: id, Inverted: new(true)})
		require.NoError(t, err)
		// Route 53 is global: what one region's client changed, the other's reads.
		out, err := w.here.Route53.GetHealthCheck(ctx, &route53.GetHealthCheckInput{HealthCheckId: id})
		require.NoError(t, err)
		assert.True(t, aws.ToBool(out.HealthCheck.HealthCheckConfig.Inverted))
		assert.Equal(t, r53types.HealthCheckTypeCalculated, out.HealthCheck.HealthCheckConfig.Type)
	})
}

func TestFailoverRecordsKeepTheirIdentity(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		ctx := context.Background()
		made, err := w.there.Route53.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{
			Name: new("conform.example"), CallerReference: new(time.Now().Format(time.RFC3339Nano)),
		})
		require.NoError(t, err)
		zone := made.HostedZone.Id
		record := func(id string, failover r53types.ResourceRecordSetFailover) *r53types.ResourceRecordSet {
			return &r53types.ResourceRecordSet{
				Name: new("api.conform.example"), Type: r53types.RRTypeA, SetIdentifier: &id, Failover: failover,
				AliasTarget: &r53types.AliasTarget{DNSName: new(id + ".elb.amazonaws.com"), HostedZoneId: new("Z35SXDOTRQ7X7K")},
			}
		}
		change := func(action r53types.ChangeAction, records ...*r53types.ResourceRecordSet) error {
			batch := &r53types.ChangeBatch{}
			for _, r := range records {
				batch.Changes = append(batch.Changes, r53types.Change{Action: action, ResourceRecordSet: r})
			}
			_, err := w.there.Route53.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: zone, ChangeBatch: batch})
			return err
		}
		pair := []*r53types.ResourceRecordSet{
			record("one", r53types.ResourceRecordSetFailoverPrimary), record("two", r53types.ResourceRecordSetFailoverSecondary),
		}
		t.Cleanup(func() {
			_ = change(r53types.ChangeActionDelete, pair...)
			_, _ = w.there.Route53.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: zone})
		})
		require.NoError(t, change(r53types.ChangeActionCreate, pair...))
		assert.Equal(t, "InvalidChangeBatch", code(change(r53types.ChangeActionCreate, pair[0])), "a record is not made twice")
		out, err := w.here.Route53.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: zone})
		require.NoError(t, err)
		found := map[string]r53types.ResourceRecordSetFailover{}
		for _, r := range out.ResourceRecordSets {
			if r.Failover != "" {
				found[aws.ToString(r.SetIdentifier)] = r.Failover
			}
		}
		assert.Equal(t, map[string]r53types.ResourceRecordSetFailover{
			"one": r53types.ResourceRecordSetFailoverPrimary, "two": r53types.ResourceRecordSetFailoverSecondary,
		}, found)
	})
}
