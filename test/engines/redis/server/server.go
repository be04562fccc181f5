// Package server starts the cache that tests run on: Redis 7.0 in cluster mode with one
// shard, as ElastiCache makes it of a replication group. It does not show ElastiCache's
// own: its control plane (who promotes a replica), its logs, its snapshots and the
// commands that it takes from everybody.
package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines"
)

// User is a user of ElastiCache. Its access string has the syntax of Redis's own rules
// (ElastiCache user guide, "Role-Based Access Control (RBAC)": "Specifying permissions
// using an access string").
type User struct{ Name, Access, Password string }

// rule is the user in Redis's own form.
func (u User) rule() string {
	return fmt.Sprintf("user %s %s >%s", u.Name, u.Access, u.Password)
}

// Administrator may do everything: it stands for ElastiCache itself, which replicates
// and promotes.
var Administrator = User{Name: "elasticache", Access: "on ~* &* +@all", Password: "only-on-loopback"}

// Cluster is one shard.
type Cluster struct {
	Nodes     []*Node // the first is the primary
	Authority *engines.Authority
}

// Node is one Redis server.
type Node struct {
	*engines.Process
	Port string
	ID   string // in the cluster
}

// Start runs a shard until the test ends, with that many nodes. Their certificates are
// for loopback and the hosts; parameters are those of a parameter group.
func Start(t *testing.T, hosts []string, nodes int, users []User, parameters map[string]string) *Cluster {
	t.Helper()
	program := engines.Find(t, "redis-server", "redis-server")
	c := &Cluster{Authority: engines.NewAuthority(t)}
	certificate, key := c.Authority.Issue(t, "redis", append(hosts, "127.0.0.1")...)
	for range nodes {
		node := &Node{Port: engines.FreePort(t)}
		command := exec.Command(program, slices.Concat([]string{
			"--dir", t.TempDir(), "--bind", "127.0.0.1", "--port", "0", "--tls-port", node.Port, "--cluster-port", engines.FreePort(t),
			"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", c.Authority.File,
			"--tls-auth-clients", "no", "--tls-replication", "yes", "--tls-cluster", "yes",
			// A replica is shown to clients once it has heard something.
			"--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--save", "",
			"--masteruser", Administrator.Name, "--masterauth", Administrator.Password,
		}, options(append(users, Administrator), parameters))...)
		node.Process = engines.Run(t, command)
		c.Nodes = append(c.Nodes, node)
	}
	c.join(t)
	return c
}

// options are the server's, for users and parameters.
func options(users []User, parameters map[string]string) []string {
	var all []string
	for _, user := range users {
		words := strings.Fields(user.rule())
		all = append(all, append([]string{"--" + words[0]}, words[1:]...)...)
	}
	for name, value := range parameters {
		all = append(all, "--"+name, value)
	}
	return all
}

// join makes a shard of the nodes.
func (c *Cluster) join(t *testing.T) {
	t.Helper()
	first := c.Nodes[0]
	for i, node := range c.Nodes {
		admin := c.Connect(t, node, Administrator)
		node.Await(t, func() error { return admin.Ping(t.Context()).Err() })
		node.ID = text(t, admin, "CLUSTER", "MYID")
		if i == 0 {
			text(t, admin, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
			continue
		}
		bus := text(t, c.Connect(t, first, Administrator), "CONFIG", "GET", "cluster-port")
		text(t, admin, "CLUSTER", "MEET", "127.0.0.1", first.Port, bus)
		node.Await(t, func() error { return admin.Do(t.Context(), "CLUSTER", "REPLICATE", first.ID).Err() })
	}
	for i, node := range c.Nodes {
		admin := c.Connect(t, node, Administrator)
		node.Await(t, func() error { return complete(t.Context(), admin, i > 0, len(c.Nodes)) })
	}
}

// complete tells whether a node knows all others and follows, if it is a replica.
func complete(ctx context.Context, admin *redis.Client, replica bool, nodes int) error {
	shards, err := admin.ClusterShards(ctx).Result()
	if err != nil {
		return err
	}
	online := 0
	for _, shard := range shards {
		for _, node := range shard.Nodes {
			if node.Health == "online" {
				online++
			}
		}
	}
	if len(shards) != 1 || online != nodes {
		return fmt.Errorf("want one shard with %d nodes online, got %v", nodes, shards)
	}
	cluster, err := admin.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	replication, err := admin.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if !strings.Contains(cluster, "cluster_state:ok") || replica && !strings.Contains(replication, "master_link_status:up") {
		return fmt.Errorf("the cluster is not ready: %s %s", cluster, replication)
	}
	return nil
}

// text is the answer to a command, or the last part of it.
func text(t *testing.T, client *redis.Client, command ...any) string {
	t.Helper()
	answer, err := client.Do(t.Context(), command...).Result()
	require.NoError(t, err, "%v", command)
	if pairs, ok := answer.(map[any]any); ok {
		for _, value := range pairs {
			answer = value
		}
	}
	return fmt.Sprint(answer)
}

// Options are how the user connects to a node.
func (c *Cluster) Options(node *Node, user User) *redis.Options {
	return &redis.Options{
		Addr: net.JoinHostPort("127.0.0.1", node.Port), Username: user.Name, Password: user.Password,
		TLSConfig:  &tls.Config{RootCAs: c.Authority.Pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12},
		MaxRetries: -1, DisableIdentity: true,
	}
}

// Connect prepares connections to a node as the user.
func (c *Cluster) Connect(t *testing.T, node *Node, user User) *redis.Client {
	t.Helper()
	client := redis.NewClient(c.Options(node, user))
	t.Cleanup(func() { _ = client.Close() })
	return client
}
