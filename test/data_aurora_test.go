package test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// auroraCluster returns the primary cluster with its logical ID.
func auroraCluster(t *testing.T, env environment) (string, resource) {
	t.Helper()
	found := env.stack(t, "data").ofType("AWS::RDS::DBCluster")
	require.Len(t, found, 1)
	for id, cluster := range found {
		return id, cluster
	}
	panic("unreachable")
}

// auroraInstances returns the cluster's instances by logical ID.
func auroraInstances(t *testing.T, env environment) map[string]resource {
	t.Helper()
	found := env.stack(t, "data").ofType("AWS::RDS::DBInstance")
	require.NotEmpty(t, found)
	return found
}

// auroraParameters returns the values of the cluster's and of the instances'
// parameter group, having checked that the cluster and every instance use them.
func auroraParameters(t *testing.T, env environment) (cluster, instance map[string]any) {
	t.Helper()
	data := env.stack(t, "data")
	_, database := auroraCluster(t, env)
	clusterGroup := data.Resources[textAt(t, database.Properties, "DBClusterParameterGroupName", "Ref")]
	require.Equal(t, "AWS::RDS::DBClusterParameterGroup", clusterGroup.Type)
	var instanceGroup resource
	for _, i := range auroraInstances(t, env) {
		instanceGroup = data.Resources[textAt(t, i.Properties, "DBParameterGroupName", "Ref")]
		require.Equal(t, "AWS::RDS::DBParameterGroup", instanceGroup.Type)
	}
	for _, group := range []resource{clusterGroup, instanceGroup} {
		assert.Equal(t, "aurora-mysql8.0", group.Properties["Family"])
	}
	return objectAt(t, clusterGroup.Properties, "Parameters"), objectAt(t, instanceGroup.Properties, "Parameters")
}

// auroraKey returns the reference by which the database's key appears.
func auroraKey(t *testing.T, env environment) any {
	t.Helper()
	for id, key := range env.stack(t, "data").ofType("AWS::KMS::Key") {
		if strings.Contains(textAt(t, key.Properties, "Description"), "database") {
			assert.Equal(t, true, key.Properties["EnableKeyRotation"])
			return map[string]any{"Fn::GetAtt": []any{id, "Arn"}}
		}
	}
	require.Fail(t, "the database has no key of its own")
	return nil
}

// auroraSecret returns a database secret by its name, with its logical ID.
func auroraSecret(t *testing.T, env environment, name string) (string, resource) {
	t.Helper()
	for id, secret := range env.stack(t, "data").ofType("AWS::SecretsManager::Secret") {
		if secret.Properties["Name"] == name {
			return id, secret
		}
	}
	require.Failf(t, "missing", "no secret %s", name)
	panic("unreachable")
}

// auroraRotation returns the schedule of the secret of that name.
func auroraRotation(t *testing.T, env environment, name string) resource {
	t.Helper()
	data := env.stack(t, "data")
	secret, _ := auroraSecret(t, env, name)
	for _, schedule := range data.ofType("AWS::SecretsManager::RotationSchedule") {
		attachment := data.Resources[textAt(t, schedule.Properties, "SecretId", "Ref")]
		if at(attachment.Properties, "SecretId", "Ref") == secret {
			return schedule
		}
	}
	require.Failf(t, "missing", "no rotation of the secret %s", name)
	panic("unreachable")
}

// auroraRotator returns the function that rotates both secrets, with its logical ID.
func auroraRotator(t *testing.T, env environment) (string, resource) {
	t.Helper()
	admin, app := auroraRotation(t, env, env.Names().DatabaseAdminSecret()), auroraRotation(t, env, env.Names().DatabaseAppSecret())
	id, ok := at(admin.Properties, "RotationLambdaARN", "Fn::GetAtt", 0).(string)
	require.True(t, ok)
	require.Equal(t, admin.Properties["RotationLambdaARN"], app.Properties["RotationLambdaARN"])
	return id, env.stack(t, "data").Resources[id]
}

// auroraLogGroup returns the log group of that name, with its logical ID.
func auroraLogGroup(t *testing.T, env environment, name string) (string, resource) {
	t.Helper()
	for id, group := range env.stack(t, "data").ofType("AWS::Logs::LogGroup") {
		if group.Properties["LogGroupName"] == name {
			return id, group
		}
	}
	require.Failf(t, "missing", "no log group %s", name)
	panic("unreachable")
}

// auroraWriter returns the logical ID of the instance that is first in line.
func auroraWriter(t *testing.T, env environment) string {
	t.Helper()
	for id, instance := range auroraInstances(t, env) {
		if instance.Properties["PromotionTier"] == 0.0 {
			return id
		}
	}
	require.Fail(t, "no instance is the writer")
	panic("unreachable")
}

func TestTheDatabaseHasTheInstancesOfTheSeed(t *testing.T) {
	type size struct {
		count int
		class string
	}
	seed := map[string]size{
		"production": {3, "db.r6g.2xlarge"},
		"staging":    {2, "db.r6g.large"},
	}
	eachOfTheSeed(t, seed, func(t *testing.T, env environment, want size) {
		instances := auroraInstances(t, env)
		assert.Len(t, instances, want.count)
		for id, instance := range instances {
			assert.Equal(t, want.class, instance.Properties["DBInstanceClass"], id)
			assert.Equal(t, "aurora-mysql", instance.Properties["Engine"], id)
		}
	})
}

func TestALostZoneLeavesADatabaseInstanceThatCanTakeOver(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		instances, inZone := auroraInstances(t, env), map[any]int{}
		for id, instance := range instances {
			zone := instance.Properties["AvailabilityZone"]
			assert.Contains(t, env.Primary.Zones, zone, id)
			inZone[zone]++
		}
		assert.Len(t, inZone, min(len(instances), len(env.Primary.Zones)), "a zone has none while another has two: %v", inZone)
	})
}

func TestTheDatabaseHasNoRoadToTheInternet(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, instance := range auroraInstances(t, env) {
			assert.Equal(t, false, instance.Properties["PubliclyAccessible"], id)
		}
		subnets := listAt(t, env.stack(t, "data").Resources["DatabaseClusterSubnets5540150D"].Properties, "SubnetIds")
		assert.Len(t, subnets, len(env.Primary.Zones))
		for _, subnet := range subnets {
			assert.Contains(t, fmt.Sprint(subnet), "VpcDatabaseSubnet")
		}
	})
}

func TestTheDatabaseOpensNoConnectionAndAnswersOnlyNamedClients(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		_, cluster := auroraCluster(t, env)
		groups := listAt(t, cluster.Properties, "VpcSecurityGroupIds")
		require.Len(t, groups, 1)
		id := textAt(t, groups[0], "Fn::GetAtt", 0)
		group := data.Resources[id]
		assert.Nil(t, group.Properties["SecurityGroupIngress"])
		egress := listAt(t, group.Properties, "SecurityGroupEgress")
		require.Len(t, egress, 1)
		assert.Equal(t, "255.255.255.255/32", at(egress[0], "CidrIp"), "CDK's way to say nowhere")
		for ruleID, rule := range data.ofType("AWS::EC2::SecurityGroupEgress") {
			assert.NotEqual(t, id, at(rule.Properties, "GroupId", "Fn::GetAtt", 0), ruleID)
		}
		for ruleID, rule := range data.ofType("AWS::EC2::SecurityGroupIngress") {
			if at(rule.Properties, "GroupId", "Fn::GetAtt", 0) != id {
				continue
			}
			assert.Equal(t, 3306.0, rule.Properties["FromPort"], ruleID)
			assert.Equal(t, 3306.0, rule.Properties["ToPort"], ruleID)
			assert.NotNil(t, rule.Properties["SourceSecurityGroupId"], ruleID)
			assert.NotEmpty(t, rule.Properties["Description"], ruleID)
		}
	})
}

func TestAStolenDiskSnapshotOrInsightOfTheDatabaseTellsNothing(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		key := auroraKey(t, env)
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, true, cluster.Properties["StorageEncrypted"])
		assert.Equal(t, key, cluster.Properties["KmsKeyId"])
		assert.Equal(t, key, cluster.Properties["PerformanceInsightsKmsKeyId"])
		for id, instance := range auroraInstances(t, env) {
			assert.Equal(t, key, instance.Properties["PerformanceInsightsKMSKeyId"], id)
		}
		for _, name := range databaseSecrets(env) {
			_, secret := auroraSecret(t, env, name)
			assert.Equal(t, key, secret.Properties["KmsKeyId"], name)
		}
	})
}

func TestTheDatabaseKeyNamesNoReader(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		id := textAt(t, auroraKey(t, env), "Fn::GetAtt", 0)
		statements := listAt(t, env.stack(t, "data").Resources[id].Properties, "KeyPolicy", "Statement")
		require.Len(t, statements, 1, "a reader in the key's policy ties this stack to the reader's")
		assert.Equal(t, "arn:aws:iam::"+env.Site.Account+":root", at(statements[0], "Principal", "AWS"))
	})
}

func TestTheDatabaseCanGoBackToAnyMomentOf35Days(t *testing.T) {
	days := map[string]float64{"production": 35, "staging": 35}
	eachOfTheSeed(t, days, func(t *testing.T, env environment, days float64) {
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, days, cluster.Properties["BackupRetentionPeriod"])
		assert.Equal(t, env.Database.BackupWindow, cluster.Properties["PreferredBackupWindow"])
		assert.Equal(t, env.Database.MaintenanceWindow, cluster.Properties["PreferredMaintenanceWindow"])
		assert.Equal(t, true, cluster.Properties["CopyTagsToSnapshot"])
	})
}

func TestNobodyTalksToTheDatabaseInTheClear(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, _ := auroraParameters(t, env)
		assert.Equal(t, "ON", cluster["require_secure_transport"])
		assert.Equal(t, "TLSv1.2,TLSv1.3", cluster["tls_version"])
		for id, instance := range auroraInstances(t, env) {
			assert.Equal(t, "rds-ca-rsa2048-g1", instance.Properties["CACertificateIdentifier"], id)
		}
	})
}

func TestAnAcknowledgedPaymentSurvivesACrash(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, _ := auroraParameters(t, env)
		assert.Equal(t, "1", cluster["innodb_flush_log_at_trx_commit"])
		assert.NotContains(t, cluster, "innodb_trx_commit_allow_data_loss")
	})
}

// AWS: up to 50 % of the write throughput, and a slower recovery ("Setting up enhanced
// binlog for Aurora MySQL", Aurora user guide); off is Aurora's default.
func TestNoBinaryLogSlowsPaymentsThatNobodyReads(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, _ := auroraParameters(t, env)
		assert.Contains(t, []any{nil, "OFF"}, cluster["binlog_format"])
	})
}

func TestTimestampsAndTextMeanTheSameWhoeverReadsThem(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, _ := auroraParameters(t, env)
		assert.Equal(t, "UTC", cluster["time_zone"])
		assert.Equal(t, "utf8mb4", cluster["character_set_server"])
		assert.Equal(t, "utf8mb4_0900_ai_ci", cluster["collation_server"])
	})
}

func TestNoTaskIsTurnedAwayByTheWriterDuringBlueGreen(t *testing.T) {
	const pools, connections, colours = 2, 20, 2 // pools of a task that reach the writer
	limits := map[string]int{"production": 2000}
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, instance := auroraParameters(t, env)
		want := strconv.Itoa(env.Database.MaxConnections)
		assert.Equal(t, want, instance["max_connections"])
		assert.Equal(t, want, cluster["max_connections"], "a reader that autoscaling adds")
		assert.GreaterOrEqual(t, env.Database.MaxConnections, pools*connections*colours*env.Service.MaxTasks)
		if limit, ok := limits[env.Name]; ok {
			assert.Equal(t, limit, env.Database.MaxConnections)
		}
	})
}

func TestSlowStatementsDeadlocksAndAdministratorsLeaveATrace(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, instance := auroraParameters(t, env)
		for _, group := range []map[string]any{cluster, instance} {
			assert.Equal(t, "1", group["slow_query_log"])
			assert.Equal(t, "FILE", group["log_output"])
			seconds, err := strconv.ParseFloat(textAt(t, group, "long_query_time"), 64)
			require.NoError(t, err)
			assert.Equal(t, env.Database.SlowQuery.Seconds(), seconds)
		}
		assert.Equal(t, "1", cluster["innodb_print_all_deadlocks"])
		assert.Equal(t, "1", cluster["server_audit_logging"])
		assert.Equal(t, "CONNECT,QUERY_DCL,QUERY_DDL", cluster["server_audit_events"])
	})
}

// What AWS lists as modifiable in Aurora MySQL 3, of what a payments workload
// could want to set. RDS refuses a group with any other name.
var (
	auroraClusterLevel = []string{
		"binlog_format", "character_set_server", "collation_server", "innodb_flush_log_at_trx_commit",
		"innodb_print_all_deadlocks", "require_secure_transport", "server_audit_events", "server_audit_logging",
		"time_zone", "tls_version",
	}
	auroraInstanceLevel = []string{"log_output", "long_query_time", "max_connections", "slow_query_log"}
)

func TestRDSAcceptsEveryDatabaseParameter(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		cluster, instance := auroraParameters(t, env)
		for name := range cluster {
			assert.Contains(t, slices.Concat(auroraClusterLevel, auroraInstanceLevel), name)
		}
		for name := range instance {
			assert.Contains(t, auroraInstanceLevel, name)
			assert.Equal(t, instance[name], cluster[name], "an added reader must not differ: %s", name)
		}
	})
}

func TestDatabaseLogsGoToEncryptedGroupsThatForgetAndExistFirst(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := auroraCluster(t, env)
		assert.ElementsMatch(t, []any{"audit", "error", "slowquery"}, cluster.Properties["EnableCloudwatchLogsExports"])
		for _, log := range []string{"audit", "error", "slowquery"} {
			id, group := auroraLogGroup(t, env, "/aws/rds/cluster/"+textAt(t, cluster.Properties, "DBClusterIdentifier")+"/"+log)
			assert.Equal(t, float64(env.Database.LogRetentionDays), group.Properties["RetentionInDays"], log)
			assert.NotNil(t, group.Properties["KmsKeyId"], log)
			assert.Contains(t, cluster.DependsOn, id, "RDS would make the group itself")
		}
	})
}

func TestTheDatabaseShowsWhatItWaitsFor(t *testing.T) {
	type insights struct {
		mode string
		days float64
	}
	modes := map[string]insights{"production": {"advanced", 465}, "staging": {"standard", 7}}
	eachOfTheSeed(t, modes, func(t *testing.T, env environment, want insights) {
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, want.mode, cluster.Properties["DatabaseInsightsMode"])
		assert.Equal(t, true, cluster.Properties["PerformanceInsightsEnabled"])
		assert.Equal(t, want.days, cluster.Properties["PerformanceInsightsRetentionPeriod"])
		for id, instance := range auroraInstances(t, env) {
			assert.Equal(t, true, instance.Properties["EnablePerformanceInsights"], id)
			assert.Equal(t, want.days, instance.Properties["PerformanceInsightsRetentionPeriod"], id)
			assert.Equal(t, 60.0, instance.Properties["MonitoringInterval"], id)
			assert.NotNil(t, instance.Properties["MonitoringRoleArn"], id)
		}
	})
}

func TestAnUnattendedUpgradeCannotOvertakeTheTemplate(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, "8.0.mysql_aurora."+env.Database.EngineVersion, cluster.Properties["EngineVersion"])
		assert.Regexp(t, `^3\.10\.`, env.Database.EngineVersion, "the long-term support line")
		for id, instance := range auroraInstances(t, env) {
			assert.Equal(t, false, instance.Properties["AutoMinorVersionUpgrade"], id)
		}
	})
}

func TestBusyReadersGetHelpUpToTheLimitOfAWS(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		id, _ := auroraCluster(t, env)
		target := data.only(t, "AWS::ApplicationAutoScaling::ScalableTarget")
		assert.Equal(t, "rds:cluster:ReadReplicaCount", target.Properties["ScalableDimension"])
		assert.Equal(t, []any{"cluster:", map[string]any{"Ref": id}}, at(target.Properties, "ResourceId", "Fn::Join", 1))
		assert.Equal(t, float64(len(auroraInstances(t, env))-1), target.Properties["MinCapacity"])
		assert.Equal(t, float64(env.Database.MaxReaders), target.Properties["MaxCapacity"])
		assert.LessOrEqual(t, env.Database.MaxReaders, 15-env.DR.Mode.SecondaryRegions())
		for instance := range auroraInstances(t, env) {
			assert.Contains(t, target.DependsOn, instance, "RDS scales no cluster without a reader")
		}
		policy := at(data.only(t, "AWS::ApplicationAutoScaling::ScalingPolicy").Properties, "TargetTrackingScalingPolicyConfiguration")
		assert.Equal(t, "RDSReaderAverageCPUUtilization", at(policy, "PredefinedMetricSpecification", "PredefinedMetricType"))
		assert.Equal(t, float64(env.Database.ReaderCPUTargetPercent), at(policy, "TargetValue"))
	})
	assert.Equal(t, 14, platform(t)["production"].Database.MaxReaders, "the seed's 15, less the secondary region")
}

func TestOnlyAStandbyEnvironmentReplicatesItsDatabaseAbroad(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		globals := env.stack(t, "data").ofType("AWS::RDS::GlobalCluster")
		_, cluster := auroraCluster(t, env)
		if env.DR.Mode != config.DRStandby {
			assert.Empty(t, globals)
			assert.Nil(t, cluster.Properties["GlobalClusterIdentifier"])
			return
		}
		require.Len(t, globals, 1)
		for _, global := range globals {
			assert.Equal(t, env.Names().GlobalClusterName(), global.Properties["GlobalClusterIdentifier"])
			assert.Equal(t, env.Protected, global.Properties["DeletionProtection"])
			assert.Equal(t, "Retain", global.DeletionPolicy)
			assert.Equal(t, "Retain", global.UpdateReplacePolicy)
		}
	})
}

// A cluster that exists joins no global database by naming it: the handler of
// AWS::RDS::DBCluster refuses the change ("Resource is immutable"). CreateGlobalCluster
// with a source takes it as it runs, and refuses the source's engine, version and
// encryption beside it (API_CreateGlobalCluster). So the way that a first deployment
// goes is also the way on which the standby is turned on later.
func TestTheStandbyCanBeTurnedOnWithoutANewDatabase(t *testing.T) {
	t.Parallel()
	was, is := altered(t, withoutStandby()).stack(t, "data"), platform(t)["production"].stack(t, "data")
	for id, resource := range was.Resources {
		if strings.HasPrefix(resource.Type, "AWS::RDS::") {
			assert.Equalf(t, resource.Properties, is.Resources[id].Properties, "%s (%s) changes when the standby is turned on", id, resource.Type)
		}
	}
	global := is.only(t, "AWS::RDS::GlobalCluster").Properties
	cluster, _ := auroraCluster(t, platform(t)["production"])
	assert.Contains(t, fmt.Sprint(global["SourceDBClusterIdentifier"]), cluster)
	for _, inherited := range []string{"Engine", "EngineVersion", "StorageEncrypted", "DatabaseName"} {
		assert.NotContainsf(t, global, inherited, "AWS takes %s from the source and refuses it here", inherited)
	}
}

// A changed version makes CloudFormation call ModifyGlobalCluster, which Aurora MySQL
// refuses for a minor (github.com/hashicorp/terraform-provider-aws/issues/47448):
// the deployment of a patch would fail, and be rolled back, in the middle.
func TestAPatchOfTheDatabaseIsNoChangeOfTheGlobalDatabase(t *testing.T) {
	t.Parallel()
	next := altered(t, another(config.Production()))
	before := platform(t)["production"].stack(t, "data").only(t, "AWS::RDS::GlobalCluster")
	assert.Equal(t, before, next.stack(t, "data").only(t, "AWS::RDS::GlobalCluster"))
	for _, stack := range []string{"data", "dr"} {
		assert.Equal(t, "8.0.mysql_aurora."+patched, next.stack(t, stack).only(t, "AWS::RDS::DBCluster").Properties["EngineVersion"], stack)
	}
}

func TestTheSecondRegionCanLogInWhenTheFirstIsGone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, name := range databaseSecrets(env) {
			_, secret := auroraSecret(t, env, name)
			if env.DR.Mode != config.DRStandby {
				assert.Nil(t, secret.Properties["ReplicaRegions"], "%s leaves the country", name)
				continue
			}
			replicas, _ := secret.Properties["ReplicaRegions"].([]any)
			require.Len(t, replicas, 1, name)
			assert.Equal(t, env.Secondary.Name, at(replicas[0], "Region"), name)
			assert.NotNil(t, at(replicas[0], "KmsKeyId"), name)
		}
	})
}

// Whoever narrows what the account may do with the key must leave the replication in.
func TestTheReplicasKeyLetsASecretBeReplicated(t *testing.T) {
	standby(t, func(t *testing.T, env environment, _ template) {
		global := env.stack(t, "global")
		_, alias := holder(t, global, "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/secrets-replica", "AliasName")
		key, _ := at(alias.Properties, "TargetKeyId", "Fn::GetAtt", 0).(string)
		var allowed []any
		for _, statement := range listAt(t, global.Resources[key].Properties, "KeyPolicy", "Statement") {
			if at(statement, "Sid") == "EncryptReplicas" {
				allowed, _ = at(statement, "Action").([]any)
				assert.Equal(t, "Allow", at(statement, "Effect"))
				assert.Equal(t, "arn:aws:iam::"+env.Site.Account+":root", at(statement, "Principal", "AWS"))
				assert.ElementsMatch(t, []any{"secretsmanager.sa-east-1.amazonaws.com", "secretsmanager.us-east-1.amazonaws.com"},
					at(statement, "Condition", "StringEquals", "kms:ViaService"))
			}
		}
		assert.ElementsMatch(t, []any{"kms:Encrypt", "kms:GenerateDataKey"}, allowed)
	})
}

func TestNoDatabasePasswordStandsInATemplate(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		id, _ := auroraSecret(t, env, env.Names().DatabaseAdminSecret())
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, "wallet_admin", cluster.Properties["MasterUsername"])
		assert.Equal(t,
			[]any{"{{resolve:secretsmanager:", map[string]any{"Ref": id}, ":SecretString:password::}}"},
			at(cluster.Properties, "MasterUserPassword", "Fn::Join", 1))
		assert.Nil(t, cluster.Properties["ManageMasterUserPassword"], "AWS refuses it on a global database")
		assert.Equal(t, true, cluster.Properties["EnableIAMDatabaseAuthentication"])
		for _, name := range databaseSecrets(env) {
			_, secret := auroraSecret(t, env, name)
			assert.Nil(t, secret.Properties["SecretString"], name)
			assert.Equal(t, 32.0, at(secret.Properties, "GenerateSecretString", "PasswordLength"), name)
			assert.Equal(t, "password", at(secret.Properties, "GenerateSecretString", "GenerateStringKey"), name)
		}
	})
}

func TestTheServiceIsNotTheAdministratorOfItsDatabase(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, admin := auroraSecret(t, env, env.Names().DatabaseAdminSecret())
		_, app := auroraSecret(t, env, env.Names().DatabaseAppSecret())
		adminFields := fmt.Sprint(at(admin.Properties, "GenerateSecretString", "SecretStringTemplate"))
		appFields := fmt.Sprint(at(app.Properties, "GenerateSecretString", "SecretStringTemplate"))
		assert.Contains(t, adminFields, `"username":"wallet_admin"`)
		assert.Contains(t, appFields, `"username":"wallet_app"`)
		assert.Contains(t, appFields, `"masterarn":`)
		for _, fields := range []string{adminFields, appFields} {
			assert.Contains(t, fields, `"dbname":"wallet"`)
			assert.Contains(t, fields, `"ssl":true`)
		}
		users := env.stack(t, "data").ofType("Custom::DatabaseUser")
		require.Len(t, users, 2)
		for id, user := range users {
			assert.Equal(t, config.DatabaseName, user.Properties["Schema"])
			if strings.HasPrefix(id, "DatabaseOutbox") {
				assert.Equal(t, []any{"SELECT"}, user.Properties["Privileges"])
				assert.Equal(t, "outbox_events", user.Properties["Table"], "the table of the service's outbox (docs/APPLICATION.md)")
				continue
			}
			assert.Equal(t, []any{"SELECT", "INSERT", "UPDATE", "DELETE"}, user.Properties["Privileges"])
			assert.NotContains(t, user.Properties, "Table")
		}
	})
}

func TestNoPasswordBreaksTheConfigurationThatItIsExpandedInto(t *testing.T) {
	const breaking = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~" // all that a URL, JSON, a shell or ${…} gives a meaning
	eachEnvironment(t, func(t *testing.T, env environment) {
		var excluded []any
		for _, name := range databaseSecrets(env) {
			_, secret := auroraSecret(t, env, name)
			excluded = append(excluded, at(secret.Properties, "GenerateSecretString", "ExcludeCharacters"))
		}
		_, rotator := auroraRotator(t, env)
		excluded = append(excluded, at(rotator.Properties, "Environment", "Variables", "PASSWORD_EXCLUDES"))
		assert.Equal(t, "32", at(rotator.Properties, "Environment", "Variables", "PASSWORD_LENGTH"))
		for _, characters := range excluded {
			for _, character := range breaking {
				assert.Contains(t, characters, string(character))
			}
		}
	})
}

func TestRunningTasksSurviveARotation(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		// The function alternates the user of a secret that names another one's.
		_, admin := auroraSecret(t, env, env.Names().DatabaseAdminSecret())
		_, app := auroraSecret(t, env, env.Names().DatabaseAppSecret())
		assert.NotContains(t, fmt.Sprint(at(admin.Properties, "GenerateSecretString", "SecretStringTemplate")), "masterarn")
		assert.Contains(t, fmt.Sprint(at(app.Properties, "GenerateSecretString", "SecretStringTemplate")), "masterarn", "the service's user alternates")
		for _, name := range databaseSecrets(env) {
			assert.Equal(t, false, auroraRotation(t, env, name).Properties["RotateImmediatelyOnUpdate"])
		}
	})
}

// rotationCron is what "Schedule expressions in Secrets Manager rotation" allows of
// it here: minute 0, no month or year, one weekday in one week of the month.
var rotationCron = regexp.MustCompile(`^cron\(0 (\d|1\d|2[0-3]) \? \* (SUN|MON|TUE|WED|THU|FRI|SAT)#([1-4]) \*\)$`)

// The application's rotation logs in with the administrator's password. A rate in days
// opens every window at midnight, whatever its length.
func TestBothPasswordsAreNeverReplacedAtTheSameTime(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		days := map[string]bool{}
		for _, name := range databaseSecrets(env) {
			rules := auroraRotation(t, env, name).Properties["RotationRules"]
			found := rotationCron.FindStringSubmatch(fmt.Sprint(at(rules, "ScheduleExpression")))
			require.Len(t, found, 4, "%v", rules)
			days[found[2]+found[3]] = true
			opens, err := strconv.Atoi(found[1])
			require.NoError(t, err)
			length, err := time.ParseDuration(fmt.Sprint(at(rules, "Duration")))
			require.NoError(t, err)
			assert.LessOrEqual(t, opens+int(length.Hours()), 24, "the window must not go into the next day")
		}
		assert.Len(t, days, 2)
	})
}

func TestThePasswordsAreReplacedByOurOwnCodeInThePrivateTier(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		id, rotator := auroraRotator(t, env)
		assert.True(t, strings.HasPrefix(id, "DatabaseRotationFunction"), id)
		assert.Equal(t, "provided.al2023", rotator.Properties["Runtime"])
		assert.Contains(t, fmt.Sprint(at(rotator.Properties, "VpcConfig", "SubnetIds")), "VpcPrivateSubnet")
		assert.Contains(t, fmt.Sprint(at(rotator.Properties, "VpcConfig", "SecurityGroupIds")), "DatabaseRotationGroup")
	})
}

// A macro is code of another account that rewrites the template at deployment: it
// needs one more capability, and no test here sees its result.
func TestNoTemplateIsRewrittenByAMacro(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, word := range []string{`"Transform"`, `"Fn::Transform"`} {
				assert.NotContains(t, string(stack.raw), word, stack.name)
			}
		}
	})
}

func TestSecretsManagerAloneRotatesAndForThisAccount(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		rotator, _ := auroraRotator(t, env)
		var found []resource
		for _, permission := range env.stack(t, "data").ofType("AWS::Lambda::Permission") {
			if at(permission.Properties, "FunctionName", "Fn::GetAtt", 0) == rotator {
				found = append(found, permission)
			}
		}
		require.Len(t, found, 1)
		assert.Equal(t, "secretsmanager.amazonaws.com", found[0].Properties["Principal"])
		assert.Equal(t, env.Site.Account, found[0].Properties["SourceAccount"])
	})
}

// databaseSecrets are the names of all secrets of the database's users.
func databaseSecrets(env environment) []string {
	return []string{env.Names().DatabaseAdminSecret(), env.Names().DatabaseAppSecret(), env.Names().DatabaseOutboxSecret()}
}

func TestNothingRotatesOrCreatesAUserBeforeItCanLogIn(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		users := slices.Collect(maps.Keys(data.ofType("Custom::DatabaseUser")))
		require.Len(t, users, 2)
		var schedules []resource
		for _, name := range databaseSecrets(env) {
			schedules = append(schedules, auroraRotation(t, env, name))
		}
		for _, schedule := range schedules {
			for _, user := range users {
				assert.Contains(t, schedule.DependsOn, user, "there is no user to rotate yet")
			}
			permission, _ := holder(t, data, "AWS::Lambda::Permission", "secretsmanager.amazonaws.com", "Principal")
			assert.Contains(t, schedule.DependsOn, permission, "Secrets Manager may not call the function yet")
		}
		for _, each := range append(schedules, data.Resources[users[0]], data.Resources[users[1]]) {
			assert.Contains(t, each.DependsOn, auroraWriter(t, env))
			for id := range data.ofType("AWS::EC2::SecurityGroupIngress") {
				if strings.Contains(id, "DatabaseSecurityGroup") {
					assert.Contains(t, each.DependsOn, id, "the database does not let it in yet")
				}
			}
		}
	})
}

func TestRotationLogsAreEncryptedAndForget(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, rotator := auroraRotator(t, env)
		group := env.stack(t, "data").Resources[textAt(t, rotator.Properties, "LoggingConfig", "LogGroup", "Ref")]
		assert.Equal(t, float64(env.Database.LogRetentionDays), group.Properties["RetentionInDays"])
		assert.NotNil(t, group.Properties["KmsKeyId"])
	})
}

func TestTheFunctionsThatHoldPasswordsReachAWSAndTheDatabaseOnly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		groups := 0
		for id, group := range data.ofType("AWS::EC2::SecurityGroup") {
			if !strings.HasPrefix(id, "DatabaseUserGroup") && !strings.HasPrefix(id, "DatabaseRotationGroup") {
				continue
			}
			groups++
			assert.Nil(t, group.Properties["SecurityGroupIngress"], id)
			egress := listAt(t, group.Properties, "SecurityGroupEgress")
			require.Len(t, egress, 1, id)
			assert.Equal(t, []any{443.0, 443.0}, []any{at(egress[0], "FromPort"), at(egress[0], "ToPort")}, id)
		}
		assert.Equal(t, 2, groups)
	})
}

// From truststore.pki.rds.amazonaws.com; without them no connection is trusted.
func TestTheFunctionsTrustTheCertificatesOfTheirRegionAlone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		var names []string
		rest := []byte(env.Primary.DatabaseCABundle())
		for block, more := pem.Decode(rest); block != nil; block, more = pem.Decode(more) {
			certificate, err := x509.ParseCertificate(block.Bytes)
			require.NoError(t, err)
			assert.True(t, certificate.IsCA)
			require.NoError(t, certificate.CheckSignatureFrom(certificate))
			assert.Greater(t, certificate.NotAfter.Year(), 2060)
			names = append(names, certificate.Subject.CommonName)
		}
		root := "Amazon RDS " + env.Primary.Name + " Root CA "
		assert.ElementsMatch(t, []string{root + "RSA2048 G1", root + "RSA4096 G1", root + "ECC384 G1"}, names)
	})
}

func TestTheDatabaseOutlivesItsStack(t *testing.T) {
	dependents := []string{
		"AWS::RDS::DBInstance", "AWS::RDS::DBSubnetGroup", "AWS::RDS::DBParameterGroup", "AWS::RDS::DBClusterParameterGroup",
	}
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, env.Protected, cluster.Properties["DeletionProtection"])
		if !env.Protected {
			assert.Equal(t, "Snapshot", cluster.DeletionPolicy)
			assert.Equal(t, "Snapshot", cluster.UpdateReplacePolicy)
			return
		}
		kept := map[string]resource{"cluster": cluster}
		for _, kind := range dependents {
			for id, r := range data.ofType(kind) {
				if strings.HasPrefix(id, "Database") { // not the restore tests' own
					kept[id] = r
				}
			}
		}
		kept["security group"] = data.Resources[textAt(t, cluster.Properties, "VpcSecurityGroupIds", 0, "Fn::GetAtt", 0)]
		for _, name := range databaseSecrets(env) {
			_, kept[name] = auroraSecret(t, env, name)
		}
		for _, log := range []string{"audit", "error", "slowquery"} {
			_, kept[log] = auroraLogGroup(t, env, env.Names().DatabaseLogGroup(env.Primary, log))
		}
		for id, r := range kept {
			assert.Contains(t, retained, r.DeletionPolicy, id)
			assert.Equal(t, "Retain", r.UpdateReplacePolicy, id)
		}
	})
	assert.True(t, platform(t)["production"].Protected)
}

func TestTheDatabaseIsBilledAsConfigured(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, cluster := auroraCluster(t, env)
		assert.Equal(t, string(env.Database.Storage), cluster.Properties["StorageType"])
		assert.Equal(t, env.Names().DatabaseClusterName(env.Primary), cluster.Properties["DBClusterIdentifier"])
		assert.Equal(t, config.DatabaseName, cluster.Properties["DatabaseName"])
	})
}

func TestANewSizeRestartsOneInstanceAtATime(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		instances := env.stack(t, "data").ofType("AWS::RDS::DBInstance")
		for first, a := range instances {
			for second, b := range instances {
				if first != second {
					assert.Truef(t, waitsFor(instances, a, second) || waitsFor(instances, b, first),
						"%s and %s restart together: no instance is left to take over", first, second)
				}
			}
		}
	})
}

// waitsFor says that an instance is changed after another, or after one that is.
func waitsFor(instances map[string]resource, one resource, other string) bool {
	for _, before := range one.DependsOn {
		if next, instance := instances[before]; instance && (before == other || waitsFor(instances, next, other)) {
			return true
		}
	}
	return false
}

// "If set to false, changes are applied during the next maintenance window"
// (ApplyImmediately in CloudFormation's reference of AWS::RDS::DBInstance); without it
// they are applied at once, and windows of AWS's own choice may meet.
func TestANewSizeWaitsForItsOwnHalfHourOfTheNight(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			taken := map[any]string{}
			for id, instance := range stack.ofType("AWS::RDS::DBInstance") {
				assert.Equalf(t, false, instance.Properties["ApplyImmediately"], "%s %s restarts in the middle of the day", stack.name, id)
				window := textAt(t, instance.Properties, "PreferredMaintenanceWindow")
				assert.Emptyf(t, taken[window], "%s %s and %s restart together: nobody is left to take over", stack.name, id, taken[window])
				taken[window] = id
			}
		}
		instances := env.stack(t, "data").ofType("AWS::RDS::DBInstance")
		for id, instance := range instances {
			day := "sat"
			if id == auroraWriter(t, env) {
				day = "sun"
			}
			assert.Regexpf(t, "^"+day+":0[4-5]:", instance.Properties["PreferredMaintenanceWindow"], "%s: the writer's is the last, and finds somebody of the new size to take over", id)
		}
	})
}

// Another minor version needs a new secondary, and CloudFormation makes one only for a
// name that it does not know. Whoever named the old one must follow.
func TestTheStandbyComesBackUnderAnotherNameAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	again, before := altered(t, prepared()), platform(t)["production"]
	for id, r := range before.stack(t, "data").Resources {
		assert.Equalf(t, r.Properties, again.stack(t, "data").Resources[id].Properties, "data %s: the primary must not notice", id)
	}
	cluster := again.stack(t, "dr").only(t, "AWS::RDS::DBCluster")
	assert.Equal(t, "wallet-production-us-east-1-b", cluster.Properties["DBClusterIdentifier"])
	assert.Equal(t, "Retain", cluster.UpdateReplacePolicy, "the old one is the way back")
	const old = `wallet-production-us-east-1[^-]`
	for _, name := range []string{"dr", "dr-compute", "dr-recovery"} {
		for _, line := range strings.Split(string(again.stack(t, name).raw), "\n") {
			if strings.Contains(line, "rds:") || strings.Contains(line, "DBCluster") {
				assert.NotRegexp(t, old, line, "%s: a plan, an alarm or a log group of the old cluster", name)
			}
		}
	}
	assert.Contains(t, string(again.stack(t, "dr-recovery").raw), "cluster:wallet-production-us-east-1-b")
}
