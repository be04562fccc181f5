package changes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
)

// Set is the templates of several stacks, by the stack's name in CloudFormation.
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

// stack is one template with what is known about its stack.
type stack struct {
	name string
	// place is "account/region"; empty where a plain file holds the template.
	place string
	// protection is "on" or "off" against termination; empty where it is not known.
	protection string
	template
}

// template is a CloudFormation template, normalized.
type template struct {
	resources  map[string]resource
	outputs    map[string]any
	exports    map[string]string // by the export's name, the output's key
	inputs     map[string]any    // what resources depend on besides each other: mappings and conditions
	transform  any
	parameters map[string]any
}

// resource is one resource of a template.
type resource struct {
	id, kind              string
	path                  string // of the construct
	properties            object
	deletion, replacement string // the policies; empty when the template has none
	condition             string
	updatePolicy          any
}

// Load reads the templates of a directory: a cloud assembly, or files that each
// hold one template, such as `aws cloudformation get-template` returns, named
// after their stacks (NAME.json or NAME.template.json). It reports everything
// that cannot be read at once, and what is no such file. An empty directory is an
// empty set: nothing is deployed yet.
func Load(dir string) (Set, error) {
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err == nil {
		return loadAssembly(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Set{}, err
	}
	set := Set{stacks: map[string]stack{}}
	var problems []error
	for _, entry := range entries {
		name, isJSON := strings.CutSuffix(entry.Name(), ".json")
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() || !isJSON {
			// Passed over, a stack in it would count as one that is not deployed.
			if !strings.HasPrefix(entry.Name(), ".") {
				problems = append(problems, fmt.Errorf("%s: want templates in JSON and nothing beside them", path))
			}
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		name = strings.TrimSuffix(name, ".template")
		if _, twice := set.stacks[name]; twice {
			problems = append(problems, fmt.Errorf("%s: a second template of the stack %s", path, name))
		}
		problems = append(problems, set.add(stack{name: name}, path, content))
	}
	return set, errors.Join(problems...)
}

func loadAssembly(dir string) (Set, error) {
	stacks, err := cfn.Read(dir)
	if err != nil {
		return Set{}, err
	}
	set := Set{stacks: map[string]stack{}}
	var problems []error
	for _, read := range stacks {
		if _, twice := set.stacks[read.Name]; twice {
			problems = append(problems, fmt.Errorf("%s: a second stack of the name %s", read.ID, read.Name))
		}
		protection := "off"
		if read.TerminationProtection {
			protection = "on"
		}
		problems = append(problems, set.add(
			stack{name: read.Name, place: read.Account + "/" + read.Region, protection: protection}, read.Path, read.Raw))
	}
	return set, errors.Join(problems...)
}

// add parses a template and puts its stack into the set.
func (s Set) add(one stack, path string, content []byte) error {
	parsed, problems := parse(content)
	for i, problem := range problems {
		problems[i] = fmt.Errorf("%s: %w", path, problem)
	}
	one.template = parsed
	s.stacks[one.name] = one
	return errors.Join(problems...)
}

// parse reads a template and reports everything that is wrong with its form.
func parse(content []byte) (template, []error) {
	root, err := decode(content)
	if err != nil {
		return template{}, []error{err}
	}
	if body, wrapped := root["TemplateBody"]; wrapped { // the CLI's answer to get-template
		if written, isText := body.(string); isText {
			if root, err = decode([]byte(written)); err != nil {
				return template{}, []error{fmt.Errorf("TemplateBody: %w", err)}
			}
		} else if root, isText = body.(object); !isText {
			return template{}, []error{errors.New("TemplateBody: want a template, got " + show(body))}
		}
	}
	sections, problems := readSections(root)
	if len(sections["Resources"]) == 0 {
		problems = append(problems, errors.New("no Resources: not a template"))
	}
	read := template{
		resources: map[string]resource{}, outputs: map[string]any{}, exports: map[string]string{}, inputs: map[string]any{},
		parameters: sections["Parameters"], transform: cfn.Normalize(root["Transform"]),
	}
	for _, kind := range []string{"Mappings", "Conditions"} {
		for name, value := range sections[kind] {
			read.inputs[kind+"."+name] = cfn.Normalize(value)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(sections["Resources"])) {
		one, wrong := read.readResource(id, sections["Resources"][id])
		read.resources[id] = one
		problems = append(problems, wrong...)
	}
	read.readOutputs(sections["Outputs"])
	return read, problems
}

// decode reads one JSON object, with numbers as they are written.
func decode(content []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var root object
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not a JSON object: something follows it")
	}
	return root, nil
}

// readSections picks the sections of a template that must be objects.
func readSections(root object) (map[string]object, []error) {
	sections := map[string]object{}
	var problems []error
	for _, name := range []string{"Resources", "Outputs", "Parameters", "Mappings", "Conditions"} {
		value, present := root[name]
		section, ok := value.(object)
		if present && !ok {
			problems = append(problems, fmt.Errorf("%s: want an object, got %s", name, show(value)))
		}
		sections[name] = section
	}
	return sections, problems
}

// readResource reads one resource, with what parameters stand for filled in.
func (t template) readResource(id string, value any) (resource, []error) {
	entry, ok := value.(object)
	if !ok {
		return resource{id: id}, []error{fmt.Errorf("resource %s: want an object, got %s", id, show(value))}
	}
	read := resource{id: id, properties: object{}, updatePolicy: cfn.Normalize(entry["UpdatePolicy"])}
	var problems []error
	for key, into := range map[string]*string{
		"Type": &read.kind, "DeletionPolicy": &read.deletion, "UpdateReplacePolicy": &read.replacement, "Condition": &read.condition,
	} {
		value, present := entry[key]
		written, isText := value.(string)
		if (present && !isText) || (key == "Type" && written == "") {
			problems = append(problems, fmt.Errorf("resource %s: %s: want a text, got %s", id, key, show(value)))
		}
		*into = written
	}
	if properties, present := entry["Properties"]; present && properties != nil {
		plain, ok := t.resolve(cfn.Normalize(properties)).(object)
		if !ok || cfn.IsIntrinsic(plain) {
			problems = append(problems, fmt.Errorf("resource %s: Properties: want an object, got %s", id, show(properties)))
		} else {
			read.properties = plain
		}
	}
	if metadata, ok := entry["Metadata"].(object); ok {
		read.path, _ = metadata["aws:cdk:path"].(string)
	}
	return read, problems
}

// resolve puts the default of a parameter in the place of a reference to it, so
// that a changed default is seen as the change of every value that uses it.
func (t template) resolve(value any) any {
	switch v := value.(type) {
	case object:
		if name, ok := v["Ref"].(string); ok && len(v) == 1 {
			if filled := t.defaultOf(name); filled != nil {
				return filled
			}
			return v
		}
		plain := object{}
		for key, inner := range v {
			plain[key] = t.resolve(inner)
		}
		return plain
	case []any:
		plain := make([]any, 0, len(v))
		for _, inner := range v {
			plain = append(plain, t.resolve(inner))
		}
		return plain
	default:
		return value
	}
}

// defaultOf is a parameter's default as CloudFormation would insert it. What
// comes from Parameter Store is not known here.
func (t template) defaultOf(name string) any {
	parameter, ok := t.parameters[name].(object)
	if !ok {
		return nil
	}
	kind, _ := parameter["Type"].(string)
	value, ok := cfn.Normalize(parameter["Default"]).(string)
	if !ok || strings.HasPrefix(kind, "AWS::SSM::") {
		return nil
	}
	if kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<") {
		var items []any
		for _, item := range strings.Split(value, ",") {
			items = append(items, strings.TrimSpace(item))
		}
		return items
	}
	return value
}

func (t template) readOutputs(outputs object) {
	for key, output := range outputs {
		entry, ok := output.(object)
		if !ok {
			continue
		}
		t.outputs[key] = t.resolve(cfn.Normalize(entry["Value"]))
		export, _ := entry["Export"].(object)
		if name, ok := cfn.Normalize(export["Name"]).(string); ok {
			t.exports[name] = key
		}
	}
}

// ReadSet reads templates by the names of their stacks.
func ReadSet(templates map[string][]byte) (Set, error) {
	set := Set{stacks: map[string]stack{}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		problems = append(problems, set.add(stack{name: name}, name, templates[name]))
	}
	return set, errors.Join(problems...)
}
