// Package storage makes the S3 buckets, in both regions, and the replication
// between them.
package storage

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"

	"wallet-infra/config"
)

// Buckets are the environment's buckets in the primary region.
type Buckets struct {
	// Backups holds exports of the database. Logs receives access logs of the
	// load balancer and of the other buckets, and archived broker logs. Static
	// is what CloudFront serves.
	Backups, Logs, Static awss3.Bucket
}

// Targets are the replication targets, the second region's replicas of buckets. The
// zero value means that nothing leaves the primary region.
type Targets struct {
	Region          config.Region
	Backups, Static awss3.IBucket
	// Logs receives the access logs of the replicas and, in standby, those of the
	// second region's load balancer, its brokers' logs and the recovery's reports.
	Logs awss3.IBucket
	// Key encrypts the replica of the backups.
	Key awskms.IKey
}

// The prefixes of the log bucket. Its policy accepts a writer under its own
// prefix alone.
const (
	LoadBalancerPrefix = "load-balancer" // access logs of the load balancer
	BrokerPrefix       = "brokers"       // archived broker logs of MSK
	accessPrefix       = "s3"            // access logs of the other buckets, by purpose
)
