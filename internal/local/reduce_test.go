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
	    "Count": 9007199254740993,
	    "Name": {"Ref": "Cache"},
	    "Arn": {"Fn::GetAtt": ["Cache", "Arn"]},
	    "Port": {"Fn::GetAtt": ["Cache", "Endpoint.Port"]},
	    "Text": {"Fn::Sub": "a ${Cache} b ${Cache.Arn} c ${Other} d ${AWS::Region}"},
	    "Pair": {"Fn::Sub": ["${Cache} ${x}", {"x": {"Ref": "Cache"}}]},
	    "Joined": {"Fn::Join": ["-", ["a", {"Ref": "Cache"}]]},
	    "Kept": {"Ref": "Other"}}},
	  "Other": {"Type": "AWS::SNS::Topic", "DependsOn": ["Cache", "Topic"]},
	  "Third": {"Type": "AWS::SNS::Topic", "DependsOn": "Cache"}
	 },
	 "Outputs": {"Name": {"Value": {"Ref": "Cache"}}}
	}`
	stack := cfn.Stack{ID: "Staging/Data", Account: "111111111111", Region: "sa-east-1"}
	missing := map[string]Gap{"Cache": {LogicalID: "Cache", Type: "AWS::ElastiCache::ReplicationGroup"}}
	reduced, err := references{stack: stack, missing: missing}.reduce([]byte(template))
	require.NoError(t, err)
	assert.JSONEq(t, `{
	 "Resources": {
	  "Topic": {"Type": "AWS::SNS::Topic", "Properties": {
	    "Count": 9007199254740993,
	    "Name": "not-exercised-cache",
	    "Arn": "arn:aws:elasticache:sa-east-1:111111111111:not-exercised/Cache",
	    "Port": "65535",
	    "Text": {"Fn::Sub": "a not-exercised-cache b arn:aws:elasticache:sa-east-1:111111111111:not-exercised/Cache c ${Other} d ${AWS::Region}"},
	    "Pair": {"Fn::Sub": ["not-exercised-cache ${x}", {"x": "not-exercised-cache"}]},
	    "Joined": {"Fn::Join": ["-", ["a", "not-exercised-cache"]]},
	    "Kept": {"Ref": "Other"}}},
	  "Other": {"Type": "AWS::SNS::Topic", "DependsOn": ["Topic"]},
	  "Third": {"Type": "AWS::SNS::Topic"}
	 },
	 "Outputs": {"Name": {"Value": "not-exercised-cache"}}
	}`, string(reduced))
	assert.Contains(t, string(reduced), "9007199254740993", "numbers stay as they are written")
}

// A second run must find the same template, or it would seem to change something.
func TestAReducedTemplateIsTheSameEveryTime(t *testing.T) {
	stack := cfn.Stack{ID: "S", Account: "1", Region: "r"}
	template := []byte(`{"Resources": {"B": {"Type": "X", "Properties": {"N": {"Ref": "A"}}}, "A": {"Type": "Y::Z"}, "C": {"Type": "X"}}}`)
	missing := map[string]Gap{"A": {Type: "Y::Z"}}
	first, err := references{stack: stack, missing: missing}.reduce(template)
	require.NoError(t, err)
	for range 20 {
		again, err := references{stack: stack, missing: missing}.reduce(template)
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
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
		require.NoError(t, copied.write(stack, []byte(template), Limits{}))
		keys[keyOf(t, target, stack)] = true
	}
	assert.Len(t, keys, 2)
	original, err := os.ReadFile(stack.Path)
	require.NoError(t, err)
	assert.Equal(t, string(stack.Raw), string(original), "the synthesis is left as it is")

	require.NoError(t, copied.write(stack, []byte(`{}`), Limits{LosesRoleAccount: true}))
	manifest, err := os.ReadFile(filepath.Join(target, "manifest.json"))
	require.NoError(t, err)
	assert.Contains(t, string(manifest), "network-role", "the other stacks keep their roles")
	assert.NotContains(t, string(manifest), "data-role")
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
