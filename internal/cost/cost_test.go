package cost

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/assembly"
)

// stack makes a stack of production in a region from its resources, as JSON.
func stack(t *testing.T, id, region, resources string) assembly.Stack {
	t.Helper()
	made := assembly.Stack{ID: "Production/" + id, Region: region}
	require.NoError(t, json.Unmarshal([]byte(`{"Resources": {`+resources+`}}`), &made.Template))
	return made
}

// lines prices stacks with the embedded list.
func lines(t *testing.T, stacks ...assembly.Stack) []Line {
	t.Helper()
	prices, err := LoadPrices()
	require.NoError(t, err)
	priced, err := Lines(stacks, prices)
	require.NoError(t, err)
	return priced
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
			 "C": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"MinCapacity": 6, "MaxCapacity": 20}}`,
			// (4 x 0.0696 + 8 x 0.0076) x 730 = 247.616
			Line{Component: "Compute", Low: 6 * 247.616, High: 20 * 247.616, Units: []string{"1 × 6 to 20 tasks of 4 vCPU and 8 GB, Linux x86"}},
		},
		"tasks, ARM": {
			`"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			 "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "2048", "Memory": "4096", "RuntimePlatform": {"CpuArchitecture": "ARM64"}}},
			 "C": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"MinCapacity": 2, "MaxCapacity": 4}}`,
			// (2 x 0.0557 + 4 x 0.00612) x 730 = 99.1924
			Line{Component: "Compute", Low: 198.3848, High: 396.7696, Units: []string{"1 × 2 to 4 tasks of 2 vCPU and 4 GB, Linux ARM64"}},
		},
		"tasks that wait for an image": {
			`"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			 "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "4096", "Memory": "8192"}}`,
			Line{Component: "Compute", Units: []string{"1 × no task yet"}},
		},
		"database, standard": {
			instances + `"C": {"Type": "AWS::RDS::DBCluster", "Properties": {}}`,
			// 2 x 2.149 x 730 + 1000 x 0.19 = 3137.54 + 190
			Line{Component: "Database", Low: 3327.54, High: 3327.54, Units: []string{"1 × 1000 GB (assumed)", "2 × db.r6g.2xlarge"}},
		},
		"database, I/O-optimized": {
			instances + `"C": {"Type": "AWS::RDS::DBCluster", "Properties": {"StorageType": "aurora-iopt1"}}`,
			// 2 x 2.7937 x 730 + 1000 x 0.4275 = 4078.802 + 427.5
			Line{Component: "Database", Low: 4506.302, High: 4506.302, Units: []string{"1 × 1000 GB (assumed)", "2 × db.r6g.2xlarge"}},
		},
		"cache in shards": {
			`"C": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.r6g.large", "Engine": "redis", "NumNodeGroups": 2, "ReplicasPerNodeGroup": 2}}`,
			// 2 x 3 x 0.41 x 730
			Line{Component: "Cache", Low: 1795.8, High: 1795.8, Units: []string{"1 × 6 nodes of cache.r6g.large"}},
		},
		"cache of one node, Valkey": {
			`"C": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.t4g.medium", "Engine": "valkey", "NumCacheClusters": 1}}`,
			// 0.0976 x 730
			Line{Component: "Cache", Low: 71.248, High: 71.248, Units: []string{"1 × 1 nodes of cache.t4g.medium"}},
		},
		"brokers": {
			`"K": {"Type": "AWS::MSK::Cluster", "Properties": {"NumberOfBrokerNodes": 3,
				"BrokerNodeGroupInfo": {"InstanceType": "kafka.m5.large", "StorageInfo": {"EBSStorageInfo": {"VolumeSize": 500}}}}}`,
			// 3 x (0.335 x 730 + 500 x 0.19)
			Line{Component: "Messaging", Low: 1018.65, High: 1018.65, Units: []string{"1 × 3 brokers of kafka.m5.large with 500 GB"}},
		},
		"network": {
			`"N": {"Type": "AWS::EC2::NatGateway"}, "A": {"Type": "AWS::EC2::EIP"},
			 "L": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": "internet-facing", "Subnets": ["a", "b", "c"]}},
			 "I": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]}},
			 "G": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}}`,
			// (0.093 + 0.005 + 0.034 + 3 x 0.005 + 3 x 0.021) x 730
			Line{Component: "Networking", Low: 153.3, High: 153.3, Units: []string{
				"1 × NAT gateway", "1 × gateway endpoint", "1 × interface endpoint in 3 zones", "1 × load balancer with 3 public addresses", "1 × public address",
			}},
		},
		"load balancer inside": {
			`"L": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": "internal", "Subnets": ["a", "b", "c"]}}`,
			Line{Component: "Networking", Low: 24.82, High: 24.82, Units: []string{"1 × load balancer"}},
		},
		"keys and secrets": {
			`"A": {"Type": "AWS::KMS::Key"}, "B": {"Type": "AWS::KMS::Key"}, "C": {"Type": "AWS::SecretsManager::Secret"}`,
			Line{Component: "Keys and secrets", Low: 2.4, High: 2.4, Units: []string{"2 × key", "1 × secret"}},
		},
		"alarms": {
			`"A": {"Type": "AWS::CloudWatch::Alarm"}, "B": {"Type": "AWS::CloudWatch::CompositeAlarm"}`,
			Line{Component: "Monitoring", Low: 0.81, High: 0.81, Units: []string{"1 × alarm", "1 × composite alarm"}},
		},
		"web ACL": {
			`"A": {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": [{}, {}, {}]}}`,
			Line{Component: "Web ACL", Low: 8, High: 8, Units: []string{"1 × web ACL with 3 rules"}},
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
		`"A": {"Type": "AWS::MSK::Cluster", "Properties": {}}`:                                                                                                     "want a number",
		`"A": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"CacheNodeType": "cache.r6g.large", "NumNodeGroups": 1}}`:                              "want a number",
		`"A": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Elsewhere"}}}`:                                                               "its task definition is not in the stack",
		`"A": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}}, "T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": {}}}`: "want a number",
	} {
		_, err := Lines([]assembly.Stack{stack(t, "Data", "sa-east-1", resources)}, prices)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "Production/Data, A: ", "where to look")
		_, err = Report([]assembly.Stack{stack(t, "Data", "sa-east-1", resources)}, prices)
		require.Error(t, err)
	}
	_, err = Lines([]assembly.Stack{stack(t, "Network", "eu-west-1", `"A": {"Type": "AWS::EC2::NatGateway"}, "B": {"Type": "AWS::KMS::Key"}`)}, prices)
	assert.ErrorContains(t, err, "in eu-west-1")
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
	report, err := Report([]assembly.Stack{
		stack(t, "Compute", "sa-east-1", `"S": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}}},
			"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "4096", "Memory": "8192"}},
			"C": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"MinCapacity": 6, "MaxCapacity": 20}}`),
		stack(t, "Data", "sa-east-1", `"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge"}}`),
		stack(t, "DR", "us-east-1", `"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.2xlarge"}}`),
	}, prices)
	require.NoError(t, err)
	// 247.616 x 6 and x 20; 2.149 x 730 = 1568.77.
	assert.Contains(t, report, "| Production | sa-east-1 | Compute | 1 × 6 to 20 tasks of 4 vCPU and 8 GB, Linux x86 | 1486 to 4952 | 800 to 2,400 |\n")
	assert.Contains(t, report, "| Production | sa-east-1 | Database | 1 × db.r6g.2xlarge | 1569 | 1,200 |\n")
	assert.Contains(t, report, "| Production | us-east-1 | Database | 1 × db.r6g.2xlarge | 758 |  |\n", "the seed has no budget for a second region")
	assert.Contains(t, report, "| **Production** | **sa-east-1** | **total** | | **3054 to 6521** | |\n")
	assert.Contains(t, report, "| **Production** | **us-east-1** | **total** | | **758** | |\n")
	assert.Contains(t, report, "- Aurora MySQL, db.r6g.2xlarge on-demand, Standard, sa-east-1: 2.149 USD a instance-hour (medium confidence, 2021-08-03)\n")
	assert.NotContains(t, report, "- Aurora MySQL, db.r6g.2xlarge on-demand, Standard, us-east-1", "a price of high confidence")
	assert.NotContains(t, report, "- Fargate")
}

func TestTheTableIsReplacedAndNothingElse(t *testing.T) {
	document := "before\n" + beginMarker + "\nold\n" + endMarker + "\nafter\n"
	replaced, err := Replace(document, "new\n")
	require.NoError(t, err)
	assert.Equal(t, "before\n"+beginMarker+"\n\nnew\n\n"+endMarker+"\nafter\n", replaced)
	again, err := Replace(replaced, "new\n")
	require.NoError(t, err)
	assert.Equal(t, replaced, again)
	for _, without := range []string{"", beginMarker, endMarker} {
		_, err := Replace(without, "new")
		require.ErrorContains(t, err, "want the markers")
	}
}
