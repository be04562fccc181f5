package changes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object of a template.
type object = map[string]any

// normalize brings a value of a template into the one form that CloudFormation
// takes it for: scalars are text ("443" is 443), Fn::GetAtt is a list, what
// AWS::NoValue removes is gone, a join of literals is a literal.
func normalize(value any) any {
	switch v := value.(type) {
	case nil, string:
		return v
	case []any:
		list := make([]any, 0, len(v))
		for _, item := range v {
			if item = normalize(item); item != nil {
				list = append(list, item)
			}
		}
		return list
	case object:
		return normalizeObject(v)
	default:
		return fmt.Sprint(v)
	}
}

func normalizeObject(value object) any {
	if value["Ref"] == "AWS::NoValue" {
		return nil
	}
	plain := object{}
	for key, inner := range value {
		if inner = normalize(inner); inner != nil {
			plain[key] = inner
		}
	}
	if len(plain) != 1 {
		return plain
	}
	if attribute, ok := plain["Fn::GetAtt"].(string); ok {
		id, name, _ := strings.Cut(attribute, ".")
		return object{"Fn::GetAtt": []any{id, name}}
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

// canonical is a value as text; equal values have equal texts.
func canonical(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // a value read from JSON can always be written
	}
	return string(content)
}

func same(a, b any) bool { return canonical(a) == canonical(b) && (a == nil) == (b == nil) }

// isIntrinsic recognizes a function call in place of a value.
func isIntrinsic(value any) bool {
	call, ok := value.(object)
	if !ok || len(call) != 1 {
		return false
	}
	for name := range call {
		return name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return false
}

// ref is the logical ID that a Ref names; nothing when the value is none.
func ref(value any) string {
	call, _ := value.(object)
	id, _ := call["Ref"].(string)
	return id
}

// pick reads the value at a path. Through a list it lists what the items hold; an
// intrinsic function on the way is the value, because what is inside is unknown.
func pick(value any, path []string) any {
	if len(path) == 0 || isIntrinsic(value) {
		return value
	}
	switch v := value.(type) {
	case object:
		return pick(v[path[0]], path[1:])
	case []any:
		var found []any
		for _, item := range v {
			if inner := pick(item, path); inner != nil {
				found = append(found, inner)
			}
		}
		if found == nil {
			return nil
		}
		return found
	default:
		return nil
	}
}

// at is pick for a path with dots.
func at(value any, path string) any { return pick(value, strings.Split(path, ".")) }

// text is the literal at a path, or nothing.
func text(value any, path string) string {
	literal, _ := at(value, path).(string)
	return literal
}

// list makes a list of a value that may stand alone.
func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// differences lists the top-level keys in which two objects differ.
func differences(before, after object) []string {
	differing := map[string]bool{}
	for key := range before {
		differing[key] = !same(before[key], after[key])
	}
	for key := range after {
		differing[key] = !same(before[key], after[key])
	}
	var found []string
	for _, key := range slices.Sorted(maps.Keys(differing)) {
		if differing[key] {
			found = append(found, key)
		}
	}
	return found
}

// transition describes a changed value, short enough for one line.
func transition(before, after any) string {
	return fmt.Sprintf("%s to %s", show(before), show(after))
}

// show prints a value for a reader. Long ones are cut: the diff has them whole.
func show(value any) string {
	const longest = 80
	if value == nil {
		return "nothing"
	}
	return clip(canonical(value), longest)
}

// clip cuts a text to a number of characters.
func clip(content string, most int) string {
	characters := []rune(content)
	if len(characters) <= most {
		return content
	}
	return string(characters[:most]) + "…"
}
