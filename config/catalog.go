package config

import (
	"maps"
	"slices"
	"strings"
)

// offer is what AWS offers in one region, as far as the platform could choose it: the
// linters check little of it, and CloudFormation finds out an hour into a deployment.
// A fork that needs a region or a class that is missing here, or a version that is
// missing in its concept's file, adds it after a look at AWS's documentation. Each map
// gives the sizes of a family.
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

// regionNames are the regions of the catalog, sorted.
func regionNames() []string { return slices.Sorted(maps.Keys(offers)) }

// offered says whether the families have the type, such as "r6g.large".
func offered(families map[string][]string, instanceType string) bool {
	family, size, _ := strings.Cut(instanceType, ".")
	return slices.Contains(families[family], size)
}

// familyNames lists families for a message.
func familyNames(families map[string][]string) string {
	return strings.Join(slices.Sorted(maps.Keys(families)), ", ")
}
