package cfn

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Resolver says what the values of templates stand for. Its zero value knows what a
// stack's own template and place tell: parameters, pseudo parameters, mappings,
// conditions, and functions of all these.
//
// What templates do not tell stays unknown, and visibly so: the call of the
// intrinsic function, with its arguments resolved as far as they are known. See
// [Known].
//
// The functions are those of the Template Reference, "Intrinsic functions":
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
type Resolver struct {
	// Stacks are where Fn::GetStackOutput and Fn::ImportValue lead.
	Stacks []Stack
	// Attribute answers Fn::GetAtt of a resource, and Ref with an empty attribute;
	// nil knows none. Resolve continues with a property that the answer is made of.
	Attribute func(in Stack, of Resource, attribute string, resolve func(value any) any) (value any, known bool)
}

// Resolve gives what a value of a stack's template stands for; nil for what
// AWS::NoValue removes.
func (r Resolver) Resolve(in Stack, value any) any {
	return present(r.walk().value(in, value))
}

// Text is a resolved value as text, with ${…} for what is not known.
func (r Resolver) Text(in Stack, value any) string {
	switch resolved := Normalize(r.Resolve(in, value)).(type) {
	case nil:
		return ""
	case string:
		return resolved
	default:
		return Render(resolved)
	}
}

// Condition is true or false, or the condition's own words, with those of the
// conditions that it names, where that is not known.
func (r Resolver) Condition(in Stack, name string) any { return r.walk().condition(in, name) }

// Known says that nothing in a resolved value is unknown.
func Known(value any) bool {
	switch v := value.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !Known(item) })
	case Object:
		return !IsIntrinsic(v) && Known(slices.Collect(maps.Values(v)))
	default:
		return true
	}
}

// walk is one resolution.
type walk struct {
	Resolver
	texts bool           // scalars become text
	named map[string]any // what names stand for, as far as that is resolved
}

func (r Resolver) walk() *walk { return &walk{Resolver: r, named: map[string]any{}} }

// once resolves what a name stands for; where that leads in a circle it stays the
// call that it is.
func (w *walk) once(name string, call any, resolve func() any) any {
	if known, asked := w.named[name]; asked {
		return known
	}
	w.named[name] = call
	w.named[name] = resolve()
	return w.named[name]
}

func isNoValue(value any) bool {
	call, ok := value.(Object)
	return ok && len(call) == 1 && call["Ref"] == "AWS::NoValue"
}

// present is a value, or nil for one that AWS::NoValue removes.
func present(value any) any {
	if isNoValue(value) {
		return nil
	}
	return value
}

func (w *walk) value(in Stack, value any) any {
	switch v := value.(type) {
	case nil, string:
		return v
	case []any:
		return w.list(in, v)
	case Object:
		if name, argument, ok := call(v); ok {
			return w.call(in, name, argument)
		}
		resolved := Object{}
		for key, inner := range v {
			if inner = present(w.value(in, inner)); inner != nil {
				resolved[key] = inner
			}
		}
		return resolved
	default:
		if w.texts {
			return scalar(v)
		}
		return v
	}
}

func (w *walk) list(in Stack, items []any) []any {
	resolved := make([]any, 0, len(items))
	for _, item := range items {
		if item = present(w.value(in, item)); item != nil {
			resolved = append(resolved, item)
		}
	}
	return resolved
}

// call recognizes the call of an intrinsic function.
func call(value Object) (name string, argument any, ok bool) {
	if !IsIntrinsic(value) {
		return "", nil, false
	}
	for name, argument = range value {
	}
	return name, argument, true
}

func (w *walk) call(in Stack, name string, argument any) any {
	switch name {
	case "Ref":
		if id, ok := argument.(string); ok {
			return w.ref(in, id)
		}
	case "Fn::GetAtt":
		return w.attribute(in, argument)
	case "Fn::Sub":
		return w.substitute(in, argument)
	case "Fn::If":
		return w.choose(in, argument)
	}
	resolved := w.argument(in, name, argument)
	unknown := Object{name: resolved}
	switch name {
	case "Fn::FindInMap":
		return w.mapped(in, resolved, unknown)
	case "Fn::GetStackOutput", "Fn::ImportValue":
		return w.stackOutput(in, unknown)
	case "Fn::Base64":
		if text, ok := resolved.(string); ok {
			return base64.StdEncoding.EncodeToString([]byte(text))
		}
	}
	if pair, ok := resolved.([]any); ok && len(pair) == 2 {
		switch name {
		case "Fn::Join":
			return join(pair[0], pair[1], unknown)
		case "Fn::Select":
			return pickItem(pair[0], pair[1], unknown)
		case "Fn::Split":
			return split(pair[0], pair[1], unknown)
		}
	}
	return unknown
}

// argument resolves what a function is given. In the JSON that one makes, 1 is not "1".
func (w *walk) argument(in Stack, function string, argument any) any {
	if function == "Fn::ToJsonString" {
		defer func(texts bool) { w.texts = texts }(w.texts)
		w.texts = false
	}
	return w.value(in, argument)
}

// ref resolves a parameter, a pseudo parameter or a resource.
func (w *walk) ref(in Stack, id string) any {
	if _, ok := in.Template.Parameters[id]; ok {
		if value := in.parameter(id); value != nil {
			return value
		}
	}
	if value := in.pseudo(id); value != "" {
		return value
	}
	return w.ofResource(in, id, "", Object{"Ref": id})
}

func (w *walk) attribute(in Stack, argument any) any {
	if text, ok := argument.(string); ok {
		id, name, _ := strings.Cut(text, ".")
		argument = []any{id, name}
	}
	resolved := w.value(in, argument)
	unknown := Object{"Fn::GetAtt": resolved}
	id, isID := Lookup(resolved, 0).(string)
	name, isName := Lookup(resolved, 1).(string)
	if !isID || !isName {
		return unknown
	}
	return w.ofResource(in, id, name, unknown)
}

func (w *walk) ofResource(in Stack, id, attribute string, unknown any) any {
	resource, ok := in.Template.Resources[id]
	if !ok || w.Attribute == nil {
		return unknown
	}
	return w.once(fmt.Sprint(in.Region, in.Name, "/", id, ".", attribute), unknown, func() any {
		value, known := w.Attribute(in, resource, attribute, func(inner any) any { return present(w.value(in, inner)) })
		if !known {
			return unknown
		}
		return value
	})
}

// parameter is what CloudFormation inserts for a parameter; nil where it reads it
// from Parameter Store, or nobody has said it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (s Stack) parameter(name string) any {
	declared := s.Template.Parameters[name]
	kind, _ := declared["Type"].(string)
	if strings.HasPrefix(kind, "AWS::SSM::Parameter::Value") {
		return nil
	}
	value, ok := s.Parameters[name]
	if !ok {
		if declared["Default"] == nil {
			return nil
		}
		value = scalar(declared["Default"])
	}
	if kind != "CommaDelimitedList" && !strings.HasPrefix(kind, "List<") {
		return value
	}
	items := []any{}
	for item := range strings.SplitSeq(value, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

// pseudo is the value of a pseudo parameter; empty where it is none or not known.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
func (s Stack) pseudo(name string) string {
	partition, suffix := "aws", "amazonaws.com"
	switch {
	case strings.HasPrefix(s.Region, "cn-"):
		partition, suffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(s.Region, "us-gov-"):
		partition = "aws-us-gov"
	case s.Region == "", strings.Contains(s.Region, "-iso"), strings.HasPrefix(s.Region, "eusc-"):
		partition, suffix = "", "" // of a partition that only its own customers see
	}
	return map[string]string{
		"AWS::AccountId": s.Account, "AWS::Region": s.Region, "AWS::StackName": s.Name, "AWS::Partition": partition, "AWS::URLSuffix": suffix,
	}[name]
}

// substitute writes Fn::Sub as the join that it stands for.
func (w *walk) substitute(in Stack, argument any) any {
	text, ok := argument.(string)
	variables := Object{}
	if pair, isList := argument.([]any); isList && len(pair) == 2 {
		text, ok = pair[0].(string)
		variables, _ = pair[1].(Object)
	}
	if !ok {
		return Object{"Fn::Sub": w.value(in, argument)}
	}
	var parts []any
	for {
		before, rest, opens := strings.Cut(text, "${")
		name, after, closes := strings.Cut(rest, "}")
		if !opens || !closes {
			parts = append(parts, text)
			return join("", parts, Object{"Fn::Join": []any{"", parts}})
		}
		parts = append(parts, before)
		text = after
		variable, own := variables[name]
		id, attribute, dotted := strings.Cut(name, ".")
		switch {
		case strings.HasPrefix(name, "!"):
			parts = append(parts, "${"+name[1:]+"}")
		case own:
			parts = append(parts, w.value(in, variable))
		case dotted:
			parts = append(parts, w.value(in, Object{"Fn::GetAtt": []any{id, attribute}}))
		default:
			parts = append(parts, w.ref(in, name))
		}
	}
}

// choose resolves Fn::If. A condition that is not known leaves both values, unless
// they are equal.
func (w *walk) choose(in Stack, argument any) any {
	arguments, _ := argument.([]any)
	if len(arguments) != 3 {
		return Object{"Fn::If": argument}
	}
	then, otherwise := w.value(in, arguments[1]), w.value(in, arguments[2])
	name, _ := arguments[0].(string)
	holds, known := w.condition(in, name).(bool)
	if holds || !known && Equal(then, otherwise) {
		return then
	}
	if known {
		return otherwise
	}
	return Object{"Fn::If": []any{arguments[0], then, otherwise}}
}

// mapped resolves Fn::FindInMap, whose fourth argument may hold a default.
func (w *walk) mapped(in Stack, resolved, unknown any) any {
	arguments, _ := resolved.([]any)
	if len(arguments) < 3 {
		return unknown
	}
	for _, argument := range arguments[:3] {
		if !Known(argument) {
			return unknown
		}
	}
	mapping := in.Template.Mappings[scalar(arguments[0])]
	if found := Lookup(mapping, scalar(arguments[1]), scalar(arguments[2])); found != nil {
		return w.value(in, found)
	}
	if fallback := Lookup(arguments, 3, "DefaultValue"); fallback != nil && mapping != nil {
		return fallback
	}
	return unknown
}

// stackOutput follows a reference to an output of another stack.
func (w *walk) stackOutput(in Stack, unknown Object) any {
	from, name, ok := w.producer(in, unknown)
	output := from.Template.Outputs[name]
	if !ok || output.Condition != "" && w.condition(from, output.Condition) != true {
		return unknown
	}
	return w.once(fmt.Sprint(from.Region, from.Name, ":", name), unknown, func() any { return w.value(from, output.Value) })
}

// producer is the stack that makes what an Fn::GetStackOutput or an Fn::ImportValue
// reads, with the output's key. The first names a stack of its own region or of one
// that it says; the name of an export is unique in an account's region.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html
func (w *walk) producer(in Stack, reads Object) (from Stack, key string, ok bool) {
	one := first(targets(reads))
	for _, from := range w.Stacks {
		switch {
		case one.Function == "Fn::GetStackOutput" && from.Name == one.Stack && from.Region == cmp.Or(one.Region, in.Region):
			_, ok := from.Template.Outputs[one.Name]
			return from, one.Name, ok
		case one.Function == "Fn::ImportValue" && from.Region == in.Region && from.Account == in.Account:
			for key, output := range from.Template.Outputs {
				if name, isText := w.value(from, output.Export).(string); isText && name == one.Name {
					return from, key, true
				}
			}
		}
	}
	return Stack{}, "", false
}

// Follow finds the resource that a value refers to by Ref or Fn::GetAtt, also through
// outputs of other stacks, and the stack that makes it.
func (r Resolver) Follow(in Stack, value any) (Stack, Reference, bool) {
	for range 1 + len(r.Stacks) { // longer ways are circles
		call, _ := Resolver{}.Resolve(in, value).(Object)
		to := first(targets(call))
		if _, here := in.Template.Resources[to.Name]; here && (to.Function == "Ref" || to.Function == "Fn::GetAtt") {
			return in, to, true
		}
		from, key, ok := r.walk().producer(in, call)
		if !ok {
			break
		}
		in, value = from, from.Template.Outputs[key].Value
	}
	return Stack{}, Reference{}, false
}

// first is the one thing that a call refers to; nothing where it refers to none.
func first(found []Reference) Reference {
	if len(found) == 0 {
		return Reference{}
	}
	return found[0]
}

// join resolves Fn::Join. Of parts that are not known it leaves a join without a
// delimiter, in which no two literals stand side by side, so that equal texts have
// equal forms.
func join(delimiter, list, unknown any) any {
	between, isText := delimiter.(string)
	items, isList := list.([]any)
	if !isText || !isList || between != "" && slices.ContainsFunc(items, mayVanish) || slices.ContainsFunc(items, isNoText) {
		return unknown
	}
	var parts []any
	for i, item := range items {
		if i > 0 {
			parts = appendPart(parts, between)
		}
		parts = appendPart(parts, item)
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	default:
		return Object{"Fn::Join": []any{"", parts}}
	}
}

// appendPart adds a part to a text that is put together: a literal to the literal
// before it, and a join's own parts in its place.
func appendPart(parts []any, part any) []any {
	if inner, isJoin := Lookup(part, "Fn::Join", 1).([]any); isJoin && Lookup(part, "Fn::Join", 0) == "" {
		for _, one := range inner {
			parts = appendPart(parts, one)
		}
		return parts
	}
	if _, isObject := part.(Object); isObject {
		return append(parts, part)
	}
	text := scalar(part)
	if last, wasText := Lookup(parts, len(parts)-1).(string); wasText {
		parts[len(parts)-1] = last + text
	} else if text != "" {
		parts = append(parts, text)
	}
	return parts
}

// isNoText says of an item that it cannot become a part of a text.
func isNoText(item any) bool {
	switch item.(type) {
	case nil, []any:
		return true
	case Object:
		return !IsIntrinsic(item)
	default:
		return false
	}
}

// mayVanish says of an item that a condition decides whether it is there.
func mayVanish(item any) bool {
	branches, _ := Lookup(item, "Fn::If").([]any)
	return slices.ContainsFunc(branches, func(branch any) bool { return isNoValue(branch) || mayVanish(branch) })
}

func pickItem(index, list, unknown any) any {
	items, ok := list.([]any)
	at, err := strconv.Atoi(scalar(index))
	if !ok || err != nil || at < 0 || at >= len(items) || slices.ContainsFunc(items, mayVanish) {
		return unknown
	}
	return items[at]
}

func split(delimiter, source, unknown any) any {
	between, isText := delimiter.(string)
	text, known := source.(string)
	if !isText || !known || between == "" {
		return unknown
	}
	var items []any
	for item := range strings.SplitSeq(text, between) {
		items = append(items, item)
	}
	return items
}

// condition evaluates a condition by name: true, false, or its own words.
func (w *walk) condition(in Stack, name string) any {
	unknown := Object{"Condition": name}
	expression, ok := in.Template.Conditions[name]
	if !ok {
		return unknown
	}
	return w.once(fmt.Sprint(in.Region, in.Name, "?", name), unknown, func() any { return w.test(in, expression) })
}

// test evaluates the expression of a condition. What is not known decides nothing,
// unless the rest decides without it.
func (w *walk) test(in Stack, expression any) any {
	form, _ := expression.(Object)
	if name, ok := form["Condition"].(string); ok && len(form) == 1 {
		return brief(name, w.condition(in, name))
	}
	name, argument, _ := call(form)
	arguments, _ := argument.([]any)
	switch {
	case name == "Fn::Equals" && len(arguments) == 2:
		a, b := w.value(in, arguments[0]), w.value(in, arguments[1])
		if Known(a) && Known(b) || Equal(a, b) {
			return scalar(a) == scalar(b)
		}
		return Object{name: []any{a, b}}
	case name == "Fn::Not" && len(arguments) == 1:
		inner := w.test(in, arguments[0])
		if holds, known := inner.(bool); known {
			return !holds
		}
		return Object{name: []any{inner}}
	case (name == "Fn::And" || name == "Fn::Or") && len(arguments) > 0: // without any, neither is known
		return w.all(in, name, arguments)
	default:
		return expression
	}
}

// brief puts a digest in the place of a named condition's words where these are many:
// conditions that name others twice in each step would double them each time.
func brief(name string, result any) any {
	const most = 1000
	words := Canonical(result)
	if _, known := result.(bool); known || len(words) <= most {
		return result
	}
	sum := sha256.Sum256([]byte(words))
	return Object{"Condition": name + " " + hex.EncodeToString(sum[:])}
}

// all evaluates Fn::And, which one false decides, and Fn::Or, which one true does.
func (w *walk) all(in Stack, name string, arguments []any) any {
	decides := name == "Fn::Or"
	var open []any
	for _, argument := range arguments {
		switch result := w.test(in, argument); result {
		case decides:
			return decides
		case !decides:
		default:
			open = append(open, result)
		}
	}
	if len(open) == 0 {
		return !decides
	}
	return Object{name: open}
}
