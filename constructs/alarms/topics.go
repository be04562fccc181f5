// Package alarms makes the topics that reach people, and the alarms and event
// rules that write to them. The alarms are one table (rows.go): each has a
// threshold, a reason and an entry in the runbook, docs/RUNBOOK.md.
package alarms

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/policy"
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
func (p publisher) scope(account string, byARN bool) map[string]any {
	if p.source == "" {
		return nil
	}
	conditions := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": account}}
	if byARN {
		conditions["ArnLike"] = map[string]any{"aws:SourceArn": p.source}
	}
	return conditions
}

// publishers are all that may write to the topics. AWS Backup is not one of them:
// its failures arrive as EventBridge events, so that the vaults need not know
// the topics. EventBridge stands without a condition, because it supports none,
// neither in a topic's policy nor in the policy of an encrypted topic's key: with
// one, every event is dropped in silence
// (docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html).
// Only these topics and this key are open to it.
func publishers(names config.Names, region config.Region) []publisher {
	publish := []string{"sns:Publish"}
	return []publisher{
		{"Alarms", "cloudwatch.amazonaws.com", names.ARN("cloudwatch", region, "alarm:*"), publish},
		{"Events", "events.amazonaws.com", "", publish},
		// It checks that the topic exists before it publishes.
		{"Prometheus", "aps.amazonaws.com", names.ARN("aps", region, "workspace/*"), append(publish, "sns:GetTopicAttributes")},
	}
}

// NewTopics makes the topics of a region with their key, and
// subscribes the environment's addresses. Each address gets one mail to confirm.
func NewTopics(scope constructs.Construct, names config.Names, region config.Region, alerts config.Alerts) Topics {
	own := constructs.NewConstruct(scope, new("Alerts"))
	services := publishers(names, region)
	var users []policy.Statement
	for _, service := range services {
		users = append(users, encryption.AllowService(service.sid, service.service, service.scope(names.Account(), false)))
	}
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   names,
		Alias:   "alerts",
		Purpose: "Encrypts the alarm topics of " + *awscdk.Stack_Of(own).StackName(),
		// AWS services do not say on whose behalf beyond the account when they ask KMS.
		Services: users,
	})
	critical, warning := newTopic(own, "Critical", key, alerts.Critical), newTopic(own, "Warning", key, alerts.Warning)
	topics := Topics{Critical: *critical.TopicArn(), Warning: *warning.TopicArn()}
	allowPublishing(critical, topics[Critical], services, names.Account())
	allowPublishing(warning, topics[Warning], services, names.Account())
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

// allowPublishing lets the account's own alarms and workspaces publish, and rules. The
// topic has a policy about TLS already.
func allowPublishing(topic awssns.Topic, arn string, services []publisher, account string) {
	var statements []policy.Statement
	for _, service := range services {
		statements = append(statements, policy.Statement{
			Sid:        service.sid,
			Principal:  policy.Service(service.service),
			Actions:    service.actions,
			Resources:  []string{arn},
			Conditions: service.scope(account, true),
		})
	}
	topic.Node().FindChild(new("Policy")).(awssns.TopicPolicy).Document().AddStatements(*policy.List(statements...)...)
}
