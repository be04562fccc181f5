// Package test asserts on the synthesized templates of every environment.
package test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/constructs/value"
	"wallet-infra/internal/cfn"
	"wallet-infra/stacks"
)

// The tests that wait for other programs or for more than the platform's templates, or
// that keep a core busy without the library, are parallel: Go begins those when the
// others are done.

// platform is every environment, synthesized once for the whole test process, while
// cdk-nag looks on.
func platform(t *testing.T) map[string]environment {
	t.Helper()
	built, err := synthesizedOnce()
	if err != nil {
		saysWhy.Do(func() { t.Fatalf("there are no templates to judge: %v", err) })
		t.Skip("there are no templates to judge: the first test that asked for them says why")
	}
	return built
}

// saysWhy lets one test fail for the reason of all.
var saysWhy sync.Once

// outdir is the cloud assembly that platform is read from.
func outdir(t *testing.T) string {
	t.Helper()
	platform(t)
	return assemblyDir
}

// assemblyDir holds the one synthesis, alteredRoot the assemblies of the altered
// environments and outsideRoot those of other programs. TestMain names and removes
// them.
var assemblyDir, alteredRoot, outsideRoot string

var synthesizedOnce = sync.OnceValues(func() (map[string]environment, error) {
	if !everythingRuns() {
		return synthesize(assemblyDir, false)
	}
	go outsideOnce()
	built, err := synthesize(assemblyDir, true)
	go synthesizeTheRest()
	return built, err
})

// everythingRuns says that no test is left out: then some test will ask for everything
// that is synthesized, and CDK's library need not wait for it.
func everythingRuns() bool {
	only := flag.Lookup("test.run")
	return only == nil || only.Value.String() == ""
}

// synthesizeTheRest keeps the library at work beside the tests. They ask for what was
// made, or for its error.
func synthesizeTheRest() {
	_, _ = identityApp()
	for _, env := range alterations() {
		_, _ = alter(env)
	}
}

// environment is one synthesized environment and the configuration behind it.
type environment struct {
	config.Environment
	stacks map[string]template // by the stack's short name, such as "data"
}

// template is one synthesized CloudFormation template.
type template struct {
	cfn.Template
	name      string // the stack's full name
	region    string
	account   string
	protected bool // against termination
	tags      map[string]string
	requires  []string   // the full names of the stacks that must be deployed before
	notes     []cfn.Note // what constructs and cdk-nag say about it
	raw       []byte
}

// resource is one resource of a template.
type resource = cfn.Resource

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
	root, err := os.MkdirTemp("", "wallet-infra-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(root)
	assemblyDir, alteredRoot, outsideRoot = filepath.Join(root, "platform"), filepath.Join(root, "altered"), filepath.Join(root, "outside")
	// A larger young generation saves Node a tenth of its time.
	if os.Getenv("NODE_OPTIONS") == "" {
		err = os.Setenv("NODE_OPTIONS", "--max-old-space-size=4096 --max-semi-space-size=32")
	}
	if _, err := config.Select(config.All(), config.Choice{}); err != nil {
		return 1, fmt.Errorf("no test of the templates runs before config is valid:\n%w", err)
	}
	// The trees of thousands of altered templates live as briefly as they are many: a
	// larger heap saves a quarter of the processor time of this process.
	debug.SetGCPercent(400)
	// More tests than cores: some wait for the library, or for other programs.
	flag.Parse()
	if *update && everythingRuns() {
		err = errors.Join(err, flag.Set("test.run", "^("+strings.Join(generators, "|")+")$"))
	}
	err = errors.Join(err, os.Mkdir(alteredRoot, 0o750), flag.Set("test.parallel", "8"))
	defer stopOutside()
	return m.Run(), err
}

// library is held by who calls CDK's library: it takes calls of one goroutine at a time.
var library sync.Mutex

// refusal is the error with which the CDK library, or a mistake in a construct,
// ends a synthesis. Both would end every test otherwise.
func refusal(build func()) (err error) {
	library.Lock()
	defer library.Unlock()
	defer func() {
		if mistake := recover(); mistake != nil {
			err = fmt.Errorf("a construct panics: %v\n%s", mistake, debug.Stack())
		}
	}()
	return stacks.Synthesize(build)
}

// contained turns a panic of a test into its failure, so that the others run.
func contained(t assert.TestingT) {
	if mistake := recover(); mistake != nil {
		t.Errorf("the test itself panics: %v\n%s", mistake, debug.Stack())
	}
}

// synthesize builds all environments with cdk.json's flags into outdir.
func synthesize(outdir string, validated bool) (map[string]environment, error) {
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
	build := func() error {
		return refusal(func() {
			app := stacks.NewApp(context, outdir, environments)
			inspect(app)
			app.Synth(nil)
		})
	}
	if validated {
		err = build()
	} else {
		err = withoutValidation(build)
	}
	if err != nil {
		return nil, err
	}
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

// withoutValidation runs a synthesis in a Node of its own that does not start AWS's
// validator.
func withoutValidation(build func() error) error {
	const variable = "CDK_VALIDATION"
	if _, set := os.LookupEnv(variable); set {
		return build()
	}
	jsii.Close()
	defer jsii.Close()
	if err := os.Setenv(variable, "false"); err != nil {
		return err
	}
	return errors.Join(build(), os.Unsetenv(variable))
}

// load reads an environment's templates from a cloud assembly.
func load(dir string, env config.Environment) (environment, error) {
	loaded := environment{Environment: env, stacks: map[string]template{}}
	built, err := cfn.Read(filepath.Join(dir, "assembly-"+stacks.StageName(env)))
	for _, stack := range built {
		loaded.stacks[strings.TrimPrefix(stack.Name, env.Names().StackName(""))] = read(stack)
	}
	return loaded, err
}

// read takes from a stack of an assembly what the tests ask for.
func read(stack cfn.Stack) template {
	return template{
		Template: stack.Template, name: stack.Name, region: stack.Region, account: stack.Account,
		protected: stack.TerminationProtection, tags: stack.Tags, requires: stack.DependsOn,
		notes: stack.Notes, raw: stack.Raw,
	}
}

// eachEnvironment runs a test for every environment, by name.
func eachEnvironment(t *testing.T, check func(t *testing.T, env environment)) {
	t.Helper()
	built := platform(t)
	for _, name := range slices.Sorted(maps.Keys(built)) {
		t.Run(name, func(t *testing.T) {
			defer contained(t)
			check(t, built[name])
		})
	}
}

// eachThat runs a test for every environment of a kind. One that no environment is
// of would be tested by nobody: a fork that gives up the kind removes its tests.
func eachThat(t *testing.T, is func(env environment) bool, check func(t *testing.T, env environment)) {
	t.Helper()
	found := 0
	for _, name := range slices.Sorted(maps.Keys(platform(t))) {
		env := platform(t)[name]
		if !is(env) {
			continue
		}
		found++
		t.Run(name, func(t *testing.T) {
			defer contained(t)
			check(t, env)
		})
	}
	assert.NotZero(t, found, "no environment is of the kind that this test is about")
}

// eachThatCopies runs a test for every environment that keeps copies in the second
// region.
func eachThatCopies(t *testing.T, check func(t *testing.T, env environment)) {
	t.Helper()
	eachThat(t, func(env environment) bool { return env.DR.Mode.Copies() }, check)
}

// inBackupMode says that backups alone leave the primary region.
func inBackupMode(env environment) bool { return env.DR.Mode == config.DRBackup }

// eachOfTheSeed runs a test for the environments that the seed describes, with
// what it says of each. Another environment may have other sizes.
func eachOfTheSeed[V any](t *testing.T, seed map[string]V, check func(t *testing.T, env environment, want V)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(seed)) {
		require.Contains(t, platform(t), name)
		t.Run(name, func(t *testing.T) {
			defer contained(t)
			check(t, platform(t)[name], seed[name])
		})
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
	for _, r := range t.OfType(resourceType) {
		found[r.ID] = r
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
	return resource{}
}

// synthesizeStack synthesizes one stack of the environment on its own, for a
// construct that the platform uses in few of its shapes.
func synthesizeStack(env environment, region config.Region, build func(stack awscdk.Stack)) (template, error) {
	built := template{name: "Stack", region: region.Name}
	context, err := config.ReadContext("../cdk.json", nil)
	if err != nil {
		return built, err
	}
	dir, err := os.MkdirTemp(alteredRoot, "")
	if err != nil {
		return built, err
	}
	refused := refusal(func() {
		value.Reset()
		app := awscdk.NewApp(&awscdk.AppProps{Context: &context, Outdir: new(dir), AnalyticsReporting: new(false)})
		stack := awscdk.NewStack(app, new("Stack"), &awscdk.StackProps{
			Env: &awscdk.Environment{Account: new(env.Site.Account), Region: new(region.Name)},
		})
		build(stack)
		built.raw, err = json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	})
	if err := errors.Join(refused, err); err != nil {
		return built, err
	}
	built.Template, err = cfn.Parse(built.raw)
	return built, err
}

// sorted returns the environment's templates in the order of their names.
func (e environment) sorted() []template {
	var all []template
	for _, name := range slices.Sorted(maps.Keys(e.stacks)) {
		all = append(all, e.stacks[name])
	}
	return all
}

// found is a resource and the template that holds it.
type found struct {
	resource
	id    string
	stack template
}

// everywhere finds the resources of a type in an environment's templates, in the
// order of their names.
func (e environment) everywhere(resourceType string) []found {
	var all []found
	for _, stack := range e.sorted() {
		for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
			if stack.Resources[id].Type == resourceType {
				all = append(all, found{resource: stack.Resources[id], id: id, stack: stack})
			}
		}
	}
	return all
}
