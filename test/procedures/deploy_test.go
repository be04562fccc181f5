package procedures

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
)

func TestStacksAreDeployedAfterThoseTheyNeedFromOneSynthesis(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	order := w.deployed()
	assert.Len(t, order, 7)
	for stack, before := range needs {
		for _, other := range before {
			assert.Less(t, slices.IndexFunc(order, func(s string) bool { return strings.EqualFold(s, other) }),
				slices.IndexFunc(order, func(s string) bool { return strings.EqualFold(s, stack) }), "%s before %s", other, stack)
		}
	}
	synthesized := 0
	for _, arguments := range w.cdk {
		switch arguments[0] {
		case "synth":
			synthesized++
			assert.Subset(t, arguments, []string{"env=staging", "imageTag=1.1.0"})
		case "deploy":
			assert.Subset(t, arguments, []string{"--exclusively", "--method=change-set", "never"}, "one stack, and no question in the middle")
			assert.Equal(t, option(w.cdk[0], "--output"), option(arguments, "--app"))
			assert.NotContains(t, arguments, "--no-rollback", "what stands whole is rolled back")
			assert.NotContains(t, arguments, "--force")
		}
	}
	assert.Equal(t, 1, synthesized)
	assert.Contains(t, out, "[7/7] Observability")
	assert.Contains(t, out, "ProductionRuleArn = arn:rule")
	assert.NotContains(t, out, "not for people")
}

func TestADryRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("", false, func(ctx context.Context, s session) error { return s.Deploy(ctx, deploy.Options{DryRun: true}) })
	require.NoError(t, err, out)
	assert.Empty(t, w.deployed())
	assert.Contains(t, w.words(), "diff --app")
	assert.Contains(t, out, "dry run: nothing was changed")
}

func TestNothingIsDeployedWithoutAYes(t *testing.T) {
	for name, row := range map[string]struct {
		input    string
		terminal bool
		status   exit.Status
		says     string
	}{
		"no terminal": {"yes\n", false, exit.Refused, "without a terminal: add --yes"},
		"no":          {"no\n", true, exit.Declined, "nothing was changed"},
		"nothing":     {"", true, exit.Declined, "nothing was changed"},
		"almost":      {"y\n", true, exit.Declined, "nothing was changed"},
		"yes":         {"yes\n", true, exit.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.run(row.input, row.terminal, func(ctx context.Context, s session) error { return s.Deploy(ctx, deploy.Options{}) })
			assert.Equal(t, row.status, exit.Of(err))
			assert.Equal(t, row.status == exit.Done, len(w.deployed()) > 0)
			if row.says != "" {
				assert.ErrorContains(t, err, row.says)
			}
		})
	}
}

// emptied is an account in which nothing stands, without images.
func emptied(t *testing.T) *world {
	w := newWorld(t)
	w.stacks, w.deployments, w.images, w.collectors = map[string]*stackState{}, nil, map[string]string{}, map[string]bool{}
	return w
}

// push is what a person does between the repositories and the rest.
func (w *world) push(tag string) {
	for _, repository := range []string{"service", "migrations"} {
		w.images["sa-east-1/wallet-staging/"+repository+":"+tag] = "amd64"
	}
	w.collectors["sa-east-1/"+stagingCollector] = true
}

func TestAnEmptyAccountGetsItsRepositoriesFirstAndTheRestWhenTheImagesAreThere(t *testing.T) {
	w := emptied(t)
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.ImagesMissing, exit.Of(err), out)
	assert.Equal(t, []string{"Registry"}, w.deployed(), "nothing else")
	assert.Contains(t, out, "the images of release 1.1.0 are not there:\n  - wallet-staging/service:1.1.0 in sa-east-1\n  - wallet-staging/migrations:1.1.0 in sa-east-1\n  - wallet-staging/collector@sha256:")
	assert.ErrorContains(t, err, "3 images of release 1.1.0 are missing")
	assert.ErrorContains(t, err, "scripts/collector.sh staging), and then: go tool wallet staging deploy --image-tag 1.1.0")

	w.cdk = nil
	out, err = w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.ImagesMissing, exit.Of(err), out)
	assert.Empty(t, w.deployed(), "the repositories stand: there is nothing to do but to push")

	w.push("1.1.0")
	out, err = w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.Len(t, w.deployed(), 7, "all of it, once")
	for _, arguments := range w.cdk {
		if arguments[0] == "deploy" {
			assert.Equal(t, arguments[1] != "Staging/Registry", slices.Contains(arguments, "--no-rollback"), "a rollback would leave retained resources, whose names stop the second attempt")
		}
	}
}

func TestADryRunOfAnEmptyAccountShowsTheRepositoriesAlone(t *testing.T) {
	w := emptied(t)
	out, err := w.run("", false, func(ctx context.Context, s session) error { return s.Deploy(ctx, deploy.Options{DryRun: true}) })
	require.NoError(t, err, out)
	assert.Contains(t, out, "first the image repositories, which do not stand yet")
	assert.Empty(t, w.stacks)

	_, err = w.run("no\n", true, func(ctx context.Context, s session) error { return s.Deploy(ctx, deploy.Options{}) })
	assert.Equal(t, exit.Declined, exit.Of(err))
	assert.Empty(t, w.stacks)
}

func TestTheRepositoriesAloneAreDeployedWithoutImages(t *testing.T) {
	w := emptied(t)
	out, err := w.run("", false, func(ctx context.Context, s session) error {
		return s.Deploy(ctx, deploy.Options{Yes: true, Stacks: []string{"registry"}})
	})
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Registry"}, w.deployed())
	assert.False(t, w.called("ecr DescribeImages"))
}

// ECR copies what is pushed after both registries stand, and the first one copies.
func TestAStandbyThatIsAddedGetsItsRepositoriesBeforeAnythingElse(t *testing.T) {
	w := newWorld(t)
	w.collectors["us-east-1/"+stagingCollector] = true
	out, err := w.deployStandby(deploy.Options{})
	assert.Equal(t, exit.ImagesMissing, exit.Of(err), out)
	assert.ElementsMatch(t, []string{"Registry", "Dr-registry"}, w.deployed())
	assert.Contains(t, out, "wallet-staging/service:1.1.0 in us-east-1: ECR copies only what is pushed after the copy was set up")
}

// Missing images do not hide what else is wrong.
func TestMissingImagesAreToldWithEveryOtherProblem(t *testing.T) {
	w := newWorld(t)
	w.quota = 6
	out, err := w.run("", false, deploying("2.0.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "not there: wallet-staging/service:2.0.0 in sa-east-1")
	assert.Contains(t, out, "Fargate quota")
}

// A first deployment that stopped half-way goes on from what stands.
func TestAHalfMadeStackGoesOn(t *testing.T) {
	for _, state := range []string{"CREATE_FAILED", "UPDATE_FAILED"} {
		w := newWorld(t)
		w.stacks["wallet-staging-data"].status = state
		out, err := w.run("", false, deploying("1.1.0"))
		require.NoError(t, err, out)
		for _, arguments := range w.cdk {
			if arguments[0] == "deploy" {
				assert.Equal(t, arguments[1] == "Staging/Data", slices.Contains(arguments, "--no-rollback"), "%s: %s", state, arguments[1])
			}
		}
	}
}

func TestAFailureSaysWhatStandsAndTheSameCommandGoesOn(t *testing.T) {
	w := newWorld(t)
	w.process = true
	w.onCDK = func(arguments []string) int {
		if arguments[0] == "deploy" && arguments[1] == "Staging/Compute" {
			w.stacks["wallet-staging-compute"].status = "UPDATE_ROLLBACK_COMPLETE"
			return 1
		}
		return 0
	}
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.ErrorContains(t, err, "Compute failed (cdk deploy: exit status 1). Correct the cause and run the same command")
	assert.Contains(t, out, "deployed:\n  - Global\n  - Network\n  - Data\n  - Messaging\n  - Registry\nnot begun:\n  - Observability")
	assert.Contains(t, out, "wallet-staging-compute is UPDATE_ROLLBACK_COMPLETE")
	assert.Contains(t, out, "UPDATE_FAILED Service: no healthy tasks")

	w.onCDK, w.cdk = nil, nil
	out, err = w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.Len(t, w.deployed(), 7)
}

func TestCredentialsThatExpireMidwayAreSaidToHaveExpired(t *testing.T) {
	w := newWorld(t)
	w.onCDK = func(arguments []string) int {
		if arguments[0] == "deploy" && arguments[1] == "Staging/Data" {
			w.errors["cloudformation DescribeStacks"] = "ExpiredToken"
			return 1
		}
		return 0
	}
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.Contains(t, out, "wallet-staging-data could not be looked at: CloudFormation DescribeStacks: the credentials have expired")
}

// The pipeline is cancelled, or somebody presses Ctrl-C: the CLI is told, nothing
// more is begun, and the next run goes on.
func TestAnInterruptedDeploymentStopsAndGoesOnLater(t *testing.T) {
	t.Run("in the middle of a stack", func(t *testing.T) {
		w := newWorld(t)
		w.hang, w.process = make(chan struct{}), true
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-w.hang; cancel() }()
		out, err := w.runIn(ctx, config.Staging(), "", false, deploying("1.1.0"))
		assert.Equal(t, exit.Interrupted, exit.Of(err), "%s\n%v", out, err)
		assert.ErrorContains(t, err, "interrupted at Global: CloudFormation ends by itself what it began there. The same command goes on")
		assert.Equal(t, []string{"Global"}, w.deployed())
		w.hang = nil
		w.cdk = nil
		out, err = w.run("", false, deploying("1.1.0"))
		require.NoError(t, err, out)
	})
	t.Run("between stacks", func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.onCDK = func(arguments []string) int {
			if arguments[0] == "deploy" && arguments[1] == "Staging/Network" {
				cancel()
			}
			return 0
		}
		out, err := w.runIn(ctx, config.Staging(), "", false, deploying("1.1.0"))
		assert.Equal(t, exit.Interrupted, exit.Of(err), "%s\n%v", out, err)
		assert.Equal(t, []string{"Global", "Network"}, w.deployed())
		assert.Contains(t, out, "not begun:\n  - Data")
	})
	t.Run("while looking", func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := w.runIn(ctx, config.Staging(), "", false, deploying("1.1.0"))
		assert.Equal(t, exit.Interrupted, exit.Of(err), "%v", err)
		assert.Empty(t, w.deployed())
	})
}

// CloudFormation resolves a reference when the consumer is deployed and does not
// notice later that it changed; the CLI passes over a template that did not change.
func TestAConsumerOfAChangedOutputIsDeployedThoughItsTemplateIsTheSame(t *testing.T) {
	w := newWorld(t)
	w.onCDK = func(arguments []string) int {
		if arguments[0] == "deploy" && arguments[1] == "Staging/Network" {
			w.stacks["wallet-staging-network"].outputs["VpcId"] = "vpc-2"
		}
		return 0
	}
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	for _, arguments := range w.cdk {
		if arguments[0] == "deploy" {
			assert.Equal(t, arguments[1] == "Staging/Data", slices.Contains(arguments, "--force"), arguments[1])
		}
	}
}

func TestOneStackIsDeployedAloneAndOnlyOnWhatItNeeds(t *testing.T) {
	one := func(stack string) func(context.Context, session) error {
		return func(ctx context.Context, s session) error {
			return s.Deploy(ctx, deploy.Options{Stacks: []string{stack}, Yes: true})
		}
	}
	w := newWorld(t)
	_, err := w.run("", false, one("compute"))
	require.NoError(t, err)
	assert.Equal(t, []string{"Compute"}, w.deployed())

	w = newWorld(t)
	_, err = w.run("", false, one("Kompute"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, `unknown stack "Kompute": want some of Global, Network`)

	w = newWorld(t)
	delete(w.stacks, "wallet-staging-network")
	out, err := w.run("", false, one("Data"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "Data needs wallet-staging-network, which is not deployed: deploy it first (--stack Network)")
}

func TestASynthesisThatIsGivenMustBeOfTheRelease(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "out")
	writeAssembly(dir, "1.0.0", false)
	given := func(tag string) func(context.Context, session) error {
		return func(ctx context.Context, s session) error {
			s.Env.Site.ImageTag = tag
			return s.Deploy(ctx, deploy.Options{Assembly: dir, ImageTag: tag, Yes: true})
		}
	}
	out, err := w.run("", false, given("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "was not synthesized with image tag 1.1.0")
	_, err = w.run("", false, given("1.0.0"))
	require.NoError(t, err)
	assert.NotContains(t, w.words(), "synth ")
}

func TestASynthesisThatFailsChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.onCDK = func(arguments []string) int { return map[bool]int{true: 1}[arguments[0] == "synth"] }
	_, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "synthesis failed, nothing was changed")
	_, err = w.run("", false, func(ctx context.Context, s session) error {
		s.CDK = cdk.New("/nowhere/cdk", s.CDK.Dir, io.Discard)
		return deploying("1.1.0")(ctx, s)
	})
	assert.ErrorContains(t, err, "the CDK CLI is not at /nowhere/cdk")
}
