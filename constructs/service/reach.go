package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// newSecurityGroup lets the tasks call AWS. The address cannot be narrowed: the
// image layers come from S3, whose addresses change.
func newSecurityGroup(scope constructs.Construct, props Props) awsec2.SecurityGroup {
	group := awsec2.NewSecurityGroup(scope, new("SecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              props.Network.Vpc,
		Description:      new("The tasks of the wallet service"),
		AllowAllOutbound: new(false),
	})
	group.AddEgressRule(awsec2.Peer_AnyIpv4(), awsec2.Port_Tcp(jsii.Number(config.HTTPSPort)),
		new("AWS endpoints: images, secrets, logs, traces"), nil)
	return group
}

// connect opens the way to what the service uses, and nothing else. The rules
// are in the service's stack: the database does not know its clients.
func connect(tasks awsec2.SecurityGroup, props Props) {
	connections := tasks.Connections()
	connections.AllowTo(props.Database.SecurityGroup, awsec2.Port_Tcp(jsii.Number(config.MySQLPort)),
		new("Wallet service to Aurora, TLS"))
	connections.AllowTo(props.Cache.SecurityGroup, awsec2.Port_Tcp(jsii.Number(config.CachePort)),
		new("Wallet service to its cache, TLS"))
	connections.AllowTo(props.Kafka.SecurityGroup, awsec2.Port_Tcp(jsii.Number(config.KafkaSCRAMPort)),
		new("Wallet service publishes events to Kafka, SASL/SCRAM over TLS"))
}
