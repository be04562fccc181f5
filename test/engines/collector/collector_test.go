// Package collector holds what an OpenTelemetry collector judges: the configuration
// that each task gives to its own. The collector is built from the modules of binary/,
// of version 0.159; AWS's distribution is built on 0.156, which cannot be had as
// modules.
package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
)

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE" // of AWS's examples
	taskID    = "0123456789abcdef0123456789abcdef"
)

// task is a task definition's collector.
type task struct {
	stack    cfn.Stack
	settings map[string]any
}

// tasks are the collectors of an environment's tasks.
func tasks(t *testing.T, environment string) []task {
	t.Helper()
	stacks := engines.Stacks(t, environment)
	resolver := cfn.Resolver{Stacks: stacks, Attribute: func(in cfn.Stack, of cfn.Resource, attribute string, _ func(any) any) (any, bool) {
		return "https://" + prometheusHost(in.Region) + "/workspaces/ws-1/", of.Type+" "+attribute == "AWS::APS::Workspace PrometheusEndpoint"
	}}
	var found []task
	for _, stack := range stacks {
		if len(stack.Template.OfType("AWS::ECS::Service")) == 0 {
			continue
		}
		for _, definition := range stack.Template.OfType("AWS::ECS::TaskDefinition") {
			for _, container := range cfn.List(definition.Properties["ContainerDefinitions"]) {
				for _, variable := range cfn.List(cfn.Lookup(container, "Environment")) {
					if cfn.Lookup(variable, "Name") != "AOT_CONFIG_CONTENT" {
						continue
					}
					text, ok := resolver.Resolve(stack, cfn.Lookup(variable, "Value")).(string)
					require.True(t, ok, "the collector's configuration")
					made := task{stack: stack}
					require.NoError(t, json.Unmarshal([]byte(text), &made.settings))
					found = append(found, made)
				}
			}
		}
	}
	require.NotEmpty(t, found)
	return found
}

func prometheusHost(region string) string { return "aps-workspaces." + region + ".amazonaws.com" }
func xrayHost(region string) string       { return "xray." + region + ".amazonaws.com" }

// program is the collector.
func program(t *testing.T) string {
	t.Helper()
	engines.Want(t, "the OpenTelemetry collector")
	path := filepath.Join(engines.Root(t), "build/collector/collector")
	_, err := os.Stat(path)
	require.NoError(t, err, "`scripts/engines.sh install` builds the collector from Go modules")
	return path
}

// arguments are the program's, with the configuration from where ECS puts it.
func (w task) command(ctx context.Context, program, verb string, settings map[string]any, more ...string) (*exec.Cmd, error) {
	content, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	arguments := []string{"--config=env:AOT_CONFIG_CONTENT"}
	if verb != "" {
		arguments = append([]string{verb}, arguments...)
	}
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append([]string{"AOT_CONFIG_CONTENT=" + string(content), "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token"}, more...)
	return command, nil
}

func each(t *testing.T, test func(*testing.T, string, task)) {
	t.Helper()
	program := program(t)
	for _, environment := range []string{"staging", "production"} {
		for _, w := range tasks(t, environment) {
			t.Run(w.stack.Name, func(t *testing.T) { test(t, program, w) })
		}
	}
}

func TestTheCollectorTakesItsConfiguration(t *testing.T) {
	each(t, func(t *testing.T, program string, w task) {
		command, err := w.command(t.Context(), program, "validate", w.settings)
		require.NoError(t, err)
		said, err := command.CombinedOutput()
		assert.NoError(t, err, "%s", said)
	})
}

func TestTelemetryLeavesTheTaskSignedAndLosingItsSinkBlocksNobody(t *testing.T) {
	each(t, func(t *testing.T, program string, w task) {
		region := w.stack.Region
		sinks := newAWS(t, prometheusHost(region), xrayHost(region))
		application := container(t, region, taskID)
		address, process := w.run(t, program, sinks, application.URL)
		connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		defer connection.Close()
		client := traces.NewTraceServiceClient(connection)
		const count = 700 // more than one batch
		process.Await(t, func() error { return send(t.Context(), client, "probe", 1) })
		require.NoError(t, send(t.Context(), client, "deposit", count))
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			spans, series := sinks.kept()
			assert.Equal(t, count+1, spans, "spans at X-Ray")
			assert.Contains(t, series, "wallet_money_deposited_total@"+taskID)
		}, 20*time.Second, 100*time.Millisecond)
		w.series(t, sinks)
		sinks.check(t, map[string]string{xrayHost(region): region + "/xray", prometheusHost(region): region + "/aps"})

		// The wallet's own calls answer at once while nobody takes its telemetry, and what
		// waited arrives when somebody does again.
		restore := sinks.lose()
		started := time.Now()
		for range 20 {
			require.NoError(t, send(t.Context(), client, "lost", 10))
		}
		assert.Less(t, time.Since(started), 5*time.Second, "losing the sink slows the wallet")
		restore()
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			spans, _ := sinks.kept()
			assert.Equal(t, count+1+200, spans)
		}, 30*time.Second, 200*time.Millisecond, "spans that waited")
	})
}

// run starts the collector of a task with its own configuration, but for what is shared
// on this machine: ports, and the time between two scrapes.
func (w task) run(t *testing.T, program string, sinks *aws, application string) (address string, process *engines.Process) {
	t.Helper()
	address = "127.0.0.1:" + engines.FreePort(t)
	var settings map[string]any
	content, err := json.Marshal(w.settings)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &settings))
	set := func(value any, path ...any) {
		object, ok := cfn.Lookup(settings, path[:len(path)-1]...).(map[string]any)
		require.True(t, ok, "%v", path)
		object[fmt.Sprint(path[len(path)-1])] = value
	}
	set(address, "receivers", "otlp", "protocols", "grpc", "endpoint")
	set("1s", "receivers", "prometheus", "config", "scrape_configs", 0, "scrape_interval")
	set("1s", "receivers", "prometheus", "config", "scrape_configs", 0, "scrape_timeout")
	set([]string{strings.TrimPrefix(application, "http://")}, "receivers", "prometheus", "config", "scrape_configs", 0, "static_configs", 0, "targets")
	set(map[string]any{"endpoint": "127.0.0.1:" + engines.FreePort(t)}, "extensions", "health_check")
	set(map[string]any{"metrics": map[string]any{"level": "none"}}, "service", "telemetry")
	command, err := w.command(context.Background(), program, "", settings,
		"HTTPS_PROXY="+sinks.proxy, "SSL_CERT_FILE="+sinks.authority, "ECS_CONTAINER_METADATA_URI_V4="+application+"/v4")
	require.NoError(t, err)
	return address, engines.Run(t, command)
}

// send hands spans to the collector as the application's exporter does: it gives up
// after ten seconds (OpenTelemetry, "OTLP Exporter Configuration").
func send(ctx context.Context, client traces.TraceServiceClient, name string, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var all []*spans.Span
	for i := range count {
		now := uint64(time.Now().UnixNano())
		all = append(all, &spans.Span{
			TraceId: fmt.Appendf(nil, "%016d", i), SpanId: fmt.Appendf(nil, "%08d", i), Name: name, StartTimeUnixNano: now, EndTimeUnixNano: now + 1,
		})
	}
	_, err := client.Export(ctx, &traces.ExportTraceServiceRequest{ResourceSpans: []*spans.ResourceSpans{{ScopeSpans: []*spans.ScopeSpans{{Spans: all}}}}})
	return err
}

// series are what Managed Prometheus got: what a person or a rule reads, by task,
// environment, region and version; of the rest of the application nothing; and what the
// receiver adds of itself, which no rule of Prometheus's drops.
func (w task) series(t *testing.T, sinks *aws) {
	t.Helper()
	_, series := sinks.kept()
	names := map[string]bool{}
	for _, labels := range series {
		names[labels["__name__"]] = true
		assert.Equal(t, taskID, labels["instance"], labels["__name__"])
		assert.Equal(t, "wallet-service", labels["job"], labels["__name__"])
		if labels["__name__"] == "target_info" {
			continue // the resource's attributes
		}
		assert.Equal(t, w.stack.Region, labels["region"], labels["__name__"])
		assert.True(t, strings.HasPrefix(w.stack.Name, "wallet-"+labels["environment"]+"-"), "%s of %s says that it is of %q", labels["__name__"], w.stack.Name, labels["environment"])
		assert.NotEmpty(t, labels["version"], labels["__name__"])
	}
	application := []string{
		"wallet_operations_deposits_total", "wallet_money_deposited_total", "wallet_outbox_events_published_total",
		"http_server_requests_seconds_count", "http_server_requests_seconds_sum", "jvm_memory_used_bytes", "process_cpu_usage",
	}
	receiver := []string{
		"up", "target_info", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added",
	}
	assert.ElementsMatch(t, append(application, receiver...), slices.Collect(maps.Keys(names)))
}
