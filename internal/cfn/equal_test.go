package cfn

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// world is an account as far as a template may ask: what references give, and which
// conditions hold. It evaluates values by AWS's reference of the intrinsic functions,
// in its own way, and fails where CloudFormation would refuse.
type world struct {
	values     map[string]string
	conditions map[string]bool
}

// gone is what AWS::NoValue leaves.
type gone struct{}

var errRefused = errors.New("refused")

func (w world) evaluate(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool, float64, int:
		return fmt.Sprint(v), nil
	case []any:
		items := []any{}
		for _, item := range v {
			got, err := w.evaluate(item)
			if err != nil {
				return nil, err
			}
			if got != (any)(gone{}) {
				items = append(items, got)
			}
		}
		return items, nil
	case Object:
		for name, argument := range v {
			return w.ask(name, argument)
		}
	}
	return nil, errRefused
}

func (w world) ask(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		if argument == "AWS::NoValue" {
			return gone{}, nil
		}
		return w.value(argument.(string))
	case "Fn::GetAtt":
		if list, ok := argument.([]any); ok {
			return w.value(fmt.Sprint(list[0], ".", list[1]))
		}
		return w.value(argument.(string))
	case "Fn::GetStackOutput":
		of := argument.(Object)
		return w.value(fmt.Sprint(of["StackName"], " ", of["OutputName"], " ", of["Region"], " ", of["RoleArn"]))
	case "Fn::Sub":
		return w.substitute(argument)
	case "Fn::If":
		branches := argument.([]any)
		if w.conditions[branches[0].(string)] {
			return w.evaluate(branches[1])
		}
		return w.evaluate(branches[2])
	case "Fn::Base64":
		text, err := w.text(argument)
		return base64.StdEncoding.EncodeToString([]byte(text)), err
	}
	pair := argument.([]any)
	first, err := w.text(pair[0])
	if err != nil {
		return nil, err
	}
	if name == "Fn::Split" {
		text, err := w.text(pair[1])
		if err != nil || first == "" {
			return nil, errRefused
		}
		items := []any{}
		for _, item := range strings.Split(text, first) {
			items = append(items, item)
		}
		return items, nil
	}
	second, err := w.evaluate(pair[1])
	list, isList := second.([]any)
	if err != nil || !isList {
		return nil, errRefused
	}
	if name == "Fn::Select" {
		at, err := strconv.Atoi(first)
		if err != nil || at < 0 || at >= len(list) {
			return nil, errRefused
		}
		return list[at], nil
	}
	var texts []string
	for _, item := range list {
		text, isText := item.(string)
		if !isText {
			return nil, errRefused
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, first), nil
}

func (w world) value(name string) (string, error) {
	value, ok := w.values[name]
	if !ok {
		return "", errRefused
	}
	return value, nil
}

func (w world) text(value any) (string, error) {
	got, err := w.evaluate(value)
	text, ok := got.(string)
	if err != nil || !ok {
		return "", errRefused
	}
	return text, nil
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

func (w world) substitute(argument any) (any, error) {
	variables := Object{}
	if pair, ok := argument.([]any); ok {
		argument, variables = pair[0], pair[1].(Object)
	}
	var failed error
	text := variable.ReplaceAllStringFunc(argument.(string), func(whole string) string {
		name := whole[2 : len(whole)-1]
		if literally, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literally + "}"
		}
		got, err := w.value(name)
		if own, ok := variables[name]; ok {
			got, err = w.text(own)
		}
		failed = cmp.Or(failed, err)
		return got
	})
	return text, failed
}

// names are what the made values refer to; the first may be a logical ID.
var names = []string{"A", "B", "A.Arn", "B.Arn", "A.B.C", "AWS::Region"}

var outputs = []Object{
	{"StackName": "s-1", "OutputName": "O"}, {"StackName": "s-1", "OutputName": "O", "Region": "r"}, {"StackName": "A", "OutputName": "Arn"},
	{"StackName": "s-1", "OutputName": "O", "Region": "q"}, {"StackName": "s-1", "OutputName": "O", "RoleArn": "r"},
}

// pieces of texts: what looks like a reference or a value, and is none.
var pieces = []any{
	"", "a", "-", ",", "$", "{A}", "}", "*", "?", "null", "[]", "true", true, 1.0, "1", "01", 1.5, `{"Ref":"A"}`, `["a"]`, "${A", "${A}x", "${*}", "${A.Arn}", "${!A}", "${aws:username}",
	"${aws:A}", "${s-1.O}", "${s-1.O@r}", "${}", "AWS::NoValue", "YQ==", "{{resolve:ssm:/a}}",
}

// maker makes values of templates.
type maker struct{ *rand.Rand }

func pick[T any](m maker, of []T) T { return of[m.IntN(len(of))] }

func (m maker) text(depth int) any {
	if depth == 0 {
		return pick(m, pieces)
	}
	switch below := depth - 1; m.IntN(12) {
	case 0, 1:
		return Object{"Ref": pick(m, []string{"A", "B", "AWS::Region"})}
	case 2:
		return pick(m, []any{Object{"Fn::GetAtt": "A.Arn"}, Object{"Fn::GetAtt": []any{"A", "Arn"}}, Object{"Fn::GetAtt": []any{"A", "B.C"}}, Object{"Fn::GetAtt": "B.Arn"}})
	case 3:
		return Object{"Fn::GetStackOutput": pick(m, outputs)}
	case 4:
		return Object{"Fn::Sub": m.pattern()}
	case 5:
		return Object{"Fn::Sub": []any{m.pattern(), Object{pick(m, names): m.text(below), pick(m, names): m.text(below)}}}
	case 6:
		return Object{"Fn::Join": []any{pick(m, []any{"", ",", "-", "$"}), m.list(below)}}
	case 7:
		return Object{"Fn::Select": []any{pick(m, []any{0.0, "1", 2.0, "-1"}), m.list(below)}}
	case 8:
		return Object{"Fn::If": []any{pick(m, []string{"C", "D"}), m.text(below), m.text(below)}}
	case 9:
		return Object{"Fn::Base64": m.text(below)}
	default:
		return pick(m, pieces)
	}
}

func (m maker) pattern() string {
	var text strings.Builder
	for range m.IntN(4) {
		if m.IntN(2) == 0 {
			fmt.Fprintf(&text, "${%s%s}", pick(m, []string{"", "", "!"}), pick(m, names))
		} else {
			fmt.Fprint(&text, pick(m, pieces))
		}
	}
	return text.String()
}

func (m maker) list(depth int) any {
	if depth > 0 && m.IntN(4) == 0 {
		return Object{"Fn::Split": []any{pick(m, []any{",", "-", "}"}), m.text(depth - 1)}}
	}
	items := []any{}
	for range m.IntN(4) {
		switch item := m.text(max(0, depth-1)); m.IntN(8) {
		case 0:
			items = append(items, Object{"Ref": "AWS::NoValue"})
		case 1:
			items = append(items, Object{"Fn::If": []any{"C", item, Object{"Ref": "AWS::NoValue"}}})
		default:
			items = append(items, item)
		}
	}
	return items
}

// account makes a world in which no two references give the same.
func (m maker) account() world {
	w := world{values: map[string]string{}, conditions: map[string]bool{"C": m.IntN(2) == 0, "D": m.IntN(2) == 0}}
	give := func(name string) {
		w.values[name] = pick(m, []string{"", "x", "a,", "-y"}) + strconv.Itoa(len(w.values))
	}
	for _, name := range names {
		give(name)
	}
	for _, of := range outputs {
		give(fmt.Sprint(of["StackName"], " ", of["OutputName"], " ", of["Region"], " ", of["RoleArn"]))
	}
	return w
}

// Whatever two values have the same normalized form, or the same rendered text, stand
// for the same in every account: a change of one into the other changes nothing.
func TestWhatIsWrittenAlikeIsAlike(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(1, 2))}
	var accounts []world
	for range 12 {
		accounts = append(accounts, m.account())
	}
	type meaning struct {
		value any
		is    []any
	}
	known := map[string]meaning{}
	alike := 0
	for range 40_000 {
		value := m.text(m.IntN(4))
		if m.IntN(4) == 0 {
			value = m.list(m.IntN(4))
		}
		normalized := Normalize(value)
		if normalized == nil {
			continue
		}
		one := meaning{value: value}
		for _, w := range accounts {
			is, err := w.evaluate(value)
			if err != nil {
				is = err
			}
			one.is = append(one.is, is)
		}
		if slices.Contains(one.is, any(errRefused)) {
			continue
		}
		for _, form := range []string{"rendered " + Render(normalized), "normalized " + Canonical(Object{"V": normalized})} {
			if other, ok := known[form]; ok {
				alike++
				require.Equalf(t, other.is, one.is, "%s\n%s\n%s", form, Canonical(other.value), Canonical(one.value))
			}
			known[form] = one
		}
	}
	assert.Greater(t, alike, 5_000, "the made values hardly ever have equal forms")
}
