package test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines"
)

// applications are the definitions of the service's container, in every stack.
func (e environment) applications(t *testing.T) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, stack := range e.stacks {
		if len(stack.ofType("AWS::ECS::Service")) > 0 {
			found = append(found, stack.container(t, e.Names().ServiceName()))
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestTheServicesTeamKnowsEveryVariableAndSecretThatItsTasksGet(t *testing.T) {
	for heading, property := range map[string]string{"variable": "Environment", "secret": "Secrets"} {
		documented, given := engines.Contract(t, heading), map[string]bool{}
		for _, env := range platform(t) {
			for _, app := range env.applications(t) {
				for name := range pairs(app[property], "Name", "Name") {
					assert.Containsf(t, documented, name, "%s does not say what it is for", engines.ContractPage)
					given[name] = true
				}
			}
		}
		assert.ElementsMatchf(t, slices.Collect(maps.Keys(given)), documented, "%s promises a %s that no task gets", engines.ContractPage, heading)
	}
}

func TestTheServicesTeamKnowsThePortAndThePathsThatReachIt(t *testing.T) {
	content, err := os.ReadFile("../" + engines.ContractPage)
	require.NoError(t, err)
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		app := env.applications(t)[0]
		health := ""
		for _, group := range compute.ofType("AWS::ElasticLoadBalancingV2::TargetGroup") {
			health = textAt(t, group.Properties, "HealthCheckPath")
		}
		promises := []string{
			"port " + rendered(at(app, "PortMappings", 0, "ContainerPort")),
			"user " + textAt(t, app, "User"),
			"`" + health + "`",
		}
		for _, rule := range compute.ofType("AWS::ElasticLoadBalancingV2::ListenerRule") {
			for _, path := range listAt(t, rule.Properties, "Conditions", 0, "PathPatternConfig", "Values") {
				promises = append(promises, "`"+textAt(t, path)+"`")
			}
		}
		for _, promise := range promises {
			assert.Contains(t, string(content), promise)
		}
	})
}
