package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/schema"
)

// replacement says that a resource is made anew, and why.
type replacement struct {
	certainty schema.Certainty
	reasons   []reason
}

// reason is one property that leads to a replacement.
type reason struct {
	property  string
	text      string
	value     string
	certainty schema.Certainty
}

// findReplacements finds every resource that is made anew: because a property
// changed that cannot change in place, or because such a property refers to a
// resource that is made anew itself, in its stack or in another one. Each round
// follows the references one step further, until nothing is added.
func (c *comparison) findReplacements() {
	for grown := true; grown; {
		grown = false
		for _, name := range c.head.Stacks() {
			if c.new[name] {
				continue
			}
			was, is := c.base.stacks[name], c.head.stacks[name]
			for _, id := range slices.Sorted(maps.Keys(is.resources)) {
				before, existed := was.resources[id]
				if !existed || before.kind != is.resources[id].kind {
					continue
				}
				now := c.replacementOf(is, before, is.resources[id])
				if len(now.reasons) > 0 && now.certainty != c.replaced[place{name, id}].certainty {
					c.replaced[place{name, id}] = now
					grown = true
				}
			}
		}
	}
}

// replacementOf judges one resource by what is known so far.
func (c *comparison) replacementOf(is stack, before, after resource) replacement {
	known, _ := c.types.Of(after.kind)
	certain := c.mark(is, after.properties, schema.Always)
	doubtful := c.mark(is, after.properties, schema.Maybe)
	found := replacement{certainty: schema.Maybe}
	for _, path := range slices.Sorted(maps.Keys(known.Replaces)) {
		certainty := known.Replaces[path]
		if certainty == schema.Maybe && changesInPlace(after, path) {
			continue
		}
		was, to := at(before.properties, path), at(after.properties, path)
		one := reason{property: path, certainty: certainty, value: cfn.Canonical(to)}
		switch {
		case !same(was, to):
			one.text = fmt.Sprintf("%s changes from %s", path, transition(was, to))
		case !same(was, at(certain, path)):
			one.text = fmt.Sprintf("%s refers to %s, which is replaced", path, c.causes(is, to))
		case !same(was, at(doubtful, path)):
			one.text = fmt.Sprintf("%s refers to %s, which may change", path, c.causes(is, to))
			one.certainty = schema.Maybe
		default:
			continue
		}
		if same(was, to) {
			one.value = one.text // the property's own value says nothing
		}
		found.reasons = append(found.reasons, one)
		if one.certainty == schema.Always {
			found.certainty = schema.Always
		}
	}
	return found
}

// changesInPlace says of a property that may replace that it does not: AWS's
// documents say so for some, and online resharding for the shards of a cache.
func changesInPlace(after resource, path string) bool {
	if after.kind == cacheGroup && (path == "NumNodeGroups" || strings.HasPrefix(path, "NodeGroupConfiguration")) {
		return text(after.updatePolicy, "UseOnlineResharding") == "true"
	}
	for _, row := range interruptions {
		if row.inPlace && row.kind == after.kind && row.path == path {
			return true
		}
	}
	return false
}

// changed is the key that marks a reference whose value will be another one.
const changed = "refers to something that changes"

// mark copies a value of a stack and marks each reference to something that is
// replaced with at least a certainty, so that a comparison sees it as changed.
func (c *comparison) mark(in stack, value any, certainty schema.Certainty) any {
	switch v := value.(type) {
	case object:
		marked := object{}
		for key, inner := range v {
			marked[key] = c.mark(in, inner, certainty)
		}
		for _, target := range targets(v) {
			if c.changes(in, target, certainty) {
				marked[changed] = target
			}
		}
		return marked
	case []any:
		marked := make([]any, 0, len(v))
		for _, inner := range v {
			marked = append(marked, c.mark(in, inner, certainty))
		}
		return marked
	default:
		return value
	}
}

// changes says whether what a reference leads to has another value afterwards.
func (c *comparison) changes(in stack, target string, certainty schema.Certainty) bool {
	if value, from, ok := c.output(in, target); ok {
		if c.following[target] || c.new[from.name] {
			return false // outputs in a circle cannot be deployed, but they can be written
		}
		c.following[target] = true
		defer delete(c.following, target)
		return !same(value, c.mark(from, value, certainty))
	}
	if c.inputs[place{in.name, target}] {
		return certainty == schema.Maybe
	}
	found, ok := c.replaced[place{in.name, target}]
	return ok && (found.certainty == schema.Always || certainty == schema.Maybe)
}

// Prefixes of targets that are outputs of other stacks. No logical ID has a colon.
const (
	outputOf = "output:"
	exportOf = "export:"
)

// output finds the output that a target names.
func (c *comparison) output(in stack, target string) (any, stack, bool) {
	if name, ok := strings.CutPrefix(target, outputOf); ok {
		stackName, output, _ := strings.Cut(name, ":")
		from, exists := c.head.stacks[stackName]
		value, has := from.outputs[output]
		return value, from, exists && has && stackName != in.name
	}
	if name, ok := strings.CutPrefix(target, exportOf); ok {
		for _, stackName := range c.head.Stacks() {
			from := c.head.stacks[stackName]
			if output, has := from.exports[name]; has && stackName != in.name {
				return from.outputs[output], from, true
			}
		}
	}
	return nil, stack{}, false
}

// targets are what a function call refers to, itself and not in its arguments:
// logical IDs, outputs of other stacks, mappings, conditions and parameters.
func targets(call object) []string {
	if len(call) != 1 {
		return nil
	}
	if id, ok := call["Ref"].(string); ok {
		return []string{id, "Parameters." + id}
	}
	if arguments := cfn.List(call["Fn::GetAtt"]); len(arguments) > 0 {
		return []string{cfn.Canonical(arguments[0])}
	}
	if output, ok := call["Fn::GetStackOutput"].(object); ok {
		return []string{outputOf + text(output, "StackName") + ":" + text(output, "OutputName")}
	}
	if name, ok := call["Fn::ImportValue"].(string); ok {
		return []string{exportOf + name}
	}
	if name, ok := cfn.First(call["Fn::FindInMap"]).(string); ok {
		return []string{"Mappings." + name}
	}
	if name, ok := cfn.First(call["Fn::If"]).(string); ok {
		return []string{"Conditions." + name}
	}
	return nil
}

// own is the resource of a stack that a value refers to; nothing when it refers to
// none.
func own(in stack, value any) string {
	for _, target := range references(value) {
		if _, here := in.resources[target]; here {
			return target
		}
	}
	return ""
}

// references lists all targets below a value.
func references(value any) []string {
	var found []string
	switch v := value.(type) {
	case object:
		found = append(found, targets(v)...)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, references(v[key])...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, references(inner)...)
		}
	}
	return found
}

// causes names what changes among the things that a value refers to.
func (c *comparison) causes(in stack, value any) string {
	var names []string
	for _, target := range references(value) {
		if !c.changes(in, target, schema.Maybe) {
			continue
		}
		name := strings.TrimPrefix(target, "Parameters.")
		if inner, from, ok := c.output(in, target); ok && !c.following[target] {
			c.following[target] = true
			name = from.name + "/" + c.causes(from, inner)
			delete(c.following, target)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// changedInput names a mapping, condition or parameter that a resource depends on
// and that changed, though the resource's own words did not.
func (c *comparison) changedInput(in stack, after resource) string {
	for _, target := range references(after.properties) {
		if c.inputs[place{in.name, target}] {
			return target
		}
	}
	return ""
}
