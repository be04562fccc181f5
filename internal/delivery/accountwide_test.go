package delivery

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
	"wallet-infra/internal/stacks"
)

// look runs the checks of an account for a stack with one resource.
func (w *world) look(region string, resource cfn.Resource, exists bool) console.Findings {
	w.t.Helper()
	var found console.Findings
	_, err := w.run("", false, func(ctx context.Context, s *Session) error {
		require.NoError(w.t, s.identify(ctx))
		stack := cfn.Stack{Name: "wallet-staging-some", Region: region, Template: cfn.Template{Resources: map[string]cfn.Resource{"A": resource}}}
		ready := readied{selected: []cfn.Stack{stack}, seen: map[string]stacks.Live{}}
		if exists {
			ready.seen[stack.Name] = stacks.Live{Status: "UPDATE_COMPLETE"}
		}
		s.checkAccount(ctx, ready, []string{"sa-east-1", "us-east-1"}, &found)
		return nil
	})
	require.NoError(w.t, err)
	return found
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
			found := w.look("sa-east-1", cfn.Resource{Type: "AWS::ECR::ReplicationConfiguration"}, test.exists)
			if !test.refused {
				assert.Empty(t, found.Problems)
				return
			}
			require.Len(t, found.Problems, 1)
			assert.Contains(t, found.Problems[0], "aws ecr describe-registry --region sa-east-1")
		})
	}
	w := newWorld(t)
	w.errors["ecr DescribeRegistry"] = "AccessDeniedException"
	found := w.look("sa-east-1", cfn.Resource{Type: "AWS::ECR::ReplicationConfiguration"}, true)
	assert.Len(t, found.Problems, 1, "what cannot be asked is not good")
}

func TestAVersionOfGrafanaThatAWSDoesNotOfferIsKnownBeforeADeployment(t *testing.T) {
	workspace := cfn.Resource{Type: "AWS::Grafana::Workspace", Properties: map[string]any{"GrafanaVersion": "10.4"}}
	w := newWorld(t)
	w.grafana = array{"10.4", "12.4"}
	assert.Empty(t, w.look("us-east-1", workspace, false))

	w.grafana = array{"12.4", "13.0"}
	found := w.look("us-east-1", workspace, false)
	assert.Equal(t, []string{"Managed Grafana does not offer version 10.4 in us-east-1: set Observability.GrafanaVersion to one of 12.4, 13.0"}, found.Problems)

	found = w.look("us-east-1", workspace, true)
	assert.Empty(t, found.Problems, "a workspace outlives the offer of its version")
	assert.Len(t, found.Notes, 1)

	w.errors["grafana ListVersions"] = "AccessDeniedException"
	assert.Len(t, w.look("us-east-1", workspace, false).Problems, 1, "what cannot be asked is not good")
}

// A failed pull ends the task, although the collector is not essential.
func TestATaskThatWouldNotFindItsCollectorIsNotDeployed(t *testing.T) {
	w := newWorld(t)
	delete(w.collectors, "sa-east-1/"+stagingCollector)
	out, err := w.run("", false, func(ctx context.Context, s *Session) error {
		return s.Deploy(ctx, DeployOptions{ImageTag: "1.1.0", Yes: true})
	})
	assert.Error(t, err)
	assert.Contains(t, out, "scripts/collector.sh staging")
	assert.Empty(t, w.deployed())

	w = standby(t)
	delete(w.collectors, "us-east-1/"+stagingCollector)
	out, err = w.deployStandby(DeployOptions{})
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
			var found console.Findings
			_, err := w.runIn(context.Background(), env, "", false, func(ctx context.Context, s *Session) error {
				stack := cfn.Stack{Name: "data", Region: "sa-east-1", Template: cfn.Template{Resources: map[string]cfn.Resource{"A": cluster}}}
				s.checkAccount(ctx, readied{selected: []cfn.Stack{stack}, seen: map[string]stacks.Live{"data": {Status: "UPDATE_COMPLETE"}}}, []string{"sa-east-1", "us-east-1"}, &found)
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, test.refused, len(found.Problems) == 1, found.Problems)
		})
	}
}
