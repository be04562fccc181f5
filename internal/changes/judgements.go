package changes

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// Directions that only one kind of value has. Each says what is certain: what it
// cannot read, it does not confirm, and no rule calls safe what is not confirmed.

// smaller says that both sides are numbers and the second one is smaller.
func smaller(c change) bool { return larger(change{before: c.after, after: c.before}) }

// sameRepository says that an image is another tag or digest of the repository
// that it came from, or, where there was none, of one in the templates.
func sameRepository(c change) bool {
	was, _, _ := taggedImage(c.before)
	is, tag, ok := taggedImage(c.after)
	if c.before == nil {
		return ok && cfn.IsIntrinsic(c.after) && tag != ""
	}
	return ok && was == is
}

// assetsBucket is what CDK's bootstrap calls the bucket of an account's assets in a
// region: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
var assetsBucket = regexp.MustCompile(`^cdk-[a-z0-9]{1,10}-assets-([0-9]{12})-([a-z0-9-]+)$`)

// bucketOfAssets says that a bucket is that of the stack's own account and region, as
// far as the stack's are known.
func bucketOfAssets(c change) bool {
	match := assetsBucket.FindStringSubmatch(cfn.Render(c.after))
	return match != nil && (c.in.place == "" || c.in.place == match[1]+"/"+match[2])
}

var imageTag = regexp.MustCompile(`^(.*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]*)|@(sha256:[0-9a-f]{64}))$`)

// taggedImage takes the name of an image apart.
func taggedImage(image any) (repository, tag string, ok bool) {
	match := imageTag.FindStringSubmatch(cfn.Render(image))
	if match == nil {
		return "", "", false
	}
	return match[1], match[2] + match[3], true
}

var (
	// ownName begins the names of variables that only the application reads, and none
	// of the runtimes and libraries in it.
	ownName    = regexp.MustCompile(`^(WALLET|FEATURE)_[A-Z0-9_]+$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_., -]*$`)
)

// ownVariable says that a variable is the application's own and that its value can
// hold no address, option or path.
func ownVariable(c change) bool {
	plain := func(value any) bool {
		literal, ok := value.(string)
		return value == nil || (ok && plainValue.MatchString(literal))
	}
	return ownName.MatchString(c.path[len(c.path)-1]) && plain(c.before) && plain(c.after) && c.after != nil
}

// ownResource says that a value refers to a resource of its own stack.
func ownResource(c change) bool { return own(c.in, c.after) != "" }

// outlastsQueue says that a function may work on a message for longer than its queue
// hides it from others: 30 seconds, where the queue does not say.
func outlastsQueue(c change) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(c.in.resources)), func(r resource) bool {
		queue := c.in.resources[own(c.in, r.properties["EventSourceArn"])]
		hidden := cmp.Or(text(queue.properties, "VisibilityTimeout"), "30")
		return queue.kind == "AWS::SQS::Queue" && own(c.in, r.properties["FunctionName"]) == c.is.id && larger(change{before: hidden, after: c.after})
	})
}

// stopsFirst says that a service's deployment takes tasks away before it has new
// ones. Blue/green, canary and linear deployments never do.
func stopsFirst(c change) bool {
	strategy := text(c.is.properties, "DeploymentConfiguration.Strategy")
	if strategy != "" && strategy != "ROLLING" {
		return false
	}
	percent := at(c.is.properties, "DeploymentConfiguration.MinimumHealthyPercent")
	if percent == nil {
		return false // 100
	}
	number, err := strconv.Atoi(cfn.Canonical(percent))
	return err != nil || number < 100
}

// forwards says whether one of a listener's or rule's actions sends requests to
// targets. What cannot be read may.
func forwards(property string) func(change) bool {
	return func(c change) bool {
		return slices.ContainsFunc(slices.Concat(cfn.List(c.was.properties[property]), cfn.List(c.is.properties[property])),
			func(action any) bool { return cfn.IsIntrinsic(action) || text(action, "Type") == "forward" })
	}
}

// conditionsLoosen finds a listener rule that answers what it did not answer: a
// condition is gone, or one of its values matches more.
func conditionsLoosen(c change) bool {
	if cfn.IsIntrinsic(c.after) || cfn.IsIntrinsic(c.before) {
		return true
	}
	is := items(cfn.List(c.after), "Field", false)
	for field, condition := range items(cfn.List(c.before), "Field", false) {
		if is[field] == nil {
			return true
		}
		was := conditionValues(condition)
		if slices.ContainsFunc(conditionValues(is[field]), func(value string) bool {
			return !slices.ContainsFunc(was, func(old string) bool { return policy.Matches(old, value) })
		}) {
			return true
		}
	}
	return false
}

// conditionValues lists the values of a listener rule's condition, whatever its field.
func conditionValues(condition any) []string {
	var found []string
	for _, config := range []string{"Values", "PathPatternConfig.Values", "HostHeaderConfig.Values", "HttpHeaderConfig.Values",
		"HttpRequestMethodConfig.Values", "QueryStringConfig.Values", "SourceIpConfig.Values", "PathPatternConfig.RegexValues", "HostHeaderConfig.RegexValues"} {
		for _, value := range cfn.List(at(condition, config)) {
			found = append(found, cfn.Canonical(value))
		}
	}
	return found
}

// firewallRules pairs the rules of a firewall by their names.
func firewallRules(c change) (was, is object) {
	return items(cfn.List(c.before), "Name", false), items(cfn.List(c.after), "Name", false)
}

// filtersLess finds rules of a firewall that are gone or changed, unless they are
// only stricter, and new ones that let requests pass, which no later rule sees.
func filtersLess(c change) bool {
	was, is := firewallRules(c)
	for name, before := range was {
		if is[name] == nil || (!same(before, is[name]) && !onlyStricter(before, is[name])) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Collect(maps.Keys(is)), func(name string) bool { return was[name] == nil && at(is[name], "Action.Allow") != nil })
}

// stopsMore finds rules that stop requests and are new, or stricter than before.
func stopsMore(c change) bool {
	was, is := firewallRules(c)
	for name, after := range is {
		if !same(was[name], after) && !counts(after) {
			return true
		}
	}
	return false
}

// onlyCountsMore says that the rules are those of before, and others that count.
func onlyCountsMore(c change) bool {
	return !loses(c) && !filtersLess(c) && !stopsMore(c)
}

func counts(rule any) bool {
	return at(rule, "Action.Count") != nil || at(rule, "OverrideAction.Count") != nil
}

// onlyStricter says that a rule stops where it counted, or at a lower rate, and is
// the same otherwise.
func onlyStricter(before, after any) bool {
	const rate = "RateBasedStatement"
	stops := at(after, "Action.Block") != nil || at(after, "OverrideAction.None") != nil
	limit := func(rule any) any { return at(rule, "Statement."+rate+".Limit") }
	if (!stops && !counts(after)) || (counts(after) && !counts(before)) {
		return false
	}
	if !same(limit(before), limit(after)) && !smaller(change{before: limit(before), after: limit(after)}) {
		return false
	}
	plain := func(rule any) object {
		found := maps.Clone(plainObject(rule))
		delete(found, "Action")
		delete(found, "OverrideAction")
		if statement, ok := at(rule, "Statement."+rate).(object); ok {
			statement = maps.Clone(statement)
			delete(statement, "Limit")
			found["Statement"] = object{rate: statement}
		}
		return found
	}
	return same(plain(before), plain(after))
}

// accessGrows compares the access strings of a cache user. Rules that only take
// away, and a user that is switched off, are narrower; anything else counts as
// wider, because the order of the rules has a meaning.
func accessGrows(c change) bool {
	was, is := strings.Fields(cfn.Canonical(c.before)), strings.Fields(cfn.Canonical(c.after))
	if slices.Contains(is, "off") {
		return false
	}
	if len(is) < len(was) || !slices.Equal(was, is[:len(was)]) {
		return true
	}
	return slices.ContainsFunc(is[len(was):], func(rule string) bool { return !strings.HasPrefix(rule, "-") })
}

// grantsGrow compares the grants of our Kafka function: one for each resource,
// pattern and operation.
func grantsGrow(c change) bool   { return hasMore(operations(c.before), operations(c.after)) }
func grantsShrink(c change) bool { return hasMore(operations(c.after), operations(c.before)) }

func operations(grants any) any {
	if cfn.IsIntrinsic(grants) {
		return grants
	}
	var found []any
	for _, grant := range cfn.List(grants) {
		for _, operation := range cfn.List(at(grant, "Operations")) {
			found = append(found, strings.Join([]string{text(grant, "Resource"), text(grant, "Pattern"), text(grant, "Name"), cfn.Canonical(operation)}, " "))
		}
	}
	return found
}

// keepsLonger compares a retention of Kafka, where -1 is for ever.
func keepsLonger(c change) bool {
	return c.before != nil && (cfn.Canonical(c.after) == "-1" || (larger(c) && cfn.Canonical(c.before) != "-1"))
}

// logsLonger compares the retention of a log group, where nothing is for ever.
func logsLonger(c change) bool { return c.after == nil || larger(c) }

// alarmsSooner says that a threshold moved towards what is normal.
func alarmsSooner(c change) bool {
	switch operator := text(c.is.properties, "ComparisonOperator"); {
	case strings.HasPrefix(operator, "Greater"):
		return smaller(c)
	case strings.HasPrefix(operator, "LessThan") && !strings.Contains(operator, "OrGreater"):
		return larger(c)
	}
	return false
}

// keepsPrometheusRules says that every rule of before is still there, in its group
// and with all that it says.
func keepsPrometheusRules(c change) bool {
	was, known := prometheusRules(c.before)
	is, readable := prometheusRules(c.after)
	return known && readable && !hasMore(is, was)
}

func prometheusRules(value any) (any, bool) {
	content, ok := value.(string)
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	if !ok || yaml.Unmarshal([]byte(content), &file) != nil {
		return nil, false
	}
	var found []any
	for _, group := range file.Groups {
		inGroup, _ := group["rules"].([]any)
		settings := maps.Clone(group)
		delete(settings, "rules")
		for _, one := range inGroup {
			found = append(found, cfn.Normalize(cfn.Object{"group": settings, "rule": one}))
		}
	}
	return found, len(found) > 0
}

// growsInside and growsOutside say whether what a list gained is in the templates.
func growsInside(c change) bool { return gains(c) && !growsOutside(c) }
func growsOutside(c change) bool {
	return slices.ContainsFunc(cfn.List(c.after), func(item any) bool { return hasMore(c.before, item) && len(references(item)) == 0 })
}

// comesWithCopies says of a new backup rule that it copies what it backs up.
func comesWithCopies(c change) bool { return c.before == nil && at(c.after, "CopyActions") != nil }

// readsAsPolicy says that both sides are policies that can be taken apart, or that
// there was none or is none, and that only their statements differ.
func readsAsPolicy(c change) bool {
	frame := func(document any) object {
		plain := maps.Clone(plainObject(cfn.Document(document)))
		delete(plain, "Statement")
		return plain
	}
	reads := func(document any) bool { return document == nil || policyReads(document) }
	return reads(c.before) && reads(c.after) && (c.before == nil || c.after == nil || same(frame(c.before), frame(c.after)))
}

func readsAsPolicies(c change) bool {
	was, is := items(cfn.List(c.before), "PolicyName", false), items(cfn.List(c.after), "PolicyName", false)
	for _, name := range slices.Collect(concat(maps.Keys(was), maps.Keys(is))) {
		if (is[name] != nil && text(is[name], "PolicyName") == "") || !readsAsPolicy(change{before: at(was[name], "PolicyDocument"), after: at(is[name], "PolicyDocument")}) {
			return false
		}
	}
	return !cfn.IsIntrinsic(c.before) && !cfn.IsIntrinsic(c.after)
}

// policyReads says that a document has statements, and in them nothing but what
// package policy compares.
func policyReads(document any) bool {
	known := []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	statements := plainObject(cfn.Document(document))["Statement"]
	return statements != nil && !slices.ContainsFunc(cfn.List(statements), func(statement any) bool {
		effect := text(statement, "Effect")
		return (effect != policy.Allow && effect != policy.Deny) ||
			slices.ContainsFunc(slices.Collect(maps.Keys(plainObject(statement))), func(key string) bool { return !slices.Contains(known, key) })
	})
}

func isNumber(c change) bool {
	_, err := strconv.Atoi(cfn.Canonical(c.after))
	return err == nil
}

func isNetwork(c change) bool {
	_, err := policy.ParsePrefix(cfn.Canonical(c.after))
	return err == nil
}

// readsAsGroupRules says that the rules of a security group hold nothing but what is
// compared.
func readsAsGroupRules(c change) bool {
	known := append([]string{"IpProtocol", "FromPort", "ToPort", "Description"}, peers...)
	return !slices.ContainsFunc(cfn.List(c.after), func(one any) bool {
		unread := func(key string) bool {
			ports := key == "FromPort" || key == "ToPort"
			return !slices.Contains(known, key) || (ports && !isNumber(change{after: at(one, key)}))
		}
		return plainObject(one) == nil || text(one, "IpProtocol") == "" || slices.ContainsFunc(slices.Collect(maps.Keys(plainObject(one))), unread)
	})
}

// expiring are the settings of a bucket's lifecycle that delete, by days.
var expiring = []string{
	"ExpirationInDays", "NoncurrentVersionExpiration.NoncurrentDays", "NoncurrentVersionExpiration.NewerNoncurrentVersions",
	"NoncurrentVersionExpirationInDays", "AbortIncompleteMultipartUpload.DaysAfterInitiation",
}

// keepsObjectsLonger says that every rule of a bucket's lifecycle was there, is the
// same but for days, and has no fewer of them.
func keepsObjectsLonger(c change) bool {
	if cfn.IsIntrinsic(c.before) || cfn.IsIntrinsic(c.after) {
		return false
	}
	was := items(cfn.List(at(c.before, "Rules")), "Id", false)
	for id, after := range items(cfn.List(at(c.after, "Rules")), "Id", false) {
		before := was[id]
		if before == nil || !same(withoutDays(before), withoutDays(after)) {
			return false
		}
		for _, days := range expiring {
			if to := at(after, days); (to != nil || days != "ExpirationInDays") && !same(at(before, days), to) && !larger(change{before: at(before, days), after: to}) {
				return false
			}
		}
	}
	return true
}

func expiresSooner(c change) bool { return !keepsObjectsLonger(c) }

// withoutDays copies a rule of a lifecycle without the numbers of days.
func withoutDays(rule any) object {
	plain := maps.Clone(plainObject(rule))
	for _, days := range expiring {
		name, inner, nested := strings.Cut(days, ".")
		if !nested {
			delete(plain, name)
			continue
		}
		if within, ok := plain[name].(object); ok {
			within = maps.Clone(within)
			delete(within, inner)
			plain[name] = within
		}
	}
	return plain
}
