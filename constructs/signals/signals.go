// Package signals names the CloudWatch metrics of the platform. Alarms and
// dashboards both draw from it, so that what is shown is what is watched.
//
// Names, dimensions and units are those of each service's page on CloudWatch
// metrics in AWS's documentation.
package signals

import (
	"fmt"
	"time"

	"wallet-infra/constructs/alarms"
)

// Platform says which resources the signals belong to. The fields are values of
// dimensions: names and IDs, which may be tokens.
type Platform struct {
	Entrance
	WebACL      string
	Certificate string // ARN
	ECSCluster  string
	ECSService  string
	Aurora      string // cluster identifier
	Kafka       string // cluster name
	Brokers     int    // their IDs are 1 to Brokers
	NATGateways []string
	Region      string
	// FailedRotations is the name of the queue of rotations that no deployment
	// followed.
	FailedRotations string
	// CopiesWatch is the name of the function that looks after copies; only the primary
	// region's platform has it.
	CopiesWatch string
	// Probes are the health checks on the entrances of both regions, by region;
	// only the second region's platform has them.
	Probes map[string]string
}

// Entrance is a load balancer and the two target groups between which a deployment
// moves the requests.
type Entrance struct {
	LoadBalancer string // full name, "app/name/id"
	Blue, Green  string // full names, "targetgroup/name/id"
}

// Reached is 1 while the world reaches a region's entrance. Route 53 publishes it
// in us-east-1 alone.
func (p Platform) Reached(region string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/Route53", Name: "HealthCheckStatus", Statistic: "Minimum",
		Dimensions: map[string]string{"HealthCheckId": p.Probes[region]},
	}
}

// RecoveryPointLag is a query for what a failover to the cluster would lose, in
// milliseconds: a query, because the metric carries the source region as a
// dimension, which a switchover turns around.
func RecoveryPointLag(cluster string) string {
	return fmt.Sprintf(`SELECT MAX(AuroraGlobalDBRPOLag) FROM "AWS/RDS" WHERE DBClusterIdentifier = '%s'`, cluster)
}

// Replicator is a metric of an MSK Replicator, which publishes in its own region.
func (p Platform) Replicator(replicator, name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/Kafka", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"ReplicatorName": replicator},
	}
}

// Edge is a metric of the load balancer as a whole.
func (e Entrance) Edge(name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/ApplicationELB", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"LoadBalancer": e.LoadBalancer},
	}
}

// The expressions below read counts that exist only when there is something to
// count, and the newest minute of which often nothing has arrived. CloudWatch
// warns that FILL(…, 0) alone makes that minute a zero, so that an alarm stays as
// it is ("Metric math syntax and functions"). Each therefore adds zero times what
// is there whenever a request is: a minute that is late has no value.

// failedRequests are all that were answered with 5xx, whoever did.
const failedRequests = "(FILL(balancer, 0) + FILL(service, 0) + 0 * FILL(requests, balancer))"

// ErrorRate is metric math over [Entrance.ErrorRateInputs]: the percentage of
// requests that failed. RequestCount leaves out requests for which no target was
// found, so those errors are added below the line too.
const ErrorRate = "100 * " + failedRequests + " / (FILL(requests, 0) + FILL(balancer, 0))"

// Errors is [ErrorRate], and 0 below a number of failures.
func Errors(least int) string {
	return fmt.Sprintf("IF(%s >= %d, %s, 0)", failedRequests, least, ErrorRate)
}

// ErrorRateInputs are the metrics in [ErrorRate], by their names in it.
func (e Entrance) ErrorRateInputs() map[string]alarms.Metric {
	return map[string]alarms.Metric{
		"balancer": e.Edge("HTTPCode_ELB_5XX_Count", "Sum"),
		"service":  e.Edge("HTTPCode_Target_5XX_Count", "Sum"),
		"requests": e.Edge("RequestCount", "Sum"),
	}
}

// BothGroups is metric math over [Entrance.Targets]: the service as a whole,
// whichever group has its tasks. The idle group publishes nothing.
const BothGroups = "FILL(blue, 0) + FILL(green, 0) + 0 * FILL(blue, green)"

// Targets is a metric of the service behind the load balancer, by the group that
// it comes from.
func (e Entrance) Targets(name, statistic string) map[string]alarms.Metric {
	return map[string]alarms.Metric{"blue": e.group(e.Blue, name, statistic), "green": e.group(e.Green, name, statistic)}
}

func (e Entrance) group(group, name, statistic string) alarms.Metric {
	m := e.Edge(name, statistic)
	m.Dimensions["TargetGroup"] = group
	return m
}

// Groups are the two target groups by colour.
func (e Entrance) Groups() map[string]string {
	return map[string]string{"blue": e.Blue, "green": e.Green}
}

// GroupErrors is metric math over [Entrance.GroupErrorsInputs]: the percentage of
// requests that failed in one group, 0 below a number of failures. The one in the
// divisor keeps a minute without requests from being no number.
func GroupErrors(least int) string {
	const failed = "(FILL(failed, 0) + FILL(lost, 0) + 0 * FILL(requests, lost))"
	return fmt.Sprintf("IF(%s >= %d, 100 * %s / (FILL(requests, 0) + FILL(lost, 0) + 1), 0)", failed, least, failed)
}

// GroupErrorsInputs are the metrics in [GroupErrors]: answers of the application
// that are its fault, and connections that it did not take.
func (e Entrance) GroupErrorsInputs(group string) map[string]alarms.Metric {
	return map[string]alarms.Metric{
		"failed":   e.group(group, "HTTPCode_Target_5XX_Count", "Sum"),
		"lost":     e.group(group, "TargetConnectionErrorCount", "Sum"),
		"requests": e.group(group, "RequestCount", "Sum"),
	}
}

// GroupLatency is metric math over [Entrance.GroupLatencyInputs]: the P95 of one
// group in seconds, 0 below a number of requests.
func GroupLatency(least int) string {
	return fmt.Sprintf("IF(requests >= %d, latency, 0)", least)
}

// GroupLatencyInputs are the metrics in [GroupLatency].
func (e Entrance) GroupLatencyInputs(group string) map[string]alarms.Metric {
	return map[string]alarms.Metric{
		"latency":  e.group(group, "TargetResponseTime", "p95"),
		"requests": e.group(group, "RequestCount", "Sum"),
	}
}

// Firewall is a metric of one of the web ACL's rules, or of "ALL".
func (p Platform) Firewall(rule, name string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/WAFV2", Name: name, Statistic: "Sum",
		Dimensions: map[string]string{"WebACL": p.WebACL, "Region": p.Region, "Rule": rule},
	}
}

// CertificateDays is the number of days until the API's certificate expires.
// ACM publishes it once a day.
func (p Platform) CertificateDays() alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/CertificateManager", Name: "DaysToExpiry", Statistic: "Minimum",
		Dimensions: map[string]string{"CertificateArn": p.Certificate}, Period: 24 * time.Hour,
	}
}

// Service is a metric that ECS itself measures: utilization in percent of what
// the tasks have.
func (p Platform) Service(name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/ECS", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"ClusterName": p.ECSCluster, "ServiceName": p.ECSService},
	}
}

// Tasks is a metric of Container Insights.
func (p Platform) Tasks(name, statistic string) alarms.Metric {
	m := p.Service(name, statistic)
	m.Namespace = "ECS/ContainerInsights"
	return m
}

// While a release moves, the tasks of both run, twice as many as the service wants,
// and an average over them is half of what it was. The expressions below therefore
// count by the tasks that are wanted: they mean the same in a release and out of it.
const (
	// RequestsPerTask is metric math over [Platform.RequestsPerTaskInputs]. A minute
	// without a request has no value, so the service does not shrink on silence.
	RequestsPerTask = "requests / desired"
	// CPUPerTask is metric math over [Platform.CPUPerTaskInputs]: what all tasks use
	// together, as if those that are wanted used it. When fewer run, each by itself.
	CPUPerTask = "IF(running > desired, cpu * running / desired, cpu)"
)

// RequestsPerTaskInputs are the metrics in [RequestsPerTask]. The load balancer's
// count is that of both target groups, and of no request that it answers itself.
func (p Platform) RequestsPerTaskInputs() map[string]alarms.Metric {
	return map[string]alarms.Metric{"requests": p.Edge("RequestCount", "Sum"), "desired": p.Tasks("DesiredTaskCount", "Average")}
}

// CPUPerTaskInputs are the metrics in [CPUPerTask].
func (p Platform) CPUPerTaskInputs() map[string]alarms.Metric {
	return map[string]alarms.Metric{
		"cpu":     p.Service("CPUUtilization", "Average"),
		"running": p.Tasks("RunningTaskCount", "Average"),
		"desired": p.Tasks("DesiredTaskCount", "Average"),
	}
}

// The roles of Aurora instances. A metric by role follows a failover; one by
// instance would not.
const (
	Writer = "WRITER"
	Reader = "READER"
)

// Database is a metric over the instances of a role.
func (p Platform) Database(role, name, statistic string) alarms.Metric {
	m := p.Volume(name, statistic)
	m.Dimensions["Role"] = role
	return m
}

// Volume is a metric of the cluster, or over all of its instances.
func (p Platform) Volume(name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/RDS", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"DBClusterIdentifier": p.Aurora},
	}
}

// KafkaCluster is a metric of the MSK cluster.
func (p Platform) KafkaCluster(name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/Kafka", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"Cluster Name": p.Kafka},
	}
}

// Leaders is a query for the number of partitions that the busiest broker leads.
// It is published for each broker, by the broker: with KRaft, AWS documents none of
// the controllers' metrics.
func (p Platform) Leaders() string {
	return fmt.Sprintf(`SELECT MAX(LeaderCount) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = '%s'`, p.Kafka)
}

// ConsumerLag is a query for the worst consumer group's lag in records: a query,
// because consumer groups appear by themselves.
func (p Platform) ConsumerLag() string {
	return fmt.Sprintf(`SELECT MAX(SumOffsetLag) FROM "AWS/Kafka" WHERE "Cluster Name" = '%s'`, p.Kafka)
}

// Broker is a metric of one broker. Each that the platform uses exists at MSK's
// free monitoring level, DEFAULT.
func (p Platform) Broker(id int, name, statistic string) alarms.Metric {
	m := p.KafkaCluster(name, statistic)
	m.Dimensions["Broker ID"] = fmt.Sprint(id)
	return m
}

// NAT is a metric of one NAT gateway.
func (p Platform) NAT(gateway, name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/NATGateway", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"NatGatewayId": gateway},
	}
}

// Queue is a metric of an SQS queue.
func (p Platform) Queue(queue, name, statistic string) alarms.Metric {
	return alarms.Metric{
		Namespace: "AWS/SQS", Name: name, Statistic: statistic,
		Dimensions: map[string]string{"QueueName": queue},
	}
}

// WatchSucceeded is metric math over [Platform.WatchInputs]: how often the function
// that looks after copies ran and found them good.
const WatchSucceeded = "invocations - errors"

// WatchInputs are the metrics in [WatchSucceeded], over an hour.
func (p Platform) WatchInputs() map[string]alarms.Metric {
	calls := func(name string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/Lambda", Name: name, Statistic: "Sum", Period: time.Hour,
			Dimensions: map[string]string{"FunctionName": p.CopiesWatch},
		}
	}
	return map[string]alarms.Metric{"invocations": calls("Invocations"), "errors": calls("Errors")}
}
