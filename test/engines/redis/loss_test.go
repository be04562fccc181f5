package redis

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/redis/server"
)

// What an acknowledged write is worth: replication is asynchronous (Redis, "Redis
// replication"), so the loss of the primary loses what no replica had yet. The alarm
// "Cache replication lag" rings when that may be more than the limit.
func TestTheLossOfThePrimaryLosesNoMoreThanItsReplicasWereBehind(t *testing.T) {
	engines.Want(t, "redis-server")
	limit := config.Production().Observability.Limits.ReplicaLag
	for name, behind := range map[string]bool{"replicas that keep up": false, "replicas that hear nothing for a moment": true} {
		t.Run(name, func(t *testing.T) {
			wallet := read(t, "production")
			cluster := wallet.start(t)
			client := wallet.client(t, cluster)
			require.NoError(t, client.Set(t.Context(), "confirmed", "by both", entry).Err())
			confirmed, err := cluster.Connect(t, cluster.Nodes[0], server.Administrator).Wait(t.Context(), wallet.nodes-1, time.Second).Result()
			require.NoError(t, err)
			require.EqualValues(t, wallet.nodes-1, confirmed, "replicas that have the first write")

			times, killed := writeUntilLoss(t, wallet, cluster, behind)
			promote(t, cluster)
			serves(t, client)
			var lost []time.Duration // before the loss
			for i, at := range times {
				value, err := client.Get(t.Context(), key(i)).Result()
				if errors.Is(err, redis.Nil) {
					lost = append(lost, killed.Sub(at))
					continue
				}
				require.NoError(t, err)
				require.Equal(t, strconv.Itoa(i), value)
				require.Empty(t, lost, "write %d is there and one before it is not", i)
			}
			t.Logf("of %d acknowledged writes %d were lost", len(times), len(lost))
			if behind {
				require.NotEmpty(t, lost, "the replicas were not behind")
			}
			for _, age := range lost {
				require.Less(t, age, limit, "a write was lost that was older than the limit of the alarm")
			}
			value, err := client.Get(t.Context(), "confirmed").Result()
			require.NoError(t, err)
			assert.Equal(t, "by both", value)
		})
	}
}

func key(i int) string { return "wallet:" + strconv.Itoa(i) }

// heavy is what goes beside each write to replicas that do not listen: after some, the
// sockets between hold no more (32 MiB, where Linux keeps 10 at most by itself).
const (
	heavy  = 64 << 10
	enough = 512
)

// writeUntilLoss writes for half a second, or some more to replicas that hear nothing of
// it, and takes the primary away. It returns when each write was acknowledged.
func writeUntilLoss(t *testing.T, wallet cache, cluster *server.Cluster, behind bool) (times []time.Time, killed time.Time) {
	t.Helper()
	writer := cluster.Connect(t, cluster.Nodes[0], wallet.app)
	replicas := signals(t, cluster.Nodes[1:], cluster)
	ended := make(chan []time.Time)
	var beside atomic.Int64
	beside.Store(-1)
	go func() { ended <- write(context.WithoutCancel(t.Context()), writer, &beside) }()
	time.Sleep(500 * time.Millisecond)
	if behind {
		replicas(syscall.SIGSTOP)
		beside.Store(0)
		require.Eventually(t, func() bool { return beside.Load() >= enough }, 30*time.Second, time.Millisecond)
	}
	killed = time.Now()
	cluster.Nodes[0].Kill()
	times = <-ended
	if behind {
		replicas(syscall.SIGCONT)
	}
	require.Greater(t, len(times), 100, "acknowledged writes")
	return times, killed
}

// write writes numbered entries until nobody answers, with something heavy before each
// once beside counts.
func write(ctx context.Context, writer *redis.Client, beside *atomic.Int64) (times []time.Time) {
	load := strings.Repeat("x", heavy)
	for {
		if beside.Load() >= 0 {
			if writer.Set(ctx, "beside", load, entry).Err() != nil {
				return times
			}
			beside.Add(1)
		}
		if writer.Set(ctx, key(len(times)), len(times), entry).Err() != nil {
			return times
		}
		times = append(times, time.Now())
	}
}

// signals sends signals to nodes.
func signals(t *testing.T, nodes []*server.Node, cluster *server.Cluster) func(syscall.Signal) {
	t.Helper()
	var processes []int
	for _, node := range nodes {
		process, err := strconv.Atoi(field(t, cluster, node, "server", "process_id"))
		require.NoError(t, err)
		processes = append(processes, process)
	}
	return func(signal syscall.Signal) {
		for _, process := range processes {
			assert.NoError(t, syscall.Kill(process, signal))
		}
	}
}

// field is one of what a node says of itself.
func field(t *testing.T, cluster *server.Cluster, node *server.Node, section, name string) string {
	t.Helper()
	said, err := cluster.Connect(t, node, server.Administrator).Info(t.Context(), section).Result()
	require.NoError(t, err)
	for line := range strings.Lines(said) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+":"); found {
			return value
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

// promote does what ElastiCache does after the loss of a primary: the replica that is
// least behind takes over ("Minimizing downtime in ElastiCache with Multi-AZ"). Without
// another shard nobody votes for it.
func promote(t *testing.T, cluster *server.Cluster) {
	t.Helper()
	var best *server.Node
	most := -1
	for _, node := range cluster.Nodes[1:] {
		offset, err := strconv.Atoi(field(t, cluster, node, "replication", "slave_repl_offset"))
		require.NoError(t, err)
		if offset > most {
			best, most = node, offset
		}
	}
	require.NoError(t, cluster.Connect(t, best, server.Administrator).Do(t.Context(), "CLUSTER", "FAILOVER", "TAKEOVER").Err())
}

// serves waits until the application's client has found the new primary by itself.
func serves(t *testing.T, client *redis.ClusterClient) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = client.Set(t.Context(), "after", "the loss", entry).Err(); err == nil {
			return
		}
	}
	require.NoError(t, err, "the application's client found no new primary")
}
