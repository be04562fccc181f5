package local

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

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
func TestNothingButLoopbackIsDeployedTo(t *testing.T) {
	for given, want := range map[string]string{
		"http://127.0.0.1:4566":           "http://127.0.0.1:4566",
		"http://127.0.0.1:4566/":          "http://127.0.0.1:4566",
		"http://127.9.8.7":                "http://127.9.8.7",
		"http://[::1]:4566":               "http://[::1]:4566",
		"https://[::1]":                   "https://[::1]",
		"http://[::ffff:127.0.0.1]:4566":  "http://127.0.0.1:4566",
		"http://localhost:4566":           "http://127.0.0.1:4566", // the address is pinned
		"http://here.example.com:4566":    "http://127.0.0.1:4566",
		"":                                "!pip install ministack==1.5.33 cbor2",
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

// One variable of a developer's shell would send a part of the calls to AWS.
func TestTheCLISeesNoOtherEndpointAndNoCredentials(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3":                 "https://s3.amazonaws.com",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
		"AWS_PROFILE":                         "production",
		"AWS_ACCESS_KEY_ID":                   "AKIDREAL",
		"AWS_SESSION_TOKEN":                   "real",
		"AWS_CONFIG_FILE":                     "/somewhere/config",
		"HTTPS_PROXY":                         "http://proxy.example.com:3128",
		"https_proxy":                         "http://proxy.example.com:3128",
		"NODE_OPTIONS":                        "--require /somewhere/agent.js",
		"PATH":                                "/somewhere/bin",
	} {
		t.Setenv(name, value)
	}
	env := processEnvironment("http://127.0.0.1:4566", "111111111111", "sa-east-1")
	all := strings.Join(env, "\n")
	for _, leak := range []string{"amazonaws.com", "IGNORE_CONFIGURED", "AWS_PROFILE", "AKIDREAL", "SESSION_TOKEN", "proxy", "NODE_OPTIONS", "/somewhere/config"} {
		assert.NotContains(t, all, leak)
	}
	assert.Contains(t, env, "AWS_ENDPOINT_URL=http://127.0.0.1:4566")
	assert.Contains(t, env, "AWS_ACCESS_KEY_ID=111111111111")
	assert.Contains(t, env, "PATH=/somewhere/bin")
	assert.Contains(t, env, "AWS_EC2_METADATA_DISABLED=true")
}
