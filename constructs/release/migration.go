package release

import (
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/service"
	"wallet-infra/constructs/value"
)

// Migration is the task that changes the schema, as whoever runs it by hand needs it.
type Migration struct {
	Task          awsecs.FargateTaskDefinition
	Definition    string // the ARN of the task's revision
	Subnets       []string
	SecurityGroup awsec2.ISecurityGroup
}

// migrationStop is the time between the task's SIGTERM and its SIGKILL.
const migrationStop = 2 * time.Minute

// newMigration makes the task: one container with the release's migrations, which
// logs in as the owner of the schema and ends.
func newMigration(scope constructs.Construct, props Props) Migration {
	own := constructs.NewConstruct(scope, new("Migration"))
	task := awsecs.NewFargateTaskDefinition(own, new("Definition"), &awsecs.FargateTaskDefinitionProps{
		Family:          new(props.Names.MigrationFamily()),
		Cpu:             jsii.Number(props.Delivery.Migration.CPU),
		MemoryLimitMiB:  jsii.Number(props.Delivery.Migration.MemoryMiB),
		RuntimePlatform: service.RuntimePlatform(props.Application),
	})
	unprivileged := awsecs.NewLinuxParameters(own, new("Limits"), &awsecs.LinuxParametersProps{InitProcessEnabled: new(true)})
	unprivileged.DropCapabilities(awsecs.Capability_ALL)
	container := task.AddContainer(new("Migrate"), &awsecs.ContainerDefinitionOptions{
		ContainerName:          new(config.MigrationContainer),
		Image:                  awsecs.ContainerImage_FromEcrRepository(props.Repository, new(props.ImageTag)),
		Command:                jsii.Strings("up"),
		User:                   new(strconv.Itoa(config.MigrationUser)),
		ReadonlyRootFilesystem: new(true),
		LinuxParameters:        unprivileged,
		Environment:            environment(props),
		// The program has the server end a statement that is given up, and says what came
		// of it (cmd/migrate). Fargate allows no more.
		StopTimeout: value.Duration(migrationStop),
		// Every line, or none: what a migration did to the ledger is not lost because
		// CloudWatch Logs is slow.
		Logging: awsecs.LogDrivers_AwsLogs(&awsecs.AwsLogDriverProps{
			LogGroup: logging.NewGroup(own, "Logs", logging.Props{
				RetentionDays: props.Application.LogRetentionDays,
				Key:           props.LogKey,
				Keep:          props.Protected,
			}),
			StreamPrefix: new(config.MigrationContainer),
			Mode:         awsecs.AwsLogDriverMode_BLOCKING,
		}),
	})
	addOwner(own, task, container, props)
	group := newTaskGroup(own, props)
	acknowledgeTask(task)
	return Migration{
		Task:          task,
		Definition:    *task.TaskDefinitionArn(),
		Subnets:       props.Network.PrivateSubnets,
		SecurityGroup: group,
	}
}

// environment is what the program reads beside the owner's credentials.
func environment(props Props) *map[string]*string {
	return &map[string]*string{
		"DATABASE_HOST": new(props.Database.Writer),
		// Where another region writes, nobody answers at the writer's name.
		"DATABASE_READER":       new(props.Database.Reader),
		"DATABASE_PORT":         new(strconv.Itoa(config.MySQLPort)),
		"DATABASE_NAME":         new(config.DatabaseName),
		config.MigrationRelease: new(props.ImageTag),
	}
}

// addOwner lets ECS read the credentials of the schema's owner when the task
// starts, and never the service.
func addOwner(scope constructs.Construct, task awsecs.FargateTaskDefinition, container awsecs.ContainerDefinition, props Props) {
	local := service.Local(scope, "Owner", props.Database.AdminSecret)
	service.AddUser(container, local, "DATABASE_")
	task.AddToExecutionRolePolicy(encryption.SecretsStatement(props.Region, props.Database.SecretsKey).CDK())
}

// newTaskGroup lets the task reach the writer, and AWS for its image, its secret and
// its log.
func newTaskGroup(scope constructs.Construct, props Props) awsec2.SecurityGroup {
	group := props.Network.NewGroup(scope, "SecurityGroup", "The task that migrates the schema")
	group.Connections().AllowTo(props.Database.SecurityGroup, value.TCP(config.MySQLPort),
		new("Migrations change the schema, as its owner"))
	group.AddEgressRule(value.AnyIPv4(), value.TCP(config.HTTPSPort),
		new("AWS endpoints: image, secret, logs"), nil)
	return group
}

func acknowledgeTask(task awsecs.FargateTaskDefinition) {
	acknowledge.Findings(task.ExecutionRole(),
		acknowledge.Accepted{
			Rule:   "AwsSolutions-IAM5",
			Reason: "ecr:GetAuthorizationToken exists for * only; pulling is limited to the migrations' repository",
			Only:   []string{"Resource::*"},
		},
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-IAMNoInlinePolicy",
			Reason: "The policy belongs to this one role and goes with it: nobody can attach it to another",
		},
	)
	acknowledge.Finding(task, "AwsSolutions-ECS2",
		"The plain variables are the database's address and name; its user and password are read from Secrets Manager by key, which a test holds")
}
