package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
)

// Limits is what this emulator does not do, found by trying it, so that a newer
// release is used for what it has learned.
type Limits struct {
	// Gaps are the resources that it cannot make.
	Gaps []Gap `json:"gaps"`
	// DeletesRetained says that it deletes what DeletionPolicy retains.
	DeletesRetained bool `json:"deletesRetained"`
	// LosesRoleAccount says that an assumed role acts in another account.
	LosesRoleAccount bool `json:"losesRoleAccount"`
	// ProtectsNoStack says that it has no termination protection.
	ProtectsNoStack bool `json:"protectsNoStack"`
}

// lacking matches how an emulator says that it has not built something, in contrast
// to a template that is wrong.
var lacking = regexp.MustCompile(`(?i)(unsupported|unrecognized) resource type|is not supported|not (yet )?implemented|does not exist in schema`)

// noType matches the part of it that is about a type as a whole.
var noType = regexp.MustCompile(`(?i)(unsupported|unrecognized) resource type`)

// noFunctions is why custom resources are left out. An emulator would wait an hour
// for each function that cannot answer.
const noFunctions = "its function would need a container runtime, and the database or brokers behind it"

// prober tries resources alone in the account for trials.
type prober struct {
	cloud Cloud
	types map[string]string // why a type is lacking, empty where it is not
	kinds map[string]string // the same for a type with the names of its properties
}

// findGaps tries every kind of resource of the stacks, a type with the same
// properties being a kind, with stand-ins for what it refers to.
func findGaps(ctx context.Context, cloud Cloud, stacks []cfn.Stack) ([]Gap, error) {
	p := prober{cloud: cloud, types: map[string]string{}, kinds: map[string]string{}}
	var gaps []Gap
	for _, stack := range stacks {
		for _, id := range sortedKeys(stack.Template.Resources) {
			resource := stack.Template.Resources[id]
			why, err := p.lacks(ctx, stack, id)
			if err != nil {
				return nil, fmt.Errorf("trying %s of %s: %w", id, stack.ID, err)
			}
			if why != "" {
				gaps = append(gaps, Gap{Stack: stack.ID, LogicalID: id, Type: resource.Type, Why: why})
			}
		}
	}
	return gaps, nil
}

// lacks says why the emulator cannot make a resource, or nothing.
func (p prober) lacks(ctx context.Context, stack cfn.Stack, id string) (string, error) {
	resourceType := stack.Template.Resources[id].Type
	if strings.HasPrefix(resourceType, "Custom::") || resourceType == "AWS::CloudFormation::CustomResource" {
		return noFunctions, nil
	}
	if why := p.types[resourceType]; why != "" {
		return why, nil
	}
	used := attributes(stack, id)
	kind := resourceType + " " + strings.Join(append(sortedKeys(stack.Template.Resources[id].Properties), used...), " ")
	if why, tried := p.kinds[kind]; tried {
		return why, nil
	}
	refusals, err := p.try(ctx, stack, id, used, false)
	if len(refusals) > 0 && len(used) > 0 && err == nil {
		// It was refused for what stands in for another resource, before its attributes
		// were asked for.
		var more []Failure
		more, err = p.try(ctx, stack, id, used, true)
		refusals = append(refusals, more...)
	}
	if err != nil {
		return "", err
	}
	for _, refusal := range refusals {
		if !lacking.MatchString(refusal.Reason) {
			continue
		}
		if noType.MatchString(refusal.Reason) {
			p.types[resourceType] = refusal.Reason
		}
		p.kinds[kind] = refusal.Reason
		return refusal.Reason, nil
	}
	p.kinds[kind] = ""
	return "", nil
}

// try makes a resource alone, or bare: with no property that refers to another one.
func (p prober) try(ctx context.Context, stack cfn.Stack, id string, used []string, bare bool) ([]Failure, error) {
	alone, err := isolate(stack, id, used, bare)
	if err != nil {
		return nil, err
	}
	refusals, _, err := p.cloud.Try(ctx, stack.Region, string(alone))
	// As CloudFormation does, MiniStack 1.5.33 refuses a template with a type that it
	// lacks at once.
	if err != nil && lacking.MatchString(err.Error()) {
		return []Failure{{LogicalID: id, Reason: err.Error()}}, nil
	}
	return refusals, err
}

// attributes are those of a resource that its stack asks for.
func attributes(stack cfn.Stack, id string) []string {
	asked := regexp.MustCompile(`"Fn::GetAtt":\s*\[\s*"` + id + `",\s*"([^"]+)"`)
	names := map[string]bool{}
	for _, found := range asked.FindAllSubmatch(stack.Raw, -1) {
		names[string(found[1])] = true
	}
	return sortedKeys(names)
}

// isolate is a template of one resource, which puts out the attributes that others use.
func isolate(stack cfn.Stack, id string, used []string, bare bool) ([]byte, error) {
	others := map[string]Gap{}
	for other, resource := range stack.Template.Resources {
		if other != id {
			others[other] = Gap{Type: resource.Type}
		}
	}
	var whole struct{ Resources map[string]map[string]any }
	if err := json.Unmarshal(stack.Raw, &whole); err != nil {
		return nil, err
	}
	if properties, ok := whole.Resources[id]["Properties"].(map[string]any); ok && bare {
		maps.DeleteFunc(properties, func(_ string, value any) bool {
			return strings.Contains(cfn.Canonical(value), `"Fn::`) || strings.Contains(cfn.Canonical(value), `"Ref"`)
		})
	}
	// A bucket that outlived its trial would hold the name that the deployment needs.
	whole.Resources[id]["DeletionPolicy"] = "Delete"
	outputs := map[string]any{}
	for i, attribute := range used {
		outputs[fmt.Sprintf("Attribute%d", i)] = map[string]any{"Value": map[string]any{"Fn::GetAtt": []string{id, attribute}}}
	}
	raw, err := json.Marshal(map[string]any{"Resources": map[string]any{id: whole.Resources[id]}, "Outputs": outputs})
	if err != nil {
		return nil, err
	}
	stand := func(_, _, name string) (string, bool) { return "not-exercised-" + strings.ToLower(name), true }
	return references{stack: stack, missing: others, output: stand}.reduce(raw)
}

// deletesRetained tries whether the emulator deletes what DeletionPolicy retains,
// with a topic, which every emulator has, in the account for trials.
func deletesRetained(ctx context.Context, cloud Cloud, region string) (bool, error) {
	const topic = "AWS::SNS::Topic"
	const retained = `{"Resources": {"Kept": {"Type": "` + topic + `", "DeletionPolicy": "Retain"}}}`
	refusals, made, err := cloud.Try(ctx, region, retained)
	if err != nil {
		return false, fmt.Errorf("trying DeletionPolicy: %w", err)
	}
	if len(refusals) > 0 || made["Kept"].ID == "" {
		return false, fmt.Errorf("the emulator cannot make a topic: %v", refusals)
	}
	_, err = cloud.Tried(ctx, region, topic, made["Kept"].ID)
	if errors.Is(err, ErrGone) {
		return true, nil
	}
	return false, err
}

// gapsByType counts gaps by type, with the reason of the first.
func gapsByType(gaps []Gap) []string {
	count, why := map[string]int{}, map[string]string{}
	for _, gap := range gaps {
		count[gap.Type]++
		if why[gap.Type] == "" {
			why[gap.Type] = gap.Why
		}
	}
	var lines []string
	for _, name := range sortedKeys(count) {
		lines = append(lines, fmt.Sprintf("%4d  %s: %s", count[name], name, why[name]))
	}
	return lines
}

func sortedKeys[V any](of map[string]V) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
