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
// resource that is made anew itself, in its stack or in another one. Whoever refers
// to what was found is asked again, until nothing is added.
func (c *comparison) findReplacements() {
	var waiting []place
	users := map[place][]place{}
	for _, name := range c.head.Stacks() {
		if c.new[name] {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(c.head.stacks[name].resources)) {
			known, _ := c.types.Of(c.head.stacks[name].resources[id].kind)
			for path := range known.Replaces {
				for _, used := range c.leadTo(c.head.stacks[name], at(c.head.stacks[name].resources[id].properties, path)) {
					users[used] = appendNew(users[used], place{name, id})
				}
			}
			waiting = append(waiting, place{name, id})
		}
	}
	for len(waiting) > 0 {
		next := waiting[0]
		waiting = waiting[1:]
		before, existed := c.base.stacks[next.stack].resources[next.id]
		after := c.head.stacks[next.stack].resources[next.id]
		if !existed || before.kind != after.kind {
			continue
		}
		now := c.replacementOf(c.head.stacks[next.stack], before, after)
		if len(now.reasons) > 0 && now.certainty != c.replaced[next].certainty {
			c.replaced[next] = now
			waiting = append(waiting, users[next]...)
		}
	}
}

// replacementOf judges one resource by what is known so far.
func (c *comparison) replacementOf(is stack, before, after resource) replacement {
	c.work++
	known, _ := c.types.Of(after.kind)
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
		case c.follows(is, to, schema.Always) != "":
			one.text = fmt.Sprintf("%s refers to %s", path, c.follows(is, to, schema.Always))
		case c.follows(is, to, schema.Maybe) != "":
			one.text = fmt.Sprintf("%s refers to %s", path, c.follows(is, to, schema.Maybe))
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

// changesInPlace says of a property that may replace that it does not: a rule names
// the document of AWS that says what it does instead, and online resharding changes
// the shards of a cache.
func changesInPlace(after resource, path string) bool {
	if after.kind == cacheGroup && (path == "NumNodeGroups" || strings.HasPrefix(path, "NodeGroupConfiguration")) {
		return text(after.updatePolicy, "UseOnlineResharding") == "true"
	}
	by, ruled := ruleFor(after.kind, strings.Split(path, "."))
	return ruled && slices.ContainsFunc(by.outcomes, func(out outcome) bool { return out.verdict == Interrupts && out.source != "" })
}

// follows names what is made anew among the things that a value refers to, with at
// least a certainty; nothing when all stay as they are.
func (c *comparison) follows(in stack, value any, certainty schema.Certainty) string {
	var names []string
	for _, one := range c.leadTo(in, value) {
		replaced, made := c.replaced[one]
		if (made && (replaced.certainty == schema.Always || certainty == schema.Maybe)) || (certainty == schema.Maybe && c.inputs[one]) {
			name := strings.TrimPrefix(one.id, "Parameters.")
			if one.stack != in.name {
				name = one.stack + "/" + name
			}
			names = appendNew(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + map[schema.Certainty]string{schema.Always: ", which is replaced", schema.Maybe: ", which may change"}[certainty]
}

// leadTo lists the resources and inputs that a value depends on, through the
// outputs of other stacks.
func (c *comparison) leadTo(in stack, value any) []place {
	var found []place
	for _, target := range references(value) {
		asked := place{in.name, target}
		if _, known := c.leading[asked]; !known {
			c.leading[asked] = nil // outputs in a circle cannot be deployed, but they can be written
			if inner, from, ok := c.output(in, target); ok {
				c.leading[asked] = c.leadTo(from, inner)
			} else {
				c.leading[asked] = []place{asked}
			}
		}
		for _, one := range c.leading[asked] {
			found = appendNew(found, one)
		}
	}
	return found
}

// followed lists the values of a resource whose words stay as they are and that
// refer to something that is made anew.
func (c *comparison) followed(in stack, before, after resource) []difference {
	if c.follows(in, after.properties, schema.Maybe) == "" {
		return nil
	}
	var found []difference
	for _, one := range everyValue(nil, nil, after.properties) {
		level := one.values[len(one.values)-1]
		one.follows = c.follows(in, level.after, schema.Always)
		if one.follows == "" {
			one.follows, one.maybe = c.follows(in, level.after, schema.Maybe), true
		}
		if one.follows != "" && same(at(before.properties, one.path[0]), at(after.properties, one.path[0])) {
			found = append(found, one)
		}
	}
	return found
}

// Prefixes of targets that are outputs of other stacks. No logical ID has a colon.
const (
	outputOf = "output:"
	exportOf = "export:"
)

// output finds the output that a target names.
func (c *comparison) output(in stack, target string) (any, stack, bool) {
	return outputIn(c.head, in, target)
}

func outputIn(set Set, in stack, target string) (any, stack, bool) {
	if name, ok := strings.CutPrefix(target, outputOf); ok {
		stackName, output, _ := strings.Cut(name, ":")
		from, exists := set.stacks[stackName]
		value, has := from.outputs[output]
		return value, from, exists && has && stackName != in.name
	}
	if name, ok := strings.CutPrefix(target, exportOf); ok {
		for _, stackName := range set.Stacks() {
			from := set.stacks[stackName]
			if output, has := from.exports[name]; has && stackName != in.name {
				return from.outputs[output], from, true
			}
		}
	}
	return nil, stack{}, false
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

// references lists what a value refers to: logical IDs, outputs of other stacks,
// and inputs.
func references(value any) []string {
	var found []string
	for _, one := range cfn.References(value) {
		switch one.Function {
		case "Ref":
			found = append(found, one.Name, "Parameters."+one.Name)
		case "Fn::GetStackOutput":
			found = append(found, outputOf+one.Stack+":"+one.Name)
		case "Fn::ImportValue":
			found = append(found, exportOf+one.Name)
		case "Fn::FindInMap":
			found = append(found, "Mappings."+one.Name)
		case "Fn::If":
			found = append(found, "Conditions."+one.Name)
		default:
			found = append(found, one.Name)
		}
	}
	return found
}

// changedInput names a mapping, condition, parameter or output of another stack that
// a resource depends on and that changed, though the resource's own words did not.
func (c *comparison) changedInput(in stack, after resource) string {
	for _, target := range references(after.properties) {
		if c.inputs[place{in.name, target}] {
			return target
		}
	}
	return c.changedOutput(in, after.properties, map[place]bool{})
}

// changedOutput names an output that a value reads, directly or through other
// outputs, and whose own words changed: whoever reads it gets something else, though
// its template says what it said.
func (c *comparison) changedOutput(in stack, value any, asked map[place]bool) string {
	for _, target := range references(value) {
		now, from, ok := c.output(in, target)
		was, _, had := outputIn(c.base, in, target)
		one := place{in.name, target}
		if !ok || !had || asked[one] {
			continue
		}
		asked[one] = true
		if !same(was, now) {
			return target
		}
		if deeper := c.changedOutput(from, now, asked); deeper != "" {
			return deeper
		}
	}
	return ""
}
