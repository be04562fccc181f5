package aurora

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// The function tries until its time is up, less what it needs to answer;
// CloudFormation waits a little longer than the function may take, not its hour.
const (
	userTimeout  = 3 * time.Minute
	userMemory   = 128 // MiB
	userDeadline = 5 * time.Minute
)

// newUsers makes the users in the database: the application's has nothing but the rows of
// the wallet's schema, because migrations change it as the administrator; the outbox's
// reads one table. A change of the properties updates the user.
func newUsers(scope constructs.Construct, to cluster, users credentials, props Props) []constructs.IDependable {
	group := newClientGroup(scope, "UserGroup", to, props, "Creation of the database user of the application")
	maker := function.New(scope, "UserFunction", function.Props{
		Command:          "dbuser",
		Description:      "Creates the users of the wallet's database",
		Timeout:          userTimeout,
		MemoryMiB:        userMemory,
		Network:          props.Network,
		SecurityGroup:    group,
		LogKey:           props.LogKey,
		LogRetentionDays: props.Database.LogRetentionDays,
		Policies: []awsiam.IManagedPolicy{policy.NewManaged(scope, "UserPolicy",
			policy.Statement{
				Actions:   []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"},
				Resources: users.arns(),
			},
			encryption.SecretsStatement(props.Region, users.keyARN),
		)},
	})
	arn := maker.FunctionArn()
	var made []constructs.IDependable
	for _, each := range []struct {
		id         string
		properties map[string]any
	}{
		{"AppUser", map[string]any{"AppSecret": users.appARN, "Privileges": jsii.Strings("SELECT", "INSERT", "UPDATE", "DELETE")}},
		{"OutboxUser", map[string]any{"AppSecret": users.outboxARN, "Table": config.OutboxTable, "Privileges": jsii.Strings("SELECT")}},
	} {
		each.properties["AdminSecret"], each.properties["Schema"] = users.adminARN, config.DatabaseName
		user := awscdk.NewCustomResource(scope, new(each.id), &awscdk.CustomResourceProps{
			ServiceToken:   arn,
			ServiceTimeout: value.Duration(userDeadline),
			ResourceType:   new("Custom::DatabaseUser"),
			Properties:     &each.properties,
		})
		// Ready means: somebody answers, the security groups between let through, and the function
		// may read.
		user.Node().AddDependency(to.writer, to.group, group, maker)
		made = append(made, user)
	}
	return made
}

// newClientGroup makes the security group of a function that manages users: it
// reaches the cluster and the APIs of AWS.
func newClientGroup(scope constructs.Construct, id string, to cluster, props Props, purpose string) awsec2.SecurityGroup {
	group := props.Network.NewGroup(scope, id, purpose)
	group.Connections().AllowTo(to.group, value.TCP(config.MySQLPort), new(purpose+" logs in"))
	// Addresses of AWS's APIs are not fixed: endpoints of the VPC where it has
	// them, the internet through NAT where it has not.
	group.AddEgressRule(value.AnyIPv4(), value.TCP(config.HTTPSPort),
		new("APIs of AWS: Secrets Manager, and the S3 bucket that CloudFormation waits at"), nil)
	return group
}
