package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/storage"
)

// Data holds everything that must survive: the database, the cache, the buckets
// and the backups.
type Data struct {
	Stack    awscdk.Stack
	Database aurora.Database
	Cache    cache.Cache
	Buckets  storage.Buckets
	Backup   backup.Backup
}
