package procedures

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/account"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/destroy"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/migrate"
	"wallet-infra/internal/password"
	"wallet-infra/internal/restore"
	"wallet-infra/internal/rollback"
)

// dryRun looks, and changes nothing.
func dryRun(output string) func(context.Context, session) error {
	return func(ctx context.Context, s session) error {
		return s.Deploy(ctx, deploy.Options{DryRun: true, Output: output})
	}
}

// A dry run of another release once changed what a running deployment deployed from
// its next stack on.
func TestNoRunWritesWhereAnotherOneDeploysFrom(t *testing.T) {
	w := newWorld(t)
	w.dir = t.TempDir()
	places := map[string]bool{}
	for range 2 {
		w.cdk = nil
		_, err := w.run("", false, dryRun(""))
		require.NoError(t, err)
		place := option(w.cdk[0], "--output")
		assert.False(t, places[place], place)
		assert.NoDirExists(t, place, "nobody needs it any more")
		places[place] = true
	}
	kept := filepath.Join(w.dir, "kept")
	_, err := w.run("", false, dryRun(kept))
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(kept, "manifest.json"))
	_, err = w.run("", false, dryRun(kept))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "kept is not empty: another run may be deploying what it wrote there")
}

// Half of a synthesis, or one that no manifest goes with, is of no use and looks like more.
func TestAFailedRunLeavesNoSynthesis(t *testing.T) {
	w := newWorld(t)
	w.dir = t.TempDir()
	kept := filepath.Join(w.dir, "kept")
	w.onCDK = func(arguments []string) int {
		if arguments[0] != "synth" {
			return 0
		}
		_ = os.MkdirAll(filepath.Join(option(arguments, "--output"), "asset.half"), 0o750)
		return 1
	}
	_, err := w.run("", false, dryRun(kept))
	assert.ErrorContains(t, err, "synthesis failed, nothing was changed")
	assert.NoDirExists(t, kept)
	w.onCDK = func(arguments []string) int {
		if arguments[0] == "deploy" && arguments[1] == "Staging/Data" {
			return 1
		}
		return 0
	}
	_, err = w.run("", false, func(ctx context.Context, s session) error { return s.Prepare(ctx, "r1", deploy.Options{}) })
	assert.ErrorContains(t, err, "Data could not be prepared")
	left, err := filepath.Glob(filepath.Join(w.dir, "build", "deploy", "staging-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestTwoCommandsDoNotChangeOneEnvironmentAtOnce(t *testing.T) {
	w := newWorld(t)
	w.dir = t.TempDir()
	inside := func(what func(context.Context, session) error) error {
		release, err := account.Lock(w.dir, "staging", "deploy")
		require.NoError(t, err)
		defer release()
		_, err = w.run("", false, what)
		return err
	}
	for name, command := range map[string]func(context.Context, session) error{
		"deploy":   deploying("1.1.0"),
		"prepare":  func(ctx context.Context, s session) error { return s.Prepare(ctx, "r1", deploy.Options{}) },
		"destroy":  destroying(destroy.Options{Yes: true}),
		"rollback": returning(rollback.Options{Yes: true}),
		"migrate":  migrating(migrate.Options{Yes: true}),
		"password": func(ctx context.Context, s session) error {
			return s.ReplacePassword(ctx, password.Options{Of: "cache", Yes: true})
		},
		"restore": func(ctx context.Context, s session) error {
			return s.Restore(ctx, restore.Options{Snapshot: "latest", Yes: true})
		},
	} {
		err := inside(command)
		assert.Equal(t, exit.Refused, exit.Of(err), name)
		assert.ErrorContains(t, err, "another command changes staging from this checkout (deploy, process ", name)
	}
	assert.Empty(t, w.deployed())
	require.NoError(t, inside(dryRun("")), "who only looks disturbs nobody")
	require.NoError(t, inside(migrating(migrate.Options{Status: true})))
	_, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, "the lock ends with the command")
}

// What a person has read and approved stands in files that others can write.
func TestAStackWhoseFilesChangedSinceTheyWereReadIsNotDeployed(t *testing.T) {
	t.Run("deploy", func(t *testing.T) {
		w := newWorld(t)
		w.onCDK = func(arguments []string) int {
			if arguments[0] == "deploy" && arguments[1] == "Staging/Network" {
				writeAssembly(option(arguments, "--app"), "1.0.0", false) // another release's
			}
			return 0
		}
		out, err := w.run("", false, deploying("1.1.0"))
		assert.Equal(t, exit.Stale, exit.Of(err), out)
		assert.ErrorContains(t, err, "Compute: what it is deployed from in ")
		assert.NotContains(t, w.deployed(), "Compute")
		assert.Contains(t, out, "not begun:\n  - Compute\n  - Observability")
	})
	t.Run("execute", func(t *testing.T) {
		w := newWorld(t)
		w.change("network")
		path := prepared(t, w)
		w.cdk = nil
		w.onCDK = func(arguments []string) int {
			if arguments[1] == "Staging/Network" {
				writeAssembly(filepath.Dir(path), "1.0.0", false)
			}
			return 0
		}
		_, err := w.run("", false, execute(path))
		assert.Equal(t, exit.Stale, exit.Of(err))
		assert.Equal(t, []string{"Network"}, w.deployed())
	})
	t.Run("prepare", func(t *testing.T) {
		w := newWorld(t)
		w.onCDK = func(arguments []string) int {
			if arguments[0] == "deploy" && arguments[1] == "Staging/Network" {
				writeAssembly(option(arguments, "--app"), "1.0.0", false)
			}
			return 0
		}
		_, err := w.run("", false, func(ctx context.Context, s session) error {
			s.Env.Site.ImageTag = "1.1.0"
			return s.Prepare(ctx, "r1", deploy.Options{ImageTag: "1.1.0"})
		})
		assert.Equal(t, exit.Stale, exit.Of(err))
	})
	t.Run("destroy", func(t *testing.T) {
		w := newWorld(t)
		w.onCDK = func(arguments []string) int {
			if arguments[0] == "destroy" {
				app := option(arguments, "--app")
				_ = os.WriteFile(filepath.Join(app, "manifest.json"), []byte(`{"artifacts": {} }`), 0o600)
			}
			return 0
		}
		_, err := w.run("", false, destroying(destroy.Options{Yes: true}))
		assert.Equal(t, exit.Stale, exit.Of(err))
		assert.Len(t, w.deployed(), 1)
	})
}

// A person who mistypes a flag learns it before signing in anywhere.
func TestWhatWasAskedForIsJudgedBeforeAnybodySignsIn(t *testing.T) {
	w := newWorld(t)
	w.errors["sts GetCallerIdentity"] = "ExpiredToken"
	for want, command := range map[string]func(context.Context, session) error{
		`unknown stack "Kompute"`: func(ctx context.Context, s session) error {
			return s.Deploy(ctx, deploy.Options{Stacks: []string{"Kompute"}, Yes: true})
		},
		`unknown stack "nowhere"`:   destroying(destroy.Options{Stacks: []string{"nowhere"}, Yes: true}),
		"no cloud assembly in":      func(ctx context.Context, s session) error { return s.Deploy(ctx, deploy.Options{Assembly: "/nowhere"}) },
		"no such file":              execute("/nowhere/prepared.json"),
		"Site.ImageTag: want a tag": returning(rollback.Options{To: "bad/tag"}),
		"--snapshot: want latest": func(ctx context.Context, s session) error {
			return s.Restore(ctx, restore.Options{Snapshot: "yesterday", Yes: true})
		},
		"staging is protected: it is removed by a person at a terminal alone": func(ctx context.Context, s session) error {
			s.Env.Protected = true
			return s.Destroy(ctx, destroy.Options{Yes: true})
		},
	} {
		_, err := w.run("", false, command)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, exit.Refused, exit.Of(err), want)
	}
	assert.Empty(t, w.calls, "nothing of AWS was asked")
}
