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

func TestADirectoryWithoutTemplatesIsNoFirstDeployment(t *testing.T) {
	dir := write(t, nil)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".gitkeep"), nil, 0o600))
	_, err := Load(dir)
	require.ErrorContains(t, err, "no template in it")
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
	_, err := ReadSet(map[string][]byte{"a": []byte(`[]`), "b": []byte(`{"Resources": {"A": 1}}`)})
	require.ErrorContains(t, err, "a: not a JSON object")
	require.ErrorContains(t, err, "b: resource A: want an object, got 1")
	_, err = Load(assemblyOf(t, "1", "r", "true", `{"Resources": {"A": {"Type": 1}}}`))
	require.Error(t, err)
}

// Wherever a template has another form than the rules expect, they still end, and
// what is equal has nothing to report.
func TestNoFormOfAValueStopsTheComparison(t *testing.T) {
	types, err := LoadSchemas("none")
	require.NoError(t, err)
	for _, table := range []map[string]pair{pairs, permissions, reach, statefulPairs} {
		for name, p := range table {
			base, err := ReadSet(map[string][]byte{"s": []byte(resources(p.before))})
			require.NoError(t, err)
			var whole object
			require.NoError(t, json.Unmarshal([]byte(resources(p.after)), &whole))
			for _, form := range []any{nil, "x", []any{nil, []any{1}}, object{"Ref": "A"}, object{"Fn::Join": []any{}}} {
				eachNode(whole["Resources"], func(put func(any)) {
					put(form)
					content, err := json.Marshal(whole)
					require.NoError(t, err)
					head, err := ReadSet(map[string][]byte{"s": content})
					if err != nil {
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
		base, err := ReadSet(map[string][]byte{"s": []byte(before)})
		head, wrong := ReadSet(map[string][]byte{"s": []byte(after)})
		if err != nil || wrong != nil {
			return
		}
		types, err := LoadSchemas("none", base, head)
		require.NoError(t, err)
		_ = Compare(base, head, types)
		assert.Empty(t, Compare(head, head, types).Findings)
	})
}
