// Package kafka holds what Apache's broker judges: the cluster's configuration, its
// topics, and what the function's grants let the wallet service do.
package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/aws/aws-sdk-go-v2/service/kafka/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"wallet-infra/internal/cfn"
	"wallet-infra/lambda/kafka/access"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/kafka/server"
)

// environment is what an environment's templates say of Kafka.
type environment struct {
	brokers    int
	version    string
	properties string // of the brokers
	topics     []topic
	user       string        // the name in the secret of the SASL/SCRAM user
	resource   func() object // the properties of the function's resource, as CloudFormation sends them
}

type object = map[string]any

// topic is one AWS::MSK::Topic.
type topic struct {
	name                 string
	partitions, replicas int
	configs              map[string]*string
}

// clusterARN is the cluster's once it is there.
const clusterARN = "arn:aws:kafka:sa-east-1:111111111111:cluster/wallet/0"

// read reads the messaging stack of an environment.
func read(t *testing.T, name string) environment {
	t.Helper()
	stacks := engines.Stacks(t, name)
	stack, cluster := engines.Resource(t, stacks, "Messaging", "AWS::MSK::Cluster")
	_, configuration := engines.Resource(t, stacks, "Messaging", "AWS::MSK::Configuration")
	_, secret := engines.Resource(t, stacks, "Messaging", "AWS::SecretsManager::Secret")
	_, resource := engines.Resource(t, stacks, "Messaging", "Custom::KafkaAccess")
	known := cfn.Resolver{Attribute: func(_ cfn.Stack, of cfn.Resource, _ string, _ func(any) any) (any, bool) {
		return clusterARN, of.ID == cluster.ID
	}}
	e := environment{
		version:    text(t, cluster.Properties["KafkaVersion"]),
		brokers:    number(t, cluster.Properties["NumberOfBrokerNodes"]),
		properties: text(t, configuration.Properties["ServerProperties"]),
		resource: func() object {
			sent, ok := cfn.Normalize(known.Resolve(stack, resource.Properties)).(object)
			require.True(t, ok)
			return sent
		},
	}
	for _, resource := range stack.Template.OfType("AWS::MSK::Topic") {
		e.topics = append(e.topics, readTopic(t, resource))
	}
	var credentials struct{ Username string }
	require.NoError(t, json.Unmarshal([]byte(text(t, cfn.Lookup(secret.Properties, "GenerateSecretString", "SecretStringTemplate"))), &credentials))
	e.user = credentials.Username
	return e
}

func readTopic(t *testing.T, resource cfn.Resource) topic {
	t.Helper()
	decoded, err := base64.StdEncoding.DecodeString(text(t, resource.Properties["Configs"]))
	require.NoError(t, err)
	read := topic{
		name:       text(t, resource.Properties["TopicName"]),
		partitions: number(t, resource.Properties["PartitionCount"]),
		replicas:   number(t, resource.Properties["ReplicationFactor"]),
	}
	require.NoError(t, json.Unmarshal(decoded, &read.configs))
	return read
}

func text(t *testing.T, value any) string {
	t.Helper()
	read, ok := value.(string)
	require.True(t, ok, "want a text, got %v", value)
	return read
}

func number(t *testing.T, value any) int {
	t.Helper()
	read, err := cfn.Number(value)
	require.NoError(t, err)
	return int(read)
}

// msk answers of a cluster as MSK does.
type msk struct{ cluster *server.Cluster }

func (m msk) GetBootstrapBrokers(context.Context, *kafka.GetBootstrapBrokersInput, ...func(*kafka.Options)) (*kafka.GetBootstrapBrokersOutput, error) {
	scram := m.cluster.Bootstrap()
	return &kafka.GetBootstrapBrokersOutput{
		BootstrapBrokerStringSaslScram: &scram,
		BootstrapBrokerStringSaslIam:   new(strings.ReplaceAll(scram, ":9096", ":9098")),
	}, nil
}

func (m msk) ListNodes(context.Context, *kafka.ListNodesInput, ...func(*kafka.Options)) (*kafka.ListNodesOutput, error) {
	answer := &kafka.ListNodesOutput{NodeInfoList: []types.NodeInfo{{ControllerNodeInfo: &types.ControllerNodeInfo{}}}}
	for _, broker := range m.cluster.Brokers {
		answer.NodeInfoList = append(answer.NodeInfoList, types.NodeInfo{BrokerNodeInfo: &types.BrokerNodeInfo{Endpoints: []string{broker.Host}}})
	}
	return answer, nil
}

// function is lambda/kafka beside a cluster. On MSK it is an IAM principal, which ACLs
// do not bind; here it signs in as the super user.
func function(t *testing.T, cluster *server.Cluster) access.Handler {
	t.Helper()
	return access.Handler{
		MSK:   msk{cluster: cluster},
		Pause: 100 * time.Millisecond,
		Connect: func(seeds []string) (*kadm.Client, error) {
			assert.Len(t, seeds, len(cluster.Brokers))
			return cluster.Admin(t), nil
		},
	}
}

// create makes a topic, as MSK does for AWS::MSK::Topic.
func (w topic) create(ctx context.Context, admin *kadm.Client) error {
	made, err := admin.CreateTopic(ctx, int32(w.partitions), int16(w.replicas), w.configs, w.name)
	if err != nil {
		return fmt.Errorf("topic %s: %w: %s", w.name, err, made.ErrMessage)
	}
	return nil
}
