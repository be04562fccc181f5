package service

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// otlpPort is where OpenTelemetry's gRPC protocol is spoken, inside the task.
const otlpPort = 4317

// collectorUser is the user that the collector's image makes for itself (aoc).
const collectorUser = "4317"

// addCollector puts the OpenTelemetry collector beside the application. It reads the
// application's metrics and takes its traces: Route 53 answers
// whoever looks for tasks with eight of them at most, so each has a collector of its
// own. Losing the collector costs telemetry, never the wallet: it is not essential, and ECS
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
		Environment:            &map[string]*string{"AOT_CONFIG_CONTENT": new(encode(collectorFor(props)))},
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
	// What AWS documents for the OTLP endpoint and for remote write.
	task.AddToTaskRolePolicy(policy.Allow("SendTraces", []string{"*"}, "xray:PutTraceSegments", "xray:PutSpans").CDK())
	task.AddToTaskRolePolicy(policy.Allow("SendMetrics", []string{props.Metrics.ARN}, "aps:RemoteWrite").CDK())
}
