// Package cfn is the one model of CloudFormation templates: it reads a synthesized
// cloud assembly (the stacks, their templates, the findings that CloudFormation
// Validate wrote beside them) and says what a literal or a call of an intrinsic
// function stands for, as far as templates alone say it.
package cfn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Object is a JSON object of a template.
type Object = map[string]any

// Normalize brings a value of a template into the one form that CloudFormation
// takes it for: scalars are text ("443" is 443), Fn::GetAtt is a list, what
// AWS::NoValue removes is gone, Fn::Sub is the join that it stands for, and what is
// known without the rest of the template is a literal. A text that an Fn::Join, an
// Fn::Sub or nothing at all puts together has one form.
func Normalize(value any) any {
	plain := Resolver{}.walk()
	plain.texts = true
	return present(plain.value(Stack{}, value))
}

// scalar is a value as CloudFormation writes it into a text.
func scalar(value any) string {
	if number, ok := value.(float64); ok {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return Canonical(value)
}

// Lookup reads the value at a path of keys (texts) and places in lists (numbers), such
// as Lookup(r.Properties, "Tags", 0, "Key"); nil where the path ends early.
func Lookup(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(Object)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step < 0 || step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// Number reads a number, or a text that CloudFormation takes for one.
func Number(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case string:
		number, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err == nil && !math.IsNaN(number) && !math.IsInf(number, 0) { // Go reads "NaN" and "Inf", CloudFormation does not
			return number, nil
		}
	}
	return 0, fmt.Errorf("want a number, got %s", inShort(value))
}

// Canonical is a value as text; equal values have equal texts.
func Canonical(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // a value read from JSON can always be written
	}
	return string(content)
}

// IsIntrinsic recognizes a function call in place of a value.
func IsIntrinsic(value any) bool {
	call, ok := value.(Object)
	if !ok || len(call) != 1 {
		return false
	}
	for name := range call {
		return name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return false
}

// List makes a list of a value that may stand alone.
func List(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// First is the first item of a list, or a value that stands alone.
func First(value any) any {
	if items, ok := value.([]any); ok && len(items) > 0 {
		return items[0]
	}
	return value
}

// Equal says whether two normalized values are the same. A text is never the object
// or list that it spells.
func Equal(a, b any) bool {
	switch was := a.(type) {
	case Object:
		is, object := b.(Object)
		return object && maps.EqualFunc(was, is, Equal)
	case []any:
		is, list := b.([]any)
		return list && slices.EqualFunc(was, is, Equal)
	case string, nil:
		return a == b
	case bool, float64:
		if a == b {
			return true
		}
	}
	_, text := b.(string)
	return !text && Canonical(a) == Canonical(b)
}

// Document reads JSON that a template holds: as it is, as text, or as text that is put
// together from pieces; nil for what is none.
func Document(value any) any {
	text, isText := value.(string)
	switch {
	case isText:
	case IsIntrinsic(value):
		text = Render(value)
	default:
		return value
	}
	var read any
	if json.Unmarshal([]byte(text), &read) != nil {
		return nil
	}
	if !isText {
		read = unrendered(read)
	}
	return Normalize(read)
}

// unrendered reads the texts of a rendered value as the Fn::Sub that they are.
func unrendered(value any) any {
	switch v := value.(type) {
	case string:
		return Object{"Fn::Sub": policyVariable.ReplaceAllStringFunc(v, func(whole string) string { return "${!" + whole[2:] })}
	case []any:
		read := make([]any, len(v))
		for i, item := range v {
			read[i] = unrendered(item)
		}
		return read
	case Object:
		read := Object{}
		for key, inner := range v {
			read[key] = unrendered(inner)
		}
		return read
	default:
		return value
	}
}

// policyVariable is what IAM replaces when a request comes, such as ${aws:username}: no
// reference of a template is written like it, because none has one colon.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
var policyVariable = regexp.MustCompile(`\$\{[a-z0-9.-]+:[^:{}]+\}`)

// Render writes a normalized value as text, in the words of Fn::Sub: ${…} for what is
// only known in the account, so that "${Bucket.Arn}/*" and a join of the same parts are
// equal, and ${!…} for what looks like it and is none. Values that differ have texts
// that differ. A wildcard inside ${…} is hidden, because it is none.
func Render(value any) string {
	switch v := value.(type) {
	case string:
		return literal(v)
	case float64, bool:
		return Canonical(v)
	case Object:
		if written, ok := renderCall(v); ok {
			return written
		}
	}
	whole := Canonical(value)
	if strings.ContainsAny(whole, "*?") {
		sum := sha256.Sum256([]byte(whole))
		whole = "#" + hex.EncodeToString(sum[:6]) // no logical ID has a #
	}
	return "${" + whole + "}"
}

// literal escapes what Fn::Sub would take for a reference.
func literal(text string) string {
	var written strings.Builder
	for {
		before, after, opens := strings.Cut(text, "${")
		written.WriteString(before)
		if !opens {
			return written.String()
		}
		text = "${" + after
		if at := policyVariable.FindStringIndex(text); at != nil && at[0] == 0 {
			written.WriteString(text[:at[1]])
			text = text[at[1]:]
			continue
		}
		written.WriteString("${!")
		text = after
	}
}

// renderCall writes the calls that Fn::Sub has words for.
func renderCall(value Object) (string, bool) {
	name, argument, _ := call(value)
	arguments, _ := argument.([]any)
	switch id, isText := argument.(string); {
	case name == "Ref" && isText:
		return "${" + id + "}", true
	case name == "Fn::GetAtt" && len(arguments) == 2:
		return "${" + Render(arguments[0]) + "." + Render(arguments[1]) + "}", true
	case name == "Fn::Join" && len(arguments) == 2 && arguments[0] == "":
		parts, isList := arguments[1].([]any)
		var written strings.Builder
		for _, part := range parts {
			written.WriteString(Render(part))
		}
		return written.String(), isList
	case name == "Fn::GetStackOutput":
		return renderOutput(argument)
	}
	return "", false
}

// renderOutput writes an output of another stack. A stack whose name could be a
// logical ID stays the call that it is.
func renderOutput(argument any) (string, bool) {
	from, _ := argument.(Object)
	stack, _ := from["StackName"].(string)
	output, _ := from["OutputName"].(string)
	written := stack + "." + output
	if region, ok := from["Region"].(string); ok && len(from) == 3 {
		return "${" + written + "@" + region + "}", strings.Contains(stack, "-")
	}
	return "${" + written + "}", strings.Contains(stack, "-") && output != "" && len(from) == 2
}
