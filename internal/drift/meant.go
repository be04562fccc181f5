package drift

import "strings"

// expectation is a difference that the platform itself makes while it runs.
type expectation struct {
	resourceType string
	property     string // the path, or its beginning up to a "/"
	why          string
}

// expectations are all that is meant. Whatever is not listed here was changed by
// somebody; a line more is a change of this program, and is reviewed like one.
var expectations = []expectation{
	{"AWS::ElasticLoadBalancingV2::ListenerRule", "/Actions", "ECS shifts the weights between blue and green"},
	{"AWS::ElasticLoadBalancingV2::Listener", "/DefaultActions", "ECS shifts the weights between blue and green"},
	{"AWS::MSK::Cluster", "/BrokerNodeGroupInfo/StorageInfo", "storage grows by itself and never shrinks"},
}

// meant is why a difference is expected, or empty.
func meant(d Difference) string {
	for _, e := range expectations {
		if d.Type == e.resourceType && (d.Property == e.property || strings.HasPrefix(d.Property, e.property+"/")) {
			return e.why
		}
	}
	return ""
}
