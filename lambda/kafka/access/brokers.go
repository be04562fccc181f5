package access

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	mskiam "github.com/twmb/franz-go/pkg/sasl/aws"

	"wallet-infra/lambda/internal/attempt"
)

// ClusterAPI is what the function asks of MSK.
type ClusterAPI interface {
	GetBootstrapBrokers(context.Context, *kafka.GetBootstrapBrokersInput, ...func(*kafka.Options)) (*kafka.GetBootstrapBrokersOutput, error)
	kafka.ListNodesAPIClient
}

// brokers are the addresses of a cluster.
type brokers struct {
	iam   []string // host:port of the listener with IAM
	scram string   // comma-separated host:port of the listener with SASL/SCRAM
}

// findBrokers asks MSK for the addresses. MSK answers in a new order each time;
// sorted, they change only when the cluster does.
func findBrokers(ctx context.Context, msk ClusterAPI, cluster string, want int) (brokers, error) {
	lists, err := msk.GetBootstrapBrokers(ctx, &kafka.GetBootstrapBrokersInput{ClusterArn: &cluster})
	if err != nil {
		return brokers{}, fmt.Errorf("get the bootstrap brokers of %s: %w", cluster, err)
	}
	iam, scram := sorted(lists.BootstrapBrokerStringSaslIam), sorted(lists.BootstrapBrokerStringSaslScram)
	if len(iam) == 0 || len(scram) == 0 {
		// Listeners and brokers that a change of the cluster has just made may be late.
		return brokers{}, attempt.Again(fmt.Errorf("get the bootstrap brokers of %s: want listeners with IAM and SASL/SCRAM, got %q and %q", cluster, iam, scram))
	}
	hosts, err := listHosts(ctx, msk, cluster)
	if err != nil {
		return brokers{}, err
	}
	if len(hosts) != want {
		return brokers{}, attempt.Again(fmt.Errorf("list the nodes of %s: want %d brokers, got %q", cluster, want, hosts))
	}
	return brokers{iam: iam, scram: strings.Join(scram, ",")}, nil
}

// sorted splits a comma-separated list.
func sorted(list *string) []string {
	if aws.ToString(list) == "" {
		return nil
	}
	return slices.Sorted(strings.SplitSeq(*list, ","))
}

// listHosts returns the host of every broker; the bootstrap lists name three at
// most. Controllers, which KRaft clusters have, are not brokers.
func listHosts(ctx context.Context, msk ClusterAPI, cluster string) ([]string, error) {
	var hosts []string
	pages := kafka.NewListNodesPaginator(msk, &kafka.ListNodesInput{ClusterArn: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the nodes of %s: %w", cluster, err)
		}
		for _, node := range page.NodeInfoList {
			if node.BrokerNodeInfo != nil && len(node.BrokerNodeInfo.Endpoints) > 0 {
				host, _, _ := strings.Cut(node.BrokerNodeInfo.Endpoints[0], ":")
				hosts = append(hosts, host)
			}
		}
	}
	slices.Sort(hosts)
	return hosts, nil
}

// Connect opens an administrator's connection with the function's own IAM role.
func Connect(credentials aws.CredentialsProvider, seeds []string) (*kadm.Client, error) {
	if credentials == nil {
		return nil, errors.New("no AWS credentials")
	}
	client, err := kgo.NewClient(options(credentials, seeds)...)
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

// options say how the function connects: over TLS, as its role.
func options(credentials aws.CredentialsProvider, seeds []string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(seeds...),
		kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}),
		kgo.SASL(mskiam.ManagedStreamingIAM(func(ctx context.Context) (mskiam.Auth, error) {
			current, err := credentials.Retrieve(ctx)
			if err != nil {
				return mskiam.Auth{}, fmt.Errorf("retrieve the function's credentials: %w", err)
			}
			return mskiam.Auth{
				AccessKey:    current.AccessKeyID,
				SecretKey:    current.SecretAccessKey,
				SessionToken: current.SessionToken,
			}, nil
		})),
		// An attempt gives up while there is time for another.
		kgo.RetryTimeout(30 * time.Second),
	}
}
