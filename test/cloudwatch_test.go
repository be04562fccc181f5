package test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// This file judges alarms by what CloudWatch documents of them, on what
// Elastic Load Balancing documents of its metrics: counts exist only in minutes in
// which there was something to count, and the newest minute may be missing.

// missing is a minute without a value. As in CloudWatch, arithmetic with it has no
// value either ("Metric math syntax and functions": both series need a data point).
var missing = math.NaN()

// metricMath reads metric math for one minute: the four operations, comparisons, FILL
// and IF.
type metricMath struct {
	t      *testing.T
	values map[string]float64
	tokens []string
}

// computed is an expression's value in one minute, by its inputs' values.
func computed(t *testing.T, expression string, values map[string]float64) float64 {
	t.Helper()
	m := metricMath{t: t, values: values, tokens: mathToken.FindAllString(expression, -1)}
	value := m.comparison()
	require.Emptyf(t, m.tokens, "%s: cannot read it to its end", expression)
	return value
}

var mathToken = regexp.MustCompile(`[a-z]\w*|[A-Z]+|[\d.]+|>=|<=|[-+*/(),<>]`)

func (m *metricMath) next() string {
	if len(m.tokens) == 0 {
		m.t.Fatal("the expression ends too soon")
	}
	token := m.tokens[0]
	m.tokens = m.tokens[1:]
	return token
}

func (m *metricMath) peek(tokens ...string) bool {
	return len(m.tokens) > 0 && slices.Contains(tokens, m.tokens[0])
}

func (m *metricMath) comparison() float64 {
	left := m.sum()
	if !m.peek(">", "<", ">=", "<=") {
		return left
	}
	operator, right := m.next(), m.sum()
	if math.IsNaN(left) || math.IsNaN(right) {
		return missing
	}
	holds := map[string]bool{">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}
	if holds[operator] {
		return 1
	}
	return 0
}

func (m *metricMath) sum() float64 {
	value := m.product()
	for m.peek("+", "-") {
		if m.next() == "+" {
			value += m.product()
		} else {
			value -= m.product()
		}
	}
	return value
}

func (m *metricMath) product() float64 {
	value := m.factor()
	for m.peek("*", "/") {
		operator, right := m.next(), m.factor()
		switch {
		case operator == "*":
			value *= right
		case right == 0:
			value = missing
		default:
			value /= right
		}
	}
	return value
}

func (m *metricMath) factor() float64 {
	token := m.next()
	switch {
	case token == "(":
		value := m.comparison()
		m.next()
		return value
	case m.peek("("):
		return m.function(token)
	}
	if value, err := strconv.ParseFloat(token, 64); err == nil {
		return value
	}
	value, known := m.values[token]
	if !known {
		m.t.Fatalf("the expression reads %q, which is none of its inputs", token)
	}
	return value
}

func (m *metricMath) function(name string) float64 {
	var arguments []float64
	for m.next(); ; {
		arguments = append(arguments, m.comparison())
		if m.next() == ")" {
			break
		}
	}
	switch {
	case name == "FILL" && len(arguments) == 2:
		if math.IsNaN(arguments[0]) {
			return arguments[1]
		}
		return arguments[0]
	case name == "IF" && len(arguments) == 3:
		if math.IsNaN(arguments[0]) {
			return missing
		}
		if arguments[0] != 0 {
			return arguments[1]
		}
		return arguments[2]
	}
	m.t.Fatalf("the tests do not know %s of %d arguments", name, len(arguments))
	return missing
}

// minutes are the values of each of an alarm's inputs, the newest last.
type minutes map[string][]float64

// minutesOf repeats a minute.
func minutesOf(times int, values map[string]float64) minutes {
	all := minutes{}
	for name, value := range values {
		for range times {
			all[name] = append(all[name], value)
		}
	}
	return all
}

// late adds a minute of which nothing has arrived.
func (m minutes) late() minutes {
	all := minutes{}
	for name, values := range m {
		all[name] = append(slices.Clone(values), missing)
	}
	return all
}

// inputs are the IDs of an expression's metrics.
func (a alarm) inputs() []string {
	var ids []string
	queries, _ := a.Properties["Metrics"].([]any)
	for _, query := range queries {
		if at(query, "MetricStat") != nil {
			ids = append(ids, fmt.Sprint(at(query, "Id")))
		}
	}
	return ids
}

// expression is an alarm's metric math; empty for a plain metric and for a query,
// which has no inputs.
func (a alarm) expression() string {
	if len(a.inputs()) == 0 {
		return ""
	}
	return render(at(a.Properties, "Metrics", 0, "Expression"))
}

// raised says whether the alarm would be in ALARM: DatapointsToAlarm of the newest
// EvaluationPeriods values breach. CloudWatch looks a little further back for
// values in place of missing ones, and what then is still missing counts as
// TreatMissingData says ("Configuring how CloudWatch alarms treat missing data").
func (a alarm) raised(t *testing.T, data minutes) bool {
	t.Helper()
	const further = 2
	periods, _ := a.Properties["EvaluationPeriods"].(float64)
	needed, _ := a.Properties["DatapointsToAlarm"].(float64)
	threshold, _ := a.Properties["Threshold"].(float64)
	values := a.values(t, data)
	values = values[max(0, len(values)-int(periods)-further):]
	values = slices.DeleteFunc(values, math.IsNaN)
	values = values[max(0, len(values)-int(periods)):]
	bad := 0.0
	for _, value := range values {
		switch a.Properties["ComparisonOperator"] {
		case "GreaterThanThreshold":
			bad += one(value > threshold)
		case "GreaterThanOrEqualToThreshold":
			bad += one(value >= threshold)
		case "LessThanThreshold":
			bad += one(value < threshold)
		}
	}
	if a.Properties["TreatMissingData"] == "breaching" {
		bad += periods - float64(len(values))
	}
	return bad >= needed
}

func one(set bool) float64 {
	if set {
		return 1
	}
	return 0
}

// values is what the alarm compares, minute by minute.
func (a alarm) values(t *testing.T, data minutes) []float64 {
	t.Helper()
	var values []float64
	length := 0
	for _, series := range data {
		length = len(series)
	}
	for minute := range length {
		now := map[string]float64{}
		for _, id := range a.inputs() {
			now[id] = missing
			if series, given := data[id]; given {
				now[id] = series[minute]
			}
		}
		values = append(values, computed(t, a.expression(), now))
	}
	return values
}

func TestTheTestsReadMetricMathAsCloudWatchDoes(t *testing.T) {
	for expression, want := range map[string]float64{
		"1 + 2 * 3": 7, "(1 + 2) * 3": 9, "10 - 2 - 3": 5, "IF(a > 1, 5, 6)": 5, "IF(a < 1, 5, 6)": 6,
		"FILL(none, 0) + a": 2, "FILL(none, a)": 2, "none + a": missing, "0 * none": missing, "a / 0": missing, "IF(none > 1, 5, 6)": missing,
	} {
		got := computed(t, expression, map[string]float64{"a": 2, "none": missing})
		assert.Equal(t, fmt.Sprint(want), fmt.Sprint(got), expression)
	}
}

// eachExpression runs a check on every alarm of metric math, in every stack.
func eachExpression(t *testing.T, check func(t *testing.T, env environment, a alarm)) {
	t.Helper()
	eachEnvironment(t, func(t *testing.T, env environment) {
		found := 0
		for _, a := range env.alarms() {
			if a.expression() != "" {
				found++
				check(t, env, a)
			}
		}
		require.NotZero(t, found)
	})
}

// CloudWatch's page on metric math: an alarm with FILL on a metric that comes late
// always sees the filler in the newest minute.
func TestNoAlarmTakesAMinuteThatIsLateForAQuietOne(t *testing.T) {
	eachExpression(t, func(t *testing.T, _ environment, a alarm) {
		nothing := minutesOf(1, map[string]float64{a.inputs()[0]: missing})
		assert.Truef(t, math.IsNaN(a.values(t, nothing)[0]), "%s has a value although nothing has arrived: %s", a.id, a.expression())
	})
}

// judges says whether the alarm takes a release back, or says that the wallet is down.
func judges(id string) bool {
	return endsDeployments(id) || strings.HasPrefix(id, "entrance-") ||
		slices.Contains([]string{"edge-errors", "edge-latency", "edge-healthy-targets"}, strings.TrimPrefix(id, "standby-"))
}

func TestOneLateMinuteNeitherSavesABadReleaseNorEndsAGoodDay(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		found := 0
		for id, a := range env.alarms() {
			late := a.expression() != "" && strings.Contains(a.expression(), "FILL")
			if late || judges(id) {
				found++
				assert.Lessf(t, a.Properties["DatapointsToAlarm"], a.Properties["EvaluationPeriods"], "%s wants every minute, the newest too", id)
			}
		}
		assert.GreaterOrEqual(t, found, 9)
	})
}

// failing is a minute in which every request fails, as the load balancer counts it
// for an alarm: under the names of the inputs.
var failing = map[string]float64{"requests": 600, "service": 600, "failed": 600, "latency": 9}

func TestAReleaseThatFailsIsTakenBackAlthoughTheNewestMinuteIsLate(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, id := range []string{"errors", "errors-blue", "errors-green", "latency-blue", "latency-green"} {
			a := env.alarms()["deployment-"+id]
			assert.Truef(t, a.raised(t, minutesOf(4, failing)), id)
			assert.Truef(t, a.raised(t, minutesOf(4, failing).late()), "%s: %s", id, a.expression())
			assert.Falsef(t, a.raised(t, minutesOf(2, failing)), "%s: two bad minutes are a JVM that starts", id)
		}
		a := env.alarms()["deployment-errors-green"]
		assert.True(t, a.raised(t, minutesOf(4, map[string]float64{"lost": 600}).late()), "a release that takes no connection")
		a = env.alarms()["deployment-errors"]
		assert.True(t, a.raised(t, minutesOf(4, map[string]float64{"balancer": 600}).late()), "no target for any request")
	})
}

func TestOneFailureAMinuteInQuietStagingTakesNoReleaseBack(t *testing.T) {
	quiet := map[string]float64{"requests": 2, "service": 1, "failed": 1, "latency": 9}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms() {
			if endsDeployments(id) {
				assert.Falsef(t, a.raised(t, minutesOf(10, quiet)), "%s: %s", id, a.expression())
			}
		}
	})
}

func TestARollbackComesAtTheAgreedShareOfFailures(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		limit := env.Delivery.Rollback.ErrorPercent
		for _, id := range []string{"errors", "errors-blue", "errors-green"} {
			a := env.alarms()["deployment-"+id]
			share := func(percent float64) minutes {
				return minutesOf(5, map[string]float64{"requests": 60_000, "service": 600 * percent, "failed": 600 * percent})
			}
			assert.Truef(t, a.raised(t, share(1.1*limit)), id)
			assert.Falsef(t, a.raised(t, share(0.9*limit)), id)
			assert.Falsef(t, a.raised(t, minutesOf(5, map[string]float64{"requests": 60_000})), "%s: without a failure", id)
		}
	})
}

func TestNothingServingIsAnOutageAndALateMinuteIsNone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		a := env.alarms()["edge-healthy-targets"]
		for name, serving := range map[string]map[string]float64{
			"blue": {"blue": 2}, "green": {"green": 2}, "both": {"blue": 2, "green": 2}, "green, and blue drains": {"blue": 0, "green": 2},
		} {
			assert.Falsef(t, a.raised(t, minutesOf(5, serving)), name)
			assert.Falsef(t, a.raised(t, minutesOf(5, serving).late()), "%s, and a minute is late", name)
			assert.Falsef(t, a.raised(t, minutesOf(5, serving).late().late()), "%s, and two minutes are late", name)
		}
		assert.True(t, a.raised(t, minutesOf(3, map[string]float64{"blue": 0})), "no task is healthy")
		assert.True(t, a.raised(t, minutesOf(3, map[string]float64{"blue": 0}).late()), "and a minute is late")
		assert.True(t, a.raised(t, minutesOf(5, map[string]float64{"blue": missing})), "no group reports")
	})
}

func TestATaskThatStaysUnreadyIsSeenInEitherGroup(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		a := env.alarms()["edge-unhealthy-targets"]
		for _, group := range []string{"blue", "green"} {
			assert.True(t, a.raised(t, minutesOf(10, map[string]float64{group: 1}).late()), group)
			assert.False(t, a.raised(t, minutesOf(10, map[string]float64{group: 0}).late()), group)
		}
	})
}

// E-mail at three in the morning for a controller that KRaft does not have.
func TestAMetricThatKRaftMayNotPublishPagesNobodyByItsAbsence(t *testing.T) {
	controllers := []string{"OfflinePartitionsCount", "ActiveControllerCount", "UnderMinIsrPartitionCount", "UnderReplicatedPartitions"}
	eachEnvironment(t, func(t *testing.T, env environment) {
		own := 0
		for id, a := range env.alarms() {
			for _, metric := range a.metrics() {
				if slices.Contains(controllers, metric) {
					assert.Equalf(t, "notBreaching", a.Properties["TreatMissingData"], id)
				}
				if metric == "LeaderCount" {
					own++
					assert.Equalf(t, "breaching", a.Properties["TreatMissingData"], "%s: brokers that are gone report nothing", id)
				}
			}
		}
		assert.GreaterOrEqual(t, own, env.Messaging.Brokers+1, "nothing is read of the brokers themselves")
	})
}
