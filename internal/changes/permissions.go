package changes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// subject is one identity with all that its policies say, wherever they stand, or
// one resource with all that is said about access to it. Comparing subjects and
// not policies makes a statement that moves from one policy to another no change.
type subject struct {
	stack    string
	id       string   // of the identity or of the resource; empty when it is not in the template
	shown    resource // what a finding is reported on
	identity bool
	grants   []grant
	attached []attachment

	statements []any // that the grants are of
}

// attachment is a managed policy of which only the name is known.
type attachment struct {
	policy string
	by     resource
}

// judgePermissions compares every subject of both sides.
func (c *comparison) judgePermissions() {
	before, after := subjects(c.base), subjects(c.head)
	c.noteTags(before)
	c.noteTags(after)
	for _, was := range before {
		for _, one := range withEffect(was.grants, policy.Allow) {
			if len(one.Principal.Patterns) == 1 && strings.HasPrefix(one.Principal.Patterns[0], "account ") {
				c.trusted[one.Principal.String()] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		is := after[key]
		was, existed := before[key]
		switch {
		case c.new[is.stack]:
			c.judgeNewSubject(is, resource{})
		case !existed && is.identity:
			c.judgeNewSubject(is, is.shown)
		case !existed:
			c.judgeNewAccess(is)
		default:
			c.judgeSubject(*was, *is)
		}
	}
	c.judgeGoneSubjects(before, after)
}

// noteTags notes the tags of resources by which policies allow or deny.
func (c *comparison) noteTags(all map[string]*subject) {
	for _, about := range all {
		for _, one := range about.grants {
			for _, test := range one.Conditions {
				if _, key, ok := strings.Cut(test.Key, ":resourcetag/"); ok {
					c.tags[key] = true
				}
			}
		}
	}
}

// judgeGoneSubjects finds what nobody is allowed or denied any more.
func (c *comparison) judgeGoneSubjects(before, after map[string]*subject) {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		was := before[key]
		if _, kept := after[key]; kept || c.gone[was.stack] || c.new[was.stack] {
			continue
		}
		_, exists := c.head.stacks[was.stack].resources[was.id]
		if (exists && !was.identity) || was.id == "" { // a policy that stood for itself is attached now
			c.reportGrants(was.stack, Widens, always(was.shown), withEffect(was.grants, policy.Deny), "no longer denied: ")
			c.reportGrants(was.stack, Interrupts, itself, withEffect(was.grants, policy.Allow), "no longer allowed: ")
		}
	}
}

// judgeSubject compares what was allowed and denied with what is.
func (c *comparison) judgeSubject(was, is subject) {
	allowed, denied := withEffect(is.grants, policy.Allow), withEffect(is.grants, policy.Deny)
	c.reportGrants(is.stack, Widens, itself, uncovered(allowed, withEffect(was.grants, policy.Allow)), "newly allowed: ")
	c.reportGrants(is.stack, Widens, always(is.shown), uncovered(withEffect(was.grants, policy.Deny), denied), "no longer denied: ")
	c.reportGrants(is.stack, Interrupts, itself, uncovered(withEffect(was.grants, policy.Allow), allowed), "no longer allowed: ")
	c.reportGrants(is.stack, Interrupts, itself, uncovered(denied, withEffect(was.grants, policy.Deny)), "newly denied: ")
	c.judgeAttached(is, is.attached, was.attached, Widens, "newly attached: ")
	c.judgeAttached(is, was.attached, is.attached, Interrupts, "no longer attached: ")
}

// judgeAttached reports managed policies that one side has and the other lacks.
func (c *comparison) judgeAttached(is subject, has, lacks []attachment, verdict Verdict, prefix string) {
	for _, one := range has {
		if !slices.ContainsFunc(lacks, func(other attachment) bool { return other.policy == one.policy }) {
			c.add(finding{stack: is.stack, resource: one.by, verdict: verdict, property: "ManagedPolicyArns", value: one.policy, text: prefix + one.policy, maybe: verdict == Interrupts})
		}
	}
}

// judgeNewSubject reports an identity that did not exist. It is reported however
// little it may do, because a new identity is where permissions hide; those of a
// new stack are reported on the stack, together.
func (c *comparison) judgeNewSubject(is *subject, on resource) {
	if !is.identity {
		c.reportOutside(is)
		return
	}
	prefix := "new, and allowed: "
	if on.id == "" {
		prefix = is.shown.id + " is new, and allowed: "
	}
	c.reportGrants(is.stack, Widens, always(on), withEffect(is.grants, policy.Allow), prefix)
	for _, one := range is.attached {
		c.add(finding{stack: is.stack, resource: on, verdict: Widens, property: "ManagedPolicyArns", value: is.shown.id + one.policy,
			text: strings.TrimSuffix(prefix, ", and allowed: ") + ", with the policy " + one.policy})
	}
}

// judgeNewAccess reports the first policy of a resource. Where the resource is new
// too, nobody gains access to anything that was there; only strangers count.
func (c *comparison) judgeNewAccess(is *subject) {
	_, existed := c.base.stacks[is.stack].resources[is.id]
	if is.id != "" && !existed {
		c.reportOutside(is)
		return
	}
	c.reportGrants(is.stack, Widens, itself, withEffect(is.grants, policy.Allow), "newly allowed: ")
}

// reportOutside reports what strangers may do with something new.
func (c *comparison) reportOutside(is *subject) {
	own, _, _ := strings.Cut(c.head.stacks[is.stack].place, "/")
	strangers := slices.DeleteFunc(withEffect(is.grants, policy.Allow), func(one grant) bool {
		return !one.outside(own) || (own == "" && c.trusted[one.Principal.String()])
	})
	c.reportGrants(is.stack, Widens, itself, strangers, "new, and open to others: ")
}

func withEffect(grants []grant, effect string) []grant {
	var found []grant
	for _, one := range grants {
		if one.Effect == effect {
			found = append(found, one)
		}
	}
	return found
}

// reportGrants reports grants, those of one sentence together, each on a resource.
// Whether anybody needs what is taken away, no template says.
func (c *comparison) reportGrants(in string, verdict Verdict, on func(grant) resource, grants []grant, prefix string) {
	var order []string
	sentences := map[string][]grant{}
	for _, one := range grants {
		key := fmt.Sprint(one.by.id, " ", one.property, " ", one.Sentence, " ", one.Principal)
		if sentences[key] == nil {
			order = append(order, key)
		}
		sentences[key] = append(sentences[key], one)
	}
	for _, key := range order {
		sentence := sentences[key]
		c.narrowed[place{in, sentence[0].by.id}] = c.narrowed[place{in, sentence[0].by.id}] || verdict == Interrupts
		c.add(finding{
			stack: in, resource: on(sentence[0]), verdict: verdict, property: sentence[0].property, maybe: verdict == Interrupts,
			text: prefix + summary(sentence),
		})
	}
}

// itself reports a grant on the resource that says it; always on one and the same.
func itself(one grant) resource                  { return one.by }
func always(shown resource) func(grant) resource { return func(grant) resource { return shown } }

// summary says what grants with one principal and one set of conditions allow.
func summary(grants []grant) string {
	var actions, resources []string
	for _, one := range grants {
		actions = appendNew(actions, one.Action.String())
		resources = appendNew(resources, one.Resource.String())
	}
	said := strings.Join(actions, ", ") + " on " + strings.Join(resources, ", ")
	if who := grants[0].Principal.String(); who != "itself" {
		said += " for " + who
	}
	if limits := describe(grants[0].Conditions); limits != "" {
		said += " if " + limits
	}
	return said
}

func appendNew[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func describe(conditions []policy.Condition) string {
	var tests []string
	for _, test := range conditions {
		tests = append(tests, test.String())
	}
	return strings.Join(tests, " and ")
}

// inAccount finds the account in an ARN.
var inAccount = regexp.MustCompile(`^AWS arn:[^:]+:(?:iam|sts)::(\d{12}):`)

// narrowing are the conditions that tie a request to an account or a resource.
var narrowing = []string{
	"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:principalaccount", "aws:principalarn", "aws:principalorgid",
	"aws:sourcevpc", "aws:sourcevpce", "kms:calleraccount",
}

// outside says whether a grant of a resource reaches beyond the account.
func (g grant) outside(own string) bool {
	if g.Principal.Not {
		return true
	}
	who := g.Principal.Patterns[0]
	if other, ok := strings.CutPrefix(who, "account "); ok {
		return other != own && other != "${AWS::AccountId}"
	}
	if match := inAccount.FindStringSubmatch(who); match != nil {
		return match[1] != own
	}
	if who == "*" {
		return !slices.ContainsFunc(g.Conditions, func(test policy.Condition) bool { return slices.Contains(narrowing, test.Key) })
	}
	return strings.HasPrefix(who, "Federated ") || strings.HasPrefix(who, "CanonicalUser ")
}

// subjects reads every identity and every resource with a policy of a set.
func subjects(set Set) map[string]*subject {
	found := map[string]*subject{}
	for _, name := range set.Stacks() {
		in := set.stacks[name]
		collector := collector{in: in, found: found}
		for _, id := range slices.Sorted(maps.Keys(in.resources)) {
			collector.read(in.resources[id])
		}
	}
	return found
}

// collector puts the policies of one stack to their subjects.
type collector struct {
	in    stack
	found map[string]*subject
}

// of returns the subject of a key, new or known.
func (s collector) of(key, id string, shown resource, identity bool) *subject {
	key = s.in.name + "/" + key
	if s.found[key] == nil {
		s.found[key] = &subject{stack: s.in.name, id: id, shown: shown, identity: identity}
	}
	return s.found[key]
}

// Types whose policy is about another resource, and the property that names it.
var policyTargets = map[string]string{
	"AWS::Lambda::Permission":             "FunctionName",
	"AWS::MSK::ClusterPolicy":             "ClusterArn",
	"AWS::S3::BucketPolicy":               "Bucket",
	"AWS::SNS::TopicInlinePolicy":         "TopicArn",
	"AWS::SNS::TopicPolicy":               "Topics",
	"AWS::SQS::QueueInlinePolicy":         "Queue",
	"AWS::SQS::QueuePolicy":               "Queues",
	"AWS::SecretsManager::ResourcePolicy": "SecretId",
}

// read puts the policies of one resource to their subjects.
func (s collector) read(r resource) {
	switch r.kind {
	case role, "AWS::IAM::User", "AWS::IAM::Group":
		s.readIdentity(r)
	case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy":
		s.readPolicy(r)
	case "AWS::Lambda::Permission":
		s.readTargets(r, "", []any{policy.OfPermission(r.properties)})
	default:
		for _, property := range slices.Sorted(maps.Keys(r.properties)) {
			if statements := policy.Statements(r.properties[property]); len(policy.Grants(statements)) > 0 {
				s.readTargets(r, property, statements)
			}
		}
	}
}

// readIdentity reads a role with its inline policies, its managed ones and whom it
// trusts.
func (s collector) readIdentity(r resource) {
	one := s.of(r.id, r.id, r, true)
	one.shown, one.identity, one.id = r, true, r.id
	for i, inline := range cfn.List(r.properties["Policies"]) {
		one.say(r, fmt.Sprintf("Policies.%d", i), policy.Statements(at(inline, "PolicyDocument")))
	}
	for _, managed := range cfn.List(r.properties["ManagedPolicyArns"]) {
		if own := s.in.resources[ref(managed)]; own.kind == "AWS::IAM::ManagedPolicy" {
			one.say(own, "PolicyDocument", policy.Statements(own.properties["PolicyDocument"]))
			continue
		}
		one.attached = append(one.attached, attachment{policy: cfn.Render(managed), by: r})
	}
	if trust := policy.Statements(r.properties["AssumeRolePolicyDocument"]); len(trust) > 0 {
		s.of(r.id+" trust", r.id, r, false).say(r, "AssumeRolePolicyDocument", trust)
	}
}

// readPolicy gives a policy's sentences to the identities that it is attached to.
// A managed policy that only a role's list names was read with the role; one that
// nobody names stands for itself, because somebody may attach it.
func (s collector) readPolicy(r resource) {
	statements := policy.Statements(r.properties["PolicyDocument"])
	var holders []any
	for _, property := range []string{"Roles", "Users", "Groups", "RoleName", "UserName", "GroupName"} {
		holders = append(holders, cfn.List(r.properties[property])...)
	}
	for _, holder := range holders {
		id := ref(holder)
		if held, own := s.in.resources[id]; own {
			s.of(id, id, held, true).say(r, "PolicyDocument", statements)
		} else {
			s.of("identity "+cfn.Render(holder), "", r, true).say(r, "PolicyDocument", statements)
		}
	}
	if len(holders) == 0 && !s.named(r.id) {
		s.of(r.id, r.id, r, true).say(r, "PolicyDocument", statements)
	}
}

// named says whether an identity of the stack lists a managed policy.
func (s collector) named(id string) bool {
	for _, r := range s.in.resources {
		for _, policy := range cfn.List(r.properties["ManagedPolicyArns"]) {
			if ref(policy) == id {
				return true
			}
		}
	}
	return false
}

// readTargets gives sentences to the resources that they are about.
func (s collector) readTargets(r resource, property string, statements []any) {
	named := cfn.List(r.properties[policyTargets[r.kind]])
	if policyTargets[r.kind] == "" || len(named) == 0 {
		s.of(r.id+" "+property, r.id, r, false).say(r, property, statements)
		return
	}
	for _, target := range named {
		id := own(s.in, target)
		key := id
		if id == "" {
			key = cfn.Render(target)
		}
		one := s.of("access to "+key, id, r, false)
		if exists, ok := s.in.resources[id]; ok {
			one.shown = exists
		}
		one.say(r, property, statements)
	}
}
