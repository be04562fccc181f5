package loopback

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names resolves a few host names, so that the test needs no network.
func names(_ context.Context, _, host string) ([]netip.Addr, error) {
	known := map[string][]netip.Addr{
		"localhost":             {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")},
		"here.example.com":      {netip.MustParseAddr("127.0.0.1")},
		"mixed.example.com":     {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("52.94.0.1")},
		"emulator.internal":     {netip.MustParseAddr("10.0.0.5")},
		"sts.amazonaws.com":     {netip.MustParseAddr("52.94.0.1")},
		"localhost.example.com": {netip.MustParseAddr("203.0.113.7")},
		"nowhere.example.com":   {},
	}
	addresses, ok := known[host]
	if !ok {
		return nil, errors.New("no such host")
	}
	return addresses, nil
}

// A run makes and deletes a whole environment: against an account it must not start.
func TestNothingButLoopbackIsLetThrough(t *testing.T) {
	for given, want := range map[string]string{
		"http://127.0.0.1:4566":           "http://127.0.0.1:4566",
		"http://127.0.0.1:4566/":          "http://127.0.0.1:4566",
		"http://127.9.8.7":                "http://127.9.8.7",
		"http://[::1]:4566":               "http://[::1]:4566",
		"https://[::1]":                   "https://[::1]",
		"http://[::ffff:127.0.0.1]:4566":  "http://127.0.0.1:4566",
		"http://localhost:4566":           "http://127.0.0.1:4566", // the address is pinned
		"http://here.example.com:4566":    "http://127.0.0.1:4566",
		"":                                "!want http",
		"127.0.0.1:4566":                  "!want http",
		"ftp://127.0.0.1":                 "!want http",
		"http://":                         "!want http",
		"http://user:pass@127.0.0.1:4566": "!host and port alone",
		"http://127.0.0.1:4566/path":      "!host and port alone",
		"https://sts.amazonaws.com":       "!52.94.0.1",
		"http://emulator.internal:4566":   "!10.0.0.5",
		"http://localhost.example.com":    "!203.0.113.7",
		"http://mixed.example.com":        "!52.94.0.1",
		"http://nowhere.example.com":      "!no address",
		"http://unknown.example.com":      "!no such host",
		"http://0.0.0.0:4566":             "!0.0.0.0",
		"http://[::]:4566":                "!::",
		"http://192.168.1.10:4566":        "!192.168.1.10",
		"http://[fe80::1]:4566":           "!fe80::1",
		"http://[::ffff:10.0.0.1]:4566":   "!10.0.0.1",
		"http://169.254.169.254":          "!169.254.169.254",
	} {
		t.Run(given, func(t *testing.T) {
			got, err := Endpoint(context.Background(), given, names)
			problem, refused := strings.CutPrefix(want, "!")
			if !refused {
				require.NoError(t, err)
				assert.Equal(t, want, got)
				return
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), problem)
			assert.Empty(t, got)
			assert.NotContains(t, err.Error(), "pass@", "a password is not printed")
		})
	}
}

// 192.0.2.0/24 is for documentation (RFC 5737): nothing answers there.
func TestAnEndpointThatNobodyServesIsReportedInSeconds(t *testing.T) {
	begun := time.Now()
	for _, endpoint := range []string{"http://127.0.0.1:1", "http://192.0.2.1:4566"} {
		assert.ErrorContains(t, Reachable(context.Background(), endpoint), "nothing answers at "+endpoint)
	}
	assert.Less(t, time.Since(begun), 2*reachWait)
	assert.ErrorContains(t, Reachable(context.Background(), "127.0.0.1:1"), "want an address such as")
}
