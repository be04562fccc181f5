package cfn

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wallet is a stack of São Paulo with what the functions are asked about.
const wallet = `{
	"Parameters": {
		"Size": {"Type": "String", "Default": "large"},
		"Count": {"Type": "Number", "Default": 3},
		"Given": {"Type": "String", "Default": "no"},
		"Open": {"Type": "String"},
		"Zones": {"Type": "CommaDelimitedList", "Default": "a, b ,c"},
		"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/version"},
		"Path": {"Type": "AWS::SSM::Parameter::Name", "Default": "/wallet/path"}},
	"Mappings": {"Sizes": {"sa-east-1": {"large": "r6g.large", "list": ["x", "y"]}}},
	"Conditions": {
		"Large": {"Fn::Equals": [{"Ref": "Size"}, "large"]},
		"Home": {"Fn::Equals": [{"Ref": "AWS::Region"}, "sa-east-1"]},
		"Both": {"Fn::And": [{"Condition": "Large"}, {"Condition": "Home"}]},
		"Neither": {"Fn::Not": [{"Fn::Or": [{"Condition": "Large"}, {"Condition": "Home"}]}]},
		"Asked": {"Fn::Equals": [{"Ref": "Open"}, "yes"]},
		"AskedAndSmall": {"Fn::And": [{"Condition": "Asked"}, {"Fn::Not": [{"Condition": "Large"}]}]},
		"AskedOrLarge": {"Fn::Or": [{"Condition": "Asked"}, {"Condition": "Large"}]},
		"AskedAndLarge": {"Fn::And": [{"Condition": "Large"}, {"Condition": "Asked"}]},
		"Circle": {"Fn::Not": [{"Condition": "Circle"}]}},
	"Resources": {
		"Key": {"Type": "AWS::KMS::Key"},
		"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::Sub": "wallet-${Size}"}}}},
	"Outputs": {
		"Name": {"Value": {"Fn::GetAtt": ["Topic", "TopicName"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:name"}}},
		"Maybe": {"Value": "x", "Condition": "Asked"},
		"Round": {"Value": {"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Round"}}}}}`

// abroad is a stack of another region.
const abroad = `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Region": {"Value": {"Ref": "AWS::Region"}, "Export": {"Name": "abroad:region"}}}}`

func parsed(t *testing.T, content string) Template {
	t.Helper()
	template, err := Parse([]byte(content))
	require.NoError(t, err)
	return template
}

func decoded(t *testing.T, content string) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(content), &value), content)
	return value
}

// resolved resolves a value in the wallet's stack, where topics have names.
func resolved(t *testing.T, value string) any {
	t.Helper()
	in := Stack{Name: "wallet", Account: "111122223333", Region: "sa-east-1", Template: parsed(t, wallet), Parameters: map[string]string{"Given": "yes"}}
	other := Stack{Name: "wallet", Account: "111122223333", Region: "us-east-1", Template: parsed(t, abroad)}
	r := Resolver{Stacks: []Stack{in, other}, Attribute: func(_ Stack, of Resource, attribute string, resolve func(any) any) (any, bool) {
		return resolve(of.Properties[attribute]), of.Type == "AWS::SNS::Topic" && attribute == "TopicName"
	}}
	return r.Resolve(in, decoded(t, value))
}

// Each row is a rule of AWS's reference of the intrinsic functions, by its page below
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/. A row whose
// want is another call, or the same, is one that the template does not answer.
func TestEveryFunctionStandsForWhatAWSDocuments(t *testing.T) {
	for page, rows := range map[string][][2]string{
		"intrinsic-function-reference-ref.html": {
			{`{"Ref": "Size"}`, `"large"`},
			{`{"Ref": "Given"}`, `"yes"`},
			{`{"Ref": "Count"}`, `"3"`},
			{`{"Ref": "Open"}`, `{"Ref": "Open"}`},
			{`{"Ref": "Zones"}`, `["a", "b", "c"]`},
			{`{"Ref": "Version"}`, `{"Ref": "Version"}`},
			{`{"Ref": "Path"}`, `"/wallet/path"`},
			{`{"Ref": "Key"}`, `{"Ref": "Key"}`},
			{`{"Ref": "Nobody"}`, `{"Ref": "Nobody"}`},
		},
		"pseudo-parameter-reference.html": {
			{`{"Ref": "AWS::AccountId"}`, `"111122223333"`},
			{`{"Ref": "AWS::Region"}`, `"sa-east-1"`},
			{`{"Ref": "AWS::Partition"}`, `"aws"`},
			{`{"Ref": "AWS::URLSuffix"}`, `"amazonaws.com"`},
			{`{"Ref": "AWS::StackName"}`, `"wallet"`},
			{`{"Ref": "AWS::StackId"}`, `{"Ref": "AWS::StackId"}`},
			{`{"A": {"Ref": "AWS::NoValue"}, "B": 1}`, `{"B": 1}`},
			{`["x", {"Ref": "AWS::NoValue"}]`, `["x"]`},
		},
		"intrinsic-function-reference-getatt.html": {
			{`{"Fn::GetAtt": ["Topic", "TopicName"]}`, `"wallet-large"`},
			{`{"Fn::GetAtt": "Topic.TopicName"}`, `"wallet-large"`},
			{`{"Fn::GetAtt": "Topic.A.B"}`, `{"Fn::GetAtt": ["Topic", "A.B"]}`},
			{`{"Fn::GetAtt": ["Key", "Arn"]}`, `{"Fn::GetAtt": ["Key", "Arn"]}`},
		},
		"intrinsic-function-reference-sub.html": {
			{`{"Fn::Sub": "no variable"}`, `"no variable"`},
			{`{"Fn::Sub": "${Size}-${AWS::Region}"}`, `"large-sa-east-1"`},
			{`{"Fn::Sub": ["${A}-${Size}", {"A": {"Ref": "Count"}}]}`, `"3-large"`},
			{`{"Fn::Sub": ["${Size}", {"Size": "own"}]}`, `"own"`},
			{`{"Fn::Sub": "${!Size}"}`, `"${Size}"`},
			{`{"Fn::Sub": "${Topic.TopicName}!"}`, `"wallet-large!"`},
			{`{"Fn::Sub": "a-${Key.Arn}-${Size}"}`, `{"Fn::Join": ["", ["a-", {"Fn::GetAtt": ["Key", "Arn"]}, "-large"]]}`},
			{`{"Fn::Sub": "${Key}"}`, `{"Ref": "Key"}`},
			{`{"Fn::Sub": "${unclosed"}`, `"${unclosed"`},
		},
		"intrinsic-function-reference-join.html": {
			{`{"Fn::Join": [":", ["a", "b", "c"]]}`, `"a:b:c"`},
			{`{"Fn::Join": ["", []]}`, `""`},
			{`{"Fn::Join": [",", {"Ref": "Zones"}]}`, `"a,b,c"`},
			{`{"Fn::Join": ["/", ["a", {"Ref": "Key"}, "b"]]}`, `{"Fn::Join": ["", ["a/", {"Ref": "Key"}, "/b"]]}`},
			{`{"Fn::Join": ["-", [{"Fn::If": ["Asked", "a", {"Ref": "AWS::NoValue"}]}, "b"]]}`, `{"Fn::Join": ["-", [{"Fn::If": ["Asked", "a", {"Ref": "AWS::NoValue"}]}, "b"]]}`},
		},
		"intrinsic-function-reference-select.html": {
			{`{"Fn::Select": ["1", ["a", "b"]]}`, `"b"`},
			{`{"Fn::Select": [2, {"Ref": "Zones"}]}`, `"c"`},
			{`{"Fn::Select": [9, ["a"]]}`, `{"Fn::Select": [9, ["a"]]}`},
			{`{"Fn::Select": [0, {"Fn::GetAZs": ""}]}`, `{"Fn::Select": [0, {"Fn::GetAZs": ""}]}`},
		},
		"intrinsic-function-reference-split.html": {
			{`{"Fn::Split": ["|", "a||c|"]}`, `["a", "", "c", ""]`},
			{`{"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]}`, `"sa"`},
			{`{"Fn::Split": ["/", {"Ref": "Key"}]}`, `{"Fn::Split": ["/", {"Ref": "Key"}]}`},
		},
		"intrinsic-function-reference-conditions.html": {
			{`{"Fn::If": ["Large", "yes", "no"]}`, `"yes"`},
			{`{"Fn::If": ["Both", "yes", "no"]}`, `"yes"`},
			{`{"Fn::If": ["Neither", "yes", "no"]}`, `"no"`},
			{`{"A": {"Fn::If": ["Neither", "yes", {"Ref": "AWS::NoValue"}]}}`, `{}`},
			{`{"Fn::If": ["Asked", "yes", {"Ref": "Size"}]}`, `{"Fn::If": ["Asked", "yes", "large"]}`},
			{`{"Fn::If": ["Asked", "large", {"Ref": "Size"}]}`, `"large"`},
			{`{"Fn::If": ["AskedAndSmall", "yes", "no"]}`, `"no"`},
			{`{"Fn::If": ["AskedOrLarge", "yes", "no"]}`, `"yes"`},
			{`{"Fn::If": ["AskedAndLarge", "yes", "no"]}`, `{"Fn::If": ["AskedAndLarge", "yes", "no"]}`},
			{`{"Fn::If": ["Circle", "yes", "no"]}`, `{"Fn::If": ["Circle", "yes", "no"]}`},
			{`{"Fn::If": ["Nobody", "yes", "no"]}`, `{"Fn::If": ["Nobody", "yes", "no"]}`},
		},
		"intrinsic-function-reference-findinmap.html": {
			{`{"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, {"Ref": "Size"}]}`, `"r6g.large"`},
			{`{"Fn::FindInMap": ["Sizes", "sa-east-1", "list"]}`, `["x", "y"]`},
			{`{"Fn::FindInMap": ["Sizes", "us-east-1", "large"]}`, `{"Fn::FindInMap": ["Sizes", "us-east-1", "large"]}`},
			{`{"Fn::FindInMap": ["Sizes", "us-east-1", "large", {"DefaultValue": "d"}]}`, `"d"`},
			{`{"Fn::FindInMap": ["Nobody", "us-east-1", "large", {"DefaultValue": "d"}]}`, `{"Fn::FindInMap": ["Nobody", "us-east-1", "large", {"DefaultValue": "d"}]}`},
			{`{"Fn::FindInMap": ["Sizes", {"Ref": "Open"}, "large", {"DefaultValue": "d"}]}`, `{"Fn::FindInMap": ["Sizes", {"Ref": "Open"}, "large", {"DefaultValue": "d"}]}`},
		},
		"intrinsic-function-reference-importvalue.html": {
			{`{"Fn::ImportValue": "wallet:name"}`, `"wallet-large"`},
			{`{"Fn::ImportValue": {"Fn::Sub": "${AWS::StackName}:name"}}`, `"wallet-large"`},
			{`{"Fn::ImportValue": "abroad:region"}`, `{"Fn::ImportValue": "abroad:region"}`},
			{`{"Fn::ImportValue": "nobody"}`, `{"Fn::ImportValue": "nobody"}`},
			{`{"Fn::ImportValue": {"Ref": "Open"}}`, `{"Fn::ImportValue": {"Ref": "Open"}}`},
		},
		"intrinsic-function-reference-getstackoutput.html": {
			{`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Name"}}`, `"wallet-large"`},
			{`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Region", "Region": "us-east-1"}}`, `"us-east-1"`},
			{`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Region"}}`, `{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Region"}}`},
			{`{"Fn::GetStackOutput": {"StackName": "nobody", "OutputName": "Name"}}`, `{"Fn::GetStackOutput": {"StackName": "nobody", "OutputName": "Name"}}`},
			{`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Maybe"}}`, `{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Maybe"}}`},
			{`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Round"}}`, `{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Round"}}`},
		},
		"intrinsic-function-reference-base64.html": {
			{`{"Fn::Base64": "wallet"}`, `"d2FsbGV0"`},
			{`{"Fn::Base64": {"Ref": "Open"}}`, `{"Fn::Base64": {"Ref": "Open"}}`},
		},
		"intrinsic-function-reference-transform.html": {
			{`{"Fn::Transform": {"Name": "M", "Parameters": {"A": {"Ref": "Size"}}}}`, `{"Fn::Transform": {"Name": "M", "Parameters": {"A": "large"}}}`},
		},
	} {
		for _, row := range rows {
			got, want := resolved(t, row[0]), decoded(t, row[1])
			assert.Equal(t, want, got, "%s: %s", page, row[0])
			assert.Equal(t, Known(want), Known(got), row[0])
		}
	}
}

// What no template says must not look like a value: neither empty nor false nor zero.
func TestTheUnknownStaysACall(t *testing.T) {
	for _, value := range []string{
		`{"Ref": "Open"}`, `{"Fn::Sub": "${Open}"}`, `[{"Ref": "Open"}]`, `{"A": {"B": {"Fn::GetAtt": ["Key", "Arn"]}}}`,
		`{"Fn::Cidr": ["10.0.0.0/16", 2, 8]}`, `{"Fn::GetAZs": ""}`, `{"Fn::If": ["Asked", "a", "b"]}`, `{"Fn::NewOne": 1}`,
	} {
		assert.False(t, Known(resolved(t, value)), value)
	}
	assert.True(t, Known(resolved(t, `{"A": [1, true, "x", {"B": {"Ref": "Size"}}]}`)))
}

func TestAPartitionIsThatOfTheRegion(t *testing.T) {
	for region, want := range map[string]string{
		"sa-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "", "eusc-de-east-1": "", "": "",
	} {
		got := Resolver{}.Resolve(Stack{Region: region}, Object{"Ref": "AWS::Partition"})
		if want == "" {
			assert.Equal(t, Object{"Ref": "AWS::Partition"}, got, region)
		} else {
			assert.Equal(t, want, got, region)
		}
	}
}

func TestAConditionIsTrueFalseOrWhatItWaitsFor(t *testing.T) {
	in := Stack{Name: "wallet", Region: "sa-east-1", Template: parsed(t, wallet)}
	waiting := Object{"Fn::Equals": []any{Object{"Ref": "Open"}, "yes"}}
	for name, want := range map[string]any{
		"Both": true, "Neither": false, "Asked": waiting, "AskedAndLarge": Object{"Fn::And": []any{waiting}},
		"Nobody": Object{"Condition": "Nobody"}, "Circle": Object{"Fn::Not": []any{Object{"Condition": "Circle"}}},
	} {
		assert.Equal(t, want, Resolver{}.Condition(in, name), name)
	}
}

// Taken for false, it would make a resource count as one that does not exist.
func TestAConditionOfNothingIsNotKnown(t *testing.T) {
	for _, expression := range []string{`{"Fn::Or": []}`, `{"Fn::And": []}`, `{"Fn::Or": {"Condition": "A"}}`, `{"Fn::And": null}`} {
		in := Stack{Template: parsed(t, `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Conditions": {"C": `+expression+`}}`)}
		assert.IsType(t, Object{}, Resolver{}.Condition(in, "C"), expression)
	}
}

func TestOnlyWhatCloudFormationCountsIsANumber(t *testing.T) {
	for _, text := range []any{"NaN", "Inf", "-infinity", "", "a", true, nil} {
		_, err := Number(text)
		assert.Error(t, err, text)
	}
	number, err := Number(" 1.5 ")
	assert.NoError(t, err)
	assert.Equal(t, 1.5, number)
}

// Equal texts have equal forms, however a template puts them together; different
// ones never do.
func TestEqualFormsAreNormalizedAlike(t *testing.T) {
	for _, same := range [][]string{
		{`"443"`, `443`, `443.0`, `{"Fn::Sub": "443"}`, `{"Fn::Join": ["", ["4", 43]]}`},
		{`1000000`, `"1000000"`},
		{`true`, `"true"`},
		{`{"Fn::Sub": "${A}/*"}`, `{"Fn::Join": ["/", [{"Ref": "A"}, "*"]]}`, `{"Fn::Join": ["", [{"Ref": "A"}, "/", "*"]]}`, `{"Fn::Sub": ["${X}/*", {"X": {"Ref": "A"}}]}`},
		{`{"Fn::GetAtt": "A.B"}`, `{"Fn::GetAtt": ["A", "B"]}`, `{"Fn::Sub": "${A.B}"}`, `{"Fn::Join": ["", [{"Fn::GetAtt": "A.B"}]]}`},
		{`{"A": {"Ref": "AWS::NoValue"}}`, `{}`, `{"A": null}`},
		{`{"Fn::Join": [",", ["a", {"Fn::Join": ["", ["b", {"Ref": "C"}]]}]]}`, `{"Fn::Sub": "a,b${C}"}`},
	} {
		for _, other := range same {
			assert.Equal(t, Normalize(decoded(t, same[0])), Normalize(decoded(t, other)), other)
			assert.Equal(t, Normalize(decoded(t, other)), Normalize(Normalize(decoded(t, other))), "twice changes nothing: %s", other)
		}
	}
	for _, apart := range [][2]string{
		{`{"Fn::Sub": "${A}"}`, `{"Fn::Sub": "${B}"}`},
		{`{"Fn::Sub": "${A}"}`, `{"Fn::Sub": "${!A}"}`},
		{`{"Fn::If": ["C", "a", {"Ref": "AWS::NoValue"}]}`, `{"Fn::If": ["C", {"Ref": "AWS::NoValue"}, "a"]}`},
		{`{"Fn::Join": ["-", ["a", {"Ref": "A"}]]}`, `{"Fn::Join": ["", ["a", {"Ref": "A"}]]}`},
		{`["a"]`, `"a"`},
		{`{"Fn::ToJsonString": {"A": 1}}`, `{"Fn::ToJsonString": {"A": "1"}}`},
	} {
		assert.NotEqual(t, Normalize(decoded(t, apart[0])), Normalize(decoded(t, apart[1])), apart)
	}
}

func TestReferencesAreFoundAtAnyDepth(t *testing.T) {
	value := decoded(t, `{"A": [{"Ref": "Own"}, {"Fn::Join": ["", [{"Fn::GetAtt": ["Key", "Arn"]}, {"Fn::GetAtt": "Other.A.B"}]]}],
		"B": {"Fn::Sub": ["${In} ${Key.Id} ${X} ${!Not} ${AWS::Region}", {"X": {"Ref": "Variable"}}]},
		"C": {"Fn::GetStackOutput": {"StackName": "s", "OutputName": "o", "Region": "r"}},
		"D": {"Fn::ImportValue": "e"}, "E": {"Fn::If": ["c", {"Fn::FindInMap": ["m", {"Ref": "Own"}, "k"]}, 1]},
		"F": {"Condition": "none", "Ref": "two keys"}, "G": {"Fn::ImportValue": {"Ref": "Computed"}}}`)
	assert.Equal(t, []Reference{
		{Function: "Ref", Name: "Own"},
		{Function: "Fn::GetAtt", Name: "Key", Attribute: "Arn"},
		{Function: "Fn::GetAtt", Name: "Other", Attribute: "A.B"},
		{Function: "Ref", Name: "In"},
		{Function: "Fn::GetAtt", Name: "Key", Attribute: "Id"},
		{Function: "Ref", Name: "AWS::Region"},
		{Function: "Ref", Name: "Variable"},
		{Function: "Fn::GetStackOutput", Name: "o", Stack: "s", Region: "r"},
		{Function: "Fn::ImportValue", Name: "e"},
		{Function: "Fn::If", Name: "c"},
		{Function: "Fn::FindInMap", Name: "m"},
		{Function: "Ref", Name: "Computed"},
	}, References(value))
	template := parsed(t, `{"Resources": {"A": {"Type": "T", "Properties": {"P": {"Fn::GetStackOutput": {"StackName": "s", "OutputName": "a"}}}}},
		"Outputs": {"O": {"Value": {"Fn::GetStackOutput": {"StackName": "s", "OutputName": "b"}}, "Export": {"Name": {"Ref": "E"}}}},
		"Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}}}`)
	reads := []Reference{{Function: "Fn::GetStackOutput", Name: "a", Stack: "s"}, {Function: "Fn::GetStackOutput", Name: "b", Stack: "s"}}
	assert.Equal(t, append(reads, Reference{Function: "Ref", Name: "E"}, Reference{Function: "Ref", Name: "P"}), template.References())
	assert.Equal(t, reads, template.Reads())
	assert.Empty(t, References(decoded(t, `{"Statement": {"Effect": "Allow", "Condition": {"Bool": {"a": "Ref"}}}}`)))
}

func TestAReferenceIsFollowedToTheStackThatMakesTheResource(t *testing.T) {
	wallet := Stack{Name: "wallet", Account: "1", Region: "r", Template: parsed(t, wallet)}
	reader := Stack{Name: "reader", Account: "1", Region: "s", Template: parsed(t, `{"Resources": {"Own": {"Type": "T"}}, "Outputs": {
		"Through": {"Value": {"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Name", "Region": "r"}}},
		"Round": {"Value": {"Fn::GetStackOutput": {"StackName": "reader", "OutputName": "Round"}}}}}`)}
	r := Resolver{Stacks: []Stack{wallet, reader}}
	for value, want := range map[string]struct {
		stack string
		to    Reference
	}{
		`{"Ref": "Own"}`: {"reader", Reference{Function: "Ref", Name: "Own"}},
		`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Name", "Region": "r"}}`: {"wallet", Reference{Function: "Fn::GetAtt", Name: "Topic", Attribute: "TopicName"}},
		`{"Fn::GetStackOutput": {"StackName": "reader", "OutputName": "Through"}}`:             {"wallet", Reference{Function: "Fn::GetAtt", Name: "Topic", Attribute: "TopicName"}},
		`{"Fn::GetStackOutput": {"StackName": "reader", "OutputName": "Round"}}`:               {},
		`{"Fn::GetStackOutput": {"StackName": "wallet", "OutputName": "Name"}}`:                {}, // of this region
		`{"Ref": "AWS::Region"}`: {},
		`"Own"`:                  {},
		`{"Ref": "Elsewhere"}`:   {},
	} {
		from, to, ok := r.Follow(reader, decoded(t, value))
		assert.Equal(t, want.stack, from.Name, value)
		assert.Equal(t, want.to, to, value)
		assert.Equal(t, want.stack != "", ok, value)
	}
}

// Templates come from outside. Whatever stands in them, a value is resolved or stays.
func FuzzResolve(f *testing.F) {
	for _, value := range []string{
		wallet, `{"Fn::Join": ["", {"Fn::Join": []}]}`, `{"Fn::Sub": ["${A}", {"A": {"Fn::Sub": []}}]}`, `{"Fn::If": [{"Ref": "A"}, [], {}]}`,
		`{"Fn::GetAtt": [{"Ref": "A"}, {"Ref": "Size"}]}`, `{"Fn::Select": [{}, [null]]}`, `{"Fn::ImportValue": {"A": 1}}`, `{"Ref": {"Ref": "A"}}`,
		`{"Fn::FindInMap": [[], {}, null]}`, `{"Fn::Join": ["", [[], {}, 1, true]]}`,
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, content string) {
		var value any
		if json.Unmarshal([]byte(content), &value) != nil {
			return
		}
		in := Stack{Name: "wallet", Region: "sa-east-1", Template: parsed(t, wallet)}
		if template, err := Parse([]byte(content)); err == nil {
			in.Template = template
		}
		Resolver{Stacks: []Stack{in}}.Resolve(in, value)
		References(value)
		once := Normalize(value)
		assert.Equal(t, Canonical(once), Canonical(Normalize(once)), "twice changes nothing")
	})
}

// A name that is used twice in each step of a chain is followed once.
func TestALongChainOfNamesIsFollowedOnce(t *testing.T) {
	in := Stack{Name: "s", Region: "r", Template: Template{Conditions: map[string]any{"C0": decoded(t, `{"Fn::Equals": ["a", "a"]}`)}, Outputs: map[string]Output{"O0": {Value: "end"}}}}
	const length = 500
	for i := 1; i <= length; i++ {
		last, next := fmt.Sprint(i-1), fmt.Sprint(i)
		in.Template.Conditions["C"+next] = decoded(t, `{"Fn::And": [{"Condition": "C`+last+`"}, {"Condition": "C`+last+`"}]}`)
		in.Template.Outputs["O"+next] = Output{Value: decoded(t, `{"Fn::Select": [1, [
			{"Fn::GetStackOutput": {"StackName": "s", "OutputName": "O`+last+`"}}, {"Fn::GetStackOutput": {"StackName": "s", "OutputName": "O`+last+`"}}]]}`)}
	}
	assert.Equal(t, true, Resolver{}.Condition(in, fmt.Sprint("C", length)))
	words := func(start string) string {
		in.Template.Conditions["C0"] = decoded(t, `{"Fn::Equals": [{"Ref": "Open"}, "`+start+`"]}`)
		return Canonical(Resolver{}.Condition(in, fmt.Sprint("C", length)))
	}
	assert.Less(t, len(words("a")), 3000, "what is not known is not written twice for each step")
	assert.NotEqual(t, words("a"), words("b"), "what it waits for is in its words")
	assert.Equal(t, "end", Resolver{Stacks: []Stack{in}}.Resolve(in, in.Template.Outputs[fmt.Sprint("O", length)].Value))
}
