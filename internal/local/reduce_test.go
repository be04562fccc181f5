package local

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// A reference to a resource that was left out would fail the whole stack.
func TestNothingRefersToALeftOutResource(t *testing.T) {
	const template = `{
	 "Resources": {
	  "Cache": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {}},
	  "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": ["Cache"], "Properties": {
	    "Count": 1000000,
	    "Name": {"Ref": "Cache"},
	    "Arn": {"Fn::GetAtt": ["Cache", "Arn"]},
	    "Port": {"Fn::GetAtt": ["Cache", "Endpoint.Port"]},
	    "Text": {"Fn::Sub": "a ${Cache} b ${Cache.Arn} c ${Other} d ${AWS::Region}"},
	    "Pair": {"Fn::Sub": ["${Cache} ${x}", {"x": {"Ref": "Cache"}}]},
	    "Joined": {"Fn::Join": ["-", ["a", {"Ref": "Cache"}]]},
	    "Far": {"Fn::GetStackOutput": {"StackName": "global", "Region": "us-east-1", "OutputName": "Arn"}},
	    "Near": {"Fn::GetStackOutput": {"StackName": "global", "OutputName": "Arn"}},
	    "Kept": {"Ref": "Other"}}},
	  "Other": {"Type": "AWS::SNS::Topic", "DependsOn": ["Cache", "Topic"]},
	  "Third": {"Type": "AWS::SNS::Topic", "DependsOn": "Cache", "DeletionPolicy": "Retain"},
	  "Group": {"Type": "AWS::EC2::SecurityGroup", "DeletionPolicy": "Retain"}
	 },
	 "Outputs": {"Name": {"Value": {"Ref": "Cache"}}}
	}`
	parsed, err := cfn.Parse([]byte(template))
	require.NoError(t, err)
	stack := cfn.Stack{ID: "Staging/Data", Account: "111111111111", Region: "sa-east-1", Raw: []byte(template), Template: parsed}
	gaps := []Gap{{Stack: "Staging/Data", LogicalID: "Cache"}, {Stack: "Staging/Other", LogicalID: "Third"}}
	global := cfn.Stack{Name: "global", Region: "us-east-1", Template: cfn.Template{Outputs: map[string]cfn.Output{"Arn": {Value: "arn:live"}}}}
	reduced, err := reduce(stack, gaps, []cfn.Stack{global})
	require.NoError(t, err)
	assert.JSONEq(t, `{
	 "Resources": {
	  "Topic": {"Type": "AWS::SNS::Topic", "Properties": {
	    "Count": 1000000,
	    "Name": "not-exercised-cache",
	    "Arn": "arn:aws:elasticache:sa-east-1:111111111111:not-exercised/Cache",
	    "Port": "65535",
	    "Text": {"Fn::Join": ["", ["a not-exercised-cache b arn:aws:elasticache:sa-east-1:111111111111:not-exercised/Cache c ", {"Ref": "Other"}, " d ", {"Ref": "AWS::Region"}]]},
	    "Pair": "not-exercised-cache not-exercised-cache",
	    "Joined": "a-not-exercised-cache",
	    "Far": "arn:live",
	    "Near": {"Fn::GetStackOutput": {"StackName": "global", "OutputName": "Arn"}},
	    "Kept": {"Ref": "Other"}}},
	  "Other": {"Type": "AWS::SNS::Topic", "DependsOn": ["Topic"]},
	  "Third": {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain"},
	  "Group": {"Type": "AWS::EC2::SecurityGroup"}
	 },
	 "Outputs": {"Name": {"Value": "not-exercised-cache"}}
	}`, string(reduced))
	for range 20 {
		again, err := reduce(stack, gaps, []cfn.Stack{global})
		require.NoError(t, err)
		require.Equal(t, string(reduced), string(again), "a second run would seem to change something")
	}
}

// The CLI uploads no object whose key is in the bucket already: a changed template
// under the old key would deploy the old one.
func TestAChangedTemplateIsUploadedUnderItsOwnKey(t *testing.T) {
	source, target := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	writeAssembly(t, source, platform())
	copied, err := newWorkspace(source, target)
	require.NoError(t, err)
	stack := copied.stacks[0]
	keys := map[string]bool{}
	for _, template := range []string{`{"Resources": {}}`, `{"Resources": {"A": {}}}`} {
		require.NoError(t, copied.write(stack, []byte(template)))
		keys[keyOf(t, target, stack)] = true
	}
	assert.Len(t, keys, 2)
	original, err := os.ReadFile(stack.Path)
	require.NoError(t, err)
	assert.Equal(t, string(stack.Raw), string(original), "the synthesis is left as it is")
}

// keyOf is the key under which the copy uploads a template, which the stack must
// name too.
func keyOf(t *testing.T, dir string, stack cfn.Stack) string {
	t.Helper()
	var assets struct {
		Files map[string]struct {
			Destinations map[string]struct{ ObjectKey string }
		}
	}
	id := filepath.Base(stack.Path[:len(stack.Path)-len(".template.json")])
	content, err := os.ReadFile(filepath.Join(dir, id+".assets.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &assets))
	key := assets.Files["t"].Destinations["d"].ObjectKey
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	assert.Contains(t, string(manifest), "s3://bucket/"+key)
	return key
}
