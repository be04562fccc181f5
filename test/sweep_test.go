package test

import (
	"bufio"
	"fmt"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
)

// The ways in which the sweep changes one property of one resource.
const (
	wayAlter  = "alter"  // another value
	wayTo     = "to:"    // the value that follows
	wayRemove = "remove" // no value
	wayRaise  = "raise"  // a larger number
	wayLower  = "lower"  // a smaller number
	wayDrop   = "drop"   // an item of a list less
	wayVanish = "vanish" // the whole resource less
)

// mutant is one change of one resource.
type mutant struct {
	kind, path, way string
	operator        string // of an alarm, which says where its threshold is normal
	stack, id       string
	before          changes.Set
	after           map[string][]byte
}

func (m mutant) String() string { return strings.TrimSpace(m.kind + " " + m.path + " " + m.way) }

// sweep makes every change of a single property of an environment: of each type
// and path once, on the first resource that has it, beside the resources that it
// refers to and that refer to it.
func sweep(t *testing.T, env environment, seen map[string]bool) []mutant {
	t.Helper()
	var found []mutant
	for _, short := range slices.Sorted(maps.Keys(env.stacks)) {
		name := env.stacks[short].name
		resources := objectAt(t, alone(t, env.stacks[short])[name], "Resources")
		words := map[string]string{}
		for id, one := range resources {
			words[id] = cfn.Canonical(one)
		}
		for _, id := range slices.Sorted(maps.Keys(resources)) {
			one := objectAt(t, resources, id)
			around := neighbours(resources, words, id)
			before, err := changes.ReadSet(map[string][]byte{name: mustJSON(t, plain{"Resources": around})})
			require.NoError(t, err)
			add := func(path, way string, changed any) {
				m := mutant{kind: textAt(t, one, "Type"), path: path, way: way, stack: name, id: id, before: before}
				if properties, ok := one["Properties"].(plain); ok {
					m.operator, _ = properties["ComparisonOperator"].(string)
				}
				if seen[m.String()+m.operator] {
					return
				}
				seen[m.String()+m.operator] = true
				other := maps.Clone(around)
				other[id] = changed
				if changed == nil {
					delete(other, id)
					other["Beside"] = plain{"Type": "AWS::CloudWatch::Dashboard"}
				}
				m.after = map[string][]byte{name: mustJSON(t, plain{"Resources": other})}
				found = append(found, m)
			}
			add("", wayVanish, nil)
			properties, _ := one["Properties"].(plain)
			mutate(properties, "", func(path, way string, changed any) {
				other := maps.Clone(one)
				other["Properties"] = changed
				add(path, way, other)
			})
		}
	}
	return found
}

// neighbours picks a resource of a template with those that it refers to and those
// that refer to it.
func neighbours(resources plain, words map[string]string, id string) plain {
	around := plain{id: resources[id]}
	refers := func(from, to string) bool { return strings.Contains(words[from], `"`+to+`"`) }
	for other := range resources {
		if refers(id, other) || refers(other, id) {
			around[other] = resources[other]
		}
	}
	return around
}

// mutate tells each change of a value below a path, with the whole value as it is
// then. Items of lists have the name that they hold, or none.
func mutate(value any, at string, tell func(path, way string, changed any)) {
	switch v := value.(type) {
	case plain:
		if cfn.IsIntrinsic(v) {
			tell(at, wayAlter, plain{"Fn::ImportValue": "something-else"})
			return
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below := path.Join(at, key)
			less := maps.Clone(v)
			delete(less, key)
			tell(below, wayRemove, less)
			mutate(v[key], below, func(path, way string, changed any) {
				other := maps.Clone(v)
				other[key] = changed
				tell(path, way, other)
			})
		}
	case []any:
		for i, item := range v {
			below := path.Join(at, itemName(item))
			if path.Base(at) == "Tags" {
				below = path.Join(at, "*") // one is as good as another
			}
			tell(below, wayDrop, slices.Delete(slices.Clone(v), i, i+1))
			mutate(item, below, func(path, way string, changed any) {
				other := slices.Clone(v)
				other[i] = changed
				tell(path, way, other)
			})
		}
	case bool:
		tell(at, fmt.Sprintf("%s%t", wayTo, !v), !v)
	case float64:
		tell(at, wayRaise, v*2+1)
		tell(at, wayLower, math.Floor(v/2)-1)
	case string:
		if number, err := strconv.ParseFloat(v, 64); err == nil {
			tell(at, wayRaise, strconv.FormatFloat(number*2+1, 'f', -1, 64))
			tell(at, wayLower, strconv.FormatFloat(math.Floor(number/2)-1, 'f', -1, 64))
			return
		}
		tell(at, wayAlter, v+"-other")
	}
}

// itemName is what an item of a list is known by in a path.
func itemName(item any) string {
	one, _ := item.(plain)
	for _, key := range []string{"Name", "Key", "Id", "RuleName", "Sid", "SetIdentifier"} {
		if name, ok := one[key].(string); ok {
			return strings.ReplaceAll(name, "/", "_")
		}
	}
	return "*"
}

// harm says what the properties of a type hold, and by which changes nothing of it
// goes and nothing comes in. It is written from AWS's documents and the platform's
// purpose, apart from the classifier's rules: what is not in it must never be safe.
type harm struct {
	kind, path, holds string
	harmless          []string
}

// readHarm reads testdata/harmless.txt.
func readHarm(t *testing.T) []harm {
	t.Helper()
	file, err := os.Open("testdata/harmless.txt")
	require.NoError(t, err)
	defer file.Close()
	var all []harm
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		require.Len(t, fields, 4, lines.Text())
		all = append(all, harm{fields[0], fields[1], fields[2], strings.Split(fields[3], ",")})
	}
	return all
}

// of says whether the entry is about a mutant's property.
func (h harm) of(m mutant) bool {
	kind, err := path.Match(h.kind, m.kind)
	if err != nil || !kind {
		return false
	}
	wanted, has := strings.Split(h.path, "/"), strings.Split(m.path, "/")
	if h.path == "-" {
		return m.path == ""
	}
	deeper := wanted[len(wanted)-1] == "**"
	if deeper {
		wanted = wanted[:len(wanted)-1]
	}
	if len(has) < len(wanted) || (len(has) > len(wanted) && !deeper) {
		return false
	}
	for i, step := range wanted {
		if step != "*" && step != has[i] {
			return false
		}
	}
	return true
}

// allows says whether a mutant's way is among the harmless ones.
func (h harm) allows(m mutant) bool {
	ways := []string{m.way, "any"}
	if strings.HasPrefix(m.way, wayTo) {
		ways = append(ways, wayAlter)
	}
	if (strings.HasPrefix(m.operator, "Greater") && m.way == wayLower) || (strings.HasPrefix(m.operator, "Less") && m.way == wayRaise) {
		ways = append(ways, "sooner")
	}
	return slices.ContainsFunc(ways, func(way string) bool { return slices.Contains(h.harmless, way) })
}

// judged is a mutant with what the classifier says.
type judgedMutant struct {
	mutant
	worst changes.Verdict
	rules []string
}

// judgeAll compares every mutant with what it was made of, on two processors.
func judgeAll(t *testing.T, mutants []mutant) []judgedMutant {
	t.Helper()
	all := make([]judgedMutant, len(mutants))
	var work sync.WaitGroup
	for half := range 2 {
		work.Go(func() {
			for i := half; i < len(mutants); i += 2 {
				report, err := compareSets(mutants[i].before, mutants[i].after)
				if !assert.NoError(t, err, mutants[i].String()) {
					return
				}
				all[i] = judgedMutant{mutant: mutants[i], worst: report.Worst(), rules: rulesOf(report)}
			}
		})
	}
	work.Wait()
	return all
}

func compareSets(base changes.Set, after map[string][]byte) (changes.Report, error) {
	head, err := changes.ReadSet(after)
	if err != nil {
		return changes.Report{}, err
	}
	types, err := changes.LoadSchemas("none", base, head)
	if err != nil {
		return changes.Report{}, err
	}
	return changes.Compare(base, head, types), nil
}

func rulesOf(report changes.Report) []string {
	var found []string
	for _, finding := range report.Findings {
		for _, detail := range finding.Details {
			found = append(found, detail.Rule)
		}
	}
	return found
}

// Nothing that takes capacity, a log, an alarm, a target, a permission, a
// protection or a route away is safe, nor what lets code, trust or secrets in.
func TestNoChangeOfASinglePropertyIsSafeUnlessItIsKnownToBeHarmless(t *testing.T) {
	t.Parallel()
	known := readHarm(t)
	seen := map[string]bool{}  // what an environment has like another one is tried once
	fired := map[string]bool{} // the rules that judged something
	eachEnvironment(t, func(t *testing.T, env environment) {
		counts := map[changes.Verdict]int{}
		harmless, asked, wrong := 0, 0, 0
		mutants := sweep(t, env, seen)
		for _, one := range judgeAll(t, mutants) {
			counts[one.worst]++
			for _, rule := range one.rules {
				fired[rule] = true
			}
			entry := slices.IndexFunc(known, func(h harm) bool { return h.of(one.mutant) })
			switch free := entry >= 0 && known[entry].allows(one.mutant); {
			case free && one.worst != changes.Safe:
				harmless++
				asked++
				t.Logf("asks although it is harmless: %s (%s)", one, one.worst)
			case free:
				harmless++
			case one.worst == changes.Safe:
				wrong++
				t.Errorf("safe although nothing says that it is harmless: %s in %s %s", one, one.stack, one.id)
			}
		}
		t.Logf("%d changes of a single property, by the worst that is said: %v", len(mutants), counts)
		t.Logf("wrongly safe: %d of %d (%s)", wrong, len(mutants)-harmless, percent(wrong, len(mutants)-harmless))
		t.Logf("asked in vain: %d of %d (%s)", asked, harmless, percent(asked, harmless))
		assert.LessOrEqual(t, asked*20, harmless, "at most one in twenty harmless changes may ask for a decision")
	})
	t.Run("every rule judges something", func(t *testing.T) {
		for _, one := range readExamples(t) {
			for _, rule := range rulesOf(one.judge(t)) {
				fired[rule] = true
			}
		}
		for _, rule := range changes.Rules() {
			assert.Truef(t, fired[rule], "%s: neither the templates nor testdata/examples.txt show what it does", rule)
		}
	})
}

// example is one change of a resource and the verdicts that it must get.
type example struct {
	kind          string
	before, after string // the properties as JSON; "-" where there is no resource
	want          []string
}

// readExamples reads testdata/examples.txt.
func readExamples(t *testing.T) []example {
	t.Helper()
	content, err := os.ReadFile("testdata/examples.txt")
	require.NoError(t, err)
	var all []example
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSpace(line), "\t")
		require.Len(t, fields, 4, line)
		all = append(all, example{fields[0], fields[1], fields[2], strings.Split(fields[3], ",")})
	}
	return all
}

func (e example) judge(t *testing.T) changes.Report {
	t.Helper()
	template := func(properties string) map[string][]byte {
		const beside = `"Vault": {"Type": "AWS::Backup::BackupVault", "Properties": {"LockConfiguration": {"MinRetentionDays": 7, "MaxRetentionDays": 100}}},
			"Topic": {"Type": "AWS::SNS::Topic"}, "Other": {"Type": "AWS::SNS::Topic"}, "Everything": {"Type": "AWS::EC2::NetworkAclEntry",
			"Properties": {"NetworkAclId": "covered", "RuleNumber": 50, "RuleAction": "allow", "Protocol": -1, "CidrBlock": "0.0.0.0/0"}}`
		if properties == "-" {
			return map[string][]byte{"s": []byte(`{"Resources": {` + beside + `}}`)}
		}
		more := ""
		if e.kind == "AWS::Lambda::Function" {
			more = `, "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}}, "Messages": {"Type": "AWS::Lambda::EventSourceMapping",
				"Properties": {"FunctionName": {"Ref": "It"}, "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}}}`
		}
		return map[string][]byte{"s": []byte(`{"Resources": {` + beside + more + `, "It": {"Type": "` + e.kind + `", "Properties": ` + properties + `}}}`)}
	}
	before, err := changes.ReadSet(template(e.before))
	require.NoError(t, err)
	report, err := compareSets(before, template(e.after))
	require.NoError(t, err)
	return report
}

// What the platform's templates cannot show, each with all that must be said of it.
func TestEachExampleGetsItsVerdicts(t *testing.T) {
	for _, one := range readExamples(t) {
		var said []string
		for _, finding := range one.judge(t).Findings {
			said = append(said, finding.Verdict.String())
		}
		slices.Sort(said)
		assert.Equalf(t, one.want, said, "%s from %s to %s", one.kind, one.before, one.after)
	}
}

func percent(part, all int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(all, 1)))
}
