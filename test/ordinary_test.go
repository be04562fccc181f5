package test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/changes"
)

// editor makes a change in the templates of an environment, as a commit would.
type editor struct {
	t         *testing.T
	templates map[string]plain
}

// first finds the first resource of a type, in the order of stacks and IDs, that
// has some properties.
func (e editor) first(kind string, having ...string) (stack, id string, properties plain) {
	e.t.Helper()
	for _, stack := range slices.Sorted(maps.Keys(e.templates)) {
		resources := objectAt(e.t, e.templates[stack], "Resources")
		for _, id := range slices.Sorted(maps.Keys(resources)) {
			one := objectAt(e.t, resources, id)
			properties, _ := one["Properties"].(plain)
			if one["Type"] == kind && !slices.ContainsFunc(having, func(name string) bool { return properties[name] == nil }) {
				return stack, id, properties
			}
		}
	}
	require.Failf(e.t, "no such resource", "%s with %v", kind, having)
	return "", "", nil
}

// set changes a property of the first resource of a type.
func (e editor) set(kind, property string, value any) {
	_, _, properties := e.first(kind, property)
	properties[property] = value
}

// add puts another resource beside the first one of a type, like it but for some
// properties.
func (e editor) add(kind string, other plain) string {
	e.t.Helper()
	stack, id, properties := e.first(kind, slices.Collect(maps.Keys(other))...)
	like := maps.Clone(objectAt(e.t, e.templates[stack], "Resources", id))
	changed := maps.Clone(properties)
	maps.Copy(changed, other)
	like["Properties"] = changed
	objectAt(e.t, e.templates[stack], "Resources")["Another"] = like
	return stack
}

// replace changes a text wherever it stands.
func (e editor) replace(from, to string) {
	e.t.Helper()
	count := 0
	for name, content := range e.templates {
		raw := string(mustJSON(e.t, content))
		count += strings.Count(raw, from)
		var changed plain
		require.NoError(e.t, json.Unmarshal([]byte(strings.ReplaceAll(raw, from, to)), &changed))
		e.templates[name] = changed
	}
	require.Positive(e.t, count, "%s stands nowhere", from)
}

// container is the service's container.
func (e editor) container() (task, container plain) {
	e.t.Helper()
	for _, stack := range slices.Sorted(maps.Keys(e.templates)) {
		for _, one := range objectAt(e.t, e.templates[stack], "Resources") {
			task, _ := at(one, "Properties").(plain)
			definitions, _ := task["ContainerDefinitions"].([]any)
			for _, definition := range definitions {
				if at(definition, "Name") == "wallet-service" {
					return task, objectAt(e.t, definition)
				}
			}
		}
	}
	require.Fail(e.t, "no container of the service")
	return nil, nil
}

// tagAll gives every resource that has tags another one.
func (e editor) tagAll() {
	for _, content := range e.templates {
		for _, one := range objectAt(e.t, content, "Resources") {
			properties, _ := at(one, "Properties").(plain)
			if tags, ok := properties["Tags"].([]any); ok {
				properties["Tags"] = append(slices.Clone(tags), plain{"Key": "Project", "Value": "wallet"})
			}
		}
	}
}

// ordinary are the changes of a team's year. Those that ask for a decision say why
// they should.
var ordinary = map[string]struct {
	change func(e editor)
	asks   string
}{
	"a new image": {func(e editor) {
		e.replace(`:1.0.0"`, `:1.1.0"`)
		e.replace(`"RELEASE","Value":"1.0.0"`, `"RELEASE","Value":"1.1.0"`)
	}, ""},
	"new code of a function":             {func(e editor) { e.set("AWS::Lambda::Function", "Code", e.build()) }, ""},
	"a database of another size":         {func(e editor) { e.set("AWS::RDS::DBInstance", "DBInstanceClass", "db.r6g.4xlarge") }, "the instance restarts"},
	"a patch of the database":            {func(e editor) { e.set("AWS::RDS::DBCluster", "EngineVersion", "8.0.mysql_aurora.3.10.5") }, "every instance restarts"},
	"more tasks":                         {func(e editor) { e.set("AWS::ApplicationAutoScaling::ScalableTarget", "MaxCapacity", 60) }, ""},
	"more tasks at least":                {func(e editor) { e.set("AWS::ApplicationAutoScaling::ScalableTarget", "MinCapacity", 12) }, ""},
	"larger tasks":                       {func(e editor) { task, one := e.container(); task["Memory"] = "30720"; one["Memory"] = 28672 }, ""},
	"an alarm's text":                    {func(e editor) { e.set("AWS::CloudWatch::Alarm", "AlarmDescription", "another text") }, ""},
	"a new alarm":                        {func(e editor) { e.add("AWS::CloudWatch::Alarm", plain{"AlarmName": "another"}) }, ""},
	"an alarm that is told to more":      {func(e editor) { e.alsoAlarm() }, ""},
	"a lower threshold of an alarm":      {func(e editor) { e.threshold(0.5) }, ""},
	"a higher threshold of an alarm":     {func(e editor) { e.threshold(2) }, "it alarms later"},
	"logs that are kept longer":          {func(e editor) { e.set("AWS::Logs::LogGroup", "RetentionInDays", 3653) }, ""},
	"a new log":                          {func(e editor) { e.add("AWS::Logs::LogGroup", plain{"LogGroupName": "another"}) }, ""},
	"snapshots that are kept longer":     {func(e editor) { e.set("AWS::ElastiCache::ReplicationGroup", "SnapshotRetentionLimit", 35) }, ""},
	"objects that are kept longer":       {func(e editor) { e.replace(`"ExpirationInDays":365`, `"ExpirationInDays":730`) }, ""},
	"a new tag on everything":            {func(e editor) { e.tagAll() }, "EC2 associates addresses anew for a tag"},
	"a new topic of Kafka":               {func(e editor) { e.add("AWS::MSK::Topic", plain{"TopicName": "wallet-audits"}) }, ""},
	"a new topic of alarms":              {func(e editor) { e.add("AWS::SNS::Topic", plain{}) }, ""},
	"a new subscription":                 {func(e editor) { e.add("AWS::SNS::Subscription", plain{"Endpoint": "more@example.com"}) }, "someone else hears the alarms"},
	"a new variable of the service":      {func(e editor) { e.variable("WALLET_DAILY_LIMIT", "5000") }, ""},
	"another key behind an alias":        {func(e editor) { e.rotateAlias() }, ""},
	"a new panel of a dashboard":         {func(e editor) { e.set("AWS::CloudWatch::Dashboard", "DashboardBody", `{"widgets": []}`) }, ""},
	"a new reader of the database":       {func(e editor) { e.add("AWS::RDS::DBInstance", plain{"PromotionTier": 2}) }, ""},
	"more connections of the database":   {func(e editor) { e.replace(`"max_connections":"2000"`, `"max_connections":"3000"`) }, ""},
	"larger volumes of the brokers":      {func(e editor) { e.replace(`"VolumeSize":500`, `"VolumeSize":750`) }, ""},
	"a rule of the firewall that counts": {func(e editor) { e.countMore() }, ""},
	"a second NAT gateway":               {func(e editor) { e.secondNAT() }, "calls come from another address"},
	"a new permission of the service":    {func(e editor) { e.allowMore() }, "the role may do more"},
	"a new alert of Prometheus":          {func(e editor) { e.alertMore() }, ""},
	"a new event that is told": {func(e editor) {
		e.add("AWS::Events::Rule", plain{"Description": "another", "EventPattern": plain{"source": []any{"aws.rds"}}})
	}, ""},
	"another hour of maintenance": {func(e editor) {
		e.set("AWS::ElastiCache::ReplicationGroup", "PreferredMaintenanceWindow", "mon:05:00-mon:06:00")
	}, ""},
	"a function that has longer":          {func(e editor) { e.replace(`"Timeout":60`, `"Timeout":120`) }, ""},
	"a new secret":                        {func(e editor) { e.add("AWS::SecretsManager::Secret", plain{"Name": "another"}) }, ""},
	"a description of who may reach whom": {func(e editor) { e.set("AWS::EC2::SecurityGroupIngress", "Description", "another text") }, ""},
}

// build is what another build of a function's code leads to.
func (e editor) build() plain {
	_, _, properties := e.first("AWS::Lambda::Function", "Code")
	code := maps.Clone(objectAt(e.t, properties, "Code"))
	code["S3Key"] = strings.Repeat("0", 64) + ".zip"
	return code
}

func (e editor) alsoAlarm() {
	stack, _, properties := e.first("AWS::CloudWatch::Alarm", "AlarmActions")
	objectAt(e.t, e.templates[stack], "Resources")["Topic2"] = plain{"Type": "AWS::SNS::Topic"}
	properties["AlarmActions"] = append(slices.Clone(listAt(e.t, properties, "AlarmActions")), plain{"Ref": "Topic2"})
}

func (e editor) threshold(times float64) {
	for _, stack := range slices.Sorted(maps.Keys(e.templates)) {
		for _, one := range objectAt(e.t, e.templates[stack], "Resources") {
			properties, _ := at(one, "Properties").(plain)
			if threshold, ok := properties["Threshold"].(float64); ok && threshold > 0 && properties["ComparisonOperator"] == "GreaterThanThreshold" {
				properties["Threshold"] = threshold * times
				return
			}
		}
	}
}

func (e editor) variable(name, value string) {
	_, container := e.container()
	container["Environment"] = append(slices.Clone(listAt(e.t, container, "Environment")), plain{"Name": name, "Value": value})
}

func (e editor) rotateAlias() {
	stack, id, _ := e.first("AWS::KMS::Key")
	resources := objectAt(e.t, e.templates[stack], "Resources")
	resources["Key2"] = resources[id]
	for _, one := range resources {
		properties, _ := at(one, "Properties").(plain)
		if at(one, "Type") == "AWS::KMS::Alias" && strings.Contains(string(mustJSON(e.t, properties["TargetKeyId"])), id) {
			properties["TargetKeyId"] = plain{"Ref": "Key2"}
		}
	}
}

func (e editor) countMore() {
	_, _, properties := e.first("AWS::WAFv2::WebACL", "Rules")
	properties["Rules"] = append(slices.Clone(listAt(e.t, properties, "Rules")), plain{
		"Name": "Linux", "Priority": 90, "OverrideAction": plain{"Count": plain{}},
		"Statement": plain{"ManagedRuleGroupStatement": plain{"Name": "AWSManagedRulesLinuxRuleSet", "VendorName": "AWS"}},
	})
}

func (e editor) secondNAT() {
	stack, _, nat := e.first("AWS::EC2::NatGateway")
	resources := objectAt(e.t, e.templates[stack], "Resources")
	resources["Address2"] = plain{"Type": "AWS::EC2::EIP", "Properties": plain{"Domain": "vpc"}}
	resources["Gateway2"] = plain{"Type": "AWS::EC2::NatGateway", "Properties": plain{
		"SubnetId": nat["SubnetId"], "AllocationId": plain{"Fn::GetAtt": []any{"Address2", "AllocationId"}},
	}}
	e.set("AWS::EC2::Route", "NatGatewayId", plain{"Ref": "Gateway2"})
}

func (e editor) allowMore() {
	_, _, properties := e.first("AWS::IAM::Policy")
	document := maps.Clone(objectAt(e.t, properties, "PolicyDocument"))
	document["Statement"] = append(slices.Clone(listAt(e.t, document, "Statement")), plain{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
	properties["PolicyDocument"] = document
}

func (e editor) alertMore() {
	_, _, properties := e.first("AWS::APS::RuleGroupsNamespace")
	properties["Data"] = textAt(e.t, properties, "Data") + "\n    - name: more\n      rules:\n        - alert: More\n          expr: up == 0\n"
}

// A tool that asks at every turn is answered without being read: of the changes of
// a team's year, at most a fifth asks for a decision, and each of these says why.
func TestOrdinaryChangesSeldomAskForADecision(t *testing.T) {
	t.Parallel()
	env := platform(t)["production"]
	before := copied(t, env)
	asked := 0
	for _, name := range slices.Sorted(maps.Keys(ordinary)) {
		t.Run(name, func(t *testing.T) {
			after := editor{t: t, templates: copied(t, env)}
			ordinary[name].change(after)
			was, is := maps.Clone(before), after.templates
			for stack := range before {
				if string(mustJSON(t, was[stack])) == string(mustJSON(t, is[stack])) {
					delete(was, stack)
					delete(is, stack)
				}
			}
			require.NotEmpty(t, is, "nothing changes")
			report := judge(t, was, is)
			require.NotEmpty(t, report.Findings, "nothing is said")
			if report.Worst() == changes.Safe {
				assert.Empty(t, ordinary[name].asks, "it does not ask")
				return
			}
			asked++
			said := report.Findings[0].Details[0].Text
			assert.NotEmptyf(t, ordinary[name].asks, "%s: %s", report.Findings[0].Title(), said)
			t.Logf("asks, for %s: %s %s: %s", ordinary[name].asks, report.Findings[0].Title(), report.Findings[0].Resource, said)
		})
	}
	t.Logf("%d of %d ordinary changes ask for a decision (%s)", asked, len(ordinary), percent(asked, len(ordinary)))
	assert.LessOrEqual(t, asked*5, len(ordinary), "at most a fifth")
}
