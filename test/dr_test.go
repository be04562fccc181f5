package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// standby runs a test for every environment whose second region stands by.
func standby(t *testing.T, check func(t *testing.T, env environment, dr template)) {
	t.Helper()
	eachThat(t, func(env environment) bool { return env.DR.Mode == config.DRStandby },
		func(t *testing.T, env environment) { check(t, env, env.stack(t, "dr")) })
}

func TestTheSecondRegionsGroundAsksNobody(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		dr := env.stack(t, "dr")
		assert.Equal(t, "us-east-1", dr.region)
		for _, forbidden := range []string{"Fn::GetStackOutput", "Fn::ImportValue", "Custom::CrossRegion"} {
			assert.NotContainsf(t, string(dr.raw), forbidden, "the backups must have their place whatever else is deployed")
		}
	})
}

func TestBackupsHaveAVaultInTheSecondRegion(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		vault := env.stack(t, "dr").only(t, "AWS::Backup::BackupVault")
		assert.Equal(t, env.Names().BackupVault(env.Secondary), vault.Properties["BackupVaultName"])
		assert.NotNil(t, vault.Properties["EncryptionKeyArn"], "a copy between regions needs the destination's own key")
		assert.Equal(t, "Retain", vault.DeletionPolicy)
		assert.EqualValues(t, env.Backup.LockMinDays, at(vault.Properties, "LockConfiguration", "MinRetentionDays"))
		assert.EqualValues(t, env.Backup.LockMaxDays, at(vault.Properties, "LockConfiguration", "MaxRetentionDays"))
		first := env.stack(t, "data").only(t, "AWS::Backup::BackupVault").Properties
		assert.Equal(t, first["LockConfiguration"], vault.Properties["LockConfiguration"], "the copies could be deleted where the originals cannot")
		for i, sid := range []string{"OnlyAgeRemovesRecoveryPoints", "OnlyDeploymentsChangeTheVault"} {
			if env.Protected {
				assert.Equal(t, sid, at(vault.Properties, "AccessPolicy", "Statement", i, "Sid"))
				assert.Equal(t, at(first, "AccessPolicy", "Statement", i, "Action"), at(vault.Properties, "AccessPolicy", "Statement", i, "Action"))
			}
		}
	})
}

func TestBackupModePaysForNoStandby(t *testing.T) {
	eachThat(t, inBackupMode, func(t *testing.T, env environment) {
		dr := env.stack(t, "dr")
		for _, idle := range []string{"AWS::EC2::VPC", "AWS::EC2::NatGateway", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"} {
			assert.Empty(t, dr.ofType(idle), idle)
		}
	})
}

func TestTheSecondaryJoinsTheGlobalDatabaseWithoutCredentials(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		cluster := dr.only(t, "AWS::RDS::DBCluster").Properties
		assert.Equal(t, env.Names().GlobalClusterName(), cluster["GlobalClusterIdentifier"])
		assert.Equal(t, env.Names().DatabaseClusterName(env.Secondary), cluster["DBClusterIdentifier"])
		assert.NotEqual(t, env.Names().DatabaseClusterName(env.Primary), cluster["DBClusterIdentifier"])
		assert.Equal(t, "aurora-mysql", cluster["Engine"])
		assert.Equal(t, "8.0.mysql_aurora."+env.Database.EngineVersion, cluster["EngineVersion"])
		for _, refused := range []string{
			"MasterUsername", "MasterUserPassword", "ManageMasterUserPassword", "DatabaseName",
			"SnapshotIdentifier", "ReplicationSourceIdentifier", "BacktrackWindow",
		} {
			assert.NotContainsf(t, cluster, refused, "AWS refuses %s on a secondary cluster", refused)
		}
	})
}

func TestTheEncryptedSecondaryNamesTheRegionThatItCopies(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		cluster := dr.only(t, "AWS::RDS::DBCluster").Properties
		assert.Equal(t, env.Primary.Name, cluster["SourceRegion"],
			"RDS refuses the cluster: the source cluster is encrypted; pre-signed URL has to be specified")
	})
}

func TestTheSecondaryIsAsSafeAsThePrimary(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		resource := dr.only(t, "AWS::RDS::DBCluster")
		cluster := resource.Properties
		assert.Equal(t, "Retain", resource.DeletionPolicy)
		assert.Equal(t, "Retain", resource.UpdateReplacePolicy)
		assert.Equal(t, env.Protected, cluster["DeletionProtection"])
		assert.Equal(t, true, cluster["StorageEncrypted"])
		key := textAt(t, cluster, "KmsKeyId", "Fn::GetAtt", 0)
		assert.Equal(t, "AWS::KMS::Key", dr.Resources[key].Type, "AWS refuses the key of another region")
		assert.Equal(t, cluster["KmsKeyId"], cluster["PerformanceInsightsKmsKeyId"])
		assert.EqualValues(t, env.Database.BackupRetentionDays, cluster["BackupRetentionPeriod"])
		assert.Equal(t, string(env.Database.Storage), cluster["StorageType"])
		assert.Equal(t, string(env.Database.Insights), cluster["DatabaseInsightsMode"])
		assert.EqualValues(t, env.Database.Insights.RetentionDays(), cluster["PerformanceInsightsRetentionPeriod"])
		assert.Equal(t, true, cluster["CopyTagsToSnapshot"])
		assert.Equal(t, true, cluster["EnableIAMDatabaseAuthentication"])
		assert.Equal(t, []any{"audit", "error", "slowquery"}, cluster["EnableCloudwatchLogsExports"])
		groups := map[string]string{}
		for id, group := range dr.ofType("AWS::Logs::LogGroup") {
			if name, ok := group.Properties["LogGroupName"].(string); ok {
				groups[name] = id
			}
		}
		for _, log := range []string{"audit", "error", "slowquery"} {
			id := groups[env.Names().DatabaseLogGroup(env.Secondary, log)]
			require.NotEmptyf(t, id, "RDS would make the group of the %s log, in the clear and for ever", log)
			assert.Contains(t, resource.DependsOn, id)
			assert.EqualValues(t, env.Database.LogRetentionDays, dr.Resources[id].Properties["RetentionInDays"])
		}
	})
}

func TestTheSecondaryBehavesLikeThePrimaryAfterAFailover(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		primary := env.stack(t, "data")
		for _, kind := range []string{"AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBParameterGroup"} {
			there, here := primary.only(t, kind).Properties, dr.only(t, kind).Properties
			assert.Equal(t, there["Parameters"], here["Parameters"], kind)
			assert.Equal(t, there["Family"], here["Family"], kind)
		}
		was, is := primary.only(t, "AWS::RDS::DBCluster").Properties, dr.only(t, "AWS::RDS::DBCluster").Properties
		for _, property := range []string{
			"Engine", "EngineVersion", "Port", "StorageType", "StorageEncrypted", "BackupRetentionPeriod", "PreferredBackupWindow",
			"PreferredMaintenanceWindow", "DeletionProtection", "CopyTagsToSnapshot", "EnableCloudwatchLogsExports",
			"EnableIAMDatabaseAuthentication", "DatabaseInsightsMode",
		} {
			assert.Equal(t, was[property], is[property], property)
		}
		assert.Equal(t, primary.only(t, "AWS::RDS::GlobalCluster").Properties["GlobalClusterIdentifier"], is["GlobalClusterIdentifier"])
		for _, instance := range primary.ofType("AWS::RDS::DBInstance") {
			for _, reader := range dr.ofType("AWS::RDS::DBInstance") {
				for _, property := range []string{"AutoMinorVersionUpgrade", "MonitoringInterval", "CACertificateIdentifier", "PubliclyAccessible"} {
					assert.Equal(t, instance.Properties[property], reader.Properties[property], property)
				}
			}
		}
	})
}

func TestTheSecondaryCanCarryTheLoad(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		instances := dr.ofType("AWS::RDS::DBInstance")
		assert.Len(t, instances, env.DR.Readers)
		var cluster string
		for id := range dr.ofType("AWS::RDS::DBCluster") {
			cluster = id
		}
		zones := map[any]bool{}
		for _, instance := range instances {
			zones[instance.Properties["AvailabilityZone"]] = true
			assert.Equal(t, map[string]any{"Ref": cluster}, instance.Properties["DBClusterIdentifier"])
			assert.Equal(t, "db."+env.Database.InstanceType, instance.Properties["DBInstanceClass"])
			assert.Equal(t, false, instance.Properties["PubliclyAccessible"])
			assert.Equal(t, false, instance.Properties["AutoMinorVersionUpgrade"])
			assert.EqualValues(t, env.Database.MonitoringInterval.Seconds(), instance.Properties["MonitoringInterval"])
			assert.NotNil(t, instance.Properties["MonitoringRoleArn"])
			assert.Equal(t, true, instance.Properties["EnablePerformanceInsights"])
			assert.Equal(t, "Retain", instance.DeletionPolicy)
		}
		assert.Len(t, zones, min(len(instances), len(env.Secondary.Zones)), "instances share a zone")
		for zone := range zones {
			assert.Contains(t, env.Secondary.Zones, zone)
		}
	})
}

func TestTheSecondaryOpensToNobodyByItself(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		cluster := dr.only(t, "AWS::RDS::DBCluster").Properties
		groups := listAt(t, cluster, "VpcSecurityGroupIds")
		require.Len(t, groups, 1)
		group := textAt(t, groups[0], "Fn::GetAtt", 0)
		assert.Nil(t, dr.Resources[group].Properties["SecurityGroupIngress"])
		egress, _ := dr.Resources[group].Properties["SecurityGroupEgress"].([]any)
		require.Len(t, egress, 1)
		assert.Equal(t, "255.255.255.255/32", at(egress, 0, "CidrIp"), "CDK's way to allow nothing")
		for id, rule := range dr.ofType("AWS::EC2::SecurityGroupIngress") {
			assert.NotEqual(t, groups[0], rule.Properties["GroupId"], id)
		}
		place := dr.Resources[textAt(t, cluster, "DBSubnetGroupName", "Ref")]
		assert.Equal(t, "AWS::RDS::DBSubnetGroup", place.Type)
		subnets := listAt(t, place.Properties, "SubnetIds")
		assert.Len(t, subnets, len(env.DR.Network.Database))
		var cidrs []string
		for _, subnet := range subnets {
			cidrs = append(cidrs, textAt(t, dr.Resources[textAt(t, subnet, "Ref")].Properties, "CidrBlock"))
		}
		assert.ElementsMatch(t, env.DR.Network.Database, cidrs, "the database must stand in the tier without a route to the internet")
	})
}

func TestTheSecondNetworkDoesNotOverlapTheFirst(t *testing.T) {
	standby(t, func(t *testing.T, env environment, dr template) {
		vpc := dr.only(t, "AWS::EC2::VPC").Properties["CidrBlock"]
		assert.Equal(t, env.DR.Network.CIDR, vpc)
		assert.NotEqual(t, env.Network.CIDR, vpc)
		for _, subnet := range dr.ofType("AWS::EC2::Subnet") {
			assert.True(t, strings.HasPrefix(textAt(t, subnet.Properties, "AvailabilityZone"), env.Secondary.Name))
		}
		assert.Len(t, dr.ofType("AWS::EC2::NatGateway"), env.DR.Network.NATGateways)
	})
}

// Aurora publishes the lag beside the member that waits, and an alarm reads its own
// region alone: after a failover São Paulo's lag is what a failback would lose.
func TestTheLagIsWatchedWhereverTheDatabaseWaits(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]environment{"before a failover": platform(t)["production"], "after it": altered(t, servingFromVirginia())} {
		t.Run(name, func(t *testing.T) {
			for _, region := range []config.Region{env.Primary, env.Secondary} {
				cluster := "wallet-production-" + region.Name
				found := 0
				for id, stack := range env.stacks {
					for _, alarm := range stack.ofType("AWS::CloudWatch::Alarm") {
						query := render(at(alarm.Properties, "Metrics", 0, "Expression"))
						if !strings.Contains(query, "AuroraGlobalDBRPOLag") || !strings.Contains(query, "'"+cluster+"'") {
							continue
						}
						found++
						assert.Equal(t, region.Name, stack.region, "%s never sees a value of %s", id, cluster)
						assert.EqualValues(t, env.DR.ReplicationLag.Milliseconds(), alarm.Properties["Threshold"])
						want := "breaching" // nothing is copied any more
						if region.Name == env.DR.ActiveRegion {
							want = "notBreaching" // the member that writes has no lag
						}
						assert.Equal(t, want, alarm.Properties["TreatMissingData"], region.Name)
						topic := fmt.Sprint(at(alarm.Properties, "AlarmActions", 0))
						assert.Contains(t, topic, "AlertsCritical")
						if other := textOf(at(alarm.Properties, "AlarmActions", 0, "Fn::GetStackOutput", "Region")); other != "" {
							assert.Equal(t, stack.region, other, "an alarm cannot reach a topic of another region")
						}
					}
				}
				assert.Equal(t, 1, found, "the alarms on the lag of "+cluster)
			}
		})
	}
}

func TestTheRegionThatWaitsWakesNobodyWhicheverItIs(t *testing.T) {
	t.Parallel()
	for id, a := range altered(t, servingFromVirginia()).alarms(t) {
		home := !strings.HasPrefix(id, "standby-") && !strings.HasPrefix(id, "load-balancer-") && !endsDeployments(id) && id != "primary-lag"
		if home {
			assert.NotContains(t, fmt.Sprint(a.Properties["AlarmActions"]), "Critical", "%s: São Paulo waits, and has no customers", id)
		}
		if id == "database-writer-cpu" {
			assert.Equal(t, "notBreaching", a.Properties["TreatMissingData"], "São Paulo has no writer to miss")
		}
		if id == "standby-database-writer-cpu" {
			assert.Equal(t, "breaching", a.Properties["TreatMissingData"])
			assert.Contains(t, fmt.Sprint(a.Properties["AlarmActions"]), "Critical")
		}
	}
}

// textOf is a value's text, or nothing.
func textOf(value any) string {
	text, _ := value.(string)
	return text
}
