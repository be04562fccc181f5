// Package access gives the wallet service's SASL/SCRAM user its Kafka ACLs, and reads
// the addresses of the brokers.
package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"wallet-infra/lambda/internal/attempt"
)

// Handler serves the custom resource.
type Handler struct {
	MSK ClusterAPI
	// Connect opens an administrator's connection to the brokers.
	Connect func(seeds []string) (*kadm.Client, error)
	Pause   time.Duration // between two attempts
}

// properties are the custom resource's, which constructs/kafka writes.
type properties struct {
	Cluster string  // ARN
	User    string  // SASL/SCRAM user name
	Brokers int     `json:",string"` // how many the cluster has
	Grants  []grant // what the user may do
}

// Ensure makes the ACLs and returns the resource's attributes. What may pass is tried
// again until the time is up.
func (h Handler) Ensure(ctx context.Context, raw map[string]any) (map[string]any, error) {
	wanted, err := readProperties(raw)
	if err != nil {
		return nil, err
	}
	var data map[string]any
	err = attempt.Until(ctx, h.Pause, func(ctx context.Context) error {
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
func (h Handler) apply(ctx context.Context, wanted properties) (map[string]any, error) {
	found, err := findBrokers(ctx, h.MSK, wanted.Cluster, wanted.Brokers)
	if err != nil {
		return nil, err
	}
	admin, err := h.Connect(found.iam)
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", found.iam, err)
	}
	defer admin.Close()
	for _, grant := range wanted.Grants {
		if err := grant.ensure(ctx, admin, wanted.User); err != nil {
			return nil, err
		}
	}
	return map[string]any{"Bootstrap": found.scram}, nil
}
