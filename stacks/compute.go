package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/outbox"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/redeploy"
	"wallet-infra/constructs/registry"
	"wallet-infra/constructs/release"
	"wallet-infra/constructs/service"
)

// Compute holds a region's service, its load balancer, and what takes part in its
// deployments.
type Compute struct {
	Stack   awscdk.Stack
	Service service.Service
	Edge    edge.Edge
	// Redeploy brings rotated passwords to the tasks.
	Redeploy redeploy.Redeploy
	// Outbox measures whether the service publishes its events.
	Outbox outbox.Outbox
}

// ComputeProps are what a region's compute stack stands on.
type ComputeProps struct {
	Region config.Region
	// Peer has the service that shares the database, without a name where there is none.
	Peer config.Region
	// Standby is the second region's: while it waits, its releases find the schema that
	// the peer has changed, or are refused, and the passwords rotate at the peer.
	Standby bool

	Images  registry.Registry
	Network network.Network
	// AccessLogs receives a line for each request.
	AccessLogs awss3.IBucket
	Database   aurora.Database
	Cache      cache.Cache
	Kafka      kafka.Cluster
	// Metrics takes what the tasks measure.
	Metrics prometheus.Workspace
}

// NewCompute builds a region's compute stack.
func NewCompute(stage awscdk.Stage, env config.Environment, props ComputeProps) Compute {
	id, description := "Compute", "The wallet service on Fargate with its deployments, its load balancer, web ACL and DNS record"
	if props.Standby {
		id, description = "DR-Compute", "The second region's wallet service with its deployments, its load balancer, web ACL and DNS record"
	}
	stack := newStack(stage, env, id, props.Region, description)
	names, logKey := env.Names(), encryption.NewLogKey(stack, env.Names(), props.Region, strings.ToLower(id))
	balancer := edge.New(stack, edge.Props{
		Names: names, Region: props.Region, Edge: env.Edge, HostedZone: env.Site.HostedZone, APIDomain: env.Site.APIDomain,
		HealthPath: env.HealthPath(props.Region), Protected: env.Protected,
		Network: props.Network, AccessLogs: props.AccessLogs, LogKey: logKey,
	})
	balancer.AddDNSRecord(hostName(env, props.Region))
	wallet := service.New(stack, service.Props{
		Names: names, Region: props.Region, Service: env.Service, Delivery: env.Delivery,
		ImageTag: env.Site.ImageTag, Repository: props.Images.Service, CollectorRepository: props.Images.Collector,
		MinTasks: env.MinTasks(props.Region), ShutdownTimeout: env.Edge.DeregistrationDelay,
		Network: props.Network, Database: props.Database, Cache: props.Cache, Kafka: props.Kafka, Edge: balancer,
		Metrics: props.Metrics, ScrapeInterval: env.Observability.ScrapeInterval,
		Alarms: alarms.NewDeployment(stack, names, balancer.DeploymentAlarms(env.Delivery.Rollback)), LogKey: logKey,
	})
	migration := release.New(stack, release.Props{
		Names: names, Region: props.Region, Delivery: env.Delivery, Application: env.Service,
		ImageTag: env.Site.ImageTag, Repository: props.Images.Migrations, APIDomain: env.Site.APIDomain,
		Protected: env.Protected, Network: props.Network, Other: props.Peer, GlobalCluster: globalCluster(env),
		Database: props.Database, Edge: balancer, Service: wallet, LogKey: logKey,
	})
	rotation := redeploy.Props{
		Names: names, Region: props.Region, Service: env.Service, Delivery: env.Delivery,
		Network: props.Network, Secret: props.Database.AppSecret, LogKey: logKey,
	}
	if props.Standby {
		rotation.SecretRegion = props.Peer
	}
	exportOutputs(stack, balancer, wallet)
	if !props.Standby {
		exportMigration(stack, migration)
	}
	measured := outbox.New(stack, outbox.Props{
		Names: names, Region: props.Region, Network: props.Network, Database: props.Database,
		LogKey: logKey, LogRetentionDays: env.Service.LogRetentionDays,
	})
	return Compute{Stack: stack, Service: wallet, Edge: balancer, Redeploy: redeploy.New(stack, rotation), Outbox: measured}
}

// hostName leads to a region's load balancer. In standby the API's name belongs to the
// recovery: it follows the active region, by way of this one.
func hostName(env config.Environment, region config.Region) string {
	if env.DR.Mode == config.DRStandby {
		return env.Names().RegionalDomain(region)
	}
	return env.Site.APIDomain
}

// globalCluster is the name of the database that the regions share, if they do.
func globalCluster(env config.Environment) string {
	if env.DR.Mode == config.DRStandby {
		return env.Names().GlobalClusterName()
	}
	return ""
}

// exportOutputs tells the delivery commands what they must find of a service.
func exportOutputs(stack awscdk.Stack, balancer edge.Edge, wallet service.Service) {
	output(stack, config.OutputCluster, new(wallet.ClusterName))
	output(stack, config.OutputService, wallet.Fargate.ServiceName())
	output(stack, config.OutputProductionRule, balancer.Production.ListenerRuleArn())
	output(stack, config.OutputBlueTargets, balancer.Blue.TargetGroupArn())
	output(stack, config.OutputGreenTargets, balancer.Green.TargetGroupArn())
	output(stack, config.OutputTestListener, balancer.TestListener.ListenerArn())
}

// exportMigration tells them what a migration runs with.
func exportMigration(stack awscdk.Stack, migration release.Migration) {
	output(stack, config.OutputMigrationTask, new(migration.Definition))
	output(stack, config.OutputMigrationSubnets, new(strings.Join(migration.Subnets, ",")))
	output(stack, config.OutputMigrationSecurityGroup, migration.SecurityGroup.SecurityGroupId())
}

func output(stack awscdk.Stack, id string, value *string) {
	awscdk.NewCfnOutput(stack, new(id), &awscdk.CfnOutputProps{Value: value})
}
