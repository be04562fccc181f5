package backup

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/policy"
)

// exportPrefix is where the exports lie in their bucket.
const exportPrefix = "database"

// newExport writes the whole database to the bucket of backups once a month, as
// Parquet files that need no Aurora to be read: what is kept for years. The bucket
// ages and replicates them. RDS exports from a clone, so the wallet does not slow
// down ("Exporting DB cluster data to Amazon S3", Aurora user guide).
func newExport(own constructs.Construct, props Props) {
	writer := newExportRole(own, props)
	exportsKey := *props.Exports.EncryptionKey().KeyArn()
	input, err := json.Marshal(map[string]string{
		// At most 60 characters; Scheduler draws another ID for each attempt.
		"ExportTaskIdentifier": props.Names.Prefix() + "-<aws.scheduler.execution-id>",
		"SourceArn":            props.Cluster,
		"S3BucketName":         *props.Exports.BucketName(),
		"S3Prefix":             exportPrefix,
		"IamRoleArn":           *writer.RoleArn(),
		"KmsKeyId":             exportsKey,
	})
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	awsscheduler.NewCfnSchedule(own, new("Export"), &awsscheduler.CfnScheduleProps{
		Description:                new("Writes the database to the bucket of backups"),
		ScheduleExpression:         new(fmt.Sprintf("cron(0 %d %d * ? *)", props.Backup.RestoreTestHourUTC(), props.Backup.ExportDay)),
		ScheduleExpressionTimezone: new("UTC"),
		FlexibleTimeWindow:         &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: new("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     new(config.ARN("scheduler", "", "", "aws-sdk:rds:startExportTask")),
			RoleArn: newStarterRole(own, props, writer, exportsKey).RoleArn(),
			// Scheduler writes < and > as it is told to; JSON's escapes are not its keywords.
			Input: new(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(input))),
		},
	})
}

// newExportRole writes the files. The actions are those that StartExportTask's page
// asks for, without what concerns access lists, holds and versions.
func newExportRole(own constructs.Construct, props Props) awsiam.Role {
	bucket := *props.Exports.BucketArn()
	write := policy.NewManaged(own, "ExportPolicy",
		policy.Allow("Find", []string{bucket}, "s3:ListBucket", "s3:GetBucketLocation"),
		policy.Allow("Write", []string{bucket + "/" + exportPrefix + "/*"}, "s3:PutObject", "s3:GetObject", "s3:DeleteObject"),
	)
	acknowledge.Finding(write, "AwsSolutions-IAM5", "RDS names the files of an export; they stay under the one prefix")
	return awsiam.NewRole(own, new("ExportRole"), &awsiam.RoleProps{
		Description: new("Writes the database's exports to their bucket"),
		AssumedBy: awsiam.NewServicePrincipal(new("export.rds.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": props.Names.Account()}},
		}),
		ManagedPolicies: &[]awsiam.IManagedPolicy{write},
	})
}

// newStarterRole starts the export. RDS uses the two keys by grants that it makes with
// the rights of whoever starts it.
func newStarterRole(own constructs.Construct, props Props, writer awsiam.Role, exportsKey string) awsiam.Role {
	keys := []string{exportsKey, *props.DatabaseKey.KeyArn()}
	pass := policy.Allow("PassRole", []string{*writer.RoleArn()}, "iam:PassRole")
	pass.Conditions = map[string]any{"StringEquals": map[string]any{"iam:PassedToService": "export.rds.amazonaws.com"}}
	grant := policy.Allow("GrantKeys", keys, "kms:CreateGrant")
	grant.Conditions = map[string]any{"Bool": map[string]any{"kms:GrantIsForAWSResource": "true"}}
	start := policy.NewManaged(own, "StarterPolicy",
		policy.Allow("Start", []string{props.Cluster}, "rds:StartExportTask"), pass, grant, policy.Allow("DescribeKeys", keys, "kms:DescribeKey"),
	)
	return awsiam.NewRole(own, new("StarterRole"), &awsiam.RoleProps{
		Description: new("Starts the monthly export of the database"),
		AssumedBy: awsiam.NewServicePrincipal(new("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": props.Names.Account()}},
		}),
		ManagedPolicies: &[]awsiam.IManagedPolicy{start},
	})
}

// The function asks a handful of questions and waits a minute for a rotation that is
// under way.
const (
	watchTimeout = 3 * time.Minute
	watchMemory  = 128 // MiB
	// oldestExport is a month and some days in which an export that failed can be made
	// again.
	oldestExport = 35 * 24 * time.Hour
)

// newWatch makes the function that looks after what no metric tells: whether the
// replicas of the secrets follow, and whether the newest export is there. It returns
// the function's name.
func newWatch(own constructs.Construct, props Props) string {
	group := props.Network.NewClientGroup(own, "WatchGroup", "The function that looks after copies", "APIs of AWS")
	watch := function.New(own, "Watch", function.Props{
		Command:       "copies",
		Description:   "Fails when a secret's replica or the database's export is not what it must be",
		Timeout:       watchTimeout,
		MemoryMiB:     watchMemory,
		Network:       props.Network,
		SecurityGroup: group,
		Environment: map[string]string{
			"REPLICATED_SECRETS": strings.Join(props.ReplicatedSecrets, ","),
			"CLUSTER":            props.Cluster,
			"OLDEST_EXPORT":      oldestExport.String(),
		},
		LogKey:           props.LogKey,
		LogRetentionDays: props.LogRetentionDays,
		Policies:         []awsiam.IManagedPolicy{newWatchPolicy(own, props)},
	})
	arn := watch.FunctionArn()
	rule := awsevents.NewCfnRule(own, new("WatchSchedule"), &awsevents.CfnRuleProps{
		Description: new("Looks after the copies"),
		// Twice in the hour over which the alarm counts successes.
		ScheduleExpression: new("rate(30 minutes)"),
		Targets:            []*awsevents.CfnRule_TargetProperty{{Id: new("Watch"), Arn: arn}},
	})
	awslambda.NewCfnPermission(own, new("WatchPermission"), &awslambda.CfnPermissionProps{
		Action:       new("lambda:InvokeFunction"),
		FunctionName: arn,
		Principal:    new("events.amazonaws.com"),
		SourceArn:    rule.AttrArn(),
	})
	return *watch.FunctionName()
}

// newWatchPolicy lets the function read states, and no value of a secret.
func newWatchPolicy(own constructs.Construct, props Props) awsiam.ManagedPolicy {
	statements := []policy.Statement{
		policy.Allow("StateOfDatabase", []string{props.Cluster}, "rds:DescribeExportTasks", "rds:DescribeDBClusters"),
	}
	if len(props.ReplicatedSecrets) > 0 {
		statements = append(statements, policy.Allow("StateOfReplicas", props.ReplicatedSecrets, "secretsmanager:DescribeSecret"))
	}
	return policy.NewManaged(own, "WatchPolicy", statements...)
}
