package cloud

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/drill/clock"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// The drill deletes what it made: in an account that would be the platform.
func TestOnlyThisMachineIsDrilled(t *testing.T) {
	for _, endpoint := range []string{
		"https://rds.us-east-1.amazonaws.com", "http://127.0.0.1.example.com", "http://10.0.0.1:4566", "http://0.0.0.0:1", "", "://",
	} {
		_, err := New(endpoint, "1", clock.Real{})
		assert.ErrorContains(t, err, "AWS_ENDPOINT_URL", endpoint)
	}
	for _, endpoint := range []string{"http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"} {
		_, err := New(endpoint, "1", clock.Real{})
		assert.NoError(t, err, endpoint)
	}
}

// cloudAt counts what reaches an endpoint that knows nothing.
func cloudAt(t *testing.T, clk clock.Clock) (*Cloud, *int) {
	t.Helper()
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached++
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	c, err := New(server.URL, "222222222222", clk)
	require.NoError(t, err)
	return c, &reached
}

func TestALostRegionIsNotReachedAndNotAskedTwice(t *testing.T) {
	c, reached := cloudAt(t, clock.Real{})
	c.Guard.BlockRegion("sa-east-1")
	_, err := c.In("sa-east-1").RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{})
	assert.ErrorIs(t, err, ErrBlocked)
	assert.Zero(t, *reached)
	require.Len(t, c.Guard.Calls(), 1)
	assert.Equal(t, "region blocked", c.Guard.Calls()[0].Refused)

	_, err = c.In("us-east-1").RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{})
	assert.NotErrorIs(t, err, ErrBlocked)
	assert.Equal(t, 1, *reached)

	c.Guard.UnblockRegion("sa-east-1")
	_, err = c.In("sa-east-1").RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{})
	assert.NotErrorIs(t, err, ErrBlocked)
	assert.Equal(t, 2, *reached)
}

func TestARequestIsRecordedWithTheRegionOfItsSignature(t *testing.T) {
	c, _ := cloudAt(t, clock.Real{})
	_, _ = c.In("sa-east-1").ECS.DescribeServices(context.Background(), &ecs.DescribeServicesInput{Services: []string{"s"}})
	_, _ = c.In("us-east-1").Route53.ListHostedZones(context.Background(), &route53.ListHostedZonesInput{})
	recorded := c.Guard.Calls()
	require.Len(t, recorded, 2)
	assert.Equal(t, "sa-east-1", recorded[0].Region)
	assert.Equal(t, "DescribeServices", recorded[0].Operation)
	assert.Equal(t, "us-east-1", recorded[1].Region)
	assert.Equal(t, "ListHostedZones", recorded[1].Operation)
}

func TestThrottlingIsWaitedOutOnTheDrillsClock(t *testing.T) {
	clk := clock.NewVirtual(start)
	c, reached := cloudAt(t, clk)
	c.Guard.Throttle(attempts - 1)
	_, _ = c.In("us-east-1").RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{})
	assert.Equal(t, 1, *reached, "the last attempt gets through")
	assert.Greater(t, clk.Now().Sub(start), time.Second, "the SDK backed off")

	c.Guard.Throttle(attempts)
	_, err := c.In("us-east-1").RDS.DescribeGlobalClusters(context.Background(), &rds.DescribeGlobalClustersInput{})
	assert.ErrorContains(t, err, "ThrottlingException")
	assert.Equal(t, 1, *reached)
}
