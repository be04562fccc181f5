package region

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/emulator/ministack"
)

const (
	graceful   = types.ExecutionModeGraceful
	ungraceful = types.ExecutionModeUngraceful
)

// failover is the operation that gives up what was not copied.
const failover = "FailoverGlobalCluster"

// away runs the failover plan, and lists all that is wrong then. In an ungraceful
// execution São Paulo answers nothing any more.
func (r *regionSwitch) away(ctx context.Context, mode types.ExecutionMode) []string {
	lost := len(r.wire.since(0))
	if mode == ungraceful {
		r.wire.set(func(w *wire) { w.lost = r.env.Primary.Name })
	}
	wrong := r.carryOut(ctx, config.PlanFailover, mode, r.env.Secondary.Name)
	for _, call := range r.wire.since(lost) {
		if mode == ungraceful && call.region == r.env.Primary.Name {
			wrong = append(wrong, call.region+" was called: "+call.operation)
		}
	}
	return wrong
}

// back gives São Paulo back, with as few tasks as autoscaling leaves it, runs the
// failback plan, and lists all that is wrong then.
func (r *regionSwitch) back(ctx context.Context) []string {
	r.wire.set(func(w *wire) { w.lost = "" })
	home := r.env.Primary.Name
	if err := r.want(ctx, home, r.env.Service.MinTasks); err != nil {
		return []string{err.Error()}
	}
	if err := r.sample(ctx); err != nil {
		return []string{err.Error()}
	}
	before := r.wire.failovers()
	wrong := r.carryOut(ctx, config.PlanFailback, graceful, home)
	if r.wire.failovers() > before {
		wrong = append(wrong, "the way back gives up what was not copied")
	}
	return wrong
}

// carryOut executes a plan by config's name for it, and judges.
func (r *regionSwitch) carryOut(ctx context.Context, name string, mode types.ExecutionMode, region string) []string {
	r.events = nil
	plan, err := r.named(name)
	if err == nil {
		err = r.execute(ctx, plan, mode, region)
	}
	wrong := r.judge(ctx, region, r.events)
	if err != nil {
		wrong = append([]string{name + " is not carried through: " + err.Error()}, wrong...)
	}
	return wrong
}

// rehearse starts an emulator and runs each scenario on a production of its own.
func rehearse(t *testing.T, scenarios map[string]func(t *testing.T, r *regionSwitch)) {
	t.Helper()
	emulator := ministack.Start(t)
	templates := engines.Stacks(t, production.Name)
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) { scenario(t, begin(t, emulator, templates, nil)) })
	}
}

// begin deploys production, as it is or sabotaged, and lets Region switch look at it.
func begin(t *testing.T, emulator ministack.Server, templates []cfn.Stack, sabotage func(*platform)) *regionSwitch {
	t.Helper()
	r := newRegionSwitch(t, deploy(t, emulator, templates, sabotage))
	require.NoError(t, r.sample(t.Context()))
	return r
}

func TestTheWalletLeavesSaoPauloAndComesBack(t *testing.T) {
	rehearse(t, map[string]func(t *testing.T, r *regionSwitch){
		"planned: nothing is lost": func(t *testing.T, r *regionSwitch) {
			assert.Empty(t, r.away(t.Context(), graceful))
			assert.Zero(t, r.wire.failovers())
			assert.Empty(t, r.back(t.Context()))
		},
		"the region is lost": func(t *testing.T, r *regionSwitch) {
			assert.Empty(t, r.away(t.Context(), ungraceful))
			assert.Equal(t, 1, r.wire.failovers())
			assert.Empty(t, r.back(t.Context()))
		},
		"the APIs throttle": func(t *testing.T, r *regionSwitch) {
			r.wire.set(func(w *wire) { w.throttle = retries - 2 })
			assert.Empty(t, r.away(t.Context(), ungraceful))
			r.wire.set(func(w *wire) { assert.Zero(t, w.throttle, "every one was met") })
			assert.Empty(t, r.back(t.Context()))
		},
		"the database's answer does not come in the step's time": timesOut,
		"it is started twice":                       startedTwice,
		"the database is behind the objective":      behind,
		"somebody stops it while the database goes": stopped,
		"São Paulo is lost in a planned change":     lostHalfWay,
		"the plan is a day old":                     firstDay,
	})
	t.Log(shows())
}

// timesOut loses the answer to the failover, which is carried out all the same.
func timesOut(t *testing.T, r *regionSwitch) {
	r.wire.set(func(w *wire) { w.silent = failover })
	r.minute = hurried
	wrong := r.away(t.Context(), ungraceful)
	require.NotEmpty(t, wrong)
	assert.Contains(t, wrong[0], "step promote-database: "+errTimeout.Error())
	assert.NotContains(t, r.events, moved, "customers stay away from a database that nobody knows of")
	r.wire.set(func(w *wire) { w.silent = "" })
	r.minute = patient
	assert.Empty(t, r.away(t.Context(), ungraceful), "the plan is run again")
	assert.Equal(t, 1, r.wire.failovers(), "and promotes nothing twice")
	assert.Empty(t, r.back(t.Context()))
}

func startedTwice(t *testing.T, r *regionSwitch) {
	var second error
	r.person = func(ctx context.Context) error {
		plan, err := r.named(config.PlanFailover)
		require.NoError(t, err)
		second = r.execute(ctx, plan, ungraceful, r.env.Secondary.Name)
		return nil
	}
	assert.Empty(t, r.away(t.Context(), ungraceful))
	assert.ErrorIs(t, second, errIllegalState, "while it runs")
	r.person = agrees
	assert.Empty(t, r.away(t.Context(), ungraceful), "when it is done, there is nothing to do")
	assert.Equal(t, 1, r.wire.failovers())
	assert.Empty(t, r.back(t.Context()))
}

// behind lets a person read the lag, who agrees to no more than the objective.
func behind(t *testing.T, r *regionSwitch) {
	r.publishLag(t, r.env.DR.Recovery.PointObjective+time.Minute)
	r.person = func(ctx context.Context) error {
		lag, err := r.readLag(ctx)
		if err == nil && lag > r.env.DR.Recovery.PointObjective {
			err = errDeclined
		}
		return err
	}
	wrong := r.away(t.Context(), ungraceful)
	require.NotEmpty(t, wrong)
	assert.Contains(t, wrong[0], errDeclined.Error())
	assert.Zero(t, r.wire.failovers(), "nothing is given up")
	assert.Empty(t, r.events, "nothing else happened either")
	r.person = agrees
	assert.Empty(t, r.away(t.Context(), ungraceful), "somebody takes the loss on")
}

// stopped interrupts the execution once the failover was asked for.
func stopped(t *testing.T, r *regionSwitch) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r.wire.set(func(w *wire) {
		w.seen = func(asked call) {
			if asked.operation == failover {
				stop()
			}
		}
	})
	plan, err := r.named(config.PlanFailover)
	require.NoError(t, err)
	r.wire.set(func(w *wire) { w.lost = r.env.Primary.Name })
	require.ErrorIs(t, r.execute(ctx, plan, ungraceful, r.env.Secondary.Name), context.Canceled)
	assert.NotContains(t, r.events, moved, "customers stay away")
	assert.Empty(t, r.away(t.Context(), ungraceful), "the plan is run again")
	assert.Equal(t, 1, r.wire.failovers(), "and promotes nothing twice")
	assert.Empty(t, r.back(t.Context()))
}

// lostHalfWay turns a planned change into an ungraceful one, as the runbook says.
func lostHalfWay(t *testing.T, r *regionSwitch) {
	r.person = func(context.Context) error {
		r.wire.set(func(w *wire) { w.lost = r.env.Primary.Name })
		return nil
	}
	wrong := r.away(t.Context(), graceful)
	require.NotEmpty(t, wrong)
	assert.Contains(t, wrong[0], "step promote-database: ")
	assert.Zero(t, r.wire.failovers(), "nobody has accepted a loss")
	assert.NotContains(t, r.events, moved, "customers stay away")
	r.person = agrees
	assert.Empty(t, r.away(t.Context(), ungraceful))
	assert.Empty(t, r.back(t.Context()))
}

// firstDay has no sample of the tasks: a person raises them, as the runbook says.
func firstDay(t *testing.T, r *regionSwitch) {
	clear(r.sampled)
	wrong := r.away(t.Context(), ungraceful)
	require.Len(t, wrong, 1)
	assert.Contains(t, wrong[0], fmt.Sprintf("us-east-1 wants %d tasks", r.env.DR.MinTasks))
	require.NoError(t, r.want(t.Context(), r.env.Secondary.Name, r.load()))
	assert.Empty(t, r.judge(t.Context(), r.env.Secondary.Name, r.events))
}

// shows is what stands behind a result of these tests.
func shows() string {
	return fmt.Sprintf(`on MiniStack:  %s through CloudFormation; the global database and its clusters, the API's records,
               health checks, tasks, metrics and alarms through their own APIs
imitated here: Region switch (its steps by AWS's pages, its health checks, its samples of tasks), IAM (by package
               policy), Route 53's answers, the scaling bounds, RDS's lag; one of the plan's minutes is %s here
only on AWS:   that Region switch accepts the plans and has the rights; how long Aurora, ECS, Route 53 and people
               take; capacity in us-east-1; detection; resolvers; replication and what it loses; the service itself`,
		strings.ReplaceAll(strings.Join(deployed, ", "), "AWS::", ""), patient)
}

func agrees(context.Context) error { return nil }

// The lag that RDS publishes beside the waiting cluster, in milliseconds.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
const (
	lagNamespace = "AWS/RDS"
	lagMetric    = "AuroraGlobalDBRPOLag"
)

func (p *platform) lagOf() []cwtypes.Dimension {
	return []cwtypes.Dimension{{Name: new("DBClusterIdentifier"), Value: new(p.env.Names().DatabaseClusterName(p.env.Secondary))}}
}

// publishLag plays RDS, which the emulator does not.
func (p *platform) publishLag(t *testing.T, lag time.Duration) {
	t.Helper()
	_, err := cloudwatch.NewFromConfig(p.in(p.env.Secondary.Name)).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: new(lagNamespace), MetricData: []cwtypes.MetricDatum{{
			MetricName: new(lagMetric), Dimensions: p.lagOf(), Timestamp: new(time.Now()),
			Unit: cwtypes.StandardUnitMilliseconds, Value: new(float64(lag.Milliseconds())),
		}},
	})
	require.NoError(t, err)
}

func (p *platform) readLag(ctx context.Context) (time.Duration, error) {
	found, err := cloudwatch.NewFromConfig(p.in(p.env.Secondary.Name)).GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: new(lagNamespace), MetricName: new(lagMetric), Dimensions: p.lagOf(), Period: new(int32(60)),
		StartTime: new(time.Now().Add(-10 * time.Minute)), EndTime: new(time.Now().Add(time.Minute)), Statistics: []cwtypes.Statistic{cwtypes.StatisticMaximum},
	})
	if err != nil || len(found.Datapoints) == 0 {
		return 0, err
	}
	return time.Duration(aws.ToFloat64(found.Datapoints[0].Maximum)) * time.Millisecond, nil
}
