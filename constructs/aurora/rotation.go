package aurora

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/policy"
)

// A step tries a few logins, each with a connection timeout of ten seconds, and runs
// a handful of statements; what may pass is tried again while there is time.
const (
	rotationTimeout = 2 * time.Minute
	rotationMemory  = 128 // MiB
)

// rotate replaces the passwords, each in its window. The application alternates
// between two users: running tasks keep a password that works, and the next rotation
// is refused while one of them may hold the user that it would take. The others change
// their own.
func rotate(scope constructs.Construct, to cluster, made []constructs.IDependable, users credentials, props Props) {
	regions := []config.Region{props.Region} // with tasks, its own first
	if props.Standby.exists() {
		regions = append(regions, props.Standby.Region)
	}
	var names []string
	for _, region := range regions {
		names = append(names, region.Name)
	}
	group := newClientGroup(scope, "RotationGroup", to, props, "Rotation of the database passwords")
	rotator := function.New(scope, "RotationFunction", function.Props{
		Command:       "dbrotation",
		Description:   "Replaces the passwords of the database's users",
		Timeout:       rotationTimeout,
		MemoryMiB:     rotationMemory,
		Network:       props.Network,
		SecurityGroup: group,
		Environment: map[string]string{
			"PASSWORD_LENGTH":       strconv.Itoa(passwordLength),
			"PASSWORD_EXCLUDES":     passwordExcludes,
			"CLUSTER":               props.Names.ECSClusterName(),
			"SERVICE":               props.Names.ServiceName(),
			"REGIONS":               strings.Join(names, ","),
			"REPLICA_DELAY_SECONDS": strconv.Itoa(int(config.SecretReplicaDelay.Seconds())),
		},
		LogKey:           props.LogKey,
		LogRetentionDays: props.Database.LogRetentionDays,
		Policies: []awsiam.IManagedPolicy{
			newRotationPolicy(scope, users, props), newEventPolicy(scope, props.Names, regions), function.NewTaskAgePolicy(scope, props.Names, regions...),
		},
	})
	arn := rotator.FunctionArn()
	permission := awslambda.NewCfnPermission(scope, new("RotationPermission"), &awslambda.CfnPermissionProps{
		Action:        new("lambda:InvokeFunction"),
		FunctionName:  arn,
		Principal:     new("secretsmanager.amazonaws.com"),
		SourceAccount: new(props.Names.Account()),
	})
	// A new schedule tests the login, so the function comes first with all that it
	// may do, the way to the database, and the users whose login it is.
	ready := append([]constructs.IDependable{rotator, permission, to.writer, to.group, group}, made...)
	schedule(scope, "AdminRotation", users.adminARN, arn, props.Database.AdminRotation, ready)
	schedule(scope, "AppRotation", users.appARN, arn, props.Database.AppRotation, ready)
	// With the administrator's, on which it does not depend: a failed one shows at once.
	schedule(scope, "OutboxRotation", users.outboxARN, arn, props.Database.AdminRotation, ready)
	// Deleted by mistake, a password that has rotated is nowhere else.
	users.admin.DenyAccountRootDelete()
	users.app.DenyAccountRootDelete()
	users.outbox.DenyAccountRootDelete()
}

// schedule lets the function rotate a secret.
func schedule(scope constructs.Construct, id, secret string, rotator *string, window config.RotationWindow, ready []constructs.IDependable) {
	awssecretsmanager.NewCfnRotationSchedule(scope, new(id), &awssecretsmanager.CfnRotationScheduleProps{
		SecretId:          new(secret),
		RotationLambdaArn: rotator,
		RotationRules: &awssecretsmanager.CfnRotationSchedule_RotationRulesProperty{
			ScheduleExpression: new(window.Expression()),
			Duration:           new(window.Duration()),
		},
		// A change of this schedule is no reason to change passwords.
		RotateImmediatelyOnUpdate: new(false),
	}).Node().AddDependency(ready...)
}

// newEventPolicy lets the function say that a password was rotated, and nothing
// else: the service of each region is deployed again on it.
func newEventPolicy(scope constructs.Construct, names config.Names, regions []config.Region) awsiam.ManagedPolicy {
	var buses []string
	for _, region := range regions {
		buses = append(buses, names.ARN("events", region, "event-bus/default"))
	}
	return policy.NewManaged(scope, "AnnouncePolicy", policy.Statement{
		Sid: "Announce", Actions: []string{"events:PutEvents"}, Resources: buses,
		Conditions: map[string]any{"StringEquals": map[string]any{
			"events:source": config.DatabaseEventSource, "events:detail-type": config.RotatedEvent,
		}},
	})
}

// newRotationPolicy lets the function read and replace the secrets.
func newRotationPolicy(scope constructs.Construct, users credentials, props Props) awsiam.ManagedPolicy {
	statements := []policy.Statement{
		{
			Actions: []string{
				"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds",
				"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
			},
			Resources: users.arns(),
		},
		{Actions: []string{"secretsmanager:GetRandomPassword"}, Resources: []string{"*"}},
		encryption.SecretsStatement(props.Region, users.keyARN),
		encryption.WriteSecretsStatement(props.Region, users.keyARN),
	}
	if props.Standby.exists() {
		statements = append(statements, encryption.ReplicateSecretsStatement(props.Standby.SecretsKey, props.Region, props.Standby.Region))
	}
	made := policy.NewManaged(scope, "RotationPolicy", statements...)
	acknowledge.Finding(made, "AwsSolutions-IAM5",
		"Secrets Manager makes a random password for nobody in particular: the action has no resource type, and reads and changes nothing.",
		"Resource::*")
	return made
}
