package changes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatCloudFormationReturnsIsATemplate(t *testing.T) {
	plain := resources(one("A", "AWS::S3::Bucket", "", retained))
	for name, content := range map[string]string{
		"the template":          plain,
		"the CLI's answer":      `{"TemplateBody": ` + plain + `, "StagesAvailable": ["Original"]}`,
		"the template, as text": `{"TemplateBody": "{\"Resources\": {\"A\": {\"Type\": \"AWS::S3::Bucket\"}}}"}`,
	} {
		t.Run(name, func(t *testing.T) {
			set := load(t, map[string]string{"wallet-staging-data": content})
			assert.Equal(t, []string{"wallet-staging-data"}, set.Stacks())
			assert.Equal(t, "AWS::S3::Bucket", set.stacks["wallet-staging-data"].resources["A"].kind)
		})
	}
}

func TestADirectoryWithoutTemplatesIsEmptyAndNoErrorYet(t *testing.T) {
	dir := write(t, nil)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".gitkeep"), nil, 0o600))
	set, err := Load(dir)
	require.NoError(t, err)
	assert.Empty(t, set.Stacks())
	_, err = Load(filepath.Join(dir, "missing"))
	require.Error(t, err)
}

// A deployed stack that is not read would be a first deployment, and safe.
func TestWhatIsNotReadIsNoFirstDeployment(t *testing.T) {
	for _, name := range []string{"wallet-staging-data.yaml", "wallet-staging-data.yml", "wallet-staging-data.template", "README.txt", "more"} {
		dir := write(t, map[string]string{"a": resources(one("A", "AWS::S3::Bucket", "", retained))})
		if name == "more" {
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		} else {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("Resources: {}"), 0o600))
		}
		_, err := Load(dir)
		assert.ErrorContains(t, err, name+": want templates in JSON and nothing beside them")
	}
}

// Whoever mends a broken input wants to hear everything that is wrong with it.
func TestEverythingThatCannotBeReadIsReported(t *testing.T) {
	dir := write(t, map[string]string{
		"cut-off":      `{"Resources": {`,
		"a-list":       `[]`,
		"two":          `{"Resources": {}} {}`,
		"null":         `null`,
		"nothing":      `{}`,
		"resources":    `{"Resources": []}`,
		"yaml":         `{"TemplateBody": "Resources:\n  A: 1"}`,
		"body":         `{"TemplateBody": 1}`,
		"a-resource":   `{"Resources": {"A": 1, "B": null, "C": {}, "D": {"Type": 5}, "E": {"Type": "T", "Properties": []}, "F": {"Type": "T", "DeletionPolicy": {}}}}`,
		"a-function":   `{"Resources": {"A": {"Type": "T", "Properties": {"Fn::If": ["a", {"B": 1}, {}]}}}}`,
		"other-fields": `{"Resources": {"A": {"Type": "T"}}, "Outputs": 1, "Parameters": [], "Mappings": "", "Conditions": 2}`,
	})
	_, err := Load(dir)
	require.Error(t, err)
	for _, want := range []string{
		"cut-off.template.json: not a JSON object", "a-list.template.json: not a JSON object", "two.template.json: not a JSON object: something follows",
		"null.template.json: no Resources", "nothing.template.json: no Resources", "resources.template.json: Resources: want an object, got []",
		"yaml.template.json: TemplateBody: not a JSON object", "body.template.json: TemplateBody: want a template, got 1",
		"resource A: want an object, got 1", "resource B: want an object, got nothing", "resource C: Type: want a text", "resource D: Type: want a text, got 5",
		"resource E: Properties: want an object, got []", "resource F: DeletionPolicy: want a text, got {}",
		"a-function.template.json: resource A: Properties: want an object", "Outputs: want an object", "Parameters: want an object", "Mappings: want an object", "Conditions: want an object",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestTwoTemplatesOfOneStackAreRefused(t *testing.T) {
	dir := write(t, map[string]string{"a": resources("")})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.json"), []byte(resources("")), 0o600))
	_, err := Load(dir)
	require.ErrorContains(t, err, "a second template of the stack a")
}

func TestABrokenAssemblyIsNoEmptyOne(t *testing.T) {
	_, err := Load(assemblyOf(t, "1", "r", "true", `{"Resources": {"A": {"Type": 1}}}`))
	require.Error(t, err)
	_, err = Load(write(t, map[string]string{}))
	require.NoError(t, err)
}

// Wherever a template has another form than the rules expect, they still end, and
// what is equal has nothing to report.
func TestNoFormOfAValueStopsTheComparison(t *testing.T) {
	types, err := LoadSchemas("none")
	require.NoError(t, err)
	for _, table := range []map[string]pair{pairs, permissions, reach, statefulPairs} {
		for name, p := range table {
			base := Set{stacks: map[string]stack{}}
			require.NoError(t, base.add(stack{name: "s"}, name, []byte(resources(p.before))))
			var whole object
			require.NoError(t, json.Unmarshal([]byte(resources(p.after)), &whole))
			for _, form := range []any{nil, "x", []any{nil, []any{1}}, object{"Ref": "A"}, object{"Fn::Join": []any{}}} {
				eachNode(whole["Resources"], func(put func(any)) {
					put(form)
					content, err := json.Marshal(whole)
					require.NoError(t, err)
					head := Set{stacks: map[string]stack{}}
					if head.add(stack{name: "s"}, name, content) != nil {
						return // what is no template was refused
					}
					Compare(base, head, types)
					require.Emptyf(t, Compare(head, head, types).Findings, "%s: %s", name, content)
				})
			}
		}
	}
}

// eachNode visits every place below a value, lets it be filled with something else,
// and restores it.
func eachNode(value any, visit func(put func(any))) {
	switch v := value.(type) {
	case object:
		for key, inner := range v {
			visit(func(other any) { v[key] = other })
			v[key] = inner
			eachNode(inner, visit)
		}
	case []any:
		for i, inner := range v {
			visit(func(other any) { v[i] = other })
			v[i] = inner
			eachNode(inner, visit)
		}
	}
}

// Templates come from outside. Whatever stands in them, a comparison ends with a
// report, and a template compared with itself has nothing to report.
func FuzzCompare(f *testing.F) {
	for _, table := range []map[string]pair{pairs, permissions, reach, statefulPairs} {
		for _, p := range table {
			f.Add(resources(p.before), resources(p.after))
		}
	}
	f.Add(network("10.0.0.0/16"), data(`{"Fn::GetStackOutput": {}}`))
	f.Add(`{"Resources": {"A": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [null, 1, {"PolicyDocument": {"Statement": [[], {"Effect": "Allow", "Action": {}, "Principal": {"AWS": []}}]}}]}}}}`,
		`{"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": {"Fn::If": []}, "SecurityGroupEgress": [[], {"CidrIp": {"Ref": {}}}]}}}}`)
	f.Add(`{"Resources": {"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBClusterIdentifier": {"Ref": "A"}, "AvailabilityZone": {"Fn::GetAtt": ["A", "x"]}}}}}`,
		`{"Resources": {"A": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBClusterIdentifier": {"Ref": "A"}, "AvailabilityZone": "b", "DBInstanceIdentifier": {"Fn::Sub": ["${A}${B}", {"B": {"Ref": "A"}}]}}}}}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		base, head := Set{stacks: map[string]stack{}}, Set{stacks: map[string]stack{}}
		if base.add(stack{name: "s"}, "before", []byte(before)) != nil || head.add(stack{name: "s"}, "after", []byte(after)) != nil {
			return
		}
		types, err := LoadSchemas("none", base, head)
		require.NoError(t, err)
		_ = Compare(base, head, types)
		assert.Empty(t, Compare(head, head, types).Findings)
	})
}
