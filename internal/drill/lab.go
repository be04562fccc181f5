package drill

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/fakeaws"
)

// Lab is the endpoint of a drill with the two things that no AWS API does: to
// lose a region, and to let a database fall behind.
type Lab struct {
	Cloud *cloud.Cloud
	Clock clock.Clock
	// Kind says what stands at the endpoint.
	Kind string
	// Volatile says that the endpoint's resources end with this process: what an
	// earlier run left in a journal is gone with them.
	Volatile bool

	lose   func(region string, blocked bool)
	setLag func(ctx context.Context, plan blueprint.Blueprint, lag time.Duration) error
	close  func() error
}

// NewFake starts the in-process fake, on a virtual clock.
func NewFake(account string) (Lab, error) {
	clk := clock.NewVirtual(time.Now().UTC().Truncate(time.Second))
	server, err := fakeaws.New(clk)
	if err != nil {
		return Lab{}, err
	}
	made, err := cloud.New(server.URL, account, clk)
	if err != nil {
		return Lab{}, err
	}
	return Lab{
		Cloud: made, Clock: clk, Kind: "the in-process fake of internal/drill/fakeaws", Volatile: true, lose: server.SetDown,
		setLag: func(_ context.Context, _ blueprint.Blueprint, lag time.Duration) error {
			server.SetLag(lag)
			return nil
		},
		close: server.Close,
	}, nil
}

// NewEndpoint uses what stands at an endpoint on this machine.
func NewEndpoint(endpoint, account string, clk clock.Clock) (Lab, error) {
	made, err := cloud.New(endpoint, account, clk)
	if err != nil {
		return Lab{}, err
	}
	return Lab{
		Cloud: made, Clock: clk, Kind: "an emulator at " + endpoint,
		// The guard alone blocks the region: the emulator does not notice.
		lose: func(string, bool) {},
		setLag: func(ctx context.Context, b blueprint.Blueprint, lag time.Duration) error {
			return publishLag(ctx, made, clk, b, lag)
		},
		close: func() error { return nil },
	}, nil
}

// publishLag plays RDS, which an emulator does not: it writes the metric that
// Aurora publishes beside the secondary. The worst value of a minute counts, so a
// smaller lag shows in the next one.
func publishLag(ctx context.Context, c *cloud.Cloud, clk clock.Clock, b blueprint.Blueprint, lag time.Duration) error {
	secondary, ok := b.Database.Cluster(b.Secondary)
	if !ok {
		return fmt.Errorf("no cluster in %s", b.Secondary)
	}
	region := c.In(b.Secondary)
	if err := putLag(ctx, region, clk.Now(), secondary.ID, b.Primary, lag); err != nil {
		return err
	}
	if seen := readLag(ctx, region, secondary.ID, clk.Now()); seen == lag || seen == unknown {
		return nil
	}
	next := clk.Now().Truncate(time.Minute).Add(time.Minute + time.Second)
	if err := clk.Sleep(ctx, next.Sub(clk.Now())); err != nil {
		return err
	}
	return putLag(ctx, region, clk.Now(), secondary.ID, b.Primary, lag)
}

func putLag(ctx context.Context, region cloud.Clients, at time.Time, cluster, source string, lag time.Duration) error {
	_, err := region.CloudWatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
		Namespace: aws.String(lagNamespace),
		MetricData: []cwtypes.MetricDatum{{
			MetricName: aws.String(lagMetric), Timestamp: &at, Unit: cwtypes.StandardUnitMilliseconds,
			Value: aws.Float64(float64(lag.Milliseconds())),
			Dimensions: []cwtypes.Dimension{
				{Name: aws.String("DBClusterIdentifier"), Value: &cluster},
				{Name: aws.String("SourceRegion"), Value: &source},
			},
		}},
	})
	return err
}

// Close ends what the lab started.
func (l Lab) Close() error { return l.close() }

// blockRegion loses a region, for the drill's clients and for the endpoint.
func (l Lab) blockRegion(region string) {
	l.Cloud.Guard.BlockRegion(region)
	l.lose(region, true)
}

func (l Lab) unblockRegion(region string) {
	l.lose(region, false)
	l.Cloud.Guard.UnblockRegion(region)
}
