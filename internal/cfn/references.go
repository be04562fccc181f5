package cfn

import (
	"maps"
	"slices"
	"strings"
)

// Reference is one thing that a value depends on.
type Reference struct {
	// Function is that of the call: "Ref" or "Fn::GetAtt" for a logical ID or a
	// parameter, "Fn::GetStackOutput", "Fn::ImportValue", "Fn::FindInMap" for a
	// mapping, "Fn::If" for a condition.
	Function string
	// Name is the logical ID, the key of the output, the export, the mapping or the
	// condition.
	Name      string
	Attribute string // of Fn::GetAtt
	Stack     string // of Fn::GetStackOutput
	Region    string // of Fn::GetStackOutput; empty for the own one
}

// References lists what a value refers to, at any depth, each thing once. The
// placeholders of an Fn::Sub count as the Ref or Fn::GetAtt that they stand for. A
// name that is itself computed is no reference to anything known.
func References(value any) []Reference {
	var found []Reference
	collect(value, &found)
	return found
}

// References lists what the template's resources, outputs and conditions refer to, each
// thing once.
func (t Template) References() []Reference {
	var found []Reference
	for _, id := range t.IDs() {
		collect(t.Resources[id].Properties, &found)
		collect(t.Resources[id].UpdatePolicy, &found)
		collect(t.Resources[id].Metadata, &found)
	}
	for _, key := range slices.Sorted(maps.Keys(t.Outputs)) {
		collect([]any{t.Outputs[key].Value, t.Outputs[key].Export}, &found)
	}
	collect(t.Conditions, &found)
	return found
}

// Reads are the outputs of other stacks that the template refers to. CloudFormation
// resolves them when a change set is made, and does not notice when they change later.
func (t Template) Reads() []Reference {
	return slices.DeleteFunc(t.References(), func(to Reference) bool { return to.Function != "Fn::GetStackOutput" })
}

func collect(value any, found *[]Reference) {
	switch v := value.(type) {
	case Object:
		for _, one := range targets(v) {
			if !slices.Contains(*found, one) {
				*found = append(*found, one)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			collect(v[key], found)
		}
	case []any:
		for _, inner := range v {
			collect(inner, found)
		}
	}
}

// targets are what a call refers to itself, and not in its arguments.
func targets(value Object) []Reference {
	name, argument, ok := call(value)
	if !ok {
		return nil
	}
	one := Reference{Function: name}
	switch name {
	case "Ref", "Fn::ImportValue":
		one.Name, _ = argument.(string)
	case "Fn::GetAtt":
		if text, isText := argument.(string); isText {
			one.Name, one.Attribute, _ = strings.Cut(text, ".")
			break
		}
		one.Name, _ = Lookup(argument, 0).(string)
		one.Attribute, _ = Lookup(argument, 1).(string)
	case "Fn::GetStackOutput":
		one.Name, _ = Lookup(argument, "OutputName").(string)
		one.Stack, _ = Lookup(argument, "StackName").(string)
		one.Region, _ = Lookup(argument, "Region").(string)
	case "Fn::FindInMap", "Fn::If":
		one.Name, _ = Lookup(argument, 0).(string)
	case "Fn::Sub":
		return placeholders(argument)
	}
	if one.Name == "" {
		return nil
	}
	return []Reference{one}
}

// placeholders are what a text of Fn::Sub refers to beside its own variables.
func placeholders(argument any) []Reference {
	variables, _ := Lookup(argument, 1).(Object)
	text, _ := First(argument).(string)
	var found []Reference
	for {
		_, rest, opens := strings.Cut(text, "${")
		name, after, closes := strings.Cut(rest, "}")
		if !opens || !closes {
			return found
		}
		text = after
		if _, own := variables[name]; own || strings.HasPrefix(name, "!") || name == "" {
			continue
		}
		one := Reference{Function: "Ref", Name: name}
		if id, attribute, dotted := strings.Cut(name, "."); dotted {
			one = Reference{Function: "Fn::GetAtt", Name: id, Attribute: attribute}
		}
		found = append(found, one)
	}
}
