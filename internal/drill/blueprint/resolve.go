package blueprint

import (
	"fmt"
	"strings"

	"wallet-infra/internal/cfn"
)

// named is the property that holds a type's physical name.
var named = map[string]string{
	typeGlobal:  "GlobalClusterIdentifier",
	typeCluster: "DBClusterIdentifier",
	typeECS:     "ClusterName",
	typeService: "ServiceName",
	typeAlarm:   "AlarmName",
	typePlan:    "Name",
}

// physical is what Ref (without an attribute) and Fn::GetAtt of a resource give in an
// account: names and ARNs are exact where the template names the resource, and
// stand-ins derived from the logical ID where CloudFormation would make a name up.
func physical(stack cfn.Stack, resource cfn.Resource, attribute string, resolve func(any) any) (any, bool) {
	text := func(value any) string { return cfn.Render(resolve(value)) }
	name := strings.ToLower(resource.ID)
	if property := resource.Properties[named[resource.Type]]; property != nil {
		name = text(property)
	}
	arn := func(service, region, rest string) (any, bool) {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, stack.Account, rest), true
	}
	switch resource.Type + "." + attribute {
	case typeCluster + ".DBClusterArn":
		return arn("rds", stack.Region, "cluster:"+name)
	case typeECS + ".Arn":
		return arn("ecs", stack.Region, "cluster/"+name)
	case typeService + ".", typeService + ".ServiceArn":
		return arn("ecs", stack.Region, "service/"+lastPart(text(resource.Properties["Cluster"]))+"/"+name)
	case typeAlarm + ".Arn":
		return arn("cloudwatch", stack.Region, "alarm:"+name)
	case typePlan + ".", typePlan + ".Arn":
		return arn("arc-region-switch", "", "plan/"+name+":"+planSuffix(resource.ID))
	case typeLoadBalancer + ".DNSName":
		// The real name is name.region.elb.amazonaws.com; the first label is
		// CloudFormation's to choose.
		return name + "." + stack.Region + ".elb.amazonaws.com", true
	case typeService + ".Name", typeHealthCheck + ".HealthCheckId":
		return name, true
	}
	return name, attribute == ""
}

// standIns writes what is not known as text, such as ${Role.Arn}: a plan names
// things that the drill does not build.
func standIns(value any) any {
	switch v := value.(type) {
	case []any:
		all := make([]any, 0, len(v))
		for _, item := range v {
			all = append(all, standIns(item))
		}
		return all
	case cfn.Object:
		if cfn.IsIntrinsic(v) {
			return text(v)
		}
		all := cfn.Object{}
		for key, inner := range v {
			all[key] = standIns(inner)
		}
		return all
	default:
		return value
	}
}

// planSuffix stands for the six characters that Region switch adds to a plan's
// ARN.
func planSuffix(id string) string {
	id = strings.ToLower(id) + "000000"
	return id[len(id)-12 : len(id)-6]
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
