package test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scaling is what a policy of autoscaling holds at a value.
type scaling struct {
	PolicyName, PolicyType string
	ScalingTargetID        any `json:"ScalingTargetId"`
	Tracking               struct {
		TargetValue, ScaleInCooldown, ScaleOutCooldown float64
		DisableScaleIn                                 bool
		Predefined                                     struct{ PredefinedMetricType string } `json:"PredefinedMetricSpecification"`
		Customized                                     struct{ Metrics []query }             `json:"CustomizedMetricSpecification"`
	} `json:"TargetTrackingScalingPolicyConfiguration"`
}

// reads are the metrics of the policy's expression.
func (s scaling) reads() []series {
	return alarm{alarmProperties: alarmProperties{Metrics: s.Tracking.Customized.Metrics}}.reads()
}

// value is what the policy would see for the values of its metrics, by name.
func (s scaling) value(t *testing.T, values map[string]float64) float64 {
	t.Helper()
	now := map[string]float64{}
	for _, read := range s.reads() {
		given, there := values[read.metric]
		require.Truef(t, there, "%s reads %s", s.PolicyName, read.metric)
		now[read.id] = given
	}
	for i, q := range s.Tracking.Customized.Metrics {
		assert.Equalf(t, i == 0, q.ReturnData, "%s: the expression alone is what is held", s.PolicyName)
	}
	return computed(t, s.Tracking.Customized.Metrics[0].Expression, now)
}

// eachScalingPolicy finds an environment's policies of metric math by the metric
// that they follow.
func eachScalingPolicy(t *testing.T, metric string, check func(t *testing.T, env environment, policy scaling)) {
	t.Helper()
	eachEnvironment(t, func(t *testing.T, env environment) {
		found := 0
		for _, r := range env.everywhere("AWS::ApplicationAutoScaling::ScalingPolicy") {
			policy := decoded[scaling](t, r.id, r.Properties)
			// Averages over the tasks of both releases, and one target group's count.
			assert.NotContains(t, []string{"ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"},
				policy.Tracking.Predefined.PredefinedMetricType, "a release would keep the service from growing")
			if slices.ContainsFunc(policy.reads(), func(s series) bool { return s.metric == metric }) {
				found++
				check(t, env, policy)
			}
		}
		assert.NotZero(t, found, "nothing follows %s", metric)
	})
}

func TestTheServiceGrowsWithItsRequestsAlsoInTheMiddleOfARelease(t *testing.T) {
	eachScalingPolicy(t, "RequestCount", func(t *testing.T, env environment, policy scaling) {
		target := float64(env.Service.RequestsPerTaskPerMinute)
		// ECS counts the tasks of both releases as running, and those of one as wanted.
		for running, name := range map[float64]string{6: "out of a release", 12: "in a release"} {
			at := map[string]float64{"RequestCount": 6 * 1.5 * target, "DesiredTaskCount": 6, "RunningTaskCount": running}
			assert.InDelta(t, 1.5*target, policy.value(t, at), 1e-6, name)
		}
		late := map[string]float64{"RequestCount": missing, "DesiredTaskCount": 6}
		assert.Equal(t, "NaN", fmt.Sprint(policy.value(t, late)), "a minute that is late is no quiet minute")
	})
}

func TestTheServiceGrowsWithItsCPUAlsoInTheMiddleOfARelease(t *testing.T) {
	eachScalingPolicy(t, "CPUUtilization", func(t *testing.T, env environment, policy scaling) {
		for name, now := range map[string]map[string]float64{
			"out of a release": {"CPUUtilization": 90, "RunningTaskCount": 6, "DesiredTaskCount": 6},
			"in a release":     {"CPUUtilization": 45, "RunningTaskCount": 12, "DesiredTaskCount": 6},
			"a zone is lost":   {"CPUUtilization": 90, "RunningTaskCount": 4, "DesiredTaskCount": 6},
		} {
			assert.InDelta(t, 90, policy.value(t, now), 1e-6, name)
		}
	})
}

// The dimensions decide whose requests and tasks are counted: CloudWatch takes any.
func TestTheServiceFollowsItsOwnRequestsAndTasksAndNobodyElses(t *testing.T) {
	for _, followed := range []string{"RequestCount", "CPUUtilization"} {
		eachScalingPolicy(t, followed, func(t *testing.T, env environment, policy scaling) {
			for _, read := range policy.reads() {
				of := map[string]any{}
				for _, d := range read.dimensions {
					of[d.Name] = d.Value
				}
				if read.namespace == "AWS/ApplicationELB" {
					assert.Equal(t, "Sum", read.statistic)
					require.Len(t, of, 1, "the requests of one target group are those of one release")
					assert.Contains(t, rendered(of["LoadBalancer"]), "EdgeLoadBalancer")
					continue
				}
				assert.Equal(t, "Average", read.statistic)
				require.Len(t, of, 2)
				assert.Contains(t, rendered(of["ClusterName"]), "WalletEcsCluster")
				assert.Equal(t, env.Names().ServiceName(), of["ServiceName"])
			}
		})
	}
}

func TestAReleaseOfHalfTheMaximumIsNoServiceAtItsMaximum(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Equal(t, "DesiredTaskCount", env.alarm(t, "service-at-maximum").MetricName, "it counts the tasks of both releases")
	})
}
