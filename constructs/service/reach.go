package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/value"
)

// newSecurityGroup lets the tasks call AWS. The address cannot be narrowed: the
// image layers come from S3, whose addresses change.
func newSecurityGroup(scope constructs.Construct, props Props) awsec2.SecurityGroup {
	group := props.Network.NewClientGroup(scope, "SecurityGroup", "The tasks of the wallet service", "AWS endpoints: images, secrets, logs, traces")
	return group
}

// connect opens the way to what the service uses, and nothing else. The rules
// are in the service's stack: the database does not know its clients.
func connect(tasks awsec2.SecurityGroup, props Props) {
	connections := tasks.Connections()
	connections.AllowTo(props.Database.SecurityGroup, value.TCP(config.MySQLPort),
		new("Wallet service to Aurora, TLS"))
	connections.AllowTo(props.Cache.SecurityGroup, value.TCP(config.CachePort),
		new("Wallet service to its cache, TLS"))
	connections.AllowTo(props.Kafka.SecurityGroup, value.TCP(config.KafkaSCRAMPort),
		new("Wallet service publishes events to Kafka, SASL/SCRAM over TLS"))
}
