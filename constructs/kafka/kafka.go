// Package kafka makes the MSK cluster, its topics and its clients' credentials.
package kafka

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
)

// Cluster is the MSK cluster, as its clients and alarms need it.
type Cluster struct {
	Name, Arn     string
	SecurityGroup awsec2.ISecurityGroup
	// Bootstrap is the broker list for SASL/SCRAM clients.
	Bootstrap string
	// BrokerHosts are the DNS names of the brokers, for open monitoring.
	BrokerHosts []string
	// Secret holds "username" and "password" of the service's Kafka user.
	Secret awssecretsmanager.ISecret
}
