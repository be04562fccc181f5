package service

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/value"
)

// scratchPath is the only place where the application may write: the JVM, Vert.x
// and Netty unpack files there.
const scratchPath = "/tmp"

// openFiles is the limit of files and sockets of the application, which Fargate
// allows at most. Every customer's connection is one.
const openFiles = 65535

// logBufferMiB holds the lines that CloudWatch Logs has not taken yet. When it
// is full, lines are lost and the wallet goes on: the other choice is a wallet
// that stops when its logs do.
const logBufferMiB = 25

// newTask makes the task: the application, the preparation of its scratch
// volume, and the collector.
func newTask(scope constructs.Construct, props Props) (awsecs.FargateTaskDefinition, awsecs.ContainerDefinition) {
	own := constructs.NewConstruct(scope, new("Task"))
	task := awsecs.NewFargateTaskDefinition(own, new("Definition"), &awsecs.FargateTaskDefinitionProps{
		Cpu:             jsii.Number(props.Service.CPU),
		MemoryLimitMiB:  jsii.Number(props.Service.MemoryMiB),
		RuntimePlatform: RuntimePlatform(props.Service),
	})
	app := task.AddContainer(new("App"), &awsecs.ContainerDefinitionOptions{
		ContainerName:          new(props.Names.ServiceName()),
		Image:                  awsecs.ContainerImage_FromEcrRepository(props.Repository, new(props.ImageTag)),
		Cpu:                    jsii.Number(props.Service.AppCPU()),
		MemoryLimitMiB:         jsii.Number(props.Service.AppMemoryMiB()),
		User:                   new(strconv.Itoa(config.AppUser)),
		ReadonlyRootFilesystem: new(true),
		LinuxParameters:        unprivileged(own, "AppLimits"),
		Ulimits: &[]*awsecs.Ulimit{{
			Name:      awsecs.UlimitName_NOFILE,
			SoftLimit: jsii.Number(openFiles),
			HardLimit: jsii.Number(openFiles),
		}},
		PortMappings: &[]*awsecs.PortMapping{{ContainerPort: jsii.Number(config.AppPort), Name: new("http")}},
		Environment:  environment(props),
		StopTimeout:  value.Duration(props.Service.StopTimeout),
		Logging:      logTo(own, "AppLogs", "app", props),
		// No health check in the container: the load balancer asks for readiness,
		// ECS replaces what it finds unhealthy, and a second opinion from inside
		// would need a client that the image does not promise to have.
	})
	addSecrets(own, task, app, props)
	prepare(own, task, app, props)
	mountSessionVolumes(task, app, props.Service.Exec)
	addCollector(own, task, props)
	// deferred() needs Fn::Sub for a text without variables of CloudFormation's.
	task.Node().DefaultChild().(awscdk.CfnResource).AddMetadata(new("cfn-lint"), map[string]any{"config": map[string]any{"ignore_checks": []string{"W1020"}}})
	acknowledge.Finding(task, "AwsSolutions-ECS2",
		"The plain variables are endpoints, sizes and switches; everything secret is read from Secrets Manager by key, which a test holds")
	return task, app
}

// RuntimePlatform is what every task of the service's images runs on.
func RuntimePlatform(service config.Service) *awsecs.RuntimePlatform {
	return &awsecs.RuntimePlatform{
		CpuArchitecture: value.Once("cpu "+service.Architecture, func() awsecs.CpuArchitecture {
			return awsecs.CpuArchitecture_Of(new(service.Architecture))
		}),
		OperatingSystemFamily: value.Once("linux", awsecs.OperatingSystemFamily_LINUX),
	}
}

// prepare makes the scratch volume writable before the application starts. An
// empty volume belongs to root on Fargate, the image declares none that would
// change that, and the application is not root. So the same image, which brings
// a shell and is pulled anyway, runs once as root, opens the volume and leaves
// the database's root certificates there.
func prepare(scope constructs.Construct, task awsecs.FargateTaskDefinition, app awsecs.ContainerDefinition, props Props) {
	const script = `chmod 1777 ` + scratchPath + ` && printf '%s' "$DATABASE_AUTHORITIES" > ` + caBundlePath
	preparation := task.AddContainer(new("Prepare"), &awsecs.ContainerDefinitionOptions{
		ContainerName:          new("prepare"),
		Image:                  awsecs.ContainerImage_FromEcrRepository(props.Repository, new(props.ImageTag)),
		Essential:              new(false), // it ends, and the task must not end with it
		User:                   new("0"),
		ReadonlyRootFilesystem: new(true),
		LinuxParameters:        unprivileged(scope, "PrepareLimits"),
		EntryPoint:             jsii.Strings("sh", "-c"),
		Command:                jsii.Strings(script),
		Environment:            &map[string]*string{"DATABASE_AUTHORITIES": new(props.Region.DatabaseCABundle())},
		Logging:                logTo(scope, "PrepareLogs", "prepare", props),
	})
	app.AddContainerDependencies(&awsecs.ContainerDependency{
		Container: preparation,
		Condition: awsecs.ContainerDependencyCondition_SUCCESS,
	})
	const volume = "scratch"
	task.AddVolume(&awsecs.Volume{Name: new(volume)})
	for _, container := range []awsecs.ContainerDefinition{app, preparation} {
		mount(container, volume, scratchPath)
	}
}

// mountSessionVolumes gives the agent of `aws ecs execute-command` the two places
// that it writes to, where the environment allows sessions: with a read-only
// root file system it could not start otherwise
// (github.com/aws/containers-roadmap/issues/1359). The agent is root, so the
// volumes need no preparation.
func mountSessionVolumes(task awsecs.FargateTaskDefinition, app awsecs.ContainerDefinition, allowed bool) {
	if !allowed {
		return
	}
	for _, directory := range []struct{ volume, path string }{
		{"session-state", "/var/lib/amazon"},
		{"session-logs", "/var/log/amazon"},
	} {
		task.AddVolume(&awsecs.Volume{Name: new(directory.volume)})
		mount(app, directory.volume, directory.path)
	}
}

// mount makes a volume writable in a container.
func mount(container awsecs.ContainerDefinition, volume, path string) {
	container.AddMountPoints(&awsecs.MountPoint{
		SourceVolume:  new(volume),
		ContainerPath: new(path),
		ReadOnly:      new(false),
	})
}

// unprivileged takes every capability from a container and gives it an init
// process, which reaps what the container leaves behind and passes on SIGTERM.
func unprivileged(scope constructs.Construct, id string) awsecs.LinuxParameters {
	parameters := awsecs.NewLinuxParameters(scope, new(id), &awsecs.LinuxParametersProps{InitProcessEnabled: new(true)})
	parameters.DropCapabilities(awsecs.Capability_ALL)
	return parameters
}

// logTo makes a log group for one container.
func logTo(scope constructs.Construct, id, prefix string, props Props) awsecs.LogDriver {
	return awsecs.LogDrivers_AwsLogs(&awsecs.AwsLogDriverProps{
		LogGroup: logging.NewGroup(scope, id, logging.Props{
			RetentionDays: props.Service.LogRetentionDays,
			Key:           props.LogKey,
		}),
		StreamPrefix:  new(prefix),
		Mode:          awsecs.AwsLogDriverMode_NON_BLOCKING,
		MaxBufferSize: value.Once("log buffer", func() awscdk.Size { return awscdk.Size_Mebibytes(jsii.Number(logBufferMiB)) }),
	})
}
