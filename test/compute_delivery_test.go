package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/schema"
)

// deployment is the service's deployment configuration.
func (t template) deployment(test *testing.T) any {
	test.Helper()
	return at(t.only(test, "AWS::ECS::Service").Properties, "DeploymentConfiguration")
}

// function returns a Lambda function by the beginning of its logical ID.
func (t template) function(test *testing.T, prefix string) (string, resource) {
	test.Helper()
	for id, function := range t.ofType("AWS::Lambda::Function") {
		if strings.HasPrefix(id, prefix) {
			return id, function
		}
	}
	require.Failf(test, "no such function", "%s has no function %s…", t.name, prefix)
	return "", resource{}
}

// what ECS rewrites, and what the rules name: replaced, they would be rewritten too.
var beneathTheRules = []string{
	"AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::Listener",
	"AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::ElasticLoadBalancingV2::TargetGroup",
}

// ECS moves the rule's weights behind CloudFormation's back, and CloudFormation
// writes the template's again when anything of the rule changes: after every other
// release, customers would be sent to a group without tasks.
func TestListenerRuleSurvivesEveryReleaseAndEverySize(t *testing.T) {
	t.Parallel()
	known := knownTypes(t)
	eachEnvironment(t, func(t *testing.T, env environment) {
		next := another(env.Environment)
		released := altered(t, next)
		for short, before := range env.stacks {
			if len(before.ofType("AWS::ElasticLoadBalancingV2::ListenerRule")) == 0 {
				continue
			}
			after := released.stack(t, short)
			assert.NotEqual(t, string(before.raw), string(after.raw), "the templates of %s must differ for this test to say anything", before.name)
			for _, resourceType := range beneathTheRules {
				assertUntouched(t, known[resourceType].Replaces, resourceType, before, after, before.name)
			}
		}
	})
}

// assertUntouched holds that an update leaves a type's resources where they are, and
// writes none of the listeners and rules again.
func assertUntouched(t *testing.T, replaces map[string]schema.Certainty, resourceType string, before, after template, what string) {
	t.Helper()
	assert.Equalf(t, slices.Sorted(maps.Keys(before.ofType(resourceType))), slices.Sorted(maps.Keys(after.ofType(resourceType))), "%s: %s", what, resourceType)
	for id, resource := range before.ofType(resourceType) {
		for property := range replaces {
			assert.Equalf(t, resource.Properties[property], after.Resources[id].Properties[property], "%s: %s would be replaced, and the rules with it", what, id)
		}
		if strings.HasPrefix(resourceType, "AWS::ElasticLoadBalancingV2::Listener") {
			assert.JSONEqf(t, encoded(t, resource), encoded(t, after.Resources[id]), "%s: CloudFormation would write %s again", what, id)
		}
	}
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	require.NoError(t, err)
	return string(content)
}

func TestNothingButTheTwoRulesSpeaksOfWeights(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		for _, port := range []float64{443, config.TestPort} {
			_, rule := compute.rule(t, port)
			groups := listAt(t, rule.Properties, "Actions", 0, "ForwardConfig", "TargetGroups")
			require.Len(t, groups, 2, "ECS wants both groups in the rule from the start")
			service := at(compute.only(t, "AWS::ECS::Service").Properties, "LoadBalancers", 0)
			assert.Equal(t, at(service, "TargetGroupArn"), at(groups[0], "TargetGroupArn"))
			assert.Equal(t, at(service, "AdvancedConfiguration", "AlternateTargetGroupArn"), at(groups[1], "TargetGroupArn"))
			assert.EqualValues(t, 100, at(groups[0], "Weight"))
			assert.EqualValues(t, 0, at(groups[1], "Weight"))
		}
	})
	eachResource(t, func(t *testing.T, _ environment, stack template, id string, r resource) {
		if r.Type == "AWS::ElasticLoadBalancingV2::ListenerRule" {
			return
		}
		walk(r.Properties, nil, func(path []string, _ any) {
			assert.NotEqualf(t, "Weight", path[len(path)-1], "%s %s would move requests apart from ECS", stack.name, id)
		})
	})
}

func TestProductionShowsAReleaseToATenthOfItsCustomersFirst(t *testing.T) {
	type rollout struct {
		strategy     string
		canary       any
		bake, stages float64
	}
	eachOfTheSeed(t, map[string]rollout{
		"production": {"CANARY", map[string]any{"CanaryPercent": 10.0, "CanaryBakeTimeInMinutes": 10.0}, 15, 2},
		"staging":    {"BLUE_GREEN", nil, 5, 2},
	}, func(t *testing.T, env environment, want rollout) {
		deployment := env.stack(t, "compute").deployment(t)
		assert.Equal(t, want.strategy, at(deployment, "Strategy"))
		assert.Equal(t, want.canary, at(deployment, "CanaryConfiguration"))
		assert.Nil(t, at(deployment, "LinearConfiguration"), "another strategy's settings are refused")
		assert.EqualValues(t, want.bake, at(deployment, "BakeTimeInMinutes"), "how long the old release can take the requests back at once")
	})
}

func TestAReleaseCanMoveInEqualSteps(t *testing.T) {
	t.Parallel()
	deployment := altered(t, another(config.Staging())).stack(t, "compute").deployment(t)
	assert.Equal(t, "LINEAR", at(deployment, "Strategy"))
	assert.Equal(t, map[string]any{"StepPercent": 12.5, "StepBakeTimeInMinutes": 5.0}, at(deployment, "LinearConfiguration"))
	assert.Nil(t, at(deployment, "CanaryConfiguration"))
}

func TestAReleaseThatFailsOrIsSlowIsTakenBack(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		alarms := at(compute.deployment(t), "Alarms")
		assert.Equal(t, true, at(alarms, "Enable"))
		assert.Equal(t, true, at(alarms, "Rollback"))
		names := map[any]string{}
		for id, alarm := range compute.ofType("AWS::CloudWatch::Alarm") {
			names[alarm.Properties["AlarmName"]] = id
		}
		var want []any
		for _, id := range []string{"errors", "errors-blue", "errors-green", "latency-blue", "latency-green"} {
			want = append(want, env.Names().AlarmName("deployment-"+id))
		}
		assert.ElementsMatch(t, want, at(alarms, "AlarmNames"), "the release may be in either group")
		for _, name := range want {
			require.Contains(t, names, name, "ECS refuses an alarm that does not exist")
			assert.Contains(t, compute.only(t, "AWS::ECS::Service").DependsOn, names[name], "ECS would not find %s", name)
		}
		bake := numberAt(t, compute.deployment(t), "BakeTimeInMinutes")
		assert.GreaterOrEqual(t, bake, float64(config.RollbackWindowMinutes), "the old release is gone before an alarm can go off")
	})
}

func TestECSMovesTheRequestsOfThisServiceAlone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		service := compute.only(t, "AWS::ECS::Service")
		advanced := at(service.Properties, "LoadBalancers", 0, "AdvancedConfiguration")
		production, _ := compute.rule(t, 443)
		trial, _ := compute.rule(t, config.TestPort)
		assert.Equal(t, production, at(advanced, "ProductionListenerRule", "Ref"))
		assert.Equal(t, trial, at(advanced, "TestListenerRule", "Ref"))
		role := rendered(at(advanced, "RoleArn", "Fn::GetAtt", 0))
		assert.Contains(t, service.DependsOn, role, "the role must be there for as long as the service")
	})
}

func TestNobodyButTheTestReachesANewRelease(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		_, tester := compute.function(t, "ReleaseSmoke")
		group := at(tester.Properties, "VpcConfig", "SecurityGroupIds", 0)
		doors := 0
		for id, rule := range compute.ofType("AWS::EC2::SecurityGroupIngress") {
			from, _ := rule.Properties["FromPort"].(float64)
			to, _ := rule.Properties["ToPort"].(float64)
			if from <= config.TestPort && config.TestPort <= to {
				doors++
				assert.Equal(t, group, rule.Properties["SourceSecurityGroupId"], id)
				assert.Contains(t, rendered(at(rule.Properties, "GroupId", "Fn::GetAtt", 0)), "EdgeSecurityGroup")
				assert.Contains(t, compute.only(t, "AWS::ECS::Service").DependsOn, id, "the first release is tested before the door is open")
			}
		}
		assert.Equal(t, 1, doors)
		for id, closed := range compute.ofType("AWS::EC2::SecurityGroup") {
			for _, rule := range cfn.List(closed.Properties["SecurityGroupIngress"]) {
				assert.NotEqualValues(t, config.TestPort, at(rule, "ToPort"), id)
				assert.Less(t, numberAt(t, rule, "ToPort"), float64(config.TestPort), id)
			}
		}
	})
}

// hooks are the service's lifecycle hooks by their stage.
func (t template) hooks(test *testing.T) map[string]any {
	test.Helper()
	found := map[string]any{}
	for _, hook := range cfn.List(at(t.deployment(test), "LifecycleHooks")) {
		for _, stage := range listAt(test, hook, "LifecycleStages") {
			found[textAt(test, stage)] = hook
		}
	}
	return found
}

func TestTheSchemaChangesBeforeAReleaseStartsAndCustomersComeAfterItsTest(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		service := compute.only(t, "AWS::ECS::Service")
		hooks := compute.hooks(t)
		assert.Equal(t, []string{"POST_TEST_TRAFFIC_SHIFT", "PRE_SCALE_UP"}, slices.Sorted(maps.Keys(hooks)))
		for stage, prefix := range map[string]string{"PRE_SCALE_UP": "ReleaseMigration", "POST_TEST_TRAFFIC_SHIFT": "ReleaseSmoke"} {
			id, function := compute.function(t, prefix)
			assert.Equal(t, id, rendered(at(hooks[stage], "HookTargetArn", "Fn::GetAtt", 0)))
			assert.LessOrEqual(t, function.Properties["Timeout"], 900.0, "ECS waits a quarter of an hour for a hook")
			assert.Contains(t, service.DependsOn, id)
			assert.True(t, strings.HasPrefix(rendered(at(hooks[stage], "RoleArn", "Fn::GetAtt", 0)), "ReleaseHookRole"))
		}
		_, migrator := compute.function(t, "ReleaseMigration")
		assert.Equal(t, at(migrator.Properties, "Environment", "Variables", "TASK_DEFINITION"), at(hooks["PRE_SCALE_UP"], "HookDetails", "taskDefinition"),
			"an update that is taken back would migrate with the other release's image")
	})
}

// A hook that is broken would hold every release, also the one that mends it.
func TestHooksCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	compute := altered(t, another(config.Staging())).stack(t, "compute")
	assert.NotContains(t, compute.deployment(t), "LifecycleHooks")
	assert.NotEmpty(t, compute.migration(t), "the schema can still be changed by hand")
}

// What a deployment calls must be there, with its permissions, when the service
// changes: the change is the deployment.
func TestNoDeploymentBeginsBeforeWhatItCallsIsReady(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		required := compute.only(t, "AWS::ECS::Service").DependsOn
		for id, r := range compute.Resources {
			if strings.HasPrefix(id, "Release") && r.Type != "AWS::CDK::Metadata" {
				assert.Contains(t, required, id)
			}
		}
	})
}

// migration returns the definition of the task that changes the schema.
func (t template) migration(test *testing.T) resource {
	test.Helper()
	for _, task := range t.ofType("AWS::ECS::TaskDefinition") {
		if strings.HasSuffix(fmt.Sprint(task.Properties["Family"]), "-migrate") {
			return task
		}
	}
	require.Fail(test, "there is no migration")
	return resource{}
}

func TestTheMigrationIsTheReleasesOwn(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		task := compute.migration(t)
		assert.Equal(t, env.Names().MigrationFamily(), task.Properties["Family"])
		assert.Equal(t, fmt.Sprint(env.Delivery.Migration.CPU), task.Properties["Cpu"])
		assert.Equal(t, fmt.Sprint(env.Delivery.Migration.MemoryMiB), task.Properties["Memory"])
		assert.Equal(t, env.Service.Architecture, at(task.Properties, "RuntimePlatform", "CpuArchitecture"))
		assert.Len(t, task.Properties["ContainerDefinitions"], 1)
		container := containerOf(t, task, "migrate")
		image := encoded(t, container["Image"])
		assert.Regexp(t, `RegistryMigrations[^"]*","Region":"[^"]*","StackName":"wallet-`+env.Name+`-registry"`, image)
		assert.Contains(t, image, `":`+env.Site.ImageTag+`"`, "the schema of one release, the service of another")
		assert.Equal(t, []any{"up"}, container["Command"])
		assert.Equal(t, "65532", container["User"])
		assert.Equal(t, true, container["ReadonlyRootFilesystem"])
		assert.Equal(t, []any{"ALL"}, at(container, "LinuxParameters", "Capabilities", "Drop"))
		variables := environmentOf(container)
		assert.Regexp(t, `^<wallet-`+env.Name+`-data [^>]*ClusterEndpoint|EndpointAddress`, variables["DATABASE_HOST"])
		assert.NotContains(t, variables["DATABASE_HOST"], "ReadEndpoint", "readers take no changes")
		assert.Equal(t, "3306", variables["DATABASE_PORT"])
		assert.Equal(t, "wallet", variables["DATABASE_NAME"])
		assert.Equal(t, "blocking", at(container, "LogConfiguration", "Options", "mode"), "what a migration did to the ledger may be lost")
		logs := compute.Resources[rendered(at(container, "LogConfiguration", "Options", "awslogs-group", "Ref"))]
		assert.Equal(t, env.Protected, slices.Contains(retained, logs.DeletionPolicy), "who changed the schema is gone with the stack")
		_, migrator := compute.function(t, "ReleaseMigration")
		given := at(migrator.Properties, "Environment", "Variables")
		assert.Equal(t, fmt.Sprint(env.Delivery.Migration.Timeout.Seconds()), at(given, "TIMEOUT_SECONDS"))
		assert.Equal(t, fmt.Sprint(env.Delivery.Migration.StartTimeout.Seconds()), at(given, "START_TIMEOUT_SECONDS"))
		assert.Equal(t, 3, strings.Count(rendered(at(given, "SUBNETS")), "PrivateSubnet"))
	})
}

func TestTheMigrationAloneLogsInAsTheOwnerOfTheSchema(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		secrets := pairs(containerOf(t, compute.migration(t), "migrate")["Secrets"], "Name", "ValueFrom")
		assert.Len(t, secrets, 2)
		for variable, key := range map[string]string{"DATABASE_USERNAME": "username", "DATABASE_PASSWORD": "password"} {
			assert.Regexp(t, "^<"+env.Names().StackName("data")+" [^>]*AdminSecret[^>]*>:"+key+"::$", rendered(secrets[variable]))
		}
		assert.NotContains(t, encoded(t, compute.task(t)), "AdminSecret", "the service could change the schema")
		readers := 0
		for id, r := range compute.Resources {
			if (r.Type == "AWS::IAM::Policy" || r.Type == "AWS::IAM::ManagedPolicy") && strings.Contains(encoded(t, r.Properties), "AdminSecret") {
				readers++
				assert.Contains(t, id, "MigrationDefinitionExecutionRole")
			}
		}
		assert.Equal(t, 1, readers)
		var ways []string
		for id, rule := range compute.ofType("AWS::EC2::SecurityGroupEgress") {
			if strings.HasPrefix(id, "ReleaseMigration") {
				ways = append(ways, fmt.Sprint(rule.Properties["FromPort"], "-", rule.Properties["ToPort"]))
			}
		}
		assert.Equal(t, []string{"3306-3306"}, ways)
	})
}

// ECS kills a task this long after it has told it to stop, and the statement would go
// on in the server with nobody to say so. 120 s is Fargate's most (task definition
// parameters, stopTimeout).
func TestAMigrationThatIsStoppedHasTimeToStopItsStatement(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		task := env.stack(t, "compute").migration(t)
		assert.Equal(t, 120.0, containerOf(t, task, "migrate")["StopTimeout"])
		assert.Equal(t, true, at(containerOf(t, task, "migrate"), "LinuxParameters", "InitProcessEnabled"), "the signal would not reach the program")
		variables := environmentOf(containerOf(t, task, "migrate"))
		assert.Equal(t, env.Site.ImageTag, variables["RELEASE"], "a contract would be held against another release's version")
		assert.Contains(t, variables["DATABASE_READER"], "ReadEndpoint")
	})
}

func TestATestMovesNoMoneyInARealLedger(t *testing.T) {
	eachOfTheSeed(t, map[string]string{"production": "false", "staging": "true"}, func(t *testing.T, env environment, want string) {
		_, tester := env.stack(t, "compute").function(t, "ReleaseSmoke")
		given := at(tester.Properties, "Environment", "Variables")
		assert.Equal(t, want, at(given, "TRANSACTIONS"))
		assert.Equal(t, env.Site.APIDomain, at(given, "API_DOMAIN"), "the certificate is for another name")
		assert.Equal(t, "8443", at(given, "TEST_PORT"))
		assert.Equal(t, "LoadBalancerFullName", at(given, "LOAD_BALANCER", "Fn::GetAtt", 1))
	})
}

// variableName is how the functions' sources name what they read of their environment.
var variableName = regexp.MustCompile(`"([A-Z][A-Z_]+[A-Z])"`)

// The functions and the constructs that set them up agree by name only.
func TestFunctionsOfDeploymentsGetEveryVariableThatTheyRead(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for prefix, command := range map[string]string{"ReleaseMigration": "migration", "ReleaseSmoke": "smoke", "Redeploy": "redeploy"} {
			source, err := os.ReadFile(filepath.Join("..", "lambda", command, "main.go"))
			require.NoError(t, err)
			reads := map[string]bool{}
			for _, name := range variableName.FindAllStringSubmatch(string(source), -1) {
				reads[name[1]] = true
			}
			delete(reads, "AWS_REGION") // Lambda's own
			if env.DR.Mode != config.DRStandby {
				maps.DeleteFunc(reads, func(name string, _ bool) bool { return strings.HasPrefix(name, "OTHER_") || name == "GLOBAL_CLUSTER" })
			}
			_, function := env.stack(t, "compute").function(t, prefix)
			given, _ := at(function.Properties, "Environment", "Variables").(map[string]any)
			assert.Equal(t, slices.Sorted(maps.Keys(reads)), slices.Sorted(maps.Keys(given)), "lambda/"+command)
		}
	})
}

func TestARotatedPasswordLeadsToADeployment(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		rule := ruleTo(t, compute, "Queue")
		assert.Equal(t, []any{config.DatabaseEventSource}, at(rule, "EventPattern", "source"))
		assert.Equal(t, []any{config.RotatedEvent}, at(rule, "EventPattern", "detail-type"))
		assert.Regexp(t, "^<"+env.Names().StackName("data")+" [^>]*AppSecret", rendered(at(rule, "EventPattern", "resources", 0)), "the administrator's password is held by no task")
		queue := rendered(at(rule, "Targets", 0, "Arn", "Fn::GetAtt", 0))
		mapping := compute.only(t, "AWS::Lambda::EventSourceMapping").Properties
		assert.Equal(t, queue, at(mapping, "EventSourceArn", "Fn::GetAtt", 0))
		id, function := compute.function(t, "Redeploy")
		assert.Equal(t, id, at(mapping, "FunctionName", "Fn::GetAtt", 0))
		assert.Equal(t, []any{"ReportBatchItemFailures"}, mapping["FunctionResponseTypes"], "a message that must wait would be deleted")
		failed := rendered(at(compute.Resources[queue].Properties, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt", 0))
		assert.Equal(t, failed, rendered(at(function.Properties, "Environment", "Variables", "FAILED_QUEUE", "Ref")), "what is given up lies where no alarm looks")
	})
}

// Of one message group SQS hands out nothing while a message is looked at or waits to
// come back ("FIFO queue delivery logic"), so that no two workers start a deployment
// each; an event that EventBridge sends twice comes once ("exactly-once processing").
func TestTwoWorkersStartNoTwoDeployments(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, mapping := range stack.ofType("AWS::Lambda::EventSourceMapping") {
				id := rendered(at(mapping.Properties, "EventSourceArn", "Fn::GetAtt", 0))
				queue := stack.Resources[id].Properties
				assert.Equal(t, true, queue["FifoQueue"], id)
				assert.Equal(t, true, queue["ContentBasedDeduplication"], "EventBridge gives no ID of its own")
				assert.Regexp(t, `^[A-Za-z0-9_-]{1,75}\.fifo$`, queue["QueueName"])
				groups := map[any]bool{}
				for _, rule := range stack.ofType("AWS::Events::Rule") {
					for _, target := range listAt(t, rule.Properties, "Targets") {
						if rendered(at(target, "Arn", "Fn::GetAtt", 0)) == id {
							groups[at(target, "SqsParameters", "MessageGroupId")] = true
						}
					}
				}
				assert.Len(t, groups, 1, "messages of two groups are handed out side by side")
				assert.NotContains(t, groups, nil, "a FIFO queue refuses a message without a group")
				dead := rendered(at(queue, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt", 0))
				assert.Equal(t, true, stack.Resources[dead].Properties["FifoQueue"], "SQS wants a dead-letter queue of the same type")
			}
		}
	})
}

// ruleTo finds the rule whose first target has a name.
func ruleTo(t *testing.T, stack template, target string) map[string]any {
	t.Helper()
	for _, rule := range stack.ofType("AWS::Events::Rule") {
		if at(rule.Properties, "Targets", 0, "Id") == target {
			return rule.Properties
		}
	}
	require.Failf(t, "no rule", "%s: none has the target %s", stack.name, target)
	return nil
}

// A task that waits for months holds the password of its start. The rotation after
// the next one makes it worthless, and the failover would begin with tasks that can
// not log in.
func TestTasksThatWaitLearnOfARotation(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		there := env.stack(t, "dr-compute")
		_, rotator := env.stack(t, "data").function(t, "DatabaseRotation")
		assert.Equal(t, env.Primary.Name+","+env.Secondary.Name, at(rotator.Properties, "Environment", "Variables", "REGIONS"))
		pattern := ruleTo(t, there, "Queue")["EventPattern"]
		assert.Equal(t, []any{config.DatabaseEventSource}, at(pattern, "source"))
		assert.Equal(t, []any{config.RotatedEvent}, at(pattern, "detail-type"))
		secret := fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-", env.Primary.Name, env.Site.Account, env.Names().DatabaseAppSecret())
		assert.Equal(t, []any{map[string]any{"prefix": secret}}, at(pattern, "resources"), "the event names the first region's secret")
		mapping := there.only(t, "AWS::Lambda::EventSourceMapping").Properties
		queue := there.Resources[textAt(t, mapping, "EventSourceArn", "Fn::GetAtt", 0)].Properties
		assert.EqualValues(t, 300, queue["DelaySeconds"], "the tasks could start before the copy of the secret is there")
		_, function := there.function(t, "Redeploy")
		assert.Equal(t, queue["DelaySeconds"], numberOf(t, at(function.Properties, "Environment", "Variables", "REPLICA_DELAY_SECONDS")), "a task from before the copy passes for one after it")
		dead := rendered(at(queue, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt", 0))
		assert.Contains(t, rendered(at(env.alarms(t)["standby-rotation-not-deployed"].Properties, "Dimensions", 0, "Value")), dead)
	})
}

// The message waits while a deployment is under way; one that comes to nothing is
// kept where an alarm looks.
func TestARotationOutlastsTheLongestDeployment(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		mapping := compute.only(t, "AWS::Lambda::EventSourceMapping").Properties
		queue := compute.Resources[textAt(t, mapping, "EventSourceArn", "Fn::GetAtt", 0)].Properties
		_, function := compute.function(t, "Redeploy")
		visibility := numberAt(t, queue, "VisibilityTimeout")
		assert.GreaterOrEqual(t, visibility, 6*numberAt(t, function.Properties, "Timeout"), "AWS's advice, without which a message is received twice")
		receptions := numberAt(t, queue, "RedrivePolicy", "maxReceiveCount")
		waits := visibility * receptions
		assert.GreaterOrEqual(t, waits, 3*env.Delivery.Longest().Seconds(), "one that is under way, the one with the new password, and its repetition")
		assert.LessOrEqual(t, receptions, 1000.0, "SQS's limit")
		assert.Less(t, waits, numberAt(t, queue, "MessageRetentionPeriod"), "the message would be gone before the alarm")
		dead := rendered(at(queue, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt", 0))
		require.Contains(t, compute.Resources, dead)
		watched := env.alarms(t)["rotation-not-deployed"]
		assert.Contains(t, rendered(at(watched.Properties, "Dimensions", 0, "Value")), dead)
	})
}

func TestMessagesCrossNoWireInPlain(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		closed := map[string]bool{}
		for _, policy := range env.everywhere("AWS::SQS::QueuePolicy") {
			for _, each := range cfn.List(at(policy.Properties, "PolicyDocument", "Statement")) {
				if at(each, "Effect") == "Deny" && at(each, "Condition", "Bool", "aws:SecureTransport") == "false" {
					closed[rendered(at(policy.Properties, "Queues", 0, "Ref"))] = true
				}
			}
		}
		for _, queue := range env.everywhere("AWS::SQS::Queue") {
			assert.Truef(t, closed[queue.id], "%s: may be read without TLS", queue.id)
		}
	})
}

func TestTheRotationFunctionAnnouncesWhatTheRuleListensFor(t *testing.T) {
	announced := ""
	for _, path := range []string{"handler.go", "announce.go", "main.go"} {
		content, err := os.ReadFile(filepath.Join("..", "lambda", "dbrotation", path))
		if err == nil {
			announced += string(content)
		}
	}
	assert.Contains(t, announced, `"`+config.DatabaseEventSource+`"`, "the function's source and the rule's differ")
	assert.Contains(t, announced, `"`+config.RotatedEvent+`"`, "the function's event and the rule's differ")
}

// numberOf reads an environment variable, which is a text, as a template's number.
func numberOf(t *testing.T, text any) any {
	t.Helper()
	number, err := strconv.ParseFloat(fmt.Sprint(text), 64)
	require.NoError(t, err)
	return number
}

// deliveryOutputs are what the delivery commands read of a service, and of what
// type each is. The names of subnets are no resource's.
var deliveryOutputs = map[string]struct{ output, resourceType string }{
	"OutputCluster":                {config.OutputCluster, "AWS::ECS::Cluster"},
	"OutputService":                {config.OutputService, "AWS::ECS::Service"},
	"OutputProductionRule":         {config.OutputProductionRule, "AWS::ElasticLoadBalancingV2::ListenerRule"},
	"OutputBlueTargets":            {config.OutputBlueTargets, "AWS::ElasticLoadBalancingV2::TargetGroup"},
	"OutputGreenTargets":           {config.OutputGreenTargets, "AWS::ElasticLoadBalancingV2::TargetGroup"},
	"OutputTestListener":           {config.OutputTestListener, "AWS::ElasticLoadBalancingV2::Listener"},
	"OutputMigrationTask":          {config.OutputMigrationTask, "AWS::ECS::TaskDefinition"},
	"OutputMigrationSecurityGroup": {config.OutputMigrationSecurityGroup, "AWS::EC2::SecurityGroup"},
	"OutputMigrationSubnets":       {config.OutputMigrationSubnets, ""},
}

// A command that finds no output passes the check that needs it.
func TestTheDeliveryCommandsReadNoOutputThatNobodyWrites(t *testing.T) {
	sources, err := filepath.Glob("../internal/*/*.go")
	require.NoError(t, err)
	read := map[string]bool{}
	for _, path := range sources {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`config\.(Output\w+)`).FindAllStringSubmatch(string(content), -1) {
			read[name[1]] = true
		}
	}
	require.Greater(t, len(read), 6)
	assert.Subset(t, slices.Collect(maps.Keys(deliveryOutputs)), slices.Collect(maps.Keys(read)))
}

func TestTheDeliveryCommandsFindTheEnvironment(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		services := map[string]string{"compute": env.Primary.Name}
		if env.DR.Mode == config.DRStandby {
			services["dr-compute"] = env.Secondary.Name
		}
		for stack, region := range services {
			compute := env.stack(t, stack)
			assert.Equal(t, env.Names().StackName(stack), compute.name, "the commands look for the stack by this name")
			assert.Equal(t, region, compute.region)
			for name, row := range deliveryOutputs {
				if strings.HasPrefix(name, "OutputMigration") && stack != "compute" {
					assert.NotContains(t, compute.Outputs, row.output, "a standby migrates nothing")
					continue
				}
				value := compute.Outputs[row.output].Value
				require.NotNil(t, value, "%s has no output %s", stack, row.output)
				id := rendered(at(value, "Ref"))
				if attribute, ok := at(value, "Fn::GetAtt", 0).(string); ok {
					id = attribute
				}
				if row.resourceType != "" {
					require.Contains(t, compute.Resources, id, row.output)
					assert.Equal(t, row.resourceType, compute.Resources[id].Type, row.output)
				}
			}
			findsTraffic(t, compute)
		}
		compute := env.stack(t, "compute")
		assert.Equal(t, 3, strings.Count(rendered(compute.Outputs[config.OutputMigrationSubnets].Value), "PrivateSubnet"))
		task := compute.Resources[rendered(at(compute.Outputs[config.OutputMigrationTask].Value, "Ref"))]
		assert.Equal(t, config.MigrationContainer, at(task.Properties, "ContainerDefinitions", 0, "Name"), "the commands override this container")
	})
}

// findsTraffic follows the outputs to the rule as the delivery commands do: from
// references in the template, to both groups and their weights.
func findsTraffic(t *testing.T, compute template) {
	t.Helper()
	reference := func(output string) any { return compute.Outputs[output].Value }
	production, _ := compute.rule(t, 443)
	assert.Equal(t, production, at(reference(config.OutputProductionRule), "Ref"))
	service := at(compute.only(t, "AWS::ECS::Service").Properties, "LoadBalancers", 0)
	assert.Equal(t, at(service, "TargetGroupArn"), reference(config.OutputBlueTargets))
	assert.Equal(t, at(service, "AdvancedConfiguration", "AlternateTargetGroupArn"), reference(config.OutputGreenTargets))
	assert.Equal(t, at(service, "AdvancedConfiguration", "ProductionListenerRule"), reference(config.OutputProductionRule))
	weights := map[string]any{}
	groups, _ := at(compute.Resources[production].Properties, "Actions", 0, "ForwardConfig", "TargetGroups").([]any)
	for _, group := range groups {
		weights[rendered(at(group, "TargetGroupArn", "Ref"))] = at(group, "Weight")
	}
	assert.Equal(t, map[string]any{
		rendered(at(reference(config.OutputBlueTargets), "Ref")):  100.0,
		rendered(at(reference(config.OutputGreenTargets), "Ref")): 0.0,
	}, weights)
}
