package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTasksThatFargateRefuses(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	assertRefused(t, large, map[string]refusal{
		"memory for the CPU":    {func(e *Environment) { e.Service.MemoryMiB = 4096 }, `Service.MemoryMiB: want a Fargate size: 8192 to 30720 MiB in steps of 1024 for CPU 4096, got 4096`},
		"memory off the step":   {func(e *Environment) { e.Service.MemoryMiB = 8200 }, `Service.MemoryMiB: want a Fargate size: 8192 to 30720 MiB in steps of 1024 for CPU 4096, got 8200`},
		"CPU":                   {func(e *Environment) { e.Service.CPU = 3072 }, `Service.MemoryMiB: want a Fargate size: CPU 256, 512, 1024, 2048, 4096, 8192 or 16384, not 3072, got 8192`},
		"architecture":          {func(e *Environment) { e.Service.Architecture = "amd64" }, `Service.Architecture: want one of X86_64, ARM64, got "amd64"`},
		"no task":               {func(e *Environment) { e.Service.MinTasks = 0 }, `Service.MinTasks: want at least 1, got 0`},
		"min over max":          {func(e *Environment) { e.Service.MinTasks = 21 }, `Service.MinTasks: want at most Service.MaxTasks, 20, got 21`},
		"tasks that overflow":   {func(e *Environment) { e.Service.MaxTasks = math.MaxInt }, `Service.MaxTasks: want 1 to 5000, got 9223372036854775807`},
		"CPU target":            {func(e *Environment) { e.Service.CPUTargetPercent = 0 }, `Service.CPUTargetPercent: want 1 to 99, got 0`},
		"memory target":         {func(e *Environment) { e.Service.MemoryTargetPercent = 100 }, `Service.MemoryTargetPercent: want 1 to 99, got 100`},
		"requests":              {func(e *Environment) { e.Service.RequestsPerTaskPerMinute = 0 }, `Service.RequestsPerTaskPerMinute: want at least 1, got 0`},
		"no grace":              {func(e *Environment) { e.Service.StartupGrace = 0 }, `Service.StartupGrace: want whole seconds, 1s to 1h0m0s, got 0s`},
		"stop over two minutes": {func(e *Environment) { e.Service.StopTimeout = 121 * time.Second }, `Service.StopTimeout: want whole seconds, 1s to 2m0s, got 2m1s`},
		"stop by fractions": {func(e *Environment) { e.Service.StopTimeout = 1500 * time.Millisecond }, `Service.StopTimeout: want whole seconds, 1s to 2m0s, got 1.5s
Edge.DeregistrationDelay: want less than Service.StopTimeout, 1.5s, got 1m0s`},
		"out too slowly":             {func(e *Environment) { e.Service.ScaleOutCooldown = time.Hour + time.Second }, `Service.ScaleOutCooldown: want whole seconds, 0s to 1h0m0s, got 1h0m1s`},
		"out before now":             {func(e *Environment) { e.Service.ScaleOutCooldown = -time.Second }, `Service.ScaleOutCooldown: want whole seconds, 0s to 1h0m0s, got -1s`},
		"in too slowly":              {func(e *Environment) { e.Service.ScaleInCooldown = time.Hour + time.Second }, `Service.ScaleInCooldown: want whole seconds, 0s to 1h0m0s, got 1h0m1s`},
		"in by fractions":            {func(e *Environment) { e.Service.ScaleInCooldown = 1500 * time.Millisecond }, `Service.ScaleInCooldown: want whole seconds, 0s to 1h0m0s, got 1.5s`},
		"in before now":              {func(e *Environment) { e.Service.ScaleInCooldown = -time.Second }, `Service.ScaleInCooldown: want whole seconds, 0s to 1h0m0s, got -1s`},
		"no connection":              {func(e *Environment) { e.Service.DatabasePoolSize = 0 }, `Service.DatabasePoolSize: want 1 to 16000, got 0`},
		"no heap":                    {func(e *Environment) { e.Service.HeapPercent = 0 }, `Service.HeapPercent: want 1 to 90, got 0`},
		"heap takes all":             {func(e *Environment) { e.Service.HeapPercent = 91 }, `Service.HeapPercent: want 1 to 90, got 91`},
		"sample ratio":               {func(e *Environment) { e.Service.TraceSampleRatio = 5 }, `Service.TraceSampleRatio: want 0 to 1, got 5`},
		"collector that moves":       {func(e *Environment) { e.Service.CollectorImage = "public.ecr.aws/a/b:latest" }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "public.ecr.aws/a/b:latest"`},
		"collector without registry": {func(e *Environment) { e.Service.CollectorImage = "library/otel@" + digest }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "library/otel@` + digest + `"`},
		"collector from a laptop":    {func(e *Environment) { e.Service.CollectorImage = "localhost:5000/otel@" + digest }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "localhost:5000/otel@` + digest + `"`},
		"collector from above":       {func(e *Environment) { e.Service.CollectorImage = "public.ecr.aws/../otel@" + digest }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "public.ecr.aws/../otel@` + digest + `"`},
		"collector without digest":   {func(e *Environment) { e.Service.CollectorImage = "public.ecr.aws/a/b:v1" }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "public.ecr.aws/a/b:v1"`},
		"collector takes CPU":        {func(e *Environment) { e.Service.CollectorCPU = 4096 }, `Service.CollectorCPU: want more than 0 and less than Service.CPU, 4096, got 4096`},
		"collector takes all":        {func(e *Environment) { e.Service.CollectorMemoryMiB = 8192 }, `Service.CollectorMemoryMiB: want at least 6, and as much less than Service.MemoryMiB, 8192, got 8192`},
		"collector that ECS refuses": {func(e *Environment) { e.Service.CollectorMemoryMiB = 5 }, `Service.CollectorMemoryMiB: want at least 6, and as much less than Service.MemoryMiB, 8192, got 5`},
		"service that ECS refuses":   {func(e *Environment) { e.Service.CollectorMemoryMiB = 8187 }, `Service.CollectorMemoryMiB: want at least 6, and as much less than Service.MemoryMiB, 8192, got 8187`},
		"log retention":              {func(e *Environment) { e.Service.LogRetentionDays = 4 }, `Service.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 4`},
	})
}

func TestACollectorIsNamedByItsDigestWithOrWithoutATag(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for _, image := range []string{"public.ecr.aws/a/b@" + digest, "public.ecr.aws/a/b:v1@" + digest, "registry.example.com:5000/a/b_c@" + digest} {
		env := large()
		env.Service.CollectorImage = image
		assert.NoError(t, env.Validate(), image)
		assert.Equal(t, digest, env.Service.CollectorDigest(), image)
	}
}

func TestPoolsThatTheDatabaseCannotHoldInTheMiddleOfADeployment(t *testing.T) {
	const want = `Service.DatabasePoolSize: want small enough that twice Service.MaxTasks with it and 4 more each, a migration and 200 in reserve, fit into Database.MaxConnections, `
	assertRefused(t, large, map[string]refusal{
		// 2 x 20 tasks x (41 + 2 x 2), two of a migration and 200 are 2,002.
		"pools too large":  {func(e *Environment) { e.Service.DatabasePoolSize = 41 }, want + `2000, got 41`},
		"too many tasks":   {func(e *Environment) { e.Service.MaxTasks = 21 }, want + `2000, got 40`},
		"server too small": {func(e *Environment) { e.Database.MaxConnections = 1961 }, want + `1961, got 40`},
	})
	exact := large()
	exact.Database.MaxConnections = 1962
	assert.NoError(t, exact.Validate())
}
