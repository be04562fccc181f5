package test

import (
	"encoding/json"
	"fmt"
	"maps"
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
	t.Parallel()
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

// metrics are the names of the metrics that a widget draws or computes with.
func (w widget) metrics(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, s := range w.drawn(t) {
		names = append(names, s.metric)
	}
	for _, metric := range w.Properties.Metrics {
		if query, is := at(metric, 0, "expression").(string); is && len(metric) == 1 {
			if parts := insights.FindStringSubmatch(query); parts != nil {
				names = append(names, parts[2])
			}
		}
	}
	return names
}

// An alarm that begins at a size of config is a curve that somebody looks at when it
// rings, with the value at which it does. What only breaks or does not (a threshold
// of 0 or 1) has none; S3's delays and the primary region's lag, which there is only
// after a failover, are looked up.
func TestWhatIsWatchedIsDrawnWithItsLimit(t *testing.T) {
	lookedUp := []string{"ReplicationLatency", "AuroraGlobalDBRPOLag"}
	// Another line says more: a target of autoscaling (also for what is computed), the
	// tasks that there may be, the server's own limit; or the scale leaves no room.
	otherLine := []string{"MemoryUtilization", "DesiredTaskCount", "RunningTaskCount", "DatabaseConnections", "FreeableMemory", "Deadlocks", "Evictions", "CountedRequests"}
	eachEnvironment(t, func(t *testing.T, env environment) {
		all, regions := dashboards(t, env)
		alarms := slices.DeleteFunc(slices.Collect(maps.Values(env.alarms(t))), func(a alarm) bool { return a.AlarmRule != "" })
		drawn, limited := map[string]bool{}, map[string]bool{}
		for name, widgets := range all {
			for _, w := range widgets {
				shown := w.metrics(t)
				for _, metric := range shown {
					drawn[metric] = drawn[metric] || regions[name] == env.Primary.Name
				}
				for _, limit := range w.Properties.Annotations.Horizontal {
					where := fmt.Sprintf("%s, %s: %s at %v", name, w.Properties.Title, limit.Label, limit.Value)
					begins := slices.ContainsFunc(alarms, func(a alarm) bool {
						return a.stack.region == regions[name] && a.Threshold == limit.Value && slices.Contains(shown, a.metrics(t)[0])
					})
					switch {
					case limit.Label == "promise" && slices.Contains(shown, "AuroraGlobalDBRPOLag"):
						assert.Equal(t, 300_000.0, limit.Value, "%s: the seed's five minutes", where)
					case limit.Label == "alarm" || strings.HasSuffix(limit.Label, "promise"):
						assert.True(t, begins, "%s: no alarm begins there", where)
						for _, metric := range shown {
							limited[fmt.Sprint(metric, limit.Value)] = true
						}
					}
				}
			}
		}
		for _, a := range alarms {
			if metric := a.metrics(t)[0]; a.stack.region == env.Primary.Name && a.Threshold != 0 && a.Threshold != 1 && !slices.Contains(lookedUp, metric) {
				assert.Truef(t, drawn[metric], "%s: nobody sees what it watches", a.id)
				assert.Truef(t, limited[fmt.Sprint(metric, a.Threshold)] || slices.Contains(otherLine, metric) || a.expression() != "", "%s: nobody sees how near %v is", a.id, a.Threshold)
			}
		}
	})
}

// A metric of the pages that nothing reads belonged to an alarm or a graph that is gone.
func TestEveryMetricThatIsKnownIsWatchedOrDrawn(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	eachThatIsWatched(t, func(t *testing.T, env environment) {
		for _, a := range env.alarms(t) {
			for _, metric := range a.metrics(t) {
				read[metric] = true
			}
		}
		all, _ := dashboards(t, env)
		for _, widgets := range all {
			for _, w := range widgets {
				for _, metric := range w.metrics(t) {
					read[metric] = true
				}
			}
		}
	})
	for namespace, metrics := range awsMetrics {
		for metric := range metrics {
			assert.Truef(t, read[metric], "nothing reads %s of %s", metric, namespace)
		}
	}
}
