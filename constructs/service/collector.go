package service

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// otlpPort is where OpenTelemetry's gRPC protocol is spoken, inside the task.
const otlpPort = 4317

// collectorUser is the user that the collector's image makes for itself (aoc).
const collectorUser = "4317"

// addCollector puts the OpenTelemetry collector beside the application. It sends
// traces to X-Ray; metrics are read from the application by Prometheus. Losing
// the collector costs traces, never the wallet: it is not essential, and ECS
// starts it again. Its image is another matter: a task whose pull fails does not
// start, essential container or not, so it comes from the region's own registry and
// the deploying command looks for it there.
func addCollector(scope constructs.Construct, task awsecs.FargateTaskDefinition, props Props) {
	task.AddContainer(new("Collector"), &awsecs.ContainerDefinitionOptions{
		ContainerName:          new("collector"),
		Image:                  awsecs.ContainerImage_FromEcrRepository(props.CollectorRepository, new(props.Service.CollectorDigest())),
		Cpu:                    jsii.Number(props.Service.CollectorCPU),
		MemoryLimitMiB:         jsii.Number(props.Service.CollectorMemoryMiB),
		Essential:              new(false),
		EnableRestartPolicy:    new(true),
		RestartAttemptPeriod:   value.Duration(60 * time.Second),
		User:                   new(collectorUser),
		ReadonlyRootFilesystem: new(true),
		LinuxParameters:        unprivileged(scope, "CollectorLimits"),
		Environment:            &map[string]*string{"AOT_CONFIG_CONTENT": new(collectorConfig(props.Region))},
		HealthCheck: &awsecs.HealthCheck{
			// The image has no shell; this program comes with it for the purpose.
			Command:     jsii.Strings("CMD", "/healthcheck"),
			Interval:    value.Duration(30 * time.Second),
			Timeout:     value.Duration(5 * time.Second),
			Retries:     jsii.Number(3),
			StartPeriod: value.Duration(15 * time.Second),
		},
		Logging: logTo(scope, "CollectorLogs", "collector", props),
	})
	task.AddToTaskRolePolicy(policy.Allow("SendTraces", []string{"*"}, "xray:PutTraceSegments", "xray:PutTelemetryRecords").CDK())
}

// object is a node of the collector's configuration.
type object = map[string]any

// collectorConfig is the collector's configuration as JSON, which is YAML too.
func collectorConfig(region config.Region) string {
	content, err := json.Marshal(object{
		"extensions": object{"health_check": object{}},
		"receivers": object{"otlp": object{"protocols": object{
			// The containers of a task share one network: nobody else can reach this.
			"grpc": object{"endpoint": fmt.Sprintf("127.0.0.1:%d", otlpPort)},
		}}},
		"processors": object{
			// Refuse spans before the container is out of memory and is killed.
			"memory_limiter": object{"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 25},
			"batch":          object{"timeout": "1s", "send_batch_size": 50},
		},
		"exporters": object{"awsxray": object{"region": region.Name}},
		"service": object{
			"extensions": []string{"health_check"},
			"pipelines": object{"traces": object{
				"receivers":  []string{"otlp"},
				"processors": []string{"memory_limiter", "batch"},
				"exporters":  []string{"awsxray"},
			}},
		},
	})
	if err != nil {
		panic(err) // a literal that does not marshal is a mistake in this file
	}
	return string(content)
}
