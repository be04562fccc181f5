package policy

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Covers says whether g holds wherever the other one does. It may say no where a
// finer analysis would say yes, never the other way round.
func (g Grant) Covers(other Grant) bool {
	if g.Effect != other.Effect || !g.Principal.covers(other.Principal, equalOrAll) ||
		!g.Action.covers(other.Action, matchesFold) || !g.Resource.covers(other.Resource, Matches) {
		return false
	}
	for _, test := range g.Conditions {
		if !slices.ContainsFunc(other.Conditions, test.impliedBy) {
			return false
		}
	}
	return true
}

// matchesFold compares actions, which have no case.
func matchesFold(outer, inner string) bool {
	return Matches(strings.ToLower(outer), strings.ToLower(inner))
}

// equalOrAll compares principals, whose names have no wildcards but one.
func equalOrAll(outer, inner string) bool { return outer == "*" || outer == inner }

func (t Term) covers(other Term, match func(outer, inner string) bool) bool {
	switch {
	case !t.Not && !other.Not:
		return match(t.Patterns[0], other.Patterns[0])
	case t.Not && other.Not: // it excludes no more than the other
		for _, excluded := range t.Patterns {
			if !slices.ContainsFunc(other.Patterns, func(pattern string) bool { return match(pattern, excluded) }) {
				return false
			}
		}
		return true
	case !t.Not:
		return t.Patterns[0] == "*"
	default: // everything but some, and the other is none of these
		return !slices.ContainsFunc(t.Patterns, func(excluded string) bool { return Overlap(excluded, other.Patterns[0]) })
	}
}

// Overlap says whether something matches both patterns. What is only known in the
// account may be anything.
func Overlap(a, b string) bool {
	left, right := tokens(a), tokens(b)
	wild := func(token string) bool {
		return token == "*" || (strings.HasPrefix(token, "${") && !strings.HasPrefix(token, "${!"))
	}
	// meets[j] says whether what is left of one pattern overlaps the other one's from j on.
	meets := make([]bool, len(right)+1)
	meets[len(right)] = true
	for j := len(right) - 1; j >= 0; j-- {
		meets[j] = meets[j+1] && wild(right[j])
	}
	for i := len(left) - 1; i >= 0; i-- {
		diagonal := meets[len(right)]
		meets[len(right)] = diagonal && wild(left[i])
		for j := len(right) - 1; j >= 0; j-- {
			below := meets[j]
			switch {
			case wild(left[i]) || wild(right[j]):
				meets[j] = below || meets[j+1]
			default:
				meets[j] = diagonal && (left[i] == right[j] || left[i] == "?" || right[j] == "?")
			}
			diagonal = below
		}
	}
	return meets[0]
}

var token = regexp.MustCompile(`(?s)\$\{[^}]*\}|.`)

// tokens takes a pattern apart: characters, and ${…}, in which no wildcard is one.
func tokens(pattern string) []string {
	if !strings.Contains(pattern, "${") { // nearly all, and much faster
		return strings.Split(pattern, "")
	}
	return token.FindAllString(pattern, -1)
}

// impliedBy says whether a request that passes the other test passes this one.
func (t Condition) impliedBy(other Condition) bool {
	if t.Key != other.Key {
		return false
	}
	operator := strings.TrimSuffix(t.Operator, "IfExists")
	lenient := operator != t.Operator && operator == other.Operator
	if t.Operator != other.Operator && !lenient && likes[operator] != other.Operator {
		return false
	}
	match := valueMatch(operator)
	inner, outer := other.Values, t.Values
	if negated(operator) { // every value that is refused here is refused there
		inner, outer = t.Values, other.Values
	}
	for _, value := range inner {
		if !slices.ContainsFunc(outer, func(wide string) bool { return match(wide, value) }) {
			return false
		}
	}
	return true
}

// likes are the operators that also accept what a stricter one accepts.
var likes = map[string]string{"StringLike": "StringEquals", "ArnLike": "ArnEquals", "ArnEquals": "ArnLike"}

func negated(operator string) bool { return strings.Contains(operator, "Not") }

func valueMatch(operator string) func(outer, inner string) bool {
	switch {
	case strings.Contains(operator, "Like"), strings.Contains(operator, "Arn"):
		return Matches
	case strings.Contains(operator, "IpAddress"):
		return func(outer, inner string) bool { return outer == inner || Contains(outer, inner) }
	default:
		return func(outer, inner string) bool { return outer == inner }
	}
}

// Contains says whether a network lies in another one. An address is a network of
// one.
func Contains(outer, inner string) bool {
	wide, err := ParsePrefix(outer)
	if err != nil {
		return false
	}
	narrow, err := ParsePrefix(inner)
	return err == nil && wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
}

// ParsePrefix reads a network or one address.
func ParsePrefix(written string) (netip.Prefix, error) {
	if !strings.Contains(written, "/") {
		address, err := netip.ParseAddr(written)
		return netip.PrefixFrom(address, address.BitLen()), err
	}
	prefix, err := netip.ParsePrefix(written)
	return prefix.Masked(), err
}

// Matches says whether everything that inner matches is matched by outer. Both are
// patterns with * and ?; a wildcard of inner, and what is only known in the account, is
// only matched by a * of outer, or by itself.
func Matches(outer, inner string) bool {
	if !strings.ContainsAny(outer, "*?") {
		return outer == inner
	}
	// The classic two pointers: at a mismatch, the last * takes one token more.
	pattern, text := tokens(outer), tokens(inner)
	o, i, star, mark := 0, 0, -1, 0
	for i < len(text) {
		switch {
		case o < len(pattern) && pattern[o] == "*":
			star, mark = o, i
			o++
		case o < len(pattern) && (pattern[o] == text[i] || (pattern[o] == "?" && text[i] != "*" && !strings.HasPrefix(text[i], "${"))):
			o++
			i++
		case star >= 0:
			mark++
			o, i = star+1, mark
		default:
			return false
		}
	}
	for o < len(pattern) && pattern[o] == "*" {
		o++
	}
	return o == len(pattern)
}
