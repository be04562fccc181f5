package changes

import (
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/schema"
)

// route is a property that says where requests go.
type route struct {
	kind, path, what string
	// watch is a property of the same resource that must be present for the row to
	// hold, such as the failover of a record; every resource when it is empty.
	watch string
}

// An empty path means the whole resource.
var routes = []route{
	{kind: listener, path: "DefaultActions", what: "where requests of the listener go"},
	{kind: listenerRule, path: "Actions", what: "where requests of the rule go; the update sets the weights to those of the template"},
	{kind: listenerRule, path: "Priority", what: "which rule takes a request first"},
	{kind: listenerRule, path: "Conditions", what: "which requests the rule takes"},
	{kind: listenerRule, path: "Transforms", what: "which path its targets see"},
	{kind: ecsService, path: "LoadBalancers", what: "which targets and rules the service's deployments use"},
	{kind: ecsService, path: "DeploymentController", what: "how traffic moves to a new version"},
	{kind: ecsService, path: "DeploymentConfiguration.Strategy", what: "how traffic moves to a new version"},
	{kind: ecsService, path: "DeploymentConfiguration.CanaryConfiguration", what: "how traffic moves to a new version"},
	{kind: ecsService, path: "DeploymentConfiguration.LinearConfiguration", what: "how traffic moves to a new version"},
	{kind: ecsService, path: "ServiceRegistries", what: "under which name the tasks are found"},
	{kind: ecsService, path: "ServiceConnectConfiguration", what: "under which name the tasks are found"},
	{kind: "AWS::ServiceDiscovery::Service", path: "DnsConfig", what: "what the name resolves to"},
	{kind: "AWS::Route53::RecordSet", path: "Name", what: "which name it answers; the old one resolves no more"},
	{kind: "AWS::Route53::RecordSet", path: "Type", what: "which question it answers"},
	{kind: "AWS::Route53::RecordSet", path: "HostedZoneId", what: "in which zone it answers"},
	{kind: "AWS::Route53::RecordSet", path: "AliasTarget", what: "what the name resolves to"},
	{kind: "AWS::Route53::RecordSet", path: "ResourceRecords", what: "what the name resolves to"},
	{kind: "AWS::Route53::RecordSet", path: "Weight", what: "how much of the traffic the record takes"},
	{kind: "AWS::Route53::RecordSet", path: "Failover", what: "which record answers in a failover"},
	{kind: "AWS::Route53::RecordSet", path: "HealthCheckId", what: "when the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "Region", what: "whom the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "GeoLocation", what: "whom the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "GeoProximityLocation", what: "whom the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "CidrRoutingConfig", what: "whom the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "MultiValueAnswer", what: "whom the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "SetIdentifier", what: "whom the record answers"},
	{kind: "AWS::Route53::RecordSet", path: "TTL", what: "how long a failover takes to be seen", watch: "SetIdentifier"},
	{kind: "AWS::Route53::RecordSetGroup", path: "RecordSets", what: "what names resolve to"},
	{kind: "AWS::Route53::HealthCheck", path: "HealthCheckConfig", what: "when a failover happens"},
	{kind: "AWS::CloudFront::Distribution", path: "DistributionConfig.Origins", what: "where requests go"},
	{kind: "AWS::CloudFront::Distribution", path: "DistributionConfig.OriginGroups", what: "where requests go"},
	{kind: "AWS::CloudFront::Distribution", path: "DistributionConfig.DefaultCacheBehavior.TargetOriginId", what: "where requests go"},
	{kind: "AWS::CloudFront::Distribution", path: "DistributionConfig.CacheBehaviors", what: "where requests go"},
	{kind: "AWS::CloudFront::Distribution", path: "DistributionConfig.Aliases", what: "which names it answers for"},
	{kind: "AWS::Lambda::Alias", path: "FunctionVersion", what: "which version answers"},
	{kind: "AWS::Lambda::Alias", path: "RoutingConfig", what: "which version answers"},
	{kind: "AWS::GlobalAccelerator::EndpointGroup", what: "where requests go"},
	{kind: "AWS::ARCRegionSwitch::Plan", what: "what a switch of regions does"},
	{kind: "AWS::Route53RecoveryControl::RoutingControl", what: "where requests go"},
	{kind: "AWS::Route53RecoveryControl::SafetyRule", what: "what a switch of regions may do"},
}

// carriers are the types whose removal takes a way from requests.
var carriers = map[string]string{
	listenerRule:                            "the requests of the rule go elsewhere",
	"AWS::Route53::RecordSet":               "the name no longer resolves, or by other records",
	"AWS::Route53::RecordSetGroup":          "the names no longer resolve, or by other records",
	"AWS::Route53::HealthCheck":             "nothing says any more when to fail over",
	"AWS::ARCRegionSwitch::Plan":            "regions can no longer be switched by it",
	"AWS::GlobalAccelerator::EndpointGroup": "the requests of the group go elsewhere",
}

// judgeTraffic finds changes of where requests go, also those that a replaced
// target brings about.
func (c *comparison) judgeTraffic(is stack, before, after resource) {
	certain := c.mark(is, after.properties, schema.Always)
	doubtful := c.mark(is, after.properties, schema.Maybe)
	for _, row := range routes {
		if row.kind != after.kind || (row.watch != "" && at(after.properties, row.watch) == nil) {
			continue
		}
		properties := []string{row.path}
		if row.path == "" {
			properties = differences(before.properties, after.properties)
			properties = slices.DeleteFunc(properties, func(name string) bool { return name == "Tags" || name == "Description" })
		}
		for _, path := range properties {
			was, to := at(before.properties, path), at(after.properties, path)
			f := finding{stack: is.name, resource: after, verdict: Traffic, property: path, value: cfn.Canonical(to)}
			switch {
			case !same(was, to):
				f.text = path + " changes from " + transition(was, to) + ": " + row.what
			case !same(was, at(certain, path)):
				f.text, f.value = path+" refers to "+c.causes(is, to)+", which is replaced: "+row.what, ""
			case !same(was, at(doubtful, path)):
				f.text, f.value, f.maybe = path+" refers to "+c.causes(is, to)+", which may change: "+row.what, "", true
			default:
				continue
			}
			c.add(f)
		}
	}
	c.judgeForwarding(is, before, after)
}

// judgeForwarding reports any change of a listener or rule that sends requests to
// targets: whatever changes, the update sets the weights to those of the template,
// and a deployment may have left others.
func (c *comparison) judgeForwarding(is stack, before, after resource) {
	property, ok := map[string]string{listener: "DefaultActions", listenerRule: "Actions"}[after.kind]
	if !ok || (!forwards(before.properties[property]) && !forwards(after.properties[property])) {
		return
	}
	for _, changed := range differences(before.properties, after.properties) {
		if slices.ContainsFunc(routes, func(row route) bool { return row.kind == after.kind && row.path == changed }) {
			continue // said already
		}
		c.add(finding{
			stack: is.name, resource: after, verdict: Traffic, property: changed, value: cfn.Canonical(after.properties[changed]),
			text: changed + " changes: the update sets the weights to those of the template",
		})
	}
}

// forwards says whether one of some actions sends requests to targets. What
// cannot be read may.
func forwards(actions any) bool {
	return slices.ContainsFunc(cfn.List(actions), func(action any) bool { return cfn.IsIntrinsic(action) || text(action, "Type") == "forward" })
}

// judgeNewTraffic looks at a new rule or record beside those that exist.
func (c *comparison) judgeNewTraffic(was, is stack, after resource) {
	switch after.kind {
	case listenerRule:
		if c.existed(was, is, at(after.properties, "ListenerArn")) {
			c.add(finding{stack: is.name, resource: after, verdict: Widens, property: "Conditions", value: cfn.Canonical(after.properties),
				text: "a new rule of a listener that exists: it answers " + show(at(after.properties, "Conditions"))})
			c.add(finding{stack: is.name, resource: after, verdict: Traffic, property: "Priority", value: cfn.Canonical(after.properties),
				text: "requests that another rule took may go to this one"})
		}
	case listener:
		if c.existed(was, is, at(after.properties, "LoadBalancerArn")) {
			c.add(finding{stack: is.name, resource: after, verdict: Widens, property: "Port", value: cfn.Canonical(after.properties),
				text: "a new listener of a load balancer that exists, on port " + show(at(after.properties, "Port"))})
		}
	case "AWS::Route53::RecordSet":
		weighted := at(after.properties, "SetIdentifier") != nil
		for _, id := range slices.Sorted(maps.Keys(was.resources)) {
			r := was.resources[id]
			taken := r.kind == after.kind && strings.EqualFold(text(r.properties, "Name"), text(after.properties, "Name"))
			weighted = weighted || (taken && same(at(r.properties, "Type"), at(after.properties, "Type")))
		}
		if weighted {
			c.add(finding{stack: is.name, resource: after, verdict: Traffic, property: "Name", value: cfn.Canonical(after.properties),
				text: "a record beside others of the name " + show(at(after.properties, "Name"))})
		}
	}
}

// existed says whether a value refers to something that stands already: a
// resource of the base, another stack, or a literal.
func (c *comparison) existed(was, is stack, value any) bool {
	id := own(is, value)
	_, before := was.resources[id]
	return id == "" || before
}
