package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/hook"
)

const (
	// requestTimeout is a hundred times what the service promises for its slowest
	// one in twenty, so that a cold JVM passes and one that hangs does not.
	requestTimeout = 10 * time.Second
	// retryPause is the time between two attempts at what may still become true.
	retryPause = 2 * time.Second
	// within bounds the whole test where the function has more time.
	within = 2 * time.Minute
	// reserve is kept of the function's time: a function that runs out of it
	// fails the deployment without a reason in its log.
	reserve = 10 * time.Second
)

// networkAPI is the part of EC2 that the function uses.
type networkAPI interface {
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
}

// databaseAPI is the part of RDS that the function uses.
type databaseAPI interface {
	DescribeGlobalClusters(context.Context, *rds.DescribeGlobalClustersInput, ...func(*rds.Options)) (*rds.DescribeGlobalClustersOutput, error)
}

// handler tries one version of the service.
type handler struct {
	settings
	ec2            networkAPI
	rds            databaseAPI
	roots          *x509.CertPool // nil for those of the system
	dial           func(ctx context.Context, network, address string) (net.Conn, error)
	requestTimeout time.Duration
	pause          func(context.Context, time.Duration) error
	logf           func(format string, values ...any)
}

// handle never returns an error: ECS would roll back as it does now, but the
// reason would not be beside all others.
func (h handler) handle(ctx context.Context, _ hook.Event) (hook.Answer, error) {
	ctx, keep := attempt.WithReserve(ctx, reserve)
	defer keep()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := h.try(ctx); err != nil {
		h.logf("smoke: FAILED: %v", err)
		return hook.Answer{Status: hook.Failed}, nil
	}
	h.logf("smoke: SUCCEEDED")
	return hook.Answer{Status: hook.Succeeded}, nil
}

// try asks every address of the load balancer, and moves money through one.
func (h handler) try(ctx context.Context) error {
	writer, err := h.writer(ctx)
	if err != nil {
		return err
	}
	if writer != h.region {
		h.logf("smoke: SKIPPED: the database is written to in %s, and without it the service can do nothing here that could be tested", writer)
		return nil
	}
	addresses, err := h.healthy(ctx)
	if err != nil || !h.transactions {
		return err
	}
	return h.client(addresses[0]).moveMoney(ctx, h.pause, newRun())
}

// writer is the region that writes to the database. While it moves there is none, and
// a version is not let through untested.
func (h handler) writer(ctx context.Context) (string, error) {
	if h.globalCluster == "" {
		return h.region, nil
	}
	region := ""
	err := until(ctx, h.pause, func() error {
		out, err := h.rds.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: new(h.globalCluster)})
		if err != nil {
			return fmt.Errorf("ask which region writes: %w", err)
		}
		for _, cluster := range out.GlobalClusters {
			// API_GlobalCluster, FailoverState: empty unless the writer is being changed.
			if cluster.FailoverState != nil && cluster.FailoverState.Status != "" {
				continue
			}
			for _, member := range cluster.GlobalClusterMembers {
				id, err := arn.Parse(aws.ToString(member.DBClusterArn))
				if err == nil && aws.ToBool(member.IsWriter) {
					region = id.Region
					return nil
				}
			}
		}
		return fmt.Errorf("ask which region writes: %s has no writer, or is changing it", h.globalCluster)
	})
	return region, err
}

// healthy waits until the service answers at every address that the load balancer has,
// and returns them. Each is asked by itself: one that does not answer takes no time from
// the others, and the load balancer may give up an address meanwhile, or get another.
func (h handler) healthy(ctx context.Context) ([]string, error) {
	answered := map[string]bool{}
	var addresses []string
	err := until(ctx, h.pause, func() error {
		var err error
		if addresses, err = h.addresses(ctx); err != nil {
			return err
		}
		problems := make([]error, len(addresses))
		var all sync.WaitGroup
		for i, address := range addresses {
			if answered[address] {
				continue
			}
			all.Go(func() {
				if err := h.client(address).healthy(ctx); err != nil {
					problems[i] = fmt.Errorf("%s: %w", address, err)
				}
			})
		}
		all.Wait()
		for i, address := range addresses {
			answered[address] = problems[i] == nil
		}
		return errors.Join(problems...)
	})
	return addresses, err
}

// addresses are the load balancer's, inside the network. From outside it has a
// name; from here that name leads through NAT, and the security group of the test
// listener knows the function by its group.
func (h handler) addresses(ctx context.Context) ([]string, error) {
	var found []string
	pages := ec2.NewDescribeNetworkInterfacesPaginator(h.ec2, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{
			{Name: new("description"), Values: []string{"ELB " + h.balancer}},
			{Name: new("status"), Values: []string{string(types.NetworkInterfaceStatusInUse)}},
		},
		MaxResults: new(int32(100)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("find the load balancer's addresses: %w", err)
		}
		for _, each := range page.NetworkInterfaces {
			found = append(found, net.JoinHostPort(aws.ToString(each.PrivateIpAddress), h.port))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no network interface is described as %q", "ELB "+h.balancer)
	}
	slices.Sort(found)
	return found, nil
}

// client speaks to the API at one address, which must prove that it is the API.
func (h handler) client(address string) walletAPI {
	return walletAPI{domain: h.domain, http: &http.Client{
		Timeout:       h.requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return h.dial(ctx, network, address)
			},
			TLSClientConfig: &tls.Config{RootCAs: h.roots, ServerName: h.domain, MinVersion: tls.VersionTLS12},
		},
	}}
}

// newRun identifies one test: references of transactions are unique for ever.
func newRun() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}
