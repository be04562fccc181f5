package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The seed's numbers stand here a second time, on purpose: a test that read them
// from config would follow whoever changes config by mistake.

// found is a resource and the template that holds it.
type found struct {
	resource
	id    string
	stack template
}

// everywhere finds the resources of a type in an environment's templates, in the
// order of their names.
func (e environment) everywhere(resourceType string) []found {
	var all []found
	for _, stack := range e.sorted() {
		for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
			if stack.Resources[id].Type == resourceType {
				all = append(all, found{resource: stack.Resources[id], id: id, stack: stack})
			}
		}
	}
	return all
}

// one finds the only resource of a type in an environment.
func (e environment) one(t *testing.T, resourceType string) found {
	t.Helper()
	all := e.everywhere(resourceType)
	require.Lenf(t, all, 1, "%s: resources of type %s", e.Name, resourceType)
	return all[0]
}

// needs skips a test of a stack that is not there, so that one missing stack is one
// failure: TestStagingAndProductionHoldEveryStack's.
func (e environment) needs(t *testing.T, stack string) {
	t.Helper()
	if _, there := e.stacks[stack]; !there {
		t.Skipf("%s has no stack %s", e.Name, stack)
	}
}

func TestStagingAndProductionHoldEveryStack(t *testing.T) {
	require.Equal(t, []string{"production", "staging"}, slices.Sorted(maps.Keys(platform)))
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Equal(t, []string{"compute", "data", "dr", "global", "messaging", "network", "observability"},
			slices.Sorted(maps.Keys(env.stacks)))
	})
}

func TestTheWalletRunsInSaoPaulo(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		want := map[string]string{
			"network": "sa-east-1", "data": "sa-east-1", "messaging": "sa-east-1", "compute": "sa-east-1",
			"observability": "sa-east-1", "global": "us-east-1", "dr": "us-east-1",
		}
		for name, stack := range env.stacks {
			assert.Equal(t, want[name], stack.region, name)
		}
	})
}

func TestTasksHaveTheSizeAndTheRangeOfTheSeed(t *testing.T) {
	want := map[string][]string{ // CPU units, MiB, least and most tasks
		"production": {"4096", "8192", "6", "20"},
		"staging":    {"2048", "4096", "2", "4"},
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		task := env.serviceTask(t)
		scaling := env.serviceScaling(t)
		assert.Equal(t, want[env.Name], []string{
			fmt.Sprint(task.Properties["Cpu"]), fmt.Sprint(task.Properties["Memory"]),
			fmt.Sprint(scaling.Properties["MinCapacity"]), fmt.Sprint(scaling.Properties["MaxCapacity"]),
		})
	})
}

// serviceTask is the task definition that holds the OpenTelemetry collector: the
// service's, not the migrations'.
func (e environment) serviceTask(t *testing.T) found {
	t.Helper()
	for _, task := range e.everywhere("AWS::ECS::TaskDefinition") {
		containers, _ := task.Properties["ContainerDefinitions"].([]any)
		if len(containers) > 1 {
			return task
		}
	}
	require.Failf(t, "no task definition", "%s has no task of several containers", e.Name)
	return found{}
}

// serviceScaling is what scales the service.
func (e environment) serviceScaling(t *testing.T) found {
	t.Helper()
	for _, target := range e.everywhere("AWS::ApplicationAutoScaling::ScalableTarget") {
		if target.Properties["ServiceNamespace"] == "ecs" {
			return target
		}
	}
	require.Failf(t, "no scaling", "%s: nothing scales the service", e.Name)
	return found{}
}

func TestTheServiceScalesOnProcessorMemoryAndRequests(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		targets := map[string]any{}
		for _, policy := range env.everywhere("AWS::ApplicationAutoScaling::ScalingPolicy") {
			tracking := policy.Properties["TargetTrackingScalingPolicyConfiguration"]
			if metric := at(tracking, "PredefinedMetricSpecification", "PredefinedMetricType"); metric != nil {
				targets[fmt.Sprint(metric)] = at(tracking, "TargetValue")
			}
		}
		assert.Equal(t, float64(70), targets["ECSServiceAverageCPUUtilization"])
		assert.Equal(t, float64(80), targets["ECSServiceAverageMemoryUtilization"])
		assert.NotNil(t, targets["ALBRequestCountPerTarget"])
	})
}

func TestAFailedDeploymentRollsItselfBack(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		service := env.one(t, "AWS::ECS::Service")
		breaker := at(service.Properties, "DeploymentConfiguration", "DeploymentCircuitBreaker")
		assert.Equal(t, map[string]any{"Enable": true, "Rollback": true}, breaker)
	})
}

// Setting it would scale a busy service down at every deployment.
func TestADeploymentDoesNotScaleABusyServiceDown(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		assert.NotContains(t, env.one(t, "AWS::ECS::Service").Properties, "DesiredCount")
	})
}

func TestBrokersAreThoseOfTheSeedOrItsNearestPossible(t *testing.T) {
	want := map[string][]any{
		"production": {"kafka.m5.large", float64(3), 3},
		"staging":    {"kafka.t3.small", float64(2), 2}, // one broker is refused
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "messaging")
		cluster := env.one(t, "AWS::MSK::Cluster").Properties
		subnets, _ := at(cluster, "BrokerNodeGroupInfo", "ClientSubnets").([]any)
		assert.Equal(t, want[env.Name], []any{at(cluster, "BrokerNodeGroupInfo", "InstanceType"), cluster["NumberOfBrokerNodes"], len(subnets)})
	})
}

func TestOneLoadBalancerEndsTLSInThreeZones(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		balancer := env.one(t, "AWS::ElasticLoadBalancingV2::LoadBalancer").Properties
		subnets, _ := balancer["Subnets"].([]any)
		assert.Len(t, subnets, 3)
		assert.Equal(t, "internet-facing", balancer["Scheme"])
		certificates := 0
		for _, listener := range env.everywhere("AWS::ElasticLoadBalancingV2::Listener") {
			if at(listener.Properties, "Certificates", 0, "CertificateArn") != nil {
				certificates++
			}
		}
		assert.NotZero(t, certificates, "no listener has a certificate")
	})
}

func TestAWebACLStandsBeforeTheAPI(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		association := env.one(t, "AWS::WAFv2::WebACLAssociation")
		balancer := env.one(t, "AWS::ElasticLoadBalancingV2::LoadBalancer")
		assert.Equal(t, balancer.stack.name, association.stack.name)
		assert.True(t, mentions(association.Properties["ResourceArn"], balancer.id), "the web ACL protects something else")
	})
}

func TestGrafanaHasOneWorkspace(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		workspace := env.one(t, "AWS::Grafana::Workspace")
		assert.Equal(t, "us-east-1", workspace.stack.region, "Grafana is not offered in sa-east-1")
		sources := fmt.Sprint(workspace.Properties["DataSources"])
		for _, source := range []string{"CLOUDWATCH", "PROMETHEUS", "XRAY"} {
			assert.Contains(t, sources, source)
		}
	})
}

func TestImagesHaveARegistry(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		names := map[any]bool{}
		for _, repository := range env.everywhere("AWS::ECR::Repository") {
			if repository.stack.region == "sa-east-1" {
				names[repository.Properties["RepositoryName"]] = true
			}
		}
		assert.Equal(t, map[any]bool{"wallet-" + env.Name + "/service": true, "wallet-" + env.Name + "/migrations": true}, names)
	})
}

func TestMetricsReachManagedPrometheusInBrazil(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "observability")
		assert.Equal(t, "sa-east-1", env.one(t, "AWS::APS::Workspace").stack.region)
	})
}

func TestTracesReachXRayThroughTheCollector(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		task := env.serviceTask(t)
		containers := fmt.Sprint(task.Properties["ContainerDefinitions"])
		assert.Contains(t, containers, "aws-otel-collector")
		policies := ""
		for _, policy := range env.everywhere("AWS::IAM::Policy") {
			if policy.stack.name == task.stack.name {
				policies += fmt.Sprint(policy.Properties["PolicyDocument"])
			}
		}
		assert.Contains(t, policies, "xray:PutTraceSegments")
	})
}

func TestEveryContainerLogsToCloudWatch(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "compute")
		for _, task := range env.everywhere("AWS::ECS::TaskDefinition") {
			containers, _ := task.Properties["ContainerDefinitions"].([]any)
			for _, container := range containers {
				assert.Equalf(t, "awslogs", at(container, "LogConfiguration", "LogDriver"), "%s %v", task.id, at(container, "Name"))
			}
		}
	})
}

func TestEveryAlarmReachesSomebody(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "observability")
		alarms := env.everywhere("AWS::CloudWatch::Alarm")
		assert.Greater(t, len(alarms), 20, "every component has alarms")
		for _, alarm := range alarms {
			assert.NotEmptyf(t, alarm.Properties["AlarmActions"], "%s %s tells nobody", alarm.stack.name, alarm.id)
		}
		addresses := 0
		for _, subscription := range env.everywhere("AWS::SNS::Subscription") {
			if subscription.Properties["Protocol"] == "email" {
				addresses++
			}
		}
		assert.NotZero(t, addresses, "no topic has a reader")
	})
}

func TestDashboardsShowBusinessAndTechnology(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		env.needs(t, "observability")
		var names []string
		for _, dashboard := range env.everywhere("AWS::CloudWatch::Dashboard") {
			names = append(names, fmt.Sprint(dashboard.Properties["DashboardName"]))
		}
		all := strings.Join(names, " ")
		for _, kind := range []string{"business", "technical", "infrastructure"} {
			assert.Contains(t, all, kind)
		}
	})
}

// Everything behind the load balancer stands in the private and database tiers.
func TestNoBackendStandsInAPublicSubnet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		placed := map[string][]any{
			"AWS::ECS::Service":             {"NetworkConfiguration", "AwsvpcConfiguration", "Subnets"},
			"AWS::MSK::Cluster":             {"BrokerNodeGroupInfo", "ClientSubnets"},
			"AWS::RDS::DBSubnetGroup":       {"SubnetIds"},
			"AWS::ElastiCache::SubnetGroup": {"SubnetIds"},
			"AWS::Lambda::Function":         {"VpcConfig", "SubnetIds"},
		}
		for _, resourceType := range slices.Sorted(maps.Keys(placed)) {
			for _, backend := range env.everywhere(resourceType) {
				subnets := at(backend.Properties, placed[resourceType]...)
				assert.NotContainsf(t, fmt.Sprint(subnets), "PublicSubnet", "%s %s", backend.stack.name, backend.id)
			}
		}
	})
}

func TestAWSBackupRunsEveryDay(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, plan := range env.everywhere("AWS::Backup::BackupPlan") {
			schedule := fmt.Sprint(at(plan.Properties, "BackupPlan", "BackupPlanRule", 0, "ScheduleExpression"))
			assert.Regexp(t, `^cron\(\d+ \d+ (\* \* \?|\? \* \*) \*\)$`, schedule)
		}
		assert.NotEmpty(t, env.everywhere("AWS::Backup::BackupPlan"))
	})
}
