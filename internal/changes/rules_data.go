package changes

// Documents of AWS on what interrupts a database, a cache or brokers.
const (
	rdsInstance  = reference + "aws-resource-rds-dbinstance.html"
	rdsCluster   = reference + "aws-resource-rds-dbcluster.html"
	cacheDoc     = reference + "aws-resource-elasticache-replicationgroup.html"
	cacheScaling = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-cluster-vertical-scaling.html"
	cacheUpdate  = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement-upgrade-considerations.html"
	cacheTLS     = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html"
	aurora       = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html"
	auroraParams = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Reference.ParameterGroups.html"
)

// dataRules: the database and the cache. Which update interrupts is in no
// machine-readable source: only the prose of AWS's documents says so, which the
// rows name.
var dataRules = map[string][]rule{
	"AWS::RDS::DBCluster": {
		floor("BackupRetentionPeriod", Weakens, "the database can be brought back to fewer days"),
		floor("BacktrackWindow", Weakens, "the database can be taken back less far"),
		harmless("CopyTagsToSnapshot", "tags of snapshots"),
		every("DBClusterParameterGroupName", Interrupts, "another parameter group takes effect when the instances restart", rdsCluster),
		must("DatabaseInsightsMode", "advanced", Weakens, "less is recorded of what the database does"),
		must("DeletionProtection", "true", Weakens, "the cluster can be deleted"),
		list("EnableCloudwatchLogsExports", Safe, "a log more", Weakens, "a log less, such as that of who did what"),
		row("EnableIAMDatabaseAuthentication", becomes(Widens, "IAM identities may log in", "true"), when("leaves true", leaves([]string{"true"}), Interrupts, "who logs in by IAM is refused")),
		every("EngineVersion", Interrupts, "every instance of the cluster restarts on the other version", rdsCluster),
		row("GlobalClusterIdentifier", goes(Weakens, "the cluster leaves its global database: no copy in another region")),
		every("MasterUserPassword", Interrupts, "the administrator has another password"),
		must("PerformanceInsightsEnabled", "true", Weakens, "less is recorded of what the database does"),
		every("PerformanceInsightsKmsKeyId", Weakens, "statements are recorded under another key"),
		floor("PerformanceInsightsRetentionPeriod", Weakens, "what the database did is known for fewer days"),
		every("Port", Interrupts, "every instance restarts, and clients must know the other port", aurora),
		harmless("PreferredBackupWindow", "when, and not whether"),
		harmless("PreferredMaintenanceWindow", "when, and not whether; instances have windows of their own"),
		born("PubliclyAccessible", "false", Widens, "the database has a public address"),
		born("StorageEncrypted", "true", Weakens, "the storage is not encrypted"),
		list("VpcSecurityGroupIds", Widens, "others reach the database", Interrupts, "fewer reach the database"),
	},
	instance: {
		must("ApplyImmediately", "false", Interrupts, "what would wait for the maintenance window happens at once"),
		row("AutoMinorVersionUpgrade", mayInterrupt("a pending upgrade may be applied", rdsInstance)),
		row("CACertificateIdentifier", mayInterrupt("the instance may restart with the other certificate", aurora)),
		every("DBInstanceClass", Interrupts, "the instance restarts on other hardware; a writer fails over", rdsInstance),
		every("DBParameterGroupName", Interrupts, "another parameter group takes effect with a restart", rdsInstance),
		must("DeletionProtection", "true", Weakens, "the instance can be deleted"),
		must("EnablePerformanceInsights", "true", Weakens, "less is recorded of what the database does"),
		row("MonitoringInterval", down(Weakens, "the instance is measured otherwise, or not at all"), up(Weakens, "the instance is measured less often")),
		every("MonitoringRoleArn", Enters, "it is measured with the permissions of another role"),
		floor("PerformanceInsightsRetentionPeriod", Weakens, "what the database did is known for fewer days"),
		row("PreferredMaintenanceWindow", mayInterrupt("what is pending is applied at once when the new window is now", rdsInstance)),
		every("PromotionTier", Traffic, "which instance becomes the writer"),
		must("PubliclyAccessible", "false", Widens, "the instance has a public address"),
	},
	"AWS::RDS::DBClusterParameterGroup": clusterParameters,
	"AWS::RDS::DBParameterGroup":        instanceParameters,
	"AWS::RDS::DBSubnetGroup": {
		harmless("DBSubnetGroupDescription", "a text for readers"),
		list("SubnetIds", Safe, "one more subnet to stand in", Weakens, "fewer subnets, perhaps of fewer zones, to stand in"),
	},
	"AWS::RDS::GlobalCluster": {
		must("DeletionProtection", "true", Weakens, "the global cluster can be deleted"),
		every("EngineVersion", Interrupts, "every instance of every region restarts on the other version", reference+"aws-resource-rds-globalcluster.html"),
	},
	cacheGroup: {
		born("AtRestEncryptionEnabled", "true", Weakens, "the snapshots are not encrypted"),
		must("AutoMinorVersionUpgrade", "false", Interrupts, "upgrades come by themselves"),
		must("AutomaticFailoverEnabled", "true", Weakens, "a lost primary node is not replaced by a replica"),
		every("CacheNodeType", Interrupts, "the primary node fails over to one of the other type", cacheScaling),
		row("CacheParameterGroupName", mayInterrupt("some parameters take effect when the nodes restart", cacheDoc)),
		every("EngineVersion", Interrupts, "nodes are exchanged, and writes fail during the failover", cacheUpdate),
		every("LogDeliveryConfigurations", Weakens, "a log is delivered elsewhere, or not at all"),
		must("MultiAZEnabled", "true", Weakens, "the nodes may all stand in one zone"),
		every("NumNodeGroups", Interrupts, "keys move between shards; some requests fail meanwhile", cacheDoc),
		harmless("PreferredMaintenanceWindow", "when, and not whether"),
		row("ReplicasPerNodeGroup", down(Weakens, "fewer copies of each shard")),
		harmless("ReplicationGroupDescription", "a text for readers"),
		list("SecurityGroupIds", Widens, "others reach the cache", Interrupts, "fewer reach the cache"),
		floor("SnapshotRetentionLimit", Weakens, "the cache can be brought back to fewer days"),
		harmless("SnapshotWindow", "when, and not whether"),
		row("TransitEncryptionEnabled", does(Interrupts, "clients must connect in the other way", cacheTLS), when("leaves true", leaves([]string{"true"}), Weakens, "connections are not encrypted")),
		row("TransitEncryptionMode", becomes(Interrupts, "clients without TLS are turned away", "required"), when("leaves required", leaves([]string{"required"}), Weakens, "connections may be unencrypted")),
		list("UserGroupIds", Widens, "others may log in", Interrupts, "fewer may log in"),
	},
	"AWS::ElastiCache::ParameterGroup": {
		harmless("Description", "a text for readers"),
		row("Properties/*", mayInterrupt("some parameters take effect when the nodes restart", reference+"aws-resource-elasticache-parametergroup.html")),
		every("Properties/maxmemory-policy", Weakens, "other keys are dropped when the memory is full"),
	},
	"AWS::ElastiCache::SubnetGroup": {
		harmless("Description", "a text for readers"),
		list("SubnetIds", Safe, "one more subnet to stand in", Weakens, "fewer subnets, perhaps of fewer zones, to stand in"),
	},
	"AWS::ElastiCache::User": {
		row("AccessString", when("grows", accessGrows, Widens, "the user may do more in the cache"), when("shrinks", unless(accessGrows), Interrupts, "the user may do less in the cache")),
		row("AuthenticationMode", does(Enters, "the user proves itself in another way")),
	},
	"AWS::ElastiCache::UserGroup": {
		list("UserIds", Widens, "others may log in", Interrupts, "fewer may log in"),
	},
}

// instanceParameters are those of Aurora MySQL that an instance may have of its
// own. Which take effect only with a restart is in auroraParams; the rows that are
// safe in one direction are dynamic.
var instanceParameters = []rule{
	row("Parameters/*", mayInterrupt("instances restart for a static parameter; a dynamic one takes effect at once", auroraParams)),
	every("Parameters/log_output", Weakens, "logs are written elsewhere"),
	every("Parameters/long_query_time", Weakens, "other statements count as slow"),
	floor("Parameters/max_connections", Weakens, "fewer may be connected"),
	must("Parameters/slow_query_log", "1", Weakens, "slow statements are not logged"),
}

// clusterParameters are those of the whole cluster.
var clusterParameters = append([]rule{
	must("Parameters/innodb_flush_log_at_trx_commit", "1", Weakens, "what was confirmed may be lost"),
	must("Parameters/innodb_print_all_deadlocks", "1", Weakens, "deadlocks are not logged"),
	must("Parameters/require_secure_transport", "ON", Weakens, "connections may be unencrypted"),
	every("Parameters/server_audit_events", Weakens, "other acts are in the audit log"),
	must("Parameters/server_audit_logging", "1", Weakens, "nothing is in the audit log"),
	row("Parameters/tls_version", does(Weakens, "other versions of TLS are accepted"), mayInterrupt("clients of a version that goes are turned away", auroraParams)),
}, instanceParameters...)
