package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// messaging is the messaging stack with its one cluster.
func messaging(t *testing.T, env environment) (template, map[string]any) {
	t.Helper()
	stack := env.stack(t, "messaging")
	return stack, stack.only(t, "AWS::MSK::Cluster").Properties
}

// serverProperties are the brokers' settings by name.
func serverProperties(t *testing.T, stack template) map[string]string {
	t.Helper()
	text, _ := stack.only(t, "AWS::MSK::Configuration").Properties["ServerProperties"].(string)
	properties := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		key, value, ok := strings.Cut(line, "=")
		require.True(t, ok, line)
		properties[key] = value
	}
	return properties
}

// topicConfigs decodes a topic's own settings.
func topicConfigs(t *testing.T, topic resource) map[string]string {
	t.Helper()
	encoded, _ := topic.Properties["Configs"].(string)
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	var configs map[string]string
	require.NoError(t, json.Unmarshal(decoded, &configs))
	return configs
}

func TestKafkaHasTheSeedsBrokersInSizesThatMSKAccepts(t *testing.T) {
	type size struct {
		brokers      float64
		brokerType   string
		kafkaVersion string
	}
	seed := map[string]size{
		"production": {3, "kafka.m5.large", "3.9.x.kraft"},
		"staging":    {2, "kafka.t3.small", "3.9.x"}, // one broker is refused, and KRaft on t3
	}
	eachOfTheSeed(t, seed, func(t *testing.T, env environment, want size) {
		_, cluster := messaging(t, env)
		assert.Equal(t, want.brokers, cluster["NumberOfBrokerNodes"])
		assert.Equal(t, want.brokerType, at(cluster, "BrokerNodeGroupInfo", "InstanceType"))
		assert.Equal(t, want.kafkaVersion, cluster["KafkaVersion"])
		assert.Equal(t, float64(env.Messaging.VolumeGiB), at(cluster, "BrokerNodeGroupInfo", "StorageInfo", "EBSStorageInfo", "VolumeSize"))
	})
}

func TestKafkaBrokersStandInDifferentZonesOfTheIsolatedTier(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := messaging(t, env)
		subnets, _ := at(cluster, "BrokerNodeGroupInfo", "ClientSubnets").([]any)
		seen := map[string]bool{}
		for i, subnet := range subnets {
			output := fmt.Sprint(at(subnet, "Fn::GetStackOutput", "OutputName"))
			assert.Contains(t, output, fmt.Sprintf("VpcDatabaseSubnet%d", i+1))
			seen[output] = true
		}
		brokers := int(numberAt(t, cluster, "NumberOfBrokerNodes"))
		assert.GreaterOrEqual(t, len(seen), 2)
		assert.Len(t, seen, brokers, "one broker for each zone")
	})
}

func TestKafkaTrafficIsAlwaysEncrypted(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := messaging(t, env)
		assert.Equal(t, map[string]any{"ClientBroker": "TLS", "InCluster": true}, at(cluster, "EncryptionInfo", "EncryptionInTransit"))
	})
}

func TestNobodyReachesKafkaWithoutCredentials(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := messaging(t, env)
		assert.Equal(t, map[string]any{
			"Unauthenticated": map[string]any{"Enabled": false},
			"Sasl":            map[string]any{"Scram": map[string]any{"Enabled": true}, "Iam": map[string]any{"Enabled": true}},
		}, cluster["ClientAuthentication"])
	})
}

func TestKafkaVolumesAndPasswordAreEncryptedWithDifferentKeysOfTheWallet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, cluster := messaging(t, env)
		secret := stack.only(t, "AWS::SecretsManager::Secret")
		volumes := fmt.Sprint(at(cluster, "EncryptionInfo", "EncryptionAtRest", "DataVolumeKMSKeyId", "Fn::GetAtt", 0))
		password := fmt.Sprint(at(secret.Properties, "KmsKeyId", "Fn::GetAtt", 0))
		keys := stack.ofType("AWS::KMS::Key")
		assert.Contains(t, keys, volumes)
		assert.Contains(t, keys, password)
		assert.NotEqual(t, volumes, password)
		for id, key := range keys {
			assert.Equal(t, true, key.Properties["EnableKeyRotation"], id)
		}
	})
}

func TestKafkaRefusesWhatNobodyAskedFor(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, cluster := messaging(t, env)
		properties := serverProperties(t, stack)
		assert.Equal(t, "false", properties["auto.create.topics.enable"], "a misspelt topic would appear")
		assert.Equal(t, "false", properties["allow.everyone.if.no.acl.found"], "a user without ACLs would have access")
		assert.Equal(t, "false", properties["unclean.leader.election.enable"], "acknowledged events would be lost")
		assert.Equal(t, strconv.FormatBool(!env.Protected), properties["delete.topic.enable"])
		for id := range stack.ofType("AWS::MSK::Configuration") {
			assert.Equal(t, map[string]any{
				"Arn":      map[string]any{"Fn::GetAtt": []any{id, "Arn"}},
				"Revision": map[string]any{"Fn::GetAtt": []any{id, "LatestRevision.Revision"}},
			}, cluster["ConfigurationInfo"], "the brokers must follow the newest revision")
		}
	})
}

// MSK refuses a configuration with any other property than those of "Custom Amazon MSK
// configurations" (docs.aws.amazon.com/msk/latest/developerguide/msk-configuration-properties.html).
func TestTheConfigurationSetsOnlyWhatMSKLetsItsCustomersSet(t *testing.T) {
	allowed := strings.Fields(`
		allow.everyone.if.no.acl.found auto.create.topics.enable compression.type connections.max.idle.ms
		default.replication.factor delete.topic.enable group.initial.rebalance.delay.ms group.max.session.timeout.ms
		group.min.session.timeout.ms leader.imbalance.per.broker.percentage log.cleaner.delete.retention.ms
		log.cleaner.min.cleanable.ratio log.cleanup.policy log.flush.interval.messages log.flush.interval.ms
		log.message.timestamp.difference.max.ms log.message.timestamp.type log.retention.bytes log.retention.hours
		log.retention.minutes log.retention.ms log.roll.ms log.segment.bytes max.incremental.fetch.session.cache.slots
		message.max.bytes min.insync.replicas num.io.threads num.network.threads num.partitions
		num.recovery.threads.per.data.dir num.replica.fetchers offsets.retention.minutes
		offsets.topic.replication.factor replica.fetch.max.bytes replica.fetch.response.max.bytes
		replica.lag.time.max.ms replica.selector.class replica.socket.receive.buffer.bytes
		socket.receive.buffer.bytes socket.request.max.bytes socket.send.buffer.bytes transaction.max.timeout.ms
		transaction.state.log.min.isr transaction.state.log.replication.factor transactional.id.expiration.ms
		unclean.leader.election.enable`)
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		assert.Subset(t, allowed, slices.Collect(maps.Keys(serverProperties(t, stack))))
	})
}

func TestATopicMadeByHandHasALeaderOnEveryBroker(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		assert.Equal(t, strconv.Itoa(env.Messaging.Brokers), serverProperties(t, stack)["num.partitions"])
	})
}

// Neither the brokers nor the function that administers them may carry events
// out of the network.
func TestTheBrokersAndTheirFunctionCallNobodyElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, cluster := messaging(t, env)
		brokers := fmt.Sprint(at(cluster, "BrokerNodeGroupInfo", "SecurityGroups", 0, "Fn::GetAtt", 0))
		for id, group := range stack.ofType("AWS::EC2::SecurityGroup") {
			var out []string
			rules, _ := group.Properties["SecurityGroupEgress"].([]any)
			for _, rule := range rules {
				out = append(out, fmt.Sprintf("%v %v-%v", at(rule, "CidrIp"), at(rule, "FromPort"), at(rule, "ToPort")))
			}
			if id == brokers {
				// CDK's way to write no rule at all: one to an address that is nobody's.
				assert.Equal(t, []string{"255.255.255.255/32 252-86"}, out, "the brokers open connections")
				continue
			}
			assert.Equal(t, []string{"0.0.0.0/0 443-443"}, out, "the function asks AWS")
		}
		rule := stack.only(t, "AWS::EC2::SecurityGroupEgress").Properties
		assert.Equal(t, brokers, at(rule, "DestinationSecurityGroupId", "Fn::GetAtt", 0))
		assert.Equal(t, []any{9098.0, 9098.0}, []any{rule["FromPort"], rule["ToPort"]})
	})
}

func TestProductionsTopicsCannotBeDeleted(t *testing.T) {
	assert.Equal(t, "false", serverProperties(t, platform(t)["production"].stack(t, "messaging"))["delete.topic.enable"])
}

func TestAnUpgradeOfKafkaDoesNotReplaceItsConfiguration(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		configuration := env.stack(t, "messaging").only(t, "AWS::MSK::Configuration").Properties
		assert.NotContains(t, configuration, "KafkaVersionsList")
		assert.Equal(t, env.Names().KafkaClusterName(), configuration["Name"])
	})
}

func TestAnAcknowledgedEventSurvivesABroker(t *testing.T) {
	type copies struct{ replicas, inSync string }
	seed := map[string]copies{"production": {"3", "2"}, "staging": {"2", "1"}}
	eachOfTheSeed(t, seed, func(t *testing.T, env environment, want copies) {
		stack, _ := messaging(t, env)
		properties := serverProperties(t, stack)
		for _, name := range []string{"default.replication.factor", "offsets.topic.replication.factor", "transaction.state.log.replication.factor"} {
			assert.Equal(t, want.replicas, properties[name], name)
		}
		for _, name := range []string{"min.insync.replicas", "transaction.state.log.min.isr"} {
			assert.Equal(t, want.inSync, properties[name], name)
		}
		for id, topic := range stack.ofType("AWS::MSK::Topic") {
			assert.Equal(t, want.replicas, fmt.Sprint(topic.Properties["ReplicationFactor"]), id)
			assert.Equal(t, want.inSync, topicConfigs(t, topic)["min.insync.replicas"], id)
		}
	})
}

// The service publishes without keys, and a compacted topic refuses such records:
// nothing would ever leave the outbox.
func TestTheTopicThatTheServicePublishesToTakesRecordsWithoutKeys(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		found := false
		for _, topic := range env.stack(t, "messaging").ofType("AWS::MSK::Topic") {
			if topic.Properties["TopicName"] == "wallet-events" {
				found = true
				assert.Equal(t, "delete", topicConfigs(t, topic)["cleanup.policy"])
			}
		}
		assert.True(t, found)
	})
}

func TestTheApplicationsTopicsExistWithItsOwnPolicies(t *testing.T) {
	const dayMillis, weekMillis = "86400000", "604800000"
	want := map[string]map[string]string{
		"wallet-events":    {"cleanup.policy": "delete", "retention.ms": weekMillis},
		"wallet-commands":  {"cleanup.policy": "delete", "retention.ms": dayMillis},
		"wallet-snapshots": {"cleanup.policy": "compact", "retention.ms": weekMillis, "min.compaction.lag.ms": weekMillis, "delete.retention.ms": weekMillis},
	}
	eachOfTheSeed(t, map[string]float64{"production": 24, "staging": 6}, func(t *testing.T, env environment, partitions float64) {
		got := map[string]map[string]string{}
		for id, topic := range env.stack(t, "messaging").ofType("AWS::MSK::Topic") {
			configs := topicConfigs(t, topic)
			delete(configs, "min.insync.replicas") // asserted with the replicas
			got[textAt(t, topic.Properties, "TopicName")] = configs
			assert.Equal(t, partitions, topic.Properties["PartitionCount"], id)
		}
		assert.Equal(t, want, got)
	})
}

func TestTheTopicsCarryFifteenThousandEventsASecond(t *testing.T) {
	const (
		peak = 15_000
		// Small records with acks=all and three copies on an m5.large; the broker
		// does several times as much.
		perPartition = 1_000
		// AWS's advice for an m5.large, replicas included.
		replicasOfABroker = 1_000
	)
	env := platform(t)["production"]
	replicas := 0
	for id, topic := range env.stack(t, "messaging").ofType("AWS::MSK::Topic") {
		partitions := int(numberAt(t, topic.Properties, "PartitionCount"))
		assert.GreaterOrEqual(t, partitions*perPartition, peak, id)
		assert.Zero(t, partitions%env.Messaging.Brokers, "%s: some broker would lead more partitions than another", id)
		replicas += partitions * int(numberAt(t, topic.Properties, "ReplicationFactor"))
	}
	assert.Less(t, replicas/env.Messaging.Brokers, replicasOfABroker)
}

func TestTheKafkaPasswordIsOneThatMSKAndJAASAccept(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		secret := stack.only(t, "AWS::SecretsManager::Secret").Properties
		assert.Equal(t, env.Names().KafkaSecret(), secret["Name"])
		assert.True(t, strings.HasPrefix(textAt(t, secret, "Name"), "AmazonMSK_"), "MSK refuses other names")
		assert.Equal(t, map[string]any{
			"SecretStringTemplate": `{"username":"wallet-service"}`,
			"GenerateStringKey":    "password",
			"PasswordLength":       40.0,
			"ExcludePunctuation":   true, // a quote would end the JAAS line
		}, secret["GenerateSecretString"])
		assert.Empty(t, stack.ofType("AWS::SecretsManager::ResourcePolicy"), "it would overwrite the policy that MSK writes")
		assert.Equal(t, "wallet-service", stack.only(t, "Custom::KafkaAccess").Properties["User"])
	})
}

func TestTheKafkaUserIsCompleteBeforeAnyoneLearnsTheAddress(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		association := stack.only(t, "AWS::MSK::BatchScramSecret")
		for id := range stack.ofType("AWS::SecretsManager::Secret") {
			assert.Equal(t, []any{map[string]any{"Ref": id}}, association.Properties["SecretArnList"])
		}
		waits := stack.only(t, "Custom::KafkaAccess").DependsOn
		for _, before := range []string{"AWS::MSK::BatchScramSecret", "AWS::MSK::Topic", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"} {
			ids := slices.Sorted(maps.Keys(stack.ofType(before)))
			assert.NotEmpty(t, ids, before)
			assert.Subset(t, waits, ids, before)
		}
	})
}

func TestTheKafkaUserMayUseItsTopicsAndNothingElse(t *testing.T) {
	grant := func(resource, name, pattern string, operations ...any) any {
		return map[string]any{"Resource": resource, "Name": name, "Pattern": pattern, "Operations": operations}
	}
	want := []any{
		grant("topic", "wallet-events", "literal", "DESCRIBE", "READ", "WRITE"),
		grant("topic", "wallet-commands", "literal", "DESCRIBE", "READ", "WRITE"),
		grant("topic", "wallet-snapshots", "literal", "DESCRIBE", "READ", "WRITE"),
		grant("group", "wallet-", "prefixed", "READ"),
		grant("transactional-id", "wallet-", "prefixed", "DESCRIBE", "WRITE"),
		grant("cluster", "", "literal", "IDEMPOTENT_WRITE"),
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		access := stack.only(t, "Custom::KafkaAccess").Properties
		assert.Equal(t, want, access["Grants"])
		assert.Equal(t, strconv.Itoa(env.Messaging.Brokers), access["Brokers"])
		for id := range stack.ofType("AWS::MSK::Cluster") {
			assert.Equal(t, map[string]any{"Fn::GetAtt": []any{id, "Arn"}}, access["Cluster"])
		}
	})
}

func TestOnlyTheAccessFunctionReachesTheBrokersFromThisStack(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		rule := stack.only(t, "AWS::EC2::SecurityGroupIngress").Properties
		assert.Equal(t, 9098.0, rule["FromPort"])
		assert.Equal(t, 9098.0, rule["ToPort"])
		assert.NotEmpty(t, rule["SourceSecurityGroupId"])
		assert.NotContains(t, rule, "CidrIp")
		for id, group := range stack.ofType("AWS::EC2::SecurityGroup") {
			assert.NotContains(t, group.Properties, "SecurityGroupIngress", id)
		}
	})
}

func TestBrokerVolumesGrowBeforeTheyAreFull(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		target := stack.only(t, "AWS::ApplicationAutoScaling::ScalableTarget").Properties
		assert.Equal(t, "kafka", target["ServiceNamespace"])
		assert.Equal(t, "kafka:broker-storage:VolumeSize", target["ScalableDimension"])
		assert.Equal(t, float64(env.Messaging.MaxVolumeGiB), target["MaxCapacity"])
		assert.Equal(t, 1.0, target["MinCapacity"])
		assert.NotContains(t, target, "RoleARN", "AWS's service-linked role does it")
		for id := range stack.ofType("AWS::MSK::Cluster") {
			assert.Equal(t, map[string]any{"Fn::GetAtt": []any{id, "Arn"}}, target["ResourceId"])
		}
		policy := at(stack.only(t, "AWS::ApplicationAutoScaling::ScalingPolicy").Properties, "TargetTrackingScalingPolicyConfiguration")
		assert.Equal(t, "KafkaBrokerStorageUtilization", at(policy, "PredefinedMetricSpecification", "PredefinedMetricType"))
		assert.Equal(t, float64(env.Messaging.VolumeTargetPercent), at(policy, "TargetValue"))
		assert.Equal(t, true, at(policy, "DisableScaleIn"), "AWS cannot shrink a volume")
	})
}

func TestBrokerLogsReachCloudWatchAndTheLogBucket(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, cluster := messaging(t, env)
		logs := at(cluster, "LoggingInfo", "BrokerLogs")
		assert.Equal(t, true, at(logs, "S3", "Enabled"))
		assert.NotNil(t, at(logs, "S3", "Bucket"))
		// The bucket's policy accepts brokers under this prefix alone.
		assert.Equal(t, "brokers", at(logs, "S3", "Prefix"))
		assert.Equal(t, true, at(logs, "CloudWatchLogs", "Enabled"))
		id := fmt.Sprint(at(logs, "CloudWatchLogs", "LogGroup", "Ref"))
		group := stack.ofType("AWS::Logs::LogGroup")[id]
		assert.Equal(t, float64(env.Messaging.LogRetentionDays), group.Properties["RetentionInDays"])
		assert.NotNil(t, group.Properties["KmsKeyId"])
		policy := stack.only(t, "AWS::Logs::ResourcePolicy")
		document, err := json.Marshal(policy.Properties["PolicyDocument"])
		require.NoError(t, err)
		assert.Contains(t, string(document), "delivery.logs.amazonaws.com")
		assert.Contains(t, string(document), id)
		assert.Contains(t, string(document), env.Site.Account)
		for policyID := range stack.ofType("AWS::Logs::ResourcePolicy") {
			assert.Contains(t, stack.only(t, "AWS::MSK::Cluster").DependsOn, policyID)
		}
	})
}

func TestEveryLogGroupOfMessagingForgetsAndIsEncrypted(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		groups := stack.ofType("AWS::Logs::LogGroup")
		assert.Len(t, groups, 2, "the brokers' and the access function's")
		for id, group := range groups {
			assert.Equal(t, float64(env.Messaging.LogRetentionDays), group.Properties["RetentionInDays"], id)
			assert.NotNil(t, group.Properties["KmsKeyId"], id)
		}
	})
}

func TestTheKafkaAlarmsHaveTheirMetrics(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := messaging(t, env)
		assert.Equal(t, "PER_BROKER", cluster["EnhancedMonitoring"])
		assert.NotContains(t, cluster, "OpenMonitoring", "the brokers listen on ports that nobody reads")
	})
}

func TestKafkaOutlivesItsStack(t *testing.T) {
	kept := []string{
		"AWS::MSK::Cluster", "AWS::MSK::Configuration", "AWS::MSK::Topic", "AWS::MSK::BatchScramSecret",
		"AWS::SecretsManager::Secret", "AWS::KMS::Key",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, cluster := messaging(t, env)
		for _, kind := range kept {
			for id, r := range stack.ofType(kind) {
				assert.Contains(t, retained, r.DeletionPolicy, id)
				assert.Equal(t, "Retain", r.UpdateReplacePolicy, id)
			}
		}
		group := fmt.Sprint(at(cluster, "BrokerNodeGroupInfo", "SecurityGroups", 0, "Fn::GetAtt", 0))
		assert.Contains(t, retained, stack.Resources[group].DeletionPolicy, "the brokers' security group")
	})
}

func TestADeadAccessFunctionDoesNotHoldADeploymentForAnHour(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack, _ := messaging(t, env)
		wait, err := strconv.Atoi(fmt.Sprint(stack.only(t, "Custom::KafkaAccess").Properties["ServiceTimeout"]))
		require.NoError(t, err)
		function := stack.only(t, "AWS::Lambda::Function").Properties
		run := int(numberAt(t, function, "Timeout"))
		assert.Greater(t, wait, run)
		assert.LessOrEqual(t, wait, int((10 * time.Minute).Seconds()))
		assert.NotNil(t, function["VpcConfig"], "the brokers are reachable from inside alone")
	})
}
