package prometheus

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsaps"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/value"
)

// The broker's series that are kept. It exports some thousands, most of them for
// each partition, and every sample is paid for.
const (
	kafkaSeries = "kafka_(controller_KafkaController|server_BrokerTopicMetrics|server_ReplicaManager)_.*"
	nodeSeries  = "node_(load1|memory_MemAvailable_bytes|filesystem_avail_bytes|disk_io_time_seconds_total|network_(receive|transmit)_bytes_total)"
)

// newScraper makes AWS's managed collector inside the VPC. It is not the sidecar
// that collects traces, because a sidecar would have to know the workspace, and
// nothing may depend on the Observability stack; and one collector reads the
// brokers too. AWS makes its service-linked role, so there is no role here.
func newScraper(scope constructs.Construct, props Props, workspace awsaps.CfnWorkspace) {
	group := props.Network.NewGroup(scope, "Collector", "The Prometheus collector: reads the service and the brokers, and nothing else")
	network.CloseOutbound(group)
	group.Connections().AllowTo(props.Tasks, value.TCP(config.AppPort), new("Prometheus reads the metrics of the tasks"))
	group.Connections().AllowTo(props.Brokers, value.TCP(config.KafkaJMXPort), new("Prometheus reads the metrics of Kafka"))
	group.Connections().AllowTo(props.Brokers, value.TCP(config.KafkaNodePort), new("Prometheus reads the machines of the brokers"))
	// AWS asks for two subnets in different zones; these are all of the tier's.
	subnets := props.Network.PrivateSubnets
	scraper := awsaps.NewCfnScraper(scope, new("Scraper"), &awsaps.CfnScraperProps{
		Alias:       new(props.Names.Prefix()),
		Destination: &awsaps.CfnScraper_DestinationProperty{AmpConfiguration: &awsaps.CfnScraper_AmpConfigurationProperty{WorkspaceArn: workspace.AttrArn()}},
		Source: &awsaps.CfnScraper_SourceProperty{VpcConfiguration: &awsaps.CfnScraper_VpcConfigurationProperty{
			SecurityGroupIds: &[]*string{group.SecurityGroupId()},
			SubnetIds:        jsii.Strings(subnets...),
		}},
		ScrapeConfiguration: &awsaps.CfnScraper_ScrapeConfigurationProperty{
			// The addresses are known only at deployment, so CloudFormation encodes.
			ConfigurationBlob: awscdk.Fn_Base64(new(scrapeConfiguration(props))),
		},
		ScraperLoggingConfiguration: &awsaps.CfnScraper_ScraperLoggingConfigurationProperty{
			LoggingDestination: &awsaps.CfnScraper_ScraperLoggingDestinationProperty{
				CloudWatchLogs: &awsaps.CfnScraper_CloudWatchLogDestinationProperty{LogGroupArn: newLogs(scope, "ScraperLogs", "collector", props)},
			},
			ScraperComponents: []*awsaps.CfnScraper_ScraperComponentProperty{
				{Type: new("SERVICE_DISCOVERY")}, {Type: new("COLLECTOR")}, {Type: new("EXPORTER")},
			},
		},
	})
	// A collector that starts before the rules of its security group are there reports every target down.
	scraper.Node().AddDependency(group)
}

// job is a list of hosts that Prometheus finds by DNS and reads alike.
type job struct {
	name  string
	hosts []string
	port  int
	keep  string // the series that are kept, by name; empty keeps all
}

// scrapeConfiguration is Prometheus's own configuration file.
func scrapeConfiguration(props Props) string {
	type object = map[string]any
	var configs []object
	for _, j := range []job{
		{name: serviceJob, hosts: []string{props.TaskHost}, port: config.AppPort},
		{name: "kafka", hosts: props.BrokerHosts, port: config.KafkaJMXPort, keep: kafkaSeries},
		{name: "kafka-node", hosts: props.BrokerHosts, port: config.KafkaNodePort, keep: nodeSeries},
	} {
		described := object{
			"job_name":       j.name,
			"metrics_path":   "/metrics",
			"dns_sd_configs": []object{{"names": j.hosts, "type": "A", "port": j.port}},
		}
		if j.keep != "" {
			described["metric_relabel_configs"] = []object{{
				"source_labels": []string{"__name__"}, "regex": j.keep, "action": "keep",
			}}
		}
		configs = append(configs, described)
	}
	return encode(object{
		"global": object{
			"scrape_interval": fmt.Sprintf("%ds", int(props.Observability.ScrapeInterval.Seconds())),
			"external_labels": object{"environment": props.Names.Environment()},
		},
		"scrape_configs": configs,
	})
}
