package cost

import (
	"fmt"
	"strings"

	"wallet-infra/internal/cfn"
)

// priceService prices Fargate tasks between the bounds of autoscaling.
func priceService(c *context, r cfn.Resource) quote {
	task, ok := c.stack.Template.Resources[text(r, "TaskDefinition", "Ref")]
	if !ok {
		c.problem("its task definition is not in the stack")
		return quote{}
	}
	task = resolved(c.stack, task)
	item := "Linux x86"
	if text(task, "RuntimePlatform", "CpuArchitecture") == "ARM64" {
		item = "Linux ARM64"
	}
	cpu, memory := c.number(task, "Cpu")/1024, c.number(task, "Memory")/1024
	month := (cpu*c.usd("Fargate", item+" vCPU") + memory*c.usd("Fargate", item+" memory")) * hoursPerMonth
	low, high := c.taskCount(r)
	unit := fmt.Sprintf("%g to %g tasks of %g vCPU and %g GB (%s)", low, high, cpu, memory, item)
	return quote{"Compute", low * month, high * month, unit}
}

// taskCount is how many tasks a service has: between the bounds of its own
// autoscaling, or as many as it says.
func (c *context) taskCount(service cfn.Resource) (low, high float64) {
	var own []cfn.Resource
	for _, target := range c.ofType("AWS::ApplicationAutoScaling::ScalableTarget") {
		if target.Properties["ServiceNamespace"] == "ecs" && refersTo(target.Properties["ResourceId"], service.ID) {
			own = append(own, target)
		}
	}
	switch {
	case len(own) > 1:
		c.problem("two autoscalings have bounds for it")
	case len(own) == 1:
		return c.number(own[0], "MinCapacity"), c.number(own[0], "MaxCapacity")
	case service.Properties["DesiredCount"] == nil:
		c.problem("how many tasks it has is not in the stack")
	default:
		count := c.number(service, "DesiredCount")
		return count, count
	}
	return 0, 0
}

// priceGrowth prices what autoscaling may add to what the templates name: readers
// of a database, and broker storage. The tasks of a service are its own price.
func priceGrowth(c *context, r cfn.Resource) quote {
	most := c.number(r, "MaxCapacity")
	switch r.Properties["ServiceNamespace"] {
	case "ecs":
	case "rds":
		return priceReaders(c, r, most)
	case "kafka":
		return priceStorage(c, r, most)
	default:
		c.problem("no rule for the autoscaling of %v", r.Properties["ServiceNamespace"])
	}
	return quote{component: "Compute"}
}

// priceReaders prices the readers that autoscaling may add, each of the cluster's
// instance class.
func priceReaders(c *context, r cfn.Resource, most float64) quote {
	readers, instance := -1.0, cfn.Resource{} // one of the instances writes
	for _, one := range c.ofType("AWS::RDS::DBInstance") {
		if refersTo(r.Properties["ResourceId"], text(one, "DBClusterIdentifier", "Ref")) {
			readers, instance = readers+1, one
		}
	}
	if readers < 0 {
		c.problem("the instances that it scales are not in the stack")
		return quote{}
	}
	one, more := priceInstance(c, instance), max(most-readers, 0)
	return quote{one.component, 0, more * one.high, fmt.Sprintf("0 to %g more readers (%s)", more, one.unit)}
}

// priceStorage prices the gigabytes that each broker may grow by.
func priceStorage(c *context, r cfn.Resource, most float64) quote {
	for _, cluster := range c.ofType("AWS::MSK::Cluster") {
		if refersTo(r.Properties["ResourceId"], cluster.ID) {
			more := max(most-c.number(cluster, brokerVolume...), 0)
			month := c.number(cluster, "NumberOfBrokerNodes") * more * c.usd("MSK", brokerStorage)
			return quote{"Messaging", 0, month, fmt.Sprintf("0 to %g GB more for each broker", more)}
		}
	}
	c.problem("the brokers that it scales are not in the stack")
	return quote{}
}

func priceInstance(c *context, r cfn.Resource) quote {
	class, storage := text(r, "DBInstanceClass"), "Standard"
	for _, cluster := range c.ofType("AWS::RDS::DBCluster") {
		if cluster.Properties["StorageType"] == "aurora-iopt1" {
			storage = "I/O-Optimized"
		}
	}
	return fixed("Database", c.usd("Aurora MySQL", class+" on-demand, "+storage)*hoursPerMonth, "%s", class)
}

func priceVolume(c *context, r cfn.Resource) quote {
	item := "cluster storage, Standard"
	if r.Properties["StorageType"] == "aurora-iopt1" {
		item = "cluster storage, I/O-Optimized"
	}
	return fixed("Database", c.usd("Aurora MySQL", item)*Assumed.DatabaseGB, "%g GB of storage (assumed)", Assumed.DatabaseGB)
}

func priceCache(c *context, r cfn.Resource) quote {
	var nodes float64
	if r.Properties["NumNodeGroups"] != nil {
		nodes = c.number(r, "NumNodeGroups") * (1 + c.number(r, "ReplicasPerNodeGroup"))
	} else {
		nodes = c.number(r, "NumCacheClusters")
	}
	class, engine := text(r, "CacheNodeType"), "Redis OSS"
	if r.Properties["Engine"] == "valkey" {
		engine = "Valkey"
	}
	return fixed("Cache", nodes*c.usd("ElastiCache", class+" "+engine)*hoursPerMonth, "%g × %s", nodes, class)
}

// brokerVolume is where a cluster says how many gigabytes each of its brokers has,
// and brokerStorage what a gigabyte is called in the price list.
var brokerVolume = []any{"BrokerNodeGroupInfo", "StorageInfo", "EBSStorageInfo", "VolumeSize"}

const brokerStorage = "broker EBS storage (GP2)"

func priceBrokers(c *context, r cfn.Resource) quote {
	brokers, volume, class := c.number(r, "NumberOfBrokerNodes"), c.number(r, brokerVolume...), text(r, "BrokerNodeGroupInfo", "InstanceType")
	month := brokers * (c.usd("MSK", class+" broker")*hoursPerMonth + volume*c.usd("MSK", brokerStorage))
	return fixed("Messaging", month, "%g × %s with %g GB", brokers, class, volume)
}

// priceLoadBalancer prices the load balancer and, where the internet reaches it,
// the public address that it has in each of its zones.
func priceLoadBalancer(c *context, r cfn.Resource) quote {
	hour := c.usd("ALB", "load balancer")
	if r.Properties["Scheme"] != "internet-facing" {
		return fixed("Networking", hour*hoursPerMonth, "load balancer")
	}
	subnets := c.count(r, "Subnets")
	month := (hour + subnets*c.usd("VPC", "public IPv4 address")) * hoursPerMonth
	return fixed("Networking", month, "load balancer with %g public addresses", subnets)
}

// priceSecret prices a secret and its replicas, each of which is billed as a
// secret at the same price.
func priceSecret(c *context, r cfn.Resource) quote {
	unit, replicas := "secret", c.count(r, "ReplicaRegions")
	if replicas > 0 {
		unit = "secret with its replica"
	}
	return fixed("Keys and secrets", (1+replicas)*c.usd("Secrets Manager", "secret"), "%s", unit)
}

// priceAlarm prices an alarm, which is billed for each metric that it reads.
func priceAlarm(c *context, r cfn.Resource) quote {
	read := 0
	for _, query := range cfn.List(r.Properties["Metrics"]) {
		if cfn.Lookup(query, "MetricStat") != nil {
			read++
		}
	}
	return fixed("Monitoring", float64(max(read, 1))*c.usd("CloudWatch", "alarm, standard"), "alarm")
}

// freeDashboards is how many an account has for nothing:
// https://aws.amazon.com/cloudwatch/pricing/
const freeDashboards = 3

func priceDashboard(c *context, _ cfn.Resource) quote {
	c.dashboards[c.stack.Account]++
	if c.dashboards[c.stack.Account] <= freeDashboards {
		return quote{component: "Monitoring"}
	}
	return fixed("Monitoring", c.usdIn("global", "CloudWatch", "dashboard beyond 3 free"), "dashboard")
}

// priceEndpoint prices an interface endpoint in each of its zones; gateway
// endpoints are free.
func priceEndpoint(c *context, r cfn.Resource) quote {
	if r.Properties["VpcEndpointType"] != "Interface" {
		return quote{component: "Networking"}
	}
	zones := c.count(r, "SubnetIds")
	return fixed("Networking", zones*c.usd("VPC", "interface endpoint per AZ")*hoursPerMonth, "interface endpoint in %g zones", zones)
}

// priceWebACL prices the list and its rules. CloudFront's lists are priced in
// us-east-1, where they live.
func priceWebACL(c *context, r cfn.Resource) quote {
	rules := c.count(r, "Rules")
	return fixed("Web ACL", c.usd("WAF", "web ACL")+rules*c.usd("WAF", "rule or managed rule group"), "web ACL with %g rules", rules)
}

// isQuery tells a query of Metrics Insights from metric math.
func isQuery(expression string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.TrimSpace(expression)), "SELECT ")
}
