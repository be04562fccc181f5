package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

func TestGrafanaStandsWhereAWSOffersItAndReadsOnlyMetrics(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.stacks {
			if stack.region != "us-east-1" {
				assert.Empty(t, stack.ofType("AWS::Grafana::Workspace"), "Managed Grafana is not offered in %s", stack.region)
			}
		}
		global := env.stack(t, "global")
		workspace := global.only(t, "AWS::Grafana::Workspace")
		assert.Equal(t, []any{env.Site.Grafana.Provider}, workspace.Properties["AuthenticationProviders"])
		assert.Subset(t, workspace.Properties["DataSources"], []any{"CLOUDWATCH", "PROMETHEUS"})
		assert.Equal(t, "10.4", workspace.Properties["GrafanaVersion"], "AWS never takes a workspace back to an older version")
		assert.Equal(t, "CURRENT_ACCOUNT", workspace.Properties["AccountAccessType"])
		assert.Equal(t, false, workspace.Properties["PluginAdminEnabled"])
		role := textAt(t, workspace.Properties, "RoleArn", "Fn::GetAtt", 0)
		require.Contains(t, global.Resources, role)
		assert.Equal(t, env.DR.AllowDataOutsideBrazil, slices.Contains(listAt(t, workspace.Properties, "DataSources"), any("XRAY")))
	})
}

// grafanaDashboard is a committed dashboard.
type grafanaDashboard struct {
	UID, Title string
	Panels     []struct {
		ID      int
		Title   string
		Targets []struct{ RefID, Expr, Namespace, MetricName, Region string }
	}
}

// metrics are the series of Prometheus that its panels read.
func (d grafanaDashboard) metrics() []string {
	var all []string
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			all = append(all, promMetrics(target.Expr)...)
		}
	}
	return all
}

func grafanaDashboards(t *testing.T) []grafanaDashboard {
	t.Helper()
	paths, err := filepath.Glob("../constructs/grafana/dashboards/*.json")
	require.NoError(t, err)
	var all []grafanaDashboard
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		var one grafanaDashboard
		require.NoErrorf(t, json.Unmarshal(content, &one), "%s", path)
		all = append(all, one)
	}
	return all
}

func TestGrafanaDashboardsReadWhatPrometheusHas(t *testing.T) {
	recorded := map[string]bool{}
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, rule := range promRules(t, env) {
			recorded[rule.Record] = true
		}
	})
	titles := map[string]bool{}
	for _, dashboard := range grafanaDashboards(t) {
		titles[dashboard.Title] = true
		for _, panel := range dashboard.Panels {
			assert.NotEmptyf(t, panel.Targets, "%s: %s", dashboard.Title, panel.Title)
			for _, target := range panel.Targets {
				for _, metric := range promMetrics(target.Expr) {
					assert.Truef(t, recorded[metric] || exported.MatchString(metric), "%s: %s reads %s", dashboard.Title, panel.Title, metric)
				}
				if target.Expr == "" {
					assert.Containsf(t, awsMetrics[target.Namespace], target.MetricName, "%s: %s", dashboard.Title, panel.Title)
					assert.Equal(t, config.Production().Primary.Name, target.Region)
				}
			}
		}
	}
	assert.Equal(t, map[string]bool{"Wallet: business": true, "Wallet: technical": true}, titles)
}

func TestTracesAreSampledAsTheServiceSamplesThem(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack := env.stack(t, "observability")
		rule := at(stack.only(t, "AWS::XRay::SamplingRule").Properties, "SamplingRule")
		assert.InDelta(t, env.Service.TraceSampleRatio, at(rule, "FixedRate"), 0)
		assert.InDelta(t, 0, at(rule, "ReservoirSize"), 0)
		assert.Equal(t, env.Names().ServiceName(), at(rule, "ServiceName"))
		name := textAt(t, rule, "RuleName")
		assert.LessOrEqual(t, len(name), 32, "X-Ray refuses longer names")
		group := stack.only(t, "AWS::XRay::Group")
		assert.Equal(t, `service("`+env.Names().ServiceName()+`")`, group.Properties["FilterExpression"])
		assert.Equal(t, true, at(group.Properties, "InsightsConfiguration", "InsightsEnabled"))
	})
}
