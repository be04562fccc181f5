package test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// collectorOf is the collector of a stack's tasks.
type collectorOf struct {
	template
	settings map[string]any
}

// collectors are the stacks with the service's task, and the configuration of its
// collector with each reference as "<type attribute>" of what it leads to.
func (e environment) collectors(t *testing.T) []collectorOf {
	t.Helper()
	var found []collectorOf
	for _, stack := range e.sorted() {
		if len(stack.ofType("AWS::ECS::Service")) == 0 {
			continue
		}
		var text strings.Builder
		for _, variable := range listAt(t, stack.container(t, "collector"), "Environment") {
			if textAt(t, variable, "Name") != "AOT_CONFIG_CONTENT" {
				continue
			}
			for _, part := range listAt(t, variable, "Value", "Fn::Join", 1) {
				if literal, isText := part.(string); isText {
					text.WriteString(literal)
					continue
				}
				target, there := e.origin(stack, part)
				require.Truef(t, there, "the collector is told of what is not there: %v", part)
				assert.Equal(t, stack.region, target.stack.region, "telemetry of a region waits for the other")
				text.WriteString("<" + target.Type + " " + attributeOf(e, stack, part) + ">")
			}
		}
		var settings map[string]any
		require.NoError(t, json.Unmarshal([]byte(text.String()), &settings))
		found = append(found, collectorOf{stack, settings})
	}
	return found
}

// DNS answers with eight tasks of forty: what is found by a name is a sample, and rates
// and money computed from it are wrong (Route 53 Developer Guide, "Multivalue answer
// routing": up to eight).
func TestEachTaskHandsInItsOwnMetricsUnderItsOwnName(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		collectors := env.collectors(t)
		require.NotEmpty(t, collectors)
		for _, stack := range collectors {
			settings := stack.settings
			jobs := listAt(t, settings, "receivers", "prometheus", "config", "scrape_configs")
			require.Len(t, jobs, 1)
			assert.NotContains(t, rendered(jobs[0]), "_sd_", "targets are looked for")
			assert.Equal(t, "wallet-service", at(jobs[0], "job_name"), "the rules read this job")
			assert.Equal(t, env.Observability.ScrapeInterval.String(), at(jobs[0], "scrape_interval"))
			targets := listAt(t, jobs[0], "static_configs")
			require.Len(t, targets, 1)
			assert.Equal(t, []any{"127.0.0.1:8080"}, at(targets[0], "targets"))
			assert.Equal(t, map[string]any{"environment": env.Name, "region": stack.region, "version": env.Site.ImageTag}, at(targets[0], "labels"))
			// The label "instance" is the attribute service.instance.id ("Prometheus and
			// OpenMetrics Compatibility" of OpenTelemetry), which the receiver sets to the
			// target: the same text in every task.
			assert.Equal(t, map[string]any{"detectors": []any{"ecs"}, "timeout": "5s"}, at(settings, "processors", "resource_detection"))
			assert.Equal(t, []any{map[string]any{"key": "service.instance.id", "from_attribute": "aws.ecs.task.id", "action": "upsert"}},
				at(settings, "processors", "resource/instance", "attributes"))
			processors := listAt(t, settings, "service", "pipelines", "metrics", "processors")
			assert.Equal(t, []any{"memory_limiter", "resource_detection", "resource/instance", "batch"}, processors)
			for _, other := range env.sorted() {
				assert.Emptyf(t, other.ofType("AWS::APS::Scraper"), "%s", other.name)
				assert.Emptyf(t, other.ofType("AWS::ServiceDiscovery::Service"), "%s", other.name)
			}
		}
	})
}

func TestMetricsAndTracesReachTheRegionsOwnStoresSigned(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.collectors(t) {
			settings := stack.settings
			// "Using the AWS Distro for OpenTelemetry as a collector" (Managed Prometheus)
			// and "OTLP endpoints" (CloudWatch) have the addresses and the services' names.
			assert.Equal(t, map[string]any{
				"prometheus_remote_write": map[string]any{
					"endpoint": "<AWS::APS::Workspace PrometheusEndpoint>api/v1/remote_write",
					"auth":     map[string]any{"authenticator": "sigv4auth/metrics"},
				},
				"otlp_http": map[string]any{
					"traces_endpoint": "https://xray." + stack.region + ".amazonaws.com/v1/traces",
					"auth":            map[string]any{"authenticator": "sigv4auth/traces"},
				},
			}, settings["exporters"])
			assert.Equal(t, map[string]any{
				"health_check":      map[string]any{},
				"sigv4auth/metrics": map[string]any{"region": stack.region, "service": "aps"},
				"sigv4auth/traces":  map[string]any{"region": stack.region, "service": "xray"},
			}, settings["extensions"])
			assert.ElementsMatch(t, []any{"health_check", "sigv4auth/metrics", "sigv4auth/traces"}, at(settings, "service", "extensions"))
			assert.Equal(t, []any{"prometheus"}, at(settings, "service", "pipelines", "metrics", "receivers"))
			assert.Equal(t, []any{"prometheus_remote_write"}, at(settings, "service", "pipelines", "metrics", "exporters"))
			assert.Equal(t, []any{"otlp"}, at(settings, "service", "pipelines", "traces", "receivers"))
			assert.Equal(t, []any{"otlp_http"}, at(settings, "service", "pipelines", "traces", "exporters"))
			assert.Equal(t, "memory_limiter", at(settings, "service", "pipelines", "traces", "processors", 0))
		}
	})
}

// X-Ray's endpoint takes spans only where Transaction Search is on, and that only where
// X-Ray may write the log groups ("Enable transaction search", CloudWatch user guide).
func TestXRayMayKeepTheSpansThatTheTasksSend(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, tasks := range env.collectors(t) {
			on := 0
			for _, search := range env.everywhere("AWS::XRay::TransactionSearchConfig") {
				if search.stack.region != tasks.region {
					continue
				}
				on++
				assert.Equal(t, 100.0, search.Properties["IndexingPercentage"], "traces that the service sampled and paid for are not found in X-Ray")
				require.Len(t, search.DependsOn, 1, "Transaction Search is turned on before X-Ray may write")
				policy := search.stack.Resources[search.DependsOn[0]]
				require.Equal(t, "AWS::Logs::ResourcePolicy", policy.Type)
				text := rendered(policy.Properties["PolicyDocument"])
				for _, needed := range []string{"xray.amazonaws.com", "logs:PutLogEvents", "log-group:aws/spans:*", "log-group:/aws/application-signals/data:*", env.Site.Account} {
					assert.Contains(t, text, needed)
				}
			}
			assert.Equalf(t, 1, on, "%s", tasks.region)
		}
	})
}

// Every sample is paid for, and a label that the application adds multiplies them.
func TestOnlyTheSeriesThatSomebodyReadsArePaidFor(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, collector := range env.collectors(t) {
			keep := listAt(t, collector.settings, "receivers", "prometheus", "config", "scrape_configs", 0, "metric_relabel_configs")
			require.Len(t, keep, 1)
			assert.Equal(t, "keep", at(keep[0], "action"))
			assert.Equal(t, []any{"__name__"}, at(keep[0], "source_labels"))
			kept := regexp.MustCompile("^(?:" + textAt(t, keep[0], "regex") + ")$") // as Prometheus anchors it
			sent := func(metric string) bool {
				return strings.Contains(metric, ":") || metric == "up" || kept.MatchString(metric) // up is the receiver's own
			}
			for _, rule := range promRules(t, env) {
				for _, metric := range promMetrics(rule.Expr) {
					assert.Truef(t, sent(metric), "%s%s reads %s, which no task sends", rule.Record, rule.Alert, metric)
				}
			}
			for _, dashboard := range grafanaDashboards(t) {
				for _, metric := range dashboard.metrics() {
					assert.Truef(t, sent(metric), "a dashboard reads %s, which no task sends", metric)
				}
			}
			for _, dear := range []string{"jvm_buffer_memory_used_bytes", "http_client_requests_seconds_bucket", "netty_allocator_memory_used", "worker_pool_queue_size"} {
				assert.Falsef(t, kept.MatchString(dear), "%s is kept and read by nobody", dear)
			}
		}
	})
}
