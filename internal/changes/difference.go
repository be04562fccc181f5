package changes

import (
	"encoding/base64"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/internal/cfn"
)

// difference is one value in which two resources differ, as deep inside as they
// can be told apart. Its path names properties, and items of lists by what makes
// them known. values holds both sides at each step of the path, the whole resource
// first, so that a rule sees what it judges at its own level.
type difference struct {
	path   []string
	values []pairOf
	// follows names what the value refers to that is made anew, where the value's own
	// words stay as they are.
	follows string
	maybe   bool // the reference may stay as it is
}

// pairOf is a value on both sides; nil where a side has none.
type pairOf struct{ before, after any }

// compareValues lists the differences of two values below a path.
func compareValues(path []string, above []pairOf, before, after any) []difference {
	if same(before, after) {
		return nil
	}
	values := append(slices.Clone(above), pairOf{before, after})
	was, is, list := parts(before, after)
	if len(was)+len(is) == 0 {
		return []difference{{path: path, values: values}}
	}
	var found []difference
	for _, key := range slices.Compact(slices.Sorted(concat(maps.Keys(was), maps.Keys(is)))) {
		below := append(slices.Clone(path), key)
		if list && (was[key] == nil || is[key] == nil) {
			// What comes to a list or goes from it is the item, and not what it holds.
			found = append(found, difference{path: below, values: append(slices.Clone(values), pairOf{was[key], is[key]})})
			continue
		}
		found = append(found, compareValues(below, values, was[key], is[key])...)
	}
	if len(found) == 0 { // the same items in another order
		return []difference{{path: path, values: values}}
	}
	return found
}

func concat(all ...iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, one := range all {
			for key := range one {
				if !yield(key) {
					return
				}
			}
		}
	}
}

// parts takes two values apart that can be compared part by part: two objects by
// their keys, or two lists by what their items are known by. A side may be missing.
// Nothing comes back for what can only be compared as a whole.
func parts(before, after any) (was, is object, list bool) {
	wasObject, isObject := plainObject(before), plainObject(after)
	if (wasObject != nil || before == nil) && (isObject != nil || after == nil) {
		return wasObject, isObject, false
	}
	wasList, listed := before.([]any)
	isList, both := after.([]any)
	if (!listed && before != nil) || (!both && after != nil) {
		return nil, nil, false
	}
	key := namingKey(wasList, isList)
	position := key == "" && len(wasList) == len(isList) && (hasMore(before, after) || hasMore(after, before)) &&
		!slices.ContainsFunc(isList, func(item any) bool { return plainObject(item) == nil })
	return items(wasList, key, position), items(isList, key, position), true
}

// everyValue lists the values of a resource that are no further parts, each with
// itself on both sides.
func everyValue(path []string, above []pairOf, value any) []difference {
	values := append(slices.Clone(above), pairOf{value, value})
	held := plainObject(value)
	if list, ok := value.([]any); ok {
		held = items(list, namingKey(list), false)
	}
	if len(held) == 0 {
		return []difference{{path: path, values: values}}
	}
	var found []difference
	for _, key := range slices.Sorted(maps.Keys(held)) {
		found = append(found, everyValue(append(slices.Clone(path), key), values, held[key])...)
	}
	return found
}

func plainObject(value any) object {
	if one, ok := value.(object); ok && !cfn.IsIntrinsic(value) {
		return one
	}
	return nil
}

// naming are the keys by which items of lists are known, the first that all have.
var naming = []string{"Name", "Key", "Id", "RuleName", "SetIdentifier", "Field", "LogType", "Region", "ContainerName", "ContainerPath"}

// namingKey is the key whose values tell the items of each list apart; nothing
// where an item is known by all that it holds.
func namingKey(lists ...[]any) string {
	for _, key := range naming {
		if !slices.ContainsFunc(lists, func(list []any) bool { return !names(key, list) }) {
			return key
		}
	}
	return ""
}

func names(key string, list []any) bool {
	seen := map[string]bool{}
	for _, item := range list {
		if name, ok := plainObject(item)[key].(string); ok {
			seen[name] = true
		}
	}
	return len(seen) == len(list)
}

// items puts the items of a list under their names, in order where they have none
// and only some differ, or under all that they hold. An item of a name and a value
// is the value.
func items(list []any, key string, position bool) object {
	found := object{}
	for i, item := range list {
		name, held := cfn.Canonical(item), item
		switch {
		case key != "":
			name = text(item, key)
			if value, plain := plainObject(item)["Value"]; plain && len(plainObject(item)) == 2 {
				held = value
			}
		case position:
			name = strconv.Itoa(i)
		}
		for found[name] != nil { // the same once more
			name += " again"
		}
		found[name] = held
	}
	return found
}

// readable replaces what holds settings as text by the settings: the configuration
// of a Kafka topic (JSON in Base64) and of brokers (a line for each). What cannot
// be read stays as it is.
func readable(r resource) object {
	properties := maps.Clone(r.properties)
	switch r.kind {
	case "AWS::MSK::Topic":
		if content, err := base64.StdEncoding.DecodeString(cfn.Canonical(properties["Configs"])); err == nil {
			if settings := cfn.Document(string(content)); settings != nil {
				properties["Configs"] = settings
			}
		}
	case "AWS::MSK::Configuration":
		if content, ok := properties["ServerProperties"].(string); ok {
			properties["ServerProperties"] = settingsOf(content)
		}
	}
	return properties
}

func settingsOf(content string) object {
	settings := object{}
	for line := range strings.Lines(content) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "" {
			settings[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return settings
}
