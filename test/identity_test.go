package test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/stacks"
)

// The tests judge what they synthesize themselves; this proves that it is what the
// CLI deploys and what `go run .` writes, and that an environment asked for alone is
// the same as among others.
func TestTheAppTheBinaryAndTheCLIBuildTheSameTemplates(t *testing.T) {
	t.Parallel()
	want := templatesIn(t, outdir(t))
	require.NotEmpty(t, want)
	others := outsideOnce()
	require.NoError(t, others.err)
	t.Run("one alone, without the CLI", func(t *testing.T) {
		ofIt := maps.Clone(want)
		maps.DeleteFunc(ofIt, func(path, _ string) bool {
			return !strings.HasPrefix(path, "assembly-"+stacks.StageName(platform(t)[aloneName()].Environment))
		})
		require.NotEmpty(t, ofIt)
		assertSameTemplates(t, ofIt, templatesIn(t, others.alone))
	})
	t.Run("every environment, by the CLI", func(t *testing.T) {
		if others.cli == "" {
			t.Skip("the CDK CLI is not installed: `npm ci` installs it, and then this compares what it deploys")
		}
		assertSameTemplates(t, want, templatesIn(t, others.cli))
	})
}

// templatesIn reads every template of a cloud assembly, by path.
func templatesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "assembly-*", "*.template.json"))
	require.NoError(t, err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		found[name] = string(content)
	}
	return found
}

// assertSameTemplates compares bytes, and says which template differs rather than
// print two of them.
func assertSameTemplates(t *testing.T, want, got map[string]string) {
	t.Helper()
	for name, content := range want {
		other, there := got[name]
		if !there {
			t.Errorf("%s is missing", name)
		} else if other != content {
			t.Errorf("%s differs: %s", name, firstDifference(content, other))
		}
	}
	for name := range got {
		assert.Contains(t, want, name, "an unexpected template")
	}
}

func firstDifference(want, got string) string {
	wanted, others := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i, line := range wanted {
		if i >= len(others) || others[i] != line {
			other := "nothing"
			if i < len(others) {
				other = strings.TrimSpace(others[i])
			}
			return "want " + strings.TrimSpace(line) + ", got " + other
		}
	}
	return "it is longer"
}

// deviations are the feature flags that we set otherwise than AWS recommends.
var deviations = map[string]string{
	"@aws-cdk/core:target-partitions": "the wallet runs in the standard partition; China's would only add service names that mean nothing here",
}

// A recommended flag that is missing would give the templates an outdated form,
// and turning it on later replaces resources.
func TestEveryRecommendedFeatureFlagIsSet(t *testing.T) {
	content, err := os.ReadFile("../cdk.json")
	require.NoError(t, err)
	var file struct {
		Context map[string]any `json:"context"`
	}
	require.NoError(t, json.Unmarshal(content, &file))
	recommended := recommendedFlags(t)
	require.Greater(t, len(recommended), 50)
	for flag, value := range recommended {
		if deviations[flag] == "" {
			assert.Equalf(t, value, file.Context[flag], "cdk.json: %s", flag)
		} else {
			assert.NotEqualf(t, value, file.Context[flag], "cdk.json: %s deviates no more; forget the reason", flag)
		}
	}
	assert.Equal(t, true, file.Context["@aws-cdk/core:validateAgainstDefaultRules"], "AWS's validator only warns")
	assert.Equal(t, "weak", file.Context["@aws-cdk/core:defaultCrossStackReferences"], "a changed reference can deadlock two stacks")
}

// recommendedFlags reads them from the library itself, inside its Go module.
func recommendedFlags(t *testing.T) map[string]any {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-cdk-go/awscdk/v2").Output()
	require.NoError(t, err)
	archives, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "jsii", "aws-cdk-lib-*.tgz"))
	require.NoError(t, err)
	require.Len(t, archives, 1)
	file, err := os.Open(archives[0])
	require.NoError(t, err)
	defer file.Close()
	plain, err := gzip.NewReader(file)
	require.NoError(t, err)
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		require.NotErrorIs(t, err, io.EOF, "the library lists its recommended flags no more")
		require.NoError(t, err)
		if header.Name == "package/recommended-feature-flags.json" {
			var flags map[string]any
			require.NoError(t, json.NewDecoder(archive).Decode(&flags))
			return flags
		}
	}
}
