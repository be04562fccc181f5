// Package policy reads IAM policies as templates write them, compares what they
// allow, and says what they answer to a call. It knows the language of policies
// (IAM User Guide, "IAM JSON policy elements reference") and no service.
package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
)

// Effects of a statement.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Itself stands where a statement names no principal or no resource: whoever or
// whatever the policy is attached to.
const Itself = "itself"

// Grant is one sentence of a policy: who may, or may not, do one action on one
// resource under which conditions. A statement with several of each is several
// grants, so that two policies can be compared however they are written.
type Grant struct {
	Effect     string
	Principal  Term
	Action     Term
	Resource   Term
	Conditions []Condition
	Sentence   int // the statement's place in its document
}

// Term is a pattern, or everything but some patterns.
type Term struct {
	Not      bool
	Patterns []string
}

// String writes a term for a reader.
func (t Term) String() string {
	if t.Not {
		return "everything but " + strings.Join(t.Patterns, ", ")
	}
	return strings.Join(t.Patterns, ", ")
}

// Condition is one test of a grant. All tests must hold.
type Condition struct {
	Operator string
	Key      string // in lower case
	Values   []string
}

// String writes a condition for a reader.
func (t Condition) String() string {
	return t.Key + " " + t.Operator + " " + strings.Join(t.Values, ", ")
}

// Read takes a policy document apart: an object, or JSON as text, perhaps put
// together from pieces. It is nil for what is no policy.
func Read(document any) []Grant { return Grants(Statements(document)) }

// Statements are those of a policy document, normalized.
func Statements(document any) []any {
	form, _ := cfn.Document(cfn.Normalize(document)).(cfn.Object)
	return cfn.List(form["Statement"])
}

// Grants takes the normalized statements of one document apart.
func Grants(statements []any) []Grant {
	var found []Grant
	for i, statement := range statements {
		for _, one := range Statement(statement) {
			one.Sentence = i
			found = append(found, one)
		}
	}
	return found
}

// Statement takes a normalized statement apart. One without an effect belongs to a
// document that only looks like a policy, such as data protection.
func Statement(value any) []Grant {
	if cfn.IsIntrinsic(value) {
		// What it allows cannot be read; it is one grant that only itself covers.
		whole := Term{Patterns: []string{cfn.Render(value)}}
		return []Grant{{Effect: Allow, Principal: whole, Action: whole, Resource: whole}}
	}
	statement, _ := value.(cfn.Object)
	effect, _ := statement["Effect"].(string)
	if effect == "" {
		return nil
	}
	var found []Grant
	for _, principal := range principals(statement) {
		for _, action := range terms(statement, "Action") {
			for _, target := range terms(statement, "Resource") {
				found = append(found, Grant{
					Effect: effect, Principal: principal, Action: action, Resource: target,
					Conditions: conditions(statement["Condition"]),
				})
			}
		}
	}
	return found
}

// terms reads Action or Resource, or their negation. A policy on a resource may
// leave the resource out: it means itself.
func terms(statement cfn.Object, key string) []Term {
	if excluded := statement["Not"+key]; excluded != nil {
		return []Term{{Not: true, Patterns: rendered(excluded)}}
	}
	return single(rendered(statement[key]))
}

func rendered(value any) []string {
	var patterns []string
	for _, item := range cfn.List(value) {
		patterns = append(patterns, cfn.Render(item))
	}
	slices.Sort(patterns)
	return patterns
}

// single makes a term of each pattern.
func single(patterns []string) []Term {
	if len(patterns) == 0 {
		return []Term{{Patterns: []string{Itself}}}
	}
	var found []Term
	for _, pattern := range patterns {
		found = append(found, Term{Patterns: []string{pattern}})
	}
	return found
}

// account is the principal of a whole account, however it is written.
var account = regexp.MustCompile(`^(?:arn:(?:[^:$]+|\$\{AWS::Partition\}):iam::)?(\d{12}|\$\{AWS::AccountId\})(?::root)?$`)

// IsAccount says whether a principal's name is that of a whole account.
func IsAccount(name string) bool { return account.MatchString(name) }

// principals reads who a statement is about. In the policy of an identity that is
// the identity.
func principals(statement cfn.Object) []Term {
	if excluded := statement["NotPrincipal"]; excluded != nil {
		return []Term{{Not: true, Patterns: who(excluded)}}
	}
	return single(who(statement["Principal"]))
}

func who(value any) []string {
	if value == nil {
		return nil
	}
	kinds, ok := value.(cfn.Object)
	if !ok || cfn.IsIntrinsic(value) {
		return []string{cfn.Render(value)}
	}
	var found []string
	for kind, names := range kinds {
		for _, name := range cfn.List(names) {
			written := cfn.Render(name)
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

func conditions(value any) []Condition {
	operators, ok := value.(cfn.Object)
	if !ok || cfn.IsIntrinsic(value) {
		if value == nil {
			return nil
		}
		return []Condition{{Operator: "unreadable", Key: cfn.Render(value)}}
	}
	var found []Condition
	for _, operator := range slices.Sorted(maps.Keys(operators)) {
		tests, ok := operators[operator].(cfn.Object)
		if !ok || cfn.IsIntrinsic(operators[operator]) {
			found = append(found, Condition{Operator: operator, Key: cfn.Render(operators[operator])})
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(tests)) {
			found = append(found, Condition{Operator: operator, Key: strings.ToLower(key), Values: rendered(tests[key])})
		}
	}
	return found
}

// OfPermission is the statement that an AWS::Lambda::Permission of these normalized
// properties adds to the function's policy.
func OfPermission(properties cfn.Object) cfn.Object {
	kind := "Service"
	if who := cfn.Render(properties["Principal"]); IsAccount(who) || strings.HasPrefix(who, "arn:") || who == "*" {
		kind = "AWS"
	}
	conditions := cfn.Object{}
	for property, test := range map[string]struct{ operator, key string }{
		"SourceArn":           {"ArnLike", "aws:SourceArn"},
		"SourceAccount":       {"StringEquals", "aws:SourceAccount"},
		"PrincipalOrgID":      {"StringEquals", "aws:PrincipalOrgID"},
		"EventSourceToken":    {"StringEquals", "lambda:EventSourceToken"},
		"FunctionUrlAuthType": {"StringEquals", "lambda:FunctionUrlAuthType"},
	} {
		value := properties[property]
		if value == nil {
			continue
		}
		if conditions[test.operator] == nil {
			conditions[test.operator] = cfn.Object{}
		}
		conditions[test.operator].(cfn.Object)[test.key] = value
	}
	return cfn.Object{
		"Effect": Allow, "Principal": cfn.Object{kind: properties["Principal"]}, "Action": properties["Action"],
		"Resource": properties["FunctionName"], "Condition": conditions,
	}
}
