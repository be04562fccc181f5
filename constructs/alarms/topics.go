// Package alarms makes the topics that reach people, and the alarms and event
// rules that write to them. The alarms are one table (rows.go): each has a
// threshold, a reason and an entry in the runbook, docs/RUNBOOK.md.
package alarms

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
)

// Severity says how soon somebody must act.
type Severity string

// The severities. Critical wakes somebody: users are hurt, or will be within the
// hour. Warning waits for working hours.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
)

// Topics are the ARNs of one topic for each severity.
type Topics map[Severity]string

// publisher is an AWS service that writes to the topics.
type publisher struct {
	sid, service string
	// source limits the resources of the service by ARN; empty where AWS supports
	// no condition.
	source  string
	actions []string
}

// scope limits a statement to resources of the account, or not at all. Keys are
// asked without the source's ARN.
func (p publisher) scope(account string, byARN bool) *map[string]any {
	if p.source == "" {
		return nil
	}
	conditions := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": account}}
	if byARN {
		conditions["ArnLike"] = map[string]any{"aws:SourceArn": p.source}
	}
	return &conditions
}

// publishers are all that may write to the topics. AWS Backup is not one of them:
// its failures arrive as EventBridge events, so that the vaults need not know
// the topics. EventBridge stands without a condition, because it supports none,
// neither in a topic's policy nor in the policy of an encrypted topic's key: with
// one, every event is dropped in silence
// (docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html).
// Only these topics and this key are open to it.
func publishers(region, account string) []publisher {
	publish := []string{"sns:Publish"}
	return []publisher{
		{"Alarms", "cloudwatch.amazonaws.com", config.ARN("cloudwatch", region, account, "alarm:*"), publish},
		{"Events", "events.amazonaws.com", "", publish},
		// It checks that the topic exists before it publishes.
		{"Prometheus", "aps.amazonaws.com", config.ARN("aps", region, account, "workspace/*"), append(publish, "sns:GetTopicAttributes")},
	}
}

// NewTopics makes the topics of the scope's region with their key, and
// subscribes the environment's addresses. Each address gets one mail to confirm.
func NewTopics(scope constructs.Construct, names config.Names, alerts config.Alerts) Topics {
	own := constructs.NewConstruct(scope, new("Alerts"))
	stack := awscdk.Stack_Of(own)
	account := *stack.Account()
	services := publishers(*stack.Region(), account)
	key := encryption.NewKey(own, "Key", encryption.Props{
		Alias:   names.KeyAlias("alerts"),
		Purpose: "Encrypts the alarm topics of " + *stack.StackName(),
	})
	for _, service := range services {
		allowEncryption(key, service, account)
	}
	critical, warning := newTopic(own, "Critical", key, alerts.Critical), newTopic(own, "Warning", key, alerts.Warning)
	topics := Topics{Critical: *critical.TopicArn(), Warning: *warning.TopicArn()}
	for _, service := range services {
		allowPublishing(critical, topics[Critical], service, account)
		allowPublishing(warning, topics[Warning], service, account)
	}
	return topics
}

func newTopic(scope constructs.Construct, id string, key awskms.IKey, addresses []string) awssns.Topic {
	topic := awssns.NewTopic(scope, new(id), &awssns.TopicProps{
		MasterKey:  key,
		EnforceSSL: new(true),
	})
	for _, address := range addresses {
		awssns.NewSubscription(topic, new(address), &awssns.SubscriptionProps{
			Topic:    topic,
			Protocol: awssns.SubscriptionProtocol_EMAIL,
			Endpoint: new(address),
		})
	}
	return topic
}

// allowEncryption lets a service use the key for messages of its own. AWS
// services do not say on whose behalf beyond the account when they ask KMS.
func allowEncryption(key awskms.Key, service publisher, account string) {
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new(service.sid),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new(service.service), nil)},
		Actions:    &[]*string{new("kms:Decrypt"), new("kms:GenerateDataKey")},
		Resources:  &[]*string{new("*")}, // in a key policy, "*" is this key alone
		Conditions: service.scope(account, false),
	}), nil)
}

// allowPublishing lets the account's own alarms and workspaces publish, and rules.
func allowPublishing(topic awssns.Topic, arn string, service publisher, account string) {
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        new(service.sid),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(new(service.service), nil)},
		Actions:    jsii.Strings(service.actions...),
		Resources:  &[]*string{new(arn)},
		Conditions: service.scope(account, true),
	}))
}
