package config

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Service is the wallet service on Fargate.
type Service struct {
	CPU          int    // units of 1/1024 vCPU for the whole task
	MemoryMiB    int    // of the whole task
	Architecture string // "X86_64" or "ARM64", which the image must be built for
	MinTasks     int
	MaxTasks     int
	// CPUTargetPercent, MemoryTargetPercent and RequestsPerTaskPerMinute are what
	// autoscaling holds; whichever asks for more tasks wins.
	CPUTargetPercent, MemoryTargetPercent, RequestsPerTaskPerMinute int
	// ScaleOutCooldown and ScaleInCooldown are how long autoscaling waits after it
	// added or removed tasks before it does so again: out at once, a minute being a JVM's
	// start; in only when the peak is over.
	ScaleOutCooldown, ScaleInCooldown time.Duration
	// DatabasePoolSize is the number of connections in a task's default pool, which
	// does all the work; the others have [NamedPoolSize].
	DatabasePoolSize int
	// HeapPercent is the share of the application's memory that the JVM may use as
	// heap; the rest is for class data, thread stacks and network buffers.
	HeapPercent int
	// StartupGrace is how long a new task may fail health checks while its JVM
	// starts.
	StartupGrace time.Duration
	// StopTimeout is how long a task may drain after SIGTERM before it is killed:
	// at most 120 s on Fargate.
	StopTimeout time.Duration
	// Exec allows `aws ecs execute-command` into a running task.
	Exec bool
	// TraceSampleRatio is the share of requests that are traced, 0 to 1.
	TraceSampleRatio float64
	// CollectorImage is where the OpenTelemetry collector is copied from, by its digest.
	// Tasks pull the copy: see [Environment.CollectorRepository].
	CollectorImage string
	// CollectorCPU and CollectorMemoryMiB are taken from the task for the collector.
	CollectorCPU, CollectorMemoryMiB int
	LogRetentionDays                 int
}

// CollectorDigest is the digest by which tasks pull the collector, as in "sha256:…".
func (s Service) CollectorDigest() string {
	_, digest, _ := strings.Cut(s.CollectorImage, "@")
	return digest
}

// AppMemoryMiB is what the collector leaves to the application.
func (s Service) AppMemoryMiB() int { return s.MemoryMiB - s.CollectorMemoryMiB }

// AppCPU is what the collector leaves to the application, in units of 1/1024 vCPU.
func (s Service) AppCPU() int { return s.CPU - s.CollectorCPU }

// NamedPools are the pools of database connections that a task declares beside the
// default one, which does all the work: Hibernate Reactive in Quarkus 3.8 knows no
// other (quarkusio/quarkus, pull request 35493 and issue 39049). They are "write" and
// "read", and answer health checks, for which [NamedPoolSize] is plenty.
const NamedPools = 2

// NamedPoolSize is the connections of each of them.
const NamedPoolSize = 2

// DatabaseConnections is the most that the service can open at once: every pool
// of every task full, and twice the tasks while a deployment replaces them. The
// migration has ended before the second half starts, but a deployment that is
// repeated can meet it.
func (s Service) DatabaseConnections() int {
	return 2*s.MaxTasks*(s.DatabasePoolSize+NamedPools*NamedPoolSize) + MigrationConnections
}

// KeepsService are the conditions under which a service's deployment or size may be
// changed and its way to the internet and people's way in may not. A request need
// not say what it leaves as it is (the condition keys of ecs:UpdateService).
func (s Service) KeepsService() map[string]any {
	return map[string]any{
		"BoolIfExists":         map[string]any{"ecs:auto-assign-public-ip": "false"},
		"StringEqualsIfExists": map[string]any{"ecs:enable-execute-command": strconv.FormatBool(s.Exec)},
	}
}

// AppUser is the user that the service's image runs as.
const AppUser = 185

// The listening ports of the platform. They are the services' own defaults,
// which the application's configuration expects.
const (
	AppPort        = 8080 // the service's HTTP
	MySQLPort      = 3306 // Aurora
	CachePort      = 6379 // ElastiCache, TLS
	KafkaSCRAMPort = 9096 // MSK, SASL/SCRAM over TLS, inside the VPC
	KafkaIAMPort   = 9098 // MSK, IAM over TLS, inside the VPC
	TestPort       = 8443 // the load balancer's listener for a release that is tested
	HTTPSPort      = 443
	HTTPPort       = 80
)

// collectorImage is AWS's distribution of the OpenTelemetry collector, by the digest
// of its index of both architectures. It is where the image is copied from
// (scripts/collector.sh); no task pulls it from there.
const collectorImage = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0@sha256:d2bdfff2c377c3d71d78bd5d9ce9862fd535b12134a5739d87a07801297cf9fd"

// An image with its registry, whose name has a dot, and its digest, so that a task started tomorrow runs what
// was tested today, wherever it is pulled from. The tag before it is for people.
var imagePattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@sha256:[0-9a-f]{64}$`)

// minContainerMiB is the least memory of a container, in MiB (ContainerDefinition,
// memory, in the API of ECS).
const minContainerMiB = 6

// maxTasks is how many tasks a service may have ("Amazon ECS endpoints and quotas").
const maxTasks = 5000

func validateService(p *problems, s Service) {
	p.check(fargateOffers(s.CPU, s.MemoryMiB), "Service.MemoryMiB", s.MemoryMiB, "a Fargate size: %s", fargateSizes(s.CPU))
	oneOf(p, "Service.Architecture", s.Architecture, "X86_64", "ARM64")
	p.positive("Service.MinTasks", s.MinTasks)
	between(p, "Service.MaxTasks", s.MaxTasks, 1, maxTasks)
	p.check(s.MinTasks <= s.MaxTasks, "Service.MinTasks", s.MinTasks, "at most Service.MaxTasks, %d", s.MaxTasks)
	between(p, "Service.CPUTargetPercent", s.CPUTargetPercent, 1, 99) // nothing is above 100
	between(p, "Service.MemoryTargetPercent", s.MemoryTargetPercent, 1, 99)
	p.positive("Service.RequestsPerTaskPerMinute", s.RequestsPerTaskPerMinute)
	p.seconds("Service.ScaleOutCooldown", s.ScaleOutCooldown, 0, time.Hour)
	p.seconds("Service.ScaleInCooldown", s.ScaleInCooldown, 0, time.Hour)
	between(p, "Service.DatabasePoolSize", s.DatabasePoolSize, 1, maxConnections)
	between(p, "Service.HeapPercent", s.HeapPercent, 1, 90)
	p.seconds("Service.StartupGrace", s.StartupGrace, time.Second, time.Hour)
	p.seconds("Service.StopTimeout", s.StopTimeout, time.Second, 120*time.Second)
	between(p, "Service.TraceSampleRatio", s.TraceSampleRatio, 0, 1)
	validateCollector(p, s)
	p.logRetention("Service.LogRetentionDays", s.LogRetentionDays)
}

func validateCollector(p *problems, s Service) {
	p.check(imagePattern.MatchString(s.CollectorImage), "Service.CollectorImage", s.CollectorImage,
		"an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out)")
	p.check(0 < s.CollectorCPU && s.CollectorCPU < s.CPU, "Service.CollectorCPU", s.CollectorCPU, "more than 0 and less than Service.CPU, %d", s.CPU)
	p.check(minContainerMiB <= s.CollectorMemoryMiB && s.CollectorMemoryMiB <= s.MemoryMiB-minContainerMiB, "Service.CollectorMemoryMiB", s.CollectorMemoryMiB,
		"at least %d, and as much less than Service.MemoryMiB, %d", minContainerMiB, s.MemoryMiB)
}

// validateServiceData reports what the service asks of the database and does not
// get.
func validateServiceData(p *problems, e Environment) {
	p.check(e.Service.DatabaseConnections()+ReservedConnections <= e.Database.MaxConnections, "Service.DatabasePoolSize", e.Service.DatabasePoolSize,
		"small enough that twice Service.MaxTasks with it and %d more each, a migration and %d in reserve, fit into Database.MaxConnections, %d",
		NamedPools*NamedPoolSize, ReservedConnections, e.Database.MaxConnections)
	p.check(e.Primary.DatabaseCABundle() != "", "Primary.Name", e.Primary.Name, "a region whose RDS certificates are in config/cabundle")
	// A task that is killed before the load balancer lets go of it cuts requests.
	p.check(e.Edge.DeregistrationDelay < e.Service.StopTimeout, "Edge.DeregistrationDelay", e.Edge.DeregistrationDelay,
		"less than Service.StopTimeout, %s", e.Service.StopTimeout)
}
