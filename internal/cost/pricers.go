package cost

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/internal/cfn"
)

// priceService prices Fargate tasks between the bounds of autoscaling.
func priceService(c context, r cfn.Resource) (string, float64, float64, string, error) {
	const component = "Compute"
	task, ok := c.stack.Template.Resources[reference(r.Properties["TaskDefinition"])]
	if !ok {
		return component, 0, 0, "", errors.New("its task definition is not in the stack")
	}
	item := "Linux x86"
	if architecture := walk(task.Properties, "RuntimePlatform", "CpuArchitecture"); architecture == "ARM64" {
		item = "Linux ARM64"
	}
	cpu, err := number(task.Properties["Cpu"])
	if err != nil {
		return component, 0, 0, "", err
	}
	memory, err := number(task.Properties["Memory"])
	if err != nil {
		return component, 0, 0, "", err
	}
	cpuPrice, err := c.prices.of(c.region, "Fargate", item+" vCPU")
	if err != nil {
		return component, 0, 0, "", err
	}
	memoryPrice, err := c.prices.of(c.region, "Fargate", item+" memory")
	if err != nil {
		return component, 0, 0, "", err
	}
	taskMonth := (cpu/1024*cpuPrice + memory/1024*memoryPrice) * hoursPerMonth
	low, high, err := taskCount(c, r)
	unit := fmt.Sprintf("%g to %g tasks of %g vCPU and %g GB (%s)", low, high, cpu/1024, memory/1024, item)
	return component, low * taskMonth, high * taskMonth, unit, err
}

// taskCount is how many tasks a service has: between the bounds of its own
// autoscaling, or as many as it says. It fails where neither stands in the stack.
func taskCount(c context, r cfn.Resource) (low, high float64, err error) {
	var own []cfn.Resource
	for _, target := range c.stack.Template.OfType("AWS::ApplicationAutoScaling::ScalableTarget") {
		if target.Properties["ServiceNamespace"] == "ecs" && mentions(target.Properties["ResourceId"], c.id) {
			own = append(own, target)
		}
	}
	if len(own) > 1 {
		return 0, 0, errors.New("two autoscalings have bounds for it")
	}
	for _, target := range own {
		low, lowErr := number(target.Properties["MinCapacity"])
		high, highErr := number(target.Properties["MaxCapacity"])
		return low, high, errors.Join(lowErr, highErr)
	}
	if r.Properties["DesiredCount"] == nil {
		return 0, 0, errors.New("how many tasks it has is not in the stack")
	}
	count, err := number(r.Properties["DesiredCount"])
	return count, count, err
}

// priceGrowth prices what autoscaling may add to what the templates name: readers
// of a database, and broker storage. The tasks of a service are its own price.
func priceGrowth(c context, r cfn.Resource) (string, float64, float64, string, error) {
	most, err := number(r.Properties["MaxCapacity"])
	if err != nil {
		return "", 0, 0, "", err
	}
	switch r.Properties["ServiceNamespace"] {
	case "ecs":
		return "Compute", 0, 0, "", nil
	case "rds":
		return priceReaders(c, r, most)
	case "kafka":
		return priceStorage(c, r, most)
	}
	return "", 0, 0, "", fmt.Errorf("no rule for the autoscaling of %v", r.Properties["ServiceNamespace"])
}

// priceReaders prices the readers that autoscaling may add, each of the cluster's
// instance class.
func priceReaders(c context, r cfn.Resource, most float64) (string, float64, float64, string, error) {
	readers, instance := -1.0, cfn.Resource{} // one of the instances writes
	for _, one := range c.stack.Template.OfType("AWS::RDS::DBInstance") {
		if mentions(r.Properties["ResourceId"], reference(one.Properties["DBClusterIdentifier"])) {
			readers, instance = readers+1, one
		}
	}
	if readers < 0 {
		return "Database", 0, 0, "", errors.New("the instances that it scales are not in the stack")
	}
	component, month, _, class, err := priceInstance(c, instance)
	more := max(most-readers, 0)
	return component, 0, more * month, fmt.Sprintf("0 to %g more readers (%s)", more, class), err
}

// priceStorage prices the gigabytes that each broker may grow by.
func priceStorage(c context, r cfn.Resource, most float64) (string, float64, float64, string, error) {
	for _, cluster := range c.stack.Template.OfType("AWS::MSK::Cluster") {
		if !mentions(r.Properties["ResourceId"], cluster.ID) {
			continue
		}
		brokers, brokersErr := number(cluster.Properties["NumberOfBrokerNodes"])
		volume, volumeErr := number(walk(cluster.Properties, "BrokerNodeGroupInfo", "StorageInfo", "EBSStorageInfo", "VolumeSize"))
		gigabyte, priceErr := c.prices.of(c.region, "MSK", "broker EBS storage (GP2)")
		more := max(most-volume, 0)
		return "Messaging", 0, brokers * more * gigabyte, fmt.Sprintf("0 to %g GB more for each broker", more), errors.Join(brokersErr, volumeErr, priceErr)
	}
	return "Messaging", 0, 0, "", errors.New("the brokers that it scales are not in the stack")
}

func priceInstance(c context, r cfn.Resource) (string, float64, float64, string, error) {
	class, _ := r.Properties["DBInstanceClass"].(string)
	storage := "Standard"
	for _, cluster := range c.stack.Template.OfType("AWS::RDS::DBCluster") {
		if cluster.Properties["StorageType"] == "aurora-iopt1" {
			storage = "I/O-Optimized"
		}
	}
	usd, err := c.prices.of(c.region, "Aurora MySQL", class+" on-demand, "+storage)
	return "Database", usd * hoursPerMonth, usd * hoursPerMonth, class, err
}

func priceVolume(c context, r cfn.Resource) (string, float64, float64, string, error) {
	item := "cluster storage, Standard"
	if r.Properties["StorageType"] == "aurora-iopt1" {
		item = "cluster storage, I/O-Optimized"
	}
	usd, err := c.prices.of(c.region, "Aurora MySQL", item)
	month := usd * Assumed.DatabaseGB
	return "Database", month, month, fmt.Sprintf("%g GB of storage (assumed)", Assumed.DatabaseGB), err
}

func priceCache(c context, r cfn.Resource) (string, float64, float64, string, error) {
	nodes, _ := number(r.Properties["NumCacheClusters"])
	if groups, err := number(r.Properties["NumNodeGroups"]); err == nil {
		replicas, err := number(r.Properties["ReplicasPerNodeGroup"])
		if err != nil {
			return "Cache", 0, 0, "", err
		}
		nodes = groups * (1 + replicas)
	}
	class, _ := r.Properties["CacheNodeType"].(string)
	engine := "Redis OSS"
	if r.Properties["Engine"] == "valkey" {
		engine = "Valkey"
	}
	usd, err := c.prices.of(c.region, "ElastiCache", class+" "+engine)
	month := nodes * usd * hoursPerMonth
	return "Cache", month, month, fmt.Sprintf("%g × %s", nodes, class), err
}

func priceBrokers(c context, r cfn.Resource) (string, float64, float64, string, error) {
	const component = "Messaging"
	brokers, err := number(r.Properties["NumberOfBrokerNodes"])
	if err != nil {
		return component, 0, 0, "", err
	}
	class, _ := walk(r.Properties, "BrokerNodeGroupInfo", "InstanceType").(string)
	volume, err := number(walk(r.Properties, "BrokerNodeGroupInfo", "StorageInfo", "EBSStorageInfo", "VolumeSize"))
	if err != nil {
		return component, 0, 0, "", err
	}
	hour, err := c.prices.of(c.region, "MSK", class+" broker")
	if err != nil {
		return component, 0, 0, "", err
	}
	gigabyte, err := c.prices.of(c.region, "MSK", "broker EBS storage (GP2)")
	month := brokers * (hour*hoursPerMonth + volume*gigabyte)
	return component, month, month, fmt.Sprintf("%g × %s with %g GB", brokers, class, volume), err
}

// priceLoadBalancer prices the load balancer and, where the internet reaches it,
// the public address that it has in each of its zones.
func priceLoadBalancer(c context, r cfn.Resource) (string, float64, float64, string, error) {
	const component = "Networking"
	hour, err := c.prices.of(c.region, "ALB", "load balancer")
	if err != nil || r.Properties["Scheme"] != "internet-facing" {
		return component, hour * hoursPerMonth, hour * hoursPerMonth, "load balancer", err
	}
	subnets, _ := r.Properties["Subnets"].([]any)
	address, err := c.prices.of(c.region, "VPC", "public IPv4 address")
	month := (hour + float64(len(subnets))*address) * hoursPerMonth
	return component, month, month, fmt.Sprintf("load balancer with %d public addresses", len(subnets)), err
}

// priceSecret prices a secret and its replicas, each of which is billed as a
// secret at the same price.
func priceSecret(c context, r cfn.Resource) (string, float64, float64, string, error) {
	replicas, _ := r.Properties["ReplicaRegions"].([]any)
	usd, err := c.prices.of(c.region, "Secrets Manager", "secret")
	month := float64(1+len(replicas)) * usd
	unit := "secret"
	if len(replicas) > 0 {
		unit = "secret with its replica"
	}
	return "Keys and secrets", month, month, unit, err
}

// priceAlarm prices an alarm, which is billed for each metric that it reads.
func priceAlarm(c context, r cfn.Resource) (string, float64, float64, string, error) {
	read := 0
	queries, _ := r.Properties["Metrics"].([]any)
	for _, query := range queries {
		if walk(query, "MetricStat") != nil {
			read++
		}
	}
	usd, err := c.prices.of(c.region, "CloudWatch", "alarm, standard")
	month := float64(max(read, 1)) * usd
	return "Monitoring", month, month, "alarm", err
}

// freeDashboards is how many an account has for nothing:
// https://aws.amazon.com/cloudwatch/pricing/
const freeDashboards = 3

func priceDashboard(c context, _ cfn.Resource) (string, float64, float64, string, error) {
	c.dashboards[c.stack.Account]++
	if c.dashboards[c.stack.Account] <= freeDashboards {
		return "Monitoring", 0, 0, "", nil
	}
	usd, err := c.prices.of("global", "CloudWatch", "dashboard beyond 3 free")
	return "Monitoring", usd, usd, "dashboard", err
}

// priceEndpoint prices an interface endpoint in each of its zones; gateway
// endpoints are free.
func priceEndpoint(c context, r cfn.Resource) (string, float64, float64, string, error) {
	if r.Properties["VpcEndpointType"] != "Interface" {
		return "Networking", 0, 0, "", nil
	}
	subnets, _ := r.Properties["SubnetIds"].([]any)
	usd, err := c.prices.of(c.region, "VPC", "interface endpoint per AZ")
	month := float64(len(subnets)) * usd * hoursPerMonth
	return "Networking", month, month, fmt.Sprintf("interface endpoint in %d zones", len(subnets)), err
}

// priceWebACL prices the list and its rules. CloudFront's lists are priced in
// us-east-1, where they live.
func priceWebACL(c context, r cfn.Resource) (string, float64, float64, string, error) {
	rules, _ := r.Properties["Rules"].([]any)
	list, err := c.prices.of(c.region, "WAF", "web ACL")
	if err != nil {
		return "Web ACL", 0, 0, "", err
	}
	rule, err := c.prices.of(c.region, "WAF", "rule or managed rule group")
	month := list + float64(len(rules))*rule
	return "Web ACL", month, month, fmt.Sprintf("web ACL with %d rules", len(rules)), err
}

// isQuery tells a query of Metrics Insights from metric math.
func isQuery(expression string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.TrimSpace(expression)), "SELECT ")
}

// mentions says whether a value refers to a resource, by Ref or Fn::GetAtt, anywhere
// in it.
func mentions(value any, id string) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return mentions(one, id) })
	case map[string]any:
		if attribute, isList := v["Fn::GetAtt"].([]any); isList && len(attribute) > 0 && attribute[0] == id {
			return true
		}
		return v["Ref"] == id || slices.ContainsFunc(slices.Collect(maps.Values(v)), func(one any) bool { return mentions(one, id) })
	}
	return false
}

// reference returns the logical ID that a Ref names.
func reference(value any) string {
	id, _ := walk(value, "Ref").(string)
	return id
}

func walk(value any, path ...string) any {
	for _, step := range path {
		object, _ := value.(map[string]any)
		value = object[step]
	}
	return value
}

// number reads a JSON number, or a text that CloudFormation takes for one.
func number(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case string:
		return strconv.ParseFloat(strings.TrimSpace(v), 64)
	}
	return 0, fmt.Errorf("want a number, got %v", value)
}
