package changes

import (
	"slices"
	"strconv"
	"strings"

	"wallet-infra/internal/cfn"
)

// A rule says what a change of one property of one type does, by its direction.
// The rules stand in tables, a file for each part of the platform. A change that no
// outcome of its rule is about, or that has no rule, cannot be judged, and a person
// has to decide: nothing is safe because nobody thought of it.
type rule struct {
	// path names the property, with "/" for nesting and "*" for any item of a list or
	// key of a map. It stands for everything below it that has no rule of its own.
	path     string
	outcomes []outcome
	steps    []string // of path
}

// outcome is one thing that a change may do. All outcomes whose direction fits
// hold at once, the worst is what the resource is judged by.
type outcome struct {
	on      string // the direction, for a reader
	holds   func(change) bool
	verdict Verdict
	text    string
	source  string // where AWS says so
	maybe   bool   // it depends on something that templates do not show
	// follows: it also happens where the property's words stay and what they refer to
	// is made anew.
	follows bool
	// fresh: a new resource is held to it as well.
	fresh bool
}

// change is what a rule judges: a value at the rule's own level.
type change struct {
	before, after any
	was, is       resource
	in            stack
	path          []string
}

// row makes a rule.
func row(path string, outcomes ...outcome) rule {
	return rule{path: path, outcomes: outcomes, steps: strings.Split(path, "/")}
}

// harmless is a property whose every change is safe, and why.
func harmless(path, why string) rule {
	return row(path, outcome{on: "any", holds: anyChange, verdict: Safe, text: why})
}

// every is a property of which each change does the same.
func every(path string, verdict Verdict, text string, source ...string) rule {
	return row(path, does(verdict, text, source...))
}

// floor is a number of which less is worse.
func floor(path string, verdict Verdict, text string) rule {
	return row(path, up(Safe, "a larger bound takes nothing away"), down(verdict, text))
}

// ceiling is a number of which more is worse.
func ceiling(path, text string) rule {
	return row(path, when("less", smaller, Safe, "a smaller bound lets nothing pass that did not before"), when("not less", unless(smaller), Weakens, text))
}

// must is a protection that is there while the value is one of some; nothing in
// the list means that the property is missing.
func must(path string, good string, verdict Verdict, text string) rule {
	return row(path,
		becomes(Safe, "the protection is there", strings.Split(good, "|")...),
		outcome{on: "leaves " + good, holds: leaves(strings.Split(good, "|")), verdict: verdict, text: text, fresh: verdict == Widens || verdict == Enters})
}

// born is a protection that a resource has from its creation on: another value makes
// it anew, which is said by itself.
func born(path, good string, verdict Verdict, text string) rule {
	made := must(path, good, verdict, text)
	made.outcomes = made.outcomes[1:]
	return made
}

// list is a set of things of which more does one thing and fewer another.
func list(path string, more Verdict, whatMore string, fewer Verdict, whatFewer string) rule {
	return row(path, grows(more, whatMore), shrinks(fewer, whatFewer), reordered())
}

// alsoWhenNew holds new resources to a rule as well.
func alsoWhenNew(made rule) rule {
	for i, out := range made.outcomes {
		made.outcomes[i].fresh = out.verdict == Widens || out.verdict == Enters
	}
	return made
}

// judgedElsewhere is a property that is compared with all others of its kind: who
// may do what, and who reaches what.
func judgedElsewhere(path string, with string, holds func(change) bool) rule {
	return row(path, outcome{on: "readable", holds: holds, verdict: Safe, text: "judged with " + with})
}

// Outcomes by direction.

func does(verdict Verdict, text string, source ...string) outcome {
	return outcome{on: "any", holds: anyChange, verdict: verdict, text: text, source: strings.Join(source, " "), follows: verdict == Traffic || verdict == Interrupts}
}

func mayInterrupt(text string, source ...string) outcome {
	made := does(Interrupts, text, source...)
	made.on, made.maybe = "any, perhaps", true
	return made
}

func up(verdict Verdict, text string) outcome {
	return when("more", larger, verdict, text)
}

// down is everything that is not certainly more: less, a number that appears or
// goes, and what is no number.
func down(verdict Verdict, text string) outcome {
	return when("less", unless(larger), verdict, text)
}

func grows(verdict Verdict, text string) outcome {
	return when("grows", gains, verdict, text)
}

func shrinks(verdict Verdict, text string) outcome {
	return when("shrinks", loses, verdict, text)
}

func reordered() outcome {
	return when("reordered", func(c change) bool { return !gains(c) && !loses(c) }, Safe, "the same in another order")
}

func comes(verdict Verdict, text string) outcome {
	return when("comes", func(c change) bool { return c.before == nil }, verdict, text)
}

func goes(verdict Verdict, text string) outcome {
	return when("goes", func(c change) bool { return c.after == nil }, verdict, text)
}

func alters(verdict Verdict, text string) outcome {
	return when("alters", func(c change) bool { return c.before != nil && c.after != nil }, verdict, text)
}

func becomes(verdict Verdict, text string, values ...string) outcome {
	return when("becomes "+strings.Join(values, "|"), unless(leaves(values)), verdict, text)
}

func when(on string, holds func(change) bool, verdict Verdict, text string, source ...string) outcome {
	return outcome{on: on, holds: holds, verdict: verdict, text: text, source: strings.Join(source, " ")}
}

// unless turns a direction round.
func unless(holds func(change) bool) func(change) bool {
	return func(c change) bool { return !holds(c) }
}

func anyChange(change) bool { return true }

// leaves says that the value afterwards is none of the good ones. A value that is
// missing is written as nothing.
func leaves(good []string) func(change) bool {
	return func(c change) bool {
		if c.after == nil {
			return !slices.Contains(good, "")
		}
		return !slices.Contains(good, cfn.Canonical(c.after))
	}
}

// larger says that both sides are numbers and the second one is larger.
func larger(c change) bool {
	was, err := strconv.ParseFloat(cfn.Canonical(c.before), 64)
	to, wrong := strconv.ParseFloat(cfn.Canonical(c.after), 64)
	return err == nil && wrong == nil && to > was
}

// gains and loses say whether a list has items that it had not, or no longer has.
func gains(c change) bool { return hasMore(c.before, c.after) }
func loses(c change) bool { return hasMore(c.after, c.before) }

// hasMore finds items that were not there. What cannot be read may have more.
func hasMore(before, after any) bool {
	if cfn.IsIntrinsic(before) != cfn.IsIntrinsic(after) || (cfn.IsIntrinsic(before) && !same(before, after)) {
		return true
	}
	return slices.ContainsFunc(cfn.List(after), func(item any) bool {
		return !slices.ContainsFunc(cfn.List(before), func(was any) bool { return same(was, item) })
	})
}

// matches says whether a rule is about a path or something above it.
func (r rule) matches(path []string) bool {
	if len(r.steps) > len(path) {
		return false
	}
	for i, step := range r.steps {
		if step != "*" && step != path[i] {
			return false
		}
	}
	return true
}

// moreSpecific orders rules: the longer path first, then the one that names more.
func moreSpecific(a, b rule) int {
	if len(a.steps) != len(b.steps) {
		return len(b.steps) - len(a.steps)
	}
	return strings.Count(a.path, "*") - strings.Count(b.path, "*")
}

// rules is every table, each type's rules with the most specific first.
var rules = func() map[string][]rule {
	all := map[string][]rule{}
	for _, table := range []map[string][]rule{computeRules, dataRules, edgeRules, messagingRules, networkRules, observabilityRules, securityRules, storageRules} {
		for kind, rows := range table {
			all[kind] = append(all[kind], rows...)
			slices.SortStableFunc(all[kind], moreSpecific)
		}
	}
	return all
}()

// ruleFor finds the rule for a path of a type.
func ruleFor(kind string, path []string) (rule, bool) {
	for _, candidate := range rules[kind] {
		if candidate.matches(path) {
			return candidate, true
		}
	}
	return rule{}, false
}

// Rules names every outcome of every rule, and every decision on a type that
// comes or goes, as details name the one that led to them.
func Rules() []string {
	var all []string
	for kind, rows := range rules {
		for _, one := range rows {
			for _, out := range one.outcomes {
				all = append(all, ruleName(kind, one.path, out.on))
			}
		}
	}
	for kind := range removals {
		all = append(all, ruleName(kind, "", "removed"))
	}
	for kind := range arrivals {
		all = append(all, ruleName(kind, "", "added"))
	}
	slices.Sort(all)
	return all
}

func ruleName(kind, path, on string) string {
	return strings.TrimSpace(kind+" "+path) + ": " + on
}
