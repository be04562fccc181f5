package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/redeploy"
	"wallet-infra/constructs/registry"
	"wallet-infra/constructs/release"
	"wallet-infra/constructs/service"
)

// Compute holds the service, its entrance, and what takes part in its deployments.
type Compute struct {
	Stack   awscdk.Stack
	Service service.Service
	Edge    edge.Edge
	// Redeploy brings rotated passwords to the tasks.
	Redeploy redeploy.Redeploy
}

// NewCompute builds the compute stack.
func NewCompute(stage awscdk.Stage, env config.Environment, images registry.Registry, network Network, data Data, messaging Messaging) Compute {
	stack := newStack(stage, env, "Compute", env.Primary,
		"The wallet service on Fargate with its deployments, its load balancer, web ACL and DNS record")
	logKey := encryption.NewLogKey(stack, env.Names(), env.Primary, "compute")
	entrance := edge.New(stack, edge.Props{
		Names: env.Names(), Region: env.Primary, Edge: env.Edge, HostedZone: env.Site.HostedZone, APIDomain: env.Site.APIDomain,
		HealthPath: env.HealthPath(env.Primary), Protected: env.Protected,
		Network: network.Network, AccessLogs: data.Buckets.Logs, LogKey: logKey,
	})
	database, owner := databases(data)
	wallet := service.New(stack, service.Props{
		Env:        env,
		Region:     env.Primary,
		Network:    network.Network,
		Repository: images.Service,
		Collector:  images.Collector,
		Database:   database,
		Cache:      service.Cache{Host: data.Cache.Host, SecurityGroup: data.Cache.SecurityGroup, Secret: data.Cache.Secret},
		Kafka: service.Kafka{
			Bootstrap:     messaging.Kafka.Bootstrap,
			SecurityGroup: messaging.Kafka.SecurityGroup,
			Secret:        messaging.Kafka.Secret,
		},
		Edge:   entrance,
		Alarms: alarms.NewDeployment(stack, env.Names(), entrance.DeploymentAlarms(env.Delivery.Rollback)),
		LogKey: logKey,
	})
	// In standby the API's name belongs to the recovery: it follows the region that
	// serves, by way of this one.
	name := env.Site.APIDomain
	if env.DR.Mode == config.DRStandby {
		name = env.Names().RegionalDomain(env.Primary)
	}
	entrance.AddDNSRecord(name)
	wallet.Scale()
	migration := release.New(stack, release.Props{
		Env:           env,
		Region:        env.Primary,
		Network:       network.Network,
		Other:         standby(env),
		GlobalCluster: globalCluster(env),
		Repository:    images.Migrations,
		Database:      owner,
		Edge:          entrance,
		Service:       wallet,
		LogKey:        logKey,
	})
	rotations := redeploy.New(stack, redeploy.Props{
		Names: env.Names(), Region: env.Primary, Service: env.Service, Delivery: env.Delivery,
		Network: network.Network, Secret: database.Secret, LogKey: logKey,
	})
	announce(stack, entrance, wallet)
	announceMigration(stack, migration)
	return Compute{Stack: stack, Service: wallet, Edge: entrance, Redeploy: rotations}
}

// databases are the one database as its two users know it: the application, and the
// owner of the schema.
func databases(data Data) (application, owner service.Database) {
	application = service.Database{
		Writer:        *data.Database.Cluster.ClusterEndpoint().Hostname(),
		Reader:        *data.Database.Cluster.ClusterReadEndpoint().Hostname(),
		SecurityGroup: data.Database.SecurityGroup,
		Secret:        data.Database.AppSecret,
	}
	owner = application
	owner.Secret = data.Database.AdminSecret
	return application, owner
}

// standby is the region that waits, without a name where there is none.
func standby(env config.Environment) config.Region {
	if env.DR.Mode == config.DRStandby {
		return env.Secondary
	}
	return config.Region{}
}

// globalCluster is the name of the database that the regions share, if they do.
func globalCluster(env config.Environment) string {
	if env.DR.Mode == config.DRStandby {
		return env.Names().GlobalClusterName()
	}
	return ""
}

// announce tells the delivery commands what they must find of a service.
func announce(stack awscdk.Stack, entrance edge.Edge, wallet service.Service) {
	output(stack, config.OutputCluster, wallet.Cluster.ClusterName())
	output(stack, config.OutputService, wallet.Fargate.ServiceName())
	output(stack, config.OutputProductionRule, entrance.Production.ListenerRuleArn())
	output(stack, config.OutputBlueTargets, entrance.Blue.TargetGroupArn())
	output(stack, config.OutputGreenTargets, entrance.Green.TargetGroupArn())
	output(stack, config.OutputTestListener, entrance.TestListener.ListenerArn())
}

// announceMigration tells them what a migration runs with.
func announceMigration(stack awscdk.Stack, migration release.Migration) {
	output(stack, config.OutputMigrationTask, migration.Task.TaskDefinitionArn())
	output(stack, config.OutputMigrationSubnets, new(strings.Join(migration.Subnets, ",")))
	output(stack, config.OutputMigrationSecurityGroup, migration.SecurityGroup.SecurityGroupId())
}

func output(stack awscdk.Stack, id string, value *string) {
	awscdk.NewCfnOutput(stack, new(id), &awscdk.CfnOutputProps{Value: value})
}
