package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// removal is what a type without state does by going. Where all that it served
// goes too, it says nothing of its own.
type removal struct {
	verdict Verdict
	what    string
	serves  string // the property that names what it served; whoever refers to it where it is empty
}

// removals has every type that may go: what has no row cannot be judged.
var removals = map[string]removal{
	"AWS::APS::RuleGroupsNamespace":               {Weakens, "its alerts are gone", "Workspace"},
	"AWS::ARCRegionSwitch::Plan":                  {Interrupts, "regions can no longer be switched by it", ""},
	"AWS::ApplicationAutoScaling::ScalableTarget": {Weakens, "the number no longer follows the load", "ResourceId"},
	"AWS::ApplicationAutoScaling::ScalingPolicy":  {Weakens, "the number no longer follows the load", "ScalingTargetId"},
	"AWS::Backup::BackupPlan":                     {Weakens, "nothing is backed up by it", ""},
	"AWS::Backup::BackupSelection":                {Weakens, "its resources are no longer backed up", "BackupPlanId"},
	"AWS::Backup::RestoreTestingPlan":             {Weakens, "restoring is no longer tested", ""},
	"AWS::Backup::RestoreTestingSelection":        {Weakens, "restoring is no longer tested", "RestoreTestingPlanName"},
	"AWS::CDK::Metadata":                          {Safe, "a note of CDK to AWS about itself", ""},
	"AWS::CertificateManager::Certificate":        {Interrupts, "who shows it has none", ""},
	"AWS::CloudFront::Distribution":               {Interrupts, "its names answer no more", ""},
	"AWS::CloudFront::OriginAccessControl":        {Interrupts, "requests to the buckets are refused", ""},
	"AWS::CloudFront::ResponseHeadersPolicy":      {Weakens, "answers have no headers that protect", ""},
	"AWS::CloudWatch::Alarm":                      {Weakens, "nobody is told any more", ""},
	"AWS::CloudWatch::CompositeAlarm":             {Weakens, "nobody is told any more", ""},
	"AWS::CloudWatch::Dashboard":                  {Safe, "a picture for readers, which nothing acts on", ""},
	"AWS::EC2::EIP":                               {Interrupts, "the address goes, and may never come back", ""},
	"AWS::EC2::FlowLog":                           {Weakens, "connections are no longer logged", "ResourceId"},
	"AWS::EC2::InternetGateway":                   {Interrupts, "the network has no way to the internet", ""},
	"AWS::EC2::NatGateway":                        {Interrupts, "what left by it finds no way", ""},
	"AWS::EC2::NetworkAcl":                        {Interrupts, "its subnets get the network's own list", "VpcId"},
	"AWS::EC2::NetworkAclEntry":                   {Interrupts, "what it let pass is refused", "NetworkAclId"},
	"AWS::EC2::Route":                             {Interrupts, "what left by it finds no way", "RouteTableId"},
	"AWS::EC2::RouteTable":                        {Interrupts, "its subnets get the network's own routes", "VpcId"},
	"AWS::EC2::SecurityGroup":                     {Interrupts, "its members are reached by nobody", ""},
	"AWS::EC2::SecurityGroupEgress":               {Interrupts, "what it let out is refused", "GroupId"},
	"AWS::EC2::SecurityGroupIngress":              {Interrupts, "what it let in is refused", "GroupId"},
	"AWS::EC2::Subnet":                            {Interrupts, "what stands in it has no network", "VpcId"},
	"AWS::EC2::SubnetNetworkAclAssociation":       {Interrupts, "the subnet gets the network's own list", "SubnetId"},
	"AWS::EC2::SubnetRouteTableAssociation":       {Interrupts, "the subnet gets the network's own routes", "SubnetId"},
	"AWS::EC2::VPC":                               {Interrupts, "what stands in it has no network", ""},
	"AWS::EC2::VPCEndpoint":                       {Interrupts, "the service is reached by another way, or not at all", "VpcId"},
	"AWS::EC2::VPCGatewayAttachment":              {Interrupts, "the network has no way to the internet", "VpcId"},
	"AWS::ECR::ReplicationConfiguration":          {Weakens, "images are no longer copied", ""},
	"AWS::ECS::Cluster":                           {Interrupts, "its services stop", ""},
	"AWS::ECS::Service":                           {Interrupts, "its tasks stop", "Cluster"},
	"AWS::ECS::TaskDefinition":                    {Interrupts, "who starts it finds none", ""},
	"AWS::ElastiCache::ParameterGroup":            {Interrupts, "who uses it gets other parameters", ""},
	"AWS::ElastiCache::SubnetGroup":               {Interrupts, "who stands in it has no place", ""},
	"AWS::ElastiCache::User":                      {Interrupts, "who logs in by it is refused", ""},
	"AWS::ElastiCache::UserGroup":                 {Interrupts, "who logs in by it is refused", ""},
	"AWS::ElasticLoadBalancingV2::Listener":       {Interrupts, "its port answers no more", "LoadBalancerArn"},
	"AWS::ElasticLoadBalancingV2::ListenerRule":   {Interrupts, "the requests of the rule go elsewhere", "ListenerArn"},
	"AWS::ElasticLoadBalancingV2::LoadBalancer":   {Interrupts, "its names answer no more", ""},
	"AWS::ElasticLoadBalancingV2::TargetGroup":    {Interrupts, "its targets get no requests", ""},
	"AWS::Events::Rule":                           {Weakens, "its events reach nobody", ""},
	"AWS::Grafana::Workspace":                     {Interrupts, "its dashboards and users are gone", ""},
	"AWS::IAM::ManagedPolicy":                     {Interrupts, "who needs its permissions is refused", "Roles"},
	"AWS::IAM::Policy":                            {Interrupts, "who needs its permissions is refused", "Roles"},
	"AWS::IAM::Role":                              {Interrupts, "who takes the role is refused", ""},
	"AWS::KMS::Alias":                             {Interrupts, "who names the key by it finds none", "TargetKeyId"},
	"AWS::Lambda::EventSourceMapping":             {Interrupts, "messages wait, and nobody works on them", "FunctionName"},
	"AWS::Lambda::Function":                       {Interrupts, "what it did stops", ""},
	"AWS::Lambda::Permission":                     {Interrupts, "who called the function is refused", "FunctionName"},
	"AWS::Logs::Delivery":                         {Weakens, "its log is no longer delivered", "DeliverySourceName"},
	"AWS::Logs::DeliveryDestination":              {Weakens, "its logs are no longer delivered", ""},
	"AWS::Logs::DeliverySource":                   {Weakens, "its log is no longer delivered", "ResourceArn"},
	"AWS::Logs::ResourcePolicy":                   {Weakens, "a service may no longer write its log", ""},
	"AWS::MSK::BatchScramSecret":                  {Interrupts, "who logs in by it is refused", "ClusterArn"},
	"AWS::MSK::Configuration":                     {Interrupts, "clusters can no longer be given it", ""},
	"AWS::RDS::DBClusterParameterGroup":           {Interrupts, "who uses it gets other parameters", ""},
	"AWS::RDS::DBInstance":                        {Interrupts, "the cluster has an instance less, perhaps its writer", "DBClusterIdentifier"},
	"AWS::RDS::DBParameterGroup":                  {Interrupts, "who uses it gets other parameters", ""},
	"AWS::RDS::DBSubnetGroup":                     {Interrupts, "who stands in it has no place", ""},
	"AWS::Route53::HealthCheck":                   {Interrupts, "nothing says any more when to fail over", ""},
	"AWS::Route53::RecordSet":                     {Interrupts, "the name no longer resolves, or by other records", ""},
	"AWS::Route53::RecordSetGroup":                {Interrupts, "the names no longer resolve, or by other records", ""},
	"AWS::S3::BucketPolicy":                       {Interrupts, "who it let in is refused", "Bucket"},
	"AWS::SNS::Subscription":                      {Interrupts, "someone is told no more", "TopicArn"},
	"AWS::SNS::Topic":                             {Interrupts, "who hears it is told no more", ""},
	"AWS::SNS::TopicPolicy":                       {Interrupts, "who it let in is refused", "Topics"},
	"AWS::SQS::Queue":                             {Interrupts, "its messages are gone, and who sends more is refused", ""},
	"AWS::SQS::QueuePolicy":                       {Interrupts, "who it let in is refused", "Queues"},
	"AWS::Scheduler::Schedule":                    {Weakens, "what it started is started no more", ""},
	"AWS::SecretsManager::ResourcePolicy":         {Weakens, "what it refused is no longer refused", "SecretId"},
	"AWS::SecretsManager::RotationSchedule":       {Weakens, "the secret is no longer rotated", "SecretId"},
	"AWS::SecretsManager::SecretTargetAttachment": {Interrupts, "the secret no longer names its database", "SecretId"},
	"AWS::WAFv2::LoggingConfiguration":            {Weakens, "requests are no longer logged", "ResourceArn"},
	"AWS::WAFv2::WebACL":                          {Weakens, "its rules stop nobody", ""},
	"AWS::WAFv2::WebACLAssociation":               {Weakens, "no firewall stands before the resource", "ResourceArn"},
	"AWS::XRay::Group":                            {Weakens, "its traces are no longer looked at", ""},
	"AWS::XRay::TransactionSearchConfig":          {Weakens, "no trace is taken", ""},
	"AWS::XRay::SamplingRule":                     {Weakens, "requests are traced by the default rule", ""},
}

// arrival is what a type does by coming, to something that may be there already.
type arrival struct {
	verdict Verdict
	what    string
	of      string // the property that names what it concerns; anything where it is empty
}

// arrivals are types that do something by being there. Every other type that the
// tables know waits until something that exists refers to it, which is a change of
// that.
var arrivals = map[string][]arrival{
	"AWS::ApplicationAutoScaling::ScalableTarget":      {{Interrupts, "the number follows the load, within its bounds", "ResourceId"}},
	"AWS::EC2::SubnetNetworkAclAssociation":            {{Interrupts, "another access list holds in a subnet that exists", "SubnetId"}},
	"AWS::EC2::SubnetRouteTableAssociation":            {{Interrupts, "other routes hold in a subnet that exists", "SubnetId"}},
	"AWS::EC2::VPCEndpoint":                            {{Traffic, "the service is reached by another way, which its groups and policy limit", "VpcId"}},
	"AWS::EC2::VPCGatewayAttachment":                   {{Widens, "a network gets a gateway", "VpcId"}},
	"AWS::EC2::VPCPeeringConnection":                   {{Widens, "a network is joined to another one", "VpcId"}},
	"AWS::ElasticLoadBalancingV2::Listener":            {{Widens, "a load balancer that exists answers on a port more", "LoadBalancerArn"}},
	"AWS::ElasticLoadBalancingV2::ListenerCertificate": {{Widens, "a listener answers for more names", "ListenerArn"}},
	"AWS::ElasticLoadBalancingV2::ListenerRule":        {{Traffic, "requests that another rule took may go to this one", "ListenerArn"}, {Widens, "a listener that exists answers more", "ListenerArn"}},
	"AWS::IAM::AccessKey":                              {{Widens, "a key that does not end", ""}},
	"AWS::IAM::OIDCProvider":                           {{Widens, "an identity provider whose tokens roles may trust", ""}},
	"AWS::IAM::SAMLProvider":                           {{Widens, "an identity provider whose tokens roles may trust", ""}},
	"AWS::Lambda::EventSourceMapping":                  {{Interrupts, "it takes messages that another one waits for", "EventSourceArn"}},
	"AWS::Lambda::Url":                                 {{Widens, "a function has an address of its own", ""}},
	"AWS::Logs::SubscriptionFilter":                    {{Widens, "a log goes to another place as well", "LogGroupName"}},
	"AWS::RAM::ResourceShare":                          {{Widens, "other accounts get a share", ""}},
	"AWS::Route53::RecordSet":                          {{Traffic, "a name that may have been answered by others", "HostedZoneId"}},
	"AWS::Route53::RecordSetGroup":                     {{Traffic, "names that may have been answered by others", "HostedZoneId"}},
	"AWS::SNS::Subscription":                           {{Widens, "someone else hears a topic", "TopicArn"}},
	"AWS::SecretsManager::RotationSchedule":            {{Interrupts, "a secret that exists is rotated", "SecretId"}},
	"AWS::WAFv2::WebACLAssociation":                    {{Traffic, "a firewall stops requests that passed", "ResourceArn"}},
}

// knownKind says whether somebody decided anything about a type.
func knownKind(kind string) bool {
	_, goes := removals[kind]
	_, comes := arrivals[kind]
	return goes || comes || len(rules[kind]) > 0 || Stateful(kind, nil)
}

// judgeAdded looks at a new resource. What it allows and whom it lets in is judged
// with all of its kind.
func (c *comparison) judgeAdded(was, is stack, after resource) {
	c.add(finding{stack: is.name, resource: after, verdict: Safe, text: "added"})
	if !knownKind(after.kind) {
		c.add(finding{stack: is.name, resource: after, verdict: Unknown, value: cfn.Canonical(after.properties), text: "added, of a type that no rule knows"})
	}
	for _, row := range arrivals[after.kind] {
		if row.of == "" || c.existed(was, is, after.properties[row.of]) {
			c.add(finding{stack: is.name, resource: after, verdict: row.verdict, value: cfn.Canonical(after.properties),
				text: "added: " + row.what, rule: ruleName(after.kind, "", "added")})
		}
	}
	c.judgeFresh(is, after)
}

// judgeFresh holds a new resource to the rules that say what must not be.
func (c *comparison) judgeFresh(is stack, after resource) {
	for _, one := range everyValue(nil, nil, readable(after)) {
		by, ruled := ruleFor(after.kind, one.path)
		if !ruled {
			continue
		}
		level := one.values[len(by.steps)].after
		asked := change{after: level, was: after, is: after, in: is, path: one.path[:len(by.steps)]}
		for _, out := range by.outcomes {
			if out.fresh && out.holds(asked) {
				property := strings.Join(asked.path, ".")
				c.add(finding{stack: is.name, resource: after, verdict: out.verdict, property: property, value: cfn.Canonical(level),
					text: fmt.Sprintf("added with %s %s: %s", property, show(level), out.text), rule: ruleName(after.kind, by.path, out.on)})
			}
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

// judgeRemovedByType judges that a resource without state goes.
func (c *comparison) judgeRemovedByType(was stack, before resource, f finding) {
	row, known := removals[before.kind]
	f.rule = ruleName(before.kind, "", "removed")
	switch {
	case !known:
		f.verdict, f.text, f.rule = Unknown, "removed: no rule says what that does", ""
	case row.verdict != Safe && c.goesWith(was, before, row.serves):
		f.verdict, f.text = Safe, "removed with what it served"
	case c.givenElsewhere(was, before):
		f.verdict, f.text = Safe, "removed, and what it gave is given by others"
	default:
		f.verdict, f.text = row.verdict, "removed: "+row.what
	}
	c.add(f)
}

// givenElsewhere says of a policy, or a rule of a group or access list, that all
// that it gave is still given: the comparison of all permissions, or of who reaches
// what, misses nothing of it.
func (c *comparison) givenElsewhere(was stack, before resource) bool {
	switch before.kind {
	case "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::NetworkAclEntry", "AWS::Lambda::Permission":
	default:
		property := policyProperty[before.kind]
		if property == "" || len(policy.Read(before.properties[property])) == 0 || removals[before.kind].serves == "" {
			return false
		}
	}
	return !c.narrowed[place{was.name, before.id}]
}

// policyProperty is where a type that is nothing but a policy holds it.
var policyProperty = map[string]string{
	"AWS::IAM::ManagedPolicy":             "PolicyDocument",
	"AWS::IAM::Policy":                    "PolicyDocument",
	"AWS::S3::BucketPolicy":               "PolicyDocument",
	"AWS::SNS::TopicPolicy":               "PolicyDocument",
	"AWS::SQS::QueuePolicy":               "PolicyDocument",
	"AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
}

// goesWith says whether all that a resource served is removed as well: what the
// property names, or everything that referred to the resource. At least one thing
// must have been there.
func (c *comparison) goesWith(was stack, before resource, serves string) bool {
	is := c.head.stacks[was.name]
	gone := func(id string) bool {
		_, kept := is.resources[id]
		return !kept
	}
	served := 0
	if serves != "" {
		for _, target := range cfn.List(before.properties[serves]) {
			id := own(was, target)
			if id == "" || !gone(id) {
				return false
			}
			served++
		}
		return served > 0
	}
	for _, id := range slices.Sorted(maps.Keys(was.resources)) {
		user := was.resources[id]
		serving := removals[user.kind].serves != "" && slices.Contains(references(user.properties[removals[user.kind].serves]), before.id)
		if id == before.id || serving || !slices.Contains(references(user.properties), before.id) {
			continue // what only serves it does not need it
		}
		if !gone(id) {
			return false
		}
		served++
	}
	return served > 0 && !c.usedByOthers(was, before.id)
}

// usedByOthers says whether another stack that stays reads an output of a resource.
func (c *comparison) usedByOthers(was stack, id string) bool {
	for _, name := range c.base.Stacks() {
		if name == was.name || c.gone[name] {
			continue
		}
		for _, r := range c.base.stacks[name].resources {
			for _, target := range references(r.properties) {
				if inner, from, ok := outputIn(c.base, c.base.stacks[name], target); ok && from.name == was.name && slices.Contains(references(inner), id) {
					return true
				}
			}
		}
	}
	return false
}
