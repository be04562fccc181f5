// Package loopback keeps what works on emulators to this machine: it lets no endpoint
// through that is elsewhere, because elsewhere is an account.
package loopback

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Resolver finds the addresses of a host name, as net.Resolver.LookupNetIP does.
type Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)

// Endpoint checks that an AWS endpoint is on this machine and returns it with the
// address in the place of the host name, so that a name that resolves elsewhere a
// second later changes nothing. It refuses everything that is not loopback: what
// is done to an emulator must never be done to an account.
func Endpoint(ctx context.Context, value string, resolve Resolver) (string, error) {
	address, err := url.Parse(value)
	if err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Hostname() == "" {
		return "", fmt.Errorf("AWS_ENDPOINT_URL: want http://127.0.0.1:PORT, got %q", value)
	}
	if address.User != nil || address.RawQuery != "" || strings.Trim(address.Path, "/") != "" {
		return "", fmt.Errorf("AWS_ENDPOINT_URL: want scheme, host and port alone, got %q", address.Redacted())
	}
	addresses, err := addressesOf(ctx, address.Hostname(), resolve)
	if err != nil {
		return "", fmt.Errorf("AWS_ENDPOINT_URL: %w", err)
	}
	for _, found := range addresses {
		if !found.Unmap().IsLoopback() {
			return "", fmt.Errorf("AWS_ENDPOINT_URL: want an emulator on loopback, got %s, which is %s", value, found)
		}
	}
	host := addresses[0].Unmap().String()
	if port := address.Port(); port != "" {
		return address.Scheme + "://" + net.JoinHostPort(host, port), nil
	}
	if addresses[0].Unmap().Is6() {
		host = "[" + host + "]"
	}
	return address.Scheme + "://" + host, nil
}

func addressesOf(ctx context.Context, host string, resolve Resolver) ([]netip.Addr, error) {
	if literal, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{literal}, nil
	}
	addresses, err := resolve(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return addresses, nil
}

// reachWait is how long an endpoint may take to accept a connection. The AWS SDK
// would try for minutes, with every call.
const reachWait = 3 * time.Second

// Reachable fails unless something listens at an endpoint, such as
// http://127.0.0.1:4566.
func Reachable(ctx context.Context, endpoint string) error {
	address, err := url.Parse(endpoint)
	if err != nil || address.Hostname() == "" {
		return fmt.Errorf("AWS_ENDPOINT_URL: want an address such as http://127.0.0.1:4566, got %q", endpoint)
	}
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	dialer := net.Dialer{Timeout: reachWait}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	if err != nil {
		return fmt.Errorf("nothing answers at %s (AWS_ENDPOINT_URL): %w", endpoint, err)
	}
	return connection.Close()
}
