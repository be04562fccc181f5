package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The source of a replicator gets its connectivity after it exists, and the
// replicator its source's names after that: each phase needs the one before.
func TestTheReplicatorIsRolledOutInItsOrder(t *testing.T) {
	const arn = "arn:aws:kafka:sa-east-1:222222222222:cluster/wallet-production/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f-7"
	source := KafkaSource{ARN: arn, Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"}}
	running := func(change func(e *Environment)) func(e *Environment) {
		return func(e *Environment) {
			e.Messaging.Replication, e.Site.KafkaSource = ReplicationRunning, source
			e.Site.KafkaSource.Subnets = append([]string{}, source.Subnets...)
			change(e)
		}
	}
	assertRefused(t, large, map[string]refusal{
		"phase unknown": {func(e *Environment) { e.Messaging.Replication = "on" }, `Messaging.Replication: want one of none, prepared, running, got "on"`},
		"source unknown": {func(e *Environment) { e.Messaging.Replication = ReplicationRunning },
			"Site.KafkaSource.ARN: want the output KafkaClusterArn of the stack wallet-production-messaging, got \"\"\nSite.KafkaSource.Subnets: want the 3 subnets of the output KafkaSubnets of the stack wallet-production-messaging, got []"},
		"source elsewhere": {running(func(e *Environment) { e.Site.KafkaSource.ARN = strings.Replace(arn, "sa-east-1", "us-east-1", 1) }),
			`Site.KafkaSource.ARN: want the output KafkaClusterArn of the stack wallet-production-messaging, got "` + strings.Replace(arn, "sa-east-1", "us-east-1", 1) + `"`},
		"subnet malformed": {running(func(e *Environment) { e.Site.KafkaSource.Subnets[0] = "10.0.21.0/24" }),
			`Site.KafkaSource.Subnets: want the ID of a subnet, such as subnet-0123456789abcdef0, got "10.0.21.0/24"`},
		"subnet twice": {running(func(e *Environment) { e.Site.KafkaSource.Subnets[0] = e.Site.KafkaSource.Subnets[1] }),
			`Site.KafkaSource.Subnets: want each value once, got "subnet-0123456789abcdef1"`},
		"prepared before the cluster": {func(e *Environment) { e.Messaging.Replication = ReplicationPrepared },
			"Site.KafkaSource.ARN: want the output KafkaClusterArn of the stack wallet-production-messaging, got \"\"\nSite.KafkaSource.Subnets: want the 3 subnets of the output KafkaSubnets of the stack wallet-production-messaging, got []"},
	})
	assertRefused(t, large, map[string]refusal{
		"brokers that cannot": {running(func(e *Environment) {
			e.Messaging.Replication, e.Messaging.BrokerType, e.Messaging.KafkaVersion = ReplicationPrepared, "kafka.t3.small", "3.9.x"
		}),
			"Messaging.Replication: want \"none\" with brokers in fewer than 3 zones or on kafka.t3.small, which MSK does not replicate, got \"prepared\""},
	})
	env := large()
	running(func(*Environment) {})(&env)
	assert.NoError(t, env.Validate())
	assert.Equal(t, ReplicationRunning, env.Replication())
	for _, committed := range All() {
		assert.Equal(t, ReplicationNone, committed.Messaging.Replication, "%s: a new account must be able to deploy the committed phase", committed.Name)
	}
}
