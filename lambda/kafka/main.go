// Command kafka is the custom resource that finishes an MSK cluster: it gives
// the service's SASL/SCRAM user its Kafka ACLs, without which the user may do
// nothing, and returns the broker addresses. CloudFormation can do neither.
//
// It adds what is missing and removes nothing: an ACL that somebody made by hand
// stays, and so do all of them when the resource is deleted, because the cluster
// outlives its stack.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/twmb/franz-go/pkg/kadm"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/customresource"
)

// retryPause is the time between two attempts: a policy that is seconds old is not
// yet known everywhere.
const retryPause = 10 * time.Second

func main() {
	configuration, err := attempt.Settings(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "kafka: the AWS configuration cannot be loaded: %v\n", err)
		os.Exit(1)
	}
	h := handler{
		msk: kafka.NewFromConfig(configuration),
		connect: func(seeds []string) (*kadm.Client, error) {
			return connect(configuration.Credentials, seeds)
		},
		pause: retryPause,
	}
	customresource.Start(h.ensure)
}

// handler serves the custom resource.
type handler struct {
	msk     clusterAPI
	connect func(seeds []string) (*kadm.Client, error)
	pause   time.Duration
}

// properties are the custom resource's, which constructs/kafka writes.
type properties struct {
	Cluster string  // ARN
	User    string  // SASL/SCRAM user name
	Brokers int     `json:",string"` // how many the cluster has
	Grants  []grant // what the user may do
}

// ensure makes the ACLs and returns the resource's attributes. What may pass is tried
// again until the time is up.
func (h handler) ensure(ctx context.Context, raw map[string]any) (map[string]any, error) {
	wanted, err := readProperties(raw)
	if err != nil {
		return nil, err
	}
	var data map[string]any
	err = attempt.Until(ctx, h.pause, func(ctx context.Context) error {
		data, err = h.apply(ctx, wanted)
		return err
	})
	return data, err
}

// readProperties fails on properties that no attempt could satisfy.
func readProperties(raw map[string]any) (properties, error) {
	var wanted properties
	encoded, err := json.Marshal(raw)
	if err != nil {
		return wanted, fmt.Errorf("the resource's properties cannot be read: %w", err)
	}
	if err := json.Unmarshal(encoded, &wanted); err != nil {
		return wanted, fmt.Errorf("the resource's properties cannot be read: %w", err)
	}
	if wanted.Cluster == "" || wanted.User == "" || wanted.Brokers < 1 {
		return wanted, fmt.Errorf("properties: want Cluster, User and Brokers, got %s", encoded)
	}
	for _, grant := range wanted.Grants {
		if _, err := grant.acls(wanted.User); err != nil {
			return wanted, err
		}
	}
	return wanted, nil
}

// apply is one attempt.
func (h handler) apply(ctx context.Context, wanted properties) (map[string]any, error) {
	found, err := findBrokers(ctx, h.msk, wanted.Cluster, wanted.Brokers)
	if err != nil {
		return nil, err
	}
	admin, err := h.connect(found.iam)
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", found.iam, err)
	}
	defer admin.Close()
	for _, grant := range wanted.Grants {
		if err := grant.ensure(ctx, admin, wanted.User); err != nil {
			return nil, err
		}
	}
	data := map[string]any{"Bootstrap": found.scram}
	for i, host := range found.hosts {
		data[fmt.Sprintf("BrokerHost%d", i+1)] = host
	}
	return data, nil
}
