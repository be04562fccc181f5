// Package test asserts on the synthesized templates of every environment.
package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/stacks"
)

// platform is every environment, synthesized once for the whole test process
// exactly as a deployment would be, strict validation included. cdk-nag looks on;
// TestTheAppTheBinaryAndTheCLIBuildTheSameTemplates proves that it changes
// nothing.
var platform map[string]environment

// assembly is the cloud assembly that platform was read from.
var assembly string

// environment is one synthesized environment and the configuration behind it.
type environment struct {
	config.Environment
	stacks map[string]template // by the stack's short name, such as "data"
}

// template is one synthesized CloudFormation template.
type template struct {
	name      string // the stack's full name
	region    string
	account   string
	protected bool // against termination
	tags      map[string]string
	requires  []string            // the full names of the stacks that must be deployed before
	notes     []annotation        // what constructs and cdk-nag say about it
	Resources map[string]resource `json:"Resources"`
	Outputs   map[string]any      `json:"Outputs"`
	raw       []byte
}

// resource is one resource of a template.
type resource struct {
	Type                string         `json:"Type"`
	Properties          map[string]any `json:"Properties"`
	DependsOn           any            `json:"DependsOn"`
	DeletionPolicy      string         `json:"DeletionPolicy"`
	UpdateReplacePolicy string         `json:"UpdateReplacePolicy"`
	Metadata            map[string]any `json:"Metadata"`
}

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	defer jsii.Close()
	outdir, err := os.MkdirTemp("", "wallet-infra-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(outdir)
	assembly = outdir
	if platform, err = synthesize(outdir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// synthesize builds all environments with cdk.json's flags into outdir.
func synthesize(outdir string) (map[string]environment, error) {
	context, err := config.ReadContext("../cdk.json", nil)
	if err != nil {
		return nil, err
	}
	environments, err := config.Select(config.All(), config.Choice{})
	if err != nil {
		return nil, err
	}
	// The app would panic on the first finding and take every test with it; the
	// report is judged by TestCloudFormationValidateAcceptsEveryTemplate instead.
	context["@aws-cdk/core:failSynthOnValidationErrors"] = false
	app := stacks.NewApp(context, outdir, environments)
	inspect(app)
	app.Synth(nil)
	synthesized := map[string]environment{}
	for _, env := range environments {
		loaded, err := load(outdir, env)
		if err != nil {
			return nil, err
		}
		synthesized[env.Name] = loaded
	}
	return synthesized, nil
}

// load reads an environment's templates from a cloud assembly.
func load(outdir string, env config.Environment) (environment, error) {
	loaded := environment{Environment: env, stacks: map[string]template{}}
	dir := filepath.Join(outdir, "assembly-"+stacks.StageName(env))
	content, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return loaded, err
	}
	var assembled manifest
	if err := json.Unmarshal(content, &assembled); err != nil {
		return loaded, err
	}
	for _, artifact := range assembled.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		t, err := assembled.template(dir, artifact)
		if err != nil {
			return loaded, err
		}
		loaded.stacks[t.name[len(env.StackName("")):]] = t
	}
	return loaded, nil
}

// manifest is what the tests read of a stage's cloud assembly.
type manifest struct {
	Artifacts map[string]artifact `json:"artifacts"`
}

// artifact is one entry of a manifest.
type artifact struct {
	Type           string                  `json:"type"`
	Environment    string                  `json:"environment"` // "aws://account/region"
	Dependencies   []string                `json:"dependencies"`
	Metadata       map[string][]annotation `json:"metadata"` // by construct path
	AdditionalFile string                  `json:"additionalMetadataFile"`
	Properties     struct {
		TemplateFile          string            `json:"templateFile"`
		StackName             string            `json:"stackName"`
		TerminationProtection bool              `json:"terminationProtection"`
		Tags                  map[string]string `json:"tags"`
	} `json:"properties"`
}

// annotation is something that was said about a construct.
type annotation struct {
	Level string `json:"type"` // such as "aws:cdk:error"
	Text  any    `json:"data"`
	path  string // the construct's
}

// template reads a stack's template and what the manifest says about it.
func (m manifest) template(dir string, stack artifact) (template, error) {
	place := strings.Split(stack.Environment, "/")
	t := template{
		name:      stack.Properties.StackName,
		account:   place[2],
		region:    place[3],
		protected: stack.Properties.TerminationProtection,
		tags:      stack.Properties.Tags,
	}
	for _, id := range stack.Dependencies {
		if required := m.Artifacts[id]; required.Type == "aws:cloudformation:stack" {
			t.requires = append(t.requires, required.Properties.StackName)
		}
	}
	if stack.AdditionalFile != "" {
		content, err := os.ReadFile(filepath.Join(dir, stack.AdditionalFile))
		if err != nil {
			return t, err
		}
		if err := json.Unmarshal(content, &stack.Metadata); err != nil {
			return t, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(stack.Metadata)) {
		for _, note := range stack.Metadata[path] {
			note.path = path
			t.notes = append(t.notes, note)
		}
	}
	var err error
	if t.raw, err = os.ReadFile(filepath.Join(dir, stack.Properties.TemplateFile)); err != nil {
		return t, err
	}
	return t, json.Unmarshal(t.raw, &t)
}

// eachEnvironment runs a test for every environment, by name.
func eachEnvironment(t *testing.T, check func(t *testing.T, env environment)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(platform)) {
		t.Run(name, func(t *testing.T) { check(t, platform[name]) })
	}
}

// stack returns one of the environment's templates.
func (e environment) stack(t *testing.T, name string) template {
	t.Helper()
	found, ok := e.stacks[name]
	require.Truef(t, ok, "%s has no stack %q", e.Name, name)
	return found
}

// ofType returns the template's resources of a type, by logical ID.
func (t template) ofType(resourceType string) map[string]resource {
	found := map[string]resource{}
	for id, r := range t.Resources {
		if r.Type == resourceType {
			found[id] = r
		}
	}
	return found
}

// only returns the single resource of a type.
func (t template) only(test *testing.T, resourceType string) resource {
	test.Helper()
	found := t.ofType(resourceType)
	require.Lenf(test, found, 1, "%s: resources of type %s", t.name, resourceType)
	for _, r := range found {
		return r
	}
	panic("unreachable")
}

// at walks into a value by map keys and list indices and returns nil where the
// path ends early: at(r.Properties, "Tags", 0, "Key").
func at(value any, path ...any) any {
	for _, step := range path {
		switch key := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[key]
		case int:
			list, _ := value.([]any)
			if key >= len(list) {
				return nil
			}
			value = list[key]
		}
	}
	return value
}

// synthesizeStack synthesizes one stack of the environment on its own, for a
// construct that the platform uses in few of its shapes.
func synthesizeStack(t *testing.T, env environment, region config.Region, build func(stack awscdk.Stack)) template {
	t.Helper()
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(t, err)
	app := awscdk.NewApp(&awscdk.AppProps{Context: &context, Outdir: new(t.TempDir()), AnalyticsReporting: new(false)})
	stack := awscdk.NewStack(app, new("Stack"), &awscdk.StackProps{
		Env: &awscdk.Environment{Account: new(env.Site.Account), Region: new(region.Name)},
	})
	build(stack)
	built := template{name: "Stack", region: region.Name}
	built.raw, err = json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(built.raw, &built))
	return built
}

// sorted returns the environment's templates in the order of their names.
func (e environment) sorted() []template {
	var all []template
	for _, name := range slices.Sorted(maps.Keys(e.stacks)) {
		all = append(all, e.stacks[name])
	}
	return all
}
