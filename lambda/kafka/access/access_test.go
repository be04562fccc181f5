package access

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/aws/aws-sdk-go-v2/service/kafka/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	clusterArn = "arn:aws:kafka:sa-east-1:111111111111:cluster/wallet/0"
	user       = "wallet-service"
)

// msk answers as MSK does: lists in no order, controllers among the nodes, one
// node on a page.
type msk struct {
	failures int // of the first calls
	nodes    []types.NodeInfo
}

func (m *msk) GetBootstrapBrokers(context.Context, *kafka.GetBootstrapBrokersInput, ...func(*kafka.Options)) (*kafka.GetBootstrapBrokersOutput, error) {
	if m.failures > 0 {
		m.failures--
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
	}
	return &kafka.GetBootstrapBrokersOutput{
		BootstrapBrokerStringSaslIam:   new("b-2.wallet:9098,b-1.wallet:9098"),
		BootstrapBrokerStringSaslScram: new("b-2.wallet:9096,b-1.wallet:9096"),
	}, nil
}

func (m *msk) ListNodes(_ context.Context, in *kafka.ListNodesInput, _ ...func(*kafka.Options)) (*kafka.ListNodesOutput, error) {
	i := 0
	if in.NextToken != nil {
		i = len(*in.NextToken)
	}
	out := &kafka.ListNodesOutput{NodeInfoList: m.nodes[i : i+1]}
	if i+1 < len(m.nodes) {
		out.NextToken = new("xxxxxxxx"[:i+1])
	}
	return out, nil
}

func broker(host string) types.NodeInfo {
	return types.NodeInfo{BrokerNodeInfo: &types.BrokerNodeInfo{Endpoints: []string{host}}}
}

// newCluster starts a Kafka that lets nobody do anything without an ACL, with an
// administrator as the function's role is on MSK, and the service's user.
func newCluster(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(
		kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("SCRAM-SHA-512", "admin", "admin"),
		kfake.User("SCRAM-SHA-512", user, "password"),
		kfake.SeedTopics(1, "wallet-events", "wallet-events-audit", "payroll"),
	)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

func client(t *testing.T, cluster *kfake.Cluster, name, password string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	made, err := kgo.NewClient(append(options,
		kgo.SeedBrokers(cluster.ListenAddrs()...),
		kgo.SASL(scram.Auth{User: name, Pass: password}.AsSha512Mechanism()),
		kgo.RetryTimeout(2*time.Second),
		kgo.UnknownTopicRetries(0),
	)...)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made
}

func newHandler(t *testing.T, cluster *kfake.Cluster, api *msk) Handler {
	if api.nodes == nil {
		api.nodes = []types.NodeInfo{broker("b-2.wallet"), {ControllerNodeInfo: &types.ControllerNodeInfo{}}, broker("b-1.wallet")}
	}
	return Handler{
		MSK: api,
		Connect: func(seeds []string) (*kadm.Client, error) {
			assert.Equal(t, []string{"b-1.wallet:9098", "b-2.wallet:9098"}, seeds)
			return kadm.NewClient(client(t, cluster, "admin", "admin")), nil
		},
		Pause: 20 * time.Millisecond,
	}
}

// request is what CloudFormation sends: every scalar is a string.
func request() map[string]any {
	return map[string]any{
		"ServiceToken": "arn:aws:lambda:sa-east-1:111111111111:function:kafka",
		"Cluster":      clusterArn, "User": user, "Brokers": "2",
		"Grants": []any{
			map[string]any{"Resource": "topic", "Name": "wallet-events", "Pattern": "literal", "Operations": []any{"DESCRIBE", "READ", "WRITE"}},
			map[string]any{"Resource": "group", "Name": "wallet-", "Pattern": "prefixed", "Operations": []any{"READ"}},
			map[string]any{"Resource": "transactional-id", "Name": "wallet-", "Pattern": "prefixed", "Operations": []any{"DESCRIBE", "WRITE"}},
			map[string]any{"Resource": "cluster", "Name": "", "Pattern": "literal", "Operations": []any{"IDEMPOTENT_WRITE"}},
		},
	}
}

func TestTheUserCanWriteAndReadItsTopicsAndNothingElse(t *testing.T) {
	ctx := t.Context()
	cluster := newCluster(t)
	producer := client(t, cluster, user, "password", kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	event := &kgo.Record{Topic: "wallet-events", Value: []byte("{}")}
	require.Error(t, producer.ProduceSync(ctx, event).FirstErr(), "the cluster must refuse a user without ACLs")

	_, err := newHandler(t, cluster, &msk{}).Ensure(ctx, request())
	require.NoError(t, err)

	transactional := client(t, cluster, user, "password", kgo.TransactionalID("wallet-events-1"))
	require.NoError(t, transactional.BeginTransaction())
	require.NoError(t, transactional.ProduceSync(ctx, &kgo.Record{Topic: "wallet-events", Value: []byte("{}")}).FirstErr())
	require.NoError(t, transactional.EndTransaction(ctx, kgo.TryCommit))
	idempotent := client(t, cluster, user, "password")
	require.NoError(t, idempotent.ProduceSync(ctx, &kgo.Record{Topic: "wallet-events", Value: []byte("{}")}).FirstErr())

	consumer := client(t, cluster, user, "password", kgo.ConsumerGroup("wallet-service"), kgo.ConsumeTopics("wallet-events"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	fetches := consumer.PollRecords(ctx, 1)
	require.NoError(t, fetches.Err())
	assert.Equal(t, 1, fetches.NumRecords())

	service := kadm.NewClient(client(t, cluster, user, "password"))
	for _, other := range []string{"payroll", "wallet-events-audit"} {
		require.Errorf(t, idempotent.ProduceSync(ctx, &kgo.Record{Topic: other, Value: []byte("{}")}).FirstErr(), "%s", other)
	}
	created, err := service.CreateTopic(ctx, 1, 1, nil, "wallet-new")
	assert.ErrorIs(t, errors.Join(err, created.Err), kerr.TopicAuthorizationFailed)
}

func TestASecondRunChangesNothing(t *testing.T) {
	cluster := newCluster(t)
	h := newHandler(t, cluster, &msk{})
	admin := kadm.NewClient(client(t, cluster, "admin", "admin"))
	byHand := kadm.NewACLs().Allow("User:auditor").Topics("wallet-events").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead)
	_, err := admin.CreateACLs(t.Context(), byHand)
	require.NoError(t, err)

	var counts []int
	for range 2 {
		_, err := h.Ensure(t.Context(), request())
		require.NoError(t, err)
		counts = append(counts, countACLs(t, admin))
	}
	assert.Equal(t, []int{8, 8}, counts, "7 of the service and 1 made by hand")
}

func countACLs(t *testing.T, admin *kadm.Client) int {
	t.Helper()
	everything := kadm.NewACLs().AnyResource().Allow().AllowHosts().Operations(kadm.OpAny).ResourcePatternType(kadm.ACLPatternAny)
	results, err := admin.DescribeACLs(t.Context(), everything)
	require.NoError(t, err)
	count := 0
	for _, result := range results {
		require.NoError(t, result.Err)
		count += len(result.Described)
	}
	return count
}

func TestAddressesAreSortedAndComplete(t *testing.T) {
	data, err := newHandler(t, newCluster(t), &msk{}).Ensure(t.Context(), request())
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"Bootstrap": "b-1.wallet:9096,b-2.wallet:9096"}, data)
}

func TestAPolicyThatIsNotYetKnownIsWaitedFor(t *testing.T) {
	_, err := newHandler(t, newCluster(t), &msk{failures: 3}).Ensure(t.Context(), request())
	assert.NoError(t, err)
}

func TestFailuresNameWhatFailed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // one attempt, however slow this machine is
	fails := func(api *msk, change func(properties map[string]any)) string {
		asked := request()
		change(asked)
		_, err := newHandler(t, newCluster(t), api).Ensure(ctx, asked)
		require.Error(t, err)
		return err.Error()
	}
	nothing := func(map[string]any) {}
	grants := func(one map[string]any) func(map[string]any) {
		return func(properties map[string]any) { properties["Grants"] = []any{one} }
	}
	assert.Contains(t, fails(&msk{failures: 1_000_000}, nothing), "get the bootstrap brokers of "+clusterArn+": api error AccessDenied")
	assert.Contains(t, fails(&msk{nodes: []types.NodeInfo{broker("b-1.wallet")}}, nothing), "want 2 brokers")
	assert.Contains(t, fails(&msk{}, func(p map[string]any) { p["Brokers"] = "many" }), "properties")
	assert.Contains(t, fails(&msk{}, func(p map[string]any) { delete(p, "User") }), "want Cluster, User and Brokers")
	assert.Contains(t, fails(&msk{}, grants(map[string]any{"Resource": "queue", "Name": "x"})), `got "queue"`)
	assert.Contains(t, fails(&msk{}, grants(map[string]any{"Resource": "topic", "Pattern": "literal"})), "want a name")
	assert.Contains(t, fails(&msk{}, grants(map[string]any{"Resource": "topic", "Name": "x", "Pattern": "regex"})), `got "regex"`)
	assert.Contains(t, fails(&msk{}, grants(map[string]any{"Resource": "topic", "Name": "x", "Pattern": "literal"})), "got none")
	assert.Contains(t, fails(&msk{}, grants(map[string]any{"Resource": "topic", "Name": "x", "Pattern": "literal", "Operations": []any{"ALL"}})), `unknown operation "ALL"`)
}

func TestTheAdministratorMustBeAllowedToChangeACLs(t *testing.T) {
	cluster := newCluster(t)
	h := newHandler(t, cluster, &msk{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempts := 0
	h.Connect = func([]string) (*kadm.Client, error) {
		if attempts++; attempts > 1 {
			cancel() // the time is up after the first attempt, however slow this machine is
		}
		return kadm.NewClient(client(t, cluster, user, "password")), nil
	}
	_, err := h.Ensure(ctx, request())
	assert.Greater(t, attempts, 1, "the permission may be seconds old")
	require.ErrorIs(t, err, kerr.ClusterAuthorizationFailed)
	assert.Contains(t, err.Error(), `allow User:wallet-service to DESCRIBE, READ, WRITE literal topic "wallet-events"`)
}

// Errors of the cluster's own settings (KIP-140) do not pass.
func TestAFinalAnswerEndsTheDeploymentAtOnce(t *testing.T) {
	cluster := newCluster(t)
	cluster.ControlKey(kmsg.CreateACLs.Int16(), func(asked kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		answer := asked.ResponseKind().(*kmsg.CreateACLsResponse)
		for range asked.(*kmsg.CreateACLsRequest).Creations {
			answer.Results = append(answer.Results, kmsg.CreateACLsResponseResult{ErrorCode: kerr.SecurityDisabled.Code})
		}
		return answer, nil, true
	})
	h := newHandler(t, cluster, &msk{})
	h.Pause = time.Hour
	_, err := h.Ensure(t.Context(), request())
	require.ErrorIs(t, err, kerr.SecurityDisabled)

	gone := &missing{}
	h.MSK = gone
	_, err = h.Ensure(t.Context(), request())
	require.ErrorContains(t, err, "NotFoundException")
	assert.Equal(t, 1, gone.asked)
}

// missing is MSK when the cluster is not there.
type missing struct {
	msk
	asked int
}

func (m *missing) GetBootstrapBrokers(context.Context, *kafka.GetBootstrapBrokersInput, ...func(*kafka.Options)) (*kafka.GetBootstrapBrokersOutput, error) {
	m.asked++
	return nil, &types.NotFoundException{}
}

func TestTheAdministratorIsKnownByItsRoleAndHeardByNobodyElse(t *testing.T) {
	role := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, nil })
	made, err := kgo.NewClient(options(role, []string{"b-1.wallet:9098"})...)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	settings, ok := made.OptValue(kgo.DialTLSConfig).(*tls.Config)
	require.True(t, ok, "the connection is not encrypted")
	assert.GreaterOrEqual(t, settings.MinVersion, uint16(tls.VersionTLS12))
	assert.False(t, settings.InsecureSkipVerify, "anybody may answer for the brokers")
	mechanisms, ok := made.OptValue(kgo.SASL).([]sasl.Mechanism)
	require.True(t, ok)
	require.Len(t, mechanisms, 1)
	assert.Equal(t, "AWS_MSK_IAM", mechanisms[0].Name())
	assert.Equal(t, []string{"b-1.wallet:9098"}, made.OptValue(kgo.SeedBrokers))
	_, err = Connect(nil, nil)
	require.ErrorContains(t, err, "no AWS credentials")
}
