package test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// task returns the definition of the service's task.
func (t template) task(test *testing.T) resource {
	test.Helper()
	id := rendered(at(t.only(test, "AWS::ECS::Service").Properties, "TaskDefinition", "Ref"))
	require.Contains(test, t.Resources, id)
	return t.Resources[id]
}

// container returns a container of the service's task by its name.
func (t template) container(test *testing.T, name string) map[string]any {
	test.Helper()
	return containerOf(test, t.task(test), name)
}

// containerOf returns a container of a task definition by its name.
func containerOf(test *testing.T, task resource, name string) map[string]any {
	test.Helper()
	definitions := listAt(test, task.Properties, "ContainerDefinitions")
	for _, definition := range definitions {
		if at(definition, "Name") == name {
			return objectAt(test, definition)
		}
	}
	require.Failf(test, "no such container", "the task has no container %q", name)
	return nil
}

// pairs turns a list of objects into a map from one of their keys to another.
func pairs(list any, key, value string) map[string]any {
	found := map[string]any{}
	entries, _ := list.([]any)
	for _, entry := range entries {
		found[fmt.Sprint(at(entry, key))] = at(entry, value)
	}
	return found
}

// rendered writes a template's value as the resource would get it, where a
// reference to another stack is the names of stack and output in angle brackets.
func rendered(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case map[string]any:
		if output := at(value, "Fn::GetStackOutput"); output != nil {
			return fmt.Sprintf("<%v %v>", at(output, "StackName"), at(output, "OutputName"))
		}
		if literal, ok := value["Fn::Sub"].(string); ok {
			return strings.ReplaceAll(literal, "${!", "${")
		}
		if joined, ok := at(value, "Fn::Join", 1).([]any); ok {
			var parts []string
			for _, part := range joined {
				parts = append(parts, rendered(part))
			}
			return strings.Join(parts, rendered(at(value, "Fn::Join", 0)))
		}
	}
	content, _ := json.Marshal(value)
	return string(content)
}

// environmentOf is a container's plain environment.
func environmentOf(container map[string]any) map[string]string {
	variables := map[string]string{}
	for name, value := range pairs(container["Environment"], "Name", "Value") {
		variables[name] = rendered(value)
	}
	return variables
}

func TestTasksHaveTheSizeAndBoundsOfTheSeed(t *testing.T) {
	type size struct {
		cpu, memory string
		least, most float64
	}
	seed := map[string]size{
		"production": {"4096", "8192", 6, 20},
		"staging":    {"2048", "4096", 2, 4},
	}
	eachOfTheSeed(t, seed, func(t *testing.T, env environment, want size) {
		compute := env.stack(t, "compute")
		task := compute.task(t).Properties
		assert.Equal(t, want.cpu, task["Cpu"])
		assert.Equal(t, want.memory, task["Memory"])
		assert.Equal(t, env.Service.Architecture, at(task, "RuntimePlatform", "CpuArchitecture"))
		assert.Equal(t, "LINUX", at(task, "RuntimePlatform", "OperatingSystemFamily"))
		target := compute.only(t, "AWS::ApplicationAutoScaling::ScalableTarget").Properties
		assert.Equal(t, want.least, target["MinCapacity"])
		assert.Equal(t, want.most, target["MaxCapacity"])
	})
}

func TestTheContainersFitIntoTheTask(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		app, collector := compute.container(t, "wallet-service"), compute.container(t, "collector")
		assert.EqualValues(t, env.Service.MemoryMiB, numberAt(t, app, "Memory")+numberAt(t, collector, "Memory"))
		assert.EqualValues(t, env.Service.CPU, numberAt(t, app, "Cpu")+numberAt(t, collector, "Cpu"))
		assert.EqualValues(t, env.Service.CollectorMemoryMiB, collector["Memory"])
		assert.EqualValues(t, env.Service.CollectorCPU, collector["Cpu"])
	})
}

// Nor does it start a first one without a task that can be tested: CloudFormation
// creates a service without a count with one.
func TestADeploymentNeverScalesABusyServiceDown(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, r := range env.everywhere("AWS::ECS::Service") {
			assert.NotContains(t, r.Properties, "DesiredCount", r.stack.name)
		}
	})
}

// An ECS service whose image is missing holds its stack up until CloudFormation gives
// up; who pushes images needs the repositories before, and nothing else.
func TestTheRepositoriesAreThereBeforeWhatPullsFromThem(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		registry := env.stack(t, "registry")
		assert.Contains(t, env.stack(t, "compute").requires, registry.name)
		copies, standby := env.stacks["dr-registry"]
		if !standby {
			assert.Empty(t, registry.requires)
			return
		}
		assert.Equal(t, []string{copies.name}, registry.requires, "what is pushed before the copies' repositories exist makes them without their settings")
		assert.Empty(t, copies.requires)
		assert.Contains(t, env.stack(t, "dr-compute").requires, copies.name)
	})
}

func TestLoadAddsTasksSoonAndItsEndRemovesThemSlowly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		targets := map[string]any{}
		for _, policy := range env.stack(t, "compute").ofType("AWS::ApplicationAutoScaling::ScalingPolicy") {
			tracking := at(policy.Properties, "TargetTrackingScalingPolicyConfiguration")
			metric := fmt.Sprint(at(tracking, "PredefinedMetricSpecification", "PredefinedMetricType"))
			if math := at(tracking, "CustomizedMetricSpecification", "Metrics", 0, "Expression"); math != nil {
				metric = textAt(t, math) // test/scaling_test.go
			}
			targets[metric] = at(tracking, "TargetValue")
			assert.EqualValues(t, env.Service.ScaleOutCooldown.Seconds(), at(tracking, "ScaleOutCooldown"))
			assert.EqualValues(t, env.Service.ScaleInCooldown.Seconds(), at(tracking, "ScaleInCooldown"))
			assert.NotEqual(t, true, at(tracking, "DisableScaleIn"))
		}
		assert.Less(t, env.Service.ScaleOutCooldown, env.Service.ScaleInCooldown)
		assert.Equal(t, map[string]any{
			"IF(running > desired, cpu * running / desired, cpu)": float64(70), // the seed's and the application's
			"ECSServiceAverageMemoryUtilization":                  float64(80),
			"requests / desired":                                  float64(env.Service.RequestsPerTaskPerMinute),
		}, targets)
	})
}

func TestABadVersionIsRolledBackAndNeverReducesCapacity(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		service := env.stack(t, "compute").only(t, "AWS::ECS::Service").Properties
		deployment := service["DeploymentConfiguration"]
		assert.Equal(t, map[string]any{"Enable": true, "Rollback": true}, at(deployment, "DeploymentCircuitBreaker"))
		assert.EqualValues(t, 100, at(deployment, "MinimumHealthyPercent"))
		assert.EqualValues(t, 200, at(deployment, "MaximumPercent"))
		assert.Equal(t, "ENABLED", service["AvailabilityZoneRebalancing"])
		assert.Equal(t, "1.4.0", service["PlatformVersion"])
		assert.Equal(t, "wallet-service", service["ServiceName"])
		assert.Equal(t, "SERVICE", service["PropagateTags"], "the bill does not say whose the tasks are")
		assert.Equal(t, true, service["EnableECSManagedTags"])
	})
}

func TestTasksHaveNoPublicAddress(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		network := at(env.stack(t, "compute").only(t, "AWS::ECS::Service").Properties, "NetworkConfiguration", "AwsvpcConfiguration")
		assert.Equal(t, "DISABLED", at(network, "AssignPublicIp"))
		subnets := listAt(t, network, "Subnets")
		assert.Len(t, subnets, 3)
		for _, subnet := range subnets {
			assert.Contains(t, rendered(subnet), "PrivateSubnet")
		}
	})
}

func TestAJVMHasTimeToStartAndToDrain(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		service := compute.only(t, "AWS::ECS::Service").Properties
		assert.EqualValues(t, env.Service.StartupGrace.Seconds(), service["HealthCheckGracePeriodSeconds"])
		assert.GreaterOrEqual(t, env.Service.StartupGrace, time.Minute)
		stop := numberAt(t, compute.container(t, "wallet-service"), "StopTimeout")
		assert.Equal(t, env.Service.StopTimeout.Seconds(), stop)
		assert.LessOrEqual(t, stop, float64(120), "Fargate kills a task after two minutes")
		delay := env.Edge.DeregistrationDelay.Seconds()
		for id, group := range compute.ofType("AWS::ElasticLoadBalancingV2::TargetGroup") {
			targets := pairs(group.Properties["TargetGroupAttributes"], "Key", "Value")
			assert.Equal(t, fmt.Sprint(delay), targets["deregistration_delay.timeout_seconds"], id)
		}
		assert.Greater(t, stop, delay, "the task is killed while the load balancer still sends requests")
		assert.Equal(t, fmt.Sprintf("%vS", delay), environmentOf(compute.container(t, "wallet-service"))["QUARKUS_SHUTDOWN_TIMEOUT"])
	})
}

func TestAnIntruderInATaskOwnsNothing(t *testing.T) {
	users := map[string]string{"wallet-service": "185", "collector": "4317", "prepare": "0"}
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		assert.Len(t, at(compute.task(t).Properties, "ContainerDefinitions"), len(users))
		for name, user := range users {
			container := compute.container(t, name)
			assert.Equal(t, user, container["User"], name)
			assert.Equal(t, true, container["ReadonlyRootFilesystem"], name)
			assert.Equal(t, []any{"ALL"}, at(container, "LinuxParameters", "Capabilities", "Drop"), name)
			assert.Nil(t, at(container, "LinuxParameters", "Capabilities", "Add"), name)
			assert.Equal(t, true, at(container, "LinuxParameters", "InitProcessEnabled"), name)
		}
	})
}

func TestTheOnlyRootContainerIsGoneBeforeTheServiceStarts(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		prepare, app := compute.container(t, "prepare"), compute.container(t, "wallet-service")
		assert.Equal(t, false, prepare["Essential"], "the task would end with its preparation")
		assert.Empty(t, prepare["PortMappings"])
		assert.Empty(t, prepare["Secrets"], "root sees no secret")
		assert.Equal(t, app["Image"], prepare["Image"], "no second image to trust")
		assert.Equal(t, []any{map[string]any{"Condition": "SUCCESS", "ContainerName": "prepare"}}, app["DependsOn"])
		assert.Equal(t, []any{"chmod 1777 /tmp && printf '%s' \"$DATABASE_AUTHORITIES\" > /tmp/database-authorities.pem"}, prepare["Command"])
	})
}

func TestTheJVMCanWriteItsTemporaryFiles(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		for _, name := range []string{"wallet-service", "prepare"} {
			mounts := pairs(compute.container(t, name)["MountPoints"], "ContainerPath", "SourceVolume")
			assert.Equal(t, "scratch", mounts["/tmp"], name)
			writable := pairs(compute.container(t, name)["MountPoints"], "ContainerPath", "ReadOnly")
			assert.Equal(t, false, writable["/tmp"], name)
		}
		assert.Contains(t, at(compute.task(t).Properties, "Volumes"), map[string]any{"Name": "scratch"})
		assert.Equal(t, []any{map[string]any{"Name": "nofile", "SoftLimit": float64(65535), "HardLimit": float64(65535)}},
			compute.container(t, "wallet-service")["Ulimits"])
	})
}

func TestNobodyEntersARunningTaskInProduction(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		allowed := env.Name != "production"
		assert.Equal(t, allowed, env.Service.Exec)
		assert.Equal(t, allowed, compute.only(t, "AWS::ECS::Service").Properties["EnableExecuteCommand"])
		assert.Equal(t, allowed, strings.Contains(string(compute.raw), "ssmmessages:"))
		record := at(compute.only(t, "AWS::ECS::Cluster").Properties, "Configuration", "ExecuteCommandConfiguration")
		if !allowed {
			assert.Nil(t, record)
			return
		}
		assert.Equal(t, "OVERRIDE", at(record, "Logging"))
		assert.Equal(t, true, at(record, "LogConfiguration", "CloudWatchEncryptionEnabled"))
		group := rendered(at(record, "LogConfiguration", "CloudWatchLogGroupName", "Ref"))
		require.Contains(t, compute.Resources, group)
		assert.Equal(t, "RetainExceptOnCreate", compute.Resources[group].DeletionPolicy, "what people typed is gone with the stack")
	})
}

func TestTheApplicationIsToldEverythingItNeeds(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		variables := environmentOf(env.stack(t, "compute").container(t, "wallet-service"))
		want := map[string]string{
			// Where the value is empty, another test looks at it.
			"CACHE_HOST": "", "JAVA_MAX_MEM_RATIO": fmt.Sprint(env.Service.HeapPercent), "JAVA_OPTS_APPEND": "",
			"KAFKA_BOOTSTRAP_SERVERS": "", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
			"KAFKA_SASL_JAAS_CONFIG": `org.apache.kafka.common.security.scram.ScramLoginModule required ` +
				`username="${BROKER_USERNAME}" password="${BROKER_PASSWORD}";`,
			"QUARKUS_DATASOURCE_REACTIVE_URL": "", "QUARKUS_DATASOURCE_WRITE_REACTIVE_URL": "", "QUARKUS_DATASOURCE_READ_REACTIVE_URL": "",
			"QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE":       fmt.Sprint(env.Service.DatabasePoolSize),
			"QUARKUS_DATASOURCE_WRITE_REACTIVE_MAX_SIZE": "2", "QUARKUS_DATASOURCE_READ_REACTIVE_MAX_SIZE": "2",
			"QUARKUS_HIBERNATE_ORM_DATABASE_GENERATION": "none", "QUARKUS_HIBERNATE_ORM_LOG_SQL": "false",
			// Quarkus, "HTTP reference": both are needed behind a proxy that sends X-Forwarded-Proto.
			"QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING": "true", "QUARKUS_HTTP_PROXY_ALLOW_X_FORWARDED": "true",
			"QUARKUS_LOG_CATEGORY__COM_WALLET__LEVEL": "INFO", "QUARKUS_LOG_CONSOLE_JSON": "true",
			"QUARKUS_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4317",
			"QUARKUS_OTEL_RESOURCE_ATTRIBUTES": "service.name=wallet-service,service.version=" + env.Site.ImageTag +
				",deployment.environment=" + env.Name,
			"QUARKUS_OTEL_SERVICE_NAME":       "wallet-service",
			"QUARKUS_OTEL_TRACES_SAMPLER_ARG": fmt.Sprint(env.Service.TraceSampleRatio),
			"QUARKUS_REDIS_HOSTS":             "rediss://${CACHE_USERNAME}:${CACHE_PASSWORD}@${CACHE_HOST}:6379",
			"QUARKUS_REDIS_MAX_POOL_SIZE":     "20", "QUARKUS_REDIS_TIMEOUT": "1S",
			"QUARKUS_SHUTDOWN_TIMEOUT": "",
		}
		if env.Cache.ClusterMode {
			want["QUARKUS_REDIS_CLIENT_TYPE"] = "cluster"
		}
		assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(variables)))
		for name, value := range want {
			if value != "" {
				assert.Equal(t, value, variables[name], name)
			}
		}
	})
}

func TestThePoolThatDoesTheWorkLeadsToTheWriter(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		variables := environmentOf(env.stack(t, "compute").container(t, "wallet-service"))
		for prefix, endpoint := range map[string]string{
			"QUARKUS_DATASOURCE_": "EndpointAddress", "QUARKUS_DATASOURCE_WRITE_": "EndpointAddress", "QUARKUS_DATASOURCE_READ_": "ReadEndpointAddress",
		} {
			url := variables[prefix+"REACTIVE_URL"]
			assert.Regexp(t, `^mysql://<[^>]+>:3306/wallet$`, url)
			assert.Contains(t, url, endpoint, prefix)
			assert.Equal(t, strings.HasPrefix(endpoint, "Read"), strings.Contains(url, "ReadEndpoint"), prefix)
		}
	})
}

func TestTheDatabaseIsSpokenToInTLSAndOnlyToTheRealOne(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		options := strings.Fields(environmentOf(compute.container(t, "wallet-service"))["JAVA_OPTS_APPEND"])
		// What the image sets itself and this variable replaces.
		assert.Contains(t, options, "-Dquarkus.http.host=0.0.0.0")
		assert.Contains(t, options, "-Djava.util.logging.manager=org.jboss.logmanager.LogManager")
		for _, source := range []string{"", "write.", "read."} {
			prefix := "-Dquarkus.datasource." + source + "reactive."
			assert.Contains(t, options, prefix+"mysql.ssl-mode=verify-identity")
			assert.Contains(t, options, prefix+"hostname-verification-algorithm=HTTPS")
			assert.Contains(t, options, prefix+"trust-certificate-pem=true")
			assert.Contains(t, options, prefix+"trust-certificate-pem.certs=/tmp/database-authorities.pem")
		}
		rest := []byte(environmentOf(compute.container(t, "prepare"))["DATABASE_AUTHORITIES"])
		var names []string
		for block, more := pem.Decode(rest); block != nil; block, more = pem.Decode(more) {
			certificate, err := x509.ParseCertificate(block.Bytes)
			require.NoError(t, err)
			assert.NoError(t, certificate.CheckSignatureFrom(certificate), "a root signs itself")
			assert.True(t, certificate.IsCA)
			assert.Greater(t, certificate.NotAfter.Year(), 2060)
			names = append(names, certificate.Subject.CommonName)
		}
		assert.ElementsMatch(t, []string{
			"Amazon RDS " + env.Primary.Name + " Root CA RSA2048 G1",
			"Amazon RDS " + env.Primary.Name + " Root CA RSA4096 G1",
			"Amazon RDS " + env.Primary.Name + " Root CA ECC384 G1",
		}, names)
	})
}

func TestSecretsReachTheApplicationByKeyAndNeverInTheTemplate(t *testing.T) {
	sources := map[string]string{
		"QUARKUS_DATASOURCE_": "data [^>]*DatabaseAppSecret", "QUARKUS_DATASOURCE_WRITE_": "data [^>]*DatabaseAppSecret",
		"QUARKUS_DATASOURCE_READ_": "data [^>]*DatabaseAppSecret", "CACHE_": "data [^>]*CacheSecret", "BROKER_": "messaging [^>]*Secret",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		app := env.stack(t, "compute").container(t, "wallet-service")
		secrets := pairs(app["Secrets"], "Name", "ValueFrom")
		assert.Len(t, secrets, 2*len(sources))
		for prefix, source := range sources {
			for variable, key := range map[string]string{"USERNAME": "username", "PASSWORD": "password"} {
				from := rendered(secrets[prefix+variable])
				assert.Regexp(t, "^<"+env.Names().StackName(source)+"[^>]*>:"+key+"::$", from, prefix+variable)
			}
		}
		plain := environmentOf(app)
		for name, value := range plain {
			assert.NotContains(t, value, "resolve:secretsmanager", name)
			assert.NotRegexp(t, "(?i)(password|username)=?[^$]*[:=]\"?[a-z0-9]{8,}\"?@", value, name)
			assert.NotContains(t, secrets, name)
		}
		for name := range secrets {
			assert.False(t, strings.HasPrefix(name, "KAFKA_"), "%s: Quarkus would hand it to the Kafka client, which logs its settings", name)
		}
	})
}

func TestSecretsAreReadByECSAloneAndGrantedOnItsSide(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		readers := 0
		for id, policy := range compute.ofType("AWS::IAM::Policy") {
			if strings.HasPrefix(id, "ReleaseMigration") {
				continue // TestTheMigrationAloneLogsInAsTheOwnerOfTheSchema
			}
			for _, statement := range listAt(t, policy.Properties, "PolicyDocument", "Statement") {
				actions := rendered(at(statement, "Action"))
				if strings.Contains(actions, "secretsmanager:") {
					readers++
					assert.Contains(t, id, "ExecutionRole")
					assert.Len(t, at(statement, "Resource"), 3, "the database's, the cache's and Kafka's")
					assert.NotContains(t, rendered(at(statement, "Resource")), "*")
				}
				if strings.Contains(actions, "kms:") {
					assert.Contains(t, id, "ExecutionRole")
					assert.Equal(t, `"kms:Decrypt"`, fmt.Sprintf("%q", actions))
					assert.Len(t, at(statement, "Resource"), 3)
					assert.Equal(t, "secretsmanager."+env.Primary.Name+".amazonaws.com", at(statement, "Condition", "StringEquals", "kms:ViaService"))
				}
			}
		}
		assert.Equal(t, 1, readers)
		for _, producer := range []string{"data", "messaging"} {
			assert.NotContains(t, string(env.stack(t, producer).raw), compute.name, "%s knows its consumer", producer)
		}
	})
}

func TestTheConnectionPoolsFitTheDatabaseInTheMiddleOfADeployment(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		const reserve = 200 // a migration, which takes two, rotation, people
		task := 0
		size := func(pool string) int {
			text := environmentOf(env.stack(t, "compute").container(t, "wallet-service"))["QUARKUS_DATASOURCE_"+pool+"REACTIVE_MAX_SIZE"]
			connections, err := strconv.Atoi(text)
			require.NoError(t, err)
			task += connections
			return connections
		}
		// Hibernate Reactive in Quarkus 3.8 works on the default datasource alone.
		assert.Greater(t, size(""), 5*(size("WRITE_")+size("READ_")), "connections lie idle in pools that only answer health checks")
		// Readers that are all gone leave their endpoint to the writer, so one
		// instance must be able to hold every pool.
		assert.LessOrEqual(t, 2*env.Service.MaxTasks*task+reserve, env.Database.MaxConnections)
	})
}

// A task whose pull fails does not start, whether the container is essential or not,
// and the public registry answers in two regions, neither of them São Paulo
// (docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html).
func TestATaskStartsWhileTheCollectorsPublicRegistryIsAway(t *testing.T) {
	const digest = "sha256:d2bdfff2c377c3d71d78bd5d9ce9862fd535b12134a5739d87a07801297cf9fd"
	checked := 0
	eachEnvironment(t, func(t *testing.T, env environment) {
		for stack, repositories := range map[string]string{"compute": "registry", "dr-compute": "dr-registry"} {
			built, known := env.stacks[stack]
			if !known {
				continue
			}
			checked++
			id, _ := holder(t, env.stack(t, repositories), "AWS::ECR::Repository", "wallet-"+env.Name+"/collector", "RepositoryName")
			for _, container := range []string{"collector", "wallet-service", "prepare"} {
				image := rendered(built.container(t, container)["Image"])
				assert.NotContains(t, image, "public.ecr.aws", container)
				assert.Contains(t, image, ".dkr.ecr.", "%s comes from outside the account", container)
			}
			image := rendered(built.container(t, "collector")["Image"])
			assert.Contains(t, image, "@"+digest, "a tag can be moved")
			assert.Contains(t, image, id)
		}
	})
	assert.GreaterOrEqual(t, checked, 3, "both environments, and the region that stands by")
}

func TestLosingTheCollectorCostsTelemetryAndNotTheWallet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		collector := compute.container(t, "collector")
		assert.Equal(t, false, collector["Essential"])
		assert.Equal(t, true, at(collector, "RestartPolicy", "Enabled"))
		assert.Equal(t, []any{"CMD", "/healthcheck"}, at(collector, "HealthCheck", "Command"))
		assert.NotEqual(t, false, compute.container(t, "wallet-service")["Essential"])
		for _, dependency := range listAt(t, compute.container(t, "wallet-service"), "DependsOn") {
			assert.NotEqual(t, "collector", at(dependency, "ContainerName"))
		}
		settings := env.collectors(t)[0].settings
		assert.Equal(t, "127.0.0.1:4317", at(settings, "receivers", "otlp", "protocols", "grpc", "endpoint"))
		// The limiter refuses spans at 80 %, and begins 25 % before that.
		assert.Equal(t, map[string]any{"check_interval": "1s", "limit_percentage": 80.0, "spike_limit_percentage": 25.0},
			at(settings, "processors", "memory_limiter"), "the container is killed for its memory")
		assert.EqualValues(t, 60, at(collector, "RestartPolicy", "RestartAttemptPeriod"), "traces are lost for longer")
	})
}

func TestEachContainerLogsToItsOwnGroupAndNeverStopsTheWallet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		groups := map[string]bool{}
		for _, name := range []string{"wallet-service", "collector", "prepare"} {
			assert.Equal(t, "awslogs", at(compute.container(t, name), "LogConfiguration", "LogDriver"), name)
			options := at(compute.container(t, name), "LogConfiguration", "Options")
			assert.Equal(t, "non-blocking", at(options, "mode"), name)
			assert.Equalf(t, "26214400b", at(options, "max-buffer-size"), "%s: a burst of lines is lost", name) // 25 MiB
			group := rendered(at(options, "awslogs-group", "Ref"))
			groups[group] = true
			assert.EqualValues(t, env.Service.LogRetentionDays, compute.Resources[group].Properties["RetentionInDays"], name)
		}
		assert.Len(t, groups, 3)
	})
}

func TestContainerInsightsLogsWhereRetentionIsSet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		cluster := compute.only(t, "AWS::ECS::Cluster")
		assert.Equal(t, env.Names().ECSClusterName(), cluster.Properties["ClusterName"])
		assert.Contains(t, cluster.Properties["ClusterSettings"], map[string]any{"Name": "containerInsights", "Value": "enhanced"})
		require.Len(t, cluster.DependsOn, 1, "without the group before it, the cluster makes one that never forgets")
		group := compute.Resources[cluster.DependsOn[0]].Properties
		assert.Equal(t, "/aws/ecs/containerinsights/wallet-"+env.Name+"/performance", group["LogGroupName"])
		assert.EqualValues(t, env.Service.LogRetentionDays, group["RetentionInDays"])
	})
}

func TestTheServiceReachesWhatItUsesAndNothingElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		var out, in []string
		for id, rule := range compute.ofType("AWS::EC2::SecurityGroupEgress") {
			if strings.HasPrefix(id, "Wallet") {
				out = append(out, fmt.Sprintf("%v-%v", rule.Properties["FromPort"], rule.Properties["ToPort"]))
				assert.NotEmpty(t, rule.Properties["Description"])
			}
		}
		for id, rule := range compute.ofType("AWS::EC2::SecurityGroupIngress") {
			if !strings.HasPrefix(id, "Wallet") {
				continue
			}
			in = append(in, fmt.Sprintf("%v-%v", rule.Properties["FromPort"], rule.Properties["ToPort"]))
			assert.NotNil(t, rule.Properties["SourceSecurityGroupId"], "from a group, never from an address")
		}
		assert.ElementsMatch(t, []string{"3306-3306", "6379-6379", "9096-9096"}, out)
		assert.ElementsMatch(t, []string{"3306-3306", "6379-6379", "9096-9096", "8080-8080"}, in)
		for id, group := range compute.ofType("AWS::EC2::SecurityGroup") {
			if !strings.HasPrefix(id, "Wallet") {
				continue
			}
			assert.Empty(t, group.Properties["SecurityGroupIngress"])
			egress := listAt(t, group.Properties, "SecurityGroupEgress")
			require.Len(t, egress, 1)
			assert.EqualValues(t, 443, at(egress, 0, "FromPort"))
			assert.EqualValues(t, 443, at(egress, 0, "ToPort"))
		}
	})
}

func TestTasksStartAfterTheirPermissionsAndTheirWayOut(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		compute := env.stack(t, "compute")
		required := compute.only(t, "AWS::ECS::Service").DependsOn
		for _, resourceType := range []string{"AWS::IAM::Policy", "AWS::EC2::SecurityGroupIngress", "AWS::ElasticLoadBalancingV2::ListenerRule"} {
			for id := range compute.ofType(resourceType) {
				if !strings.HasPrefix(id, "OutboxGroup") { // of the function that measures beside them
					assert.Contains(t, required, id)
				}
			}
		}
	})
}

func TestAReleaseThatWasTestedIsTheOneThatRuns(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		var names []string
		for _, repository := range env.stack(t, "registry").ofType("AWS::ECR::Repository") {
			properties := repository.Properties
			names = append(names, rendered(properties["RepositoryName"]))
			assert.Equal(t, "IMMUTABLE", properties["ImageTagMutability"])
			assert.Equal(t, true, at(properties, "ImageScanningConfiguration", "ScanOnPush"))
			assert.Equal(t, "KMS", at(properties, "EncryptionConfiguration", "EncryptionType"))
			assert.Equal(t, "RetainExceptOnCreate", repository.DeletionPolicy)
			assert.Equal(t, "Retain", repository.UpdateReplacePolicy)
			var lifecycle struct {
				Rules []struct{ Selection map[string]any }
			}
			require.NoError(t, json.Unmarshal([]byte(textAt(t, properties, "LifecyclePolicy", "LifecyclePolicyText")), &lifecycle))
			require.NotEmpty(t, lifecycle.Rules)
			for _, rule := range lifecycle.Rules {
				assert.Equal(t, "untagged", rule.Selection["tagStatus"], "ECR knows no running task: an image that runs, or that a rollback takes, could expire")
			}
			assert.EqualValues(t, env.Registry.UntaggedDays, lifecycle.Rules[0].Selection["countNumber"])
		}
		assert.ElementsMatch(t, []string{env.Names().ServiceRepository(), env.Names().MigrationsRepository(), env.Names().CollectorRepository()}, names)
		image := rendered(env.stack(t, "compute").container(t, "wallet-service")["Image"])
		assert.True(t, strings.HasSuffix(image, ":"+env.Site.ImageTag), path.Base(image))
	})
}

func TestImagesLeaveTheRegionOnlyForAStandby(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		replications := env.stack(t, "registry").ofType("AWS::ECR::ReplicationConfiguration")
		if env.DR.Mode != config.DRStandby {
			assert.Empty(t, replications)
			return
		}
		require.Len(t, replications, 1, "an account has one for each region")
		for _, replication := range replications {
			rule := at(replication.Properties, "ReplicationConfiguration", "Rules", 0)
			assert.Equal(t, env.Secondary.Name, at(rule, "Destinations", 0, "Region"))
			assert.Equal(t, env.Site.Account, at(rule, "Destinations", 0, "RegistryId"))
			assert.Equal(t, []any{map[string]any{"Filter": "wallet-" + env.Name, "FilterType": "PREFIX_MATCH"}}, at(rule, "RepositoryFilters"))
		}
	})
}
