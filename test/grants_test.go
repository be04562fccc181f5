package test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// eachGrant visits every sentence of every policy: of the environments, of the app
// that says whom the accounts trust, and of production while a replicator runs.
func eachGrant(t *testing.T, check func(t *testing.T, h policyHolder, g policy.Grant)) {
	t.Helper()
	for _, stack := range everyTemplate(t) {
		t.Run(stack.name, func(t *testing.T) {
			for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
				for _, h := range policiesOf(stack, id) {
					for _, g := range h.grants() {
						check(t, h, g)
					}
				}
			}
		})
	}
}

// everyTemplate are the templates of everything that is ever deployed.
func everyTemplate(t *testing.T) []template {
	t.Helper()
	all := slices.Clone(trust(t))
	for _, name := range slices.Sorted(maps.Keys(platform(t))) {
		all = append(all, platform(t)[name].sorted()...)
	}
	for _, stack := range altered(t, replicating()).sorted() {
		stack.name += " with a replicator"
		all = append(all, stack)
	}
	return all
}

// assumeRole is the property that says who may take a role.
const assumeRole = "AssumeRolePolicyDocument"

// policyHolder is the resource of a template that holds a policy, and in which property.
type policyHolder struct {
	stack    template
	id       string
	resource resource
	property string
	document any
}

// grants are the sentences of the policy.
func (h policyHolder) grants() []policy.Grant {
	if h.resource.Type == "AWS::Lambda::Permission" {
		properties, _ := cfn.Normalize(h.resource.Properties).(map[string]any)
		return policy.Statement(policy.OfPermission(properties))
	}
	return policy.Read(h.document)
}

// String names the policy for a reader.
func (h policyHolder) String() string {
	return fmt.Sprintf("%s %s (%s) %s", h.stack.name, h.id, h.resource.Type, h.property)
}

// wholeReference finds what a template knows only by its name: "${Queue.Arn}" or, of
// another stack, "${stack.Output}".
var wholeReference = regexp.MustCompile(`^\$\{([A-Za-z0-9]+)(\.[A-Za-z]+)?\}`)

// arn is the ARN of a resource in a policy, with * for what a template cannot know.
func (h policyHolder) arn(target string) string {
	match := wholeReference.FindStringSubmatch(target)
	if match == nil {
		return variable.ReplaceAllString(target, "*")
	}
	kind := strings.Split(h.stack.Resources[match[1]].Type, "::")
	if len(kind) < 3 || inARN[kind[1]] == "" {
		return variable.ReplaceAllString(target, "arn:*")
	}
	return "arn:*:" + inARN[kind[1]] + ":*" + variable.ReplaceAllString(strings.TrimPrefix(target, match[0]), "*")
}

// policiesOf are the properties of a resource that hold a policy, at any depth.
func policiesOf(stack template, id string) []policyHolder {
	var found []policyHolder
	r := stack.Resources[id]
	if r.Type == "AWS::Lambda::Permission" {
		return []policyHolder{{stack: stack, id: id, resource: r}}
	}
	for _, property := range slices.Sorted(maps.Keys(r.Properties)) {
		found = append(found, policiesIn(policyHolder{stack: stack, id: id, resource: r, property: property}, r.Properties[property])...)
	}
	return found
}

func policiesIn(h policyHolder, value any) []policyHolder {
	if policy.Read(value) != nil {
		h.document = value
		return []policyHolder{h}
	}
	var found []policyHolder
	switch form := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(form)) {
			inside := h
			inside.property += "." + key
			found = append(found, policiesIn(inside, form[key])...)
		}
	case []any:
		for i, item := range form {
			inside := h
			inside.property += fmt.Sprint(".", i)
			found = append(found, policiesIn(inside, item)...)
		}
	}
	return found
}
