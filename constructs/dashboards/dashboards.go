// Package dashboards makes the CloudWatch dashboards of an environment: business
// (what users get), technical (how the service does it) and infrastructure (what
// it stands on). The three are lists of panels (panels.go); this file turns a
// list into CloudWatch's JSON, which is one resource instead of some hundred
// constructs.
//
// Wallets, transfers and money are counted by the service itself, in Prometheus,
// which CloudWatch cannot read: those panels are Grafana's
// (constructs/grafana/dashboards).
package dashboards

import (
	"encoding/json"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/outbox"
	"wallet-infra/constructs/service"
	"wallet-infra/constructs/waf"
)

// panel is one graph, a list of alarms, or a text.
type panel struct {
	title  string
	lines  []line
	limits []limit
	text   string   // Markdown, over the whole width
	alarms []string // ARNs, over the whole width
}

// line is a metric with its label.
type line struct {
	label  string
	metric alarms.Metric
}

// limit is a horizontal line where an alarm begins.
type limit struct {
	label string
	value float64
}

// Props describe the dashboards of a region.
type Props struct {
	Names  config.Names
	Region config.Region
	// Alarms are those whose state the technical dashboard begins with.
	Alarms []alarms.Row
	// These have the limits that are drawn beside the metrics.
	Watch     config.Observability
	Service   config.Service
	Database  config.Database
	Messaging config.Messaging
	// Metrics are what is drawn.
	Metrics Metrics
}

// Metrics are those of the region's components.
type Metrics struct {
	Edge     edge.Metrics
	Firewall waf.Metrics
	Service  service.Metrics
	Database aurora.Metrics
	Cache    cache.Metrics
	Kafka    kafka.Metrics
	Network  network.Metrics
	Outbox   outbox.Metrics
}

// New makes the three dashboards.
func New(scope constructs.Construct, props Props) {
	own := constructs.NewConstruct(scope, new("Dashboards"))
	newDashboard(own, "business", props, business(props))
	newDashboard(own, "technical", props, append([]panel{states(props)}, technical(props)...))
	newDashboard(own, "infrastructure", props, infrastructure(props))
}

// NewStandby makes the one dashboard of the second region: the alarms, the way
// out, and the platform that waits. Dashboards have no region of their own, so its
// name is none of the others'.
func NewStandby(scope constructs.Construct, props Props, standby Standby) {
	own := constructs.NewConstruct(scope, new("Dashboards"))
	newDashboard(own, "standby", props, slices.Concat([]panel{states(props)}, standby.panels(props.Names), technical(props)))
}

func newDashboard(scope constructs.Construct, id string, props Props, panels []panel) {
	awscloudwatch.NewCfnDashboard(scope, new(id), &awscloudwatch.CfnDashboardProps{
		DashboardName: new(props.Names.DashboardName(id)),
		DashboardBody: new(body(panels, props.Region.Name)),
	})
}

// states shows every alarm's colour.
func states(props Props) panel {
	states := panel{title: "Alarms"}
	for _, row := range props.Alarms {
		states.alarms = append(states.alarms, props.Names.AlarmARN(props.Region, row.ID))
	}
	return states
}

// The grid of a CloudWatch dashboard is 24 units wide; three graphs fill a row.
const (
	gridWidth, graphWidth  = 24, 8
	graphHeight, barHeight = 6, 3
)

// widget is CloudWatch's own form of a panel.
type widget struct {
	Type       string         `json:"type"`
	X          int            `json:"x"`
	Y          int            `json:"y"`
	Width      int            `json:"width"`
	Height     int            `json:"height"`
	Properties map[string]any `json:"properties"`
}

// body lays the panels out from left to right and encodes them.
func body(panels []panel, region string) string {
	var widgets []widget
	x, y := 0, 0
	for _, p := range panels {
		w := widget{Type: "metric", Width: graphWidth, Height: graphHeight}
		switch {
		case p.text != "":
			w.Type, w.Width, w.Height, w.Properties = "text", gridWidth, barHeight, map[string]any{"markdown": p.text}
		case p.alarms != nil:
			w.Type, w.Width, w.Properties = "alarm", gridWidth, map[string]any{"title": p.title, "alarms": p.alarms}
		default:
			w.Properties = graph(p, region)
		}
		if x+w.Width > gridWidth {
			x, y = 0, y+graphHeight
		}
		w.X, w.Y = x, y
		x += w.Width
		widgets = append(widgets, w)
	}
	encoded, err := json.Marshal(map[string]any{"widgets": widgets})
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	return string(encoded)
}

func graph(p panel, region string) map[string]any {
	var metrics []any
	for _, l := range p.lines {
		metrics = append(metrics, encode(l)...)
	}
	properties := map[string]any{
		"title": p.title, "region": region, "view": "timeSeries", "period": 60, "metrics": metrics,
		"yAxis": map[string]any{"left": map[string]any{"min": 0}},
	}
	var limits []any
	for _, l := range p.limits {
		limits = append(limits, map[string]any{"label": l.label, "value": l.value})
	}
	if limits != nil {
		properties["annotations"] = map[string]any{"horizontal": limits}
	}
	return properties
}

// encode gives CloudWatch's list form of a line: namespace, name, dimensions and
// options, or the options of an expression and its inputs, which are not drawn.
func encode(l line) []any {
	if l.metric.Expression == "" {
		return []any{reading(l.metric, map[string]any{"label": l.label})}
	}
	encoded := []any{[]any{map[string]any{"label": l.label, "expression": l.metric.Expression}}}
	for _, id := range l.metric.SortedInputs() {
		encoded = append(encoded, reading(l.metric.Inputs[id], map[string]any{"label": id, "id": id, "visible": false}))
	}
	return encoded
}

// reading is one metric with its options.
func reading(metric alarms.Metric, options map[string]any) []any {
	options["stat"] = metric.Statistic
	if metric.Period != 0 {
		options["period"] = metric.Seconds()
	}
	encoded := []any{metric.Namespace, metric.Name}
	for _, name := range metric.SortedDimensions() {
		encoded = append(encoded, name, metric.Dimensions[name])
	}
	return append(encoded, options)
}
