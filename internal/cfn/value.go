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
	"regexp"
	"strings"
)

// Object is a JSON object of a template.
type Object = map[string]any

// Normalize brings a value of a template into the one form that CloudFormation
// takes it for: scalars are text ("443" is 443), Fn::GetAtt is a list, what
// AWS::NoValue removes is gone, a join of literals is a literal.
func Normalize(value any) any {
	switch v := value.(type) {
	case nil, string:
		return v
	case []any:
		list := make([]any, 0, len(v))
		for _, item := range v {
			if item = Normalize(item); item != nil {
				list = append(list, item)
			}
		}
		return list
	case Object:
		return normalizeObject(v)
	default:
		return fmt.Sprint(v)
	}
}

func normalizeObject(value Object) any {
	if value["Ref"] == "AWS::NoValue" {
		return nil
	}
	plain := Object{}
	for key, inner := range value {
		if inner = Normalize(inner); inner != nil {
			plain[key] = inner
		}
	}
	if len(plain) != 1 {
		return plain
	}
	if attribute, ok := plain["Fn::GetAtt"].(string); ok {
		id, name, _ := strings.Cut(attribute, ".")
		return Object{"Fn::GetAtt": []any{id, name}}
	}
	if text, ok := joined(plain["Fn::Join"]); ok {
		return text
	}
	return plain
}

// joined folds an Fn::Join whose parts are all literals.
func joined(value any) (string, bool) {
	arguments, ok := value.([]any)
	if !ok || len(arguments) != 2 {
		return "", false
	}
	delimiter, ok := arguments[0].(string)
	parts, list := arguments[1].([]any)
	if !ok || !list {
		return "", false
	}
	var texts []string
	for _, part := range parts {
		text, ok := part.(string)
		if !ok {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, delimiter), true
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

// Placeholder finds what Fn::Sub fills in.
var Placeholder = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

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
	if template, ok := First(call["Fn::Sub"]).(string); ok {
		return substituted(template, call["Fn::Sub"])
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

// substituted fills the variables of an Fn::Sub into its text.
func substituted(template string, arguments any) string {
	variables := Object{}
	if items, ok := arguments.([]any); ok && len(items) > 1 {
		variables, _ = items[len(items)-1].(Object)
	}
	return Placeholder.ReplaceAllStringFunc(template, func(name string) string {
		if value, ok := variables[strings.Trim(name, "${}")]; ok {
			return Render(value)
		}
		return name
	})
}
