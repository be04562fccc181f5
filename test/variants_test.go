package test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
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
	return synthesizeOnce(t, env, func(app awscdk.App) { app.Synth(nil) })
}

// revalued is altered for an environment that differs in values alone, which needs
// no validator: it looks at what an app writes, and a stage is written by itself.
func revalued(t *testing.T, env config.Environment) environment {
	t.Helper()
	return synthesizeOnce(t, env, func(app awscdk.App) {
		awscdk.Stage_Of(app.Node().FindChild(new(stacks.StageName(env)))).Synth(nil)
	})
}

func synthesizeOnce(t *testing.T, env config.Environment, write func(awscdk.App)) environment {
	t.Helper()
	require.NoError(t, env.Validate())
	key := fmt.Sprintf("%#v", env)
	if built, known := variants[key]; known {
		return built
	}
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(t, err)
	context["aws:cdk:bundling-stacks"] = []string{}
	dir := t.TempDir()
	require.NotPanics(t, func() { write(stacks.NewApp(context, dir, []config.Environment{env})) })
	built, err := load(dir, env)
	require.NoError(t, err)
	variants[key] = built
	return built
}

// withoutImage is the environment before its first release.
func withoutImage(env config.Environment) config.Environment {
	env.Site.ImageTag = config.NoImage
	return env
}
