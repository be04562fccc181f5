package service

import (
	"encoding/json"
	"fmt"
	"time"

	"wallet-infra/config"
	"wallet-infra/constructs/prometheus"
)

// collector is the configuration of the OpenTelemetry collector, in the names of its
// version 0.156, on which AWS's distribution 0.49 is built.
type collector struct {
	Extensions collectorExtensions `json:"extensions"`
	Receivers  collectorReceivers  `json:"receivers"`
	Processors collectorProcessors `json:"processors"`
	Exporters  collectorExporters  `json:"exporters"`
	Service    collectorService    `json:"service"`
}

type collectorExtensions struct {
	Health  struct{} `json:"health_check"`
	Metrics signer   `json:"sigv4auth/metrics"`
	Traces  signer   `json:"sigv4auth/traces"`
}

// signer signs requests to an AWS service with the task's role.
type signer struct {
	Region  string `json:"region"`
	Service string `json:"service"`
}

type collectorReceivers struct {
	OTLP       otlpReceiver       `json:"otlp"`
	Prometheus prometheusReceiver `json:"prometheus"`
}

type otlpReceiver struct {
	Protocols struct {
		GRPC struct {
			Endpoint string `json:"endpoint"`
		} `json:"grpc"`
	} `json:"protocols"`
}

type prometheusReceiver struct {
	Config struct {
		ScrapeConfigs []scrape `json:"scrape_configs"`
	} `json:"config"`
}

// scrape is a job in Prometheus's own words.
type scrape struct {
	Job      string         `json:"job_name"`
	Interval string         `json:"scrape_interval"`
	Timeout  string         `json:"scrape_timeout"`
	Targets  []staticTarget `json:"static_configs"`
	Relabel  []relabel      `json:"metric_relabel_configs"`
}

type staticTarget struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

type relabel struct {
	SourceLabels []string `json:"source_labels"`
	Regex        string   `json:"regex"`
	Action       string   `json:"action"`
}

type collectorProcessors struct {
	MemoryLimiter memoryLimiter     `json:"memory_limiter"`
	Detection     resourceDetection `json:"resource_detection"`
	Instance      resourceProcessor `json:"resource/instance"`
	Batch         batch             `json:"batch"`
}

type memoryLimiter struct {
	CheckInterval   string `json:"check_interval"`
	LimitPercentage int    `json:"limit_percentage"`
	SpikePercentage int    `json:"spike_limit_percentage"`
}

type resourceDetection struct {
	Detectors []string `json:"detectors"`
	Timeout   string   `json:"timeout"`
}

type resourceProcessor struct {
	Attributes []resourceAction `json:"attributes"`
}

type resourceAction struct {
	Key    string `json:"key"`
	From   string `json:"from_attribute"`
	Action string `json:"action"`
}

type batch struct {
	Timeout string `json:"timeout"`
	Size    int    `json:"send_batch_size"`
	Maximum int    `json:"send_batch_max_size"`
}

type collectorExporters struct {
	Metrics remoteWrite  `json:"prometheus_remote_write"`
	Traces  otlpExporter `json:"otlp_http"`
}

type authentication struct {
	Authenticator string `json:"authenticator"`
}

type remoteWrite struct {
	Endpoint string         `json:"endpoint"`
	Auth     authentication `json:"auth"`
}

type otlpExporter struct {
	TracesEndpoint string         `json:"traces_endpoint"`
	Auth           authentication `json:"auth"`
}

type collectorService struct {
	Extensions []string `json:"extensions"`
	Pipelines  struct {
		Metrics pipeline `json:"metrics"`
		Traces  pipeline `json:"traces"`
	} `json:"pipelines"`
}

type pipeline struct {
	Receivers  []string `json:"receivers"`
	Processors []string `json:"processors"`
	Exporters  []string `json:"exporters"`
}

// keptSeries are what the application exports and a rule, a dashboard or a person in an
// incident reads: every sample is paid for, and a new label of the application must not
// multiply them unseen. What the receiver and the exporter make themselves passes beside
// them: up, four series scrape_*, and target_info.
const keptSeries = "(wallet_(operations|money|outbox|cqrs)_.*" +
	"|http_server_requests_seconds_(count|sum|max|bucket)" +
	"|jvm_(memory_used_bytes|memory_max_bytes|gc_pause_seconds_(count|sum|max)|threads_live_threads)" +
	"|process_cpu_usage)"

// collectorFor reads the application's metrics every interval and hands them and its
// traces to AWS.
func collectorFor(props Props) collector {
	const metrics, traces = "sigv4auth/metrics", "sigv4auth/traces"
	var all collector
	all.Extensions.Metrics = signer{Region: props.Region.Name, Service: "aps"}
	all.Extensions.Traces = signer{Region: props.Region.Name, Service: "xray"}
	// The containers of a task share one network: nobody else can reach this.
	all.Receivers.OTLP.Protocols.GRPC.Endpoint = fmt.Sprintf("127.0.0.1:%d", otlpPort)
	all.Receivers.Prometheus.Config.ScrapeConfigs = []scrape{{
		Job: prometheus.Job, Interval: goSeconds(props.ScrapeInterval), Timeout: goSeconds(props.ScrapeInterval / 3),
		Targets: []staticTarget{{
			Targets: []string{fmt.Sprintf("127.0.0.1:%d", config.AppPort)},
			Labels:  map[string]string{"environment": props.Names.Environment(), "region": props.Region.Name, "version": props.ImageTag},
		}},
		Relabel: []relabel{{SourceLabels: []string{"__name__"}, Regex: keptSeries, Action: "keep"}},
	}}
	all.Processors = collectorProcessors{
		// Refuse what comes before the container is out of memory and is killed.
		MemoryLimiter: memoryLimiter{CheckInterval: "1s", LimitPercentage: 80, SpikePercentage: 25},
		Detection:     resourceDetection{Detectors: []string{"ecs"}, Timeout: "5s"},
		// Each task calls its application 127.0.0.1: without this, the label "instance"
		// is the same for all of them, and Prometheus takes one and refuses the others.
		Instance: resourceProcessor{Attributes: []resourceAction{{Key: "service.instance.id", From: "aws.ecs.task.id", Action: "upsert"}}},
		// X-Ray takes 10,000 spans and 5 MB in one request.
		Batch: batch{Timeout: "1s", Size: 500, Maximum: 1000},
	}
	all.Exporters.Metrics = remoteWrite{Endpoint: props.Metrics.RemoteWrite, Auth: authentication{metrics}}
	all.Exporters.Traces = otlpExporter{
		TracesEndpoint: "https://xray." + props.Region.Name + ".amazonaws.com/v1/traces", Auth: authentication{traces},
	}
	processors := []string{"memory_limiter", "resource_detection", "resource/instance", "batch"}
	all.Service.Extensions = []string{"health_check", metrics, traces}
	all.Service.Pipelines.Metrics = pipeline{Receivers: []string{"prometheus"}, Processors: processors, Exporters: []string{"prometheus_remote_write"}}
	all.Service.Pipelines.Traces = pipeline{Receivers: []string{"otlp"}, Processors: processors, Exporters: []string{"otlp_http"}}
	return all
}

// encode writes the configuration as JSON, which is YAML too.
func encode(configuration collector) string {
	content, err := json.Marshal(configuration)
	if err != nil {
		panic(err) // structs of texts and numbers always encode
	}
	return string(content)
}

// goSeconds writes whole seconds as Prometheus and the collector read them.
func goSeconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }
