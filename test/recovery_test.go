package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
)

// plans are the Region switch plans of an environment, by their short names.
func plans(t *testing.T, env environment) map[string]resource {
	t.Helper()
	found := map[string]resource{}
	for _, plan := range env.stack(t, "dr-recovery").ofType("AWS::ARCRegionSwitch::Plan") {
		found[strings.TrimPrefix(fmt.Sprint(plan.Properties["Name"]), env.Names().Prefix()+"-")] = plan
	}
	require.ElementsMatch(t, config.Plans(), slices.Collect(maps.Keys(found)))
	return found
}

// steps are those of a plan's one workflow.
func steps(t *testing.T, plan resource) []any {
	t.Helper()
	workflows := listAt(t, plan.Properties, "Workflows")
	require.Len(t, workflows, 1, "one workflow that activates either region")
	assert.Nil(t, at(workflows[0], "WorkflowTargetRegion"))
	assert.Equal(t, "activate", at(workflows[0], "WorkflowTargetAction"))
	return listAt(t, workflows[0], "Steps")
}

// stepsOf are the names of steps, those that run side by side in brackets.
func stepsOf(list []any) []string {
	var names []string
	for _, step := range list {
		name := fmt.Sprint(at(step, "Name"))
		if inner, ok := at(step, "ExecutionBlockConfiguration", "ParallelConfig", "Steps").([]any); ok {
			name += fmt.Sprint(stepsOf(inner))
		}
		names = append(names, name)
	}
	return names
}

// block is a step's own configuration, whatever its kind.
func block(t *testing.T, step any) map[string]any {
	t.Helper()
	for _, content := range objectAt(t, step, "ExecutionBlockConfiguration") {
		return objectAt(t, content)
	}
	return nil
}

// longest is the time after which Region switch has stopped every step of the
// list, by the time-outs in the templates alone.
func longest(t *testing.T, dr template, list []any) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, step := range list {
		switch content := block(t, step); at(step, "ExecutionBlockType") {
		case "Parallel":
			var group time.Duration
			for _, inner := range listAt(t, content, "Steps") {
				group = max(group, longest(t, dr, []any{inner}))
			}
			sum += group
		case "ARCRegionSwitchPlan":
			child := dr.Resources[textAt(t, content, "Arn", "Fn::GetAtt", 0)]
			sum += longest(t, dr, steps(t, child))
		default:
			timeout, ok := content["TimeoutMinutes"].(float64)
			require.Truef(t, ok, "%v: without a time-out a step may take an hour", at(step, "Name"))
			sum += time.Duration(timeout) * time.Minute
		}
	}
	return sum
}

// The sum is made a second time, from what is deployed: a time-out or a probe that
// does not follow config would break the promise unseen.
func TestTheWayBackToWorkFitsThePromise(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		dr := env.stack(t, "dr-recovery")
		made := longest(t, dr, steps(t, plans(t, env)[config.PlanFailover]))
		probes := dr.ofType("AWS::Route53::HealthCheck")
		require.Len(t, probes, 2)
		var detection time.Duration
		for _, probe := range probes {
			check := probe.Properties["HealthCheckConfig"]
			detection = time.Duration(numberAt(t, check, "RequestInterval")*numberAt(t, check, "FailureThreshold")) * time.Second
		}
		alarm := env.alarms(t)[config.AlarmLoadBalancer(env.Primary)]
		detection += time.Duration(numberAt(t, alarm.Properties, "Period")*numberAt(t, alarm.Properties, "DatapointsToAlarm")) * time.Second
		const late = time.Minute // CloudWatch has a minute's value a minute later
		recovery := env.DR.Recovery
		sum := detection + late + recovery.Decision + made + config.AliasTTL + recovery.Resolvers
		assert.LessOrEqual(t, sum, 30*time.Minute, "the seed's promise")
		assert.Equal(t, recovery.RecoveryTime(), sum, "config sums another way than what is deployed")
		for _, plan := range plans(t, env) {
			assert.EqualValues(t, 30, plan.Properties["RecoveryTimeObjectiveMinutes"])
		}
	})
}

func bucketNames(stack template) []any {
	var names []any
	for _, bucket := range stack.ofType("AWS::S3::Bucket") {
		names = append(names, bucket.Properties["BucketName"])
	}
	return names
}

func healthCheckOf(region string) string { return "id-of-" + region }

// resolvedHealthCheck does what CloudFormation does with the expression, on the
// answer that Region switch gives, in either order of the regions.
func resolvedHealthCheck(t *testing.T, expression any, env environment) string {
	t.Helper()
	var answers []string
	var entries []any
	for _, region := range []string{env.Primary.Name, env.Secondary.Name} {
		entries = append(entries, strings.Join([]string{env.Site.HostedZone.ID, env.Site.APIDomain, region, healthCheckOf(region)}, ":"))
	}
	for range 2 {
		slices.Reverse(entries)
		answers = append(answers, textAt(t, evaluate(t, expression, entries)))
	}
	assert.Equal(t, answers[0], answers[1], "the order of the regions decides which record hangs on which check")
	return answers[0]
}

// evaluate knows the functions that the expression uses.
func evaluate(t *testing.T, expression any, healthChecks []any) any {
	t.Helper()
	form, _ := expression.(map[string]any)
	for function, argument := range form {
		switch function {
		case "Fn::GetAtt":
			assert.Equal(t, "PlanHealthChecks", at(argument, 1))
			assert.Contains(t, textAt(t, argument, 0), config.PlanTraffic, "the other plans make no health checks")
			return healthChecks
		case "Fn::Join":
			var parts []string
			for _, part := range listAt(t, evaluate(t, at(argument, 1), healthChecks)) {
				parts = append(parts, textAt(t, part))
			}
			return strings.Join(parts, textAt(t, argument, 0))
		case "Fn::Split":
			var parts []any
			for _, part := range strings.Split(textAt(t, evaluate(t, at(argument, 1), healthChecks)), textAt(t, argument, 0)) {
				parts = append(parts, part)
			}
			return parts
		case "Fn::Select":
			return at(evaluate(t, at(argument, 1), healthChecks), int(numberAt(t, argument, 0)))
		}
	}
	require.Failf(t, "unknown", "%v", expression)
	return nil
}

// asked are the places in which a template of the second region may say the first
// one's name: what is written down there is read by nobody at deployment, or names
// what a plan acts on once it is executed.
var asked = map[string]*regexp.Regexp{
	"AWS::RDS::DBCluster":          regexp.MustCompile(`^SourceRegion$`), // read when the cluster is made, and never again
	"AWS::ARCRegionSwitch::Plan":   regexp.MustCompile(`.`),
	"AWS::Route53::RecordSetGroup": regexp.MustCompile(`^RecordSets\.`),
	"AWS::Route53::HealthCheck":    regexp.MustCompile(`^HealthCheckConfig\.FullyQualifiedDomainName$`),
	"AWS::IAM::ManagedPolicy":      regexp.MustCompile(`^PolicyDocument\.Statement\.\d+\.Resource`),
	"AWS::CloudWatch::Alarm":       regexp.MustCompile(`^(AlarmName|AlarmDescription)$`),
	"AWS::CloudWatch::Dashboard":   regexp.MustCompile(`^DashboardBody`),
	"AWS::Events::Rule":            regexp.MustCompile(`^EventPattern\.resources\.`),             // what the first region's bus passes on, if it does
	"AWS::Lambda::Function":        regexp.MustCompile(`^Environment\.Variables\.OTHER_REGION$`), // whose release a contract must not break: unknown, no contract runs
	"AWS::MSK::Replicator":         regexp.MustCompile(`^(KafkaClusters|ReplicationInfoList)\.`),
}

// While São Paulo answers nothing, every stack of the second region must deploy,
// and a plan must run.
func TestNoTemplateOfTheSecondRegionAsksTheFirst(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		for name, stack := range env.stacks {
			if !strings.HasPrefix(name, "dr") {
				continue
			}
			for id, r := range stack.Resources {
				walk(r.Properties, nil, func(path []string, value any) {
					text, literal := value.(string)
					where := strings.Join(path, ".")
					if !literal || !strings.Contains(text, env.Primary.Name) {
						return
					}
					allowed := asked[r.Type]
					assert.Truef(t, allowed != nil && allowed.MatchString(where), "%s %s: %s says %q", stack.name, id, where, text)
					assert.NotRegexpf(t, `\.`+env.Primary.Name+`\.amazonaws\.com`, text, "%s %s calls the first region", stack.name, id)
					assert.NotContainsf(t, text, "{{resolve:", "%s %s reads of the first region", stack.name, id)
				})
				if strings.HasPrefix(r.Type, "Custom::") || r.Type == "AWS::CloudFormation::CustomResource" {
					function, _ := at(r.Properties, "ServiceToken", "Fn::GetAtt", 0).(string)
					assert.Equalf(t, "AWS::Lambda::Function", stack.Resources[function].Type, "%s %s runs elsewhere", stack.name, id)
				}
			}
			for _, used := range consumed(t, stack) {
				assert.NotEqualf(t, env.Primary.Name, used.region, "%s reads %s of %s", stack.name, used.output, used.stack)
			}
			for _, reads := range []string{"Custom::CrossRegion", "Fn::ImportValue", "{{resolve:ssm", "{{resolve:secretsmanager:arn:aws:secretsmanager:" + env.Primary.Name} {
				assert.NotContainsf(t, string(stack.raw), reads, "%s", stack.name)
			}
		}
	})
}

// A template is more than its resources: parameters, mappings and conditions are
// read too, and before anything is made. So are the files that it is deployed with.
func TestNothingAroundATemplateOfTheSecondRegionAsksTheFirst(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		for name, stack := range env.stacks {
			if stack.region != env.Secondary.Name {
				continue
			}
			var whole plain
			require.NoError(t, json.Unmarshal(stack.raw, &whole))
			delete(whole, "Resources")
			delete(whole, "Metadata") // read by nobody
			walk(whole, nil, func(path []string, value any) {
				assert.NotContainsf(t, fmt.Sprint(value), env.Primary.Name, "%s: %s", name, strings.Join(path, "."))
			})
			parameters, _ := whole["Parameters"].(map[string]any)
			for id := range parameters {
				assert.Equalf(t, "BootstrapVersion", id, "%s asks Systems Manager", name)
			}
			for _, region := range regionsOfFiles(t, stack) {
				assert.Equalf(t, stack.region, region, "%s: a file lies in a bucket of another region", name)
			}
		}
	})
}

// regionsOfFiles are the regions of the buckets from which a stack is deployed: of
// its template and of its functions' code.
func regionsOfFiles(t *testing.T, stack template) []any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(outdir(t), "assembly-*", "*.assets.json"))
	require.NoError(t, err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		if !strings.Contains(string(content), `"`+stack.name+` Template"`) {
			continue
		}
		var manifest plain
		require.NoError(t, json.Unmarshal(content, &manifest))
		var regions []any
		for _, file := range objectAt(t, manifest, "files") {
			for _, destination := range objectAt(t, file, "destinations") {
				regions = append(regions, at(destination, "region"))
			}
		}
		require.NotEmpty(t, regions)
		return regions
	}
	require.Failf(t, "no files", "%s", stack.name)
	return nil
}

func TestTheSecondPlatformIsTheFirstOneAgain(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		here, there := env.stack(t, "compute"), env.stack(t, "dr-compute")
		first, second := here.only(t, "AWS::ECS::Service").Properties, there.only(t, "AWS::ECS::Service").Properties
		for _, property := range []string{"LaunchType", "PlatformVersion", "EnableECSManagedTags", "PropagateTags", "HealthCheckGracePeriodSeconds", "AvailabilityZoneRebalancing"} {
			assert.Equal(t, first[property], second[property], property)
		}
		assert.Nil(t, second["DesiredCount"], "a number would scale a serving region down at every deployment")
		was := here.Resources[textAt(t, first, "TaskDefinition", "Ref")].Properties
		is := there.Resources[textAt(t, second, "TaskDefinition", "Ref")].Properties
		for _, property := range []string{"Cpu", "Memory", "NetworkMode", "RuntimePlatform", "Volumes"} {
			assert.Equal(t, was[property], is[property], property)
		}
		assert.Equal(t, pairs(was["ContainerDefinitions"], "Name", "Cpu"), pairs(is["ContainerDefinitions"], "Name", "Cpu"))
		assert.Equal(t, pairs(was["ContainerDefinitions"], "Name", "Memory"), pairs(is["ContainerDefinitions"], "Name", "Memory"))
		scale := func(stack template) map[string]any {
			return stack.only(t, "AWS::ApplicationAutoScaling::ScalableTarget").Properties
		}
		assert.Equal(t, scale(here)["MaxCapacity"], scale(there)["MaxCapacity"], "it could not carry the whole load")
		assert.EqualValues(t, env.Service.MinTasks, scale(here)["MinCapacity"])
		assert.EqualValues(t, env.DR.MinTasks, scale(there)["MinCapacity"])
		assert.Equal(t, here.only(t, "AWS::WAFv2::WebACL").Properties["Rules"], there.only(t, "AWS::WAFv2::WebACL").Properties["Rules"])
		assert.Equal(t, here.only(t, "AWS::CertificateManager::Certificate").Properties["DomainName"],
			there.only(t, "AWS::CertificateManager::Certificate").Properties["DomainName"])
		for _, kind := range []string{"AWS::MSK::Topic", "AWS::MSK::Configuration"} {
			assert.Equal(t, shapesOf(env.stack(t, "messaging"), kind), shapesOf(env.stack(t, "dr-messaging"), kind), kind)
		}
		node := func(stack string) any {
			return env.stack(t, stack).only(t, "AWS::ElastiCache::ReplicationGroup").Properties
		}
		for _, property := range []string{"CacheNodeType", "NumNodeGroups", "ReplicasPerNodeGroup", "EngineVersion", "TransitEncryptionMode"} {
			assert.Equal(t, at(node("data"), property), at(node("dr"), property), property)
		}
	})
}

// shapesOf are the properties of a type's resources without what refers to others.
func shapesOf(stack template, kind string) []string {
	var all []string
	for _, r := range stack.ofType(kind) {
		values := maps.Clone(r.Properties)
		maps.DeleteFunc(values, func(_ string, value any) bool { _, literal := value.(map[string]any); return literal })
		content, _ := json.Marshal(values)
		all = append(all, string(content))
	}
	slices.Sort(all)
	return all
}

// A region that waits has a database that cannot be written to. Asked for
// readiness, its tasks would be replaced for ever, and no deployment would end.
func TestTasksThatWaitAreAskedWhetherTheyLive(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		for stack, path := range map[string]string{"compute": config.ReadyPath, "dr-compute": config.LivePath} {
			groups := env.stack(t, stack).ofType("AWS::ElasticLoadBalancingV2::TargetGroup")
			require.NotEmpty(t, groups)
			for id, group := range groups {
				assert.Equal(t, path, group.Properties["HealthCheckPath"], id)
			}
		}
	})
}

// After a failover the second region's releases change the schema and are tested as the
// first one's were, with nothing of the first one. Which region writes, the migration's
// program and the test find out by themselves.
func TestReleasesAreMigratedAndTestedInWhicheverRegionWrites(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		here, there := env.stack(t, "compute"), env.stack(t, "dr-compute")
		assert.Equal(t, slices.Sorted(maps.Keys(here.hooks(t))), slices.Sorted(maps.Keys(there.hooks(t))))
		for stage, prefix := range map[string]string{"PRE_SCALE_UP": "ReleaseMigration", "POST_TEST_TRAFFIC_SHIFT": "ReleaseSmoke"} {
			id, _ := there.function(t, prefix)
			assert.Equal(t, id, rendered(at(there.hooks(t)[stage], "HookTargetArn", "Fn::GetAtt", 0)))
		}
		container := containerOf(t, there.migration(t), "migrate")
		variables := environmentOf(container)
		for _, name := range []string{"DATABASE_HOST", "DATABASE_READER"} {
			assert.Contains(t, variables[name], env.Names().StackName("dr")+" ", "the other region's database, which may be gone")
		}
		assert.NotEqual(t, variables["DATABASE_HOST"], variables["DATABASE_READER"])
		assert.Regexp(t, "RegistryMigrations.* Region:us-east-1 ", fmt.Sprint(container["Image"]), "the image is asked of a region that may be gone")
		for name, from := range pairs(container["Secrets"], "Name", "ValueFrom") {
			assert.Contains(t, rendered(from), "arn:aws:secretsmanager:us-east-1:"+env.Site.Account+":secret:"+env.Names().DatabaseAdminSecret(), name)
		}
		for stack, other := range map[string]string{"compute": "us-east-1", "dr-compute": "sa-east-1"} {
			_, migrator := env.stack(t, stack).function(t, "ReleaseMigration")
			assert.Equal(t, other, at(migrator.Properties, "Environment", "Variables", "OTHER_REGION"), "a contract would break the release that waits")
			_, tester := env.stack(t, stack).function(t, "ReleaseSmoke")
			assert.Equal(t, env.Names().GlobalClusterName(), at(tester.Properties, "Environment", "Variables", "GLOBAL_CLUSTER"))
		}
	})
}

func TestTheRegionThatWaitsGetsEachRelease(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		here, there := env.stack(t, "compute"), env.stack(t, "dr-compute")
		first, second := here.only(t, "AWS::ECS::Service").Properties, there.only(t, "AWS::ECS::Service").Properties
		was, is := objectAt(t, first, "DeploymentConfiguration"), objectAt(t, second, "DeploymentConfiguration")
		for property := range was {
			if property != "LifecycleHooks" && property != "Alarms" {
				assert.Equal(t, was[property], is[property], property)
			}
		}
		assert.Equal(t, true, at(is, "Alarms", "Rollback"))
		assert.Len(t, at(is, "Alarms", "AlarmNames"), len(listAt(t, was, "Alarms", "AlarmNames")))
		for _, alarm := range there.ofType("AWS::CloudWatch::Alarm") {
			assert.Equal(t, "notBreaching", alarm.Properties["TreatMissingData"], "nobody asks a region that waits: silence would take the release back")
		}
		image := func(stack template, service map[string]any) string {
			task := stack.Resources[textAt(t, service, "TaskDefinition", "Ref")]
			return fmt.Sprint(at(task.Properties, "ContainerDefinitions", 0, "Image"))
		}
		for _, each := range []string{image(here, first), image(there, second)} {
			assert.Contains(t, each, ":"+env.Site.ImageTag)
		}
		assert.Contains(t, there.requires, here.name, "the schema that the release expects comes by replication, after the first region's migration")
	})
}

// The standby's tasks know their own region's endpoints, whoever is the writer.
func TestTasksThatWaitNeedNothingOfTheFirstRegion(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		compute := env.stack(t, "dr-compute")
		service := compute.only(t, "AWS::ECS::Service").Properties
		task := compute.Resources[textAt(t, service, "TaskDefinition", "Ref")]
		app := objectAt(t, task.Properties, "ContainerDefinitions", 0)
		variables := environmentOf(app)
		assert.Contains(t, variables["QUARKUS_DATASOURCE_WRITE_REACTIVE_URL"], env.Names().StackName("dr")+" ")
		assert.Contains(t, variables["QUARKUS_DATASOURCE_WRITE_REACTIVE_URL"], "EndpointAddress")
		assert.Contains(t, variables["QUARKUS_DATASOURCE_READ_REACTIVE_URL"], "ReadEndpointAddress")
		assert.Contains(t, variables["KAFKA_BOOTSTRAP_SERVERS"], env.Names().StackName("dr-messaging"))
		assert.Contains(t, variables["CACHE_HOST"], env.Names().StackName("dr")+" ")
		secrets, _ := json.Marshal(app["Secrets"])
		assert.Contains(t, string(secrets), "secret:"+env.Names().DatabaseAppSecret()+":username::", "the replica, by its name")
		authorities := ""
		walk(task.Properties, nil, func(_ []string, value any) {
			if text, ok := value.(string); ok && strings.Contains(text, "BEGIN CERTIFICATE") {
				authorities = text
			}
		})
		assert.Equal(t, env.Secondary.DatabaseCABundle(), authorities)
		assert.NotEmpty(t, authorities)
		for id, rule := range env.stack(t, "dr-compute").ofType("AWS::EC2::SecurityGroupIngress") {
			port := rule.Properties["FromPort"]
			assert.Containsf(t, []any{float64(config.MySQLPort), float64(config.CachePort), float64(config.KafkaSCRAMPort), float64(config.AppPort), float64(config.TestPort)}, port, "%s opens another port", id)
		}
	})
}

// ECR makes a missing repository by itself, with tags that can be moved and no key
// of ours, and the stack that comes later finds its name taken.
func TestImagesAreCopiedIntoRepositoriesOfOurs(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		shape := func(stack string) map[any]any {
			found := map[any]any{}
			for _, r := range env.stack(t, stack).ofType("AWS::ECR::Repository") {
				values := maps.Clone(r.Properties)
				delete(values, "EncryptionConfiguration")
				found[values["RepositoryName"]] = values
				assert.Equal(t, "KMS", at(r.Properties, "EncryptionConfiguration", "EncryptionType"))
			}
			return found
		}
		assert.Equal(t, shape("registry"), shape("dr-registry"))
		assert.Len(t, shape("dr-registry"), 3)
	})
}

// The replicator cannot be made in one deployment; what each phase adds is what the
// next one needs.
func TestTheReplicatorComesInPhases(t *testing.T) {
	t.Parallel()
	env := altered(t, prepared())
	source := env.stack(t, "messaging")
	source.only(t, "AWS::MSK::ClusterPolicy")
	target := env.stack(t, "dr-messaging")
	assert.Empty(t, target.ofType("AWS::MSK::Replicator"), "its source has no name yet")
	assert.Contains(t, source.Outputs, "KafkaClusterArn")
	assert.Contains(t, source.Outputs, "KafkaSubnets")
	assert.Contains(t, target.requires, source.name, "the replicator would come before its way in")
}

// MSK's UpdateConnectivity takes one setting in a call and refuses one that is as it
// was, and multi-VPC connectivity cannot be had at a cluster's creation
// (docs.aws.amazon.com/msk/1.0/apireference/clusters-clusterarn-connectivity.html).
func TestEachPhaseOfTheReplicatorChangesOneSettingThatMSKTakes(t *testing.T) {
	t.Parallel()
	connectivity := func(env environment, stack string) any {
		return at(env.stack(t, stack).only(t, "AWS::MSK::Cluster").Properties, "BrokerNodeGroupInfo", "ConnectivityInfo")
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Nil(t, connectivity(env, "messaging"), "a new account could not deploy the committed phase")
		assert.Empty(t, env.stack(t, "messaging").ofType("AWS::MSK::ClusterPolicy"))
	})
	open := map[string]any{"VpcConnectivity": map[string]any{"ClientAuthentication": map[string]any{"Sasl": map[string]any{"Iam": map[string]any{"Enabled": true}}}}}
	for _, phase := range []config.Environment{prepared(), replicating()} {
		assert.Equal(t, open, connectivity(altered(t, phase), "messaging"), phase.Messaging.Replication)
		assert.Nil(t, connectivity(altered(t, phase), "dr-messaging"), "nobody reads the second region's cluster")
	}
}

func TestTheReplicatorCopiesTheWalletsTopicsUnderTheirNames(t *testing.T) {
	t.Parallel()
	env := altered(t, replicating())
	messaging := env.stack(t, "dr-messaging")
	replicator := messaging.only(t, "AWS::MSK::Replicator").Properties
	info := at(replicator, "ReplicationInfoList", 0)
	assert.Equal(t, []any{"wallet-events", "wallet-commands", "wallet-snapshots"}, at(info, "TopicReplication", "TopicsToReplicate"))
	assert.Equal(t, "IDENTICAL", at(info, "TopicReplication", "TopicNameConfiguration", "Type"), "a client that moves would find empty topics")
	assert.Equal(t, "EARLIEST", at(info, "TopicReplication", "StartingPosition", "Type"))
	assert.Equal(t, true, at(info, "ConsumerGroupReplication", "SynchroniseConsumerGroupOffsets"), "consumers would begin anew")
	assert.Equal(t, env.Site.KafkaSource.ARN, at(info, "SourceKafkaClusterArn"))
	assert.Equal(t, "us-east-1", messaging.region, "MSK runs a replicator beside its target")
	for _, action := range []string{"kafka-cluster:ReadData", "kafka-cluster:WriteData", "kafka-cluster:AlterGroup"} {
		assert.Contains(t, string(messaging.raw), action)
	}
	alarm := env.alarms(t)[config.AlarmReplicator]
	assert.EqualValues(t, env.DR.EventLag.Milliseconds(), alarm.Properties["Threshold"])
	assert.Equal(t, env.Names().ReplicatorName(), at(alarm.Properties, "Dimensions", 0, "Value"))
	assert.Contains(t, env.alarms(t), "standby-replicator-failed")
	assert.Equal(t, map[crossing]int{{"events", "MSK Replicator"}: 1}, difference(crossings(env), crossings(platform(t)["production"])))
}

func difference(more, fewer map[crossing]int) map[crossing]int {
	left := maps.Clone(more)
	maps.DeleteFunc(left, func(way crossing, count int) bool { return fewer[way] == count })
	return left
}

// servingDiffers are the only properties that the region which serves decides. None
// of them replaces a resource.
var servingDiffers = map[string][]string{
	"AWS::APS::RuleGroupsNamespace":               {"Data"}, // whose traffic must not stop
	"AWS::ApplicationAutoScaling::ScalableTarget": {"MinCapacity"},
	"AWS::ElasticLoadBalancingV2::TargetGroup":    {"HealthCheckPath"},
	"AWS::CloudWatch::Alarm":                      {"AlarmActions", "OKActions", "AlarmDescription", "Threshold", "TreatMissingData"},
	"AWS::CloudWatch::CompositeAlarm":             {"AlarmActions", "OKActions"},
	"AWS::CloudWatch::Dashboard":                  {"DashboardBody"},
}

// After a failover somebody says so in config, or does not. Either way a deployment
// of either region must leave the databases, the brokers and the name alone.
func TestSayingWhoServesChangesNothingThatCanBeLost(t *testing.T) {
	t.Parallel()
	env := servingFromVirginia()
	moved, before := altered(t, env), platform(t)["production"]
	require.ElementsMatch(t, slices.Collect(maps.Keys(before.stacks)), slices.Collect(maps.Keys(moved.stacks)))
	changed := 0
	for name, stack := range before.stacks {
		require.ElementsMatchf(t, slices.Collect(maps.Keys(stack.Resources)), slices.Collect(maps.Keys(moved.stacks[name].Resources)), "%s", name)
		for id, was := range stack.Resources {
			is := moved.stacks[name].Resources[id]
			for property := range merged(was.Properties, is.Properties) {
				if reflect.DeepEqual(was.Properties[property], is.Properties[property]) {
					continue
				}
				changed++
				assert.Containsf(t, servingDiffers[was.Type], property, "%s %s (%s)", name, id, was.Type)
			}
		}
	}
	assert.NotZero(t, changed)
	scale := func(stack string) any {
		return moved.stack(t, stack).only(t, "AWS::ApplicationAutoScaling::ScalableTarget").Properties["MinCapacity"]
	}
	assert.EqualValues(t, env.Service.MinTasks, scale("dr-compute"), "a deployment would scale the serving region in")
	assert.EqualValues(t, env.DR.MinTasks, scale("compute"))
	assert.Contains(t, fmt.Sprint(moved.alarms(t)[config.AlarmLoadBalancer(env.Secondary)].Properties["AlarmActions"]), "Critical")
	assert.Contains(t, fmt.Sprint(moved.alarms(t)["standby-edge-errors"].Properties["AlarmActions"]), "Critical", "customers are there now")
}

// A stack that the runbook leaves out keeps what it believed: the first region's load
// balancer would go on asking its tasks whether they reach a database that is read-only,
// and ECS would replace them for ever. So the list is derived from the two syntheses.
func TestTheRunbookDeploysEveryStackThatTheActiveRegionTouches(t *testing.T) {
	t.Parallel()
	env := servingFromVirginia()
	moved, before := altered(t, env), platform(t)["production"]
	built, err := cfn.Read(outdir(t))
	require.NoError(t, err)
	touched := map[string][]string{} // by region
	for _, stack := range built {
		name, ours := strings.CutPrefix(stack.Name, env.Names().StackName(""))
		if ours && differ(before.stacks[name], moved.stacks[name]) {
			touched[stack.Region] = append(touched[stack.Region], strings.TrimPrefix(stack.ID, "Production/"))
		}
	}
	slices.Sort(touched[env.Primary.Name])
	slices.Sort(touched[env.Secondary.Name])
	// The CLI asks who the caller is in AWS_REGION, which must not be the lost one.
	documented(t, filepath.Join("..", runbookPage), "active-region", fmt.Sprintf(
		"```bash\nAWS_REGION=$SECONDARY npx cdk deploy '*/%s' --exclusively -c env=$ENVIRONMENT\ngo tool wallet $ENVIRONMENT deploy --stack %s --despite-outage\n```",
		strings.Join(touched[env.Secondary.Name], "' '*/"), strings.Join(touched[env.Primary.Name], " --stack ")))
}

// differ says whether two syntheses of a stack have a resource with other properties.
func differ(was, is template) bool {
	for id, before := range was.Resources {
		if !reflect.DeepEqual(before.Properties, is.Resources[id].Properties) {
			return true
		}
	}
	return false
}

// The same question to what judges changes before a deployment: in neither direction
// may it find anything to decide about but what the change is for.
func TestSayingWhoServesIsNoChangeThatAnybodyMustFear(t *testing.T) {
	t.Parallel()
	env := servingFromVirginia()
	saoPaulo, virginia := copied(t, platform(t)["production"]), copied(t, altered(t, env))
	for way, pair := range map[string][2]map[string]plain{
		"to the second region": {saoPaulo, virginia}, "back to the first": {virginia, saoPaulo},
	} {
		report := judge(t, pair[0], pair[1])
		assert.NotEmpty(t, report.Findings, way)
		for _, finding := range report.Findings {
			where := fmt.Sprintf("%s: %s %s (%s)", way, finding.Stack, finding.Resource, finding.Type)
			assert.NotContainsf(t, []changes.Verdict{
				changes.Destroys, changes.Orphans, changes.Unknown, changes.Replaces, changes.Interrupts, changes.Widens, changes.Traffic,
			}, finding.Verdict, "%s %s: %v", where, finding.Verdict, finding.Details)
			assert.Containsf(t, slices.Collect(maps.Keys(servingDiffers)), finding.Type, "%s changes at all", where)
		}
	}
}

func merged(a, b map[string]any) map[string]bool {
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

// Aurora is asked who writes; a template that said so would, deployed after a
// switchover, demote the writer or make another cluster. The source of the global
// database is no such word: it is read when that is made, and changing it replaces it,
// which the stateful lock refuses.
func TestNoTemplateSaysWhichClusterWrites(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		for _, stack := range env.sorted() {
			for id, r := range stack.Resources {
				if !strings.HasPrefix(r.Type, "AWS::RDS::") {
					continue
				}
				for _, says := range []string{"ReplicationSourceIdentifier", "SnapshotIdentifier", "RestoreType", "UseLatestRestorableTime", "SourceDBInstanceIdentifier"} {
					assert.NotContainsf(t, r.Properties, says, "%s %s", stack.name, id)
				}
			}
		}
		secondary := env.stack(t, "dr").only(t, "AWS::RDS::DBCluster")
		assert.NotNil(t, secondary.Properties["GlobalClusterIdentifier"], "a cluster that leaves the template's global database is detached from it")
		assert.NotContains(t, env.stack(t, "data").only(t, "AWS::RDS::DBCluster").Properties, "GlobalClusterIdentifier")
	})
}

func TestARestoreOfTheCopiesIsTriedToo(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		plan := dr.only(t, "AWS::Backup::RestoreTestingPlan").Properties
		vaults := listAt(t, plan, "RecoveryPointSelection", "IncludeVaults")
		require.Len(t, vaults, 1)
		assert.Equal(t, "AWS::Backup::BackupVault", dr.Resources[textAt(t, vaults[0], "Fn::GetAtt", 0)].Type)
		selection := dr.only(t, "AWS::Backup::RestoreTestingSelection").Properties
		assert.Equal(t, []any{"*"}, selection["ProtectedResourceArns"], "the copies are known by the name of a cluster of another region")
		assert.Equal(t, "Aurora", selection["ProtectedResourceType"])
		assert.NotNil(t, at(selection, "RestoreMetadataOverrides", "dbSubnetGroupName"), "it would be restored into the default VPC")
	})
}

// CloudFormation's limits: 500 resources, and a template of a megabyte.
func TestEveryStackFitsIntoCloudFormation(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			assert.LessOrEqualf(t, len(stack.Resources), 400, "%s: leave room before the limit of 500", stack.name)
			assert.LessOrEqualf(t, len(stack.raw), 900_000, "%s", stack.name)
		}
	})
}

func TestTheDocumentedWayIsTheConfiguredOne(t *testing.T) {
	env := platform(t)["production"].Environment
	var b strings.Builder
	b.WriteString("| phase | at most | source |\n| --- | ---: | --- |\n")
	for _, phase := range env.DR.Recovery.RTOBudget() {
		name := phase.Name
		if phase.Parallel {
			name += " (at the same time)"
		}
		fmt.Fprintf(&b, "| %s | %v | %s |\n", name, phase.Budget, phase.Source)
	}
	fmt.Fprintf(&b, "| **sum** | **%v** | promise: %v |", env.DR.Recovery.RecoveryTime(), env.DR.Recovery.TimeObjective)
	documented(t, filepath.Join("..", recoveryPage), "way", b.String())
}

const recoveryPage = "docs/DISASTER-RECOVERY.md"

func TestTheDocumentedLossIsTheConfiguredOne(t *testing.T) {
	env := platform(t)["production"].Environment
	var b strings.Builder
	b.WriteString("| store | copy | bound that is watched | what AWS says | alarm | lag when it rings | where the rest comes from |\n| --- | --- | ---: | --- | --- | ---: | --- |\n")
	for _, point := range env.RecoveryPoints() {
		bound, alarm, rings := "none", "none", "none"
		if point.Loss > 0 {
			bound = fmt.Sprint(point.Loss)
		}
		if point.Alarm != "" {
			alarm = "`" + point.Alarm + "`"
			require.Contains(t, platform(t)["production"].alarms(t), point.Alarm)
			rings = "at each failure"
			if lag := lagAtAlarm(t, platform(t)["production"].alarms(t)[point.Alarm], point.Loss); lag > 0 {
				rings = fmt.Sprint(lag)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", point.Store, orNone(point.Copy), bound, point.Typical, alarm, rings, point.RecoverySource)
	}
	documented(t, filepath.Join("..", recoveryPage), "loss", strings.TrimSpace(b.String()))
}

// lagAtAlarm is the lag by which an alarm on a bound rings at the latest, from what
// is deployed: a lag that grows with the clock goes on growing while the alarm
// counts its periods, and CloudWatch may be a minute late. Zero is an alarm on
// something else than the bound.
func lagAtAlarm(t *testing.T, alarm alarm, bound time.Duration) time.Duration {
	t.Helper()
	if alarm.Properties["Threshold"] == 0.0 {
		return 0
	}
	period, _ := alarm.Properties["Period"].(float64)
	if period == 0 {
		period = numberAt(t, alarm.Properties, "Metrics", 0, "Period")
	}
	counted := time.Duration(period*numberAt(t, alarm.Properties, "DatapointsToAlarm")) * time.Second
	return bound + counted + time.Minute
}

// With a threshold under five minutes alone, an alarm that counts five minutes more
// tells of the promise when it is broken.
func TestTheAlarmOnTheLagComesBeforeThePromiseIsBroken(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		alarm := env.alarms(t)[env.AlarmLag(env.StandbyRegion())]
		threshold := time.Duration(numberAt(t, alarm.Properties, "Threshold")) * time.Millisecond
		assert.Less(t, lagAtAlarm(t, alarm, threshold), 5*time.Minute, "the seed's promise")
		assert.Equal(t, env.DR.AlertLag(threshold), lagAtAlarm(t, alarm, threshold), "config counts another way than what is deployed")
		assert.Contains(t, fmt.Sprint(alarm.Properties["AlarmActions"]), "Critical", "it can wait till morning")
	})
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func TestTheDocumentedQuotasAreThoseOfTheFullLoad(t *testing.T) {
	env := platform(t)["production"].Environment
	var b strings.Builder
	b.WriteString("| service | quota in us-east-1 | needed | AWS's default | looked up | for |\n| --- | --- | ---: | ---: | --- | --- |\n")
	for _, quota := range env.StandbyQuotas() {
		source := "no, from memory"
		if quota.Source != "" {
			source = "[yes](" + quota.Source + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s |\n", quota.Service, quota.Name, quota.Needed, quota.Default, source, quota.Why)
	}
	documented(t, filepath.Join("..", recoveryPage), "quotas", strings.TrimSpace(b.String()))
	assert.Equal(t, 160, env.StandbyQuotas()[0].Needed, "20 tasks of 4 vCPU, twice during a deployment")
	assert.Empty(t, config.Staging().StandbyQuotas())
}

// What the application's publisher does: the 100 oldest rows every 5 seconds, for the
// whole service (its OutboxPublisher). A wallet at the seed's 5,000 TPS writes about
// 2,750 events a second (55 % of the requests write).
const (
	publishedPerSecond = 100 / 5
	writtenPerSecond   = 2750
)

func TestTheTimeOfPublishingAgainIsThePublishersSpeed(t *testing.T) {
	env := platform(t)["production"].Environment
	row := func(loss string, events int) string {
		return fmt.Sprintf("| %s | %d | %v |", loss, events, (time.Duration(events/publishedPerSecond) * time.Second).Round(time.Minute))
	}
	table := strings.Join([]string{
		"| lost | events | published again in |", "| --- | ---: | ---: |",
		row("10,000 events, one batch", 10_000),
		row(fmt.Sprintf("%v at 5,000 TPS (`DR.EventLag`)", env.DR.EventLag), writtenPerSecond*int(env.DR.EventLag.Seconds())),
		row("an hour at 50 TPS", writtenPerSecond/100*3600),
	}, "\n")
	assert.Greater(t, writtenPerSecond, publishedPerSecond, "the sentence below the table is no longer true")
	documented(t, filepath.Join("..", recoveryPage), "republish", table+"\n\nAt the full load the publisher never catches up: it must be made faster first.")
}

// The guide deploys every stack that turning the standby on changes, once, and each after
// those whose new outputs it reads.
func TestTheStandbyIsTurnedOnInAnOrderThatWorks(t *testing.T) {
	t.Parallel()
	before, after := altered(t, withoutStandby()), platform(t)["production"]
	outputs := map[string]bool{}
	for _, stack := range before.stacks {
		for name := range stack.Outputs {
			outputs[stack.name+"/"+name] = true
		}
	}
	content, err := os.ReadFile("../docs/DEPLOYMENT.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(content), "## Turning the standby on")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	deployed := map[string]int{}
	for line := range strings.Lines(section) {
		var group []string
		for _, match := range stackFlag.FindAllStringSubmatch(line, -1) {
			group = append(group, strings.ToLower(match[1]))
		}
		for _, name := range group { // the command orders these among themselves
			deployed[name]++
			for output := range after.stack(t, name).Outputs {
				outputs[after.stacks[name].name+"/"+output] = true
			}
		}
		for _, name := range group {
			for read := range outputsRead(t, after.stacks[name]) {
				assert.Truef(t, outputs[read], "%s is deployed before %s exists", name, read)
			}
		}
	}
	for name, stack := range after.stacks {
		changed := !reflect.DeepEqual(before.stacks[name].Resources, stack.Resources)
		assert.Equalf(t, changed, deployed[name] == 1, "%s is deployed %d times", name, deployed[name])
	}
}

var stackFlag = regexp.MustCompile(`--stack ([A-Za-z-]+)`)

// outputsRead are the outputs of other stacks to which a template refers.
func outputsRead(t *testing.T, stack template) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, used := range consumed(t, stack) {
		found[used.stack+"/"+used.output] = true
	}
	return found
}
