// Package outbox makes the function that measures the outbox in the database, and its
// alarm: whether events reach those who wait for them shows in the table alone.
package outbox

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// Props describe the measurement in a region.
type Props struct {
	Names   config.Names
	Region  config.Region
	Network network.Network
	// Database is the region's own: a cluster that only reads is measured as well.
	Database aurora.Database
	// LogKey encrypts the log group; its policy must allow CloudWatch Logs.
	LogKey           awskms.IKey
	LogRetentionDays int
}

// Outbox is the measurement of a region's outbox.
type Outbox struct{ names config.Names }

// The function ends before the next run begins.
const (
	timeout   = 50 * time.Second
	memoryMiB = 128
)

// New makes the function and its schedule. It asks the reader endpoint: that answers
// from a reader, without load on the writer and milliseconds behind it, or from the
// writer where there is no reader, and so in both regions and before and after a
// failover ("Reader endpoints for Amazon Aurora", Aurora user guide).
func New(scope constructs.Construct, props Props) Outbox {
	own := constructs.NewConstruct(scope, new("Outbox"))
	group := props.Network.NewClientGroup(own, "Group", "The function that measures the outbox", "APIs of AWS: Secrets Manager")
	group.Connections().AllowTo(props.Database.SecurityGroup, value.TCP(config.MySQLPort), new("The function that measures the outbox logs in"))
	measure := function.New(own, "Measure", function.Props{
		Command:       "outbox",
		Description:   "Measures how many events wait in the outbox, and for how long",
		Timeout:       timeout,
		MemoryMiB:     memoryMiB,
		Network:       props.Network,
		SecurityGroup: group,
		Environment: map[string]string{
			"SECRET":      props.Names.DatabaseOutboxSecret(),
			"HOST":        props.Database.Reader,
			"TABLE":       config.DatabaseName + "." + config.OutboxTable,
			"NAMESPACE":   namespace,
			"ENVIRONMENT": props.Names.Environment(),
			"ROWS_METRIC": rowsMetric,
			"AGE_METRIC":  ageMetric,
		},
		LogKey:           props.LogKey,
		LogRetentionDays: props.LogRetentionDays,
		Policies:         []awsiam.IManagedPolicy{newPolicy(own, props)},
	})
	arn := measure.FunctionArn()
	rule := awsevents.NewCfnRule(own, new("Schedule"), &awsevents.CfnRuleProps{
		Description:        new("Measures the outbox"),
		ScheduleExpression: new("rate(1 minute)"),
		Targets:            []*awsevents.CfnRule_TargetProperty{{Id: new("Measure"), Arn: arn}},
	})
	awslambda.NewCfnPermission(own, new("Permission"), &awslambda.CfnPermissionProps{
		Action:       new("lambda:InvokeFunction"),
		FunctionName: arn,
		Principal:    new("events.amazonaws.com"),
		SourceArn:    rule.AttrArn(),
	})
	return Outbox{props.Names}
}

// newPolicy lets the function read the one secret, which has the same name in both
// regions and a suffix that AWS gives. A metric it writes by its log.
func newPolicy(scope constructs.Construct, props Props) awsiam.ManagedPolicy {
	secret := props.Names.ARN("secretsmanager", props.Region, "secret:"+props.Names.DatabaseOutboxSecret()+"-??????")
	return policy.NewManaged(scope, "MeasurePolicy",
		policy.Allow("ReadSecret", []string{secret}, "secretsmanager:GetSecretValue"),
		encryption.SecretsStatement(props.Region, props.Database.SecretsKey),
	)
}

// namespace and the names of the metrics in it.
const (
	namespace  = "Wallet"
	rowsMetric = "OutboxUnpublishedEvents"
	ageMetric  = "OutboxOldestEventAge"
)

// Metrics are what the function publishes, once a minute.
type Metrics struct {
	Rows alarms.Metric // unpublished events; a million stands for more as well
	Age  alarms.Metric // of the oldest of them, in seconds; 0 where none waits
}

// Metrics are the region's.
func (o Outbox) Metrics() Metrics {
	of := func(name string) alarms.Metric {
		return alarms.Metric{
			Namespace: namespace, Name: name, Statistic: "Maximum", Dimensions: map[string]string{"Environment": o.names.Environment()},
		}
	}
	return Metrics{Rows: of(rowsMetric), Age: of(ageMetric)}
}

// Alarms watch the age: a count says little, for a busy minute writes many. Where the
// region is active, no measurement is as bad as an old event.
func (o Outbox) Alarms(limits config.Limits, active bool) []alarms.Row {
	missing := alarms.NotBreaching
	if active {
		missing = alarms.Breaching
	}
	return []alarms.Row{{
		ID: "outbox-age", Runbook: "outbox-behind", Severity: alarms.Critical,
		Why:     "Events wait too long to be published, or nobody knows: what depends on them is late.",
		Metric:  o.Metrics().Age,
		Compare: alarms.Above, Threshold: limits.OutboxAge.Seconds(), Periods: 5, Datapoints: 3, Missing: missing,
	}}
}
