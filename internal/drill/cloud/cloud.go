// Package cloud makes the AWS clients of a drill: one set for each region, all on
// one endpoint, behind a guard that records every request and refuses those to a
// region that is blocked.
package cloud

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/smithy-go/middleware"

	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/loopback"
)

// Clients are one region's clients. Route 53 is global: each region's client
// reaches the same zones, and counts as a call of the region that it belongs to.
type Clients struct {
	Region     string
	RDS        *rds.Client
	ECS        *ecs.Client
	CloudWatch *cloudwatch.Client
	Route53    *route53.Client
}

// Cloud is an AWS-compatible endpoint on this machine, and the guard before it.
type Cloud struct {
	Endpoint string
	Account  string
	Guard    *Guard
	clock    clock.Clock
	made     sync.Map // Clients by region
}

// attempts is how often a request that AWS throttled is made, in all: with the
// SDK's own backoff of at most 20 seconds that is about a minute.
const attempts = 8

// New reaches an endpoint, and refuses one that is not on this machine: the drill
// deletes what it made, and must never do so in an account.
func New(endpoint, account string, clk clock.Clock) (*Cloud, error) {
	endpoint, err := loopback.Endpoint(context.Background(), endpoint, net.DefaultResolver.LookupNetIP)
	if err != nil {
		return nil, err
	}
	return &Cloud{Endpoint: endpoint, Account: account, Guard: NewGuard(clk), clock: clk}, nil
}

// In returns the clients of a region.
func (c *Cloud) In(region string) Clients {
	if made, ok := c.made.Load(region); ok {
		return made.(Clients)
	}
	made, _ := c.made.LoadOrStore(region, c.clients(region))
	return made.(Clients)
}

func (c *Cloud) clients(region string) Clients {
	config := aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(c.Endpoint),
		// An emulator takes the account from the key ID; nobody checks the secret.
		Credentials: credentials.NewStaticCredentialsProvider(c.Account, "drill", ""),
		Retryer:     c.retryer,
		APIOptions:  []func(*middleware.Stack) error{c.Guard.attach, dialect},
		// An emulator answers without AWS's checksums, and reads no gzip.
		DisableRequestCompression:  true,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	}
	return Clients{
		Region:     region,
		RDS:        rds.NewFromConfig(config),
		ECS:        ecs.NewFromConfig(config),
		CloudWatch: cloudwatch.NewFromConfig(config),
		Route53:    route53.NewFromConfig(config),
	}
}

// retryer is the SDK's, waiting on the drill's clock.
func (c *Cloud) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.RateLimiter = ratelimit.None
		o.Backoff = waiting{clock: c.clock, delays: retry.NewExponentialJitterBackoff(retry.DefaultMaxBackoff)}
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(neverBlocked)}, o.Retryables...)
	})
}

// neverBlocked keeps the SDK from asking a lost region again: it would only make the
// drill slower.
func neverBlocked(err error) aws.Ternary {
	if errors.Is(err, ErrBlocked) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// waiting spends a backoff on the drill's clock and leaves the SDK nothing to
// wait for.
type waiting struct {
	clock  clock.Clock
	delays retry.BackoffDelayer
}

func (w waiting) BackoffDelay(attempt int, err error) (time.Duration, error) {
	delay, failed := w.delays.BackoffDelay(attempt, err)
	if failed != nil {
		return 0, failed
	}
	return 0, w.clock.Sleep(context.Background(), delay)
}
