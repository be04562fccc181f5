package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const referencesFile = "testdata/references.json"

// graph is who consumes what from whom: consumer, producer, purposes. Stacks go by
// their short names. A dependency without a value has no purpose.
type graph map[string]map[string][]string

// references reads an environment's graph from its templates and manifest.
func references(t *testing.T, env environment) graph {
	t.Helper()
	found := graph{}
	note := func(consumer, producer, purpose string) {
		if found[consumer] == nil {
			found[consumer] = map[string][]string{}
		}
		purposes := found[consumer][producer]
		if purpose != "" && !slices.Contains(purposes, purpose) {
			purposes = append(purposes, purpose)
			slices.Sort(purposes)
		}
		found[consumer][producer] = purposes
	}
	for name, stack := range env.stacks {
		for _, required := range stack.requires {
			note(name, shortName(t, env, required), "")
		}
		for _, used := range consumed(t, stack) {
			note(name, shortName(t, env, used.stack), purposeOf(used.output))
		}
	}
	return found
}

// consumption is one value that a template takes from another stack.
type consumption struct{ stack, output, region string }

// consumed finds every Fn::GetStackOutput. An import would be a strong reference,
// which the platform does not use.
func consumed(t *testing.T, stack template) []consumption {
	t.Helper()
	var found []consumption
	for _, to := range stack.References() {
		switch to.Function {
		case "Fn::ImportValue":
			t.Errorf("%s imports %s: a strong reference", stack.name, to.Name)
		case "Fn::GetStackOutput":
			found = append(found, consumption{stack: to.Stack, output: to.Name, region: to.Region})
		}
	}
	return found
}

func shortName(t *testing.T, env environment, stack string) string {
	t.Helper()
	name := strings.TrimPrefix(stack, env.Names().StackName(""))
	_, known := env.stacks[name]
	require.Truef(t, known, "%s refers to %s, which is no stack of %s", env.Name, stack, env.Name)
	return name
}

// outputName is how CDK names the output of a reference: the path of the resource
// without separators, the logical ID's hash, the attribute and a hash of its own.
var outputName = regexp.MustCompile(`^(?:PublishOutput|ExportsOutput)?(?:FnGetAtt|Ref)?(.*?)(?:Resource)?[0-9A-F]{8}(.*?)(?:[0-9A-F]{8})?$`)

// purposeOf makes an output's name readable: "PublishOutputRefVpc8378EB38…" is "Vpc".
func purposeOf(output string) string {
	match := outputName.FindStringSubmatch(output)
	if match == nil || match[1] == "" {
		return output
	}
	if match[2] == "" {
		return match[1]
	}
	return match[1] + "." + match[2]
}

func TestReferencesAreTheDocumentedOnes(t *testing.T) {
	now := map[string]graph{}
	for name, env := range platform(t) {
		now[name] = references(t, env)
	}
	if generates(t) {
		writeJSON(t, referencesFile, now)
		return
	}
	content, err := os.ReadFile(referencesFile)
	require.NoError(t, err)
	var documented map[string]graph
	require.NoError(t, json.Unmarshal(content, &documented))
	assert.Equal(t, documented, now, "the references between stacks changed: if that is meant, `make update` rewrites them and the diagram")
}

func TestReferencesMakeNoCycle(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		edges := references(t, env)
		var visit func(stack string, path []string)
		visit = func(stack string, path []string) {
			if slices.Contains(path, stack) {
				require.Failf(t, "cycle", "%s", strings.Join(append(path, stack), " -> "))
			}
			for producer := range edges[stack] {
				visit(producer, append(slices.Clone(path), stack))
			}
		}
		for stack := range env.stacks {
			visit(stack, nil)
		}
	})
}

// A deployment must put the producer first, or the value does not exist.
func TestReferencesAreDeployedInOrder(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, used := range consumed(t, stack) {
				assert.Containsf(t, stack.requires, used.stack, "%s reads %s of %s before that is deployed", stack.name, used.output, used.stack)
			}
		}
	})
}

func TestReferencesAreOfOutputsThatExist(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, used := range consumed(t, stack) {
				producer := env.stack(t, shortName(t, env, used.stack))
				assert.Containsf(t, producer.Outputs, used.output, "%s reads it from %s", stack.name, used.stack)
				if used.region != "<nil>" {
					assert.Equalf(t, producer.region, used.region, "%s looks for %s in the wrong region", stack.name, used.stack)
				} else {
					assert.Equalf(t, producer.region, stack.region, "%s looks for %s in its own region", stack.name, used.stack)
				}
			}
		}
	})
}

// Weak references hold no lock on their producer, and no custom resource copies
// values between regions.
func TestReferencesNeedNoCustomResource(t *testing.T) {
	for name := range typesInUse(t) {
		assert.NotContains(t, name, "Custom::CrossRegionExport")
		assert.NotContains(t, name, "Custom::CrossRegionStringParameter")
	}
}

// While São Paulo is down, the second region must still deploy and act.
func TestReferencesLeadNowhereDuringADisaster(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, used := range consumed(t, stack) {
				producer := env.stack(t, shortName(t, env, used.stack))
				if stack.region == env.Secondary.Name {
					assert.NotEqualf(t, env.Primary.Name, producer.region, "%s reads %s of %s", stack.name, used.output, used.stack)
				} else if producer.region != stack.region {
					assert.Equalf(t, env.Names().StackName("global"), used.stack, "%s may read across regions from global alone", stack.name)
				}
			}
		}
	})
}

func TestReferencesNeverLeadToTheObservers(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for consumer, producers := range references(t, env) {
			assert.NotContainsf(t, producers, "observability", "%s depends on the observer", consumer)
			assert.NotContainsf(t, producers, "dr-recovery", "%s depends on what moves and watches it", consumer)
			for producer := range producers {
				standby := strings.HasPrefix(producer, "dr")
				// Images are copied to nothing that does not exist; no value is read.
				order := consumer == "registry" && producer == "dr-registry" && len(producers[producer]) == 0
				assert.Falsef(t, standby && !order && !strings.HasPrefix(consumer, "dr"), "%s depends on the second region's %s", consumer, producer)
			}
		}
	})
}

// A stage is the border: the name of another environment in a template would be a
// reference that CDK did not see.
func TestReferencesStayInsideTheEnvironment(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for other := range platform(t) {
			if other == env.Name {
				continue
			}
			for _, stack := range env.sorted() {
				raw := string(stack.raw) // which a failure is not to print
				refuse(t, strings.Contains(raw, platform(t)[other].Names().Prefix()), "%s names something of %s", stack.name, other)
				refuse(t, strings.Contains(raw, platform(t)[other].Site.Account), "%s names the account of %s: Site.Account is each environment's own", stack.name, other)
			}
		}
	})
}

func TestReferencesArePicturedInTheDocuments(t *testing.T) {
	documented(t, "../docs/ARCHITECTURE.md", "references", mermaid(t, platform(t)["production"]))
}

// mermaid draws an environment: a box for each region, an arrow from each producer
// to each consumer, dotted where only the order of deployment matters.
func mermaid(t *testing.T, env environment) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart LR\n")
	for _, region := range []string{env.Primary.Name, env.Secondary.Name} {
		fmt.Fprintf(&b, "  subgraph %s\n", region)
		for _, name := range slices.Sorted(maps.Keys(env.stacks)) {
			if env.stacks[name].region == region {
				fmt.Fprintf(&b, "    %s[%s]\n", name, title(name))
			}
		}
		b.WriteString("  end\n")
	}
	edges := references(t, env)
	for _, consumer := range slices.Sorted(maps.Keys(edges)) {
		for _, producer := range slices.Sorted(maps.Keys(edges[consumer])) {
			arrow := "-->"
			if len(edges[consumer][producer]) == 0 {
				arrow = "-.->"
			}
			fmt.Fprintf(&b, "  %s %s %s\n", producer, arrow, consumer)
		}
	}
	b.WriteString("```")
	return b.String()
}

// title is a stack's name in a picture.
func title(name string) string {
	if name == "dr" {
		return "DR"
	}
	if part, standby := strings.CutPrefix(name, "dr-"); standby {
		return "DR-" + title(part)
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
