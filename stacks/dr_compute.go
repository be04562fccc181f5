package stacks

import (
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

// DRCompute holds the second region's service and its entrance.
type DRCompute struct {
	Stack   awscdk.Stack
	Service service.Service
	Edge    edge.Edge
	// Redeploy brings rotated passwords to the tasks.
	Redeploy redeploy.Redeploy
}

// NewDRCompute builds the second region's service: the first one's, with a few
// tasks until it is needed and the same bound after.
func NewDRCompute(stage awscdk.Stage, env config.Environment, global Global, images registry.Registry, dr DR, messaging DRMessaging) DRCompute {
	stack := newStack(stage, env, "DR-Compute", env.Secondary, "The second region's wallet service with its deployments, its load balancer, web ACL and DNS record")
	logKey := encryption.NewLogKey(stack, env.Names(), env.Secondary, "dr-compute")
	entrance := edge.New(stack, edge.Props{
		Names: env.Names(), Region: env.Secondary, Edge: env.Edge, HostedZone: env.Site.HostedZone, APIDomain: env.Site.APIDomain,
		HealthPath: env.HealthPath(env.Secondary), Protected: env.Protected,
		Network:    dr.Network,
		AccessLogs: global.Targets.Logs,
		LogKey:     logKey,
	})
	database := service.Database{
		Writer:        dr.Database.Writer,
		Reader:        dr.Database.Reader,
		SecurityGroup: dr.Database.SecurityGroup,
		Secret:        dr.AppSecret,
	}
	wallet := service.New(stack, service.Props{
		Env:        env,
		Region:     env.Secondary,
		Network:    dr.Network,
		Repository: images.Service,
		Collector:  images.Collector,
		Database:   database,
		Cache:      service.Cache{Host: dr.Cache.Host, SecurityGroup: dr.Cache.SecurityGroup, Secret: dr.Cache.Secret},
		Kafka: service.Kafka{
			Bootstrap:     messaging.Kafka.Bootstrap,
			SecurityGroup: messaging.Kafka.SecurityGroup,
			Secret:        messaging.Kafka.Secret,
		},
		Edge:   entrance,
		Alarms: alarms.NewDeployment(stack, env.Names(), entrance.DeploymentAlarms(env.Delivery.Rollback)),
		LogKey: logKey,
	})
	entrance.AddDNSRecord(env.Names().RegionalDomain(env.Secondary))
	wallet.Scale()
	// While this region waits, its releases find the schema that the other one has
	// changed, or are refused; and their test is left out.
	database.Secret = dr.AdminSecret
	release.New(stack, release.Props{
		Env:           env,
		Region:        env.Secondary,
		Network:       dr.Network,
		Other:         env.Primary,
		GlobalCluster: globalCluster(env),
		Repository:    images.Migrations,
		Database:      database,
		Edge:          entrance,
		Service:       wallet,
		LogKey:        logKey,
	})
	rotations := redeploy.New(stack, redeploy.Props{
		Names: env.Names(), Region: env.Secondary, Service: env.Service, Delivery: env.Delivery,
		Network: dr.Network, Secret: dr.AppSecret, SecretRegion: env.Primary, LogKey: logKey,
	})
	announce(stack, entrance, wallet)
	return DRCompute{Stack: stack, Service: wallet, Edge: entrance, Redeploy: rotations}
}
