package changes

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"wallet-infra/internal/cfn"
)

// Set is the templates of several stacks, by the stack's name in CloudFormation.
// The zero value has none: nothing is deployed yet.
type Set struct {
	stacks map[string]stack
}

// Stacks lists the names of the stacks.
func (s Set) Stacks() []string { return slices.Sorted(maps.Keys(s.stacks)) }

// Without is the set without some stacks.
func (s Set) Without(dropped func(stack string) bool) Set {
	kept := Set{stacks: maps.Clone(s.stacks)}
	maps.DeleteFunc(kept.stacks, func(name string, _ stack) bool { return dropped(name) })
	return kept
}

// stack is one template with what is known about its stack, every value as far
// resolved as the template alone tells.
type stack struct {
	name string
	// place is "account/region"; empty where a plain file holds the template.
	place string
	// protection is "on" or "off" against termination; empty where it is not known.
	protection string
	resources  map[string]resource
	outputs    map[string]any
	exports    map[string]string // by the export's name, the output's key
	inputs     map[string]any    // what stays unknown, and resources may depend on: mappings, conditions, parameters
	transform  any
}

// resource is one resource of a template.
type resource struct {
	id, kind              string
	path                  string // of the construct
	properties            object
	deletion, replacement string // the policies; empty when the template has none
	condition             string // in words; empty where it holds
	updatePolicy          any
	dependsOn             []string
}

// Nothing stands in the place of a directory where nothing is deployed yet.
const Nothing = "none"

// Load reads the templates of a directory, as [cfn.ReadTemplates] does. A directory
// without templates is refused: who means that nothing is deployed says [Nothing].
func Load(dir string) (Set, error) {
	if dir == Nothing {
		return Set{}, nil
	}
	stacks, err := cfn.ReadTemplates(dir)
	return setOf(stacks), err
}

// ReadSet reads templates by the names of their stacks.
func ReadSet(templates map[string][]byte) (Set, error) {
	var stacks []cfn.Stack
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		read, err := cfn.Parse(templates[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
		stacks = append(stacks, cfn.Stack{Name: name, Template: read})
	}
	return setOf(stacks), errors.Join(problems...)
}

func setOf(stacks []cfn.Stack) Set {
	set := Set{stacks: map[string]stack{}}
	for _, one := range stacks {
		set.stacks[one.Name] = stackOf(one)
	}
	return set
}

// stackOf resolves what a template says. Where its stack stands and what its
// parameters are given is left open: CloudFormation returns a template without it,
// and the same template must be the same.
func stackOf(of cfn.Stack) stack {
	read := stack{
		name: of.Name, resources: map[string]resource{}, outputs: map[string]any{}, exports: map[string]string{}, inputs: map[string]any{},
		transform: cfn.Normalize(of.Template.Transform),
	}
	if of.Account+of.Region != "" {
		read.place = of.Account + "/" + of.Region
		read.protection = map[bool]string{true: "on", false: "off"}[of.TerminationProtection]
	}
	of = cfn.Stack{Template: of.Template}
	resolve := func(value any) any { return cfn.Normalize(cfn.Resolver{}.Resolve(of, value)) }
	for id, one := range of.Template.Resources {
		condition, exists := conditionOf(of, one.Condition)
		if !exists {
			continue
		}
		properties, _ := resolve(one.Properties).(object)
		if properties == nil {
			properties = object{}
		}
		read.resources[id] = resource{
			id: id, kind: one.Type, path: one.Path(), properties: properties, condition: condition,
			deletion: one.DeletionPolicy, replacement: one.UpdateReplacePolicy, updatePolicy: resolve(one.UpdatePolicy), dependsOn: one.DependsOn,
		}
	}
	for key, one := range of.Template.Outputs {
		if _, exists := conditionOf(of, one.Condition); exists {
			read.outputs[key] = resolve(one.Value)
			if name, ok := resolve(one.Export).(string); ok {
				read.exports[name] = key
			}
		}
	}
	for name, value := range of.Template.Mappings {
		read.inputs["Mappings."+name] = cfn.Normalize(value)
	}
	for name := range of.Template.Conditions {
		read.inputs["Conditions."+name] = cfn.Normalize(cfn.Resolver{}.Condition(of, name))
	}
	for name, value := range of.Template.Parameters {
		read.inputs["Parameters."+name] = cfn.Normalize(value)
	}
	return read
}

// conditionOf evaluates the condition of a resource or output: whether it exists,
// and the words of a condition that only the account can tell.
func conditionOf(of cfn.Stack, name string) (words string, exists bool) {
	if name == "" {
		return "", true
	}
	switch holds := (cfn.Resolver{}).Condition(of, name); holds {
	case true:
		return "", true
	case false:
		return "", false
	default:
		return name + ": " + cfn.Canonical(holds), true
	}
}
