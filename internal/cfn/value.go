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
	"math"
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

// DecodeText reads JSON that a template holds as text; false when it is none.
func DecodeText(content string) (any, bool) {
	var value any
	if json.Unmarshal([]byte(content), &value) != nil {
		return nil, false
	}
	return Normalize(value), true
}

// Render writes a normalized value as text with ${…} for what is only known in the
// account, so that "${Bucket.Arn}/*" and a join of the same parts are equal. A
// wildcard inside ${…} is hidden, because it is none.
func Render(value any) string {
	call, ok := value.(Object)
	if !ok || !IsIntrinsic(value) {
		return Canonical(value)
	}
	if id, ok := call["Ref"].(string); ok {
		return "${" + id + "}"
	}
	if arguments := List(call["Fn::GetAtt"]); len(arguments) == 2 {
		return "${" + Render(arguments[0]) + "." + Render(arguments[1]) + "}"
	}
	if arguments := List(call["Fn::Join"]); len(arguments) == 2 {
		if parts, ok := arguments[1].([]any); ok {
			var texts []string
			for _, part := range parts {
				texts = append(texts, Render(part))
			}
			return strings.Join(texts, Render(arguments[0]))
		}
	}
	whole := Canonical(value)
	if output, ok := call["Fn::GetStackOutput"].(Object); ok {
		whole = Canonical(output["StackName"]) + "." + Canonical(output["OutputName"])
	}
	if strings.ContainsAny(whole, "*?") {
		sum := sha256.Sum256([]byte(whole))
		whole = hex.EncodeToString(sum[:6])
	}
	return "${" + whole + "}"
}
