package drift

import (
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// expectation is a difference that the platform itself makes while it runs.
type expectation struct {
	resourceType string
	// property is the whole path of the one value that changes.
	property *regexp.Regexp
	// by says whether the change is the one that is meant; nil takes any other value.
	by  func(wanted, actual string) bool
	why string
}

// expectations are all that is meant. Whatever is not listed here was changed by
// somebody; a line more is a change of this program, and is reviewed like one.
var expectations = []expectation{
	{
		"AWS::ElasticLoadBalancingV2::ListenerRule",
		regexp.MustCompile(`^/Actions/\d+/ForwardConfig/TargetGroups/\d+/Weight$`),
		nil, "ECS shifts the weights between blue and green",
	},
	{
		"AWS::MSK::Cluster",
		regexp.MustCompile(`^/BrokerNodeGroupInfo/StorageInfo/EBSStorageInfo/VolumeSize$`),
		grown, "storage grows by itself and never shrinks",
	},
}

// meant is why a difference is expected, or empty. A value that was added or taken
// away never is.
func meant(resourceType string, property types.PropertyDifference) string {
	if property.DifferenceType != types.DifferenceTypeNotEqual {
		return ""
	}
	for _, e := range expectations {
		if resourceType == e.resourceType && e.property.MatchString(aws.ToString(property.PropertyPath)) &&
			(e.by == nil || e.by(aws.ToString(property.ExpectedValue), aws.ToString(property.ActualValue))) {
			return e.why
		}
	}
	return ""
}

func grown(wanted, actual string) bool {
	from, err := strconv.ParseFloat(wanted, 64)
	to, toErr := strconv.ParseFloat(actual, 64)
	return err == nil && toErr == nil && to > from
}
