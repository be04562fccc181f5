package changes

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// CloudFormation makes what is new before it deletes what goes ("Update behaviors of
// stack resources"), so that what is taken is still taken.
var refused = map[string]pair{
	"a name that another logical ID takes over": {
		one("A", "AWS::SQS::Queue", `"QueueName": "q"`), one("B", "AWS::SQS::Queue", `"QueueName": "q"`),
		[]string{"A interrupts", "B refused"}, "it is made while A still has its name: q",
	},
	"a priority that another rule still has": {
		one("A", listenerRule, `"ListenerArn": "l", "Priority": 1`) + "," + one("B", listenerRule, `"ListenerArn": "l", "Priority": 2`),
		one("A", listenerRule, `"ListenerArn": "l", "Priority": 3`) + "," + one("B", listenerRule, `"ListenerArn": "l", "Priority": 1`),
		[]string{"A traffic", "B refused", "B traffic"}, "it is made while A still has its name: 1",
	},
	"a priority of another listener": {
		one("A", listenerRule, `"ListenerArn": "l", "Priority": 1`), one("A", listenerRule, `"ListenerArn": "l", "Priority": 1`) + "," + one("B", listenerRule, `"ListenerArn": "m", "Priority": 1`),
		[]string{"B traffic", "B widens"}, "",
	},
	"a name that is kept by what is made anew": {
		one("A", "AWS::RDS::DBCluster", `"DBClusterIdentifier": "c", "KmsKeyId": "k"`, retained), one("A", "AWS::RDS::DBCluster", `"DBClusterIdentifier": "c", "KmsKeyId": "l"`, retained),
		[]string{"A destroys", "A refused"}, "the new one is made while the old one still has its name: c",
	},
	"a name in something that is made anew too": {
		one("V", "AWS::EC2::VPC", `"CidrBlock": "10.0.0.0/16"`) + "," + one("S", "AWS::EC2::Subnet", `"VpcId": {"Ref": "V"}, "CidrBlock": "10.0.0.0/24"`),
		one("V", "AWS::EC2::VPC", `"CidrBlock": "10.1.0.0/16"`) + "," + one("S", "AWS::EC2::Subnet", `"VpcId": {"Ref": "V"}, "CidrBlock": "10.0.0.0/24"`),
		[]string{"S replaces", "V replaces"}, "",
	},
	"resources that wait for each other": {
		one("A", "AWS::SNS::Topic", `"DisplayName": {"Ref": "B"}`) + "," + one("B", "AWS::SNS::Topic", `"DisplayName": "b"`),
		one("A", "AWS::SNS::Topic", `"DisplayName": {"Ref": "B"}`) + "," + one("B", "AWS::SNS::Topic", `"DisplayName": {"Ref": "A"}`),
		[]string{"refused"}, "none can be made before the other: A, B",
	},
	"how CloudFormation updates": {
		one("A", cacheGroup, "", retained, `"UpdatePolicy": {"UseOnlineResharding": true}`), one("A", cacheGroup, "", retained),
		[]string{"A unknown"}, "how CloudFormation updates it",
	},
	"a policy that goes with its role": {
		one("Role", role, `"Path": "/"`) + "," + one("P", "AWS::IAM::Policy", `"Roles": [{"Ref": "Role"}]`), "",
		[]string{"Role interrupts"}, "removed with what it served",
	},
	"a policy that goes from one of its roles": {
		one("Role", role, `"Path": "/"`) + "," + one("P", "AWS::IAM::Policy", `"Roles": [{"Ref": "Role"}]`), one("Role", role, `"Path": "/"`),
		[]string{"P interrupts"}, "who needs its permissions is refused",
	},
	"a role that goes with its only user": {
		one("Role", role, `"Path": "/"`) + "," + one("F", "AWS::Lambda::Function", `"Role": {"Ref": "Role"}`), "",
		[]string{"F interrupts"}, "removed with what it served",
	},
}

func TestWhatCloudFormationRefusesIsSaid(t *testing.T) {
	for name, p := range refused {
		t.Run(name, p.check)
	}
}

func TestAnOutputThatIsReadStays(t *testing.T) {
	reader := resources(one("A", "AWS::SNS::Topic", `"DisplayName": {"Fn::GetStackOutput": {"StackName": "a", "OutputName": "O"}}`))
	with := `{"Resources": {` + one("T", "AWS::SNS::Topic", "") + `}, "Outputs": {"O": {"Value": {"Ref": "T"}}}}`
	without := `{"Resources": {` + one("T", "AWS::SNS::Topic", "") + `}}`
	report := compare(t, map[string]string{"a": with, "b": reader}, map[string]string{"a": without, "b": reader})
	assert.Equal(t, []string{"A refused"}, verdictsOf(report))
	assert.Contains(t, texts(report), "the output O of a, which is not there")
}
