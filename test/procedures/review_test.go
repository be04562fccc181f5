package procedures

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
)

// prepared makes change sets for release 1.1.0 and returns their manifest.
func prepared(t *testing.T, w *world, says ...string) string {
	t.Helper()
	path := ""
	out, err := w.run("", false, func(ctx context.Context, s session) error {
		s.Env.Site.ImageTag = "1.1.0"
		output := filepath.Join(s.CDK.Dir, "reviewed")
		path = filepath.Join(output, "prepared.json")
		return s.Prepare(ctx, "r42", deploy.Options{ImageTag: "1.1.0", Output: output})
	})
	require.NoError(t, err, out)
	assert.Contains(t, out, "Compute will change:\n  - Modify AWS::ECS::TaskDefinition Task REPLACED")
	if len(says) == 0 {
		says = []string{"Observability: no change"}
	}
	for _, line := range says {
		assert.Contains(t, out, line)
	}
	return path
}

func execute(path string) func(context.Context, session) error {
	return func(ctx context.Context, s session) error { return s.Execute(ctx, path, deploy.Options{Yes: true}) }
}

func TestTheReviewedChangeSetIsTheOneThatIsExecuted(t *testing.T) {
	w := newWorld(t)
	path := prepared(t, w)
	manifest, err := readManifest(path)
	require.NoError(t, err)
	assert.Equal(t, "1.1.0", manifest.ImageTag)
	assert.Equal(t, "unknown", manifest.Commit, "no repository here")
	w.cdk = nil
	out, err := w.run("", false, execute(path))
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Compute"}, w.deployed(), "the others do not change")
	assert.Contains(t, w.words(), "--method=execute-change-set --change-set-name arn:set/compute/r42")
	assert.NotContains(t, w.words(), "synth ", "what was reviewed is not made again")

	w.cdk = nil
	out, err = w.run("", false, execute(path))
	require.NoError(t, err, out)
	assert.Empty(t, w.deployed(), "what was executed is passed over")
}

func TestAChangeSetThatIsNoLongerWhatWasReviewedIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*world, string)
		want   string
	}{
		"the stack changed since": {func(w *world, _ string) {
			w.stacks["wallet-staging-compute"].updated = w.stacks["wallet-staging-compute"].updated.Add(time.Minute)
		}, "wallet-staging-compute: the stack was UPDATE_COMPLETE"},
		"a stack without change changed since": {func(w *world, _ string) {
			w.stacks["wallet-staging-network"].updated = w.stacks["wallet-staging-network"].updated.Add(time.Minute)
		}, "wallet-staging-network: the stack was UPDATE_COMPLETE"},
		"another change set was executed": {func(w *world, _ string) {
			w.stacks["wallet-staging-compute"].sets["arn:set/compute/r42"].execution = "OBSOLETE"
		}, "its change set is OBSOLETE"},
		"the change set was deleted": {func(w *world, _ string) { w.stacks["wallet-staging-compute"].sets = nil }, "its change set is gone"},
		"the change set holds another template": {func(w *world, _ string) {
			w.stacks["wallet-staging-compute"].sets["arn:set/compute/r42"].template = "{}"
		}, "its change set holds another template"},
		"a function's code beside the manifest was changed": {func(_ *world, path string) {
			_ = os.WriteFile(filepath.Join(filepath.Dir(path), "asset.f00", "bootstrap"), []byte("x"), 0o700)
		}, "wallet-staging-data: the files beside the manifest are others"},
		"the templates were made again": {func(_ *world, path string) { writeAssembly(filepath.Dir(path), "1.1.0", false); mutate(path) }, "the template beside the manifest is another one"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := prepared(t, w)
			w.cdk = nil
			row.change(w, path)
			out, err := w.run("", false, execute(path))
			assert.Equal(t, exit.Stale, exit.Of(err), "%s\n%v", out, err)
			assert.Contains(t, out, row.want)
			assert.Empty(t, w.deployed())
		})
	}
}

// mutate writes another manifest: as if the templates beside it were others.
func mutate(path string) {
	manifest, _ := readManifest(path)
	manifest.Stacks[0].TemplateSHA256 = strings.Repeat("0", 64)
	_ = writeManifest(path, manifest)
}

// Its references were resolved when it was made.
func TestAChangeSetIsNotExecutedOnOutputsThatItDidNotSee(t *testing.T) {
	w := newWorld(t)
	w.change("network", "data")
	path := prepared(t, w)
	w.cdk = nil
	w.onCDK = func(arguments []string) int {
		if arguments[1] == "Staging/Network" {
			w.stacks["wallet-staging-network"].outputs["VpcId"] = "vpc-2"
		}
		return 0
	}
	out, err := w.run("", false, execute(path))
	assert.Equal(t, exit.Stale, exit.Of(err), out)
	assert.ErrorContains(t, err, `wallet-staging-data reads outputs that changed since the review (of ["wallet-staging-network.VpcId"]): what is executed stands`)
	assert.Equal(t, []string{"Network"}, w.deployed())
}

func TestAManifestOfSomethingElseIsRefused(t *testing.T) {
	w := newWorld(t)
	path := prepared(t, w)
	manifest, err := readManifest(path)
	require.NoError(t, err)
	manifest.Environment = "production"
	require.NoError(t, writeManifest(path, manifest))
	_, err = w.run("", false, execute(path))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "is of production, not of staging")
	_, err = w.run("", false, execute(filepath.Join(t.TempDir(), "none.json")))
	assert.Equal(t, exit.Refused, exit.Of(err))
	manifest.Stacks = nil
	require.NoError(t, writeManifest(path, manifest))
	_, err = w.run("", false, execute(path))
	assert.ErrorContains(t, err, "names no stack")
}

func TestAStackThatCannotBePreparedIsNamed(t *testing.T) {
	w := newWorld(t)
	w.onCDK = func(arguments []string) int { return map[bool]int{true: 1}[arguments[1] == "Staging/Data"] }
	_, err := w.run("", false, func(ctx context.Context, s session) error { return s.Prepare(ctx, "r42", deploy.Options{}) })
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.ErrorContains(t, err, "Data could not be prepared")
	assert.ErrorContains(t, err, "nothing was executed")
}

func TestAnExecutionThatFailsGoesOnWithTheSameManifest(t *testing.T) {
	w := newWorld(t)
	w.change("network", "data")
	path := prepared(t, w)
	w.cdk = nil
	w.onCDK = func(arguments []string) int { return map[bool]int{true: 1}[arguments[1] == "Staging/Data"] }
	_, err := w.run("", false, execute(path))
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.Equal(t, []string{"Network", "Data"}, w.deployed())
	w.cdk, w.onCDK = nil, nil
	out, err := w.run("", false, execute(path))
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Data", "Compute"}, w.deployed(), "Network's was executed")
}

// readManifest and writeManifest are whoever touches the file of a review.
func readManifest(path string) (deploy.Manifest, error) {
	var manifest deploy.Manifest
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &manifest)
	}
	return manifest, err
}

func writeManifest(path string, manifest deploy.Manifest) error {
	content, err := json.Marshal(manifest)
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	return err
}
