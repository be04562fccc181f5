package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// HowToGetAnEmulator is the line for somebody who has none running.
const HowToGetAnEmulator = "no AWS emulator is named: `pip install ministack==1.5.33 cbor2 && BIND_HOST=127.0.0.1 ministack`" +
	" (github.com/ministackorg/ministack), then AWS_ENDPOINT_URL=http://127.0.0.1:4566 make deploy-local"

// Resolver finds the addresses of a host name, as net.Resolver.LookupNetIP does.
type Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)

// Endpoint checks that an AWS endpoint is on this machine and returns it with the
// address in the place of the host name, so that a name that resolves elsewhere a
// second later changes nothing. It refuses everything that is not loopback: what
// this package does to an account, it must never do to a real one.
func Endpoint(ctx context.Context, value string, resolve Resolver) (string, error) {
	if value == "" {
		return "", errors.New(HowToGetAnEmulator)
	}
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

// kept are the variables of the process environment that the CDK CLI gets: all
// that begins with AWS_ is set by this package, because one forgotten variable
// (AWS_ENDPOINT_URL_S3, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, a profile) would send
// a part of the calls to AWS, and a proxy would take them all.
var kept = []string{"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "USER", "LANG", "SYSTEMROOT", "GOPATH", "GOCACHE", "GOMODCACHE"}

// processEnvironment is what the CDK CLI runs with against the emulator. The
// access key is the account: emulators tell accounts apart by it.
func processEnvironment(endpoint, account, region string) []string {
	var env []string
	for _, name := range kept {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env,
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_ACCESS_KEY_ID="+account,
		"AWS_SECRET_ACCESS_KEY=emulator",
		"AWS_REGION="+region,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"NO_COLOR=1",
	)
}
