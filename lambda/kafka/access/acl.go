package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"wallet-infra/lambda/internal/attempt"
)

// grant is what the user may do with one resource.
type grant struct {
	Resource   string   // "topic", "group", "cluster" or "transactional-id"
	Name       string   // of the resource, or its beginning; empty for the cluster
	Pattern    string   // "literal" or "prefixed"
	Operations []string // Kafka's own names, such as "READ" or "IDEMPOTENT_WRITE"
}

// acls translates the grant for the user, from any host: security groups say who
// can reach the brokers.
func (g grant) acls(user string) (*kadm.ACLBuilder, error) {
	if (g.Name == "") != (g.Resource == "cluster") {
		return nil, fmt.Errorf("grant of %q: want a name for everything but the cluster, got %q", g.Resource, g.Name)
	}
	builder := kadm.NewACLs().Allow("User:" + user)
	switch g.Resource {
	case "topic":
		builder.Topics(g.Name)
	case "group":
		builder.Groups(g.Name)
	case "transactional-id":
		builder.TransactionalIDs(g.Name)
	case "cluster":
		builder.Clusters()
	default:
		return nil, fmt.Errorf("grant of %q: want topic, group, cluster or transactional-id, got %q", g.Name, g.Resource)
	}
	switch g.Pattern {
	case "literal":
		builder.ResourcePatternType(kadm.ACLPatternLiteral)
	case "prefixed":
		builder.ResourcePatternType(kadm.ACLPatternPrefixed)
	default:
		return nil, fmt.Errorf("grant of %s %q: want pattern literal or prefixed, got %q", g.Resource, g.Name, g.Pattern)
	}
	var operations []kadm.ACLOperation
	for _, name := range g.Operations {
		operation, err := kmsg.ParseACLOperation(name)
		// "ANY" is for filters, and "ALL" is more than anybody here needs.
		if err != nil || operation <= kmsg.ACLOperationAll {
			return nil, fmt.Errorf("grant of %s %q: unknown operation %q", g.Resource, g.Name, name)
		}
		operations = append(operations, operation)
	}
	if len(operations) == 0 {
		return nil, fmt.Errorf("grant of %s %q: want operations, got none", g.Resource, g.Name)
	}
	builder.Operations(operations...)
	return builder, builder.ValidateCreate()
}

// ensure makes the grant's ACLs. Kafka keeps one copy of each, so a second time
// changes nothing.
func (g grant) ensure(ctx context.Context, admin *kadm.Client, user string) error {
	builder, err := g.acls(user)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("allow User:%s to %s %s %s %q", user, strings.Join(g.Operations, ", "), g.Pattern, g.Resource, g.Name)
	results, err := admin.CreateACLs(ctx, builder)
	if err != nil {
		return fmt.Errorf("%s: %w", what, answered(err))
	}
	for _, result := range results {
		if result.Err != nil {
			return fmt.Errorf("%s: %w", what, answered(result.Err))
		}
	}
	return nil
}

// answered marks what may pass: everything but an answer of Kafka's that its protocol
// calls final. A missing permission is final there and may be a fresh one here.
func answered(err error) error {
	var refused *kerr.Error
	final := errors.As(err, &refused) && !refused.Retriable &&
		!errors.Is(err, kerr.ClusterAuthorizationFailed) && !errors.Is(err, kerr.SaslAuthenticationFailed)
	if final {
		return err
	}
	return attempt.Again(err)
}
