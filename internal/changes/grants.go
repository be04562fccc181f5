package changes

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Effects of a statement.
const (
	allow = "Allow"
	deny  = "Deny"
)

// grant is one sentence of a policy: who may, or may not, do one action on one
// resource under which conditions. A statement with several of each is several
// grants, so that two policies can be compared however they are written.
type grant struct {
	effect     string
	principal  term
	action     term
	resource   term
	conditions []condition
	// by is the resource of the template that says it, property where, and sentence
	// in which of its statements.
	by       resource
	property string
	sentence int
}

// term is a pattern, or everything but some patterns.
type term struct {
	not      bool
	patterns []string
}

// condition is one test of a grant. All tests must hold.
type condition struct {
	operator, key string
	values        []string
}

// grantsIn reads the grants of one effect from a property that holds a policy.
func grantsIn(r resource, property, effect string) []grant {
	var found []grant
	for _, one := range policyGrants(r, property, r.properties[property]) {
		if one.effect == effect {
			found = append(found, one)
		}
	}
	return found
}

// policyGrants reads a policy document: an object, or JSON as text, perhaps put
// together from pieces.
func policyGrants(r resource, property string, document any) []grant {
	if document = policyOf(document); document == nil {
		return nil
	}
	var found []grant
	for i, statement := range list(at(document, "Statement")) {
		for _, one := range statementGrants(r, property, statement) {
			one.sentence = i
			found = append(found, one)
		}
	}
	return found
}

// policyOf recognizes a policy document in a value.
func policyOf(value any) any {
	switch v := value.(type) {
	case object:
		if v["Statement"] != nil {
			return v
		}
		if isIntrinsic(v) {
			return policyOf(render(v))
		}
	case string:
		if read, ok := decodeText(v); ok {
			if document, isObject := read.(object); isObject && document["Statement"] != nil {
				return document
			}
		}
	}
	return nil
}

// statementGrants takes a statement apart. A statement without an effect belongs
// to a document that only looks like a policy, such as data protection.
func statementGrants(r resource, property string, statement any) []grant {
	effect := text(statement, "Effect")
	if isIntrinsic(statement) {
		// What it allows cannot be read; it is one grant that only itself covers.
		whole := term{patterns: []string{render(statement)}}
		return []grant{{effect: allow, principal: whole, action: whole, resource: whole, by: r, property: property}}
	}
	if effect == "" {
		return nil
	}
	var found []grant
	for _, principal := range principals(statement) {
		for _, action := range terms(statement, "Action") {
			for _, target := range terms(statement, "Resource") {
				found = append(found, grant{
					effect: effect, principal: principal, action: action, resource: target,
					conditions: conditions(at(statement, "Condition")), by: r, property: property,
				})
			}
		}
	}
	return found
}

// terms reads Action or Resource, or their negation. A policy on a resource may
// leave the resource out: it means itself.
func terms(statement any, key string) []term {
	if excluded := at(statement, "Not"+key); excluded != nil {
		return []term{{not: true, patterns: rendered(excluded)}}
	}
	return single(rendered(at(statement, key)))
}

func rendered(value any) []string {
	var patterns []string
	for _, item := range list(value) {
		patterns = append(patterns, render(item))
	}
	slices.Sort(patterns)
	return patterns
}

// single makes a term of each pattern.
func single(patterns []string) []term {
	if len(patterns) == 0 {
		return []term{{patterns: []string{"itself"}}}
	}
	var found []term
	for _, pattern := range patterns {
		found = append(found, term{patterns: []string{pattern}})
	}
	return found
}

// account is the principal of a whole account, however it is written.
var account = regexp.MustCompile(`^(?:arn:(?:[^:$]+|\$\{AWS::Partition\}):iam::)?(\d{12}|\$\{AWS::AccountId\})(?::root)?$`)

// principals reads who a statement is about. In the policy of an identity that is
// the identity.
func principals(statement any) []term {
	if excluded := at(statement, "NotPrincipal"); excluded != nil {
		return []term{{not: true, patterns: who(excluded)}}
	}
	return single(who(at(statement, "Principal")))
}

func who(value any) []string {
	if value == nil {
		return nil
	}
	kinds, ok := value.(object)
	if !ok || isIntrinsic(value) {
		return []string{render(value)}
	}
	var found []string
	for kind, names := range kinds {
		for _, name := range list(names) {
			written := render(name)
			switch match := account.FindStringSubmatch(written); {
			case written == "*" && kind == "AWS":
				found = append(found, "*")
			case match != nil && kind == "AWS":
				found = append(found, "account "+match[1])
			default:
				found = append(found, kind+" "+written)
			}
		}
	}
	slices.Sort(found)
	return found
}

func conditions(value any) []condition {
	operators, ok := value.(object)
	if !ok || isIntrinsic(value) {
		if value == nil {
			return nil
		}
		return []condition{{operator: "unreadable", key: render(value)}}
	}
	var found []condition
	for _, operator := range slices.Sorted(maps.Keys(operators)) {
		tests, ok := operators[operator].(object)
		if !ok || isIntrinsic(operators[operator]) {
			found = append(found, condition{operator: operator, key: render(operators[operator])})
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(tests)) {
			found = append(found, condition{operator: operator, key: strings.ToLower(key), values: rendered(tests[key])})
		}
	}
	return found
}

// render writes a value as text with ${…} for what is only known in the account,
// so that "${Bucket.Arn}/*" and a join of the same parts are equal. A wildcard
// inside ${…} is hidden, because it is none.
func render(value any) string {
	call, ok := value.(object)
	if !ok || !isIntrinsic(value) {
		return canonical(value)
	}
	if id, ok := call["Ref"].(string); ok {
		return "${" + id + "}"
	}
	if arguments := list(call["Fn::GetAtt"]); len(arguments) == 2 {
		return "${" + render(arguments[0]) + "." + render(arguments[1]) + "}"
	}
	if arguments := list(call["Fn::Join"]); len(arguments) == 2 {
		if parts, ok := arguments[1].([]any); ok {
			var texts []string
			for _, part := range parts {
				texts = append(texts, render(part))
			}
			return strings.Join(texts, render(arguments[0]))
		}
	}
	if template, ok := first(call["Fn::Sub"]).(string); ok {
		variables, _ := last(call["Fn::Sub"]).(object)
		return placeholder.ReplaceAllStringFunc(template, func(name string) string {
			if value, ok := variables[strings.Trim(name, "${}")]; ok {
				return render(value)
			}
			return name
		})
	}
	whole := canonical(value)
	if output := call["Fn::GetStackOutput"]; output != nil {
		whole = text(output, "StackName") + "." + text(output, "OutputName")
	}
	if strings.ContainsAny(whole, "*?") {
		sum := sha256.Sum256([]byte(whole))
		whole = hex.EncodeToString(sum[:6])
	}
	return "${" + whole + "}"
}

func last(value any) any {
	if items, ok := value.([]any); ok && len(items) > 1 {
		return items[len(items)-1]
	}
	return nil
}

// uncovered lists the grants that none of the others covers.
func uncovered(grants, others []grant) []grant {
	var found []grant
	for _, one := range grants {
		if !slices.ContainsFunc(others, func(other grant) bool { return other.covers(one) }) {
			found = append(found, one)
		}
	}
	return found
}

// covers says whether g holds wherever the other one does. It may say no where a
// finer analysis would say yes, never the other way round.
func (g grant) covers(other grant) bool {
	if g.effect != other.effect || !g.principal.covers(other.principal, equalOrAll) ||
		!g.action.covers(other.action, matchesFold) || !g.resource.covers(other.resource, matches) {
		return false
	}
	for _, test := range g.conditions {
		if !slices.ContainsFunc(other.conditions, test.impliedBy) {
			return false
		}
	}
	return true
}

// matchesFold compares actions, which have no case.
func matchesFold(outer, inner string) bool {
	return matches(strings.ToLower(outer), strings.ToLower(inner))
}

// equalOrAll compares principals, whose names have no wildcards but one.
func equalOrAll(outer, inner string) bool { return outer == "*" || outer == inner }

func (t term) covers(other term, match func(outer, inner string) bool) bool {
	switch {
	case !t.not && !other.not:
		return match(t.patterns[0], other.patterns[0])
	case t.not && other.not: // it excludes no more than the other
		for _, excluded := range t.patterns {
			if !slices.ContainsFunc(other.patterns, func(pattern string) bool { return match(pattern, excluded) }) {
				return false
			}
		}
		return true
	case !t.not:
		return t.patterns[0] == "*"
	default: // everything but some, and the other is none of these
		return !slices.ContainsFunc(t.patterns, func(excluded string) bool { return overlap(excluded, other.patterns[0]) })
	}
}

// overlap says whether two patterns may match the same. Two wildcards may.
func overlap(a, b string) bool {
	return matches(a, b) || matches(b, a) || (strings.ContainsAny(a, "*?") && strings.ContainsAny(b, "*?"))
}

// impliedBy says whether a request that passes the other test passes this one.
func (t condition) impliedBy(other condition) bool {
	if t.key != other.key {
		return false
	}
	operator := strings.TrimSuffix(t.operator, "IfExists")
	lenient := operator != t.operator && operator == other.operator
	if t.operator != other.operator && !lenient && likes[operator] != other.operator {
		return false
	}
	match := valueMatch(operator)
	inner, outer := other.values, t.values
	if negated(operator) { // every value that is refused here is refused there
		inner, outer = t.values, other.values
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
		return matches
	case strings.Contains(operator, "IpAddress"):
		return func(outer, inner string) bool { return outer == inner || contains(outer, inner) }
	default:
		return func(outer, inner string) bool { return outer == inner }
	}
}

// contains says whether a network lies in another one. An address is a network of
// one.
func contains(outer, inner string) bool {
	wide, err := parsePrefix(outer)
	if err != nil {
		return false
	}
	narrow, err := parsePrefix(inner)
	return err == nil && wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
}

func parsePrefix(written string) (netip.Prefix, error) {
	if !strings.Contains(written, "/") {
		address, err := netip.ParseAddr(written)
		return netip.PrefixFrom(address, address.BitLen()), err
	}
	prefix, err := netip.ParsePrefix(written)
	return prefix.Masked(), err
}
