package changes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
)

// Policies are all that the policies say about one identity, or about access to one
// resource, as documents that AWS can be asked to compare.
type Policies struct {
	Stack   string
	Subject string // such as "Role", or "Role trust"
	// Identity tells policies of a principal from those of a resource, such as a trust,
	// a key's or a bucket's.
	Identity bool
	// Before and After are JSON; Before is empty where the subject had no policy.
	Before, After string
	// Reported says that the comparison reports a wider access here itself.
	Reported bool
}

// ChangedPolicies lists the policies of head's stacks that say something else than
// those of base, and those that are new. What a template does not know stands in them
// under names that are made up: the same for the same resource on both sides.
func ChangedPolicies(base, head Set, stacks []cfn.Stack, report Report) []Policies {
	wider := map[place]bool{}
	for _, finding := range report.Findings {
		wider[place{finding.Stack, finding.Resource}] = finding.Verdict == Widens || wider[place{finding.Stack, finding.Resource}]
	}
	before, after := subjects(base), subjects(head)
	var found []Policies
	both := maps.Clone(before)
	maps.Copy(both, after)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		is := both[key]
		one := Policies{Stack: is.stack, Subject: strings.TrimPrefix(key, is.stack+"/"), Identity: is.identity}
		if now, exists := after[key]; exists {
			one.After = standIns{head, stacks}.document(now)
		} else if !slices.ContainsFunc(stacks, func(chosen cfn.Stack) bool { return chosen.Name == is.stack }) {
			continue // of a stack that is not deployed
		}
		if was, existed := before[key]; existed {
			one.Before = standIns{base, stacks}.document(was)
		}
		one.Reported = wider[place{is.stack, is.shown.id}] || slices.ContainsFunc(is.grants, func(said grant) bool { return wider[place{is.stack, said.by.id}] })
		if one.Before != one.After {
			found = append(found, one)
		}
	}
	return found
}

// standIns puts names in the place of what is only known in the account.
type standIns struct {
	set    Set
	stacks []cfn.Stack
}

// document is everything that is said about a subject. A statement's Sid is left out:
// two policies may use the same.
func (s standIns) document(about *subject) string {
	if len(about.statements) == 0 {
		return ""
	}
	statements := []any{}
	for _, statement := range about.statements {
		form, _ := s.value(s.set.stacks[about.stack], statement).(object)
		delete(form, "Sid")
		statements = append(statements, form)
	}
	return cfn.Canonical(object{"Version": "2012-10-17", "Statement": statements})
}

func (s standIns) value(in stack, value any) any {
	switch v := value.(type) {
	case []any:
		named := []any{}
		for _, item := range v {
			named = append(named, s.value(in, item))
		}
		return named
	case object:
		if cfn.IsIntrinsic(v) {
			return s.text(in, v, true)
		}
		named := object{}
		for key, inner := range v {
			named[key] = s.value(in, inner)
		}
		return named
	default:
		return value
	}
}

// text is a call's stand-in. What begins with a reference is an ARN: nothing else that
// policies compare does.
func (s standIns) text(in stack, value any, begins bool) string {
	if literal, ok := value.(string); ok {
		return literal
	}
	if parts, ok := cfn.Lookup(value, "Fn::Join", 1).([]any); ok && cfn.Lookup(value, "Fn::Join", 0) == "" {
		var written strings.Builder
		for i, part := range parts {
			written.WriteString(s.text(in, part, begins && i == 0))
		}
		return written.String()
	}
	if known, ok := (cfn.Resolver{}).Resolve(s.place(in), value).(string); ok { // a pseudo parameter
		return known
	}
	from, made := s.origin(in, value)
	if !begins {
		return made.name
	}
	return made.arn(s.place(from))
}

// place says where a stack stands, and nothing else of it.
func (s standIns) place(in stack) cfn.Stack {
	for _, one := range s.stacks {
		if one.Name == in.name {
			return cfn.Stack{Name: one.Name, Account: one.Account, Region: one.Region}
		}
	}
	return cfn.Stack{}
}

// standIn is what a reference leads to.
type standIn struct{ kind, name string }

// direct are the functions that give what they refer to, and nothing made of it.
var direct = []string{"Ref", "Fn::GetAtt", "Fn::GetStackOutput", "Fn::ImportValue"}

// origin follows a reference through the outputs of other stacks to the resource.
func (s standIns) origin(in stack, value any) (stack, standIn) {
	for range 1 + len(s.set.stacks) { // longer ways are circles
		refers := cfn.References(value)
		if !slices.ContainsFunc(direct, func(function string) bool { return cfn.Lookup(value, function) != nil }) || len(refers) == 0 {
			break
		}
		if r, here := in.resources[refers[0].Name]; here && refers[0].Stack == "" {
			name := in.name + "-" + r.id
			if attribute := refers[0].Attribute; attribute != "" && attribute != "Arn" {
				name += "-" + strings.ReplaceAll(attribute, ".", "-")
			}
			return in, standIn{r.kind, name}
		}
		inner, from, ok := outputIn(s.set, in, references(value)[0])
		if !ok {
			break
		}
		in, value = from, inner
	}
	sum := sha256.Sum256([]byte(in.name + cfn.Render(value)))
	return in, standIn{"", hex.EncodeToString(sum[:6])}
}

// services are those whose name in an ARN is not that of their types; resourcePart is
// what stands before a name where IAM looks at it.
var (
	services     = map[string]string{"MSK": "kafka", "ElasticLoadBalancingV2": "elasticloadbalancing", "ARCRegionSwitch": "arc-region-switch"}
	resourcePart = map[string]string{role: "role/", "AWS::IAM::User": "user/", "AWS::KMS::Key": "key/", "AWS::Lambda::Function": "function:", "AWS::SecretsManager::Secret": "secret:"}
)

func (s standIn) arn(in cfn.Stack) string {
	service, region, account := "unknown", in.Region, in.Account
	if parts := strings.Split(s.kind, "::"); len(parts) == 3 {
		service = strings.ToLower(parts[1])
		if other, known := services[parts[1]]; known {
			service = other
		}
	}
	switch service {
	case "s3":
		region, account = "", ""
	case "iam":
		region = ""
	}
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s%s", service, region, account, resourcePart[s.kind], s.name)
}
