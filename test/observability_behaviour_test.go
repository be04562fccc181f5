package test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// This file lets minutes of metrics pass, under AWS's names, and looks which alarms
// of metric math they raise.

// atLoadBalancer are requests to one target group as the load balancer counts them,
// for itself and for the group.
func atLoadBalancer(colour string, requests, failed, latency float64) map[string]float64 {
	return map[string]float64{
		"RequestCount": requests, "HTTPCode_Target_5XX_Count": failed,
		colour + " RequestCount": requests, colour + " HTTPCode_Target_5XX_Count": failed, colour + " TargetResponseTime": latency,
	}
}

// other is the target group of the release that runs beside.
var other = map[string]string{"blue": "green", "green": "blue"}

// CloudWatch's page on metric math: an alarm with FILL on a metric that comes late
// always sees the filler in the newest minute.
func TestNoAlarmTakesAMinuteThatIsLateForAQuietOne(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		var computing []string
		for id, a := range env.alarms(t) {
			if a.expression() == "" {
				continue
			}
			computing = append(computing, strings.TrimPrefix(id, "standby-"))
			nothing := minutesOf(1, map[string]float64{a.reads()[0].name(): missing})
			assert.Truef(t, math.IsNaN(a.values(t, nothing)[0]), "%s has a value although nothing has arrived: %s", id, a.expression())
		}
		slices.Sort(computing)
		assert.Equal(t, []string{
			"copies", "deployment-errors", "deployment-errors-blue", "deployment-errors-green", "deployment-latency-blue", "deployment-latency-green",
			"edge-errors", "edge-healthy-targets", "edge-unhealthy-targets", "service-cpu",
		}, slices.Compact(computing), "what computes is judged in this file")
	})
}

// judges says whether the alarm takes a release back, or says that the wallet is down.
func judges(id string) bool {
	return endsDeployments(id) || strings.HasPrefix(id, "load-balancer-") ||
		slices.Contains([]string{"edge-errors", "edge-latency", "edge-healthy-targets"}, strings.TrimPrefix(id, "standby-"))
}

func TestOneLateMinuteNeitherSavesABadReleaseNorEndsAGoodDay(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if strings.Contains(a.expression(), "FILL") || judges(id) {
				assert.Lessf(t, a.DatapointsToAlarm, a.EvaluationPeriods, "%s wants every minute, the newest too", id)
			}
		}
	})
}

func TestAReleaseThatFailsIsTakenBackAlthoughTheNewestMinuteIsLate(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for colour := range other {
			failing := atLoadBalancer(colour, 600, 600, 9)
			for _, id := range []string{"deployment-errors", "deployment-errors-" + colour, "deployment-latency-" + colour} {
				a := env.alarm(t, id)
				assert.Truef(t, a.raised(t, minutesOf(4, failing)), id)
				assert.Truef(t, a.raised(t, minutesOf(4, failing).late()), "%s: %s", id, a.expression())
				assert.Falsef(t, a.raised(t, minutesOf(2, failing)), "%s: two bad minutes are a JVM that starts", id)
			}
			for _, id := range []string{"deployment-errors-", "deployment-latency-"} {
				assert.Falsef(t, env.alarm(t, id+other[colour]).raised(t, minutesOf(4, failing)), "%s%s: the other release is well", id, other[colour])
			}
			refusing := minutesOf(4, map[string]float64{"TargetConnectionErrorCount": 600, colour + " TargetConnectionErrorCount": 600})
			assert.True(t, env.alarm(t, "deployment-errors-"+colour).raised(t, refusing.late()), "a release that takes no connection")
		}
		nowhere := minutesOf(4, map[string]float64{"HTTPCode_ELB_5XX_Count": 600})
		assert.True(t, env.alarm(t, "deployment-errors").raised(t, nowhere.late()), "no target for any request")
		assert.True(t, env.alarm(t, "edge-errors").raised(t, nowhere.late()), "no target for any request")
	})
}

func TestOneFailureAMinuteInQuietStagingTakesNoReleaseBack(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if !endsDeployments(id) {
				continue
			}
			for colour := range other {
				assert.Falsef(t, a.raised(t, minutesOf(10, atLoadBalancer(colour, 2, 1, 9))), "%s: %s", id, a.expression())
			}
		}
	})
}

// A rollback's share is another one than the promise to customers.
func TestFailuresAndSlownessCountFromTheAgreedValue(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		rollback := env.Delivery.Rollback
		for colour := range other {
			for id, percent := range map[string]float64{
				"deployment-errors": rollback.ErrorPercent, "deployment-errors-" + colour: rollback.ErrorPercent, "edge-errors": env.Observability.ErrorRatePercent,
			} {
				a := env.alarm(t, id)
				share := func(percent float64) minutes { return minutesOf(5, atLoadBalancer(colour, 60_000, 600*percent, 0)) }
				assert.Truef(t, a.raised(t, share(1.1*percent)), id)
				assert.Falsef(t, a.raised(t, share(0.9*percent)), id)
				assert.Falsef(t, a.raised(t, share(0)), "%s: without a failure", id)
			}
			slow := func(factor float64) minutes {
				return minutesOf(5, atLoadBalancer(colour, 60_000, 0, factor*rollback.Latency.Seconds()))
			}
			a := env.alarm(t, "deployment-latency-"+colour)
			assert.Equal(t, "p95", a.reads()[slices.IndexFunc(a.reads(), func(s series) bool { return s.metric == "TargetResponseTime" })].statistic)
			assert.True(t, a.raised(t, slow(1.1)), colour)
			assert.False(t, a.raised(t, slow(0.9)), colour)
		}
	})
}

func TestNothingServingIsAnOutageAndALateMinuteIsNone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		a := env.alarm(t, "edge-healthy-targets")
		healthy := func(counts map[string]float64) minutes {
			all := map[string]float64{}
			for colour, count := range counts {
				all[colour+" HealthyHostCount"] = count
			}
			return minutesOf(5, all)
		}
		for name, serving := range map[string]map[string]float64{
			"blue": {"blue": 2}, "green": {"green": 2}, "both": {"blue": 2, "green": 2}, "green, and blue drains": {"blue": 0, "green": 2}, "one task": {"blue": 1},
		} {
			assert.Falsef(t, a.raised(t, healthy(serving)), name)
			assert.Falsef(t, a.raised(t, healthy(serving).late()), "%s, and a minute is late", name)
			assert.Falsef(t, a.raised(t, healthy(serving).late().late()), "%s, and two minutes are late", name)
		}
		assert.True(t, a.raised(t, healthy(map[string]float64{"blue": 0})), "no task is healthy")
		assert.True(t, a.raised(t, healthy(map[string]float64{"blue": 0}).late()), "and a minute is late")
		assert.True(t, a.raised(t, healthy(map[string]float64{"blue": missing})), "no group reports")
	})
}

func TestATaskThatStaysUnreadyIsSeenInEitherGroup(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		a := env.alarm(t, "edge-unhealthy-targets")
		for colour := range other {
			assert.True(t, a.raised(t, minutesOf(10, map[string]float64{colour + " UnHealthyHostCount": 1}).late()), colour)
			assert.False(t, a.raised(t, minutesOf(10, map[string]float64{colour + " UnHealthyHostCount": 0}).late()), colour)
		}
	})
}

// Halfway between what autoscaling holds and all there is, it has not helped.
func TestTasksThatAutoscalingDoesNotRelieveAreNoticed(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		limit := float64(env.Service.CPUTargetPercent+100) / 2
		for id, a := range env.alarms(t) {
			if strings.TrimPrefix(id, "standby-") != "service-cpu" {
				continue
			}
			busy := func(percent, running float64) minutes {
				return minutesOf(10, map[string]float64{"CPUUtilization": percent, "RunningTaskCount": running, "DesiredTaskCount": 10})
			}
			assert.Truef(t, a.raised(t, busy(limit+1, 10)), id)
			assert.Falsef(t, a.raised(t, busy(limit-1, 10)), id)
			assert.Truef(t, a.raised(t, busy((limit+1)/2, 20)), "%s: a release hides busy tasks", id)
			assert.Falsef(t, a.raised(t, busy(limit-1, 5)), "%s: fewer tasks are judged each by itself", id)
		}
	})
}

func TestACopyThatIsNotGoodOrThatNobodyLooksAtIsNoticed(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		a := env.alarm(t, "copies")
		hours := func(invocations, errors float64) minutes {
			return minutesOf(2, map[string]float64{"Invocations": invocations, "Errors": errors})
		}
		assert.False(t, a.raised(t, hours(2, 0)))
		assert.False(t, a.raised(t, hours(2, 1)), "one success in the hour")
		assert.True(t, a.raised(t, hours(2, 2)), "a copy is not good")
		assert.True(t, a.raised(t, hours(missing, missing)), "nobody looks")
	})
}

// E-mail at three in the morning for a controller that KRaft does not have.
func TestAMetricThatKRaftMayNotPublishPagesNobodyByItsAbsence(t *testing.T) {
	controllers := []string{"OfflinePartitionsCount", "ActiveControllerCount", "UnderMinIsrPartitionCount", "UnderReplicatedPartitions"}
	eachEnvironment(t, func(t *testing.T, env environment) {
		seen := map[string]bool{}
		for id, a := range env.alarms(t) {
			for _, metric := range a.metrics(t) {
				if slices.Contains(controllers, metric) {
					seen[metric] = true
					assert.Equalf(t, "notBreaching", a.TreatMissingData, id)
				}
			}
		}
		assert.ElementsMatch(t, controllers, slices.Collect(maps.Keys(seen)), fmt.Sprint(env.Name))
	})
}
