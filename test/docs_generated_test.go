package test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cost"
)

func TestTheDocumentedCostIsTheTemplates(t *testing.T) {
	stacks, err := cfn.Read(outdir(t))
	require.NoError(t, err)
	prices, err := cost.LoadPrices()
	require.NoError(t, err)
	table, err := cost.Report(stacks, prices)
	require.NoError(t, err)
	documented(t, "../docs/COST-OPTIMIZATION.md", "cost", table)
}

func TestTheDocumentedFindingsAreTheAcceptedOnes(t *testing.T) {
	t.Parallel()
	documented(t, "testdata/findings.md", "findings", findingsTable(t))
}

// generators are the tests that rewrite what is generated. `make update` runs no others,
// which may fail for a reason of their own.
var generators = []string{
	"TestTheDocumentedCostIsTheTemplates",
	"TestTheDocumentedFindingsAreTheAcceptedOnes",
	"TestTheDocumentedNetworkIsTheConfiguredOne",
	"TestTheRunbooksVariablesAreEachEnvironmentsOwn",
	"TestTheRunbookDeploysEveryStackThatTheActiveRegionTouches",
	"TestTheDocumentedWayIsTheConfiguredOne",
	"TestTheDocumentedLossIsTheConfiguredOne",
	"TestTheDocumentedQuotasAreThoseOfTheFullLoad",
	"TestTheTimeOfPublishingAgainIsThePublishersSpeed",
	"TestReferencesAreTheDocumentedOnes",
	"TestReferencesArePicturedInTheDocuments",
	"TestTheReportOfWhatLeavesBrazilIsTheTemplates",
	"TestTheWorkflowsKnowTheEnvironmentsOfConfig",
}

// generates says whether to rewrite what the running test holds.
func generates(t *testing.T) bool {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	assert.Contains(t, generators, name, "it holds a generated part, and `make update` would not run it")
	return *update
}

// document is held by who rewrites one: two parts of a page are of two tests.
var document sync.Mutex

// documented holds the part of a document between two markers against what it is
// generated from; -update rewrites it.
func documented(t *testing.T, path, marker, want string) {
	t.Helper()
	document.Lock()
	defer document.Unlock()
	begin, end := "<!-- "+marker+":begin -->", "<!-- "+marker+":end -->"
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(content), begin)
	require.Truef(t, found, "%s: no %s", path, begin)
	now, after, found := strings.Cut(rest, end)
	require.Truef(t, found, "%s: no %s", path, end)
	if generates(t) {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+"\n\n"+want+"\n\n"+end+after), 0o644))
		return
	}
	assert.Equalf(t, want, strings.TrimSpace(now), "%s is not what is built: `make update` rewrites it", path)
}

// acceptance is one reason for which a rule's finding is accepted.
type acceptance struct{ rule, reason string }

// findingsTable lists the acknowledgements in the templates' metadata, with the
// number of resources in all environments that carry each.
func findingsTable(t *testing.T) string {
	t.Helper()
	all := trust(t)
	for _, env := range platform(t) {
		all = append(all, env.sorted()...)
	}
	carriers := map[acceptance]map[string]bool{}
	for _, stack := range all {
		for id, r := range stack.Resources {
			for _, given := range accepted(t, r) {
				if carriers[given] == nil {
					carriers[given] = map[string]bool{}
				}
				carriers[given][stack.account+"/"+stack.name+"/"+id] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("| rule | resources | reason |\n| --- | ---: | --- |\n")
	for _, given := range slices.SortedFunc(maps.Keys(carriers), func(a, b acceptance) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.reason, b.reason))
	}) {
		reason := strings.ReplaceAll(given.reason, "*", "`*`")
		fmt.Fprintf(&b, "| %s | %d | %s |\n", given.rule, len(carriers[given]), reason)
	}
	return strings.TrimSpace(b.String())
}

// accepted are the acknowledgements on one resource.
func accepted(t *testing.T, r resource) []acceptance {
	t.Helper()
	content, err := json.Marshal(at(r.Metadata, "cdk_nag", "rules_to_suppress"))
	require.NoError(t, err)
	var entries []acknowledgement
	require.NoError(t, json.Unmarshal(content, &entries))
	var all []acceptance
	for _, entry := range entries {
		all = append(all, acceptance{entry.ID, entry.Reason})
	}
	return all
}

func TestTheDocumentsNameTestsThatExist(t *testing.T) {
	tests := testsInTheRepository(t)
	for path, content := range documentTexts(t) {
		for _, match := range testName.FindAllStringSubmatch(content, -1) {
			assert.Truef(t, tests[match[1]], "%s names %s, which does not exist", path, match[1])
		}
	}
}

// configPath is a field as the documents write it, such as `Database.Readers`.
var configPath = regexp.MustCompile("`([A-Z][A-Za-z]+(?:\\.[A-Z][A-Za-z]+)+)`")

func TestTheDocumentsNameConfigurationThatExists(t *testing.T) {
	found := 0
	for path, content := range documentTexts(t) {
		for _, match := range configPath.FindAllStringSubmatch(content, -1) {
			steps := strings.Split(match[1], ".")
			section, known := reflect.TypeFor[config.Environment]().FieldByName(steps[0])
			if !known {
				continue // not configuration: PCI.DSS, AWS.Something
			}
			found++
			assert.Truef(t, leadsToAField(section.Type, steps[1:]), "%s names %s, and config has no such field", path, match[1])
		}
	}
	assert.NotZero(t, found)
}

// leadsToAField says whether a struct has the field that the steps lead to.
func leadsToAField(form reflect.Type, steps []string) bool {
	for _, step := range steps {
		if form.Kind() != reflect.Struct {
			return false
		}
		field, ok := form.FieldByName(step)
		if !ok {
			return false
		}
		form = field.Type
	}
	return true
}

// documentTexts are the documents for people, by path from the root.
func documentTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for path := range documents(t) {
		content, err := os.ReadFile(filepath.Join("..", path))
		require.NoError(t, err)
		texts[path] = string(content)
	}
	return texts
}

func TestTheDocumentedNetworkIsTheConfiguredOne(t *testing.T) {
	networks := allNetworks(t)
	var b strings.Builder
	b.WriteString("| environment | VPC | public | private | database |\n| --- | --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		network := networks[name]
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", name, network.CIDR, inABlock(network.Public), inABlock(network.Private), inABlock(network.Database))
	}
	documented(t, "../docs/ARCHITECTURE.md", "networks", strings.TrimSpace(b.String()))
}

// inABlock writes subnets for people: `10.0.1-3.0/24` are three that follow each
// other.
func inABlock(subnets []string) string {
	form := regexp.MustCompile(`^(\d+\.\d+)\.(\d+)\.0/24$`)
	first := form.FindStringSubmatch(subnets[0])
	last := form.FindStringSubmatch(subnets[len(subnets)-1])
	if first != nil && last != nil {
		var block []string
		from, _ := strconv.Atoi(first[2])
		for third := range subnets {
			block = append(block, fmt.Sprintf("%s.%d.0/24", first[1], from+third))
		}
		if slices.Equal(block, subnets) && len(subnets) > 1 {
			return fmt.Sprintf("`%s.%s-%s.0/24`", first[1], first[2], last[2])
		}
	}
	return "`" + strings.Join(subnets, "`, `") + "`"
}

// allNetworks are the networks of all environments, as the documents name them.
func allNetworks(t *testing.T) map[string]config.Network {
	t.Helper()
	networks := map[string]config.Network{}
	for name, env := range platform(t) {
		networks[name] = env.Network
		if env.DR.Mode == config.DRStandby {
			networks[name+", "+env.Secondary.Name] = env.DR.Network
		}
	}
	return networks
}
