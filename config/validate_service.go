package config

import (
	"fmt"
	"regexp"
	"time"
)

// An image with its registry and its digest, so that a task started tomorrow runs what
// was tested today, wherever it is pulled from. The tag before it is for people.
var imagePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@sha256:[0-9a-f]{64}$`)

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
	between(p, "Service.CPUTargetPercent", s.CPUTargetPercent, 1, 100)
	between(p, "Service.MemoryTargetPercent", s.MemoryTargetPercent, 1, 100)
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

// fargateSizes says what memory a CPU size may have, or which sizes there are.
func fargateSizes(cpu int) string {
	if cpu == smallestTask.cpu {
		return fmt.Sprintf("one of %v MiB for CPU %d", smallestTask.memoryMiB, cpu)
	}
	if memory, known := fargateMemory[cpu]; known {
		return fmt.Sprintf("%d to %d MiB in steps of %d for CPU %d", memory.least, memory.most, memory.step, cpu)
	}
	return fmt.Sprintf("CPU 256, 512, 1024, 2048, 4096, 8192 or 16384, not %d", cpu)
}

func validateCollector(p *problems, s Service) {
	p.check(imagePattern.MatchString(s.CollectorImage), "Service.CollectorImage", s.CollectorImage,
		"an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out)")
	p.check(0 < s.CollectorCPU && s.CollectorCPU < s.CPU, "Service.CollectorCPU", s.CollectorCPU, "more than 0 and less than Service.CPU, %d", s.CPU)
	p.check(minContainerMiB <= s.CollectorMemoryMiB && s.CollectorMemoryMiB <= s.MemoryMiB-minContainerMiB, "Service.CollectorMemoryMiB", s.CollectorMemoryMiB,
		"at least %d, and as much less than Service.MemoryMiB, %d", minContainerMiB, s.MemoryMiB)
}

func validateRegistry(p *problems, r Registry) {
	between(p, "Registry.UntaggedDays", r.UntaggedDays, 1, maxDays)
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
