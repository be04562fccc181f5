// Package service makes the wallet service on Fargate: the ECS cluster, the task
// with its telemetry collector, what the task may do and reach, and how the
// number of tasks follows the load.
package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsservicediscovery"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/signals"
)

// platformVersion is pinned, so that a release of Fargate never arrives in the
// middle of the wallet's own deployment.
const platformVersion = awsecs.FargatePlatformVersion_VERSION1_4

// Service is the running wallet, as the load balancer, the metrics and the
// alarms need it.
type Service struct {
	Fargate awsecs.FargateService
	// Discovery is the private DNS name under which Prometheus finds the tasks.
	Discovery awsservicediscovery.IService

	env      config.Environment
	entrance signals.Entrance
	region   config.Region
}

// Props describe the service.
type Props struct {
	Env config.Environment
	// Region is where the service runs; everything else here stands in it.
	Region  config.Region
	Network network.Network
	// Repository holds the image that env.Site.ImageTag names.
	Repository awsecr.IRepository
	Database   Database
	Cache      Cache
	Kafka      Kafka
	// Edge is the entrance between whose target groups ECS moves the requests.
	Edge edge.Edge
	// Alarms take a release back.
	Alarms []awscloudwatch.CfnAlarm
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// Database is what the service knows of a database: a region's own cluster,
// whichever member of a global database that is.
type Database struct {
	// Writer and Reader are host names without a port.
	Writer, Reader string
	SecurityGroup  awsec2.ISecurityGroup
	// Secret holds "username" and "password" and knows its encryption key.
	Secret awssecretsmanager.ISecret
}

// Cache is what the service knows of a cache.
type Cache struct {
	// Host is the configuration endpoint in cluster mode, else the primary's.
	Host          string
	SecurityGroup awsec2.ISecurityGroup
	// Secret holds "username" and "password" and knows its encryption key.
	Secret awssecretsmanager.ISecret
}

// Kafka is what the service knows of a Kafka cluster.
type Kafka struct {
	// Bootstrap is the broker list for SASL/SCRAM clients.
	Bootstrap     string
	SecurityGroup awsec2.ISecurityGroup
	// Secret holds "username" and "password" and knows its encryption key.
	Secret awssecretsmanager.ISecret
}

// New makes the service behind its entrance and, until [Service.Scale], without
// autoscaling.
func New(scope constructs.Construct, props Props) Service {
	own := constructs.NewConstruct(scope, new("Wallet"))
	env := props.Env
	app := newTask(own, props)
	sessions := newSessionLog(own, props)
	group := newSecurityGroup(own, props)
	namespace := awsservicediscovery.NewPrivateDnsNamespace(own, new("Namespace"), &awsservicediscovery.PrivateDnsNamespaceProps{
		Name:        new(env.ServiceNamespace()),
		Description: new("Where Prometheus finds the tasks whose metrics it reads"),
		Vpc:         props.Network.Vpc,
	})
	fargate := awsecs.NewFargateService(own, new("Service"), &awsecs.FargateServiceProps{
		ServiceName:     new(env.ServiceName()),
		Cluster:         newCluster(own, sessions, props),
		TaskDefinition:  app.TaskDefinition(),
		PlatformVersion: platformVersion,
		DesiredCount:    desiredCount(env),
		VpcSubnets:      props.Network.Private(),
		SecurityGroups:  &[]awsec2.ISecurityGroup{group},
		AssignPublicIp:  new(false),
		// Not about releases, which start beside each other at full strength, but
		// about the tasks of one that are replaced or moved to another zone.
		MinHealthyPercent: jsii.Number(100),
		MaxHealthyPercent: jsii.Number(200),
		// Tasks that do not start end a deployment at once, and not after a day.
		CircuitBreaker:              &awsecs.DeploymentCircuitBreaker{Enable: new(true), Rollback: new(true)},
		HealthCheckGracePeriod:      awscdk.Duration_Seconds(jsii.Number(env.Service.StartupGrace.Seconds())),
		AvailabilityZoneRebalancing: awsecs.AvailabilityZoneRebalancing_ENABLED,
		EnableExecuteCommand:        new(env.Service.Exec),
		EnableECSManagedTags:        new(true),
		PropagateTags:               awsecs.PropagatedTagSource_SERVICE,
		CloudMapOptions: &awsecs.CloudMapOptions{
			CloudMapNamespace: namespace,
			Name:              new(config.Platform),
			DnsRecordType:     awsservicediscovery.DnsRecordType_A,
			// As often as the tasks change when the service scales.
			DnsTtl: awscdk.Duration_Seconds(jsii.Number(10)),
		},
	})
	roll := deliver(own, fargate, app, props)
	connect(fargate, props)
	// Tasks that start before their permissions and their way to the database are
	// there fail, and the circuit breaker counts them.
	fargate.Node().AddDependency(app.TaskDefinition().ExecutionRole(), group, roll)
	acknowledgeRoles(app.TaskDefinition(), sessions)
	return Service{Fargate: fargate, Discovery: fargate.CloudMapService(), env: env, region: props.Region, entrance: props.Edge.Signals()}
}

// desiredCount is left out of the template once autoscaling owns it: a number
// there would scale a busy service down at every deployment. Only a first
// deployment sets it, to none: ECR is empty until the repositories exist, and
// tasks that cannot find their image would let the deployment fail. The next
// deployment names a tag; then autoscaling registers the service and raises it
// to its minimum.
func desiredCount(env config.Environment) *float64 {
	if env.Site.ImageTag == config.NoImage {
		return jsii.Number(0)
	}
	return nil
}
