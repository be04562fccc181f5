package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/config"
)

// The seed's numbers stand in the tests a second time, on purpose: a test that
// read them from config would follow whoever changes config by mistake.

func TestStagingAndProductionHoldEveryStack(t *testing.T) {
	assert.Subset(t, slices.Collect(maps.Keys(platform(t))), []string{"production", "staging"})
	eachEnvironment(t, func(t *testing.T, env environment) {
		want := []string{"compute", "data", "dr", "global", "messaging", "network", "observability", "registry"}
		if env.DR.Mode == config.DRStandby {
			want = slices.Sorted(slices.Values(append(want, "dr-compute", "dr-messaging", "dr-recovery", "dr-registry")))
		}
		if !env.DR.Mode.Copies() {
			want = slices.DeleteFunc(want, func(name string) bool { return name == "dr" })
		}
		assert.Equal(t, want, slices.Sorted(maps.Keys(env.stacks)))
		assert.ElementsMatch(t, want, strings.Split(strings.ToLower(strings.Join(env.StackIDs(), " ")), " "), "the command line takes these")
	})
}

func TestTheWalletRunsInSaoPaulo(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		want := map[string]string{
			"network": "sa-east-1", "data": "sa-east-1", "messaging": "sa-east-1", "compute": "sa-east-1",
			"observability": "sa-east-1", "global": "us-east-1", "dr": "us-east-1",
			"dr-compute": "us-east-1", "dr-messaging": "us-east-1", "dr-recovery": "us-east-1",
			"registry": "sa-east-1", "dr-registry": "us-east-1",
		}
		for name, stack := range env.stacks {
			assert.Equal(t, want[name], stack.region, name)
		}
	})
}

// At its peak the seed wants 15,000 transactions a second of 20 tasks, so each
// carries 45,000 a minute. With a target above that, autoscaling would stop before
// the last task has come.
func TestThePeakOfTheSeedBringsOutEveryTask(t *testing.T) {
	const peak, tasks = 15_000 * 60, 20
	service := platform(t)["production"].Service
	assert.LessOrEqual(t, service.RequestsPerTaskPerMinute, peak/tasks)
	perCPU := func(s config.Service) float64 { return float64(s.RequestsPerTaskPerMinute) / float64(s.CPU) }
	assert.InDelta(t, perCPU(service), perCPU(platform(t)["staging"].Service), 0.01, "staging would rehearse another behaviour")
}

// Everything behind the load balancer stands in the private and database tiers.
func TestNoBackendStandsInAPublicSubnet(t *testing.T) {
	placed := map[string][]any{
		"AWS::ECS::Service":             {"NetworkConfiguration", "AwsvpcConfiguration", "Subnets"},
		"AWS::MSK::Cluster":             {"BrokerNodeGroupInfo", "ClientSubnets"},
		"AWS::RDS::DBSubnetGroup":       {"SubnetIds"},
		"AWS::ElastiCache::SubnetGroup": {"SubnetIds"},
		"AWS::Lambda::Function":         {"VpcConfig", "SubnetIds"},
	}
	seen := map[string]bool{}
	eachResource(t, func(t *testing.T, _ environment, stack template, id string, r resource) {
		if path, backend := placed[r.Type]; backend {
			seen[r.Type] = true
			assert.NotContainsf(t, fmt.Sprint(at(r.Properties, path...)), "PublicSubnet", "%s %s", stack.name, id)
		}
	})
	assert.Len(t, seen, len(placed), "a kind of backend is gone, or is placed in another way")
}
