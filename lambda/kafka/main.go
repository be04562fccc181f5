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
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/twmb/franz-go/pkg/kadm"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/customresource"
	"wallet-infra/lambda/kafka/access"
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
	handler := access.Handler{
		MSK: kafka.NewFromConfig(configuration),
		Connect: func(seeds []string) (*kadm.Client, error) {
			return access.Connect(configuration.Credentials, seeds)
		},
		Pause: retryPause,
	}
	customresource.Start(handler.Ensure)
}
