package changes

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// network and data are two stacks, of which the second one reads the first.
func network(cidr string) string {
	return `{"Resources": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "` + cidr + `"}},
		"Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}}},
		"Outputs": {"SubnetId": {"Value": {"Ref": "Subnet"}, "Export": {"Name": "subnet"}}}}`
}

func data(reference string) string {
	return resources(one("Brokers", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ClientSubnets": [`+reference+`]}`, retained) + "," +
		one("Topic", "AWS::MSK::Topic", `"ClusterArn": {"Ref": "Brokers"}`, retained))
}

// A network that is replaced takes the brokers of another stack along, though no
// word of that stack's template changes.
func TestAReplacementIsFollowedIntoOtherStacks(t *testing.T) {
	replaced := []string{"Vpc replaces", "Subnet replaces", "Brokers destroys", "Topic destroys"}
	for name, c := range map[string]struct {
		reference string
		want      []string
	}{
		"by its output": {`{"Fn::GetStackOutput": {"StackName": "network", "OutputName": "SubnetId", "Region": "sa-east-1"}}`, replaced},
		"by its export": {`{"Fn::ImportValue": "subnet"}`, append([]string{"refused"}, replaced...)},
	} {
		t.Run(name, func(t *testing.T) {
			reference := c.reference
			report := compare(t, map[string]string{"network": network("10.0.0.0/16"), "data": data(reference)},
				map[string]string{"network": network("10.1.0.0/16"), "data": data(reference)})
			assert.ElementsMatch(t, c.want, verdictsOf(report))
			assert.Contains(t, texts(report), "BrokerNodeGroupInfo.ClientSubnets refers to network/Subnet, which is replaced")
		})
	}
}

// The image's repository, or a private subnet, may be another one, though the template
// that reads it says what it said.
func TestAnOutputThatMeansSomethingElseIsNoticedByItsReaders(t *testing.T) {
	read := func(stack string) string {
		return `{"Fn::GetStackOutput": {"StackName": "` + stack + `", "OutputName": "O"}}`
	}
	producer := func(value string) string {
		return `{"Resources": {` + one("A", "AWS::SNS::Topic", "") + "," + one("B", "AWS::SNS::Topic", "") + `}, "Outputs": {"O": {"Value": ` + value + `, "Export": {"Name": "o"}}}}`
	}
	between := `{"Resources": {` + one("C", "AWS::SNS::Topic", "") + `}, "Outputs": {"O": {"Value": ` + read("producer") + `}}}`
	for name, reference := range map[string]string{
		"directly": read("producer"), "through another stack": read("between"), "by its export": `{"Fn::ImportValue": "o"}`,
	} {
		t.Run(name, func(t *testing.T) {
			reader := resources(one("Reader", "AWS::ECS::TaskDefinition", `"Family": `+reference))
			stacks := func(value string) map[string]string {
				return map[string]string{"producer": producer(value), "between": between, "reader": reader}
			}
			assert.Empty(t, verdictsOf(compare(t, stacks(`{"Ref": "A"}`), stacks(`{"Fn::Sub": "${A}"}`))), "the same in another form")
			report := compare(t, stacks(`{"Ref": "A"}`), stacks(`{"Ref": "B"}`))
			assert.Contains(t, verdictsOf(report), "Reader unknown maybe")
			assert.NotZero(t, report.Open)
		})
	}
}

func TestANewFunctionWithCodeOfAStrangerIsNotSafe(t *testing.T) {
	function := func(bucket string) string {
		return resources(one("F", "AWS::Lambda::Function", `"Code": {"S3Bucket": "`+bucket+`", "S3Key": "k.zip"}`))
	}
	for bucket, want := range map[string][]string{
		"cdk-hnb659fds-assets-111122223333-sa-east-1": {}, "releases": {"F enters"}, "evil-cdk-hnb659fds-assets-111122223333-sa-east-1": {"F enters"},
	} {
		report := compare(t, map[string]string{"a": resources("")}, map[string]string{"a": function(bucket)})
		assert.Equal(t, want, verdictsOf(report), bucket)
	}
}

func TestOutputsInACircleEndTheComparisonAllTheSame(t *testing.T) {
	circle := func(other, size string) string {
		return `{"Resources": {` + one("A", instance, `"DBClusterIdentifier": {"Fn::GetStackOutput": {"StackName": "`+other+`", "OutputName": "O"}}, "StorageType": "`+size+`"`) +
			`}, "Outputs": {"O": {"Value": {"Fn::Join": ["", [{"Ref": "A"}, {"Fn::GetStackOutput": {"StackName": "` + other + `", "OutputName": "O"}}]]}}}}`
	}
	report := compare(t, map[string]string{"a": circle("b", "1"), "b": circle("a", "1")}, map[string]string{"a": circle("b", "2"), "b": circle("a", "2")})
	assert.ElementsMatch(t, []string{"A replaces maybe", "A replaces maybe"}, verdictsOf(report))
}

func TestStateThatMovesToAnotherStackIsSaidToMove(t *testing.T) {
	bucket := one("Bucket", "AWS::S3::Bucket", `"BucketName": "ledger", "Tags": [{"Key": "a", "Value": "b"}]`, retained)
	report := compare(t, map[string]string{"old": resources(bucket), "new": resources("")},
		map[string]string{"old": resources(""), "new": resources(one("Ledger", "AWS::S3::Bucket", `"BucketName": "ledger"`, retained))})
	assert.Equal(t, []string{"Bucket orphans"}, verdictsOf(report))
	assert.Contains(t, texts(report), "Moved? new/Ledger is new")
}

// The CDK CLI leaves a stack that is no longer in the app where it is, and nobody
// looks after it.
func TestAStackThatLeavesTheAppIsWorthItsState(t *testing.T) {
	for name, c := range map[string]struct{ gone, want, says string }{
		"with a bucket that is kept":    {one("A", "AWS::S3::Bucket", "", retained), "orphans", "deleting it leaves behind A"},
		"with a bucket that is deleted": {one("A", "AWS::S3::Bucket", "", deleted), "destroys", "deleting it destroys A"},
		"with nothing":                  {"", "orphans", "nothing manages it"},
		"with something unknown":        {one("A", "AWS::Made::Up", ""), "destroys", "deleting it destroys A"},
	} {
		t.Run(name, func(t *testing.T) {
			report := compare(t, map[string]string{"a": resources(""), "b": resources(c.gone)}, map[string]string{"a": resources("")})
			assert.Equal(t, []string{c.want}, verdictsOf(report))
			assert.Contains(t, texts(report), c.says)
		})
	}
}

func TestANewStackIsSafeButForWhatItOpens(t *testing.T) {
	before := map[string]string{"a": resources("")}
	report := compare(t, before, map[string]string{"a": resources(""), "b": resources(one("A", "AWS::S3::Bucket", "", retained))})
	assert.Empty(t, verdictsOf(report))
	assert.Contains(t, texts(report), "a new stack of 2 resources")
	report = compare(t, before, map[string]string{"a": resources(""), "b": resources(
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`) + "," +
			one("Group", "AWS::EC2::SecurityGroup", `"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}]`))})
	assert.Equal(t, []string{"widens"}, verdictsOf(report), "on the stack, together")
	assert.Contains(t, texts(report), "Role is new, and allowed: a:b on k")
	assert.Contains(t, texts(report), "Group is new, and open: tcp, port 22, from 0.0.0.0/0")
}

// An environment that is deployed for the first time is not a thousand differences;
// but that nothing was judged must be said.
func TestAFirstDeploymentIsNotJudgedAndSaysSo(t *testing.T) {
	report := compare(t, nil, map[string]string{"a": resources(pairs["a renamed database is another one"].before)})
	assert.Empty(t, verdictsOf(report))
	assert.True(t, report.Passes())
	require.Len(t, report.Notes, 1)
	assert.Contains(t, report.Notes[0], "nothing of it is judged")
}

// assemblyOf is a cloud assembly with one stack.
func assemblyOf(t *testing.T, account, region, protected, template string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"manifest.json": `{"artifacts": {"A": {"type": "aws:cloudformation:stack", "environment": "aws://` + account + `/` + region + `", "displayName": "Stage/A (a)",
			"properties": {"templateFile": "a.json", "stackName": "a", "terminationProtection": ` + protected + `}}}}`,
		"a.json": template,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

func compareDirs(t *testing.T, before, after string) Report {
	t.Helper()
	base, err := Load(before)
	require.NoError(t, err)
	head, err := Load(after)
	require.NoError(t, err)
	types, err := LoadSchemas("none", base, head)
	require.NoError(t, err)
	return Compare(base, head, types)
}

func TestAStackInAnotherPlaceIsAnotherStack(t *testing.T) {
	bucket := resources(one("A", "AWS::S3::Bucket", "", deleted))
	before := assemblyOf(t, "1", "sa-east-1", "true", bucket)
	for _, place := range [][2]string{{"2", "sa-east-1"}, {"1", "us-east-1"}} {
		report := compareDirs(t, before, assemblyOf(t, place[0], place[1], "true", bucket))
		assert.Equal(t, []string{"destroys"}, verdictsOf(report))
		assert.Contains(t, texts(report), "moves from 1/sa-east-1 to "+place[0]+"/"+place[1])
	}
	// What CloudFormation returned says nothing of its place.
	assert.Empty(t, compareDirs(t, write(t, map[string]string{"a": bucket}), before).Findings)
}

func TestAStackThatMayBeDeletedIsReported(t *testing.T) {
	protected, open := assemblyOf(t, "1", "r", "true", resources("")), assemblyOf(t, "1", "r", "false", resources(""))
	assert.Equal(t, []string{"weakens"}, verdictsOf(compareDirs(t, protected, open)))
	assert.Empty(t, verdictsOf(compareDirs(t, open, protected)))
}

// A value that stands elsewhere in the template is a value of the resource.
func TestAChangeBehindAReferenceIsSeen(t *testing.T) {
	template := func(extra, value string) string {
		return `{` + extra + `, "Resources": {` + one("A", "AWS::RDS::DBCluster", `"KmsKeyId": `+value, retained) + `}}`
	}
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"a parameter's default": {
			template(`"Parameters": {"P": {"Type": "String", "Default": "a"}}`, `{"Ref": "P"}`), template(`"Parameters": {"P": {"Type": "String", "Default": "b"}}`, `{"Ref": "P"}`),
			[]string{"A destroys"},
		},
		"a parameter inside a text": {
			template(`"Parameters": {"P": {"Type": "String", "Default": "a"}}`, `{"Fn::Sub": "x-${P}"}`), template(`"Parameters": {"P": {"Type": "String", "Default": "b"}}`, `{"Fn::Sub": "x-${P}"}`),
			[]string{"A destroys"},
		},
		"a mapping": {
			template(`"Mappings": {"M": {"a": {"b": "c"}}}`, `{"Fn::FindInMap": ["M", "a", "b"]}`), template(`"Mappings": {"M": {"a": {"b": "d"}}}`, `{"Fn::FindInMap": ["M", "a", "b"]}`),
			[]string{"A destroys"},
		},
		"a condition": {
			template(`"Conditions": {"C": {"Fn::Equals": ["a", "a"]}}`, `{"Fn::If": ["C", "a", "b"]}`), template(`"Conditions": {"C": {"Fn::Equals": ["a", "b"]}}`, `{"Fn::If": ["C", "a", "b"]}`),
			[]string{"A destroys"},
		},
		"a condition that only the account can tell": {
			template(`"Conditions": {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "a"]}}`, `{"Fn::If": ["C", "a", "b"]}`), template(`"Conditions": {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "b"]}}`, `{"Fn::If": ["C", "a", "b"]}`),
			[]string{"A destroys maybe", "A unknown maybe"},
		},
		"a condition that turns false takes its resource away": {
			`{"Conditions": {"C": {"Fn::Equals": ["a", "a"]}}, "Resources": {` + one("A", "AWS::RDS::DBCluster", "", deleted, `"Condition": "C"`) + `}}`,
			`{"Conditions": {"C": {"Fn::Equals": ["a", "b"]}}, "Resources": {` + one("A", "AWS::RDS::DBCluster", "", deleted, `"Condition": "C"`) + `}}`,
			[]string{"A destroys"},
		},
		"a condition of a resource that only the account can tell": {
			`{"Resources": {` + one("A", "AWS::RDS::DBCluster", "", deleted) + `}}`,
			`{"Conditions": {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "b"]}}, "Resources": {` + one("A", "AWS::RDS::DBCluster", "", deleted, `"Condition": "C"`) + `}}`,
			[]string{"A destroys maybe"},
		},
		"a parameter that nobody uses": {
			template(`"Parameters": {"P": {"Type": "String", "Default": "a"}}`, `"k"`), template(`"Parameters": {"P": {"Type": "String", "Default": "b"}}`, `"k"`),
			[]string{},
		},
		"a macro": {template(`"Transform": "A"`, `"k"`), template(`"Transform": ["A", "B"]`, `"k"`), []string{"unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ElementsMatch(t, c.want, verdictsOf(compare(t, map[string]string{"s": c.before}, map[string]string{"s": c.after})))
		})
	}
}

// A deployed template may have a type that the platform has no more, and that the
// committed extract lacks.
func TestATypeOfThePastIsLookedUpInTheWholeDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json.gz")
	file, err := os.Create(path)
	require.NoError(t, err)
	packed := gzip.NewWriter(file)
	_, err = packed.Write([]byte(`{"schema": {"resource": {"entities": [{"cloudFormationType": "AWS::Past::Store", "isStateful": true,
		"properties": {"Name": {"causesReplacement": "yes", "type": {"type": "string"}}, "Size": {"type": {"type": "string"}}}}]}, "typeDefinition": {"entities": []}}}`))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	require.NoError(t, file.Close())

	base := load(t, map[string]string{"s": resources(one("A", "AWS::Past::Store", `"Name": "a", "Size": 1`))})
	for template, want := range map[string][]string{
		resources(one("A", "AWS::Past::Store", `"Name": "b", "Size": 1`)): {"A destroys"},
		resources(one("A", "AWS::Past::Store", `"Name": "a", "Size": 2`)): {"A unknown"},
		resources(""): {"A destroys"},
	} {
		head := load(t, map[string]string{"s": template})
		types, err := LoadSchemas(path, base, head)
		require.NoError(t, err)
		assert.Equal(t, want, verdictsOf(Compare(base, head, types)))
	}
}

func TestWhatMovesTheTrafficOfAListenerIsTold(t *testing.T) {
	rule := func(weight string) string {
		return one("Rule", listenerRule, `"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "b", "Weight": `+weight+`}]}}]`) + "," +
			one("Record", "AWS::Route53::RecordSet", `"Name": "a", "Weight": `+weight)
	}
	report := compare(t, map[string]string{"s": resources(rule("100"))}, map[string]string{"s": resources(rule("0"))})
	require.Equal(t, 2, report.Count(Traffic))
	require.Len(t, report.TrafficRules(), 1)
	assert.Equal(t, "Rule", report.TrafficRules()[0].Resource)
	for action, touched := range map[string]int{"forward": 1, "redirect": 0} {
		tags := func(value string) string {
			return one("Rule", listenerRule, `"Actions": [{"Type": "`+action+`"}], "Tags": [{"Key": "a", "Value": "`+value+`"}]`)
		}
		report = compare(t, map[string]string{"s": resources(tags("a"))}, map[string]string{"s": resources(tags("b"))})
		assert.Len(t, report.TrafficRules(), touched, action)
	}
}

func TestTheWorstStandsFirst(t *testing.T) {
	report := compare(t, map[string]string{"a": resources(pairs["fewer days of backup"].before), "b": resources(pairs["a renamed bucket of another name is no move"].before)},
		map[string]string{"a": resources(pairs["fewer days of backup"].after), "b": resources(pairs["a renamed bucket of another name is no move"].after)})
	require.Len(t, report.Findings, 3)
	assert.Equal(t, []string{"A destroys", "A weakens"}, verdictsOf(report))
	assert.Equal(t, Destroys, report.Worst())
	assert.Equal(t, 2, report.Open())
	assert.False(t, report.Passes())
}

func TestEverySourceOfARuleIsADocumentOfAWS(t *testing.T) {
	for kind, rows := range rules {
		for _, one := range rows {
			for _, out := range one.outcomes {
				assert.NotEmpty(t, out.text, ruleName(kind, one.path, out.on))
				if out.source != "" {
					assert.Regexp(t, `^https://docs\.aws\.amazon\.com/.+\.html$`, out.source, ruleName(kind, one.path, out.on))
				}
			}
		}
	}
}
