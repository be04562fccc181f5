package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cdkJSON writes a cdk.json with the content and returns its path. It clears
// what a CDK CLI around the tests would pass.
func cdkJSON(t *testing.T, content string) string {
	t.Helper()
	t.Setenv("CDK_CONTEXT_JSON", "")
	t.Setenv("CONTEXT_OVERFLOW_LOCATION_ENV", "")
	return written(t, "cdk.json", content)
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

const oneFlag = `{"context": {"@aws-cdk/core:flag": true}, "pathMetadata": true}`

func TestContextIsTheFlagsThenTheCLIsThenTheArguments(t *testing.T) {
	path := cdkJSON(t, oneFlag)
	t.Setenv("CDK_CONTEXT_JSON", `{"env": "staging", "aws:cdk:bundling-stacks": ["**"]}`)
	t.Setenv("CONTEXT_OVERFLOW_LOCATION_ENV", written(t, "overflow.json", `{"@aws-cdk/core:other": false, "imageTag": "1.1"}`))
	context, err := ReadContext(path, []string{"imageTag=2.0=b"})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"@aws-cdk/core:flag":           true,
		"aws:cdk:enable-path-metadata": true,
		"aws:cdk:bundling-stacks":      []any{"**"},
		"@aws-cdk/core:other":          false,
		"env":                          "staging",
		"imageTag":                     "2.0=b",
	}, context)
}

func TestContextThatCannotBeReadSaysWhichPart(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "cdk.json")
	for name, test := range map[string]struct {
		file, inline, overflow string
		want                   string
	}{
		"broken file":      {file: `{"context": {`, want: "cdk.json: want a JSON object whose context holds the feature flags: unexpected end of JSON input"},
		"flags in a list":  {file: `{"context": []}`, want: "cdk.json: want a JSON object whose context holds the feature flags"},
		"no flags":         {file: `{"app": "go run ."}`, want: "cdk.json: context: want the feature flags, got none"},
		"broken inline":    {file: oneFlag, inline: "env=staging", want: "CDK_CONTEXT_JSON: want a JSON object"},
		"broken overflow":  {file: oneFlag, overflow: written(t, "overflow.json", "["), want: "overflow.json: want a JSON object"},
		"missing overflow": {file: oneFlag, overflow: missing, want: "the CDK CLI's context cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			path := cdkJSON(t, test.file)
			t.Setenv("CDK_CONTEXT_JSON", test.inline)
			t.Setenv("CONTEXT_OVERFLOW_LOCATION_ENV", test.overflow)
			_, err := ReadContext(path, nil)
			assert.ErrorContains(t, err, test.want)
		})
	}
	_, err := ReadContext(missing, nil)
	assert.ErrorContains(t, err, "the feature flags cannot be read (run the app in the repository's root)")
}

func TestArgumentsWithoutAValueAreAllNamed(t *testing.T) {
	_, err := ReadContext(cdkJSON(t, oneFlag), []string{"env", "env=staging", "staging"})
	assert.EqualError(t, err, "context: want key=value, got \"env\"\ncontext: want key=value, got \"staging\"")
}

func TestMisspeltContextDoesNotPassInSilence(t *testing.T) {
	for name, test := range map[string]struct {
		context map[string]any
		want    string
	}{
		"misspelt":     {map[string]any{"imagetag": "1"}, "context imagetag: unknown key (known: env, imageTag)"},
		"empty key":    {map[string]any{"": "1"}, "context : unknown key (known: env, imageTag)"},
		"number":       {map[string]any{"imageTag": 1.5}, "context imageTag: want a text that is not empty, got 1.5"},
		"empty":        {map[string]any{"env": ""}, `context env: want a text that is not empty, got ""`},
		"empty tag":    {map[string]any{"imageTag": ""}, `context imageTag: want a text that is not empty, got ""`},
		"both at once": {map[string]any{"environment": "staging", "env": true}, "context env: want a text that is not empty, got true\ncontext environment: unknown key (known: env, imageTag)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadChoice(test.context)
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestKeysOfCDKsOwnAreNotTheUsers(t *testing.T) {
	choice, err := ReadChoice(map[string]any{
		"@aws-cdk/core:flag": true, "aws:cdk:path": "x", "availability-zones:account=1:region=x": []any{},
		"cli-telemetry": false, "acknowledged-issue-numbers": []any{1}, "env": "staging", "imageTag": "1.2.3",
	})
	require.NoError(t, err)
	assert.Equal(t, Choice{Env: "staging", ImageTag: "1.2.3"}, choice)
}

func TestSelectTakesOneEnvironmentAndItsImage(t *testing.T) {
	both := []Environment{small(), large()}
	all, err := Select(both, Choice{})
	require.NoError(t, err)
	assert.Equal(t, both, all)

	selected, err := Select(both, Choice{Env: "production", ImageTag: "9.9"})
	require.NoError(t, err)
	want := large()
	want.Site.ImageTag = "9.9"
	assert.Equal(t, []Environment{want}, selected)
}

func TestSelectRefusesWhatItCannotBuild(t *testing.T) {
	_, err := Select([]Environment{small(), large()}, Choice{Env: "prod"})
	assert.EqualError(t, err, `context env: unknown environment "prod" (known: staging, production)`)

	_, err = Select([]Environment{small(), large()}, Choice{ImageTag: "a b"})
	assert.ErrorContains(t, err, "staging: Site.ImageTag")
	assert.ErrorContains(t, err, "production: Site.ImageTag")

	// A neighbour's network matters even when it is not built now.
	overlapping := large()
	overlapping.Network = small().Network
	_, err = Select([]Environment{small(), overlapping}, Choice{Env: "staging"})
	assert.ErrorContains(t, err, "production: Network.CIDR: want a block apart from staging's Network.CIDR")
}

func FuzzReadChoice(f *testing.F) {
	f.Add("env", "staging")
	f.Add("imagetag", "1")
	f.Add("aws:cdk:x", "")
	f.Fuzz(func(t *testing.T, key, value string) {
		choice, err := ReadChoice(map[string]any{key: value})
		if err == nil && choice == (Choice{}) && key != "" {
			// Only CDK's own keys may be passed over.
			assert.Regexp(t, "^@|:|^acknowledged-issue-numbers$|^cli-telemetry$", key)
		}
	})
}
