package test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// right is one thing that a role's task needs, or that a resource's user does with
// it, as AWS documents it.
type right struct {
	without string // what happens where it is missing
	who     string // who takes the role or uses the resource; nothing where a role acts
	actions string // separated by spaces
	// on are the resources, separated by spaces; nothing where the policy stands on the
	// resource. Words in capitals stand for what differs between places, see [place.fill].
	on string
	// when are the conditions, each "operator|key|value|value".
	when    []string
	deny    bool             // the policy refuses it
	applies func(place) bool // nothing where the right is the same everywhere
	source  string           // the page of AWS's documentation that asks for it
}

// attached stands for the action of a policy of AWS's own that a role carries.
const attached = "attached"

// place is where a role or a policy stands.
type place struct {
	env   config.Environment
	all   environment // the environment's stacks; none for the app of identity
	stack template
	id    string
}

func (p place) String() string { return p.stack.name + " " + p.id }

// other is the region that is not the stack's.
func (p place) other() string {
	if p.stack.region == p.env.Primary.Name {
		return p.env.Secondary.Name
	}
	return p.env.Primary.Name
}

// fill puts the place's own names for the words in capitals.
func (p place) fill(text string) string {
	github := p.env.Site.GitHub
	return strings.NewReplacer("ACCOUNT", p.env.Site.Account, "REGION", p.stack.region, "OTHER", p.other(),
		"FIRST", p.env.Primary.Name, "SECOND", p.env.Secondary.Name, "ENV", p.env.Name, "ZONE", p.env.Site.HostedZone.ID,
		"PLATFORM", github.Platform.Subject(""), "WALLET", github.Service.Subject(""), "BRANCH", github.Branch, "KAFKA", p.env.Site.KafkaSource.ARN, "EXEC", strconv.FormatBool(p.env.Service.Exec),
	).Replace(text)
}

// grants are the sentences that say a right.
func (p place) grants(one right) []policy.Grant {
	effect, resources := policy.Allow, strings.Fields(p.fill(one.on))
	if one.deny {
		effect = policy.Deny
	}
	if len(resources) == 0 {
		resources = []string{policy.Itself}
	}
	who := policy.Itself
	if one.who != "" {
		who = p.fill(one.who)
	}
	var conditions []policy.Condition
	for _, test := range one.when {
		parts := strings.Split(p.fill(test), "|")
		values := slices.Sorted(slices.Values(parts[2:]))
		conditions = append(conditions, policy.Condition{Operator: parts[0], Key: strings.ToLower(parts[1]), Values: values})
	}
	term := func(pattern string) policy.Term { return policy.Term{Patterns: []string{pattern}} }
	var found []policy.Grant
	for _, action := range strings.Fields(one.actions) {
		for _, resource := range resources {
			found = append(found, policy.Grant{Effect: effect, Principal: term(who), Action: term(action), Resource: term(resource), Conditions: conditions})
		}
	}
	return found
}

// The names that CDK makes of construct paths, and of what one stack takes from
// another.
var (
	hashed     = regexp.MustCompile(`\$\{([A-Za-z0-9]+?)[0-9A-F]{8}(\.[A-Za-z]+)?\}`)
	fromOutput = regexp.MustCompile(`\$\{([a-z0-9-]+)\.([A-Za-z0-9]+)(?:@[a-z0-9-]+)?\}`)
	hash       = regexp.MustCompile(`[0-9A-F]{8}$`)
)

// name writes what a template refers to by the construct's path, and where it is
// another stack's, behind that stack's name: "${data:DatabaseKey.Arn}".
func (p place) name(text string) string {
	text = strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", p.env.Site.Account, "${AWS::Region}", p.stack.region).Replace(text)
	text = fromOutput.ReplaceAllStringFunc(text, func(whole string) string {
		parts := fromOutput.FindStringSubmatch(whole)
		short := strings.TrimPrefix(parts[1], p.env.Names().StackName(""))
		value := p.all.stacks[short].Outputs[parts[2]].Value
		if value == nil {
			return whole
		}
		written := hashed.ReplaceAllString(cfn.Render(cfn.Normalize(value)), "$${$1$2}")
		return strings.Replace(written, "${", "${"+short+":", 1)
	})
	return hashed.ReplaceAllString(text, "$${$1$2}")
}

// named writes the sentences of a policy with the names of constructs.
func (p place) named(grants []policy.Grant) []policy.Grant {
	plain := func(texts []string) []string {
		var written []string
		for _, text := range texts {
			written = append(written, p.name(text))
		}
		return written
	}
	var found []policy.Grant
	for _, g := range grants {
		g.Principal.Patterns, g.Resource.Patterns = plain(g.Principal.Patterns), plain(g.Resource.Patterns)
		g.Conditions = slices.Clone(g.Conditions)
		for i := range g.Conditions {
			g.Conditions[i].Values = plain(g.Conditions[i].Values)
		}
		found = append(found, g)
	}
	return found
}

// everyPlace visits the resources of every template, each in its place.
func everyPlace(t *testing.T, visit func(p place, r resource)) {
	t.Helper()
	environments := slices.Collect(maps.Values(platform(t)))
	running := altered(t, replicating())
	running.stacks = maps.Clone(running.stacks)
	for short, stack := range running.stacks {
		stack.name += " with a replicator"
		running.stacks[short] = stack
	}
	for _, env := range append(environments, running) {
		for _, stack := range env.sorted() {
			for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
				visit(place{env: env.Environment, all: env, stack: stack, id: id}, stack.Resources[id])
			}
		}
	}
	for _, stack := range trust(t) {
		for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
			at := place{stack: stack, id: id}
			for _, env := range config.All() {
				if strings.HasPrefix(id, "Identity"+env.Name) || at.env.Name == "" && env.Site.Account == stack.account {
					at.env = env
				}
			}
			visit(at, stack.Resources[id])
		}
	}
}

// has is what a role may do, or what may be done with a resource, in one place.
type has struct {
	place
	grants []policy.Grant
}

// rolesByName are what the roles of every template may do and who takes them, by
// the path of their constructs.
func rolesByName(t *testing.T) map[string][]has {
	t.Helper()
	found := map[string][]has{}
	everyPlace(t, func(p place, r resource) {
		if r.Type != "AWS::IAM::Role" {
			return
		}
		key := strings.Replace(hash.ReplaceAllString(p.id, ""), "Identity"+p.env.Name, "Identity", 1)
		found[key] = append(found[key], has{p, p.named(p.roleGrants(r))})
	})
	return found
}

// roleGrants are a role's trust and all that its policies say, wherever they stand.
func (p place) roleGrants(r resource) []policy.Grant {
	grants := policy.Read(r.Properties[assumeRole])
	for _, inline := range cfn.List(r.Properties["Policies"]) {
		grants = append(grants, policy.Read(at(inline, "PolicyDocument"))...)
	}
	for _, managed := range cfn.List(r.Properties["ManagedPolicyArns"]) {
		id, _ := at(managed, "Ref").(string)
		if own, here := p.stack.Resources[id]; here {
			grants = append(grants, policy.Read(own.Properties["PolicyDocument"])...)
			continue
		}
		itself := policy.Term{Patterns: []string{policy.Itself}}
		grants = append(grants, policy.Grant{
			Effect: policy.Allow, Principal: itself, Action: policy.Term{Patterns: []string{attached}},
			Resource: policy.Term{Patterns: []string{cfn.Render(cfn.Normalize(managed))}},
		})
	}
	for _, other := range p.stack.Resources {
		if !strings.HasPrefix(other.Type, "AWS::IAM::") {
			continue
		}
		for _, holder := range append(cfn.List(other.Properties["Roles"]), cfn.List(other.Properties["RoleName"])...) {
			if at(holder, "Ref") == p.id || (holder == r.Properties["RoleName"] && other.Type != "AWS::IAM::Role") {
				grants = append(grants, policy.Read(other.Properties["PolicyDocument"])...)
			}
		}
	}
	return grants
}

// compare holds what is there against the table: each right that is missing fails
// a test that says what happens, and what is there beyond them fails one more.
func compare(t *testing.T, table map[string][]right, found map[string][]has) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		for _, one := range table[name] {
			t.Run(name+": "+one.without, func(t *testing.T) {
				assert.NotEmpty(t, one.source, "say where AWS asks for it")
				needed := 0
				for _, h := range found[name] {
					if one.applies != nil && !one.applies(h.place) {
						continue
					}
					needed++
					for _, g := range h.place.grants(one) {
						covered := slices.ContainsFunc(h.grants, func(is policy.Grant) bool { return is.Covers(g) })
						assert.Truef(t, covered, "%s: %s", h.place, written(g))
					}
				}
				assert.NotZero(t, needed, "nothing of this name needs it any more: remove the row")
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t.Run(name+" may do nothing more", func(t *testing.T) {
			_, known := table[name]
			assert.True(t, known, "it has no row: say what it needs, by AWS's documentation")
			for _, h := range found[name] {
				h.assertNothingMore(t, table[name])
			}
		})
	}
}

// assertNothingMore fails for each sentence that no right asks for, and for a
// refusal that the table does not know.
func (h has) assertNothingMore(t *testing.T, rights []right) {
	t.Helper()
	var needed []policy.Grant
	for _, one := range rights {
		if one.applies == nil || one.applies(h.place) {
			needed = append(needed, h.place.grants(one)...)
		}
	}
	for _, g := range h.grants {
		covered := slices.ContainsFunc(needed, func(want policy.Grant) bool { return want.Covers(g) })
		assert.Truef(t, covered, "%s: %s", h.place, written(g))
	}
}

// written is a sentence of a policy for a reader.
func written(g policy.Grant) string {
	text := fmt.Sprintf("%s %s to %s on %s", g.Effect, g.Principal, g.Action, g.Resource)
	for _, test := range g.Conditions {
		text += fmt.Sprintf(" if %s", test)
	}
	return text
}
