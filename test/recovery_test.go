package test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// replicating is production in the last phase of the replicator's rollout, with
// names as AWS would have given them.
func replicating(t *testing.T) config.Environment {
	t.Helper()
	env := config.Production()
	env.Messaging.Replication = config.ReplicationRunning
	env.Site.KafkaSource = config.KafkaSource{
		ARN:     "arn:aws:kafka:sa-east-1:222222222222:cluster/wallet-production/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f-7",
		Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"},
	}
	require.NoError(t, env.Validate())
	return env
}
