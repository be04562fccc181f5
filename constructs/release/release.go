// Package release makes what ECS calls in the middle of a deployment: the migration
// of the schema, before a new release starts, and its test, before customers reach
// it. Either of them can end the deployment.
package release

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/service"
)

// Props describe the service whose releases are prepared and tested.
type Props struct {
	Names    config.Names
	Region   config.Region
	Delivery config.Delivery
	// Application is the service as it is configured; ImageTag names the release, which
	// the migrations' image has too.
	Application config.Service
	ImageTag    string
	APIDomain   string
	// Protected keeps the log of the migrations when the stack goes.
	Protected bool
	Network   network.Network
	// Other is the region of the service that shares the database, without a name
	// where there is none, and GlobalCluster the name of what they share.
	Other         config.Region
	GlobalCluster string
	// Repository holds the image of the migrations, under the tag of the release
	// that needs them.
	Repository awsecr.IRepository
	// Database is the one to migrate.
	Database aurora.Database
	Edge     edge.Edge
	Service  service.Service
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// New makes the migration and the test of the release that the tag names, and lets ECS call both.
func New(scope constructs.Construct, props Props) Migration {
	own := constructs.NewConstruct(scope, new("Release"))
	migration := newMigration(own, props)
	if props.Delivery.HooksOff {
		return migration
	}
	service := props.Service.Fargate.Node()
	callFrom(own, service, []hook{
		{stage: "PRE_SCALE_UP", function: newMigrator(own, migration, props), details: map[string]any{
			// Beside the function's own variable: this one returns with the service when
			// CloudFormation takes an update of it back.
			"taskDefinition": migration.Definition,
		}},
		{stage: "POST_TEST_TRAFFIC_SHIFT", function: newTester(own, props)},
	})
	// A deployment begins with the service's change: by then everything that it calls
	// must be there, with its permissions and its ways through the network. The rule
	// in the load balancer's group is a resource of that group.
	needed := []constructs.IDependable{own}
	for _, group := range *props.Edge.LoadBalancer.Connections().SecurityGroups() {
		needed = append(needed, group)
	}
	service.AddDependency(needed...)
	return migration
}
