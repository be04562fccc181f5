// Package aurora makes the Aurora MySQL cluster, its users and their rotation.
package aurora

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
)

// Database is the primary region's cluster with its two users.
type Database struct {
	Cluster awsrds.DatabaseCluster
	// AdminSecret is the owner of the schema: migrations and rotation use it, the
	// service never does. AppSecret is the user that the service runs as.
	AdminSecret, AppSecret awssecretsmanager.ISecret
}
