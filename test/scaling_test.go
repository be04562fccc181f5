package test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scaled is what a policy of autoscaling would see for the values of its metrics,
// by name; the query's ID is nobody's business.
func scaled(t *testing.T, policy resource, values map[string]float64) float64 {
	t.Helper()
	queries, _ := at(policy.Properties, "TargetTrackingScalingPolicyConfiguration", "CustomizedMetricSpecification", "Metrics").([]any)
	now := map[string]float64{}
	expression := ""
	for _, query := range queries {
		if text, ok := at(query, "Expression").(string); ok {
			assert.Equal(t, true, at(query, "ReturnData"))
			expression = text
			continue
		}
		assert.Equal(t, false, at(query, "ReturnData"))
		name := fmt.Sprint(at(query, "MetricStat", "Metric", "MetricName"))
		value, given := values[name]
		require.Truef(t, given, "%s: the policy reads %s", policy.Properties["PolicyName"], name)
		now[fmt.Sprint(at(query, "Id"))] = value
	}
	return computed(t, expression, now)
}

// eachScalingPolicy finds an environment's policies of metric math by the metric
// that they follow.
func eachScalingPolicy(t *testing.T, metric string, check func(t *testing.T, env environment, policy resource)) {
	t.Helper()
	eachEnvironment(t, func(t *testing.T, env environment) {
		found := 0
		for _, stack := range env.stacks {
			for _, policy := range stack.ofType("AWS::ApplicationAutoScaling::ScalingPolicy") {
				tracking := at(policy.Properties, "TargetTrackingScalingPolicyConfiguration")
				// Averages over the tasks of both releases, and one target group's count.
				assert.NotContains(t, []any{"ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"},
					at(tracking, "PredefinedMetricSpecification", "PredefinedMetricType"), "a release would keep the service from growing")
				queries, _ := at(tracking, "CustomizedMetricSpecification", "Metrics").([]any)
				reads := func(query any) bool { return at(query, "MetricStat", "Metric", "MetricName") == metric }
				if slices.ContainsFunc(queries, reads) {
					found++
					check(t, env, policy)
				}
			}
		}
		assert.NotZero(t, found, "nothing follows %s", metric)
	})
}

func TestTheServiceGrowsWithItsRequestsAlsoInTheMiddleOfARelease(t *testing.T) {
	eachScalingPolicy(t, "RequestCount", func(t *testing.T, env environment, policy resource) {
		target := float64(env.Service.RequestsPerTaskPerMinute)
		// ECS counts the tasks of both releases as running, and those of one as wanted.
		for running, name := range map[float64]string{6: "out of a release", 12: "in a release"} {
			at := map[string]float64{"RequestCount": 6 * 1.5 * target, "DesiredTaskCount": 6, "RunningTaskCount": running}
			assert.InDelta(t, 1.5*target, scaled(t, policy, at), 1e-6, name)
		}
		late := map[string]float64{"RequestCount": missing, "DesiredTaskCount": 6}
		assert.Equal(t, "NaN", fmt.Sprint(scaled(t, policy, late)), "a minute that is late is no quiet minute")
	})
}

func TestTheServiceGrowsWithItsCPUAlsoInTheMiddleOfARelease(t *testing.T) {
	eachScalingPolicy(t, "CPUUtilization", func(t *testing.T, env environment, policy resource) {
		for name, now := range map[string]map[string]float64{
			"out of a release": {"CPUUtilization": 90, "RunningTaskCount": 6, "DesiredTaskCount": 6},
			"in a release":     {"CPUUtilization": 45, "RunningTaskCount": 12, "DesiredTaskCount": 6},
			"a zone is lost":   {"CPUUtilization": 90, "RunningTaskCount": 4, "DesiredTaskCount": 6},
		} {
			assert.InDelta(t, 90, scaled(t, policy, now), 1e-6, name)
		}
	})
}

// The dimensions decide whose requests and tasks are counted: CloudWatch takes any.
func TestTheServiceFollowsItsOwnRequestsAndTasksAndNobodyElses(t *testing.T) {
	for _, followed := range []string{"RequestCount", "CPUUtilization"} {
		eachScalingPolicy(t, followed, func(t *testing.T, env environment, policy resource) {
			queries, _ := at(policy.Properties, "TargetTrackingScalingPolicyConfiguration", "CustomizedMetricSpecification", "Metrics").([]any)
			for _, query := range queries {
				metric := at(query, "MetricStat", "Metric")
				if metric == nil {
					continue
				}
				dimensions := pairs(at(metric, "Dimensions"), "Name", "Value")
				if at(metric, "Namespace") == "AWS/ApplicationELB" {
					assert.Equal(t, "Sum", at(query, "MetricStat", "Stat"))
					require.Len(t, dimensions, 1, "the requests of one target group are those of one release")
					assert.Contains(t, rendered(dimensions["LoadBalancer"]), "EdgeLoadBalancer")
					continue
				}
				assert.Equal(t, "Average", at(query, "MetricStat", "Stat"))
				require.Len(t, dimensions, 2)
				assert.Contains(t, rendered(dimensions["ClusterName"]), "WalletEcsCluster")
				assert.Equal(t, env.Names().ServiceName(), dimensions["ServiceName"])
			}
		})
	}
}

func TestAReleaseOfHalfTheMaximumIsNoServiceAtItsMaximum(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if id == "service-at-maximum" || id == "standby-service-at-maximum" {
				assert.Equal(t, "DesiredTaskCount", a.Properties["MetricName"], "%s counts the tasks of both releases", id)
			}
		}
	})
}
