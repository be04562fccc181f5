package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// vault is the primary region's.
func (e environment) vault(t *testing.T) (string, resource) {
	t.Helper()
	return holder(t, e.stack(t, "data"), "AWS::Backup::BackupVault", "wallet-"+e.Name+"-sa-east-1", "BackupVaultName")
}

// theDatabase says that a value is the ARN of the environment's Aurora cluster.
func theDatabase(t *testing.T, env environment, arn any) {
	t.Helper()
	assert.Equal(t, "arn:aws:rds:sa-east-1:"+env.Site.Account+":cluster:", at(arn, "Fn::Join", 1, 0))
	cluster, _ := at(arn, "Fn::Join", 1, 1, "Ref").(string)
	assert.Equal(t, "AWS::RDS::DBCluster", env.stack(t, "data").Resources[cluster].Type)
}

func TestTheDatabaseIsBackedUpEveryDay(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		vault, _ := env.vault(t)
		rules, _ := at(data.only(t, "AWS::Backup::BackupPlan").Properties, "BackupPlan", "BackupPlanRule").([]any)
		require.Len(t, rules, 1)
		// Six fields: AWS Backup ignores no mistake in them, and no linter sees one.
		assert.Equal(t, fmt.Sprintf("cron(0 %d * * ? *)", env.Backup.StartHourUTC), at(rules, 0, "ScheduleExpression"))
		assert.Equal(t, map[string]any{"Fn::GetAtt": []any{vault, "BackupVaultName"}}, at(rules, 0, "TargetBackupVault"))
		assert.EqualValues(t, env.Backup.StartWindow.Minutes(), at(rules, 0, "StartWindowMinutes"))
		assert.GreaterOrEqual(t, at(rules, 0, "StartWindowMinutes"), 60.0, "AWS Backup takes no less")
		assert.EqualValues(t, env.Backup.CompletionWindow.Minutes(), at(rules, 0, "CompletionWindowMinutes"))
		assert.Greater(t, at(rules, 0, "CompletionWindowMinutes"), at(rules, 0, "StartWindowMinutes"))
		assert.Equal(t, false, at(rules, 0, "EnableContinuousBackup"), "it would take the cluster's retention out of its template's hands")
		selection := data.only(t, "AWS::Backup::BackupSelection").Properties["BackupSelection"]
		theDatabase(t, env, at(selection, "Resources", 0))
		assert.Nil(t, at(selection, "Resources", 1))
	})
}

func TestBackupsStayAsLongAsTheSeedSaysAndTheVaultAllows(t *testing.T) {
	days := map[string]float64{"production": 35, "staging": 35}
	eachOfTheSeed(t, days, func(t *testing.T, env environment, days float64) {
		rule := at(env.stack(t, "data").only(t, "AWS::Backup::BackupPlan").Properties, "BackupPlan", "BackupPlanRule", 0)
		assert.Equal(t, map[string]any{"DeleteAfterDays": days}, at(rule, "Lifecycle"))
		_, vault := env.vault(t)
		assert.GreaterOrEqual(t, days, at(vault.Properties, "LockConfiguration", "MinRetentionDays"), "the vault would refuse the backup")
		assert.LessOrEqual(t, days, at(vault.Properties, "LockConfiguration", "MaxRetentionDays"), "the vault would refuse the backup")
	})
}

func TestEachBackupIsCopiedToTheSecondRegion(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		rule := at(env.stack(t, "data").only(t, "AWS::Backup::BackupPlan").Properties, "BackupPlan", "BackupPlanRule", 0)
		assert.Equal(t, []any{map[string]any{
			"DestinationBackupVaultArn": "arn:aws:backup:us-east-1:" + env.Site.Account + ":backup-vault:wallet-" + env.Name + "-us-east-1",
			"Lifecycle":                 map[string]any{"DeleteAfterDays": float64(env.Backup.RetentionDays)},
		}}, at(rule, "CopyActions"))
	})
}

func TestTheVaultsLockHoldsEvenAgainstTheRootUserInProduction(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		_, vault := env.vault(t)
		want := map[string]any{"MinRetentionDays": float64(env.Backup.LockMinDays), "MaxRetentionDays": float64(env.Backup.LockMaxDays)}
		if env.Name == "production" {
			want["ChangeableForDays"] = 3.0 // AWS's minimum; without it the lock is in governance mode
		}
		assert.Equal(t, want, vault.Properties["LockConfiguration"])
		assert.Equal(t, []string{"Retain", "Retain"}, []string{vault.DeletionPolicy, vault.UpdateReplacePolicy})
		_, alias := holder(t, env.stack(t, "data"), "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/backup", "AliasName")
		assert.Equal(t, alias.Properties["TargetKeyId"], vault.Properties["EncryptionKeyArn"])
	})
}

func TestTheVaultOfAnUnprotectedEnvironmentCanBeEmptiedAndRemoved(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range []string{"data", "dr"} {
			vault := env.stack(t, stack).only(t, "AWS::Backup::BackupVault")
			assert.Equal(t, env.Protected, vault.Properties["AccessPolicy"] != nil,
				"only CloudFormation may change the policy, and the vault outlives its stack: its name would be taken for ever")
		}
	})
}

func TestARestoreIsTestedEveryFewDays(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		vault, _ := env.vault(t)
		plan := data.only(t, "AWS::Backup::RestoreTestingPlan").Properties
		assert.Regexp(t, `^[A-Za-z0-9_]{1,50}$`, plan["RestoreTestingPlanName"], "AWS Backup refuses a hyphen")
		// The day's backup may start an hour late and take four more.
		assert.Equal(t, fmt.Sprintf("cron(0 10 1/%d * ? *)", env.Backup.RestoreTestDays), plan["ScheduleExpression"])
		assert.EqualValues(t, 1, plan["StartWindowHours"])
		assert.Equal(t, map[string]any{
			"Algorithm":           "LATEST_WITHIN_WINDOW",
			"IncludeVaults":       []any{map[string]any{"Fn::GetAtt": []any{vault, "BackupVaultArn"}}},
			"RecoveryPointTypes":  []any{"SNAPSHOT"},
			"SelectionWindowDays": float64(env.Backup.RestoreTestDays),
		}, plan["RecoveryPointSelection"])
		selection := data.only(t, "AWS::Backup::RestoreTestingSelection").Properties
		assert.Regexp(t, `^[A-Za-z0-9_]{1,50}$`, selection["RestoreTestingSelectionName"])
		assert.Equal(t, "Aurora", selection["ProtectedResourceType"])
		assert.EqualValues(t, env.Backup.RestoreTestHold.Hours(), selection["ValidationWindowHours"])
		theDatabase(t, env, at(selection, "ProtectedResourceArns", 0))
	})
}

// AWS Backup restores into the default VPC unless it is told where.
func TestARestoredDatabaseIsOutOfReach(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		overrides := data.only(t, "AWS::Backup::RestoreTestingSelection").Properties["RestoreMetadataOverrides"]
		subnetGroup, _ := at(overrides, "dbSubnetGroupName", "Ref").(string)
		used := fmt.Sprint(data.Resources[subnetGroup].Properties["SubnetIds"])
		for _, subnet := range subnets(t, env.stack(t, "network")) {
			assert.Equalf(t, subnet.tier == "Database", strings.Contains(used, subnet.id), "%s", subnet.id)
		}
		assert.Equal(t, `["`, at(overrides, "vpcSecurityGroupIds", "Fn::Join", 1, 0), "a JSON list in a text")
		assert.Equal(t, `"]`, at(overrides, "vpcSecurityGroupIds", "Fn::Join", 1, 2))
		id, _ := at(overrides, "vpcSecurityGroupIds", "Fn::Join", 1, 1, "Fn::GetAtt", 0).(string)
		group := data.Resources[id].Properties
		assert.Nil(t, group["SecurityGroupIngress"])
		assert.Equal(t, "255.255.255.255/32", at(group, "SecurityGroupEgress", 0, "CidrIp"), "CDK's way to allow nothing")
		assert.Nil(t, at(group, "SecurityGroupEgress", 1))
		assert.NotContains(t, mentionsOf(data, id), "AWS::EC2::SecurityGroupIngress")
	})
}

// mentionsOf lists the types of the resources that refer to a resource.
func mentionsOf(in template, id string) []string {
	var types []string
	for _, r := range in.Resources {
		if strings.Contains(fmt.Sprint(r.Properties), "[Fn::GetAtt:["+id+" ") || strings.Contains(fmt.Sprint(r.Properties), "Ref:"+id+"]") {
			types = append(types, r.Type)
		}
	}
	return types
}

func TestNoBackupLeavesBrazilWhenNothingMayLeave(t *testing.T) {
	t.Parallel()
	data := altered(t, withoutCopies()).stack(t, "data")
	assert.Nil(t, at(data.only(t, "AWS::Backup::BackupPlan").Properties, "BackupPlan", "BackupPlanRule", 0, "CopyActions"))
	for id, resource := range data.Resources {
		if strings.HasPrefix(resource.Type, "AWS::Backup::") || strings.HasPrefix(resource.Type, "AWS::IAM::") {
			assert.NotContains(t, fmt.Sprint(resource.Properties), "us-east-1", id)
		}
	}
}

func TestABackupThatAWSWouldRefuseIsRefusedFirst(t *testing.T) {
	for field, spoil := range map[string]func(*config.Environment){
		"Storage.IncompleteUploadDays": func(e *config.Environment) { e.Storage.IncompleteUploadDays = 0 },
		"Backup.LockMaxDays":           func(e *config.Environment) { e.Backup.LockMinDays = e.Backup.LockMaxDays },
		"Backup.RestoreTestDays":       func(e *config.Environment) { e.Backup.RestoreTestDays = 32 },
		"Backup.StartWindow":           func(e *config.Environment) { e.Backup.StartWindow = 30 * time.Minute },
		"Backup.CompletionWindow":      func(e *config.Environment) { e.Backup.CompletionWindow = e.Backup.StartWindow },
		"Backup.RestoreTestHold":       func(e *config.Environment) { e.Backup.RestoreTestHold = 169 * time.Hour },
	} {
		env := config.Production()
		spoil(&env)
		assert.ErrorContains(t, env.Validate(), field+":")
	}
}

func TestTheCachesParametersBelongToItsEngine(t *testing.T) {
	for family, cache := range map[string]config.Cache{
		"redis7":  {Engine: "redis", EngineVersion: "7.1"},
		"valkey8": {Engine: "valkey", EngineVersion: "8.1"},
	} {
		assert.Equal(t, family, cache.ParameterFamily())
	}
}

// exportInput is what EventBridge Scheduler hands to RDS, with references rendered.
func exportInput(t *testing.T, env environment) (schedule map[string]any, input map[string]string) {
	t.Helper()
	schedule = env.stack(t, "data").only(t, "AWS::Scheduler::Schedule").Properties
	var text strings.Builder
	for _, part := range listAt(t, schedule, "Target", "Input", "Fn::Join", 1) {
		// A reference stands inside a JSON string: its own quotes would end that.
		if _, literal := part.(string); literal {
			text.WriteString(rendered(part))
		} else {
			fmt.Fprint(&text, at(part, "Ref"), at(part, "Fn::GetAtt", 0))
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text.String()), &input))
	return schedule, input
}

// Parameters of StartExportTask in the RDS API reference; keywords of Scheduler in
// "Adding context attributes" of its user guide.
func TestALongTermBackupIsWrittenEachMonth(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		schedule, input := exportInput(t, env)
		assert.Equal(t, "cron(0 10 1 * ? *)", schedule["ScheduleExpression"], "after the day's snapshot")
		assert.Equal(t, "UTC", schedule["ScheduleExpressionTimezone"])
		assert.NotEqual(t, "DISABLED", schedule["State"])
		assert.Equal(t, "arn:aws:scheduler:::aws-sdk:rds:startExportTask", at(schedule, "Target", "Arn"))
		assert.Equal(t, "wallet-"+env.Name+"-<aws.scheduler.execution-id>", input["ExportTaskIdentifier"], "RDS refuses an identifier that it has seen")
		assert.LessOrEqual(t, len("wallet-"+env.Name+"-")+36, 60, "RDS takes no longer identifier")
		assert.ElementsMatch(t, []string{"ExportTaskIdentifier", "SourceArn", "S3BucketName", "S3Prefix", "IamRoleArn", "KmsKeyId"}, slices.Collect(maps.Keys(input)))
		assert.Contains(t, input["SourceArn"], "arn:aws:rds:sa-east-1:"+env.Site.Account+":cluster:")
		bucket, _ := env.bucket(t, "backups", env.Primary)
		assert.Contains(t, input["S3BucketName"], bucket, "elsewhere nothing ages, replicates or protects it")
		_, alias := holder(t, env.stack(t, "data"), "AWS::KMS::Alias", "alias/"+env.Names().Prefix()+"/storage", "AliasName")
		assert.Contains(t, input["KmsKeyId"], at(alias.Properties, "TargetKeyId", "Fn::GetAtt", 0), "replication decrypts with this key alone")
	})
}

// The rights are those of StartExportTask's page, and iam:PassRole of its caller.
func TestTheExportCanWriteItsFilesAndNothingElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		schedule, input := exportInput(t, env)
		statements := func(role string) []any {
			policy, _ := at(data.Resources[role].Properties, "ManagedPolicyArns", 0, "Ref").(string)
			found, _ := at(data.Resources[policy].Properties, "PolicyDocument", "Statement").([]any)
			require.NotEmpty(t, found, role)
			return found
		}
		starter, _ := at(schedule, "Target", "RoleArn", "Fn::GetAtt", 0).(string)
		assert.Equal(t, "scheduler.amazonaws.com", at(data.Resources[starter].Properties, "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service"))
		may := statements(starter)
		assert.Equal(t, "rds:StartExportTask", at(may, 0, "Action"))
		theDatabase(t, env, at(may, 0, "Resource"))
		assert.Equal(t, "iam:PassRole", at(may, 1, "Action"))
		writer, _ := at(may, 1, "Resource", "Fn::GetAtt", 0).(string)
		assert.Contains(t, input["IamRoleArn"], writer)
		for i, action := range map[int]string{2: "kms:CreateGrant", 3: "kms:DescribeKey"} {
			assert.Equal(t, action, at(may, i, "Action"))
			assert.Len(t, at(may, i, "Resource"), 2, "the database's key and the bucket's")
		}
		assert.Len(t, may, 4)
		assert.Equal(t, "export.rds.amazonaws.com", at(data.Resources[writer].Properties, "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service"))
		bucket, _ := env.bucket(t, "backups", env.Primary)
		files := statements(writer)
		require.Len(t, files, 2)
		assert.ElementsMatch(t, []any{"s3:ListBucket", "s3:GetBucketLocation"}, at(files, 0, "Action"))
		assert.ElementsMatch(t, []any{"s3:PutObject", "s3:GetObject", "s3:DeleteObject"}, at(files, 1, "Action"))
		assert.Equal(t, objects(bucket, "database/"), at(files, 1, "Resource"))
	})
}

// No metric and no event tells of a replica that does not follow or of an export that
// failed: a function asks, and its silence counts as a failure too.
func TestACopyThatIsNotGoodIsNoticedAndSoIsNobodyLooking(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		data := env.stack(t, "data")
		watch, function := holder(t, data, "AWS::Lambda::Function", "Fails when a secret's replica or the database's export is not what it must be", "Description")
		_, rule := holder(t, data, "AWS::Events::Rule", "rate(30 minutes)", "ScheduleExpression")
		assert.Equal(t, map[string]any{"Fn::GetAtt": []any{watch, "Arn"}}, at(rule.Properties, "Targets", 0, "Arn"))
		assert.NotEqual(t, "DISABLED", rule.Properties["State"])
		_, permission := holder(t, data, "AWS::Lambda::Permission", map[string]any{"Fn::GetAtt": []any{watch, "Arn"}}, "FunctionName")
		assert.Equal(t, "events.amazonaws.com", permission.Properties["Principal"])
		_, policy := holder(t, data, "AWS::IAM::ManagedPolicy", []any{"rds:DescribeDBClusters", "rds:DescribeExportTasks"}, "PolicyDocument", "Statement", 0, "Action")
		theDatabase(t, env, at(policy.Properties, "PolicyDocument", "Statement", 0, "Resource"))
		assert.Equal(t, env.DR.Mode == config.DRStandby, at(policy.Properties, "PolicyDocument", "Statement", 1, "Action") == "secretsmanager:DescribeSecret", "it may not look at the replicas")
		replicated := rendered(at(function.Properties, "Environment", "Variables", "REPLICATED_SECRETS"))
		for _, name := range databaseSecrets(env) {
			id, secret := auroraSecret(t, env, name)
			attachment, _ := holder(t, data, "AWS::SecretsManager::SecretTargetAttachment", map[string]any{"Ref": id}, "SecretId")
			assert.Equal(t, secret.Properties["ReplicaRegions"] != nil, strings.Contains(replicated, attachment), name)
		}
		assert.Equal(t, "840h0m0s", at(function.Properties, "Environment", "Variables", "OLDEST_EXPORT"), "a month and four days")
		alarm := env.alarms(t)["copies"]
		output, _ := at(alarm.Properties, "Metrics", 1, "MetricStat", "Metric", "Dimensions", 0, "Value", "Fn::GetStackOutput", "OutputName").(string)
		assert.Equal(t, map[string]any{"Ref": watch}, data.Outputs[output].Value, "the alarm watches another function")
	})
}
