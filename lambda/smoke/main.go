// Command smoke is the hook that tries the new version of the service before it
// gets any production traffic (POST_TEST_TRAFFIC_SHIFT). It reaches the version
// through the load balancer's test listener, as a customer would reach it through
// the other one: with the same host name, certificate and paths.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"wallet-infra/lambda/internal/attempt"
)

func main() {
	configuration, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("smoke: the function's AWS settings: %v", err)
	}
	settings, err := readSettings(os.Getenv)
	if err != nil {
		log.Fatalf("smoke: %v", err)
	}
	h := handler{
		settings: settings, ec2: ec2.NewFromConfig(configuration), rds: rds.NewFromConfig(configuration),
		dial: (&net.Dialer{Timeout: requestTimeout}).DialContext, requestTimeout: requestTimeout,
		pause: pause, logf: log.Printf,
	}
	lambda.Start(h.handle)
}

// settings are the function's environment variables.
type settings struct {
	balancer     string // full name of the load balancer, app/NAME/ID
	port         string // of the test listener
	domain       string // host name that the certificate is for
	transactions bool   // whether to move money
	// globalCluster is the database that this region shares with another, empty if it
	// shares none.
	globalCluster, region string
}

// readSettings reports every variable that is missing or wrong.
func readSettings(get func(string) string) (settings, error) {
	var problems []error
	found := settings{balancer: get("LOAD_BALANCER"), port: get("TEST_PORT"), domain: get("API_DOMAIN"),
		globalCluster: get("GLOBAL_CLUSTER"), region: get("AWS_REGION")}
	for name, value := range map[string]string{"LOAD_BALANCER": found.balancer, "API_DOMAIN": found.domain, "AWS_REGION": found.region} {
		if value == "" {
			problems = append(problems, fmt.Errorf("%s: want a value, got none", name))
		}
	}
	if _, err := strconv.ParseUint(found.port, 10, 16); err != nil {
		problems = append(problems, fmt.Errorf("TEST_PORT: want a port, got %q", found.port))
	}
	var err error
	if found.transactions, err = strconv.ParseBool(get("TRANSACTIONS")); err != nil {
		problems = append(problems, fmt.Errorf("TRANSACTIONS: want true or false, got %q", get("TRANSACTIONS")))
	}
	return found, errors.Join(problems...)
}

// pause waits, unless the time is up before.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
