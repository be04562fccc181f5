package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"

	"wallet-infra/config"
	"wallet-infra/constructs/cdn"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/grafana"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/storage"
	"wallet-infra/constructs/waf"
)

// Global holds what must stand in us-east-1 before the primary region's stacks:
// what AWS has only there, and the replication targets.
type Global struct {
	Stack        awscdk.Stack
	Distribution awscloudfront.Distribution
	Grafana      grafana.Workspace
	// Targets are the replica buckets; empty when nothing may leave Brazil.
	Targets storage.Targets
	// SecretsKey encrypts the secrets' replicas; nil outside standby.
	SecretsKey awskms.IKey
}

// NewGlobal builds the stack of us-east-1 that the primary region's stacks point
// at. It reads nothing of theirs.
func NewGlobal(stage awscdk.Stage, env config.Environment) Global {
	stack := newStack(stage, env, "Global", env.Secondary,
		"What AWS has only in us-east-1, and the buckets and keys that copies of the primary region are sent to")
	logKey := encryption.NewLogKey(stack, env.Names(), env.Secondary, "global")
	global := Global{Stack: stack, Grafana: grafana.New(stack, grafana.Props{
		Names: env.Names(), Region: env.Secondary, Identity: env.Site.Grafana, Version: env.Observability.GrafanaVersion,
		MetricRegions: []config.Region{env.Primary, env.Secondary}, Traces: env.DR.AllowDataOutsideBrazil,
	})}
	if env.DR.Mode.Copies() {
		global.Targets = storage.NewTargets(stack, storage.TargetProps{
			Names: env.Names(), Region: env.Secondary, Storage: env.Storage, ServiceLogs: env.DR.Mode == config.DRStandby,
		})
	}
	if env.DR.Mode == config.DRStandby {
		key := encryption.NewKey(stack, "SecretsKey", encryption.Props{
			Names:    env.Names(),
			Alias:    "secrets-replica",
			Purpose:  "Encrypts the replicas of the secrets of " + env.Names().Prefix(),
			Services: []policy.Statement{encryption.AllowReplication(env.Names(), env.Primary, env.Secondary)},
		})
		global.SecretsKey = key
	}
	global.Distribution = cdn.New(stack, cdn.Props{
		Names:        env.Names(),
		Region:       env.Secondary,
		OriginRegion: env.Primary,
		HostedZone:   env.Site.HostedZone,
		Domain:       env.Site.StaticDomain,
		APIDomain:    env.Site.APIDomain,
		PriceClass:   env.Edge.PriceClass,
		Protected:    env.Protected,
		WebACL: waf.New(stack, "WebAcl", waf.Props{
			Names: env.Names(), Region: env.Secondary, Scope: waf.CloudFront, Firewall: env.Edge.Firewall,
			Protected: env.Protected, LogKey: logKey, LogRetentionDays: env.Edge.LogRetentionDays,
		}),
		Replica:          global.Targets.Static,
		LogKey:           logKey,
		LogRetentionDays: env.Edge.LogRetentionDays,
	})
	return global
}
