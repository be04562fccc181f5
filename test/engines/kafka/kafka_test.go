package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/kafka/server"
)

const password = "Fq3mZ8"

// The parts of a run build on each other, as a cluster's life does: made, granted,
// used, broken.
func TestTheClusterOfEachEnvironment(t *testing.T) {
	engines.Want(t, "Kafka")
	for _, name := range []string{"staging", "production"} {
		t.Run(name, func(t *testing.T) {
			env := read(t, name)
			cluster := server.Start(t, env.brokers, env.properties)
			cluster.AddUser(t, env.user, password)
			r := run{environment: env, protected: name == "production", cluster: cluster, admin: cluster.Admin(t)}
			for _, part := range []struct {
				name string
				test func(run, *testing.T)
			}{
				{"the brokers are of the version that MSK runs", run.version},
				{"the brokers take every property of the configuration", run.configuration},
				{"the topics have the template's settings", run.topicSettings},
				{"nobody is let in without a password", run.strangers},
				{"the user may do nothing before the function ran", run.nothing},
				{"the function grants once, however often it runs and where it was interrupted", run.grants},
				{"the user writes and reads its topics", run.writesAndReads},
				{"an event without a key goes in, and a compacted topic refuses it", run.withoutKey},
				{"the user touches nothing else", run.nothingElse},
				{"a topic of production cannot be deleted", run.deletion},
				{"an acknowledged event survives the loss of a broker", run.loss},
				{"the function grants with a broker away", run.grantsWithABrokerAway},
				{"a write without enough copies in sync is refused", run.tooFewCopies},
			} {
				require.True(t, t.Run(part.name, func(t *testing.T) { part.test(r, t) }))
			}
		})
	}
}

// run is one environment on a cluster.
type run struct {
	environment
	protected bool // as the seed's production is
	cluster   *server.Cluster
	admin     *kadm.Client
}

// client connects as the wallet service does: idempotent, with the acknowledgement of
// every copy in sync, which are the client's defaults.
func (r run) client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return r.cluster.Client(t, r.user, password, append([]kgo.Opt{kgo.UnknownTopicRetries(0), kgo.RecordPartitioner(kgo.RoundRobinPartitioner())}, options...)...)
}

func event(topic, key string) *kgo.Record {
	record := &kgo.Record{Topic: topic, Value: []byte("{}")}
	if key != "" {
		record.Key = []byte(key)
	}
	return record
}

func (r run) version(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(engines.Root(t), "test/engines/kafka/jars.sha256"))
	require.NoError(t, err)
	line, _, _ := strings.Cut(r.environment.version, ".x")
	assert.Contains(t, string(list), "kafka_2.13-"+line+".", "test/engines/kafka/pom.xml has another version than Messaging.KafkaVersion")
}

func (r run) configuration(t *testing.T) {
	described, err := r.admin.DescribeBrokerConfigs(t.Context(), 1)
	require.NoError(t, err)
	known := map[string]kadm.Config{}
	for _, config := range described[0].Configs {
		known[config.Key] = config
	}
	for line := range strings.Lines(r.properties) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "allow.everyone.if.no.acl.found" {
			continue // the authorizer's own: the user who may do nothing shows it
		}
		config := known[name]
		assert.Equal(t, value, config.MaybeValue(), "%s: a value that the broker does not know is kept as a secret", name)
		assert.Equal(t, kmsg.ConfigSourceStaticBrokerConfig, config.Source, name)
	}
}

func (r run) topicSettings(t *testing.T) {
	for _, topic := range r.topics {
		require.NoError(t, topic.create(t.Context(), r.admin))
		var made kadm.ResourceConfigs
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			var err error
			made, err = r.admin.DescribeTopicConfigs(context.Background(), topic.name)
			require.NoError(t, err)
			require.NoError(t, made[0].Err) // the broker that is asked may learn of it late
		}, 10*time.Second, 100*time.Millisecond, topic.name)
		settings := map[string]string{}
		for _, config := range made[0].Configs {
			if config.Source == kmsg.ConfigSourceDynamicTopicConfig {
				settings[config.Key] = config.MaybeValue()
			}
		}
		for name, value := range topic.configs {
			assert.Equal(t, *value, settings[name], "%s of %s", name, topic.name)
		}
		assert.Len(t, settings, len(topic.configs), topic.name)
	}
	for _, other := range []string{"payroll", r.topics[0].name + "-audit"} {
		require.NoError(t, topic{name: other, partitions: 1, replicas: 1}.create(t.Context(), r.admin))
	}
	misspelt, err := r.admin.ListTopics(t.Context(), "wallet-event")
	require.NoError(t, err)
	assert.ErrorIs(t, misspelt["wallet-event"].Err, kerr.UnknownTopicOrPartition, "a misspelt topic appears by itself")
}

func (r run) strangers(t *testing.T) {
	for name, secret := range map[string]string{r.user: "wrong", "stranger": password, server.Admin: password} {
		stranger := r.cluster.Client(t, name, secret, kgo.RetryTimeout(time.Second))
		err := stranger.Ping(t.Context())
		assert.ErrorContains(t, err, kerr.SaslAuthenticationFailed.Message, "%s %q", name, secret)
	}
	plain, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.Bootstrap()), kgo.Dialer(r.cluster.Dial), kgo.RetryTimeout(time.Second))
	require.NoError(t, err)
	defer plain.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	assert.Error(t, plain.Ping(ctx), "a client without a password")
	var dialer net.Dialer
	connection, err := dialer.DialContext(t.Context(), "tcp", r.cluster.Brokers[0].Address())
	require.NoError(t, err)
	defer connection.Close()
	clear := kmsg.NewPtrApiVersionsRequest()
	_, err = connection.Write(kmsg.NewRequestFormatter().AppendRequest(nil, clear, 1))
	require.NoError(t, err)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(5*time.Second)))
	answer := make([]byte, 1)
	n, _ := connection.Read(answer)
	assert.False(t, n == 1 && answer[0] == 0, "the broker answers in clear text") // a TLS alert begins with 0x15
}

func (r run) nothing(t *testing.T) {
	client := r.client(t)
	for _, topic := range r.topics {
		assert.ErrorIs(t, client.ProduceSync(t.Context(), event(topic.name, "k")).FirstErr(), kerr.TopicAuthorizationFailed, topic.name)
	}
}

func (r run) grants(t *testing.T) {
	// The function's machine goes away after the first answer to CreateACLs.
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := function(t, r.cluster)
	interrupted.Connect = func([]string) (*kadm.Client, error) {
		return kadm.NewClient(r.cluster.Client(t, server.Admin, server.Password, kgo.WithHooks(after{key: kmsg.CreateACLs, call: cancel}))), nil
	}
	_, err := interrupted.Ensure(ctx, r.resource())
	require.Error(t, err)

	want := 0
	for _, grant := range cfn.List(r.resource()["Grants"]) {
		want += len(cfn.List(cfn.Lookup(grant, "Operations")))
	}
	var rules []string
	for range 2 {
		attributes, err := function(t, r.cluster).Ensure(t.Context(), r.resource())
		require.NoError(t, err)
		assert.Equal(t, r.cluster.Bootstrap(), attributes["Bootstrap"])
		// The controller answers before every broker has heard of it.
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			rules = r.rules(t)
			assert.Len(t, rules, want)
		}, 10*time.Second, 100*time.Millisecond)
	}
	for _, rule := range rules {
		assert.Contains(t, rule, "User:"+r.user+" ")
	}
}

// after calls when a request of a kind was answered.
type after struct {
	key  kmsg.Key
	call func()
}

func (a after) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, _ kgo.BrokerE2E) {
	if key == a.key.Int16() {
		a.call()
	}
}

// rules are the cluster's ACLs.
func (r run) rules(t require.TestingT) []string {
	found, err := r.admin.DescribeACLs(context.Background(), kadm.NewACLs().AnyResource().Allow().AllowHosts().Operations(kadm.OpAny).ResourcePatternType(kadm.ACLPatternAny))
	require.NoError(t, err)
	var rules []string
	for _, result := range found {
		require.NoError(t, result.Err)
		for _, acl := range result.Described {
			rules = append(rules, fmt.Sprintf("%s %s %v %s %s", acl.Principal, acl.Operation, acl.Pattern, acl.Type, acl.Name))
		}
	}
	return rules
}

func (r run) writesAndReads(t *testing.T) {
	client := r.client(t)
	transactional := r.client(t, kgo.TransactionalID("wallet-events-1"))
	for _, topic := range r.topics {
		require.NoError(t, client.ProduceSync(t.Context(), event(topic.name, "k")).FirstErr(), topic.name)
		require.NoError(t, transactional.BeginTransaction())
		require.NoError(t, transactional.ProduceSync(t.Context(), event(topic.name, "k")).FirstErr(), topic.name)
		require.NoError(t, transactional.EndTransaction(t.Context(), kgo.TryCommit))
		assert.Equal(t, 2, r.readAll(t, topic.name, "wallet-service-"+topic.name, 2), topic.name)
	}
}

// readAll reads a number of records of a topic as a consumer group, and commits.
func (r run) readAll(t *testing.T, topic, group string, want int) int {
	t.Helper()
	consumer := r.client(t, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got := 0
	for got < want && ctx.Err() == nil {
		fetches := consumer.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		got += fetches.NumRecords()
	}
	require.NoError(t, consumer.CommitUncommittedOffsets(ctx))
	return got
}

// The service publishes to wallet-events without keys (docs/APPLICATION.md).
func (r run) withoutKey(t *testing.T) {
	client := r.client(t)
	assert.NoError(t, client.ProduceSync(t.Context(), event("wallet-events", "")).FirstErr())
	for _, topic := range r.topics {
		if *topic.configs["cleanup.policy"] == "compact" {
			assert.ErrorIs(t, client.ProduceSync(t.Context(), event(topic.name, "")).FirstErr(), kerr.InvalidRecord, topic.name)
		}
	}
}

func (r run) nothingElse(t *testing.T) {
	ctx := t.Context()
	client := r.client(t)
	service := kadm.NewClient(client)
	mine := r.topics[0].name
	for _, other := range []string{"payroll", mine + "-audit"} {
		assert.ErrorIs(t, client.ProduceSync(ctx, event(other, "k")).FirstErr(), kerr.TopicAuthorizationFailed, "writes %s", other)
		offsets, err := service.ListEndOffsets(ctx, other)
		assert.ErrorIs(t, errors.Join(err, offsets.Error()), kerr.TopicAuthorizationFailed, "reads %s", other)
	}
	consumer := r.client(t, kgo.ConsumerGroup("payroll"), kgo.ConsumeTopics(mine))
	assert.ErrorIs(t, consumer.PollFetches(ctx).Err(), kerr.GroupAuthorizationFailed, "reads as another's group")
	foreign := r.client(t, kgo.TransactionalID("payroll-1"))
	assert.ErrorContains(t, foreign.BeginTransaction(), kerr.TransactionalIDAuthorizationFailed.Message, "writes as another's transaction")
	for what, try := range map[string]func() error{
		"makes a topic": func() error { return topic{name: "wallet-new", partitions: 1, replicas: 1}.create(ctx, service) },
		"shortens its history": func() error {
			answers, err := service.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: new("1")}}, mine)
			for _, answer := range answers {
				err = errors.Join(err, answer.Err)
			}
			return err
		},
		"spreads a wallet's events over more partitions": func() error {
			answers, err := service.CreatePartitions(ctx, 1, mine)
			return errors.Join(err, answers.Error())
		},
		"empties its history": func() error {
			answers, err := service.DeleteRecords(ctx, kadm.Offsets{mine: {0: {Topic: mine, At: -1}}})
			return errors.Join(err, answers.Error())
		},
	} {
		assert.ErrorIs(t, try(), kerr.TopicAuthorizationFailed, "the service %s", what)
	}
	deleted, err := service.DeleteTopic(ctx, mine)
	err = errors.Join(err, deleted.Err)
	assert.True(t, errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.TopicDeletionDisabled), "the service deletes its history: %v", err)
	everything := kadm.NewACLs().Allow("User:" + r.user).Topics("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAll)
	granted, err := service.CreateACLs(ctx, everything)
	for _, answer := range granted {
		err = errors.Join(err, answer.Err)
	}
	assert.ErrorIs(t, err, kerr.ClusterAuthorizationFailed, "the service makes itself rights")
}

// Not even an administrator deletes a topic of production by one command.
func (r run) deletion(t *testing.T) {
	answer, err := r.admin.DeleteTopic(t.Context(), "payroll")
	err = errors.Join(err, answer.Err)
	if r.protected {
		assert.ErrorIs(t, err, kerr.TopicDeletionDisabled)
	} else {
		assert.NoError(t, err)
	}
}

// A broker goes away while events are written, and stays away.
func (r run) loss(t *testing.T) {
	const topic, before, events = "wallet-events", 3, 400 // two of writesAndReads, one without a key
	// A broker that is killed while it accepts looks like one that expects no TLS.
	client := r.client(t, kgo.RecordDeliveryTimeout(time.Minute), kgo.RetryTimeout(time.Minute), kgo.ProducerBatchMaxBytes(4096), kgo.AlwaysRetryEOF())
	results := make(chan error, events)
	for i := range events {
		if i == events/4 {
			r.cluster.Lose(0)
		}
		client.Produce(t.Context(), event(topic, fmt.Sprint("k", i)), func(_ *kgo.Record, err error) { results <- err })
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, client.Flush(t.Context()))
	for range events {
		require.NoError(t, <-results, "an event is not acknowledged with a broker away")
	}
	assert.Equal(t, before+events, r.readAll(t, topic, "wallet-loss", before+events), "every acknowledged event, once")
	r.everyPartition(t, topic, nil)
}

// everyPartition writes into each partition of a topic, and wants an answer of each.
func (r run) everyPartition(t *testing.T, name string, want error) {
	t.Helper()
	// Without idempotence the client may hand on the broker's own words.
	client := r.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	for _, topic := range r.topics {
		if topic.name != name {
			continue
		}
		for partition := range topic.partitions {
			record := event(topic.name, "k")
			record.Partition = int32(partition)
			assert.ErrorIs(t, client.ProduceSync(t.Context(), record).FirstErr(), want, "partition %d of %s", partition, name)
		}
	}
}

func (r run) grantsWithABrokerAway(t *testing.T) {
	_, err := function(t, r.cluster).Ensure(t.Context(), r.resource())
	assert.NoError(t, err)
}

// With two of three brokers away one copy is left, which alone must not acknowledge
// what it may lose. Staging has two copies and says yes to one.
func (r run) tooFewCopies(t *testing.T) {
	if len(r.cluster.Brokers) < 3 {
		t.Skip("two brokers cannot lose two")
	}
	r.cluster.Lose(1)
	require.Eventually(t, func() bool {
		topics, err := r.admin.ListTopics(t.Context(), "wallet-events")
		if err != nil {
			return false
		}
		for _, partition := range topics["wallet-events"].Partitions {
			if partition.Leader < 0 || len(partition.ISR) > 1 {
				return false
			}
		}
		return true
	}, 30*time.Second, 200*time.Millisecond, "the last broker leads what it has a copy of")
	r.everyPartition(t, "wallet-events", kerr.NotEnoughReplicas)
	r.cluster.Restore(t, 1)
	require.NoError(t, r.client(t, kgo.RecordDeliveryTimeout(time.Minute)).ProduceSync(t.Context(), event("wallet-events", "k")).FirstErr(),
		"two copies are enough again")
}
