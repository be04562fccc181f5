package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/edge"
	"wallet-infra/constructs/registry"
	"wallet-infra/constructs/service"
)

// Compute holds the service and its entrance.
type Compute struct {
	Stack   awscdk.Stack
	Service service.Service
	Edge    edge.Edge
}

// NewCompute builds the compute stack.
func NewCompute(stage awscdk.Stage, env config.Environment, network Network, data Data, messaging Messaging) Compute {
	stack := newStack(stage, env, "Compute", env.Primary,
		"The image repositories, the wallet service on Fargate, its load balancer, web ACL and DNS record")
	logKey := newLogKey(stack, env, "compute-logs")
	wallet := service.New(stack, service.Props{
		Env:        env,
		Region:     env.Primary,
		Network:    network.Network,
		Repository: registry.New(stack, env).Service,
		Database: service.Database{
			Writer:        *data.Database.Cluster.ClusterEndpoint().Hostname(),
			Reader:        *data.Database.Cluster.ClusterReadEndpoint().Hostname(),
			SecurityGroup: data.Database.SecurityGroup,
			Secret:        data.Database.AppSecret,
		},
		Cache: service.Cache{Host: data.Cache.Host, SecurityGroup: data.Cache.SecurityGroup, Secret: data.Cache.Secret},
		Kafka: service.Kafka{
			Bootstrap:     messaging.Kafka.Bootstrap,
			SecurityGroup: messaging.Kafka.SecurityGroup,
			Secret:        messaging.Kafka.Secret,
		},
		LogKey: logKey,
	})
	entrance := edge.New(stack, edge.Props{
		Env:        env,
		Region:     env.Primary,
		Network:    network.Network,
		Service:    wallet.Fargate,
		AccessLogs: data.Buckets.Logs,
		LogKey:     logKey,
	})
	// In standby the API's name belongs to the recovery: it follows the region that
	// serves, by way of this one.
	name := env.Site.APIDomain
	if env.DR.Mode == config.DRStandby {
		name = env.RegionalDomain(env.Primary)
	}
	entrance.Publish(name)
	wallet.Scale(entrance.TargetGroup)
	return Compute{Stack: stack, Service: wallet, Edge: entrance}
}
