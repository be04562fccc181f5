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

// This file reads alarms as CloudWatch documents them. What Elastic Load Balancing
// counts exists only in minutes in which there was something to count, and the newest
// minute may be missing.

// alarm is a single or composite alarm.
type alarm struct {
	resource
	stack template
	id    string // the name without the environment's prefix
	alarmProperties
}

// alarmProperties are those of CloudFormation's schema that the platform sets.
type alarmProperties struct {
	AlarmName, AlarmDescription, AlarmRule string
	AlarmActions, OKActions                []any
	ComparisonOperator, TreatMissingData   string
	Threshold                              float64
	EvaluationPeriods, DatapointsToAlarm   int
	Period                                 float64 // seconds
	Statistic, ExtendedStatistic           string
	EvaluateLowSampleCountPercentile       string
	Namespace, MetricName                  string
	Dimensions                             []dimension
	Metrics                                []query
	Tags                                   any
}

// dimension says of which resource a metric is.
type dimension struct {
	Name  string
	Value any
}

// query is an expression, or a metric that is one's input.
type query struct {
	ID         string `json:"Id"`
	Label      string
	Expression string
	Period     float64
	ReturnData bool
	MetricStat struct {
		Stat   string
		Period float64
		Metric struct {
			Namespace, MetricName string
			Dimensions            []dimension
		}
	}
}

// alarms lists the single and composite alarms of all of an environment's stacks. A
// property of another shape than CloudFormation's, or one that no test knows, fails
// the test that asks.
func (e environment) alarms(t *testing.T) map[string]alarm {
	t.Helper()
	found := map[string]alarm{}
	for _, kind := range []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"} {
		for _, r := range e.everywhere(kind) {
			a := alarm{resource: r.resource, stack: r.stack}
			a.alarmProperties = decoded[alarmProperties](t, r.stack.name+" "+r.id, r.Properties)
			a.id = strings.TrimPrefix(a.AlarmName, e.Names().Prefix()+"-")
			found[a.id] = a
		}
	}
	return found
}

// alarm finds one by its ID.
func (e environment) alarm(t *testing.T, id string) alarm {
	t.Helper()
	a, there := e.alarms(t)[id]
	require.Truef(t, there, "no alarm %s", id)
	return a
}

// series is a metric that is read, and how.
type series struct {
	id                string // in an expression
	namespace, metric string
	statistic         string
	period            float64 // seconds
	dimensions        []dimension
}

// name is the metric with the part of the platform of which it is, where there are
// several: a target group's colour, an instance's role, a rule.
func (s series) name() string {
	for _, d := range s.dimensions {
		switch value, _ := d.Value.(string); {
		case d.Name == "TargetGroup":
			// The reference to the group in its own stack, or to that stack's output.
			return strings.ToLower(strings.TrimPrefix(targetGroup.FindString(rendered(d.Value)), "Edge")) + " " + s.metric
		case d.Name == "Role", d.Name == "Rule" && value != "ALL":
			return value + " " + s.metric
		}
	}
	return s.metric
}

var targetGroup = regexp.MustCompile("Edge(Blue|Green)")

// dimensionNames are sorted.
func (s series) dimensionNames() string {
	var names []string
	for _, d := range s.dimensions {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// reads are the metrics that the alarm compares or computes with; none for a query.
func (a alarm) reads() []series {
	if a.MetricName != "" {
		return []series{{namespace: a.Namespace, metric: a.MetricName, statistic: a.Statistic + a.ExtendedStatistic, period: a.Period, dimensions: a.Dimensions}}
	}
	var all []series
	for _, q := range a.Metrics {
		if m := q.MetricStat.Metric; m.MetricName != "" {
			all = append(all, series{id: q.ID, namespace: m.Namespace, metric: m.MetricName, statistic: q.MetricStat.Stat, period: q.MetricStat.Period, dimensions: m.Dimensions})
		}
	}
	return all
}

// selection is a Metrics Insights query of one metric.
type selection struct{ function, metric, namespace, dimension, value string }

var insights = regexp.MustCompile(`^SELECT (\w+)\((\w+)\) FROM (?:SCHEMA\()?"([\w/]+)"[^)]*\)?(?: WHERE "?([\w ]+?)"? = '(.+)')?$`)

// selects is the alarm's query, if it is one.
func (a alarm) selects(t *testing.T) (selection, bool) {
	t.Helper()
	if len(a.Metrics) != 1 {
		return selection{}, false
	}
	parts := insights.FindStringSubmatch(a.Metrics[0].Expression)
	require.NotNilf(t, parts, "%s: the tests cannot read %s", a.id, a.Metrics[0].Expression)
	return selection{parts[1], parts[2], parts[3], parts[4], parts[5]}, true
}

// metrics are the names of the metrics that the alarm reads.
func (a alarm) metrics(t *testing.T) []string {
	t.Helper()
	if query, is := a.selects(t); is {
		return []string{query.metric}
	}
	var names []string
	for _, s := range a.reads() {
		names = append(names, s.metric)
	}
	return names
}

// seconds are the alarm's periods; all that it reads must have the same.
func (a alarm) seconds(t *testing.T) float64 {
	t.Helper()
	if _, is := a.selects(t); is {
		return a.Metrics[0].Period
	}
	all := a.reads()
	for _, s := range all {
		require.Equalf(t, all[0].period, s.period, "%s: CloudWatch computes with one period", a.id)
	}
	return all[0].period
}

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

// minutes are the values of metrics by their names ([series.name]), the newest last.
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

// expression is an alarm's metric math; empty for a plain metric and for a query.
func (a alarm) expression() string {
	if len(a.Metrics) < 2 {
		return ""
	}
	return a.Metrics[0].Expression
}

// raised says whether the alarm would be in ALARM: DatapointsToAlarm of the newest
// EvaluationPeriods values breach. CloudWatch looks a little further back for
// values in place of missing ones, and what then is still missing counts as
// TreatMissingData says ("Configuring how CloudWatch alarms treat missing data").
func (a alarm) raised(t *testing.T, data minutes) bool {
	t.Helper()
	const further = 2
	values := a.values(t, data)
	values = values[max(0, len(values)-a.EvaluationPeriods-further):]
	values = slices.DeleteFunc(values, math.IsNaN)
	values = values[max(0, len(values)-a.EvaluationPeriods):]
	bad := 0
	for _, value := range values {
		breaches, known := map[string]bool{
			"GreaterThanThreshold":          value > a.Threshold,
			"GreaterThanOrEqualToThreshold": value >= a.Threshold,
			"LessThanThreshold":             value < a.Threshold,
		}[a.ComparisonOperator]
		require.Truef(t, known, "%s: %s", a.id, a.ComparisonOperator)
		if breaches {
			bad++
		}
	}
	if a.TreatMissingData == "breaching" {
		bad += a.EvaluationPeriods - len(values)
	}
	return bad >= a.DatapointsToAlarm
}

// values is what the alarm compares, minute by minute.
func (a alarm) values(t *testing.T, data minutes) []float64 {
	t.Helper()
	length := 0
	for _, values := range data {
		length = len(values)
	}
	var values []float64
	for minute := range length {
		now := map[string]float64{}
		for _, s := range a.reads() {
			now[s.id] = missing
			if given, there := data[s.name()]; there {
				now[s.id] = given[minute]
			}
		}
		if a.expression() == "" {
			values = append(values, now[""])
			continue
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
