package storage

import (
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
)

// TargetProps describe the second region's replicas.
type TargetProps struct {
	Names   config.Names
	Region  config.Region
	Storage config.Storage
	// ServiceLogs lets a load balancer and brokers of the region write their logs here.
	ServiceLogs bool
}

// NewTargets makes the second region's replicas, as hardened as the originals and
// with the same life cycle, which S3 does not replicate. They must exist before the
// originals: S3 refuses a replication to a missing bucket.
func NewTargets(scope constructs.Construct, props TargetProps) Targets {
	own := constructs.NewConstruct(scope, new("Copies"))
	at := site{scope: own, names: props.Names, region: props.Region, storage: props.Storage}
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "storage",
		Purpose: "Encrypts the replica of the backups bucket",
	})
	logs := at.logs("Logs")
	if props.ServiceLogs {
		acceptLogs(logs, props.Names, props.Region)
	}
	backups := at.backups("Backups", key, logs)
	static := at.static("Static", logs)
	for _, replica := range []constructs.IConstruct{backups, static} {
		acknowledge.Finding(replica, "PCI.DSS.321-S3BucketReplicationEnabled", "The bucket is itself the replica of the one in the primary region")
	}
	return Targets{Region: props.Region, Backups: backups, Static: static, Logs: logs, Key: key}
}
