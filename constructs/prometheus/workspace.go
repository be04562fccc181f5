// Package prometheus makes the Managed Prometheus workspace: where the service's
// own metrics are kept, what is computed from them (rules.go), and the collector
// that reads them (scraper.go).
package prometheus

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsaps"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"go.yaml.in/yaml/v3"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/network"
)

// Props describe the workspace and what its collector reads.
type Props struct {
	Names         config.Names
	Region        config.Region
	Observability config.Observability
	Network       network.Network
	Topics        alarms.Topics
	LogKey        awskms.IKey
	// Tasks are the service's tasks, and TaskHost the private DNS name under which
	// they are found.
	Tasks    awsec2.IConnectable
	TaskHost string
	// Brokers are the Kafka brokers, and BrokerHosts their DNS names.
	Brokers     awsec2.ISecurityGroup
	BrokerHosts []string
}

// New makes the workspace with its rules and its collector.
func New(scope constructs.Construct, props Props) {
	own := constructs.NewConstruct(scope, new("Prometheus"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "metrics",
		Purpose: "Encrypts the metrics of the wallet service",
	})
	workspace := awsaps.NewCfnWorkspace(own, new("Workspace"), &awsaps.CfnWorkspaceProps{
		Alias:                new(props.Names.Prefix()),
		KmsKeyArn:            key.KeyArn(),
		LoggingConfiguration: &awsaps.CfnWorkspace_LoggingConfigurationProperty{LogGroupArn: newLogs(own, "Logs", "rules", props)},
		WorkspaceConfiguration: &awsaps.CfnWorkspace_WorkspaceConfigurationProperty{
			RetentionPeriodInDays: jsii.Number(props.Observability.MetricRetentionDays),
		},
		AlertManagerDefinition: new(routes(props)),
	})
	// The history of the business is not rebuilt from anywhere.
	workspace.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	awsaps.NewCfnRuleGroupsNamespace(own, new("Rules"), &awsaps.CfnRuleGroupsNamespaceProps{
		Name:      new(props.Names.Prefix()),
		Workspace: workspace.AttrArn(),
		Data:      new(rules(props.Observability)),
	})
	newScraper(own, props, workspace)
}

// newLogs makes a log group of Prometheus and gives its ARN, which ends in ":*"
// as Prometheus asks.
func newLogs(scope constructs.Construct, id, source string, props Props) *string {
	return logging.NewGroup(scope, id, logging.Props{
		Name:          props.Names.PrometheusLogGroup(source),
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
