package procedures

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/destroy"
	"wallet-infra/internal/exit"
)

func destroying(options destroy.Options) func(context.Context, session) error {
	return func(ctx context.Context, s session) error { return s.Destroy(ctx, options) }
}

// protectedStaging is the world's environment, protected as production is.
func protectedStaging(w *world) config.Environment {
	env := config.Staging()
	env.Protected = true
	for _, stack := range w.stacks {
		stack.guarded = true
	}
	return env
}

func TestARemovalTellsWhatIsLostAndGoesBackwards(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("yes\n", true, destroying(destroy.Options{}))
	require.NoError(t, err, out)
	assert.Contains(t, out, "LOST:\n  - AWS::RDS::DBCluster Cluster (physical-cluster), after a last snapshot that is kept")
	assert.Contains(t, out, "kept, and yours to remove (docs/DEPLOYMENT.md#removing-an-environment):\n  - AWS::MSK::Cluster Kafka (physical-kafka)")
	assert.Contains(t, out, "wallet-staging-network stays: AWS::MSK::Cluster Kafka (physical-kafka) stays and stands in its subnets")
	assert.Less(t, strings.Index(out, "LOST"), strings.Index(out, "Remove staging from account "+ofStaging+"?"), "before the question")
	order := w.deployed()
	assert.Equal(t, []string{"Observability", "Compute", "Registry", "Messaging", "Data", "Global"}, order, "each before those it needs; the network waits for the brokers")
	assert.Contains(t, w.words(), "destroy Staging/Data --app")
	assert.True(t, w.called("elasticloadbalancing ModifyLoadBalancerAttributes"), "the load balancer refuses otherwise")

	w.cdk = nil
	out, err = w.run("yes\n", true, destroying(destroy.Options{}))
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Network"}, w.deployed(), "the second time, when the brokers were removed")
	out, err = w.run("", true, destroying(destroy.Options{}))
	require.NoError(t, err)
	assert.Contains(t, out, "nothing of staging is deployed")
}

func TestAProtectedEnvironmentGoesOnlyWhenAPersonConfirmsTwice(t *testing.T) {
	for name, row := range map[string]struct {
		input    string
		terminal bool
		yes      bool
		status   exit.Status
	}{
		"--yes":                     {"", false, true, exit.Refused},
		"--yes at a terminal":       {"", true, true, exit.Declined},
		"a pipe":                    {"staging\ndestroy " + ofStaging + "\n", false, false, exit.Refused},
		"yes":                       {"yes\nyes\n", true, false, exit.Declined},
		"the name alone":            {"staging\n", true, false, exit.Declined},
		"the name and a yes":        {"staging\nyes\n", true, false, exit.Declined},
		"the name, another account": {"staging\ndestroy 999999999999\n", true, false, exit.Declined},
		"both":                      {"staging\ndestroy " + ofStaging + "\n", true, false, exit.Done},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			env := protectedStaging(w)
			out, err := w.runIn(context.Background(), env, row.input, row.terminal, destroying(destroy.Options{Yes: row.yes}))
			assert.Equal(t, row.status, exit.Of(err), out)
			assert.Equal(t, row.status == exit.Done, len(w.deployed()) > 0)
			assert.Equal(t, row.status == exit.Done, w.called("cloudformation UpdateTerminationProtection"))
			assert.Equal(t, row.status == exit.Done, w.called("elasticloadbalancing ModifyLoadBalancerAttributes"))
		})
	}
}

// While the removal of one stack fails, the others keep their protection.
func TestProtectionIsDroppedStackByStack(t *testing.T) {
	w := newWorld(t)
	env := protectedStaging(w)
	w.onCDK = func(arguments []string) int { return map[bool]int{true: 1}[arguments[1] == "Staging/Compute"] }
	out, err := w.runIn(context.Background(), env, "staging\ndestroy "+ofStaging+"\n", true, destroying(destroy.Options{}))
	assert.Equal(t, exit.Failed, exit.Of(err))
	assert.Contains(t, out, "removed:\n  - wallet-staging-observability")
	assert.ErrorContains(t, err, "Compute could not be removed")
	assert.False(t, w.stacks["wallet-staging-compute"].guarded)
	assert.True(t, w.stacks["wallet-staging-data"].guarded)
	assert.True(t, w.stacks["wallet-staging-network"].guarded)
}

func TestWhatStandsInTheWayOfARemovalIsSaidBeforeIt(t *testing.T) {
	for name, row := range map[string]struct {
		damage func(*world)
		stacks []string
		want   string
	}{
		"a reader that autoscaling added": {func(w *world) { w.members = []string{"physical-cluster", "application-autoscaling-1"} }, nil, "application-autoscaling-1 was added to the database by autoscaling"},
		"protection that config lacks":    {func(w *world) { w.stacks["wallet-staging-data"].guarded = true }, nil, "wallet-staging-data has termination protection in the account"},
		"a stack that others need":        {func(*world) {}, []string{"Network"}, "wallet-staging-data needs wallet-staging-network: remove it first, or with it"},
		"an operation under way":          {func(w *world) { w.stacks["wallet-staging-data"].status = "UPDATE_IN_PROGRESS" }, nil, "wallet-staging-data is UPDATE_IN_PROGRESS"},
		"no permission to look":           {func(w *world) { w.errors["cloudformation GetTemplate"] = "AccessDenied" }, nil, "not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.damage(w)
			out, err := w.run("", false, destroying(destroy.Options{Yes: true, Stacks: row.stacks}))
			assert.Equal(t, exit.Refused, exit.Of(err), out)
			assert.Contains(t, out, row.want)
			assert.Empty(t, w.deployed())
		})
	}
}

func TestADryRemovalChangesNothing(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("", false, destroying(destroy.Options{DryRun: true}))
	require.NoError(t, err)
	assert.Contains(t, out, "LOST")
	assert.Empty(t, w.deployed())
	assert.False(t, slices.ContainsFunc(w.calls, func(call string) bool { return strings.Contains(call, "Modify") || strings.Contains(call, "Update") }))
}

func TestTheCLIsWordForARemovalIsNotEnough(t *testing.T) {
	w := newWorld(t)
	w.deaf = true
	_, err := w.run("", false, destroying(destroy.Options{Yes: true, Stacks: []string{"observability"}}))
	assert.Equal(t, exit.Failed, exit.Of(err))
	require.ErrorContains(t, err, "the CDK CLI has ended and wallet-staging-observability is UPDATE_COMPLETE")
}
