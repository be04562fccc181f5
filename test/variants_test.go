package test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/stacks"
)

// The altered environments are few, and each serves several tests: one costs as much
// as the platform itself.

// another is the environment with another release, other sizes, another strategy of
// deployment without hooks, a patch of the database, and a plan of recovery in which no
// two numbers are alike: exchanged ones must not pass.
func another(env config.Environment) config.Environment {
	next := env
	next.Site.ImageTag = "2.7.1"
	next.Service.CPU, next.Service.MemoryMiB = 1024, 3072
	next.Service.MinTasks, next.Service.MaxTasks = env.Service.MinTasks+1, env.Service.MaxTasks-1
	next.Service.RequestsPerTaskPerMinute /= 2
	next.Service.StartupGrace += time.Minute
	next.Edge.DeregistrationDelay, next.Edge.SlowStart = 30*time.Second, 0
	next.Edge.Health.Healthy, next.Edge.Firewall.SessionRequests = 5, 5000
	next.Observability.LatencyTarget, next.Database.MaxConnections = 50*time.Millisecond, env.Database.MaxConnections+100
	next.Delivery.Strategy, next.Delivery.StepPercent, next.Delivery.StepBake = config.Linear, 12.5, 5*time.Minute
	next.Delivery.Bake += time.Minute
	next.Delivery.HooksOff = !env.Delivery.HooksOff
	next.Database.EngineVersion = patched
	if env.DR.Mode == config.DRStandby {
		recovery := &next.DR.Recovery
		recovery.Approval, recovery.Database, recovery.Scaling, recovery.Traffic = 3*time.Minute, 4*time.Minute, 6*time.Minute, 2*time.Minute
		recovery.Probe = config.Probe{Interval: 10 * time.Second, Failures: 4, Minutes: 3}
		recovery.TimeObjective = 29 * time.Minute
	}
	return next
}

// patched is another patch of Aurora's line than the committed one.
const patched = "3.10.3"

// replicating is production in the last phase of the replicator's rollout, with
// names as AWS would have given them.
func replicating() config.Environment {
	env := config.Production()
	env.Messaging.Replication = config.ReplicationRunning
	env.Site.KafkaSource = config.KafkaSource{
		ARN:     "arn:aws:kafka:sa-east-1:" + config.Production().Site.Account + ":cluster/wallet-production/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f-7",
		Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"},
	}
	return env
}

// prepared is production in the phase before, with the standby's second cluster.
func prepared() config.Environment {
	env := replicating()
	env.Messaging.Replication = config.ReplicationPrepared
	env.DR.ClusterSuffix = "-b"
	return env
}

// servingFromVirginia is production after a failover.
func servingFromVirginia() config.Environment {
	env := config.Production()
	env.DR.ActiveRegion = env.Secondary.Name
	return env
}

// withoutStandby is production before the standby is turned on.
func withoutStandby() config.Environment {
	env := config.Production()
	env.DR.Mode = config.DRBackup
	return env
}

// withoutCopies is production as it would be if nothing may leave Brazil.
func withoutCopies() config.Environment {
	env := config.Production()
	env.DR = config.DR{Mode: config.DRNone}
	return env
}

// alterations are the altered environments, that of which others wait first.
func alterations() []config.Environment {
	return []config.Environment{
		replicating(), another(config.Production()), another(config.Staging()), servingFromVirginia(), withoutStandby(), prepared(), withoutCopies(),
	}
}

// variants are the altered environments that were asked for, so that the next test gets
// the same templates.
var variants keyed[environment]

// altered synthesizes one environment that differs from the committed ones, as a
// deployment would, strict validation included. The functions are not copied into
// the assembly: their names in the templates are the hashes of their sources.
func altered(t *testing.T, env config.Environment) environment {
	t.Helper()
	built, err := alter(env)
	require.NoError(t, err)
	return built
}

func alter(env config.Environment) (environment, error) {
	return variants.get(fmt.Sprintf("%#v", env), func() (environment, error) {
		if err := env.Validate(); err != nil {
			return environment{}, err
		}
		context, err := config.ReadContext("../cdk.json", nil)
		if err != nil {
			return environment{}, err
		}
		context["aws:cdk:bundling-stacks"] = []string{}
		dir, err := os.MkdirTemp(alteredRoot, "")
		if err != nil {
			return environment{}, err
		}
		if err := refusal(func() { stacks.NewApp(context, dir, []config.Environment{env}).Synth(nil) }); err != nil {
			return environment{}, err
		}
		return load(dir, env)
	})
}

// keyed makes each value once, by its key, however many tests ask at the same time.
type keyed[T any] struct {
	mutex sync.Mutex
	made  map[string]func() (T, error)
}

func (k *keyed[T]) get(key string, build func() (T, error)) (T, error) {
	k.mutex.Lock()
	if k.made == nil {
		k.made = map[string]func() (T, error){}
	}
	if k.made[key] == nil {
		k.made[key] = sync.OnceValues(build)
	}
	made := k.made[key]
	k.mutex.Unlock()
	return made()
}
