// Package cache makes the ElastiCache replication group and its user.
package cache

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
)

// Cache is the replication group, as its clients and alarms need it.
type Cache struct {
	// Name is the replication group's ID. Nodes are named after it, with suffixes
	// "-001" (cluster mode off) or "-0001-001" (cluster mode on).
	Name          string
	SecurityGroup awsec2.ISecurityGroup
	// Host is the endpoint that the service connects to: the configuration
	// endpoint in cluster mode, else the primary's.
	Host string
	// Secret holds "username" and "password" of the service's cache user.
	Secret awssecretsmanager.ISecret
}
