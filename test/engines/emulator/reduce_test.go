package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// gap is a resource of the templates that the emulator cannot make: it is left out of
// what is deployed, and counted.
type gap struct{ id, resourceType, why string }

// The reasons of gaps. MiniStack itself says which types it lacks; that it knows a
// type and refuses some resources of it stands here, for release 1.5.33. A row that
// it no longer needs is deleted.
const (
	// noType is what the emulator answers for a type.
	noType = "the emulator does not know the type"
	// noFunctions: an emulator would wait an hour for each function that cannot answer.
	noFunctions = "its function would need a container runtime, and the database or brokers behind it"
	noMetrics   = "alarms on several metrics are not supported"
)

// refused says why the emulator refuses a resource of a type that it knows.
func refused(r cfn.Resource) string {
	switch {
	case strings.HasPrefix(r.Type, "Custom::"), r.Type == "AWS::CloudFormation::CustomResource":
		return noFunctions
	case r.Type == "AWS::CloudWatch::Alarm" && r.Properties["Metrics"] != nil:
		return noMetrics
	}
	return ""
}

// unknownAttributes are those that MiniStack does not give to our resources; what reads
// them gets a stand-in.
var unknownAttributes = map[string]string{
	"AWS::ElastiCache::ReplicationGroup.ConfigurationEndPoint.Address": "only a group of several shards has it",
}

// lacks asks MiniStack which of the stacks' types it does not know.
func (g *gateway) lacks(ctx context.Context, stacks []cfn.Stack) (map[string]bool, error) {
	resources := map[string]any{}
	for _, stack := range stacks {
		for _, resource := range stack.Template.Resources {
			resources[strings.ReplaceAll(resource.Type, ":", "")] = map[string]any{"Type": resource.Type}
		}
	}
	template, err := json.Marshal(map[string]any{"Resources": resources})
	if err != nil {
		return nil, err
	}
	_, err = cloudformation.NewFromConfig(g.server.Config(g.env.Site.Account, g.env.Primary.Name)).ValidateTemplate(ctx,
		&cloudformation.ValidateTemplateInput{TemplateBody: new(string(template))})
	if err == nil {
		return nil, nil
	}
	lacking := unrecognized.FindStringSubmatch(err.Error())
	if lacking == nil {
		return nil, err
	}
	types := map[string]bool{}
	for _, name := range strings.Split(lacking[1], ", ") {
		types[name] = true
	}
	return types, nil
}

// unrecognized is CloudFormation's answer to a template with types that it does not
// know: all of them.
var unrecognized = regexp.MustCompile(`Unrecognized resource types: \[([^\]]*)\]`)

// gapsOf are the resources of a stack that MiniStack cannot make.
func gapsOf(stack cfn.Stack, lacking map[string]bool) []gap {
	var gaps []gap
	for _, id := range stack.Template.IDs() {
		resource := stack.Template.Resources[id]
		why := refused(resource)
		if lacking[resource.Type] {
			why = noType
		}
		if why != "" {
			gaps = append(gaps, gap{id, resource.Type, why})
		}
	}
	return gaps
}

// reduce returns a stack's template without the resources that the emulator cannot
// make, and with the outputs of other regions, where it does not look. What referred
// to a left-out resource gets a stand-in that says so, the same in every run.
func reduce(stack cfn.Stack, gaps []gap, elsewhere []cfn.Stack) ([]byte, error) {
	missing := map[string]bool{}
	for _, one := range gaps {
		missing[one.id] = true
	}
	resolver := cfn.Resolver{Stacks: elsewhere, Attribute: func(_ cfn.Stack, of cfn.Resource, attribute string, _ func(any) any) (any, bool) {
		return standIn(stack, of, attribute), missing[of.ID] || unknownAttributes[of.Type+"."+attribute] != ""
	}}
	// Without a place: what the emulator knows of it stays for the emulator to say.
	in := cfn.Stack{Template: stack.Template}
	var root cfn.Object
	if err := json.Unmarshal(stack.Raw, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", stack.ID, err)
	}
	resources := cfn.Object{}
	for id, resource := range stack.Template.Resources {
		if missing[id] {
			continue
		}
		body, _ := resolver.Resolve(in, cfn.Lookup(root, "Resources", id)).(cfn.Object)
		delete(body, "DependsOn")
		if kept := slices.DeleteFunc(slices.Clone(resource.DependsOn), func(on string) bool { return missing[on] }); len(kept) > 0 {
			body["DependsOn"] = kept
		}
		resources[id] = body
	}
	root["Resources"] = resources
	if outputs := root["Outputs"]; outputs != nil {
		root["Outputs"] = resolver.Resolve(in, outputs)
	}
	return json.MarshalIndent(root, "", " ")
}

// standIn is the value of a left-out resource's reference or attribute: an ARN
// where one is wanted, a number for a port, else a name.
func standIn(stack cfn.Stack, of cfn.Resource, attribute string) string {
	switch {
	case strings.HasSuffix(attribute, "Arn"):
		service := strings.ToLower(strings.Split(of.Type+"::", "::")[1])
		return fmt.Sprintf("arn:aws:%s:%s:%s:not-exercised/%s", service, stack.Region, stack.Account, of.ID)
	case strings.HasSuffix(attribute, "Port"):
		return "65535"
	default:
		return "not-exercised-" + strings.ToLower(of.ID)
	}
}

// abroad says that an output is one of another region than the stack that reads it.
func abroad(stack cfn.Stack, to cfn.Reference) bool {
	return to.Region != "" && to.Region != stack.Region
}

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
	gaps := []gap{{id: "Cache"}}
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
	  "Group": {"Type": "AWS::EC2::SecurityGroup", "DeletionPolicy": "Retain"}
	 },
	 "Outputs": {"Name": {"Value": "not-exercised-cache"}}
	}`, string(reduced))
	for range 20 {
		again, err := reduce(stack, gaps, []cfn.Stack{global})
		require.NoError(t, err)
		require.Equal(t, string(reduced), string(again), "a second run would seem to change something")
	}
}
