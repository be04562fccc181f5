package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/schema"
)

// unique names, for each type, the properties that no two resources of a region
// share. CloudFormation makes what is new, and the new one of what it replaces,
// before it deletes what goes; it refuses to make what is taken.
var unique = map[string][]string{
	"AWS::APS::RuleGroupsNamespace":             {"Workspace", "Name"},
	"AWS::ARCRegionSwitch::Plan":                {"Name"},
	"AWS::Backup::BackupVault":                  {"BackupVaultName"},
	"AWS::Backup::RestoreTestingPlan":           {"RestoreTestingPlanName"},
	"AWS::CloudWatch::Alarm":                    {"AlarmName"},
	"AWS::CloudWatch::CompositeAlarm":           {"AlarmName"},
	"AWS::CloudWatch::Dashboard":                {"DashboardName"},
	"AWS::EC2::NetworkAclEntry":                 {"NetworkAclId", "RuleNumber", "Egress"},
	"AWS::EC2::Route":                           {"RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"},
	"AWS::EC2::Subnet":                          {"VpcId", "CidrBlock"},
	"AWS::ECR::Repository":                      {"RepositoryName"},
	"AWS::ECS::Cluster":                         {"ClusterName"},
	"AWS::ECS::Service":                         {"Cluster", "ServiceName"},
	"AWS::ElastiCache::ReplicationGroup":        {"ReplicationGroupId"},
	"AWS::ElastiCache::User":                    {"UserId"},
	"AWS::ElastiCache::UserGroup":               {"UserGroupId"},
	"AWS::ElasticLoadBalancingV2::Listener":     {"LoadBalancerArn", "Port"},
	"AWS::ElasticLoadBalancingV2::ListenerRule": {"ListenerArn", "Priority"},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {"Name"},
	"AWS::ElasticLoadBalancingV2::TargetGroup":  {"Name"},
	"AWS::Events::Rule":                         {"Name"},
	"AWS::IAM::ManagedPolicy":                   {"ManagedPolicyName"},
	"AWS::IAM::Role":                            {"RoleName"},
	"AWS::KMS::Alias":                           {"AliasName"},
	"AWS::Lambda::Function":                     {"FunctionName"},
	"AWS::Logs::DeliveryDestination":            {"Name"},
	"AWS::Logs::DeliverySource":                 {"Name"},
	"AWS::Logs::LogGroup":                       {"LogGroupName"},
	"AWS::Logs::ResourcePolicy":                 {"PolicyName"},
	"AWS::MSK::Cluster":                         {"ClusterName"},
	"AWS::MSK::Configuration":                   {"Name"},
	"AWS::MSK::Topic":                           {"ClusterArn", "TopicName"},
	"AWS::RDS::DBCluster":                       {"DBClusterIdentifier"},
	"AWS::RDS::DBClusterParameterGroup":         {"DBClusterParameterGroupName"},
	"AWS::RDS::DBInstance":                      {"DBInstanceIdentifier"},
	"AWS::RDS::DBParameterGroup":                {"DBParameterGroupName"},
	"AWS::RDS::DBSubnetGroup":                   {"DBSubnetGroupName"},
	"AWS::RDS::GlobalCluster":                   {"GlobalClusterIdentifier"},
	"AWS::Route53::RecordSet":                   {"HostedZoneId", "Name", "Type", "SetIdentifier"},
	"AWS::S3::Bucket":                           {"BucketName"},
	"AWS::SNS::Topic":                           {"TopicName"},
	"AWS::SQS::Queue":                           {"QueueName"},
	"AWS::Scheduler::Schedule":                  {"Name"},
	"AWS::SecretsManager::Secret":               {"Name"},
	"AWS::WAFv2::WebACL":                        {"Scope", "Name"},
}

// keyOf is what no other resource of its type may share; nothing where the service
// makes up a name.
func keyOf(r resource) string {
	properties := unique[r.kind]
	if len(properties) == 0 || at(r.properties, properties[len(properties)-1]) == nil && r.kind != "AWS::EC2::Route" && r.kind != "AWS::Route53::RecordSet" {
		return ""
	}
	return r.kind + cfn.Canonical(keyValues(r))
}

func keyValues(r resource) []any {
	var values []any
	for _, property := range unique[r.kind] {
		values = append(values, at(r.properties, property))
	}
	return values
}

// judgeRefusals finds what CloudFormation will not do.
func (c *comparison) judgeRefusals() {
	taken := c.takenKeys()
	for _, name := range c.head.Stacks() {
		is := c.head.stacks[name]
		for _, id := range slices.Sorted(maps.Keys(is.resources)) {
			if !c.gone[name] {
				c.judgeTaken(is, is.resources[id], taken)
			}
		}
		if !c.new[name] {
			c.judgeExports(c.base.stacks[name], is)
		}
		c.judgeMissingOutputs(is)
	}
	c.judgeCircles()
}

// takenKeys are the names that are taken when a deployment begins, by region.
func (c *comparison) takenKeys() map[string][]place {
	taken := map[string][]place{}
	for _, name := range c.base.Stacks() {
		was := c.base.stacks[name]
		for _, id := range slices.Sorted(maps.Keys(was.resources)) {
			if key := keyOf(was.resources[id]); key != "" {
				taken[c.regional(was, key)] = append(taken[c.regional(was, key)], place{name, id})
			}
		}
	}
	return taken
}

// regional adds where a name is taken: in the region of its stack, or only within
// the stack where nothing says which region that is, or where the name is made of
// references.
func (c *comparison) regional(in stack, key string) string {
	if in.place == "" || strings.Contains(key, "{") {
		return in.name + key
	}
	return in.place + key
}

// judgeTaken finds a resource that is made under a name that is taken: by the one
// that it replaces, or by another one, which may go or change its name too late.
func (c *comparison) judgeTaken(is stack, after resource, taken map[string][]place) {
	key := keyOf(after)
	if key == "" || c.follows(is, keyValues(after), schema.Always) != "" {
		return // none, or in something that is made anew too
	}
	before, existed := c.base.stacks[is.name].resources[after.id]
	existed = existed && !c.new[is.name] && before.kind == after.kind
	replaced, made := c.replaced[place{is.name, after.id}]
	for _, holder := range taken[c.regional(is, key)] {
		own := existed && holder == place{is.name, after.id}
		if (own && !made) || (existed && !own && keyOf(before) == key) {
			continue
		}
		what := fmt.Sprintf("it is made while %s still has its name: %s", holder.id, show(at(after.properties, unique[after.kind][len(unique[after.kind])-1])))
		if own {
			what = "the new one is made while the old one still has its name: " + show(at(after.properties, unique[after.kind][len(unique[after.kind])-1]))
		}
		c.add(finding{stack: is.name, resource: after, verdict: Refused, property: strings.Join(unique[after.kind], ", "), value: key,
			maybe: own && replaced.certainty == schema.Maybe, text: what, rule: "a name is taken"})
	}
}

// judgeExports finds exports that go or change while another stack imports them,
// which CloudFormation refuses.
func (c *comparison) judgeExports(was, is stack) {
	for _, export := range slices.Sorted(maps.Keys(was.exports)) {
		key, kept := is.exports[export]
		if kept && same(was.outputs[was.exports[export]], is.outputs[key]) && c.follows(is, is.outputs[key], schema.Always) == "" {
			continue
		}
		for _, name := range c.base.Stacks() {
			if name != was.name && refersTo(c.base.stacks[name], exportOf+export) {
				c.add(finding{stack: is.name, verdict: Refused, property: "Outputs." + was.exports[export], value: export + name,
					text: fmt.Sprintf("the export %s changes or goes while %s imports it", export, name), rule: "an export is in use"})
			}
		}
	}
}

// judgeMissingOutputs finds references to outputs of other stacks that will not
// be there.
func (c *comparison) judgeMissingOutputs(is stack) {
	for _, id := range slices.Sorted(maps.Keys(is.resources)) {
		for _, target := range references(is.resources[id].properties) {
			name, output, isOutput := strings.Cut(strings.TrimPrefix(target, outputOf), ":")
			from, known := c.head.stacks[name]
			if !isOutput || !strings.HasPrefix(target, outputOf) || !known {
				continue
			}
			_, has := from.outputs[output]
			_, had := c.base.stacks[name].outputs[output]
			if !has && (had || !refersTo(c.base.stacks[is.name], target)) {
				c.add(finding{stack: is.name, resource: is.resources[id], verdict: Refused, value: target,
					text: fmt.Sprintf("it refers to the output %s of %s, which is not there", output, name), rule: "an output is missing"})
			}
		}
	}
}

func refersTo(in stack, wanted string) bool {
	for _, r := range in.resources {
		if slices.Contains(references(r.properties), wanted) {
			return true
		}
	}
	return false
}

// judgeCircles finds resources of one stack that wait for each other, and stacks
// that do.
func (c *comparison) judgeCircles() {
	before, after := circles(c.base), circles(c.head)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if circle := after[name]; len(circle) > 0 && !slices.Equal(circle, before[name]) {
			c.add(finding{stack: name, verdict: Refused, text: "none can be made before the other: " + strings.Join(circle, ", "), rule: "a circle"})
		}
	}
}

// circles lists, for each stack, its resources that wait for each other, and for
// the first of some stacks that wait for each other, the stacks.
func circles(set Set) map[string][]string {
	found, stacks := map[string][]string{}, map[string][]string{}
	for _, name := range set.Stacks() {
		in := set.stacks[name]
		resources := map[string][]string{}
		for id, r := range in.resources {
			for _, target := range slices.Concat(references(r.properties), r.dependsOn) {
				if _, here := in.resources[target]; here {
					resources[id] = append(resources[id], target)
				} else if _, from, ok := outputIn(set, in, target); ok {
					stacks[name] = appendNew(stacks[name], from.name)
				}
			}
		}
		found[name] = circleIn(resources)
	}
	if circle := circleIn(stacks); len(circle) > 0 {
		found[circle[0]] = append(found[circle[0]], circle...)
	}
	return found
}

// circleIn takes away, again and again, what waits for nothing that is left. What
// then remains waits in a circle, or for one.
func circleIn(waits map[string][]string) []string {
	left := maps.Clone(waits)
	waiting, users := map[string]int{}, map[string][]string{}
	var free []string
	for name, targets := range waits {
		for _, target := range targets {
			if _, also := waits[target]; also && len(waits[target]) > 0 {
				waiting[name]++
				users[target] = append(users[target], name)
			}
		}
		if waiting[name] == 0 {
			free = append(free, name)
		}
	}
	for len(free) > 0 {
		next := free[len(free)-1]
		free = free[:len(free)-1]
		delete(left, next)
		for _, user := range users[next] {
			if waiting[user]--; waiting[user] == 0 {
				free = append(free, user)
			}
		}
	}
	return slices.Sorted(maps.Keys(left))
}
