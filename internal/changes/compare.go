package changes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/schema"
)

// comparison is the work on one pair of sets.
type comparison struct {
	base, head Set
	types      Schemas
	// gone are the stacks of base that head has no more; new the other way round.
	// A stack in another account or region is another stack.
	gone, new map[string]bool
	replaced  map[place]replacement
	inputs    map[place]bool // the mappings, conditions and parameters that changed
	found     map[string]*Finding
	leading   map[place][]place // what a reference leads to, as far as it was asked
	narrowed  map[place]bool    // the policies and rules of which something is no longer given
	tags      map[string]bool   // the keys of tags that policies ask for, in lower case
	trusted   map[string]bool   // the accounts that policies of base name, where no stack says which is its own
	moves     map[string]string // what is new, by what it is but for its name
	work      int               // judgements of resources, to hold that each is judged a few times only
}

// place names a resource or an input of a stack.
type place struct{ stack, id string }

// Compare judges the way from base to head.
func Compare(base, head Set, types Schemas) Report { return newComparison(base, head, types).compare() }

func newComparison(base, head Set, types Schemas) *comparison {
	return &comparison{
		base: base, head: head, types: types,
		gone: map[string]bool{}, new: map[string]bool{},
		replaced: map[place]replacement{}, inputs: map[place]bool{}, found: map[string]*Finding{}, leading: map[place][]place{},
		narrowed: map[place]bool{}, trusted: map[string]bool{}, tags: map[string]bool{},
	}
}

func (c *comparison) compare() Report {
	if len(c.base.stacks) == 0 {
		return c.firstDeployment()
	}
	c.pair()
	c.findReplacements()
	c.judgePermissions()
	c.judgeNetwork()
	for _, name := range c.base.Stacks() {
		if c.gone[name] {
			c.judgeGoneStack(c.base.stacks[name])
		}
	}
	for _, name := range c.head.Stacks() {
		if c.new[name] {
			c.add(finding{stack: name, verdict: Safe, text: fmt.Sprintf("a new stack of %d resources", len(c.head.stacks[name].resources))})
			continue
		}
		c.judgeStack(c.base.stacks[name], c.head.stacks[name])
	}
	c.judgeRefusals()
	return c.report()
}

// firstDeployment reports stacks that are compared with nothing. Nothing can be
// lost, and what is allowed and open is the whole platform, which no list of
// differences helps to review.
func (c *comparison) firstDeployment() Report {
	for _, name := range c.head.Stacks() {
		c.add(finding{stack: name, verdict: Safe, text: fmt.Sprintf("a new stack of %d resources", len(c.head.stacks[name].resources))})
	}
	report := c.report()
	report.Notes = []string{"There is nothing to compare with: this is a first deployment, and nothing of it is judged."}
	return report
}

// pair finds the stacks that have no counterpart.
func (c *comparison) pair() {
	for name, was := range c.base.stacks {
		is, both := c.head.stacks[name]
		c.gone[name] = !both || elsewhere(was, is)
	}
	for name, is := range c.head.stacks {
		was, both := c.base.stacks[name]
		c.new[name] = !both || elsewhere(was, is)
		if !both {
			continue
		}
		for key, value := range is.inputs {
			c.inputs[place{name, key}] = !same(was.inputs[key], value)
		}
	}
}

func elsewhere(was, is stack) bool { return was.place != "" && is.place != "" && was.place != is.place }

// judgeStack judges every resource of a stack that exists on both sides.
func (c *comparison) judgeStack(was, is stack) {
	if was.protection == "on" && is.protection == "off" {
		c.add(finding{stack: is.name, verdict: Weakens, property: "TerminationProtection", text: "anyone who may delete stacks can delete this one"})
	}
	if !same(was.transform, is.transform) {
		c.add(finding{stack: is.name, verdict: Unknown, property: "Transform", text: "a macro changes what the template says: " + transition(was.transform, is.transform)})
	}
	for _, id := range slices.Sorted(maps.Keys(was.resources)) {
		if _, kept := is.resources[id]; !kept {
			c.judgeRemoved(was, was.resources[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(is.resources)) {
		before, existed := was.resources[id]
		after := is.resources[id]
		switch {
		case !existed:
			c.judgeAdded(was, is, after)
		case before.kind != after.kind:
			c.judgeRemoved(was, before)
			c.add(finding{stack: is.name, resource: after, verdict: Refused, property: "Type", rule: "a type changes in place",
				text: fmt.Sprintf("the type changes from %s to %s under the same logical ID", before.kind, after.kind)})
		default:
			c.judgeChanged(is, before, after)
		}
	}
}

// opaque types hold another template.
var opaque = map[string]bool{
	"AWS::CloudFormation::Stack":    true,
	"AWS::CloudFormation::StackSet": true,
	"AWS::Serverless::Application":  true,
}

// isCustom recognizes what a function of ours answers for.
func isCustom(kind string) bool {
	return strings.HasPrefix(kind, "Custom::") || kind == "AWS::CloudFormation::CustomResource"
}

// judgeChanged looks at a resource that exists on both sides.
func (c *comparison) judgeChanged(is stack, before, after resource) {
	c.work++
	c.judgePolicies(is, before, after)
	if !same(before.condition, after.condition) {
		c.add(finding{stack: is.name, resource: after, verdict: conditional(before, after), property: "Condition", maybe: true, value: after.condition,
			text: "the condition under which it exists changes: it may be deleted or made anew"})
	}
	if !same(before.updatePolicy, after.updatePolicy) {
		c.add(finding{stack: is.name, resource: after, verdict: Unknown, property: "UpdatePolicy", value: cfn.Canonical(after.updatePolicy),
			text: "how CloudFormation updates it changes from " + transition(before.updatePolicy, after.updatePolicy)})
	}
	if changed, ok := c.replaced[place{is.name, after.id}]; ok {
		c.judgeReplaced(is, after, changed)
	}
	judged := map[string]bool{}
	for _, one := range compareValues(nil, nil, readable(before), readable(after)) {
		c.judgeDifference(is, before, after, one, judged)
	}
	for _, one := range c.followed(is, before, after) {
		c.judgeDifference(is, before, after, one, judged)
	}
	if input := c.changedInput(is, after); input != "" {
		c.add(finding{stack: is.name, resource: after, verdict: Unknown, maybe: true, value: input, text: "it depends on " + input + ", which changes"})
	}
}

// judgeDifference asks the rule for one difference what it does. A difference
// that no rule is about, or no outcome of its rule, cannot be judged.
func (c *comparison) judgeDifference(is stack, before, after resource, one difference, judged map[string]bool) {
	known, inSchema := c.types.Of(after.kind)
	property, level := strings.Join(one.path, "."), one.values[len(one.path)]
	f := finding{stack: is.name, resource: after, property: property, value: cfn.Canonical(level.after), verdict: Unknown}
	if secret := newlyRead(level); secret != "" {
		f.verdict, f.text = Enters, fmt.Sprintf("%s reads %s, and whoever sees the property sees it", property, secret)
		c.add(f)
		f.verdict = Unknown
	}
	rule, ruled := ruleFor(after.kind, one.path)
	switch {
	case ruled:
		c.judgeByRule(is, before, after, one, rule, judged)
		return
	case one.follows != "":
		return // what is made anew is reported, and nothing was written for what follows it
	case inSchema && known.Tags != "" && one.path[0] == known.Tags:
		f.verdict, f.text, f.rule = Safe, "tags", ruleName("every type", "Tags", "any")
		if len(one.path) > 1 && c.tags[strings.ToLower(one.path[1])] {
			f.verdict, f.text = Interrupts, property+" changes from "+transition(level.before, level.after)+": a policy asks for this tag"
			f.maybe = true
		}
	case c.replacedBy(is, after, one.path) && !revisions[after.kind]:
		return // the replacement is reported
	default:
		f.text = fmt.Sprintf("%s changes from %s: no rule says what that does", property, transition(level.before, level.after))
	}
	c.add(f)
}

// dynamicReference is what CloudFormation replaces by a secret or a parameter, in any
// property of most types.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
var dynamicReference = regexp.MustCompile(`\{\{resolve:[^}]*`)

// newlyRead is the first dynamic reference that a value did not have.
func newlyRead(level pairOf) string {
	known := dynamicReference.FindAllString(cfn.Canonical(level.before), -1)
	for _, one := range dynamicReference.FindAllString(cfn.Canonical(level.after), -1) {
		if !slices.Contains(known, one) {
			return strings.TrimPrefix(one, "{{resolve:")
		}
	}
	return ""
}

// replacedBy says whether a difference is one of those that replace the resource.
func (c *comparison) replacedBy(is stack, after resource, path []string) bool {
	return slices.ContainsFunc(c.replaced[place{is.name, after.id}].reasons, func(why reason) bool {
		steps := strings.Split(why.property, ".")
		for _, name := range path { // items of lists stand between the steps
			if len(steps) > 0 && name == steps[0] {
				steps = steps[1:]
			}
		}
		return len(steps) == 0
	})
}

// judgeByRule reports the outcomes of a rule, once for each value at its level.
func (c *comparison) judgeByRule(is stack, before, after resource, one difference, by rule, judged map[string]bool) {
	path := one.path[:len(by.steps)]
	property := strings.Join(path, ".")
	if judged[property+one.follows] {
		return
	}
	judged[property+one.follows] = true
	level := one.values[len(path)]
	asked := change{before: level.before, after: level.after, was: before, is: after, in: is, path: path}
	value := cfn.Canonical(level.after)
	said := property + " changes from " + transition(level.before, level.after)
	if one.follows != "" {
		said, value = property+" refers to "+one.follows, ""
	}
	fitting := 0
	for _, out := range by.outcomes {
		if (one.follows != "" && !out.follows) || !out.holds(asked) {
			continue
		}
		fitting++
		c.add(finding{stack: is.name, resource: after, verdict: out.verdict, property: property, value: value, maybe: out.maybe || one.maybe,
			text: said + ": " + out.text, source: out.source, rule: ruleName(after.kind, by.path, out.on)})
	}
	replaced := c.replacedBy(is, after, one.path) && !revisions[after.kind] // which is reported
	if fitting == 0 && one.follows == "" && !replaced {
		c.add(finding{stack: is.name, resource: after, verdict: Unknown, property: property, value: value, text: said + ": no rule says what that does in this direction"})
	}
}

func conditional(before, after resource) Verdict {
	if Stateful(before.kind, before.properties) || Stateful(after.kind, after.properties) {
		return Destroys
	}
	return Unknown
}

// finding is what a rule reports; add makes a Finding of it.
type finding struct {
	stack    string
	resource resource // none for the stack itself
	verdict  Verdict
	property string
	text     string
	value    string // what the change leads to, for the fingerprint
	source   string
	rule     string // that led to it
	maybe    bool
}

// add puts a finding together with the others of its verdict and resource.
func (c *comparison) add(f finding) {
	key := fmt.Sprint(f.stack, "\x00", f.resource.id, "\x00", f.verdict)
	into, ok := c.found[key]
	if !ok {
		into = &Finding{Stack: f.stack, Resource: f.resource.id, Type: f.resource.kind, Path: f.resource.path, Verdict: f.verdict, Maybe: true}
		c.found[key] = into
	}
	if f.value == "" {
		f.value = f.text
	}
	detail := Detail{
		Text: f.text, Property: f.property, Maybe: f.maybe, Source: f.source, Rule: f.rule,
		Change: fingerprint(f.stack, f.resource.id, f.verdict.String(), f.property, f.value),
	}
	if slices.ContainsFunc(into.Details, func(known Detail) bool { return known.Change == detail.Change }) {
		return
	}
	into.Details = append(into.Details, detail)
	into.Maybe = into.Maybe && f.maybe
}

// report collects the findings. A resource that something is said about is not
// called safe as well.
func (c *comparison) report() Report {
	noted := map[place]bool{}
	for _, found := range c.found {
		if found.Verdict != Safe {
			noted[place{found.Stack, found.Resource}] = true
		}
	}
	report := Report{Findings: []Finding{}}
	for _, found := range c.found {
		if found.Verdict != Safe || !noted[place{found.Stack, found.Resource}] {
			report.Findings = append(report.Findings, *found)
		}
	}
	report.sort()
	return report
}

// Schemas knows CloudFormation's resource types.
type Schemas struct {
	types schema.Types
}

// LoadSchemas reads the committed extract and, for the types that it lacks, the
// full database at path, where that is installed. A deployed template may have
// types that nobody uses any more.
func LoadSchemas(path string, sets ...Set) (Schemas, error) {
	types, err := committed()
	if err != nil {
		return Schemas{}, err
	}
	lacking := map[string]bool{}
	for _, set := range sets {
		for _, one := range set.stacks {
			for _, r := range one.resources {
				if _, known := (Schemas{types}).Of(r.kind); !known && !isCustom(r.kind) {
					lacking[r.kind] = true
				}
			}
		}
	}
	if len(lacking) == 0 {
		return Schemas{types}, nil
	}
	more, err := schema.Extract(path, slices.Sorted(maps.Keys(lacking)))
	if err != nil {
		// Without the database these types stay unknown, and every change of one is
		// reported as such.
		return Schemas{types}, nil //nolint:nilerr // the report says so for each resource
	}
	maps.Copy(more, types)
	return Schemas{more}, nil
}

// committed is the extract, read once.
var committed = sync.OnceValues(schema.Committed)

// Of is what CloudFormation says of a type, if it is known. A custom resource is
// known to nobody but its function.
func (s Schemas) Of(kind string) (schema.Type, bool) {
	if isCustom(kind) {
		return schema.Type{}, false
	}
	if kind == "AWS::CDK::Metadata" { // CDK's note to AWS about itself
		return schema.Type{}, true
	}
	found, ok := s.types[kind]
	return found, ok
}
