// Package redeploy starts a new deployment of the service when a password that its
// tasks hold was rotated: they read it once, when they start.
//
// The event waits in a queue, because it comes in the middle of a deployment as
// well as at any other time, and that deployment's tasks may have the old password.
//
// Passwords rotate in the first region alone, and the tasks that wait in the second
// hold them too: the first region's event bus passes the event on to the second's.
package redeploy

import (
	"math"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/network"
)

// Props describe the service that is deployed again.
type Props struct {
	Env config.Environment
	// Region is where the service runs and everything else here stands.
	Region  config.Region
	Network network.Network
	// Secret is the one whose rotation asks for a deployment, or the region's copy.
	Secret awssecretsmanager.ISecret
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
	// copied is the time that the second region's copy of a secret has to follow the
	// event; AWS says nothing firmer than that it follows.
	copied = 5 * time.Minute
	// kept is the longest that SQS keeps a message.
	kept = 14 * 24 * time.Hour
)

// New makes the queue and the function behind it, and returns the name of the queue
// of those messages that nothing came of: until somebody deploys, the password of
// the running tasks stops working at the next rotation.
func New(scope constructs.Construct, props Props) string {
	own := constructs.NewConstruct(scope, new("Redeploy"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Alias:   props.Env.KeyAlias("redeploy"),
		Purpose: "Encrypts the messages that a password of " + props.Env.Prefix() + " was rotated",
	})
	allowEvents(key)
	failed := newQueue(own, "Failed", awssqs.QueueProps{EncryptionMasterKey: key})
	waiting := awssqs.QueueProps{
		EncryptionMasterKey: key,
		VisibilityTimeout:   seconds(retry),
		DeadLetterQueue:     &awssqs.DeadLetterQueue{Queue: failed, MaxReceiveCount: jsii.Number(receptions(props.Env.Delivery))},
	}
	if props.isCopy() {
		waiting.DeliveryDelay = seconds(copied)
	}
	queue := newQueue(own, "Queue", waiting)
	listen(own, queue, props)
	if props.Env.DR.Mode == config.DRStandby && !props.isCopy() {
		forward(own, failed, props)
	}
	consume(own, queue, newFunction(own, queue, key, props))
	return *failed.QueueName()
}

// isCopy says whether the secret is rotated in the other region.
func (p Props) isCopy() bool { return p.Region.Name != p.Env.Primary.Name }

// pattern matches the event of the one secret. A copy's event names the secret of
// the first region, of which this one knows the name and not the suffix that AWS
// gave it.
func (p Props) pattern() map[string]any {
	resources := []any{*p.Secret.SecretArn()}
	if p.isCopy() {
		secret := config.ARN("secretsmanager", p.Env.Primary.Name, p.Env.Site.Account, "secret:"+p.Env.DatabaseAppSecret()+"-")
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

// newQueue makes a queue that is encrypted with the key and speaks TLS only.
func newQueue(scope constructs.Construct, id string, props awssqs.QueueProps) awssqs.Queue {
	props.Encryption = awssqs.QueueEncryption_KMS
	props.EnforceSSL = new(true)
	props.RetentionPeriod = seconds(kept)
	return awssqs.NewQueue(scope, new(id), &props)
}

// allowEvents lets EventBridge write to the encrypted queue. It stands without a
// condition for the same reason as on the topics of alerts: EventBridge names no
// source to the key, and would drop the event in silence.
func allowEvents(key awskms.Key) {
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("Events"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"),
		Resources:  jsii.Strings("*"), // in a key policy, "*" is this key alone
	}), nil)
}

// listen sends the event of the one secret to the queue.
func listen(scope constructs.Construct, queue awssqs.Queue, props Props) {
	rule := awsevents.NewCfnRule(scope, new("Rotated"), &awsevents.CfnRuleProps{
		Description:  new("A password that the wallet service holds was rotated"),
		EventPattern: props.pattern(),
		Targets:      []*awsevents.CfnRule_TargetProperty{{Id: new("Queue"), Arn: queue.QueueArn()}},
	})
	admit(queue, rule)
}

// forward passes the event on to the second region's bus; what does not get there
// lies where the rotations lie that no deployment followed, and the same alarm rings.
func forward(scope constructs.Construct, failed awssqs.Queue, props Props) {
	bus := config.ARN("events", props.Env.Secondary.Name, props.Env.Site.Account, "event-bus/default")
	role := awsiam.NewRole(scope, new("ForwardRole"), &awsiam.RoleProps{
		Description: new("Passes the rotation of a password on to the region that waits"),
		AssumedBy:   awsiam.NewServicePrincipal(new("events.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{awsiam.NewManagedPolicy(scope, new("ForwardPolicy"), &awsiam.ManagedPolicyProps{
			Statements: &[]awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("Forward"), Actions: jsii.Strings("events:PutEvents"), Resources: jsii.Strings(bus),
			})},
		})},
	})
	rule := awsevents.NewCfnRule(scope, new("Forwarded"), &awsevents.CfnRuleProps{
		Description:  new("A password that the tasks in the second region hold was rotated"),
		EventPattern: props.pattern(),
		Targets: []*awsevents.CfnRule_TargetProperty{{
			Id: new("SecondRegion"), Arn: new(bus), RoleArn: role.RoleArn(),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: failed.QueueArn()},
		}},
	})
	admit(failed, rule)
}

// admit lets a rule, and no other, write to a queue.
func admit(queue awssqs.Queue, rule awsevents.CfnRule) {
	queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new("Events"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{queue.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": *rule.AttrArn()}},
	}))
}

// newFunction makes the function that deploys the service.
func newFunction(scope constructs.Construct, queue awssqs.Queue, key awskms.IKey, props Props) awslambda.Function {
	env := props.Env
	group := awsec2.NewSecurityGroup(scope, new("SecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              props.Network.Vpc,
		Description:      new("The function that deploys the service after a rotation"),
		AllowAllOutbound: new(false),
	})
	group.AddEgressRule(awsec2.Peer_AnyIpv4(), awsec2.Port_Tcp(jsii.Number(config.HTTPSPort)), new("APIs of AWS"), nil)
	return function.New(scope, "Function", function.Props{
		Command:       "redeploy",
		Description:   "Deploys the wallet service again after a password was rotated",
		Timeout:       timeout,
		MemoryMiB:     memoryMiB,
		Vpc:           props.Network.Vpc,
		Subnets:       props.Network.Private(),
		SecurityGroup: group,
		// By name: the function works for a service that fails to be created, too.
		Environment:      map[string]string{"CLUSTER": env.ECSClusterName(), "SERVICE": env.ServiceName()},
		LogKey:           props.LogKey,
		LogRetentionDays: env.Service.LogRetentionDays,
		Policies:         []awsiam.IManagedPolicy{newPolicy(scope, queue, key, env)},
	})
}

// newPolicy allows a new deployment of the one service, and reading the one queue.
func newPolicy(scope constructs.Construct, queue awssqs.Queue, key awskms.IKey, env config.Environment) awsiam.ManagedPolicy {
	stack := awscdk.Stack_Of(scope)
	service := config.ARN("ecs", *stack.Region(), *stack.Account(), "service/"+env.ECSClusterName()+"/"+env.ServiceName())
	return awsiam.NewManagedPolicy(scope, new("Policy"), &awsiam.ManagedPolicyProps{
		Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("Look"), Actions: jsii.Strings("ecs:ListServiceDeployments"), Resources: jsii.Strings(service),
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: new("Redeploy"), Actions: jsii.Strings("ecs:UpdateService"), Resources: jsii.Strings(service),
				Conditions: env.KeepsService(),
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:       new("Receive"),
				Actions:   jsii.Strings("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
				Resources: &[]*string{queue.QueueArn()},
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:       new("DecryptMessages"),
				Actions:   jsii.Strings("kms:Decrypt"),
				Resources: &[]*string{key.KeyArn()},
				Conditions: &map[string]any{"StringEquals": map[string]any{
					"kms:ViaService": "sqs." + *stack.Region() + ".amazonaws.com",
				}},
			}),
		},
	})
}

// consume hands the messages to the function, which says of each whether it is done
// with.
func consume(scope constructs.Construct, queue awssqs.Queue, to awslambda.Function) {
	awslambda.NewCfnEventSourceMapping(scope, new("Messages"), &awslambda.CfnEventSourceMappingProps{
		EventSourceArn:        queue.QueueArn(),
		FunctionName:          to.FunctionArn(),
		BatchSize:             jsii.Number(10),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		// The least that AWS takes.
		ScalingConfig: &awslambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(2)},
	})
}

func seconds(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}
