package cli

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"
)

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
