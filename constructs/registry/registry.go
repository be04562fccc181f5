// Package registry makes the ECR repositories and their copy in the second
// region.
package registry

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/value"
)

// Registry is the environment's repositories.
type Registry struct {
	// Service holds the wallet service's images, Migrations those that change the
	// schema, and Collector the copy of the telemetry collector: a task that starts
	// while the collector's public registry is away would fail, collector or not.
	Service, Migrations, Collector awsecr.Repository
}

// Props describe the repositories of a region.
type Props struct {
	Names    config.Names
	Registry config.Registry
	// CopyTo is the region that every image pushed from now on is copied to, into
	// repositories of the same names. They must exist before the first push: ECR would
	// make them by itself, with tags that can be moved, without a key of ours, and in
	// no template. Empty copies nothing.
	CopyTo string
}

// New makes the repositories of a region.
func New(scope constructs.Construct, props Props) Registry {
	own := constructs.NewConstruct(scope, new("Registry"))
	if props.CopyTo != "" {
		replicate(own, props)
	}
	names := props.Names
	// One key of our own for all: ECR can never change a repository's encryption
	// later, and pulling needs no permission on the key, since ECR holds a grant.
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   names,
		Alias:   "registry",
		Purpose: "Encrypts the images of " + names.Prefix(),
	})
	return Registry{
		Service:    newRepository(own, "Service", names.ServiceRepository(), key, props.Registry),
		Migrations: newRepository(own, "Migrations", names.MigrationsRepository(), key, props.Registry),
		Collector:  newRepository(own, "Collector", names.CollectorRepository(), key, props.Registry),
	}
}

// newRepository makes a repository whose tags can never be moved to another
// image: what was tested is what runs, and a rollback finds what it names. It
// outlives its stack, since a running service pulls from it whenever it scales.
// For the same reason no image with a tag expires: ECR counts pushes and days, and
// knows neither which image runs nor which one a rollback would take.
func newRepository(scope constructs.Construct, id, name string, key awskms.IKey, lifecycle config.Registry) awsecr.Repository {
	return awsecr.NewRepository(scope, new(id), &awsecr.RepositoryProps{
		RepositoryName:     new(name),
		ImageTagMutability: awsecr.TagMutability_IMMUTABLE,
		ImageScanOnPush:    new(true),
		Encryption:         value.Once("repository encryption", awsecr.RepositoryEncryption_KMS),
		EncryptionKey:      key,
		RemovalPolicy:      awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		LifecycleRules: &[]*awsecr.LifecycleRule{
			{
				Description:  new("what an interrupted push leaves behind"),
				RulePriority: jsii.Number(1),
				TagStatus:    awsecr.TagStatus_UNTAGGED,
				MaxImageAge:  value.Days(lifecycle.UntaggedDays),
			},
		},
	})
}

// replicate copies every image pushed from now on to the second region, so that
// its standby can start while the primary region is down. An account has one
// such configuration for each region, and this is the only place that sets it:
// two environments in one account would overwrite each other's.
func replicate(scope constructs.Construct, props Props) {
	awsecr.NewCfnReplicationConfiguration(scope, new("Replication"), &awsecr.CfnReplicationConfigurationProps{
		ReplicationConfiguration: &awsecr.CfnReplicationConfiguration_ReplicationConfigurationProperty{
			Rules: &[]any{&awsecr.CfnReplicationConfiguration_ReplicationRuleProperty{
				Destinations: &[]any{&awsecr.CfnReplicationConfiguration_ReplicationDestinationProperty{
					Region:     new(props.CopyTo),
					RegistryId: new(props.Names.Account()),
				}},
				RepositoryFilters: &[]any{&awsecr.CfnReplicationConfiguration_RepositoryFilterProperty{
					Filter:     new(props.Names.Prefix()),
					FilterType: new("PREFIX_MATCH"),
				}},
			}},
		},
	})
}
