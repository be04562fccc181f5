package test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/stacks"
)

// variants are the altered environments that a test has asked for, so that the
// next one gets the same templates. Tests that use jsii do not run in parallel.
var variants = map[string]environment{}

// altered synthesizes one environment that differs from the committed ones, as a
// deployment would, strict validation included. The functions are not copied into
// the assembly: their names in the templates are the hashes of their sources.
func altered(t *testing.T, env config.Environment) environment {
	t.Helper()
	require.NoError(t, env.Validate())
	key := fmt.Sprintf("%#v", env)
	if built, known := variants[key]; known {
		return built
	}
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(t, err)
	context["aws:cdk:bundling-stacks"] = []string{}
	dir := filepath.Join(alteredRoot, strconv.Itoa(len(variants)))
	require.NoError(t, refusal(func() { stacks.NewApp(context, dir, []config.Environment{env}).Synth(nil) }))
	built, err := load(dir, env)
	require.NoError(t, err)
	built.dir = dir
	variants[key] = built
	return built
}
