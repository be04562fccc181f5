package test

import (
	"path/filepath"
	"testing"

	"github.com/aws/jsii-runtime-go"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/stacks"
)

// How long a developer waits: go test ./test -run '^$' -bench . -count 6 | tee new,
// then benchstat old new. No test is timed.

func BenchmarkBothEnvironmentsWithoutValidation(b *testing.B) {
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(b, err)
	environments, err := config.Select(config.All(), config.Choice{})
	require.NoError(b, err)
	for b.Loop() {
		// A run of the program starts a Node of its own.
		jsii.Close()
		require.NoError(b, withoutValidation(func() error {
			return refusal(func() { stacks.NewApp(context, b.TempDir(), environments).Synth(nil) })
		}))
	}
}

func BenchmarkCDKSynthValidated(b *testing.B) {
	program, err := buildBinary()
	require.NoError(b, err)
	cli, err := findCLI()
	require.NoError(b, err)
	if cli == "" {
		b.Skip("the CDK CLI is not installed")
	}
	for b.Loop() {
		require.NoError(b, runOutside(nil, cli, "synth", "**", "--quiet", "--app", program, "--output", filepath.Join(b.TempDir(), "out")))
	}
}
