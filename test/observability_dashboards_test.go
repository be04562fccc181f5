package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// widget is a part of a dashboard ("Dashboard body structure and syntax" in
// CloudWatch's API reference).
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, View, Markdown string
		Period                        int
		Metrics                       [][]any
		Alarms                        []string // ARNs
		YAxis                         any
		Annotations                   struct {
			Horizontal []struct {
				Label string
				Value float64
			}
		}
	}
}

// dashboards are all of an environment's, by their names without its prefix, and the
// regions of their stacks.
func dashboards(t *testing.T, env environment) (widgets map[string][]widget, regions map[string]string) {
	t.Helper()
	widgets, regions = map[string][]widget{}, map[string]string{}
	for _, r := range env.everywhere("AWS::CloudWatch::Dashboard") {
		name := strings.TrimPrefix(textAt(t, r.Properties, "DashboardName"), env.Names().Prefix()+"-")
		var body any
		require.NoErrorf(t, json.Unmarshal([]byte(render(r.Properties["DashboardBody"])), &body), "%s", name)
		widgets[name] = decoded[struct{ Widgets []widget }](t, name, body).Widgets
		regions[name] = r.stack.region
	}
	return widgets, regions
}

// drawn are the metrics of a widget, each with its statistic; expressions are none.
func (w widget) drawn(t *testing.T) []series {
	t.Helper()
	var all []series
	for _, metric := range w.Properties.Metrics {
		if len(metric) < 2 {
			continue
		}
		s := series{namespace: textAt(t, metric, 0), metric: textAt(t, metric, 1), statistic: textAt(t, metric, len(metric)-1, "stat")}
		for i := 2; i < len(metric)-1; i += 2 {
			s.dimensions = append(s.dimensions, dimension{Name: textAt(t, metric, i), Value: metric[i+1]})
		}
		all = append(all, s)
	}
	return all
}

func TestDashboardsShowWhatExists(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		all, regions := dashboards(t, env)
		names := []string{"business", "technical", "infrastructure"}
		if env.DR.Mode == config.DRStandby {
			names = append(names, "standby")
		}
		alarms := env.alarms(t)
		for _, name := range names {
			require.NotEmptyf(t, all[name], "%s", name)
			shown := 0
			for _, w := range all[name] {
				assert.LessOrEqual(t, w.X+w.Width, 24, "the grid's width")
				if w.Type == "metric" {
					assert.Equal(t, regions[name], w.Properties.Region)
					assert.NotEmptyf(t, w.Properties.Metrics, "%s: %s is empty", name, w.Properties.Title)
				}
				for _, s := range w.drawn(t) {
					isDocumented(t, name+": "+w.Properties.Title, s)
				}
				for _, arn := range w.Properties.Alarms {
					id := strings.TrimPrefix(arn, fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s-", regions[name], env.Site.Account, env.Names().Prefix()))
					assert.Equalf(t, regions[name], alarms[id].stack.region, "%s shows the colour of %s", name, arn)
					shown++
				}
			}
			if slices.Contains([]string{"technical", "standby"}, name) {
				there := 0
				for id, a := range alarms {
					if a.stack.region == regions[name] && a.AlarmRule == "" && !endsDeployments(id) {
						there++
					}
				}
				assert.Equalf(t, there, shown, "%s shows the colour of every alarm", name)
			}
		}
		assert.Len(t, all, len(names))
	})
}

// line is a graph in a line: how many lines it has, and its limits with their values.
func (w widget) line() string {
	text := fmt.Sprintf("%s: %d lines", w.Properties.Title, len(w.Properties.Metrics))
	for _, limit := range w.Properties.Annotations.Horizontal {
		text += fmt.Sprintf(", %s %v", limit.Label, limit.Value)
	}
	return text
}

func TestNoGraphAndNoLimitDisappears(t *testing.T) {
	env := platform(t)["production"]
	want := map[string][]string{
		"business": {
			"Requests a minute: 1 lines", "Failed requests, percent: 4 lines, promise 0.1",
			"Response time, seconds: 3 lines, P95 promise 0.1, P99 promise 0.2", "Answers by class: 3 lines",
			"Events written to Kafka, a second: 3 lines", "Requests that the web ACL blocked, a minute: 3 lines, alarm 1000",
		},
		"technical": {
			fmt.Sprintf("Tasks: 3 lines, minimum %d, maximum %d", env.Service.MinTasks, env.Service.MaxTasks), "Tasks' CPU and memory, percent: 2 lines, CPU target 70, memory target 80",
			fmt.Sprintf("Requests a minute for each task: 3 lines, target %d", env.Service.RequestsPerTaskPerMinute), "Targets: 4 lines", "Requests a minute by release: 2 lines", "Errors by origin: 3 lines",
			"Response time, seconds: 3 lines", "Database statements, milliseconds: 3 lines",
			fmt.Sprintf("Database connections: 2 lines, server's limit %d", env.Database.MaxConnections), "Consumer lag, records: 1 lines, alarm 100000",
		},
		"infrastructure": {
			"Database CPU, percent: 2 lines, alarm 80", "Database free memory, bytes: 1 lines", "Database storage, bytes: 1 lines",
			"Database deadlocks, a second: 1 lines", "Cache command thread, percent: 3 lines, alarm 80", "Cache memory, percent: 3 lines, alarm 80",
			"Cache evictions, a minute: 3 lines", "Cache hit rate, percent: 3 lines", "Kafka disk, percent: 3 lines, grows 60, alarm 85",
			"Kafka CPU, percent: 3 lines", "Kafka partitions: 4 lines", "NAT port errors: 3 lines", "NAT bytes to the internet: 3 lines",
			"Certificate, days left: 1 lines, alarm 30", "Database replica lag, milliseconds: 1 lines, alarm 1000", "Cache replication lag, seconds: 3 lines",
		},
	}
	want["standby"] = append([]string{
		"Load balancers as the world sees them, 1 is reached: 2 lines",
		// The seed allows to lose five minutes.
		fmt.Sprintf("Work that a failover would lose, milliseconds: 1 lines, alarm %d, promise 300000", env.DR.ReplicationLag.Milliseconds()),
	}, want["technical"]...)
	got := map[string][]string{}
	all, _ := dashboards(t, env)
	for name, widgets := range all {
		for _, w := range widgets {
			if w.Type == "metric" {
				got[name] = append(got[name], w.line())
			}
		}
	}
	assert.Equal(t, want, got)
}
