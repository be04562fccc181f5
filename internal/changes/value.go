package changes

import (
	"fmt"
	"strings"

	"wallet-infra/internal/cfn"
)

// object is a JSON object of a template.
type object = cfn.Object

func same(a, b any) bool { return cfn.Equal(a, b) }

// ref is the logical ID that a Ref names; nothing when the value is none.
func ref(value any) string {
	call, _ := value.(object)
	id, _ := call["Ref"].(string)
	return id
}

// pick reads the value at a path. Through a list it lists what the items hold; an
// intrinsic function on the way is the value, because what is inside is unknown.
func pick(value any, path []string) any {
	if len(path) == 0 || cfn.IsIntrinsic(value) {
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
	return clip(cfn.Canonical(value), longest)
}

// clip cuts a text to a number of characters.
func clip(content string, most int) string {
	characters := []rune(content)
	if len(characters) <= most {
		return content
	}
	return string(characters[:most]) + "…"
}
