package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/network"
)

// cacheGroup is the environment's replication group.
func cacheGroup(t *testing.T, env environment) resource {
	t.Helper()
	return env.stack(t, "data").only(t, "AWS::ElastiCache::ReplicationGroup")
}

// holder finds the one resource of a type that has a value in a property.
func holder(t *testing.T, in template, resourceType string, value any, property ...any) (string, resource) {
	t.Helper()
	var ids []string
	for id, r := range in.ofType(resourceType) {
		if assert.ObjectsAreEqual(value, at(r.Properties, property...)) {
			ids = append(ids, id)
		}
	}
	require.Lenf(t, ids, 1, "%s: resources of type %s with %v %v", in.name, resourceType, property, value)
	return ids[0], in.Resources[ids[0]]
}

func TestTheCacheHasTheSizeThatTheSeedAsksFor(t *testing.T) {
	production := cacheGroup(t, platform(t)["production"]).Properties
	assert.Equal(t, "cache.r6g.large", production["CacheNodeType"])
	assert.EqualValues(t, 1, production["NumNodeGroups"])
	assert.EqualValues(t, 2, production["ReplicasPerNodeGroup"], "three nodes: one primary and two replicas")
	assert.NotContains(t, production, "NumCacheClusters", "not with cluster mode")

	staging := cacheGroup(t, platform(t)["staging"]).Properties
	assert.Equal(t, "cache.t4g.medium", staging["CacheNodeType"], "the smallest neighbour of r6g.medium, which does not exist")
	assert.EqualValues(t, 1, staging["NumNodeGroups"])
	assert.EqualValues(t, 0, staging["ReplicasPerNodeGroup"], "one node")
	assert.NotContains(t, staging, "NumCacheClusters", "not with cluster mode")
	eachEnvironment(t, func(t *testing.T, env environment) {
		group := cacheGroup(t, env).Properties
		assert.Equal(t, env.Cache.Engine, group["Engine"])
		assert.Equal(t, env.Cache.EngineVersion, group["EngineVersion"])
		assert.Equal(t, env.Names().CacheName(), group["ReplicationGroupId"], "alarms and operators know the cache by its name")
		assert.EqualValues(t, 6379, group["Port"], "clients and the network ACL expect it")
	})
}

func TestTheCacheSurvivesTheLossOfAZone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		group := cacheGroup(t, env).Properties
		// A single node has nobody to fail over to, but with cluster mode AWS demands the
		// switch all the same (TestAccElastiCacheReplicationGroup_ClusterMode_singleNode in
		// github.com/hashicorp/terraform-provider-aws: failover on, Multi-AZ off, one node).
		assert.Equal(t, true, group["AutomaticFailoverEnabled"])
		assert.Equal(t, env.Name == "production", group["MultiAZEnabled"])
		var tier []any
		for _, subnet := range subnets(t, env.stack(t, "network")) {
			if subnet.tier == "Database" {
				tier = append(tier, subnet.id)
			}
		}
		require.Len(t, tier, 3)
		used := fmt.Sprint(env.stack(t, "data").only(t, "AWS::ElastiCache::SubnetGroup").Properties["SubnetIds"])
		for _, id := range tier {
			assert.Contains(t, used, id)
		}
	})
}

// Without the update policy, CloudFormation answers a new number of shards with a
// new, empty replication group.
func TestAShardCanBeAddedToTheCacheWithoutLosingIt(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		assert.Equal(t, map[string]any{"UseOnlineResharding": true}, data.only(t, "AWS::ElastiCache::ReplicationGroup").UpdatePolicy)
		parameters := data.only(t, "AWS::ElastiCache::ParameterGroup").Properties
		assert.Equal(t, "yes", at(parameters, "Properties", "cluster-enabled"), "no shard can be added without cluster mode")
		assert.Contains(t, cacheGroup(t, env).Properties, "NumNodeGroups")
	})
}

func TestAFullCacheForgetsInsteadOfRefusingWrites(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		id, parameters := holder(t, env.stack(t, "data"), "AWS::ElastiCache::ParameterGroup", "redis7", "CacheParameterGroupFamily")
		assert.Equal(t, "allkeys-lru", at(parameters.Properties, "Properties", "maxmemory-policy"))
		assert.Equal(t, map[string]any{"Ref": id}, cacheGroup(t, env).Properties["CacheParameterGroupName"])
	})
}

func TestNobodyReadsTheCacheFromTheWireOrTheDisk(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		group := cacheGroup(t, env).Properties
		assert.Equal(t, true, group["TransitEncryptionEnabled"])
		assert.Equal(t, "required", group["TransitEncryptionMode"])
		assert.Equal(t, true, group["AtRestEncryptionEnabled"])
		_, alias := holder(t, env.stack(t, "data"), "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/cache", "AliasName")
		assert.Equal(t, alias.Properties["TargetKeyId"], group["KmsKeyId"])
	})
}

func TestTheCacheKnowsNobodyButTheService(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		fallback, off := holder(t, data, "AWS::ElastiCache::User", "default", "UserName")
		assert.Equal(t, "off ~* -@all", off.Properties["AccessString"], "a client without a name must find no user")
		service, _ := holder(t, data, "AWS::ElastiCache::User", "wallet", "UserName")
		group := data.only(t, "AWS::ElastiCache::UserGroup")
		assert.ElementsMatch(t, []any{map[string]any{"Ref": fallback}, map[string]any{"Ref": service}}, group.Properties["UserIds"],
			"Redis demands the user named default in the group")
		for id := range data.ofType("AWS::ElastiCache::UserGroup") {
			assert.Equal(t, []any{map[string]any{"Ref": id}}, cacheGroup(t, env).Properties["UserGroupIds"])
		}
		for _, name := range []any{group.Properties["UserGroupId"], off.Properties["UserId"]} {
			assert.Regexp(t, `^[a-z][a-z0-9-]{0,39}$`, name)
		}
	})
}

// Redis applies the rules of an access string in their order.
func TestTheServiceCannotStopOrEmptyTheCache(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, user := holder(t, env.stack(t, "data"), "AWS::ElastiCache::User", "wallet", "UserName")
		rules := strings.Fields(textAt(t, user.Properties, "AccessString"))
		assert.Equal(t, "on", rules[0])
		position := map[string]int{}
		for i, rule := range rules {
			position[rule] = i
		}
		for _, given := range []string{"+@read", "+@write", "+@connection", "+@transaction"} {
			assert.Contains(t, position, given)
			assert.Greater(t, position[given], position["-@all"], "begin with nothing")
			assert.Greater(t, position["-@dangerous"], position[given], "take the dangerous ones out of what was given")
			assert.Greater(t, position["-@scripting"], position[given], "FUNCTION LOAD and FUNCTION FLUSH are writes")
			assert.Greater(t, position["-@admin"], position[given])
		}
		assert.Contains(t, position, "-@all")
		for _, rule := range rules {
			assert.NotContains(t, []string{"+@all", "allcommands", "+@admin", "+@dangerous", "+@scripting", "nopass"}, rule)
		}
		for _, question := range []string{"+cluster|slots", "+cluster|shards", "+cluster|nodes"} {
			assert.Greater(t, position[question], position["-@dangerous"], "a cluster client finds a key's node by asking %s", question)
		}
	})
}

func TestTheCachePasswordIsMadeByAWSAndFitsElastiCache(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		id, secret := holder(t, data, "AWS::SecretsManager::Secret", env.Names().CacheSecret(), "Name")
		generate := secret.Properties["GenerateSecretString"]
		assert.Equal(t, 64.0, at(generate, "PasswordLength"), "nobody types it, and ElastiCache takes up to 128")
		assert.Equal(t, true, at(generate, "ExcludePunctuation"), "the password stands in a URL")
		assert.Equal(t, "password", at(generate, "GenerateStringKey"))
		assert.JSONEq(t, `{"username":"wallet"}`, textAt(t, generate, "SecretStringTemplate"))
		_, alias := holder(t, data, "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/cache", "AliasName")
		assert.Equal(t, alias.Properties["TargetKeyId"], secret.Properties["KmsKeyId"])
		want := "Delete"
		if env.Protected {
			want = "Retain"
		}
		assert.Equal(t, want, secret.DeletionPolicy, "a password that is left behind keeps its name from the next deployment of an environment that comes and goes")
		for _, user := range data.ofType("AWS::ElastiCache::User") {
			mode := user.Properties["AuthenticationMode"]
			assert.Equal(t, "password", at(mode, "Type"))
			assert.Equal(t, map[string]any{"Fn::Join": []any{"", []any{
				"{{resolve:secretsmanager:", map[string]any{"Ref": id}, ":SecretString:password::}}"}}}, at(mode, "Passwords", 0))
		}
	})
}

func TestASlowCacheLeavesATrace(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		var logs []any
		for i := range 2 {
			delivery := at(cacheGroup(t, env).Properties, "LogDeliveryConfigurations", i)
			logs = append(logs, at(delivery, "LogType"))
			assert.Equal(t, "json", at(delivery, "LogFormat"))
			assert.Equal(t, "cloudwatch-logs", at(delivery, "DestinationType"))
			group, _ := at(delivery, "DestinationDetails", "CloudWatchLogsDetails", "LogGroup", "Ref").(string)
			assert.EqualValues(t, env.Cache.LogRetentionDays, data.Resources[group].Properties["RetentionInDays"])
		}
		assert.ElementsMatch(t, []any{"slow-log", "engine-log"}, logs)
	})
}

func TestTheCacheLeavesASnapshotBehind(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		group := cacheGroup(t, env)
		assert.Equal(t, "Snapshot", group.DeletionPolicy)
		assert.Equal(t, "Snapshot", group.UpdateReplacePolicy)
		assert.EqualValues(t, env.Cache.SnapshotRetentionDays, group.Properties["SnapshotRetentionLimit"])
		assert.Positive(t, group.Properties["SnapshotRetentionLimit"])
		assert.Equal(t, env.Cache.SnapshotWindow, group.Properties["SnapshotWindow"])
		assert.Equal(t, env.Cache.MaintenanceWindow, group.Properties["PreferredMaintenanceWindow"])
		assert.Equal(t, false, group.Properties["AutoMinorVersionUpgrade"], "the next deployment would try to go back to the pinned version")
	})
}

func TestTheCacheNodesCallNobodyAndAdmitNobodyByThemselves(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		id, _ := at(cacheGroup(t, env).Properties, "SecurityGroupIds", 0, "Fn::GetAtt", 0).(string)
		group := data.Resources[id].Properties
		assert.Nil(t, group["SecurityGroupIngress"], "each client brings its own rule, with its reason")
		assert.Equal(t, "255.255.255.255/32", at(group, "SecurityGroupEgress", 0, "CidrIp"), "CDK's way to allow nothing")
		assert.Nil(t, at(group, "SecurityGroupEgress", 1))
	})
}

func TestClientsConnectToTheEndpointOfTheCachesMode(t *testing.T) {
	t.Parallel()
	for want, clusterMode := range map[string]bool{"PrimaryEndPoint.Address": false, "ConfigurationEndPoint.Address": true} {
		env := platform(t)["staging"]
		env.Cache.ClusterMode = clusterMode
		built, err := synthesizeStack(env, env.Primary, func(stack awscdk.Stack) {
			key := encryption.NewKey(stack, "LogKey", encryption.Props{Names: env.Names(), Alias: "logs", Purpose: "Logs"})
			vpc := network.New(stack, network.Props{Names: env.Names(), Region: env.Primary, Network: env.Network, LogKey: key})
			made := cache.New(stack, cache.Props{Names: env.Names(), Cache: env.Cache, Network: vpc, LogKey: key})
			awscdk.NewCfnOutput(stack, new("Host"), &awscdk.CfnOutputProps{Value: new(made.Host)})
			assert.Equal(t, env.Names().CacheName(), made.Name)
		})
		require.NoError(t, err)
		assert.Equal(t, want, at(built.Outputs["Host"].Value, "Fn::GetAtt", 1))
	}
}
