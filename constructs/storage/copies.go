package storage

import (
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
)

// NewCopies makes the second region's replicas, as hardened as the originals and
// with the same life cycle, which S3 does not replicate. It makes nothing and
// returns the zero value when nothing may leave the primary region. They must
// exist before the originals: S3 refuses a replication to a missing bucket.
func NewCopies(scope constructs.Construct, env config.Environment) Copies {
	if !env.DR.Mode.Copies() {
		return Copies{}
	}
	own := constructs.NewConstruct(scope, new("Copies"))
	at := site{scope: own, env: env, region: env.Secondary}
	key := encryption.NewKey(own, "Key", encryption.Props{
		Alias:   env.Names().KeyAlias("storage"),
		Purpose: "Encrypts the replica of the backups bucket",
	})
	logs := at.logs("Logs")
	if env.DR.Mode == config.DRStandby {
		acceptLogs(logs, env, env.Secondary)
	}
	backups := at.backups("Backups", key, logs)
	static := at.static("Static", logs)
	for _, replica := range []constructs.IConstruct{backups, static} {
		acknowledge.Finding(replica, "PCI.DSS.321-S3BucketReplicationEnabled", "The bucket is itself the replica of the one in the primary region")
	}
	return Copies{Backups: backups, Static: static, Logs: logs, Key: key}
}
