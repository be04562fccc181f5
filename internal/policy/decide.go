package policy

import (
	"slices"
	"strings"
)

// Call is a request to AWS as a policy sees it.
type Call struct {
	Action, Resource string
	Context          map[string]string // by condition keys in lower case
}

// Allows says whether a policy lets an identity's call through: something in it
// allows the call, and nothing denies it (IAM User Guide, "Policy evaluation
// logic"). A condition that it does not know allows nothing and denies.
func Allows(grants []Grant, call Call) bool {
	says := func(effect string) bool {
		return slices.ContainsFunc(grants, func(g Grant) bool { return g.Effect == effect && g.concerns(call) })
	}
	return says(Allow) && !says(Deny)
}

func (g Grant) concerns(call Call) bool {
	if !g.Action.matches(call.Action, matchesFold) || !g.Resource.matches(call.Resource, Matches) {
		return false
	}
	return !slices.ContainsFunc(g.Conditions, func(test Condition) bool { return !test.holds(call, g.Effect == Deny) })
}

// matches says whether the one of the patterns, or none of them, is about a name.
func (t Term) matches(name string, match func(outer, inner string) bool) bool {
	return slices.ContainsFunc(t.Patterns, func(pattern string) bool { return match(pattern, name) }) != t.Not
}

// holds says whether a call passes the test. An operator that is not known here
// answers with unknown.
func (t Condition) holds(call Call, unknown bool) bool {
	_, operator, several := strings.Cut(t.Operator, ":")
	if !several {
		operator = t.Operator
	}
	lenient := strings.HasSuffix(operator, "IfExists")
	operator = strings.TrimSuffix(operator, "IfExists")
	value, present := call.Context[t.Key]
	if operator == "Null" {
		return slices.Contains(t.Values, "true") != present
	}
	positive := strings.Replace(operator, "Not", "", 1)
	if !slices.Contains([]string{"StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"}, positive) {
		return unknown
	}
	if !present {
		return lenient || positive != operator
	}
	match := valueMatch(positive)
	return slices.ContainsFunc(t.Values, func(wanted string) bool { return match(wanted, value) }) == (positive == operator)
}
