package config

import (
	"maps"
	"slices"
	"strings"
)

// This file holds what AWS offers where, as far as the platform could choose it:
// the linters check little of it, and CloudFormation finds out an hour into a
// deployment. A fork that needs a region, a class or a version that is missing
// here adds it after a look at AWS's documentation.

// offer is what AWS offers in one region. Each map gives the sizes of a family.
type offer struct {
	zones     string // the letters of its zones
	databases map[string][]string
	caches    map[string][]string
	brokers   map[string][]string
}

// offers is the catalog. Sources: the regional schemas of cfn-lint 1.51 for the
// instance classes of Aurora MySQL and ElastiCache, the MSK developer guide
// ("Amazon MSK broker sizes") for brokers.
//
// Left out on purpose: r8g in sa-east-1, since the schemas and the price list
// disagree about it; database classes before r6 and burstable ones other than
// t4g, for which Performance Insights has no data; r6gd and c7gn, which need
// settings that the platform does not make.
var offers = map[string]offer{
	"sa-east-1": {
		zones:     "abc",
		databases: map[string][]string{"r6g": graviton, "r7g": graviton, "r6i": intel6, "r7i": intel7, "t4g": {"medium", "large"}},
		caches:    cacheTypes,
		brokers:   brokerTypes,
	},
	"us-east-1": {
		zones: "abcdef",
		databases: map[string][]string{"r6g": graviton, "r7g": graviton, "r6i": intel6, "r7i": intel7,
			"r8g": {"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge"},
			"t4g": {"medium", "large"}},
		caches:  cacheTypes,
		brokers: brokerTypes,
	},
}

// The sizes that several families share.
var (
	graviton = []string{"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"}
	intel6   = []string{"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge"}
	intel7   = []string{"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge"}

	cacheTypes = map[string][]string{
		"t3": {"micro", "small", "medium"}, "t4g": {"micro", "small", "medium"},
		"m6g": graviton, "m7g": graviton, "r6g": graviton, "r7g": graviton,
	}
	brokerTypes = map[string][]string{
		"t3":  {"small"},
		"m5":  {"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"},
		"m7g": graviton,
	}
)

// replicasPerBroker is how many partition replicas AWS recommends at most for a
// broker of a size ("Amazon MSK Standard broker best practices"); a cluster above
// it cannot be patched, and MSK refuses to change its configuration.
var replicasPerBroker = map[string]int{"small": 300, "large": 1000, "xlarge": 1000, "2xlarge": 2000}

// replicasPerLargeBroker is the same for every size from 4xlarge on.
const replicasPerLargeBroker = 4000

// kafkaVersions are the versions with which MSK still creates clusters. Those
// with ".kraft" keep their metadata in Kafka itself, the others in ZooKeeper,
// which Kafka 4 no longer knows.
var kafkaVersions = []string{"3.8.x", "3.8.x.kraft", "3.9.x", "3.9.x.kraft", "4.0.x.kraft", "4.1.x.kraft"}

// auroraVersions are the minor versions of the long-term support line 3.10, as
// aws-cdk-lib 2.270.0 knows them.
var auroraVersions = []string{"3.10.0", "3.10.1", "3.10.2", "3.10.3", "3.10.4"}

// cacheVersions are the versions of each ElastiCache engine that can have user
// groups, an engine log and a mode of encryption in transit, which Redis 6 has not.
var cacheVersions = map[string][]string{
	"redis":  {"7.0", "7.1"},
	"valkey": {"7.2", "8.0", "8.1", "8.2", "9.0", "9.1"},
}

// grafanaMajors are the versions of Grafana that AWS documents ("Working in Grafana
// version …" in the Managed Grafana user guide). Which minors there are only
// grafana:ListVersions says, which a deployment asks.
var grafanaMajors = []string{"9", "10", "12", "13"}

// logRetentionDays are the retentions that CloudWatch Logs accepts
// (PutRetentionPolicy). "Never" is not among them on purpose.
var logRetentionDays = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// endpointServices are the services of the platform and its operators that have
// an interface endpoint in both regions. S3 has a gateway endpoint everywhere.
var endpointServices = []string{
	"acm", "application-autoscaling", "aps", "aps-workspaces", "autoscaling", "backup", "cloudformation",
	"ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "elasticache",
	"elasticloadbalancing", "events", "guardduty-data", "kafka", "kms", "lambda", "logs", "monitoring", "rds",
	"rds-data", "secretsmanager", "servicediscovery", "sns", "sqs", "ssm", "ssmmessages", "states", "sts",
	"wafv2", "xray",
}

// fargateMemory is what a task may have for each CPU size from 512 units on, in
// MiB: from least to most in steps ("Amazon ECS task definition parameters for
// Fargate"). The smallest CPU size follows no step.
var fargateMemory = map[int]struct{ least, most, step int }{
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

// smallestTask is the one CPU size with a list of memory sizes.
var smallestTask = struct {
	cpu       int
	memoryMiB []int
}{256, []int{512, 1024, 2048}}

// fargateOffers says whether Fargate has a task of the size.
func fargateOffers(cpu, memoryMiB int) bool {
	if cpu == smallestTask.cpu {
		return slices.Contains(smallestTask.memoryMiB, memoryMiB)
	}
	memory, known := fargateMemory[cpu]
	return known && memory.least <= memoryMiB && memoryMiB <= memory.most && (memoryMiB-memory.least)%memory.step == 0
}

// regionNames are the regions of the catalog, sorted.
func regionNames() []string { return slices.Sorted(maps.Keys(offers)) }

// offered says whether the families have the type, such as "r6g.large".
func offered(families map[string][]string, instanceType string) bool {
	family, size, _ := strings.Cut(instanceType, ".")
	return slices.Contains(families[family], size)
}

// memoryUnits is the memory of an instance size, in units of a "large" of its family.
var memoryUnits = map[string]int{
	"medium": 0, "large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16,
	"12xlarge": 24, "16xlarge": 32, "24xlarge": 48, "32xlarge": 64, "48xlarge": 96,
}

// databaseMemoryMiB is the memory of an Aurora class; 0 for one that is not in the
// catalog. A large of the memory-optimized families has 16 GiB, one of t4g 8, and a
// medium of t4g 4 ("Hardware specifications for DB instance classes for Aurora").
func databaseMemoryMiB(class string) int {
	family, size, _ := strings.Cut(class, ".")
	units, known := memoryUnits[size]
	switch {
	case !known:
		return 0
	case family == "t4g" && units == 0:
		return 4 * 1024
	case family == "t4g":
		return units * 8 * 1024
	case strings.HasPrefix(family, "r"):
		return units * 16 * 1024
	}
	return 0
}

// familyNames lists families for a message.
func familyNames(families map[string][]string) string {
	return strings.Join(slices.Sorted(maps.Keys(families)), ", ")
}
