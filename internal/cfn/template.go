package cfn

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
)

// Template is a CloudFormation template. Its values are as they are written:
// [Normalize] and [Resolver] say what they stand for.
type Template struct {
	Resources  map[string]Resource
	Outputs    map[string]Output
	Parameters map[string]Object
	Mappings   map[string]Object
	Conditions map[string]any
	Transform  any // the macros that change what the template says
}

// Resource is one resource of a template.
type Resource struct {
	ID                  string // its logical ID
	Type                string
	Properties          Object
	DependsOn           []string
	Condition           string // under which it exists; empty where it always does
	DeletionPolicy      string
	UpdateReplacePolicy string
	UpdatePolicy        any
	Metadata            Object
}

// Path is the resource's place in the construct tree, where CDK wrote it down.
func (r Resource) Path() string {
	path, _ := r.Metadata["aws:cdk:path"].(string)
	return path
}

// Output is one output of a template.
type Output struct {
	Value     any
	Export    any // the name under which Fn::ImportValue finds it; nil where there is none
	Condition string
}

// IDs are the logical IDs of the resources, in order.
func (t Template) IDs() []string { return slices.Sorted(maps.Keys(t.Resources)) }

// OfType returns the template's resources of a type, in the order of their IDs.
func (t Template) OfType(resourceType string) []Resource {
	var found []Resource
	for _, id := range t.IDs() {
		if t.Resources[id].Type == resourceType {
			found = append(found, t.Resources[id])
		}
	}
	return found
}

// ReadTemplates reads a cloud assembly, or a directory of files that each hold one
// template, such as `aws cloudformation get-template` returns, named after their
// stacks (NAME.json or NAME.template.json). It reports everything that cannot be
// read at once, and what is no such file: passed over, a stack would count as one
// that is not deployed. For the same reason it refuses a directory without any.
func ReadTemplates(dir string) ([]Stack, error) {
	if _, err := os.Stat(filepath.Join(dir, manifestFile)); err == nil {
		stacks, err := Read(dir)
		return stacks, errors.Join(err, unambiguous(stacks))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var stacks []Stack
	var problems []error
	for _, entry := range entries {
		name, isJSON := strings.CutSuffix(entry.Name(), ".json")
		path := filepath.Join(dir, entry.Name())
		switch {
		case !entry.IsDir() && isJSON:
			name = strings.TrimSuffix(name, ".template")
			stack := Stack{ID: name, Name: name, Path: path}
			problems = append(problems, stack.readTemplate())
			stacks = append(stacks, stack)
		case !strings.HasPrefix(entry.Name(), "."):
			problems = append(problems, fmt.Errorf("%s: want templates in JSON and nothing beside them", path))
		}
	}
	if len(stacks) == 0 && len(problems) == 0 {
		problems = append(problems, fmt.Errorf("%s: no template in it", dir))
	}
	return stacks, errors.Join(append(problems, unambiguous(stacks))...)
}

// unambiguous refuses two stacks of one name: whoever pairs stacks by name would
// see one of them alone.
func unambiguous(stacks []Stack) error {
	seen := map[string]bool{}
	var problems []error
	for _, stack := range stacks {
		if seen[stack.Name] {
			problems = append(problems, fmt.Errorf("%s: a second template of the stack %s", stack.Path, stack.Name))
		}
		seen[stack.Name] = true
	}
	return errors.Join(problems...)
}

// readTemplate reads the file at the stack's path.
func (s *Stack) readTemplate() (err error) {
	if s.Raw, err = os.ReadFile(s.Path); err != nil {
		return err
	}
	if s.Template, err = Parse(s.Raw); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	return nil
}

// Parse reads a template in JSON, or the AWS CLI's answer to get-template around
// one. It reports everything that is wrong with its form.
func Parse(content []byte) (Template, error) {
	root, err := decode(content)
	if err != nil {
		return Template{}, err
	}
	if body, wrapped := root["TemplateBody"]; wrapped {
		if root, err = templateBody(body); err != nil {
			return Template{}, fmt.Errorf("TemplateBody: %w", err)
		}
	}
	p := parser{root: root}
	read := Template{
		Resources: map[string]Resource{}, Outputs: map[string]Output{}, Parameters: map[string]Object{},
		Mappings: map[string]Object{}, Conditions: p.section("Conditions"), Transform: root["Transform"],
	}
	resources := p.section("Resources")
	if len(resources) == 0 {
		p.problem("no Resources: not a template")
	}
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		read.Resources[id] = p.resource(id, resources[id])
	}
	for name, value := range p.section("Outputs") {
		entry := p.object("output "+name, value)
		export, _ := entry["Export"].(Object)
		read.Outputs[name] = Output{Value: entry["Value"], Export: export["Name"], Condition: p.text("output "+name, entry, "Condition")}
	}
	for name, value := range p.section("Parameters") {
		read.Parameters[name] = p.object("parameter "+name, value)
	}
	for name, value := range p.section("Mappings") {
		read.Mappings[name] = p.object("mapping "+name, value)
	}
	return read, errors.Join(p.problems...)
}

// UnmarshalJSON reads a template as [Parse] does: there is no laxer way in.
func (t *Template) UnmarshalJSON(content []byte) (err error) {
	*t, err = Parse(content)
	return err
}

// decode reads exactly one JSON object.
func decode(content []byte) (Object, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	var root Object
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not a JSON object: something follows it")
	}
	return root, nil
}

func templateBody(body any) (Object, error) {
	switch body := body.(type) {
	case string:
		return decode([]byte(body))
	case Object:
		return body, nil
	default:
		return nil, errors.New("want a template, got " + inShort(body))
	}
}

// parser collects what is wrong with a template.
type parser struct {
	root     Object
	problems []error
}

func (p *parser) problem(format string, arguments ...any) {
	p.problems = append(p.problems, fmt.Errorf(format, arguments...))
}

func (p *parser) section(name string) Object {
	value, present := p.root[name]
	if !present {
		return nil
	}
	return p.object(name, value)
}

func (p *parser) object(what string, value any) Object {
	object, ok := value.(Object)
	if !ok {
		p.problem("%s: want an object, got %s", what, inShort(value))
	}
	return object
}

func (p *parser) text(what string, of Object, key string) string {
	value, present := of[key]
	text, ok := value.(string)
	if present && !ok {
		p.problem("%s: %s: want a text, got %s", what, key, inShort(value))
	}
	return text
}

func (p *parser) resource(id string, value any) Resource {
	what := "resource " + id
	entry := p.object(what, value)
	if entry == nil {
		return Resource{ID: id}
	}
	read := Resource{
		ID: id, Type: p.text(what, entry, "Type"), Condition: p.text(what, entry, "Condition"), Properties: Object{},
		DeletionPolicy: p.text(what, entry, "DeletionPolicy"), UpdateReplacePolicy: p.text(what, entry, "UpdateReplacePolicy"),
		UpdatePolicy: entry["UpdatePolicy"],
	}
	if entry["Type"] == nil || entry["Type"] == "" {
		p.problem("%s: Type: want a text, got %s", what, inShort(entry["Type"]))
	}
	if properties := entry["Properties"]; properties != nil {
		if read.Properties = p.object(what+": Properties", properties); IsIntrinsic(properties) {
			p.problem("%s: Properties: want an object, got %s", what, inShort(properties))
		}
	}
	read.Metadata, _ = entry["Metadata"].(Object)
	for _, dependency := range List(entry["DependsOn"]) {
		name, ok := dependency.(string)
		if !ok {
			p.problem("%s: DependsOn: want logical IDs, got %s", what, inShort(dependency))
			continue
		}
		read.DependsOn = append(read.DependsOn, name)
	}
	return read
}

// inShort prints a value for a reader, cut where it gets long.
func inShort(value any) string {
	const longest = 80
	if value == nil {
		return "nothing"
	}
	text := []rune(Canonical(value))
	if len(text) > longest {
		return string(text[:longest]) + "…"
	}
	return string(text)
}
