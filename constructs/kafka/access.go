package kafka

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmsk"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// attributeBootstrap is what lambda/kafka returns.
const attributeBootstrap = "Bootstrap"

// accessTimeout leaves room for a fresh IAM policy to be known everywhere.
const accessTimeout = 5 * time.Minute

// addUser makes the service's SASL/SCRAM user. MSK demands the secret's name and
// a customer key, and writes a resource policy of its own onto the secret: one
// from here would overwrite it. Secret and association stay with the cluster.
func addUser(scope constructs.Construct, cluster string, names config.Names) (awssecretsmanager.ISecret, awsmsk.CfnBatchScramSecret) {
	template, err := json.Marshal(map[string]string{"username": config.KafkaUser})
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	// Not the volumes' key: who may read the password may not read the brokers.
	key := encryption.NewKey(scope, "SecretKey", encryption.Props{
		Names:   names,
		Alias:   "kafka-secret",
		Purpose: "Encrypts the Kafka credentials of " + names.Environment(),
	})
	secret := awssecretsmanager.NewSecret(scope, new("Secret"), &awssecretsmanager.SecretProps{
		SecretName:  new(names.KafkaSecret()),
		Description: new("The SASL/SCRAM user of the wallet service"),
		// By ARN: CDK would write each reader of the secret into the key's policy,
		// and so make this stack depend on its consumers.
		EncryptionKey: awskms.Key_FromKeyArn(scope, new("SecretKeyByArn"), key.KeyArn()),
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			SecretStringTemplate: new(string(template)),
			GenerateStringKey:    new("password"),
			PasswordLength:       jsii.Number(40),
			// The password stands inside a quoted JAAS line.
			ExcludePunctuation: new(true),
		},
	})
	acknowledge.Finding(secret, "AwsSolutions-SMG4",
		"MSK keeps one password for a SASL/SCRAM user, so a rotation cuts off every running task until it restarts; the password is replaced by hand together with a deployment, and is useless outside the private network.")
	association := awsmsk.NewCfnBatchScramSecret(scope, new("User"), &awsmsk.CfnBatchScramSecretProps{
		ClusterArn:    new(cluster),
		SecretArnList: &[]*string{secret.SecretArn()},
	})
	association.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	return secret, association
}

// allowUser gives the user its ACLs, which CloudFormation cannot make, and reads
// the addresses of the brokers, which it does not return. The grants are the
// resource's properties, so a change to them is a diff and a new run. It comes after what
// must be there first.
func allowUser(scope constructs.Construct, props Props, cluster string, brokers awsec2.ISecurityGroup, first []constructs.IDependable) awscdk.CustomResource {
	group := props.Network.NewGroup(scope, "AccessSecurityGroup", "The function that makes the Kafka ACLs")
	connections := group.Connections()
	connections.AllowTo(brokers, value.TCP(config.KafkaIAMPort), new("Makes the Kafka ACLs as an IAM principal"))
	connections.AllowToAnyIpv4(value.TCP(config.HTTPSPort), new("Asks MSK for the brokers and answers CloudFormation"))
	handler := function.New(scope, "AccessFunction", function.Props{
		Command:          "kafka",
		Description:      "Makes the Kafka ACLs of the wallet service and returns the broker addresses",
		Timeout:          accessTimeout,
		MemoryMiB:        256,
		Policies:         []awsiam.IManagedPolicy{accessPolicy(scope, cluster)},
		Network:          props.Network,
		SecurityGroup:    group,
		LogKey:           props.LogKey,
		LogRetentionDays: props.Messaging.LogRetentionDays,
	})
	access := awscdk.NewCustomResource(scope, new("Access"), &awscdk.CustomResourceProps{
		ServiceToken: handler.FunctionArn(),
		ResourceType: new("Custom::KafkaAccess"),
		// CloudFormation would wait an hour for a function that died.
		ServiceTimeout: value.Duration(accessTimeout + time.Minute),
		Properties: &map[string]any{
			"Cluster": cluster,
			"User":    config.KafkaUser,
			"Brokers": strconv.Itoa(props.Messaging.Brokers), // CloudFormation passes texts only
			"Grants":  grants(props.Messaging.Topics),
		},
	})
	// Rules of security groups are resources of their own.
	access.Node().AddDependency(append(first, group, brokers)...)
	return access
}

// accessPolicy allows what the function does, on this cluster. Creating ACLs is
// Alter on the cluster, which IAM allows only together with Describe.
func accessPolicy(scope constructs.Construct, cluster string) awsiam.ManagedPolicy {
	permissions := policy.NewManaged(scope, "AccessPolicy",
		policy.Allow("", []string{cluster}, "kafka:ListNodes",
			"kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:AlterCluster"),
		policy.Allow("", []string{"*"}, "kafka:GetBootstrapBrokers"),
	)
	acknowledge.Finding(permissions, "AwsSolutions-IAM5",
		"AWS defines no resource type for kafka:GetBootstrapBrokers, which reads host names and nothing else.",
		"Resource::*")
	return permissions
}

// grants are what the wallet service does: write and read its topics, in groups
// and transactions of its own names, as an idempotent producer.
func grants(topics []config.Topic) []any {
	var all []any
	grant := func(resource, name, pattern string, operations ...any) {
		all = append(all, map[string]any{
			"Resource": resource, "Name": name, "Pattern": pattern, "Operations": operations,
		})
	}
	for _, topic := range topics {
		grant("topic", topic.Name, "literal", "DESCRIBE", "READ", "WRITE")
	}
	grant("group", config.KafkaPrefix, "prefixed", "READ")
	grant("transactional-id", config.KafkaPrefix, "prefixed", "DESCRIBE", "WRITE")
	grant("cluster", "", "literal", "IDEMPOTENT_WRITE")
	return all
}
