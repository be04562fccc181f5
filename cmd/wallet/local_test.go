package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/local"
)

// Nothing may be written or deployed before the endpoint is known to be harmless.
func TestItStartsWithNothingButAnEmulatorHere(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                               local.HowToGetAnEmulator,
		"https://cloudformation.aws":     "AWS_ENDPOINT_URL",
		"https://52.94.0.1":              "want an emulator on loopback",
		"http://[2600:1f00::1]:4566":     "want an emulator on loopback",
		"http://192.0.2.1:4566?x=http:/": "host and port alone",
	} {
		t.Setenv("AWS_ENDPOINT_URL", endpoint)
		dir := filepath.Join(t.TempDir(), "local")
		_, err := call("", false, "staging", "local", "--output", dir)
		require.ErrorContains(t, err, want)
		assert.NoDirExists(t, dir)
	}
}
