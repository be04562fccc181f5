package procedures

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
)

// evil is code that nobody reviewed.
var evil = packed(map[string]string{"bootstrap": "somebody else's program"})

// reviewed is a world with a manifest that changes Data, which has a function, and
// Compute.
func reviewed(t *testing.T) (*world, string) {
	w := newWorld(t)
	w.change("data")
	path := prepared(t, w)
	w.cdk = nil
	return w, path
}

// The CLI does not upload an object again whose name is right.
func TestCodeThatLaysInTheBucketUnderTheRightNameIsNotTakenForTheReviewed(t *testing.T) {
	for name, body := range map[string][]byte{
		"other code":          evil,
		"a file more":         packed(map[string]string{"bootstrap": program, "more": "x"}),
		"a file less":         packed(map[string]string{}),
		"no package":          []byte("no zip"),
		"another file's name": packed(map[string]string{"Bootstrap": program}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.overwrite(body)
			_, err := w.run("", false, func(ctx context.Context, s session) error { return s.Prepare(ctx, "r1", deploy.Options{}) })
			assert.Equal(t, exit.Stale, exit.Of(err))
			assert.ErrorContains(t, err, functionKey+" in assets is not the code that was synthesized")
		})
	}
	w := newWorld(t)
	w.objects[functionKey] = stored{w.objects[functionKey].body, ""}
	_, err := w.run("", false, func(ctx context.Context, s session) error { return s.Prepare(ctx, "r1", deploy.Options{}) })
	assert.ErrorContains(t, err, "the bucket assets keeps no versions")
}

func TestCodeThatWasReplacedAfterTheReviewIsNotDeployed(t *testing.T) {
	for name, change := range map[string]func(*world){
		"other code":               func(w *world) { w.overwrite(evil) },
		"the same code, once more": func(w *world) { w.overwrite(w.objects[functionKey].body) },
		"replaced, and put back": func(w *world) {
			good := w.objects[functionKey].body
			w.overwrite(evil)
			w.overwrite(good)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, path := reviewed(t)
			change(w)
			out, err := w.run("", false, execute(path))
			assert.Equal(t, exit.Stale, exit.Of(err), out)
			assert.Contains(t, out, "wallet-staging-data: the code f00.zip in assets was written again since the review")
			assert.Empty(t, w.deployed())
		})
	}
	w, path := reviewed(t)
	delete(w.objects, functionKey)
	_, err := w.run("", false, execute(path))
	assert.Error(t, err, "code that is gone")
	assert.Empty(t, w.deployed())
}

// Between the last look and CloudFormation's reading lies a moment.
func TestAFunctionThatRunsOtherCodeThanTheReviewedIsFound(t *testing.T) {
	w, path := reviewed(t)
	w.onCDK = func(arguments []string) int {
		if arguments[1] == "Staging/Data" {
			w.overwrite(evil)
		}
		return 0
	}
	out, err := w.run("", false, execute(path))
	assert.Equal(t, exit.Failed, exit.Of(err), out)
	assert.ErrorContains(t, err, "runs code (SHA-256 "+codeSum(evil)+") that is not the approved")
	assert.Equal(t, []string{"Data"}, w.deployed(), "nothing is executed after it")

	w.cdk, w.onCDK = nil, nil
	_, err = w.run("", false, execute(path))
	assert.Equal(t, exit.Stale, exit.Of(err), "and the same command does not go on over it")
	assert.Empty(t, w.deployed())
}

// CloudFormation compares templates, and a template names the code by its key.
func TestAFunctionThatWasChangedByHandIsFoundThoughItsStackDoesNotChange(t *testing.T) {
	w := newWorld(t)
	path := prepared(t, w)
	w.cdk, w.code = nil, codeSum(evil)
	out, err := w.run("", false, execute(path))
	assert.Equal(t, exit.Stale, exit.Of(err))
	assert.Contains(t, out, "wallet-staging-data: the function physical-function runs code")
	assert.Empty(t, w.deployed())
}

func TestATagThatPointsElsewhereSinceTheReviewIsRefused(t *testing.T) {
	for _, repository := range []string{"wallet-staging/service", "wallet-staging/migrations"} {
		w, path := reviewed(t)
		w.digests[repository] = "sha256:other"
		out, err := w.run("", false, execute(path))
		assert.Equal(t, exit.Stale, exit.Of(err), out)
		assert.Contains(t, out, repository+":1.1.0 in sa-east-1 is sha256:other, and in the review it was sha256:")
		assert.Empty(t, w.deployed())
	}
}

func TestAServiceThatRunsAnotherImageThanTheReviewedIsFound(t *testing.T) {
	run := func(digest string, index bool) error {
		w := newWorld(t)
		w.index = index
		path := prepared(t, w)
		w.running = digest
		_, err := w.run("", false, execute(path))
		return err
	}
	err := run("sha256:other", false)
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.ErrorContains(t, err, "runs the image sha256:other, and sha256:service-1.1.0 is the approved")
	require.NoError(t, run("sha256:service-1.1.0", false))
	require.NoError(t, run("sha256:part", true), "one of the reviewed index")
	require.Error(t, run("sha256:part", false))
}

// What was synthesized is what runs, with a review and without one.
func TestADeploymentWithoutAReviewRunsNoOtherCodeThanWhatWasSynthesized(t *testing.T) {
	t.Run("it lay in the bucket", func(t *testing.T) {
		w := newWorld(t)
		w.overwrite(evil)
		out, err := w.run("", false, deploying("1.1.0"))
		assert.Equal(t, exit.Stale, exit.Of(err))
		assert.ErrorContains(t, err, functionKey+" in assets is not the code that was synthesized")
		assert.Equal(t, []string{"Global", "Network"}, w.deployed())
		assert.Contains(t, out, "not begun:\n  - Data\n")
	})
	t.Run("it was put there meanwhile", func(t *testing.T) {
		w := newWorld(t)
		w.change("data")
		good := w.objects[functionKey].body
		w.onCDK = func(arguments []string) int {
			if arguments[0] == "deploy" && arguments[1] == "Staging/Data" {
				w.overwrite(evil)
			}
			return 0
		}
		_, err := w.run("", false, deploying("1.1.0"))
		assert.Equal(t, exit.Failed, exit.Of(err), "it was deployed")
		assert.ErrorContains(t, err, "is not the code that was synthesized")
		assert.ErrorContains(t, err, "Treat it as an attack")
		assert.NotContains(t, w.deployed(), "Messaging")

		w.onCDK = nil
		w.overwrite(good) // and put back: the function still has it
		w.stacks["wallet-staging-data"].template = templates("1.1.0", false)["data"]
		w.code = codeSum(evil)
		_, err = w.run("", false, deploying("1.1.0"))
		assert.Equal(t, exit.Failed, exit.Of(err))
		assert.ErrorContains(t, err, "runs code (SHA-256 "+codeSum(evil)+") that is not the approved")
	})
	t.Run("nothing lies there yet", func(t *testing.T) {
		w := newWorld(t)
		delete(w.objects, functionKey)
		out, err := w.run("", false, deploying("1.1.0"))
		require.NoError(t, err, out)
	})
}

func TestADeploymentWithoutAReviewRunsTheImagesThatItLookedAt(t *testing.T) {
	w := newWorld(t)
	w.running = "sha256:other"
	_, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.ErrorContains(t, err, "runs the image sha256:other, and sha256:service-1.1.0 is the approved")
	assert.NotContains(t, w.deployed(), "Observability")
}

// keeps deploys, and keeps what was deployed.
func keeps(output string, more deploy.Options) func(context.Context, session) error {
	return func(ctx context.Context, s session) error {
		s.Env.Site.ImageTag = "1.1.0"
		more.ImageTag, more.Yes, more.Output = "1.1.0", true, output
		return s.Deploy(ctx, more)
	}
}

func TestProductionGetsTheImagesThatStagingRan(t *testing.T) {
	w := newWorld(t)
	output := filepath.Join(t.TempDir(), "staging")
	_, err := w.run("", false, keeps(output, deploy.Options{}))
	require.NoError(t, err)
	tested, err := images.Read(filepath.Join(output, "images.json"))
	require.NoError(t, err)
	assert.Len(t, tested, 2)

	w = newWorld(t)
	_, err = w.run("", false, keeps("", deploy.Options{Tested: tested}))
	require.NoError(t, err)
	w.cdk, w.digests["wallet-staging/service"] = nil, "sha256:rebuilt"
	out, err := w.run("", false, keeps("", deploy.Options{Tested: tested}))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "not the image that was tested: wallet-staging/service:1.1.0 in sa-east-1 is sha256:rebuilt, and where it was tested it was sha256:service-1.1.0")
	assert.Empty(t, w.deployed())
	out, err = w.run("", false, keeps("", deploy.Options{Tested: tested[:1]}))
	assert.Equal(t, exit.Refused, exit.Of(err), "nobody tested its migrations: %s", out)
	_, err = w.run("", false, keeps("", deploy.Options{Tested: []images.Image{}}))
	assert.Equal(t, exit.Refused, exit.Of(err), "an empty list is not a test that passed")
}

func TestASynthesisThatWasReviewedIsDeployedWithItsImages(t *testing.T) {
	w := newWorld(t)
	output := filepath.Join(t.TempDir(), "reviewed")
	_, err := w.run("", false, func(ctx context.Context, s session) error {
		s.Env.Site.ImageTag = "1.1.0"
		return s.Deploy(ctx, deploy.Options{ImageTag: "1.1.0", DryRun: true, Output: output})
	})
	require.NoError(t, err)
	again := func(ctx context.Context, s session) error {
		s.Env.Site.ImageTag = "1.1.0"
		return s.Deploy(ctx, deploy.Options{ImageTag: "1.1.0", Assembly: output, Yes: true})
	}
	w.cdk, w.digests["wallet-staging/service"] = nil, "sha256:other"
	out, err := w.run("", false, again)
	assert.Equal(t, exit.Stale, exit.Of(err))
	assert.Contains(t, out, "is sha256:other, and in the review it was sha256:service-1.1.0")
	assert.Empty(t, w.deployed())
	delete(w.digests, "wallet-staging/service")
	_, err = w.run("", false, again)
	require.NoError(t, err)
}

func TestAListOfImagesThatSaysNothingIsRefused(t *testing.T) {
	for content, want := range map[string]string{
		"{":                             "not a list of images",
		`[{"Repository": "a/service"}]`: "without a repository or a digest",
		`[{"Digest": "sha256:1"}]`:      "without a repository or a digest",
		`[{"Repository": "a", "Digest": "1.1.0"}]`: "without a repository or a digest",
	} {
		path := filepath.Join(t.TempDir(), "images.json")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := images.Read(path)
		assert.ErrorContains(t, err, want)
	}
}
