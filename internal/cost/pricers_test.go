package cost

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// stack makes a stack of production in a region from its resources, as JSON.
func stack(t *testing.T, id, region, resources string) cfn.Stack {
	t.Helper()
	made := cfn.Stack{ID: "Production/" + id, Region: region}
	require.NoError(t, json.Unmarshal([]byte(`{"Resources": {`+resources+`}}`), &made.Template))
	return made
}

// lines prices stacks with the embedded list.
func lines(t *testing.T, stacks ...cfn.Stack) []Line {
	t.Helper()
	prices, err := LoadPrices()
	require.NoError(t, err)
	bill, err := Calculate(stacks, prices)
	require.NoError(t, err)
	return bill.Lines
}

// The seed's sizes and the list prices of São Paulo, multiplied by hand. A month
// has 730 hours.
func TestEachComponentCostsWhatAPersonCalculates(t *testing.T) {
	const instances = `"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge"}},
		"B": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge"}},`
	for name, c := range map[string]struct {
		resources string
		want      Line
	}{
		"tasks, x86": {
			`"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			 "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "4096", "Memory": "8192"}},
			 "C": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "ecs", "ResourceId": {"Fn::Join": ["", ["service/", {"Fn::GetAtt": ["S", "Name"]}]]}, "MinCapacity": 6, "MaxCapacity": 20}}`,
			// (4 x 0.0696 + 8 x 0.0076) x 730 = 247.616
			Line{Component: "Compute", Low: 6 * 247.616, High: 20 * 247.616, Units: []string{"6 to 20 tasks of 4 vCPU and 8 GB (Linux x86)"}},
		},
		"tasks, ARM": {
			`"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			 "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "2048", "Memory": "4096", "RuntimePlatform": {"CpuArchitecture": "ARM64"}}},
			 "C": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "ecs", "ResourceId": {"Fn::Join": ["", ["service/", {"Fn::GetAtt": ["S", "Name"]}]]}, "MinCapacity": 2, "MaxCapacity": 4}}`,
			// (2 x 0.0557 + 4 x 0.00612) x 730 = 99.1924
			Line{Component: "Compute", Low: 198.3848, High: 396.7696, Units: []string{"2 to 4 tasks of 2 vCPU and 4 GB (Linux ARM64)"}},
		},
		"tasks of a service beside a database that scales": {
			`"A": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "ecs", "ResourceId": {"Ref": "Another"}, "MinCapacity": 40, "MaxCapacity": 90}},
			 "S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			 "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "4096", "Memory": "8192"}},
			 "Z": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "ecs", "ResourceId": {"Ref": "S"}, "MinCapacity": 1, "MaxCapacity": 2}}`,
			Line{Component: "Compute", Low: 247.616, High: 2 * 247.616, Units: []string{"1 to 2 tasks of 4 vCPU and 8 GB (Linux x86)"}},
		},
		"a fixed number of tasks": {
			`"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}, "DesiredCount": 3}},
			 "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "4096", "Memory": "8192"}}`,
			Line{Component: "Compute", Low: 3 * 247.616, High: 3 * 247.616, Units: []string{"3 to 3 tasks of 4 vCPU and 8 GB (Linux x86)"}},
		},
		"readers that autoscaling adds": {
			`"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge", "DBClusterIdentifier": {"Ref": "D"}}},
			 "B": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge", "DBClusterIdentifier": {"Ref": "D"}}},
			 "R": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "rds",
				"ResourceId": {"Fn::Join": ["", ["cluster:", {"Ref": "D"}]]}, "MinCapacity": 1, "MaxCapacity": 4}}`,
			// 2 x 2.149 x 730, and 3 readers more
			Line{Component: "Database", Low: 3137.54, High: 7843.85, Units: []string{"0 to 3 more readers (db.r6g.2xlarge)", "2 × db.r6g.2xlarge"}},
		},
		"volumes that grow": {
			`"K": {"Type": "AWS::MSK::Cluster", "Properties": {"NumberOfBrokerNodes": 3,
				"BrokerNodeGroupInfo": {"InstanceType": "kafka.m5.large", "StorageInfo": {"EBSStorageInfo": {"VolumeSize": 500}}}}},
			 "G": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "kafka",
				"ResourceId": {"Fn::GetAtt": ["K", "Arn"]}, "MinCapacity": 1, "MaxCapacity": 2000}}`,
			// 3 x (0.335 x 730 + 500 x 0.19), and 3 x 1500 x 0.19
			Line{Component: "Messaging", Low: 1018.65, High: 1873.65, Units: []string{"0 to 1500 GB more for each broker", "3 × kafka.m5.large with 500 GB"}},
		},
		"the fourth dashboard and later ones": {
			`"A": {"Type": "AWS::CloudWatch::Dashboard"}, "B": {"Type": "AWS::CloudWatch::Dashboard"}, "C": {"Type": "AWS::CloudWatch::Dashboard"},
			 "D": {"Type": "AWS::CloudWatch::Dashboard"}, "E": {"Type": "AWS::CloudWatch::Dashboard"}`,
			Line{Component: "Monitoring", Low: 6, High: 6, Units: []string{"2 × dashboard"}},
		},
		"replicator": {
			`"R": {"Type": "AWS::MSK::Replicator"}`,
			Line{Component: "Messaging", Low: 321.2, High: 321.2, Units: []string{"replicator"}}, // 0.44 x 730
		},
		"database, standard": {
			instances + `"C": {"Type": "AWS::RDS::DBCluster", "Properties": {}}`,
			// 2 x 2.149 x 730 + 1000 x 0.19 = 3137.54 + 190
			Line{Component: "Database", Low: 3327.54, High: 3327.54, Units: []string{"1000 GB of storage (assumed)", "2 × db.r6g.2xlarge"}},
		},
		"database, I/O-optimized": {
			instances + `"C": {"Type": "AWS::RDS::DBCluster", "Properties": {"StorageType": "aurora-iopt1"}}`,
			// 2 x 2.7937 x 730 + 1000 x 0.4275 = 4078.802 + 427.5
			Line{Component: "Database", Low: 4506.302, High: 4506.302, Units: []string{"1000 GB of storage (assumed)", "2 × db.r6g.2xlarge"}},
		},
		"cache in shards": {
			`"C": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.r6g.large", "Engine": "redis", "NumNodeGroups": 2, "ReplicasPerNodeGroup": 2}}`,
			// 2 x 3 x 0.41 x 730
			Line{Component: "Cache", Low: 1795.8, High: 1795.8, Units: []string{"6 × cache.r6g.large"}},
		},
		"cache of one node, Valkey": {
			`"C": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.t4g.medium", "Engine": "valkey", "NumCacheClusters": 1}}`,
			// 0.0976 x 730
			Line{Component: "Cache", Low: 71.248, High: 71.248, Units: []string{"1 × cache.t4g.medium"}},
		},
		"brokers": {
			`"K": {"Type": "AWS::MSK::Cluster", "Properties": {"NumberOfBrokerNodes": 3,
				"BrokerNodeGroupInfo": {"InstanceType": "kafka.m5.large", "StorageInfo": {"EBSStorageInfo": {"VolumeSize": 500}}}}}`,
			// 3 x (0.335 x 730 + 500 x 0.19)
			Line{Component: "Messaging", Low: 1018.65, High: 1018.65, Units: []string{"3 × kafka.m5.large with 500 GB"}},
		},
		"network": {
			`"N": {"Type": "AWS::EC2::NatGateway"}, "A": {"Type": "AWS::EC2::EIP"},
			 "L": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": "internet-facing", "Subnets": ["a", "b", "c"]}},
			 "I": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]}},
			 "G": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}}`,
			// (0.093 + 0.005 + 0.034 + 3 x 0.005 + 3 x 0.021) x 730
			Line{Component: "Networking", Low: 153.3, High: 153.3, Units: []string{
				"NAT gateway", "interface endpoint in 3 zones", "load balancer with 3 public addresses", "public address",
			}},
		},
		"load balancer inside": {
			`"L": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": "internal", "Subnets": ["a", "b", "c"]}}`,
			Line{Component: "Networking", Low: 24.82, High: 24.82, Units: []string{"load balancer"}},
		},
		"keys and secrets": {
			`"A": {"Type": "AWS::KMS::Key"}, "B": {"Type": "AWS::KMS::Key"}, "C": {"Type": "AWS::SecretsManager::Secret"}`,
			Line{Component: "Keys and secrets", Low: 2.4, High: 2.4, Units: []string{"2 × key", "secret"}},
		},
		"alarms": {
			`"A": {"Type": "AWS::CloudWatch::Alarm"}, "B": {"Type": "AWS::CloudWatch::CompositeAlarm"}`,
			Line{Component: "Monitoring", Low: 0.81, High: 0.81, Units: []string{"alarm", "composite alarm"}},
		},
		"web ACL": {
			`"A": {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": [{}, {}, {}]}}`,
			Line{Component: "Web ACL", Low: 8, High: 8, Units: []string{"web ACL with 3 rules"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			priced := lines(t, stack(t, "Any", "sa-east-1", c.resources))
			require.Len(t, priced, 1)
			assert.Equal(t, "Production", priced[0].Environment)
			assert.Equal(t, "sa-east-1", priced[0].Region)
			assert.Equal(t, c.want.Component, priced[0].Component)
			assert.InDelta(t, c.want.Low, priced[0].Low, 1e-6)
			assert.InDelta(t, c.want.High, priced[0].High, 1e-6)
			assert.Equal(t, c.want.Units, priced[0].Units)
		})
	}
}

func TestStacksOfARegionAreAddedAndRegionsAreKeptApart(t *testing.T) {
	priced := lines(t,
		stack(t, "Network", "sa-east-1", `"A": {"Type": "AWS::EC2::NatGateway"}, "T": {"Type": "AWS::SNS::Topic"}`),
		stack(t, "Edge", "sa-east-1", `"B": {"Type": "AWS::EC2::NatGateway"}`),
		stack(t, "DR", "us-east-1", `"C": {"Type": "AWS::EC2::NatGateway"}`),
	)
	require.Len(t, priced, 2)
	assert.Equal(t, []string{"2 × NAT gateway"}, priced[0].Units, "one figure for a reader to check")
	assert.InDelta(t, 2*0.093*730, priced[0].Low, 1e-6)
	assert.Equal(t, "us-east-1", priced[1].Region)
	assert.InDelta(t, 0.045*730, priced[1].Low, 1e-6)
}

func TestAnUnknownPriceIsAnErrorAndNotNothing(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	for resources, want := range map[string]string{
		`"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.x9z.large"}}`:                                                           "no price of Aurora MySQL, db.x9z.large on-demand, Standard in sa-east-1",
		`"A": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.x9z.large", "Engine": "valkey", "NumCacheClusters": 1}}`: "no price of ElastiCache, cache.x9z.large Valkey in sa-east-1",
		`"A": {"Type": "AWS::MSK::Cluster", "Properties": {"NumberOfBrokerNodes": 3, "BrokerNodeGroupInfo": {"InstanceType": "kafka.x9z.large",
			"StorageInfo": {"EBSStorageInfo": {"VolumeSize": 1}}}}}`: "no price of MSK, kafka.x9z.large broker in sa-east-1",
		`"A": {"Type": "AWS::MSK::Cluster", "Properties": {}}`:                                                                                                                           "want a number",
		`"A": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.r6g.large", "NumNodeGroups": 1}}`:                                                    "want a number",
		`"A": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}}, "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "1024", "Memory": "2048"}}`: "how many tasks it has is not in the stack",
		`"A": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "dynamodb", "MaxCapacity": 1}}`:                                                 "no rule for the autoscaling of dynamodb",
		`"A": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "rds", "ResourceId": "cluster:x", "MaxCapacity": 1}}`:                           "the instances that it scales are not in the stack",
		`"A": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.r6g.large"}}`:                                                                        "NumCacheClusters: want a number, got nothing",
		`"A": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface", "SubnetIds": {"Ref": "Subnets"}}}`:                                                        `SubnetIds: want a list, got {"Ref":"Subnets"}`,
		`"A": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Elsewhere"}}}`:                                                                                     "its task definition is not in the stack",
		`"A": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}}, "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": {}}}`:                       "want a number",
	} {
		_, err := Calculate([]cfn.Stack{stack(t, "Data", "sa-east-1", resources)}, prices)
		require.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "Production/Data, A: ", "where to look")
		_, err = Report([]cfn.Stack{stack(t, "Data", "sa-east-1", resources)}, prices)
		assert.Error(t, err)
	}
	_, err = Calculate([]cfn.Stack{stack(t, "Network", "eu-west-1", `"A": {"Type": "AWS::EC2::NatGateway"}, "B": {"Type": "AWS::KMS::Key"}`)}, prices)
	assert.ErrorContains(t, err, "in eu-west-1")
}

// "Every price is of high confidence" was once said of a bill from which half was
// missing.
func TestWhatHasNoPriceIsSaid(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	report, err := Report([]cfn.Stack{stack(t, "Data", "sa-east-1", `
		"A": {"Type": "AWS::DynamoDB::Table"}, "B": {"Type": "AWS::DynamoDB::Table"}, "F": {"Type": "AWS::Lambda::Function"},
		"R": {"Type": "AWS::IAM::Role"}, "U": {"Type": "Custom::DatabaseUser"},
		"C": {"Type": "AWS::RDS::DBCluster", "Properties": {"DatabaseInsightsMode": "advanced"}},
		"I": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.large", "DBClusterIdentifier": {"Ref": "C"}}},
		"Q": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Expression": "SELECT MAX(x) FROM y"}]}},
		"M": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Expression": "a / b"}]}}`)}, prices)
	require.NoError(t, err)
	unpriced, others, found := strings.Cut(report, "Billed by use")
	require.True(t, found)
	assert.Contains(t, unpriced, "- 2 × AWS::DynamoDB::Table\n")
	assert.Contains(t, unpriced, "- 1 × AWS::RDS::DBInstance: Database Insights, advanced")
	assert.Contains(t, unpriced, "- 1 × AWS::CloudWatch::Alarm: a query")
	assert.Contains(t, others, "- 1 × AWS::Lambda::Function: requests and duration\n")
	assert.Contains(t, others, "\n2 resources are free of charge.")
}

func TestATypeHasOneKindOfPrice(t *testing.T) {
	for resourceType := range pricers {
		assert.NotContains(t, byUse, resourceType)
		assert.NotContains(t, free, resourceType)
	}
	for resourceType := range byUse {
		assert.NotContains(t, free, resourceType)
	}
}

// A row without a number would be read as 0, which is the error that the look-up
// prevents.
func TestEveryPriceIsANumberWithASourceAndStandsOnce(t *testing.T) {
	var rows []map[string]any
	require.NoError(t, json.Unmarshal(priceList, &rows))
	require.Greater(t, len(rows), 100)
	seen := map[string]bool{}
	for _, row := range rows {
		at := key(row["region"].(string), row["service"].(string), row["item"].(string))
		assert.Falsef(t, seen[at], "%s stands twice", at)
		seen[at] = true
		usd, isNumber := row["usd"].(float64)
		assert.Truef(t, isNumber, "%s: no price", at)
		assert.GreaterOrEqualf(t, usd, 0.0, "%s", at)
		assert.NotEmptyf(t, row["source"], "%s", at)
		assert.NotEmptyf(t, row["source_date"], "%s", at)
		assert.Containsf(t, []any{"high", "medium", "low"}, row["confidence"], "%s", at)
		assert.NotEmptyf(t, row["unit"], "%s", at)
	}
}

func TestTheReportAddsUpAndNamesItsWeakPrices(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	report, err := Report([]cfn.Stack{
		stack(t, "Compute", "sa-east-1", `"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "4096", "Memory": "8192"}},
			"C": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"ServiceNamespace": "ecs", "ResourceId": {"Fn::Join": ["", ["service/", {"Fn::GetAtt": ["S", "Name"]}]]}, "MinCapacity": 6, "MaxCapacity": 20}}`),
		stack(t, "Data", "sa-east-1", `"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge"}}`),
		stack(t, "DR", "us-east-1", `"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge"}}`),
	}, prices)
	require.NoError(t, err)
	// 247.616 x 6 and x 20; 2.149 x 730 = 1568.77.
	assert.Contains(t, report, "| Production | sa-east-1 | Compute | 6 to 20 tasks of 4 vCPU and 8 GB (Linux x86) | 1486 to 4952 | 800 to 2,400 |\n")
	assert.Contains(t, report, "| Production | sa-east-1 | Database | db.r6g.2xlarge | 1569 | 1,200 |\n")
	assert.Contains(t, report, "| Production | us-east-1 | Database | db.r6g.2xlarge | 758 |  |\n", "the seed has no budget for a second region")
	assert.Contains(t, report, "| **Production** | **sa-east-1** | **total** | | **3054 to 6521** | |\n")
	assert.Contains(t, report, "| **Production** | **us-east-1** | **total** | | **758** | |\n")
	assert.Contains(t, report, "- Aurora MySQL, db.r6g.2xlarge on-demand, Standard, sa-east-1: 2.149 USD for each instance-hour (medium confidence, 2021-08-03)")
	assert.NotContains(t, report, "- Aurora MySQL, db.r6g.2xlarge on-demand, Standard, us-east-1", "a price of high confidence")
	assert.NotContains(t, report, "- Fargate")
}
