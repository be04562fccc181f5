// Package cache makes the ElastiCache replication group and its user.
package cache

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticache"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/network"
)

// Cache is the replication group, as its clients and alarms need it.
type Cache struct {
	// Name is the replication group's ID, after which [Nodes] are named.
	Name          string
	SecurityGroup awsec2.ISecurityGroup
	// Host is the endpoint that the service connects to: the configuration
	// endpoint in cluster mode, else the primary's.
	Host string
	// Secret holds "username" and "password" of the service's cache user.
	Secret awssecretsmanager.ISecret

	config config.Cache
}

// ClusterMode says that clients find a key's node by themselves.
func (c Cache) ClusterMode() bool { return c.config.ClusterMode }

// Props describe a cache.
type Props struct {
	Names config.Names
	Cache config.Cache
	// Protected keeps the user's password when the stack goes.
	Protected bool
	// Network holds the database tier, in which the nodes stand.
	Network network.Network
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// New makes the cache: encrypted with a key of its own, reached over TLS by one
// user with a password.
func New(scope constructs.Construct, props Props) Cache {
	own := constructs.NewConstruct(scope, new("Cache"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "cache",
		Purpose: "Encrypts the cache, its snapshots and its user's password",
	})
	// Nodes answer and replicate inside the tier; they call nobody.
	securityGroup := props.Network.NewGroup(own, "SecurityGroup", "The cache nodes; clients add their own rule")
	secret := newSecret(own, props, key)
	group := awselasticache.NewCfnReplicationGroup(own, new("Group"), groupProps(own, props, key))
	group.SetSecurityGroupIds(&[]*string{securityGroup.SecurityGroupId()})
	group.SetUserGroupIds(&[]*string{newUsers(own, props, secret).Ref()})
	// Adding a shard is an online operation; without this policy CloudFormation
	// makes a new, empty group instead.
	group.CfnOptions().SetUpdatePolicy(&awscdk.CfnUpdatePolicy{UseOnlineResharding: new(true)})
	// Aurora can rebuild what the cache holds, so it need not outlive its stack,
	// but the last snapshot costs little and shortens a return.
	group.ApplyRemovalPolicy(awscdk.RemovalPolicy_SNAPSHOT, nil)
	acknowledgeFindings(group, props.Cache)

	host := group.AttrPrimaryEndPointAddress()
	if props.Cache.ClusterMode {
		host = group.AttrConfigurationEndPointAddress()
	}
	return Cache{Name: props.Names.CacheName(), SecurityGroup: securityGroup, Host: *host, Secret: secret, config: props.Cache}
}

// groupProps are the group's own properties, without who may reach it.
func groupProps(own constructs.Construct, props Props, key awskms.IKey) *awselasticache.CfnReplicationGroupProps {
	cache := props.Cache
	group := &awselasticache.CfnReplicationGroupProps{
		ReplicationGroupId:          new(props.Names.CacheName()),
		ReplicationGroupDescription: new("Sessions and query results of the wallet service"),
		Engine:                      new(cache.Engine),
		EngineVersion:               new(cache.EngineVersion),
		CacheNodeType:               new(cache.NodeType),
		Port:                        jsii.Number(config.CachePort),
		// Cluster mode demands the switch, also of a shard that has no replica to fail over
		// to; Multi-AZ demands the replica
		// (TestAccElastiCacheReplicationGroup_ClusterMode_singleNode in
		// github.com/hashicorp/terraform-provider-aws).
		AutomaticFailoverEnabled: new(cache.ClusterMode || cache.Failover()),
		MultiAzEnabled:           new(cache.Failover()),
		CacheSubnetGroupName:     subnets(own, props.Network).Ref(),
		CacheParameterGroupName:  parameters(own, cache).Ref(),
		AtRestEncryptionEnabled:  new(true),
		KmsKeyId:                 key.KeyArn(),
		TransitEncryptionEnabled: new(true),
		TransitEncryptionMode:    new("required"),
		// The version is pinned: an upgrade behind the template's back would make
		// the next deployment try to go back, which ElastiCache refuses.
		AutoMinorVersionUpgrade:    new(false),
		SnapshotRetentionLimit:     jsii.Number(cache.SnapshotRetentionDays),
		SnapshotWindow:             new(cache.SnapshotWindow),
		PreferredMaintenanceWindow: new(cache.MaintenanceWindow),
		LogDeliveryConfigurations: &[]any{
			logDelivery(own, "SlowLogs", "slow-log", props),
			logDelivery(own, "EngineLogs", "engine-log", props),
		},
	}
	if cache.ClusterMode {
		group.NumNodeGroups = jsii.Number(cache.Shards)
		group.ReplicasPerNodeGroup = jsii.Number(cache.Replicas)
	} else {
		group.NumCacheClusters = jsii.Number(cache.Nodes())
	}
	return group
}

// subnets spreads the nodes over the zones of the database tier.
func subnets(own constructs.Construct, network network.Network) awselasticache.CfnSubnetGroup {
	var ids []any
	for _, id := range network.DatabaseSubnets {
		ids = append(ids, id)
	}
	return awselasticache.NewCfnSubnetGroup(own, new("Subnets"), &awselasticache.CfnSubnetGroupProps{
		Description: new("The database tier"),
		SubnetIds:   &ids,
	})
}

// parameters evict the least recently used key when memory is full, whether it
// has a time to live or not. The default spares keys without one, so that a
// forgotten time to live ends in refused writes instead of a colder cache.
func parameters(own constructs.Construct, cache config.Cache) awselasticache.CfnParameterGroup {
	values := map[string]*string{"maxmemory-policy": new("allkeys-lru")}
	if cache.ClusterMode {
		values["cluster-enabled"] = new("yes")
	}
	return awselasticache.NewCfnParameterGroup(own, new("Parameters"), &awselasticache.CfnParameterGroupProps{
		CacheParameterGroupFamily: new(cache.ParameterFamily()),
		Description:               new("The wallet's cache"),
		Properties:                values,
	})
}

// logDelivery sends one of the group's logs to a log group.
func logDelivery(own constructs.Construct, id, logType string, props Props) *awselasticache.CfnReplicationGroup_LogDeliveryConfigurationRequestProperty {
	group := logging.NewGroup(own, id, logging.Props{
		RetentionDays: props.Cache.LogRetentionDays,
		Key:           props.LogKey,
	})
	return &awselasticache.CfnReplicationGroup_LogDeliveryConfigurationRequestProperty{
		LogType:         new(logType),
		LogFormat:       new("json"),
		DestinationType: new("cloudwatch-logs"),
		DestinationDetails: &awselasticache.CfnReplicationGroup_DestinationDetailsProperty{
			CloudWatchLogsDetails: &awselasticache.CfnReplicationGroup_CloudWatchLogsDestinationDetailsProperty{
				LogGroup: group.LogGroupName(),
			},
		},
	}
}

func acknowledgeFindings(group awselasticache.CfnReplicationGroup, cache config.Cache) {
	acknowledge.Findings(group,
		acknowledge.Accepted{
			Rule:   "AwsSolutions-AEC5",
			Reason: "The port is the one that clients expect; the nodes have no route from the internet and admit single security groups, so another port would only hide them from their operators",
		},
		acknowledge.Accepted{
			Rule:   "AwsSolutions-AEC6",
			Reason: "Clients authenticate by a user group (RBAC), which ElastiCache does not combine with the single AUTH token that this rule looks for",
		},
	)
	if !cache.Failover() {
		acknowledge.Finding(group, "AwsSolutions-AEC4",
			"This environment runs a single node by configuration, which has no other zone to fail over to; its cache may be lost")
	}
}
