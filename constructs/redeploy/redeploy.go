// Package redeploy starts a new deployment of the service when a password that its
// tasks hold was rotated: they read it once, when they start.
//
// The event waits in a queue, because it comes in the middle of a deployment as
// well as at any other time, and that deployment's tasks may have the old password.
//
// Passwords rotate in the first region alone, and the tasks that wait in the second
// hold them too: the function that rotates announces it on both regions' buses.
package redeploy

import (
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// Props describe the service that is deployed again.
type Props struct {
	Names config.Names
	// Region is where the service runs and everything else here stands.
	Region   config.Region
	Service  config.Service
	Delivery config.Delivery
	Network  network.Network
	// Secret is the one whose rotation asks for a deployment, or the region's copy.
	Secret awssecretsmanager.ISecret
	// SecretRegion is where the secret is rotated, if that is another region.
	SecretRegion config.Region
	// LogKey encrypts the function's log group; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

const (
	// timeout is for a few calls of ECS.
	timeout   = time.Minute
	memoryMiB = 128
	// retry is the time until a message comes back that found a deployment under
	// way. AWS asks for six times the function's timeout at least.
	retry = 10 * time.Minute
	// attempts of the longest deployment in a row: one that is under way when the
	// password changes, the one that brings the new password, and its repetition.
	deployments = 3
	// group is that of all messages: of one group, SQS hands out nothing while a
	// message is looked at or waits to come back ("FIFO queue delivery logic"). So no
	// two workers start a deployment each.
	group = "rotations"
	// kept is the longest that SQS keeps a message.
	kept = 14 * 24 * time.Hour
)

// Redeploy is what watches for rotations.
type Redeploy struct {
	// DeadLetterQueue is the name of the queue of those rotations that no deployment
	// followed: until somebody deploys, the password of the running tasks stops working
	// at the next rotation.
	DeadLetterQueue string
}

// New makes the queue and the function behind it.
func New(scope constructs.Construct, props Props) Redeploy {
	own := constructs.NewConstruct(scope, new("Redeploy"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "redeploy",
		Purpose: "Encrypts the messages that a password of " + props.Names.Prefix() + " was rotated",
		// Without a condition for the same reason as on the topics of alerts: EventBridge
		// names no source to the key, and would drop the event in silence.
		Services: []policy.Statement{encryption.AllowService("Events", "events.amazonaws.com", nil)},
	})
	failed := newQueue(own, "Failed", awssqs.QueueProps{QueueName: new(props.Names.FailedRotationQueue()), EncryptionMasterKey: key})
	waiting := awssqs.QueueProps{
		QueueName:           new(props.Names.RotationQueue()),
		EncryptionMasterKey: key,
		// EventBridge sends an event more than once, and gives no ID of its own.
		ContentBasedDeduplication: new(true),
		VisibilityTimeout:         value.Duration(retry),
		DeadLetterQueue:           &awssqs.DeadLetterQueue{Queue: failed, MaxReceiveCount: jsii.Number(receptions(props.Delivery))},
	}
	if props.isReplica() {
		waiting.DeliveryDelay = value.Duration(config.SecretReplicaDelay)
	}
	queue := newQueue(own, "Queue", waiting)
	arn := *queue.QueueArn()
	listen(own, queue, arn, props)
	consume(own, arn, newFunction(own, arn, failed, key, props))
	return Redeploy{DeadLetterQueue: *failed.QueueName()}
}

// isReplica says whether the secret is rotated in the other region.
func (p Props) isReplica() bool { return p.SecretRegion.Name != "" }

// pattern matches the event of the one secret. A copy's event names the secret of
// the first region, of which this one knows the name and not the suffix that AWS
// gave it.
func (p Props) pattern() map[string]any {
	resources := []any{*p.Secret.SecretArn()}
	if p.isReplica() {
		secret := p.Names.ARN("secretsmanager", p.SecretRegion, "secret:"+p.Names.DatabaseAppSecret()+"-")
		resources = []any{map[string]any{"prefix": secret}}
	}
	return map[string]any{
		"source":      []string{config.DatabaseEventSource},
		"detail-type": []string{config.RotatedEvent},
		"resources":   resources,
	}
}

// receptions is how often a message may come back: for as long as the deployments
// take that it may have to wait for.
func receptions(delivery config.Delivery) float64 {
	return math.Ceil(float64(deployments*delivery.Longest()) / float64(retry))
}

// newQueue makes a FIFO queue that is encrypted with the key and speaks TLS only.
func newQueue(scope constructs.Construct, id string, props awssqs.QueueProps) awssqs.Queue {
	props.Fifo = new(true)
	props.Encryption = awssqs.QueueEncryption_KMS
	props.EnforceSSL = new(true)
	props.RetentionPeriod = value.Duration(kept)
	return awssqs.NewQueue(scope, new(id), &props)
}

// listen sends the event of the one secret to the queue.
func listen(scope constructs.Construct, queue awssqs.Queue, arn string, props Props) {
	rule := awsevents.NewCfnRule(scope, new("Rotated"), &awsevents.CfnRuleProps{
		Description:  new("A password that the wallet service holds was rotated"),
		EventPattern: props.pattern(),
		Targets: []*awsevents.CfnRule_TargetProperty{{
			Id: new("Queue"), Arn: new(arn),
			SqsParameters: &awsevents.CfnRule_SqsParametersProperty{MessageGroupId: new(group)},
		}},
	})
	// The rule, and no other, may write to the queue.
	queue.AddToResourcePolicy(policy.Statement{
		Sid:        "Events",
		Principal:  policy.Service("events.amazonaws.com"),
		Actions:    []string{"sqs:SendMessage"},
		Resources:  []string{arn},
		Conditions: map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": *rule.AttrArn()}},
	}.CDK())
}

// newFunction makes the function that deploys the service.
func newFunction(scope constructs.Construct, queue string, failed awssqs.Queue, key awskms.IKey, props Props) awslambda.Function {
	group := props.Network.NewClientGroup(scope, "SecurityGroup", "The function that deploys the service after a rotation", "APIs of AWS")
	delay := time.Duration(0)
	policies := []awsiam.IManagedPolicy{
		newPolicy(scope, props), newQueuePolicy(scope, queue, failed, key, props.Region), function.NewTaskAgePolicy(scope, props.Names, props.Region),
	}
	if props.isReplica() {
		delay = config.SecretReplicaDelay
		policies = append(policies, newReplicaPolicy(scope, props))
	}
	return function.New(scope, "Function", function.Props{
		Command:       "redeploy",
		Description:   "Deploys the wallet service again after a password was rotated",
		Timeout:       timeout,
		MemoryMiB:     memoryMiB,
		Network:       props.Network,
		SecurityGroup: group,
		Environment: map[string]string{
			// By name: the function works for a service that fails to be created, too.
			"CLUSTER":               props.Names.ECSClusterName(),
			"SERVICE":               props.Names.ServiceName(),
			"SECRET":                props.Names.DatabaseAppSecret(),
			"FAILED_QUEUE":          *failed.QueueUrl(),
			"REPLICA_DELAY_SECONDS": strconv.Itoa(int(delay.Seconds())),
		},
		LogKey:           props.LogKey,
		LogRetentionDays: props.Service.LogRetentionDays,
		Policies:         policies,
	})
}

// newPolicy allows a new deployment of the one service, and to see what became of
// the ones before.
func newPolicy(scope constructs.Construct, props Props) awsiam.ManagedPolicy {
	names, service := props.Names, []string{props.Names.ECSServiceARN(props.Region)}
	deployments := names.ARN("ecs", props.Region, "service-deployment/"+names.ECSClusterName()+"/"+names.ServiceName()+"/*")
	redeploy := policy.Allow("Redeploy", service, "ecs:UpdateService")
	redeploy.Conditions = props.Service.KeepsService()
	made := policy.NewManaged(scope, "Policy",
		policy.Allow("Look", service, "ecs:ListServiceDeployments"), redeploy,
		policy.Allow("LookAtDeployments", []string{deployments}, "ecs:DescribeServiceDeployments"),
	)
	acknowledge.Finding(made, "AwsSolutions-IAM5", "A deployment's ID is made by ECS; the action reads those of this service alone.",
		"Resource::"+deployments)
	return made
}

// newQueuePolicy allows reading the one queue and writing to the one of failures.
func newQueuePolicy(scope constructs.Construct, queue string, failed awssqs.Queue, key awskms.IKey, region config.Region) awsiam.ManagedPolicy {
	messages := policy.Allow("Messages", []string{*key.KeyArn()}, "kms:Decrypt", "kms:GenerateDataKey")
	messages.Conditions = map[string]any{"StringEquals": map[string]any{"kms:ViaService": "sqs." + region.Name + ".amazonaws.com"}}
	return policy.NewManaged(scope, "QueuePolicy",
		policy.Allow("Receive", []string{queue}, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
		policy.Allow("GiveUp", []string{*failed.QueueArn()}, "sqs:SendMessage"),
		messages,
	)
}

// newReplicaPolicy lets the second region's function see whether its copy of the secret
// has the new password, and not read it.
func newReplicaPolicy(scope constructs.Construct, props Props) awsiam.ManagedPolicy {
	suffixed := *props.Secret.SecretArn() + "-??????" // the suffix that AWS gives
	return policy.NewManaged(scope, "CopyPolicy", policy.Allow("DescribeCopy", []string{suffixed}, "secretsmanager:DescribeSecret"))
}

// consume hands the messages to the function, which says of each whether it is done
// with.
func consume(scope constructs.Construct, queue string, to awslambda.Function) {
	awslambda.NewCfnEventSourceMapping(scope, new("Messages"), &awslambda.CfnEventSourceMappingProps{
		EventSourceArn:        new(queue),
		FunctionName:          to.FunctionArn(),
		BatchSize:             jsii.Number(10),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		// The least that AWS takes.
		ScalingConfig: &awslambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(2)},
	})
}
