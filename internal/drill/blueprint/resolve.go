package blueprint

import (
	"fmt"
	"strconv"
	"strings"

	"wallet-infra/internal/cfn"
)

// resolver turns the intrinsic functions of a template into the values that
// CloudFormation would give them, as far as a template alone tells: names and
// ARNs are exact where the template names the resource, and stand-ins derived
// from the logical ID where CloudFormation would make a name up.
type resolver struct {
	stacks map[string]cfn.Stack // by region and name
}

func newResolver(stacks []cfn.Stack) resolver {
	r := resolver{stacks: map[string]cfn.Stack{}}
	for _, stack := range stacks {
		r.stacks[stack.Region+"/"+stack.Name] = stack
	}
	return r
}

// value resolves a part of a stack's template, depth first.
func (r resolver) value(stack cfn.Stack, v any) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, 0, len(v))
		for _, item := range v {
			all = append(all, r.value(stack, item))
		}
		return all
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return r.function(stack, name, argument)
				}
			}
		}
		all := make(map[string]any, len(v))
		for key, item := range v {
			all[key] = r.value(stack, item)
		}
		return all
	}
	return v
}

// text resolves a value and writes it as text.
func (r resolver) text(stack cfn.Stack, v any) string {
	switch v := r.value(stack, v).(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func (r resolver) function(stack cfn.Stack, name string, argument any) any {
	list, _ := argument.([]any)
	switch name {
	case "Ref":
		return r.ref(stack, argument.(string))
	case "Fn::GetAtt":
		if len(list) == 2 {
			return r.attribute(stack, fmt.Sprint(list[0]), fmt.Sprint(list[1]))
		}
	case "Fn::Join":
		if len(list) == 2 {
			return r.join(stack, fmt.Sprint(list[0]), r.value(stack, list[1]))
		}
	case "Fn::Select":
		if len(list) == 2 {
			index, err := strconv.Atoi(r.text(stack, list[0]))
			from, ok := r.value(stack, list[1]).([]any)
			if err == nil && ok && index < len(from) {
				return from[index]
			}
		}
	case "Fn::Split":
		if len(list) == 2 {
			return split(r.text(stack, list[1]), fmt.Sprint(list[0]))
		}
	case "Fn::Sub":
		return r.substitute(stack, argument)
	case "Fn::GetStackOutput":
		return r.output(stack, argument)
	}
	// What a template alone does not tell stays visible as what it is.
	return fmt.Sprintf("${%s %v}", name, argument)
}

func (r resolver) join(stack cfn.Stack, separator string, items any) string {
	list, _ := items.([]any)
	parts := make([]string, 0, len(list))
	for _, item := range list {
		parts = append(parts, r.text(stack, item))
	}
	return strings.Join(parts, separator)
}

func split(text, separator string) []any {
	var parts []any
	for part := range strings.SplitSeq(text, separator) {
		parts = append(parts, part)
	}
	return parts
}

func (r resolver) substitute(stack cfn.Stack, argument any) any {
	text, ok := argument.(string)
	if !ok {
		return fmt.Sprintf("${Fn::Sub %v}", argument)
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		if id, attribute, dotted := strings.Cut(name, "."); dotted {
			b.WriteString(r.text(stack, r.attribute(stack, id, attribute)))
		} else {
			b.WriteString(r.text(stack, r.ref(stack, name)))
		}
		text = after
	}
}

// output reads another stack's output, which is how stacks refer to each other
// here (weak references).
func (r resolver) output(stack cfn.Stack, argument any) any {
	fields, _ := argument.(map[string]any)
	region := r.text(stack, fields["Region"])
	if region == "" {
		region = stack.Region
	}
	from, ok := r.stacks[region+"/"+r.text(stack, fields["StackName"])]
	if !ok {
		return fmt.Sprintf("${Fn::GetStackOutput %v}", argument)
	}
	output, _ := from.Template.Outputs[r.text(stack, fields["OutputName"])].(map[string]any)
	return r.value(from, output["Value"])
}

func (r resolver) ref(stack cfn.Stack, name string) any {
	switch name {
	case "AWS::Region":
		return stack.Region
	case "AWS::AccountId":
		return stack.Account
	case "AWS::Partition":
		return "aws"
	case "AWS::URLSuffix":
		return "amazonaws.com"
	case "AWS::StackName":
		return stack.Name
	case "AWS::NoValue":
		return nil
	}
	switch stack.Template.Resources[name].Type {
	case typeService:
		return r.attribute(stack, name, "ServiceArn")
	case typePlan, typeLoadBalancer:
		return r.attribute(stack, name, "Arn")
	}
	return r.name(stack, name)
}

// named is the property that holds a type's physical name.
var named = map[string]string{
	typeGlobal:  "GlobalClusterIdentifier",
	typeCluster: "DBClusterIdentifier",
	typeECS:     "ClusterName",
	typeService: "ServiceName",
	typeAlarm:   "AlarmName",
	typePlan:    "Name",
}

// name is the physical name of a resource.
func (r resolver) name(stack cfn.Stack, id string) string {
	resource := stack.Template.Resources[id]
	if property := resource.Properties[named[resource.Type]]; property != nil {
		return r.text(stack, property)
	}
	return strings.ToLower(id)
}

func (r resolver) attribute(stack cfn.Stack, id, attribute string) any {
	name := r.name(stack, id)
	arn := func(service, region, resource string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, stack.Account, resource)
	}
	resource := stack.Template.Resources[id]
	switch resource.Type + "." + attribute {
	case typeCluster + ".DBClusterArn":
		return arn("rds", stack.Region, "cluster:"+name)
	case typeECS + ".Arn":
		return arn("ecs", stack.Region, "cluster/"+name)
	case typeService + ".ServiceArn":
		cluster := r.text(stack, resource.Properties["Cluster"])
		return arn("ecs", stack.Region, "service/"+lastPart(cluster)+"/"+name)
	case typeService + ".Name":
		return name
	case typeAlarm + ".Arn":
		return arn("cloudwatch", stack.Region, "alarm:"+name)
	case typePlan + ".Arn":
		return arn("arc-region-switch", "", "plan/"+name+":"+planSuffix(id))
	case typeLoadBalancer + ".DNSName":
		// The real name is name.region.elb.amazonaws.com; the first label is
		// CloudFormation's to choose.
		return name + "." + stack.Region + ".elb.amazonaws.com"
	case typeHealthCheck + ".HealthCheckId":
		return name
	}
	return fmt.Sprintf("${%s.%s}", id, attribute)
}

// planSuffix stands for the six characters that Region switch adds to a plan's
// ARN.
func planSuffix(id string) string {
	id = strings.ToLower(id) + "000000"
	return id[len(id)-12 : len(id)-6]
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
