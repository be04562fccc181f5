package procedures

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
)

// deploy is a deployment without questions.
func deploying(tag string) func(context.Context, session) error {
	return func(ctx context.Context, s session) error {
		s.Env.Site.ImageTag = tag
		return s.Deploy(ctx, deploy.Options{ImageTag: tag, Yes: true})
	}
}

// Each is something that would make a deployment fail half-way, or harm what runs.
func TestADeploymentThatCannotEndWellIsNotBegun(t *testing.T) {
	for name, row := range map[string]struct {
		tag    string
		damage func(*world)
		want   []string
	}{
		"expired credentials":         {"1.1.0", func(w *world) { w.errors["sts GetCallerIdentity"] = "ExpiredToken" }, []string{"credentials have expired", "sign in again"}},
		"another account":             {"1.1.0", func(w *world) { w.account = "999999999999" }, []string{"of account 999999999999", "staging is in " + ofStaging, "AWS_PROFILE"}},
		"region not bootstrapped":     {"1.1.0", func(w *world) { delete(w.bootstrap, "us-east-1") }, []string{"us-east-1 is not bootstrapped: npx cdk bootstrap --custom-permissions-boundary " + config.DeploymentBoundary() + " aws://" + ofStaging + "/us-east-1"}},
		"bootstrap too old":           {"1.1.0", func(w *world) { w.bootstrap["sa-east-1"] = "7" }, []string{"sa-east-1 has version 7", "need 8", "npx cdk bootstrap --custom-permissions-boundary"}},
		"lookup role missing":         {"1.1.0", func(w *world) { w.errors["sts AssumeRole"] = "AccessDenied" }, []string{"sa-east-1: STS AssumeRole: not permitted", "--as-caller"}},
		"image of another processor":  {"1.1.0", func(w *world) { w.images["sa-east-1/wallet-staging/service:1.1.0"] = "arm64" }, []string{"built for arm64", "--platform linux/amd64"}},
		"index of another processor":  {"1.1.0", func(w *world) { w.index = true; w.images["sa-east-1/wallet-staging/service:1.1.0"] = "arm64" }, []string{"built for arm64"}},
		"traffic in both colours":     {"1.1.0", func(w *world) { w.weights = map[string]int{"arn:blue": 50, "arn:green": 50} }, []string{"weights are blue 50, green 50", "go tool wallet staging rollback"}},
		"traffic in no colour":        {"1.1.0", func(w *world) { w.weights = map[string]int{"arn:blue": 0, "arn:green": 0} }, []string{"weights are blue 0, green 0"}},
		"nobody healthy serves":       {"1.1.0", func(w *world) { w.healthy = nil }, []string{"blue carries all the traffic and has no healthy target, of 2 tasks", "--despite-outage"}},
		"the other colour is healthy": {"1.1.0", func(w *world) { w.healthy = map[string]int{"arn:green": 2} }, []string{"blue carries all the traffic and has no healthy target"}},
		"a deployment under way":      {"1.1.0", func(w *world) { w.deployments[0].status = "IN_PROGRESS" }, []string{"deployment of the service is under way (IN_PROGRESS)", "go tool wallet staging rollback"}},
		"Fargate quota":               {"1.1.0", func(w *world) { w.quota = 6 }, []string{"6 vCPU, and 8 tasks of both colours need 16", "request-service-quota-increase --region sa-east-1"}},
		"an outage":                   {"1.1.0", func(w *world) { w.outage = true }, []string{"wallet-staging-outage is in ALARM", "--despite-outage"}},
		"rule changes, weights differ": {"1.1.0", func(w *world) {
			w.weights, w.healthy = map[string]int{"arn:blue": 0, "arn:green": 100}, map[string]int{"arn:green": 2}
			w.stacks["wallet-staging-compute"].template = strings.Replace(templates("1.0.0", false)["compute"], `"Priority": 1`, `"Priority": 2`, 1)
		}, []string{"changes the production rule (Rule)", "blue 100, green 0 while they are blue 0, green 100"}},
		"several at once": {"2.0.0", func(w *world) {
			w.quota = 6
			w.outage = true
			w.stacks["wallet-staging-data"].status = "UPDATE_IN_PROGRESS"
		},
			[]string{"not there: wallet-staging/service:2.0.0 in sa-east-1", "vCPU", "ALARM", "wallet-staging-data is UPDATE_IN_PROGRESS"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.damage(w)
			out, err := w.run("", false, deploying(row.tag))
			require.Error(t, err)
			assert.Equal(t, exit.Refused, exit.Of(err), "%s\n%v", out, err)
			for _, want := range row.want {
				assert.Contains(t, out+err.Error(), want)
			}
			assert.Empty(t, w.deployed(), "nothing is deployed")
			assert.NotContains(t, out+err.Error(), "must-not-be-printed")
		})
	}
}

func TestWhatOnlyLooksBadDoesNotStopADeployment(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*world)
		want   string
	}{
		"nothing at all": {func(*world) {}, "checks passed"},
		"the rule is as it was": {func(w *world) {
			w.weights, w.healthy = map[string]int{"arn:blue": 0, "arn:green": 100}, map[string]int{"arn:green": 1}
		}, "checks passed"},
		"the architecture is unknown":     {func(w *world) { w.errors["ecr BatchGetImage"] = "AccessDeniedException" }, "the architecture could not be read"},
		"the last update went back":       {func(w *world) { w.stacks["wallet-staging-data"].status = "UPDATE_ROLLBACK_COMPLETE" }, "the last update was taken back"},
		"an older deployment rolled back": {func(w *world) { w.deployments[1].status = "ROLLBACK_SUCCESSFUL" }, "checks passed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.change(w)
			out, err := w.run("", false, deploying("1.1.0"))
			require.NoError(t, err, out)
			assert.Contains(t, out, row.want)
			assert.Len(t, w.deployed(), 7)
		})
	}
}

func TestAStackThatNeedsAPersonIsNamedWithTheRemedy(t *testing.T) {
	for state, want := range map[string][]string{
		"ROLLBACK_COMPLETE":      {"delete-stack --region sa-east-1 --stack-name wallet-staging-messaging", "these stayed", "AWS::MSK::Cluster Kafka (physical-kafka)"},
		"ROLLBACK_FAILED":        {"Remove what blocks", "delete-stack"},
		"UPDATE_ROLLBACK_FAILED": {"npx cdk rollback Staging/Messaging -c env=staging", "AWS::MSK::Cluster Kafka (physical-kafka) UPDATE_FAILED"},
		"DELETE_FAILED":          {"finish: aws cloudformation delete-stack", "--retain-resources LOGICAL-ID"},
		"IMPORT_ROLLBACK_FAILED": {"ask AWS Support"},
		"UPDATE_IN_PROGRESS":     {"--wait 1h"},
	} {
		t.Run(state, func(t *testing.T) {
			w := newWorld(t)
			stack := w.stacks["wallet-staging-messaging"]
			stack.status = state
			if state == "UPDATE_ROLLBACK_FAILED" {
				stack.resources[0].status = "UPDATE_FAILED"
			}
			out, err := w.run("", false, deploying("1.1.0"))
			assert.Equal(t, exit.Refused, exit.Of(err), out)
			assert.Contains(t, out, "wallet-staging-messaging is "+state)
			for _, part := range want {
				assert.Contains(t, out, part)
			}
			assert.Empty(t, w.deployed())
		})
	}
}

func TestACreationThatWasRolledBackWholeIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	w.stacks["wallet-staging-observability"].status = "ROLLBACK_COMPLETE"
	w.stacks["wallet-staging-observability"].resources[0].status = "DELETE_COMPLETE"
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.Contains(t, out, "CDK deletes it and creates it anew")
	assert.Contains(t, w.words(), "deploy Staging/Observability")
}

// The CLI would delete it: termination protection says that a person must.
func TestACreationThatWasRolledBackAndIsProtectedNeedsAPerson(t *testing.T) {
	w := newWorld(t)
	stack := w.stacks["wallet-staging-observability"]
	stack.status, stack.guarded, stack.resources = "ROLLBACK_COMPLETE", true, nil
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "update-termination-protection --no-enable-termination-protection --region sa-east-1 --stack-name wallet-staging-observability")
	assert.Empty(t, w.deployed())
}

func TestAnOperationUnderWayIsWaitedForWhenAsked(t *testing.T) {
	w := newWorld(t)
	w.stacks["wallet-staging-data"].status = "UPDATE_IN_PROGRESS"
	run := func(wait time.Duration) (string, error) {
		return w.run("", false, func(ctx context.Context, s session) error {
			s.Wait = wait
			time.AfterFunc(20*time.Minute, func() { w.arrange(func() { w.stacks["wallet-staging-data"].status = "UPDATE_COMPLETE" }) })
			return deploying("1.1.0")(ctx, s)
		})
	}
	out, err := run(10 * time.Minute)
	assert.Equal(t, exit.Refused, exit.Of(err), out)
	w.stacks["wallet-staging-data"].status = "UPDATE_IN_PROGRESS"
	out, err = run(time.Hour)
	require.NoError(t, err, out)
	assert.Contains(t, out, "waiting for wallet-staging-data, which is UPDATE_IN_PROGRESS")
}

// In a pipeline the caller may do nothing but assume the bootstrap's roles.
func TestLooksGoThroughTheLookupRoleOfEachRegion(t *testing.T) {
	w := newWorld(t)
	_, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"arn:aws:iam::" + ofStaging + ":role/cdk-hnb659fds-lookup-role-" + ofStaging + "-sa-east-1",
		"arn:aws:iam::" + ofStaging + ":role/cdk-hnb659fds-lookup-role-" + ofStaging + "-us-east-1",
		"arn:aws:iam::" + ofStaging + ":role/cdk-hnb659fds-file-publishing-role-" + ofStaging + "-sa-east-1", // for a function's code
	}, w.assumed, "each region's, once")

	w = newWorld(t)
	w.asCaller = true
	_, err = w.run("", false, deploying("1.1.0"))
	require.NoError(t, err)
	assert.False(t, w.called("sts AssumeRole"), "--as-caller")
}

// deployStandby is a deployment of an environment with a standby.
func (w *world) deployStandby(options deploy.Options) (string, error) {
	w.standby = true
	env := config.Staging()
	env.DR.Mode = config.DRStandby
	env.Site.ImageTag = "1.1.0"
	options.ImageTag, options.Yes = "1.1.0", true
	return w.runIn(context.Background(), env, "", false, func(ctx context.Context, s session) error { return s.Deploy(ctx, options) })
}

// standby is a world whose second region's service stands, with its image.
func standby(t *testing.T) *world {
	w := newWorld(t)
	for _, name := range []string{"dr-compute", "dr-registry"} {
		w.stacks["wallet-staging-"+name] = w.standing(name, templates("1.0.0", true)[name])
	}
	w.images["us-east-1/wallet-staging/service:1.1.0"] = "amd64"
	w.collectors["us-east-1/"+stagingCollector] = true
	return w
}

// The second region's service pulls its own copy of its image, and migrates
// nothing. Until its own stack is deployed it pulls nothing.
func TestAStandbyIsDeployedWhenItsImageHasArrived(t *testing.T) {
	w := standby(t)
	out, err := w.deployStandby(deploy.Options{})
	require.NoError(t, err, out)
	assert.Contains(t, w.deployed(), "Dr-compute")

	w = standby(t)
	delete(w.images, "us-east-1/wallet-staging/service:1.1.0")
	out, err = w.deployStandby(deploy.Options{})
	assert.Equal(t, exit.ImagesMissing, exit.Of(err))
	assert.Contains(t, out, "wallet-staging/service:1.1.0 in us-east-1: ECR copies only what is pushed after")
	assert.NotContains(t, out, "migrations")
	assert.Empty(t, w.deployed())

	out, err = w.deployStandby(deploy.Options{Stacks: []string{"Compute"}})
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Compute"}, w.deployed())

	w = standby(t)
	w.errors["ecr DescribeImages us-east-1"] = "RepositoryNotFoundException"
	out, err = w.deployStandby(deploy.Options{})
	assert.Equal(t, exit.ImagesMissing, exit.Of(err))
	assert.Contains(t, out, "wallet-staging/service:1.1.0 in us-east-1: there is no such repository")
}

// It takes everything when the first region is lost.
func TestAStandbyWhoseTrafficIsNotInOrderStopsADeployment(t *testing.T) {
	for name, row := range map[string]struct {
		damage func(*world)
		want   []string
	}{
		"both colours":        {func(w *world) { w.weights = map[string]int{"arn:blue": 50, "arn:green": 50} }, []string{"weights are blue 50, green 50"}},
		"nobody is healthy":   {func(w *world) { w.healthy = nil }, []string{"has no healthy target", "--despite-outage"}},
		"a deployment":        {func(w *world) { w.deployments[0].status = "IN_PROGRESS" }, []string{"aws ecs stop-service-deployment --region us-east-1 --service-deployment-arn arn:deployment/2"}},
		"not to be looked at": {func(w *world) { w.errors["elasticloadbalancing DescribeRules us-east-1"] = "AccessDenied" }, []string{"DescribeRules: not permitted"}},
		"the rule changes": {func(w *world) {
			w.weights, w.healthy = map[string]int{"arn:blue": 0, "arn:green": 100}, map[string]int{"arn:green": 2}
			stack := w.stacks["wallet-staging-dr-compute"]
			stack.template = strings.Replace(stack.template, `"Priority": 1`, `"Priority": 2`, 1)
		}, []string{"changes the production rule (Rule)"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := standby(t)
			w.stacks["wallet-staging-compute"].outputs = nil // the first region's has its own test
			row.damage(w)
			out, err := w.deployStandby(deploy.Options{})
			assert.Equal(t, exit.Refused, exit.Of(err), "%s\n%v", out, err)
			assert.Contains(t, out, "wallet-staging-dr-compute")
			for _, want := range row.want {
				assert.Contains(t, out, want)
			}
			assert.Empty(t, w.deployed())
		})
	}
}

func TestAnUnknownEnvironmentIsNamedWithTheKnownOnes(t *testing.T) {
	_, err := account.Choose("prod", "")
	require.ErrorContains(t, err, `unknown environment "prod" (known: `)
	assert.Equal(t, exit.Refused, exit.Of(err))
	_, err = account.Choose("", "")
	require.Error(t, err, "never every environment")
	_, err = account.Choose("staging", "not a tag!")
	require.Error(t, err, "the configuration's own validation holds for a tag of the command line")
	env, err := account.Choose("staging", "3.2.1")
	require.NoError(t, err)
	assert.Equal(t, "3.2.1", env.Site.ImageTag)
}
