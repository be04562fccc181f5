package cfn

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const topic = `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`

// Taken for nothing, a directory that was not read would be a first deployment, of
// which nothing is judged.
func TestADirectoryThatIsNotReadIsNeverAnEmptyOne(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing in it":           {nil, "no template in it"},
		"hidden files alone":      {map[string]string{".gitkeep": ""}, "no template in it"},
		"YAML alone":              {map[string]string{"a.yaml": "Resources: {}"}, "a.yaml: want templates in JSON and nothing beside them"},
		"YAML beside JSON":        {map[string]string{"a.json": topic, "b.yml": "Resources: {}"}, "b.yml: want templates in JSON and nothing beside them"},
		"a directory beside JSON": {map[string]string{"a.json": topic, "more/b.json": topic}, "more: want templates in JSON and nothing beside them"},
		"one stack twice":         {map[string]string{"a.json": topic, "a.template.json": topic}, "a second template of the stack a"},
		"a manifest cut off":      {map[string]string{"manifest.json": "{", "a.json": topic}, "no cloud assembly in "},
		"a file cut off":          {map[string]string{"a.json": topic, "b.json": `{"Resources": {`}, "b.json: not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadTemplates(write(t, c.files))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := ReadTemplates(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)

	stacks, err := ReadTemplates(write(t, map[string]string{"b.template.json": topic, "a.json": topic}))
	require.NoError(t, err)
	require.Len(t, stacks, 2)
	assert.Equal(t, "a", stacks[0].Name)
	assert.Equal(t, "AWS::SNS::Topic", stacks[1].Template.Resources["T"].Type)
	stacks, err = ReadTemplates(write(t, nested))
	require.NoError(t, err)
	assert.Equal(t, "210987654321", stacks[0].Account, "an assembly knows where its stacks are")
}

func TestATemplateIsReadWithAllThatItSays(t *testing.T) {
	template := parsed(t, `{"Transform": "M", "Resources": {"A": {"Type": "T", "DependsOn": ["B", "C"], "Condition": "If", "DeletionPolicy": "Retain",
		"UpdateReplacePolicy": "Delete", "UpdatePolicy": {"U": true}, "Metadata": {"aws:cdk:path": "Staging/A"}, "Properties": {"P": 1}},
		"B": {"Type": "T", "DependsOn": "C"}}, "Outputs": {"O": {"Value": {"Ref": "A"}, "Export": {"Name": "e"}, "Condition": "If"}},
		"Parameters": {"N": {"Type": "String"}}, "Mappings": {"M": {"a": {"b": "c"}}}, "Conditions": {"If": {"Fn::Equals": [1, 1]}}}`)
	a := template.Resources["A"]
	assert.Equal(t, Resource{ID: "A", Type: "T", DependsOn: []string{"B", "C"}, Condition: "If", DeletionPolicy: "Retain", UpdateReplacePolicy: "Delete",
		UpdatePolicy: Object{"U": true}, Metadata: Object{"aws:cdk:path": "Staging/A"}, Properties: Object{"P": 1.0}}, a)
	assert.Equal(t, "Staging/A", a.Path())
	assert.Equal(t, []string{"C"}, template.Resources["B"].DependsOn)
	assert.Equal(t, []string{"A", "B"}, template.IDs())
	assert.Equal(t, Output{Value: Object{"Ref": "A"}, Export: "e", Condition: "If"}, template.Outputs["O"])
	assert.Equal(t, "M", template.Transform)
	assert.Equal(t, "c", Lookup(template.Mappings["M"], "a", "b"))
	assert.Len(t, template.Conditions, 1)
	assert.Equal(t, "String", template.Parameters["N"]["Type"])
}

// The AWS CLI's answer to get-template holds the template as an object or a text.
// https://docs.aws.amazon.com/cli/latest/reference/cloudformation/get-template.html
func TestWhatGetTemplateAnswersIsATemplate(t *testing.T) {
	for _, content := range []string{topic, `{"TemplateBody": ` + topic + `, "StagesAvailable": ["Original"]}`,
		`{"TemplateBody": "{\"Resources\": {\"T\": {\"Type\": \"AWS::SNS::Topic\"}}}"}`} {
		assert.Equal(t, []string{"T"}, parsed(t, content).IDs(), content)
	}
}

// Whoever mends a broken input wants to hear everything that is wrong with it.
func TestEverythingThatIsWrongWithATemplateIsReported(t *testing.T) {
	for content, wants := range map[string][]string{
		`{"Resources": {`:                        {"not a JSON object"},
		`[]`:                                     {"not a JSON object"},
		topic + ` {}`:                            {"something follows it"},
		`null`:                                   {"no Resources: not a template"},
		`{"Resources": {}}`:                      {"no Resources: not a template"},
		`{"Resources": []}`:                      {"Resources: want an object, got []"},
		`{"TemplateBody": "Resources:\n  A: 1"}`: {"TemplateBody: not a JSON object"},
		`{"TemplateBody": 1}`:                    {"TemplateBody: want a template, got 1"},
		`{"Resources": {"A": 1, "B": null, "C": {}, "D": {"Type": 5}, "E": {"Type": "T", "Properties": []}, "F": {"Type": "T", "DeletionPolicy": {}},
			"G": {"Type": "T", "Properties": {"Fn::If": ["a", {}, {}]}}, "H": {"Type": "T", "DependsOn": [1]}, "I": {"Type": "T", "Condition": {"Fn::Not": []}}}}`: {
			"resource A: want an object, got 1", "resource B: want an object, got nothing", "resource C: Type: want a text", "resource D: Type: want a text, got 5",
			"resource E: Properties: want an object, got []", "resource F: DeletionPolicy: want a text, got {}", "resource G: Properties: want an object",
			"resource H: DependsOn: want logical IDs, got 1", "resource I: Condition: want a text",
		},
		`{"Resources": {"A": {"Type": "T"}}, "Outputs": {"O": 1}, "Parameters": {"P": 2}, "Mappings": {"M": 3}, "Conditions": 4}`: {
			"output O: want an object, got 1", "parameter P: want an object, got 2", "mapping M: want an object, got 3", "Conditions: want an object, got 4",
		},
	} {
		_, err := Parse([]byte(content))
		require.Error(t, err, content)
		for _, want := range wants {
			assert.ErrorContains(t, err, want)
		}
	}
}
