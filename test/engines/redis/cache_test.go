// Package redis holds what a Redis server judges: the cache's user, its parameters, and
// what the loss of its primary costs.
package redis

import (
	"crypto/tls"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/redis/server"
)

// TestMain silences the client, which says of each refused connection what a test asks.
func TestMain(m *testing.M) {
	logging.Disable()
	os.Exit(m.Run())
}

// cache is what an environment's template says of the cache.
type cache struct {
	nodes      int
	parameters map[string]string
	users      []server.User // with the password that Secrets Manager would have made
	app        server.User
}

// password is the application's, in the form that the template asks of Secrets Manager.
const password = "Tu3phie6ooNgohquaiShoh4Eetha1jieQuoh7ohth0aiseeghoh2ahPhie5eiphaa"

// read reads the cache of an environment.
func read(t *testing.T, environment string) cache {
	t.Helper()
	stacks := engines.Stacks(t, environment)
	_, group := engines.Resource(t, stacks, "Data", "AWS::ElastiCache::ReplicationGroup")
	_, parameters := engines.Resource(t, stacks, "Data", "AWS::ElastiCache::ParameterGroup")
	replicas, ok := group.Properties["ReplicasPerNodeGroup"].(float64)
	require.True(t, ok, "ReplicasPerNodeGroup")
	require.Equal(t, true, group.Properties["TransitEncryptionEnabled"], "the cache takes connections without TLS")
	found := cache{nodes: 1 + int(replicas), parameters: map[string]string{}}
	values, ok := parameters.Properties["Properties"].(cfn.Object)
	require.True(t, ok, "the parameter group's values")
	for name, value := range values {
		found.parameters[name], ok = value.(string)
		require.True(t, ok, name)
	}
	for _, stack := range stacks {
		if _, id, _ := strings.Cut(stack.ID, "/"); id != "Data" {
			continue
		}
		for _, user := range stack.Template.OfType("AWS::ElastiCache::User") {
			name, _ := user.Properties["UserName"].(string)
			access, _ := user.Properties["AccessString"].(string)
			made := server.User{Name: name, Access: access, Password: password}
			found.users = append(found.users, made)
			if name != "default" {
				found.app = made
			}
		}
	}
	require.Len(t, found.users, 2, "the application's user, and the one that everybody is who gives no name")
	return found
}

// start runs the environment's cache.
func (c cache) start(t *testing.T) *server.Cluster {
	t.Helper()
	return server.Start(t, nil, c.nodes, c.users, c.parameters)
}

// client connects as the application's does: to any node, which tells of the others.
func (c cache) client(t *testing.T, cluster *server.Cluster) *redis.ClusterClient {
	t.Helper()
	node := cluster.Options(cluster.Nodes[0], c.app)
	options := &redis.ClusterOptions{
		Username: node.Username, Password: node.Password, TLSConfig: node.TLSConfig, ClientName: "wallet-service", DisableIdentity: true,
		ClusterStateReloadInterval: time.Second,
	}
	for _, each := range cluster.Nodes {
		options.Addrs = append(options.Addrs, cluster.Options(each, c.app).Addr)
	}
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// The cluster of an environment is started once: each part leaves it as it was.
func TestTheCacheServesTheApplicationAndNobodyElse(t *testing.T) {
	for _, environment := range []string{"staging", "production"} {
		t.Run(environment, func(t *testing.T) {
			engines.Want(t, "redis-server")
			wallet := read(t, environment)
			cluster := wallet.start(t)
			for name, part := range map[string]func(*testing.T, cache, *server.Cluster){
				"the application does its work":                                  worksOn,
				"a cluster client logs in, names itself and finds a key's node":  findsNodes,
				"the application can neither empty, stop nor read it out":        refusesTheRest,
				"nothing that rules the server is allowed":                       refusesByCategory,
				"a stranger is refused":                                          refusesStrangers,
				"the password goes to the cache alone":                           provesItsName,
				"a full one forgets what nobody asked for and takes what is new": forgets,
			} {
				t.Run(name, func(t *testing.T) { part(t, wallet, cluster) })
			}
		})
	}
}

// entry is how the service writes a wallet (WalletStateCache: setex, 30 minutes).
const entry = 30 * time.Minute

func worksOn(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	client := wallet.client(t, cluster)
	ctx := t.Context()
	require.NoError(t, client.Ping(ctx).Err())
	_, err := client.Get(ctx, "wallet:1").Result()
	require.ErrorIs(t, err, redis.Nil, "a wallet that is not there")
	require.NoError(t, client.Do(ctx, "SETEX", "wallet:1", int(entry.Seconds()), `{"balance":1}`).Err())
	require.NoError(t, client.Set(ctx, "wallet:2", `{"balance":2}`, entry).Err())
	value, err := client.Get(ctx, "wallet:1").Result()
	require.NoError(t, err)
	assert.JSONEq(t, `{"balance":1}`, value)
	left, err := client.TTL(ctx, "wallet:1").Result()
	require.NoError(t, err)
	assert.InDelta(t, entry.Seconds(), left.Seconds(), 5, "an entry without an end would show an old balance for ever")
	removed, err := client.Del(ctx, "wallet:1").Result()
	require.NoError(t, err)
	assert.EqualValues(t, 1, removed, "an entry that could not be invalidated would show an old balance")

	// Quarkus fills an entry of its cache extension under WATCH.
	require.NoError(t, client.Watch(ctx, func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.Set(ctx, "wallet:2", `{"balance":3}`, entry).Err()
		})
		return err
	}, "wallet:2"), "an entry that is filled under WATCH")
	err = client.Watch(ctx, func(tx *redis.Tx) error {
		if err := client.Set(ctx, "wallet:2", "changed meanwhile", entry).Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error { return pipe.Del(ctx, "wallet:2").Err() })
		return err
	}, "wallet:2")
	require.ErrorIs(t, err, redis.TxFailedErr, "a change between WATCH and EXEC")
}

// The Vert.x client logs in with HELLO 3 AUTH, SETNAME if it has a name, and asks for
// the slots (vertx-redis-client, RedisConnectionManager and RedisClusterClient).
func findsNodes(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	nobody := server.User{}
	for i, node := range cluster.Nodes {
		options := cluster.Options(node, nobody)
		options.Protocol, options.PoolSize = 2, 1
		connection := redis.NewClient(options)
		defer connection.Close()
		for _, command := range [][]any{
			{"HELLO", "3", "AUTH", wallet.app.Name, wallet.app.Password, "SETNAME", "wallet-service"},
			{"PING"}, {"CLIENT", "SETNAME", "other"}, {"CLIENT", "GETNAME"}, {"CLIENT", "ID"}, {"SELECT", "0"}, {"COMMAND"}, {"ECHO", "x"},
			{"CLUSTER", "SLOTS"}, {"CLUSTER", "SHARDS"}, {"CLUSTER", "NODES"}, {"READONLY"}, {"READWRITE"}, {"ASKING"},
		} {
			assert.NoError(t, connection.Do(t.Context(), command...).Err(), "node %d: %v", i, command)
		}
	}
	shards, err := wallet.client(t, cluster).ClusterShards(t.Context()).Result()
	require.NoError(t, err)
	require.Len(t, shards, 1)
	assert.Equal(t, []redis.SlotRange{{Start: 0, End: 16383}}, shards[0].Slots)
	assert.Len(t, shards[0].Nodes, wallet.nodes, "one node for each zone")
}

// What stops a server, empties it, lays it bare or takes its only thread for long.
var refused = [][]any{
	{"FLUSHALL"}, {"FLUSHDB"}, {"KEYS", "*"}, {"CONFIG", "GET", "*"}, {"CONFIG", "SET", "maxmemory", "1"}, {"CONFIG", "REWRITE"},
	{"EVAL", "return 1", "0"}, {"EVALSHA", "0", "0"}, {"EVAL_RO", "return 1", "0"}, {"FUNCTION", "LIST"}, {"FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() return 1 end)"}, {"FUNCTION", "FLUSH"}, {"FCALL", "f", "0"}, {"SCRIPT", "FLUSH"},
	{"SHUTDOWN", "NOSAVE"}, {"FAILOVER"}, {"SAVE"}, {"BGSAVE"}, {"BGREWRITEAOF"}, {"REPLICAOF", "NO", "ONE"}, {"PSYNC", "?", "-1"}, {"SYNC"},
	{"MONITOR"}, {"SLOWLOG", "GET"}, {"LATENCY", "LATEST"}, {"MODULE", "LIST"}, {"INFO"}, {"ROLE"}, {"LASTSAVE"}, {"SWAPDB", "0", "1"},
	{"ACL", "LIST"}, {"ACL", "WHOAMI"}, {"ACL", "SETUSER", "x"}, {"CLIENT", "LIST"}, {"CLIENT", "KILL", "ID", "1"}, {"CLIENT", "PAUSE", "1"},
	{"CLIENT", "NO-EVICT", "on"}, {"MIGRATE", "h", "1", "k", "0", "1"}, {"RESTORE", "k", "0", "x"}, {"SORT", "k"}, {"SORT_RO", "k"},
	{"PUBLISH", "c", "x"}, {"SUBSCRIBE", "c"}, {"PSUBSCRIBE", "*"}, {"SPUBLISH", "c", "x"},
	{"CLUSTER", "FAILOVER"}, {"CLUSTER", "RESET"}, {"CLUSTER", "FORGET", "x"}, {"CLUSTER", "MEET", "127.0.0.1", "1"}, {"CLUSTER", "ADDSLOTS", "1"},
	{"CLUSTER", "SETSLOT", "1", "STABLE"}, {"CLUSTER", "FLUSHSLOTS"}, {"CLUSTER", "REPLICATE", "x"},
}

func refusesTheRest(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	connection := cluster.Connect(t, cluster.Nodes[0], wallet.app)
	require.NoError(t, connection.Set(t.Context(), "k", "v", 0).Err())
	for _, command := range refused {
		err := connection.Do(t.Context(), command...).Err()
		assert.True(t, err != nil && strings.HasPrefix(err.Error(), "NOPERM "), "%v: want it refused for want of a right, got %v", command, err)
	}
	assert.NoError(t, connection.Get(t.Context(), "k").Err(), "after all that")
}

// refusesByCategory asks the server itself which commands it counts among those that rule
// it, so that a right too many is seen of which nobody here thought.
func refusesByCategory(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	admin := cluster.Connect(t, cluster.Nodes[0], server.Administrator)
	needed := []string{"cluster|slots", "cluster|shards", "cluster|nodes"} // to find a key's node
	for _, category := range []string{"admin", "dangerous", "scripting", "pubsub"} {
		commands, err := admin.Do(t.Context(), "ACL", "CAT", category).StringSlice()
		require.NoError(t, err)
		require.NotEmpty(t, commands, category)
		for _, command := range commands {
			if slices.Contains(needed, command) {
				continue
			}
			assert.Contains(t, mayRun(t, admin, wallet.app.Name, command), "no permissions to run", "%s (@%s): want it refused", command, category)
		}
	}
}

// mayRun is the server's answer to whether a user may run a command, with as many words
// as it must have.
func mayRun(t *testing.T, admin *redis.Client, user, command string) string {
	t.Helper()
	question := []any{"ACL", "DRYRUN", user}
	for word := range strings.SplitSeq(command, "|") {
		question = append(question, word)
	}
	const most = 8
	for range most {
		answer, err := admin.Do(t.Context(), question...).Text()
		if err == nil {
			return answer
		}
		question = append(question, "1")
	}
	t.Fatalf("%s has no number of words that the server takes", command)
	return ""
}

func refusesStrangers(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	app := wallet.app
	for name, stranger := range map[string]server.User{
		"nobody":                                {},
		"default with the application's secret": {Name: "default", Password: app.Password},
		"the application with another password": {Name: app.Name, Password: app.Password + "x"},
		"an unknown name":                       {Name: "wallet_admin", Password: app.Password},
	} {
		err := cluster.Connect(t, cluster.Nodes[0], stranger).Get(t.Context(), "k").Err()
		assert.True(t, refusal(err), "%s: want it refused, got %v", name, err)
	}
}

// refusal tells whether the server refused who asks, and not what.
func refusal(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "NOAUTH ") || strings.HasPrefix(err.Error(), "WRONGPASS "))
}

func provesItsName(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	node := cluster.Nodes[0]
	options := cluster.Options(node, wallet.app)
	options.TLSConfig.ServerName = "cache.example"
	assertUnknown(t, options, "a certificate for another name")
	options = cluster.Options(node, wallet.app)
	options.TLSConfig.RootCAs = engines.NewAuthority(t).Pool
	assertUnknown(t, options, "another authority")

	plain := cluster.Options(node, wallet.app)
	plain.TLSConfig = nil
	client := redis.NewClient(plain)
	defer client.Close()
	assert.Error(t, client.Ping(t.Context()).Err(), "a connection without TLS")
	old := cluster.Options(node, wallet.app)
	old.TLSConfig.MinVersion, old.TLSConfig.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	outdated := redis.NewClient(old)
	defer outdated.Close()
	assert.Error(t, outdated.Ping(t.Context()).Err(), "TLS 1.1")
}

func assertUnknown(t *testing.T, options *redis.Options, what string) {
	t.Helper()
	client := redis.NewClient(options)
	defer client.Close()
	var certificate *tls.CertificateVerificationError
	assert.ErrorAs(t, client.Ping(t.Context()).Err(), &certificate, what)
}

// With ElastiCache's own default, volatile-lru, a cache full of entries without an end
// refuses what is new (Redis, "Key eviction").
func forgets(t *testing.T, wallet cache, cluster *server.Cluster) {
	t.Helper()
	admin := cluster.Connect(t, cluster.Nodes[0], server.Administrator)
	for name, value := range wallet.parameters {
		now, err := admin.ConfigGet(t.Context(), name).Result()
		require.NoError(t, err)
		assert.Equal(t, value, now[name], "the server took the template's %s", name)
	}
	require.NoError(t, admin.ConfigSet(t.Context(), "maxmemory", "16mb").Err())
	client := wallet.client(t, cluster)
	page := strings.Repeat("x", 100_000)
	const entries = 300
	for i := range entries {
		require.NoError(t, client.Set(t.Context(), "page:"+strconv.Itoa(i), page, 0).Err(), "write %d into a full cache", i)
	}
	left, err := client.DBSize(t.Context()).Result()
	require.NoError(t, err)
	assert.Less(t, left, int64(entries), "nothing was forgotten")
	require.NoError(t, admin.ConfigSet(t.Context(), "maxmemory", "0").Err())
}
