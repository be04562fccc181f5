package alarms

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/signals"
)

// Runbook is where a person reads what to do.
func Runbook(anchor string) string { return "docs/MONITORING.md#" + anchor }

// Comparison is how a value must stand to the threshold to alarm.
type Comparison string

// The comparisons that the table uses.
const (
	Above   Comparison = "GreaterThanThreshold"
	AtLeast Comparison = "GreaterThanOrEqualToThreshold"
	Below   Comparison = "LessThanThreshold"
)

// Missing says what an alarm makes of a period without a measurement.
type Missing string

// The treatments. Quiet: no measurement is good news, because the metric only
// exists when something happens. Broken: the metric always exists, so its
// absence is a failure of its own.
const (
	Quiet  Missing = "notBreaching"
	Broken Missing = "breaching"
)

// Row is one alarm.
type Row struct {
	// ID names the alarm after the environment's prefix.
	ID string
	// Runbook is the anchor of the entry in docs/MONITORING.md; alarms on several
	// nodes of a kind share one.
	Runbook  string
	Severity Severity
	// Why says in a sentence what the alarm means for the wallet.
	Why string
	// Metric is what is compared, unless Expression is set.
	Metric signals.Metric
	// Expression is metric math over Inputs, or a Metrics Insights query; its
	// period is Metric's.
	Expression string
	Inputs     map[string]signals.Metric
	Compare    Comparison
	Threshold  float64
	// Alarm when Datapoints of the last Periods periods compare so.
	Periods, Datapoints int
	Missing             Missing
}

// New makes the alarms of a table.
func New(scope constructs.Construct, env config.Environment, topics Topics, rows []Row) {
	own := constructs.NewConstruct(scope, new("Alarms"))
	for _, row := range rows {
		newAlarm(own, env, []any{*topics.Of(row.Severity).TopicArn()}, row)
	}
}

// newAlarm uses the resource itself: one call for each alarm, and no wrapper
// that second-guesses statistics. The actions are taken at the end too: that an
// incident is over is news.
func newAlarm(scope constructs.Construct, env config.Environment, actions []any, row Row) awscloudwatch.CfnAlarm {
	props := awscloudwatch.CfnAlarmProps{
		AlarmName:          new(env.Names().AlarmName(row.ID)),
		AlarmDescription:   new(description(row.Why, row.Runbook)),
		ComparisonOperator: new(string(row.Compare)),
		Threshold:          new(row.Threshold),
		EvaluationPeriods:  jsii.Number(row.Periods),
		DatapointsToAlarm:  jsii.Number(row.Datapoints),
		TreatMissingData:   new(string(row.Missing)),
	}
	if len(actions) > 0 {
		props.AlarmActions, props.OkActions = &actions, &actions
	}
	switch {
	case row.Expression != "":
		props.Metrics = queries(row)
	case strings.HasPrefix(row.Metric.Statistic, "p"):
		props.ExtendedStatistic = new(row.Metric.Statistic)
		// A percentile of a handful of requests says nothing.
		props.EvaluateLowSampleCountPercentile = new("ignore")
		setMetric(&props, row.Metric)
	default:
		props.Statistic = new(row.Metric.Statistic)
		setMetric(&props, row.Metric)
	}
	return awscloudwatch.NewCfnAlarm(scope, new(row.ID), &props)
}

func description(why, anchor string) string { return why + " Runbook: " + Runbook(anchor) }

func setMetric(props *awscloudwatch.CfnAlarmProps, metric signals.Metric) {
	props.Namespace = new(metric.Namespace)
	props.MetricName = new(metric.Name)
	props.Period = jsii.Number(metric.Seconds())
	props.Dimensions = dimensions(metric)
}

func dimensions(metric signals.Metric) []*awscloudwatch.CfnAlarm_DimensionProperty {
	var list []*awscloudwatch.CfnAlarm_DimensionProperty
	for _, name := range metric.SortedDimensions() {
		list = append(list, &awscloudwatch.CfnAlarm_DimensionProperty{
			Name: new(name), Value: new(metric.Dimensions[name]),
		})
	}
	return list
}

// queries puts the expression first, which alone returns data, and its inputs
// after it.
func queries(row Row) []*awscloudwatch.CfnAlarm_MetricDataQueryProperty {
	result := &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
		Id: new("result"), Expression: new(row.Expression), Label: new(row.ID), ReturnData: new(true),
	}
	if len(row.Inputs) == 0 {
		result.Period = jsii.Number(row.Metric.Seconds()) // a query has no input to take it from
	}
	list := []*awscloudwatch.CfnAlarm_MetricDataQueryProperty{result}
	for _, id := range sortedKeys(row.Inputs) {
		metric := row.Inputs[id]
		list = append(list, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: new(id), ReturnData: new(false),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Stat: new(metric.Statistic), Period: jsii.Number(metric.Seconds()),
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{
					Namespace: new(metric.Namespace), MetricName: new(metric.Name), Dimensions: dimensions(metric),
				},
			},
		})
	}
	return list
}

// NewOutage makes the alarm that says the wallet is down for its users, and not
// merely worse: nothing serves, or what is served is both failing and slow. It
// comes after [New], whose alarms it is about.
func NewOutage(scope constructs.Construct, env config.Environment, topics Topics) {
	inAlarm := func(id string) string { return fmt.Sprintf("ALARM(%q)", env.Names().AlarmName(id)) }
	parts := []string{edgeErrors, edgeLatency}
	rule := inAlarm(edgeErrors) + " AND " + inAlarm(edgeLatency)
	if env.Site.ImageTag != config.NoImage {
		parts = append(parts, edgeHealthy)
		rule = inAlarm(edgeHealthy) + " OR (" + rule + ")"
	}
	severity := Critical
	if !env.Serves(env.Primary) {
		severity = Warning // its users are in the other region
	}
	action := []any{*topics.Of(severity).TopicArn()}
	outage := awscloudwatch.NewCfnCompositeAlarm(scope, new("Outage"), &awscloudwatch.CfnCompositeAlarmProps{
		AlarmName:        new(env.Names().AlarmName("outage")),
		AlarmDescription: new(description("The wallet is down for its users, not merely worse.", "outage")),
		AlarmRule:        new(rule),
		AlarmActions:     &action,
		OkActions:        &action,
	})
	for _, id := range parts {
		// The rule names the alarms as text, and CloudWatch refuses a name that does
		// not exist yet.
		outage.Node().AddDependency(scope.Node().FindChild(new("Alarms")).Node().FindChild(new(id)))
	}
}
