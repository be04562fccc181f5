package procedures

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/preflight"
)

// look looks before the deployment of a stack with one resource, and returns the
// problems and what was noticed.
func (w *world) look(env config.Environment, region string, resource cfn.Resource, exists bool) (problems, notes []string) {
	w.t.Helper()
	stack := cfn.Stack{ID: "Staging/Some", Name: "wallet-staging-some", Region: region, Raw: []byte(`{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`),
		Template: cfn.Template{Resources: map[string]cfn.Resource{"A": resource}}}
	delete(w.stacks, stack.Name)
	if exists {
		w.stacks[stack.Name] = w.standing("some", `{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`)
		w.regions = map[string]string{stack.Name: region}
	}
	out, err := w.runIn(context.Background(), env, "", false, func(ctx context.Context, s session) error {
		_, err := preflight.Look{Env: s.Env, Account: s.Account, Console: s.Console, Checkout: s.CDK.Dir}.Run(ctx, cdk.Assembly{Stacks: []cfn.Stack{stack}}, []cfn.Stack{stack})
		return err
	})
	noticed, found, _ := strings.Cut(out, "problems:\n")
	problems, notes = points(found), points(noticed)
	assert.Equal(w.t, len(problems) > 0, err != nil)
	return problems, notes
}

// points are those of a list that was printed.
func points(text string) (all []string) {
	for line := range strings.Lines(text) {
		if point, is := strings.CutPrefix(line, "  - "); is {
			all = append(all, strings.TrimSpace(point))
		}
	}
	return all
}

func TestAnAccountThatReplicatesItsImagesAlreadyIsNotGivenASecondConfiguration(t *testing.T) {
	rules := func(filters ...any) array {
		return array{object{"destinations": array{}, "repositoryFilters": filters}}
	}
	filter := func(prefix string) any { return object{"filter": prefix, "filterType": "PREFIX_MATCH"} }
	for name, test := range map[string]struct {
		rules   array
		exists  bool
		refused bool
	}{
		"none":                           {nil, false, false},
		"its own":                        {rules(filter("wallet-staging")), true, false},
		"left behind by a removed stack": {rules(filter("wallet-staging")), false, true},
		"another environment's":          {rules(filter("wallet-production")), true, true},
		"somebody's beside its own":      {append(rules(filter("wallet-staging")), rules(filter("shop"))...), true, true},
		"everything":                     {rules(), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.replication = test.rules
			problems, _ := w.look(config.Staging(), "sa-east-1", cfn.Resource{Type: "AWS::ECR::ReplicationConfiguration"}, test.exists)
			if !test.refused {
				assert.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0], "aws ecr describe-registry --region sa-east-1")
		})
	}
	w := newWorld(t)
	w.errors["ecr DescribeRegistry"] = "AccessDeniedException"
	problems, _ := w.look(config.Staging(), "sa-east-1", cfn.Resource{Type: "AWS::ECR::ReplicationConfiguration"}, true)
	assert.Len(t, problems, 1, "what cannot be asked is not good")
}

func TestTransactionSearchThatSomebodyTurnedOnIsKnownBeforeADeployment(t *testing.T) {
	search := cfn.Resource{Type: "AWS::XRay::TransactionSearchConfig"}
	w := newWorld(t)
	problems, _ := w.look(config.Staging(), "sa-east-1", search, false)
	assert.Empty(t, problems)

	w.spans = "CloudWatchLogs"
	problems, _ = w.look(config.Staging(), "sa-east-1", search, false)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0], "aws xray update-trace-segment-destination --destination XRay --region sa-east-1")
	problems, _ = w.look(config.Staging(), "sa-east-1", search, true)
	assert.Empty(t, problems, "it is the environment's own")

	w.errors["xray GetTraceSegmentDestination"] = "AccessDeniedException"
	problems, _ = w.look(config.Staging(), "sa-east-1", search, false)
	assert.Len(t, problems, 1, "what cannot be asked is not good")
}

func TestAVersionOfGrafanaThatAWSDoesNotOfferIsKnownBeforeADeployment(t *testing.T) {
	workspace := cfn.Resource{Type: "AWS::Grafana::Workspace", Properties: map[string]any{"GrafanaVersion": "10.4"}}
	w := newWorld(t)
	w.grafana = array{"10.4", "12.4"}
	problems, notes := w.look(config.Staging(), "us-east-1", workspace, false)
	assert.Empty(t, append(problems, notes...))

	w.grafana = array{"12.4", "13.0"}
	problems, _ = w.look(config.Staging(), "us-east-1", workspace, false)
	assert.Equal(t, []string{"Managed Grafana does not offer version 10.4 in us-east-1: set Observability.GrafanaVersion to one of 12.4, 13.0"}, problems)

	problems, notes = w.look(config.Staging(), "us-east-1", workspace, true)
	assert.Empty(t, problems, "a workspace outlives the offer of its version")
	assert.Len(t, notes, 1)

	w.errors["grafana ListVersions"] = "AccessDeniedException"
	problems, _ = w.look(config.Staging(), "us-east-1", workspace, false)
	assert.Len(t, problems, 1, "what cannot be asked is not good")
}

// A failed pull ends the task, although the collector is not essential.
func TestATaskThatWouldNotFindItsCollectorIsNotDeployed(t *testing.T) {
	w := newWorld(t)
	delete(w.collectors, "sa-east-1/"+stagingCollector)
	_, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.ImagesMissing, exit.Of(err))
	assert.ErrorContains(t, err, "scripts/collector.sh staging")
	assert.Empty(t, w.deployed())

	w = standby(t)
	delete(w.collectors, "us-east-1/"+stagingCollector)
	out, err := w.deployStandby(deploy.Options{})
	assert.Error(t, err)
	assert.Contains(t, out, "in us-east-1: ECR copies only what is pushed after the copy was set up")
	assert.Empty(t, w.deployed())
}

// RDS wants the secondary first, and would take the stack back in the middle.
func TestThePrimaryIsNotPatchedBeforeTheStandby(t *testing.T) {
	cluster := cfn.Resource{Type: "AWS::RDS::DBCluster", Properties: map[string]any{"EngineVersion": "new"}}
	for name, test := range map[string]struct {
		primary, secondary string // the versions that run; empty for no cluster
		refused            bool
	}{
		"both have it":                {"new", "new", false},
		"nothing changes":             {"new", "old", false},
		"the standby has it":          {"old", "new", false},
		"the standby has it not":      {"old", "old", true},
		"the standby is detached":     {"old", "", false},
		"there is no primary to harm": {"", "old", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.engines = map[string]string{"sa-east-1": test.primary, "us-east-1": test.secondary}
			env := config.Staging()
			env.DR.Mode = config.DRStandby
			problems, _ := w.look(env, "sa-east-1", cluster, true)
			assert.Equal(t, test.refused, len(problems) == 1, problems)
		})
	}
}
