package alarms

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// Runbook is where a person reads what to do.
func Runbook(anchor string) string { return "docs/RUNBOOK.md#" + anchor }

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

// The treatments. NotBreaching: no measurement is good news, because the metric
// only exists when something happens. Breaching: the metric always exists, so its
// absence is a failure of its own.
const (
	NotBreaching Missing = "notBreaching"
	Breaching    Missing = "breaching"
)

// Row is one alarm.
type Row struct {
	// ID names the alarm after the environment's prefix.
	ID string
	// Runbook is the anchor of the entry in docs/RUNBOOK.md; alarms on several
	// nodes of a kind share one.
	Runbook  string
	Severity Severity
	// Why says in a sentence what the alarm means for the wallet.
	Why string
	// Metric is what is compared.
	Metric    Metric
	Compare   Comparison
	Threshold float64
	// Alarm when Datapoints of the last Periods periods compare so.
	Periods, Datapoints int
	Missing             Missing
}

// Alarm is one that was made.
type Alarm struct {
	Name     string
	Resource awscloudwatch.CfnAlarm
}

// New makes the alarms of a table and returns them by their IDs.
func New(scope constructs.Construct, names config.Names, topics Topics, rows []Row) map[string]Alarm {
	own := constructs.NewConstruct(scope, new("Alarms"))
	made := map[string]Alarm{}
	for _, row := range rows {
		made[row.ID] = newAlarm(own, names, []any{topics[row.Severity]}, row)
	}
	return made
}

// NewDeployment makes the alarms that take a new release back, beside the service
// and not among the others: ECS must find them before it deploys anything, and
// nothing may depend on the stack that watches. They write to nobody, because ECS
// acts on them and what it did is reported as an event.
func NewDeployment(scope constructs.Construct, names config.Names, rows []Row) []Alarm {
	own := constructs.NewConstruct(scope, new("DeploymentAlarms"))
	var made []Alarm
	for _, row := range rows {
		made = append(made, newAlarm(own, names, nil, row))
	}
	return made
}

// newAlarm uses the resource itself: one call for each alarm, and no wrapper
// that second-guesses statistics. The actions are taken at the end too: that an
// incident is over is news.
func newAlarm(scope constructs.Construct, names config.Names, actions []any, row Row) Alarm {
	name := names.AlarmName(row.ID)
	props := awscloudwatch.CfnAlarmProps{
		AlarmName:          new(name),
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
	case row.Metric.Expression != "":
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
	return Alarm{Name: name, Resource: awscloudwatch.NewCfnAlarm(scope, new(row.ID), &props)}
}

func description(why, anchor string) string { return why + " Runbook: " + Runbook(anchor) }

func setMetric(props *awscloudwatch.CfnAlarmProps, metric Metric) {
	props.Namespace = new(metric.Namespace)
	props.MetricName = new(metric.Name)
	props.Period = jsii.Number(metric.Seconds())
	props.Dimensions = dimensions(metric)
}

func dimensions(metric Metric) []*awscloudwatch.CfnAlarm_DimensionProperty {
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
		Id: new("result"), Expression: new(row.Metric.Expression), Label: new(row.ID), ReturnData: new(true),
	}
	if len(row.Metric.Inputs) == 0 {
		result.Period = jsii.Number(row.Metric.Seconds()) // a query has no input to take it from
	}
	list := []*awscloudwatch.CfnAlarm_MetricDataQueryProperty{result}
	for _, id := range row.Metric.SortedInputs() {
		metric := row.Metric.Inputs[id]
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

// Prefixed are the rows under IDs of their own: a table that an environment has
// twice, once for each region.
func Prefixed(prefix string, rows []Row) []Row {
	for i := range rows {
		rows[i].ID = prefix + rows[i].ID
	}
	return rows
}
