// Package prometheus makes the Managed Prometheus workspace: where each task writes
// what the service measures of itself (constructs/service), and what is computed from
// it (rules.go).
package prometheus

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsaps"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"go.yaml.in/yaml/v3"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/logging"
)

// Workspace is where tasks write their metrics.
type Workspace struct {
	ARN string
	// RemoteWrite is the address that takes samples, signed for the service "aps".
	RemoteWrite string
}

// Props describe a workspace.
type Props struct {
	Names         config.Names
	Region        config.Region
	Observability config.Observability
	// Topics receive the alerts: CloudFormation knows their routing as a property of the
	// workspace alone, so that the topics stand beside it.
	Topics alarms.Topics
	LogKey awskms.IKey
}

// New makes the workspace of a region, with the routing of its alerts.
func New(scope constructs.Construct, props Props) Workspace {
	own := constructs.NewConstruct(scope, new("Prometheus"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "metrics",
		Purpose: "Encrypts the metrics of the wallet service",
	})
	workspace := awsaps.NewCfnWorkspace(own, new("Workspace"), &awsaps.CfnWorkspaceProps{
		Alias:                new(props.Names.Prefix()),
		KmsKeyArn:            key.KeyArn(),
		LoggingConfiguration: &awsaps.CfnWorkspace_LoggingConfigurationProperty{LogGroupArn: newLogs(own, props)},
		WorkspaceConfiguration: &awsaps.CfnWorkspace_WorkspaceConfigurationProperty{
			RetentionPeriodInDays: jsii.Number(props.Observability.MetricRetentionDays),
		},
		AlertManagerDefinition: new(routes(props)),
	})
	// The history of the business is not rebuilt from anywhere.
	workspace.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	return Workspace{ARN: *workspace.AttrArn(), RemoteWrite: *workspace.AttrPrometheusEndpoint() + "api/v1/remote_write"}
}

// NewRules lets a workspace compute what dashboards and alerts read. In a region that is
// not active, where no customer is, no alert wakes anybody.
func NewRules(scope constructs.Construct, names config.Names, watch config.Observability, workspace Workspace, active bool) {
	own := constructs.NewConstruct(scope, new("Prometheus"))
	awsaps.NewCfnRuleGroupsNamespace(own, new("Rules"), &awsaps.CfnRuleGroupsNamespaceProps{
		Name:      new(names.Prefix()),
		Workspace: new(workspace.ARN),
		Data:      new(rules(watch, active)),
	})
}

// newLogs makes the log group of the rules and gives its ARN, which ends in ":*" as
// Prometheus asks.
func newLogs(scope constructs.Construct, props Props) *string {
	return logging.NewGroup(scope, "Logs", logging.Props{
		Name:          props.Names.PrometheusLogGroup(),
		RetentionDays: props.Observability.LogRetentionDays,
		Key:           props.LogKey,
	}).LogGroupArn()
}

// routes sends each alert to the topic of its severity.
func routes(props Props) string {
	type object = map[string]any
	receiver := func(severity alarms.Severity) object {
		return object{
			"name": string(severity),
			"sns_configs": []object{{
				"topic_arn": props.Topics[severity],
				"sigv4":     object{"region": props.Region.Name},
				"subject":   props.Names.Prefix() + " {{ .Status }}: {{ .GroupLabels.alertname }}",
				"message":   "{{ range .Alerts }}{{ .Annotations.summary }} Runbook: {{ .Annotations.runbook }}\n{{ end }}",
			}},
		}
	}
	definition := encode(object{
		"route": object{
			"receiver":        string(alarms.Warning),
			"group_by":        []string{"alertname"},
			"repeat_interval": "4h",
			"routes": []object{{
				"receiver": string(alarms.Critical),
				"matchers": []string{`severity="` + string(alarms.Critical) + `"`},
			}},
		},
		"receivers": []object{receiver(alarms.Critical), receiver(alarms.Warning)},
	})
	return encode(object{"alertmanager_config": definition})
}

// encode writes YAML.
func encode(value any) string {
	content, err := yaml.Marshal(value)
	if err != nil {
		panic(err) // maps, lists, texts and numbers always encode
	}
	return string(content)
}
