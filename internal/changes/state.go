package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/schema"
)

// alsoStateful are types that hold data although CloudFormation's schemas do not
// count them among those that do; disposable is the contrary. Both follow the
// decisions in test/types_test.go, and a test there compares them.
var (
	alsoStateful = map[string]bool{
		"AWS::APS::Workspace":     true,
		"AWS::ECR::Repository":    true,
		"AWS::KMS::ReplicaKey":    true,
		"AWS::MSK::Cluster":       true,
		"AWS::MSK::Topic":         true,
		"AWS::RDS::GlobalCluster": true,
	}
	disposable = map[string]bool{
		"AWS::CertificateManager::Certificate": true,
		"AWS::SNS::Topic":                      true,
		"AWS::SQS::Queue":                      true,
	}
)

// stateful are the types that CloudFormation's committed schemas call stateful,
// read once.
var stateful = func() map[string]bool {
	types, err := schema.Committed()
	if err != nil {
		panic(err) // the extract is compiled in, and a test reads it
	}
	holding := map[string]bool{}
	for name, one := range types {
		holding[name] = one.Stateful
	}
	return holding
}()

// Stateful says whether a resource holds data, keys or credentials, or logs that
// are evidence. An instance of a database cluster holds none: they are the
// cluster's.
func Stateful(kind string, properties map[string]any) bool {
	if kind == instance {
		return properties["DBClusterIdentifier"] == nil
	}
	return alsoStateful[kind] || (stateful[kind] && !disposable[kind])
}

// holds is Stateful with the types of the full database.
func (c *comparison) holds(r resource) bool {
	known, _ := c.types.Of(r.kind)
	if r.kind != instance && known.Stateful && !disposable[r.kind] {
		return true
	}
	return Stateful(r.kind, r.properties)
}

// afterDeletion is the policy that holds when a resource goes, with
// CloudFormation's defaults filled in:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
func afterDeletion(r resource) string {
	switch {
	case r.deletion != "":
		return r.deletion
	case r.kind == "AWS::RDS::DBCluster", r.kind == instance && r.properties["DBClusterIdentifier"] == nil:
		return "Snapshot"
	default:
		return "Delete"
	}
}

// afterReplacement is the policy that holds for the old one of a replaced resource.
func afterReplacement(r resource) string {
	if r.replacement != "" {
		return r.replacement
	}
	return "Delete"
}

// survives says whether a resource under a policy is still there afterwards. The
// second one deletes only what a failed creation made.
func survives(policy string) bool { return policy == "Retain" || policy == "RetainExceptOnCreate" }

// judgeRemoved judges a resource that the template no longer has.
func (c *comparison) judgeRemoved(was stack, before resource) {
	f := finding{stack: was.name, resource: before, value: "removed"}
	policy := afterDeletion(before)
	switch {
	case survives(policy):
		f.verdict = Orphans
		f.text = "removed from the template and kept by its DeletionPolicy: nothing manages it any more, and its name may collide"
	case c.holds(before) && policy == "Snapshot":
		f.verdict = Destroys
		f.text = "removed: it is deleted, and a last snapshot of its data stays"
	case c.holds(before):
		f.verdict = Destroys
		f.text = "removed: it is deleted with everything that it holds"
	case opaque[before.kind] || (!knownKind(before.kind) && !isCustom(before.kind)):
		f.verdict, f.maybe = Destroys, true
		f.text = "removed, of a type that no rule knows: it may hold data"
	case isCustom(before.kind):
		f.verdict = Unknown
		f.text = "removed: its function is asked to delete, and what that does is not in the template"
	default:
		c.judgeRemovedByType(was, before, f)
		return
	}
	if moved := c.sameElsewhere(was, before); moved != "" && c.holds(before) {
		f.text += ". Moved? " + moved + " is new with the same type and properties, but CloudFormation makes an empty one: import it, or refactor the stacks"
	}
	c.add(f)
}

// sameElsewhere finds a new resource that is the removed one under another name.
func (c *comparison) sameElsewhere(was stack, before resource) string {
	if c.moves == nil {
		c.moves = map[string]string{}
		for _, name := range slices.Backward(c.head.Stacks()) {
			is := c.head.stacks[name]
			for _, id := range slices.Backward(slices.Sorted(maps.Keys(is.resources))) {
				if _, existed := c.base.stacks[name].resources[id]; c.new[name] || !existed {
					c.moves[identity(is.resources[id])] = name + "/" + id
				}
			}
		}
	}
	return strings.TrimPrefix(c.moves[identity(before)], was.name+"/")
}

// identity is what makes two resources the same one but for their names. Logical
// IDs of others are left out: those may have moved together.
func identity(r resource) string {
	plain := object{}
	for key, value := range r.properties {
		if key != "Tags" {
			plain[key] = anonymous(value)
		}
	}
	return r.kind + cfn.Canonical(plain)
}

func anonymous(value any) any {
	if cfn.IsIntrinsic(value) {
		return "a reference"
	}
	switch v := value.(type) {
	case object:
		plain := object{}
		for key, inner := range v {
			plain[key] = anonymous(inner)
		}
		return plain
	case []any:
		var plain []any
		for _, inner := range v {
			plain = append(plain, anonymous(inner))
		}
		return plain
	default:
		return value
	}
}

// revisions are types whose every change makes a new version beside the old one:
// replacement is their way of being updated, and it interrupts nothing.
var revisions = map[string]bool{
	"AWS::ApiGateway::Deployment": true,
	"AWS::ECS::TaskDefinition":    true,
	"AWS::Lambda::LayerVersion":   true,
	"AWS::Lambda::Version":        true,
}

// judgeReplaced judges a resource that CloudFormation makes anew.
func (c *comparison) judgeReplaced(is stack, after resource, found replacement) {
	for _, why := range found.reasons {
		f := finding{
			stack: is.name, resource: after, property: why.property, text: why.text, value: why.value,
			maybe: why.certainty == schema.Maybe, verdict: Replaces,
		}
		switch {
		case revisions[after.kind]:
			continue // a new one beside the old one: the rules say what is new in it
		case c.holds(after):
			f.verdict = Destroys
			f.text += ": " + map[string]string{
				"Retain":               "the service gets an empty one, and the data stays in the old one, which nothing manages any more",
				"RetainExceptOnCreate": "the service gets an empty one, and the data stays in the old one, which nothing manages any more",
				"Snapshot":             "the service gets an empty one, and the data stays in a last snapshot of the old one",
				"Delete":               "the old one is deleted with everything that it holds",
			}[afterReplacement(after)]
		}
		c.add(f)
	}
}

// judgePolicies finds policies that protect less than before.
func (c *comparison) judgePolicies(is stack, before, after resource) {
	for _, policy := range []struct {
		name    string
		was, to string
		event   string
	}{
		{"DeletionPolicy", afterDeletion(before), afterDeletion(after), "when it leaves the template"},
		{"UpdateReplacePolicy", afterReplacement(before), afterReplacement(after), "when it is replaced"},
	} {
		if policy.was == policy.to {
			continue
		}
		f := finding{stack: is.name, resource: after, property: policy.name, value: policy.to, verdict: Safe,
			text: fmt.Sprintf("%s changes from %s to %s", policy.name, policy.was, policy.to)}
		if strength(policy.to) < strength(policy.was) {
			f.verdict = Weakens
			f.text += fmt.Sprintf(": less of it survives %s", policy.event)
		}
		c.add(f)
	}
}

// strength orders the policies by what is left of a resource.
func strength(policy string) int {
	return map[string]int{"Delete": 0, "Snapshot": 1, "RetainExceptOnCreate": 2, "Retain": 2}[policy]
}

// judgeGoneStack judges a stack that is no longer in the app. The CDK CLI leaves
// such a stack where it is, so that it lives on without an owner; the verdict is
// what its deletion would do, because that is what follows.
func (c *comparison) judgeGoneStack(was stack) {
	f := finding{stack: was.name, verdict: Orphans, value: "removed"}
	var lost, kept []string
	for _, id := range slices.Sorted(maps.Keys(was.resources)) {
		r := was.resources[id]
		_, known := c.types.Of(r.kind)
		mayHold := c.holds(r) || (!known && !isCustom(r.kind)) || opaque[r.kind]
		switch {
		case survives(afterDeletion(r)):
			kept = append(kept, id)
		case mayHold:
			lost = append(lost, id)
		}
	}
	f.text = "no longer in the app: the stack stays where it is deployed, and nothing manages it any more"
	if is, moved := c.head.stacks[was.name]; moved {
		f.text = fmt.Sprintf("moves from %s to %s: a new stack is made there, and the old one stays where it is", was.place, is.place)
	}
	if len(lost) > 0 {
		f.verdict = Destroys
		f.text += "; deleting it destroys " + enumerate(lost)
	}
	if len(kept) > 0 {
		f.text += "; deleting it leaves behind " + enumerate(kept)
	}
	c.add(f)
}

// enumerate lists some names and counts the rest.
func enumerate(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
