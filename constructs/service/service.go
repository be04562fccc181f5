// Package service makes the wallet service on Fargate: the ECS cluster, the task
// with its telemetry collector, what the task may do and reach, and how the
// number of tasks follows the load.
package service

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/kafka"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/prometheus"
	"wallet-infra/constructs/value"
)

// platformVersion is pinned, so that a release of Fargate never arrives in the
// middle of the wallet's own deployment.
const platformVersion = awsecs.FargatePlatformVersion_VERSION1_4

// Service is the running wallet, as the load balancer, the metrics and the
// alarms need it.
type Service struct {
	Fargate       awsecs.FargateService
	Cluster       awsecs.Cluster
	ClusterName   string
	SecurityGroup awsec2.SecurityGroup // of the tasks

	metrics Metrics
}

// Props describe the service.
type Props struct {
	Names config.Names
	// Region is where the service runs; everything else here stands in it.
	Region   config.Region
	Service  config.Service
	Delivery config.Delivery
	// ImageTag names the release in Repository, and CollectorRepository has the telemetry
	// collector by Service's digest.
	ImageTag                        string
	Repository, CollectorRepository awsecr.IRepository
	// MinTasks is the fewest tasks that autoscaling keeps.
	MinTasks int
	// ShutdownTimeout is how long a leaving task may finish its requests.
	ShutdownTimeout time.Duration
	Network         network.Network
	Database        aurora.Database
	Cache           cache.Cache
	Kafka           kafka.Cluster
	// Edge has the target groups between which ECS moves the requests.
	Edge edge.Edge
	// Metrics takes what the tasks measure, read every ScrapeInterval.
	Metrics        prometheus.Workspace
	ScrapeInterval time.Duration
	// Alarms take a release back.
	Alarms []alarms.Alarm
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// New makes the service behind its load balancer.
func New(scope constructs.Construct, props Props) Service {
	own := constructs.NewConstruct(scope, new("Wallet"))
	sessions := newSessionLog(own, props)
	made := Service{
		Cluster:       newCluster(own, sessions, props),
		SecurityGroup: newSecurityGroup(own, props),
	}
	made.ClusterName = *made.Cluster.ClusterName()
	made.metrics = newMetrics(made.ClusterName, props.Names.ServiceName(), props.Edge.Metrics().Requests)
	connect(made.SecurityGroup, props)
	task, app := newTask(own, props)
	made.Fargate = newFargate(own, made, task, props)
	// Tasks that start before their permissions and their way to the database are
	// there fail, and so does the deployment.
	execution := task.ExecutionRole()
	needed := append(configureDeployment(own, made.Fargate, app, props), execution, made.SecurityGroup)
	made.Fargate.Node().AddDependency(needed...)
	acknowledgeRoles(task.TaskRole(), execution, sessions, props)
	made.scale(props)
	return made
}

// newFargate makes the ECS service. Its desired count is left out of the template,
// because autoscaling owns it: a number there would scale a busy service down at
// every deployment. Without one CloudFormation creates the service with one task,
// which the first deployment tests, and autoscaling then raises it to its minimum.
func newFargate(scope constructs.Construct, in Service, task awsecs.TaskDefinition, props Props) awsecs.FargateService {
	return awsecs.NewFargateService(scope, new("Service"), &awsecs.FargateServiceProps{
		ServiceName:     new(props.Names.ServiceName()),
		Cluster:         in.Cluster,
		TaskDefinition:  task,
		PlatformVersion: platformVersion,
		VpcSubnets:      props.Network.Private(),
		SecurityGroups:  &[]awsec2.ISecurityGroup{in.SecurityGroup},
		AssignPublicIp:  new(false),
		// Not about releases, which start beside each other at full strength, but
		// about the tasks of one that are replaced or moved to another zone.
		MinHealthyPercent: jsii.Number(100),
		MaxHealthyPercent: jsii.Number(200),
		// Nothing relies on it: AWS's guide has it for blue/green deployments too, its
		// API reference for rolling ones alone, and it needs a deployment that
		// completed before. The command that deploys counts failed tasks itself.
		CircuitBreaker:              &awsecs.DeploymentCircuitBreaker{Enable: new(true), Rollback: new(true)},
		HealthCheckGracePeriod:      value.Duration(props.Service.StartupGrace),
		AvailabilityZoneRebalancing: awsecs.AvailabilityZoneRebalancing_ENABLED,
		EnableExecuteCommand:        new(props.Service.Exec),
		EnableECSManagedTags:        new(true),
		PropagateTags:               awsecs.PropagatedTagSource_SERVICE,
	})
}
