package changes

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// asked is what the resource of a role's one statement is called where AWS is asked.
func asked(t *testing.T, resource string) string {
	t.Helper()
	document := func(resource string) map[string][]byte {
		return map[string][]byte{
			"app": []byte(resources(one("Role", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Sid": "s", "Effect": "Allow", "Action": "a:b", "Resource": `+resource+`}}}]`) + "," +
				one("Key", "AWS::KMS::Key", "") + "," + one("Bucket", "AWS::S3::Bucket", "") + "," + one("Cluster", "AWS::RDS::DBCluster", ""))),
			"the-data": []byte(`{"Resources": {` + one("Store", "AWS::S3::Bucket", "") + `}, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Store", "Arn"]}}}}`),
		}
	}
	base, err := ReadSet(document(`"another"`))
	require.NoError(t, err)
	head, err := ReadSet(document(resource))
	require.NoError(t, err)
	stacks := []cfn.Stack{{Name: "app", Account: "1", Region: "r"}, {Name: "the-data", Account: "1", Region: "q"}}
	found := ChangedPolicies(base, head, stacks, Report{})
	require.Len(t, found, 1)
	assert.True(t, found[0].Identity)
	var policy struct {
		Version   string
		Statement []struct{ Sid, Effect, Resource string }
	}
	require.NoError(t, json.Unmarshal([]byte(found[0].After), &policy))
	assert.Equal(t, "2012-10-17", policy.Version)
	assert.Empty(t, policy.Statement[0].Sid, "two policies may use the same")
	return policy.Statement[0].Resource
}

func TestAReferenceHasOneNameForWhatItLeadsTo(t *testing.T) {
	for resource, want := range map[string]string{
		`{"Fn::GetAtt": ["Key", "Arn"]}`:                                                                         "arn:aws:kms:r:1:key/app-Key",
		`{"Fn::Sub": "${Key.Arn}"}`:                                                                              "arn:aws:kms:r:1:key/app-Key",
		`{"Fn::Sub": "${Bucket.Arn}/*"}`:                                                                         "arn:aws:s3:::app-Bucket/*",
		`{"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/${!aws:username}"}`:                                   "arn:aws:s3:::app-Bucket/${aws:username}",
		`{"Fn::GetStackOutput": {"StackName": "the-data", "OutputName": "Arn", "Region": "q"}}`:                  "arn:aws:s3:::the-data-Store",
		`{"Fn::Sub": ["${A}/*", {"A": {"Fn::GetStackOutput": {"StackName": "the-data", "OutputName": "Arn"}}}]}`: "arn:aws:s3:::the-data-Store/*",
		`"arn:aws:s3:::literal"`:                                                                                 "arn:aws:s3:::literal",
		`{"Fn::GetAtt": ["Cluster", "MasterUserSecret.SecretArn"]}`:                                              "arn:aws:rds:r:1:app-Cluster-MasterUserSecret-SecretArn",
	} {
		assert.Equal(t, want, asked(t, resource), resource)
	}
}

// Two things under one name would make AWS say that nothing new is granted.
func TestWhatDiffersHasNamesThatDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, resource := range []string{
		`{"Fn::GetAtt": ["Key", "Arn"]}`, `{"Fn::GetAtt": ["Bucket", "Arn"]}`, `{"Fn::GetAtt": ["Cluster", "DBClusterArn"]}`, `{"Fn::GetAtt": ["Cluster", "Other"]}`,
		`{"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "Key"}]}]}`, `{"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Key"}]}]}`,
		`{"Fn::If": ["C", {"Ref": "Key"}, "a"]}`, `{"Fn::If": ["C", {"Ref": "Bucket"}, "a"]}`, `{"Ref": "Parameter"}`, `{"Ref": "Other"}`,
		`{"Fn::ImportValue": "a"}`, `{"Fn::ImportValue": "b"}`, `{"Fn::GetStackOutput": {"StackName": "x-y", "OutputName": "O"}}`, `{"Fn::GetStackOutput": {"StackName": "x-y", "OutputName": "P"}}`,
	} {
		name := asked(t, resource)
		assert.Empty(t, seen[name], "%s and %s are both %s", resource, seen[name], name)
		seen[name] = resource
	}
}
