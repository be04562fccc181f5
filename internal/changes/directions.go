package changes

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// index lists objects by the value of one of their keys; what has none, or is no
// literal, stands under its whole text.
func index(value any, key string) map[string]any {
	found := map[string]any{}
	for _, item := range cfn.List(value) {
		name := text(item, key)
		if name == "" {
			name = cfn.Canonical(item)
		}
		found[name] = item
	}
	return found
}

// topicLoses compares the configuration of a Kafka topic, which the template
// holds as Base64 of JSON.
func topicLoses(before, after any) bool {
	was, known := topicConfig(before)
	to, readable := topicConfig(after)
	if !known || !readable {
		return true
	}
	return configLoses(was, to)
}

func topicConfig(value any) (object, bool) {
	if value == nil {
		return object{}, true
	}
	plain, err := base64.StdEncoding.DecodeString(cfn.Canonical(value))
	if err != nil {
		return nil, false
	}
	read, ok := cfn.DecodeText(string(plain))
	config, isObject := read.(object)
	return config, ok && isObject
}

// brokersLose compares the properties of Kafka's brokers, one on each line.
func brokersLose(before, after any) bool {
	was, isText := before.(string)
	to, stillText := after.(string)
	return !isText || !stillText || configLoses(lines(was), lines(to))
}

func lines(content string) object {
	config := object{}
	for line := range strings.Lines(content) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "" {
			config[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return config
}

// configLoses knows the settings of Kafka that keep data and permissions. Other
// settings may change freely.
func configLoses(was, to object) bool {
	for key := range was {
		if lowered(key) && shorter(was[key], to[key]) && !endless(to[key]) {
			return true
		}
	}
	for key := range to {
		// -1 keeps for ever; so does a setting that is not there, for sizes.
		if lowered(key) && was[key] == nil || lowered(key) && endless(was[key]) && !endless(to[key]) {
			return true
		}
		if slices.Contains([]string{"unclean.leader.election.enable", "allow.everyone.if.no.acl.found", "delete.topic.enable"}, key) &&
			on(was[key], to[key]) && !same(was[key], to[key]) {
			return true
		}
	}
	return !same(was["cleanup.policy"], to["cleanup.policy"])
}

func endless(value any) bool { return cfn.Canonical(value) == "-1" }

func lowered(key string) bool {
	return slices.Contains([]string{
		"retention.ms", "retention.bytes", "local.retention.ms", "min.insync.replicas", "default.replication.factor",
		"log.retention.hours", "log.retention.minutes", "log.retention.ms", "log.retention.bytes", "delete.retention.ms",
		"offsets.topic.replication.factor", "transaction.state.log.replication.factor", "transaction.state.log.min.isr", "offsets.retention.minutes",
	}, strings.TrimPrefix(key, "log.cleanup."))
}

// expiresMore finds rules of a bucket that delete what was kept, or sooner.
func expiresMore(before, after any) bool {
	was := index(at(before, "Rules"), "Id")
	for name, rule := range index(at(after, "Rules"), "Id") {
		if text(rule, "Status") == "Disabled" {
			continue
		}
		for _, days := range []string{
			"ExpirationInDays", "ExpirationDate", "NoncurrentVersionExpiration.NoncurrentDays", "NoncurrentVersionExpiration.NewerNoncurrentVersions",
			"NoncurrentVersionExpirationInDays", "ExpiredObjectDeleteMarker",
		} {
			to := at(rule, days)
			old := at(was[name], days)
			if to != nil && (old == nil || text(was[name], "Status") == "Disabled" || shorter(old, to)) {
				return true
			}
		}
		if was[name] != nil && expires(rule) && !same(scope(was[name]), scope(rule)) {
			return true
		}
	}
	return cfn.IsIntrinsic(after)
}

func expires(rule any) bool {
	return at(rule, "ExpirationInDays") != nil || at(rule, "NoncurrentVersionExpiration") != nil || at(rule, "ExpirationDate") != nil
}

// scope is which objects a rule is about.
func scope(rule any) any {
	return []any{at(rule, "Prefix"), at(rule, "TagFilters"), at(rule, "ObjectSizeGreaterThan"), at(rule, "ObjectSizeLessThan")}
}

func vaultLoosens(before, after any) bool {
	if before == nil {
		return false
	}
	return after == nil || shorter(at(before, "MinRetentionDays"), at(after, "MinRetentionDays")) ||
		shorter(at(before, "MaxRetentionDays"), at(after, "MaxRetentionDays")) ||
		removed(at(before, "ChangeableForDays"), at(after, "ChangeableForDays"))
}

// planLoses compares the rules of a backup plan by their names.
func planLoses(before, after any) bool {
	to := index(after, "RuleName")
	for name, rule := range index(before, "RuleName") {
		is := to[name]
		if is == nil || shorterOrBegun(at(rule, "Lifecycle.DeleteAfterDays"), at(is, "Lifecycle.DeleteAfterDays")) && !same(at(rule, "Lifecycle.DeleteAfterDays"), at(is, "Lifecycle.DeleteAfterDays")) {
			return true
		}
		copies := index(at(is, "CopyActions"), "DestinationBackupVaultArn")
		for vault, copied := range index(at(rule, "CopyActions"), "DestinationBackupVaultArn") {
			days := at(copied, "Lifecycle.DeleteAfterDays")
			if copies[vault] == nil || (!same(days, at(copies[vault], "Lifecycle.DeleteAfterDays")) && shorterOrBegun(days, at(copies[vault], "Lifecycle.DeleteAfterDays"))) {
				return true
			}
		}
		if !same(at(rule, "ScheduleExpression"), at(is, "ScheduleExpression")) || !same(at(rule, "TargetBackupVault"), at(is, "TargetBackupVault")) ||
			off(at(rule, "EnableContinuousBackup"), at(is, "EnableContinuousBackup")) {
			return true
		}
	}
	return false
}

// encryptsLess finds a bucket whose objects are no longer under a key of ours.
func encryptsLess(before, after any) bool {
	const algorithm = "ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault.SSEAlgorithm"
	return before != nil && (after == nil || (strings.Contains(cfn.Canonical(at(before, algorithm)), "aws:kms") && !strings.Contains(cfn.Canonical(at(after, algorithm)), "aws:kms")))
}

// filtersLess finds rules of a firewall that are gone, or count where they
// stopped, or were changed in what they look at.
func filtersLess(before, after any) bool {
	to := index(after, "Name")
	for name, rule := range index(before, "Name") {
		is := to[name]
		if is == nil {
			return !lets(rule)
		}
		if !same(at(rule, "Action"), at(is, "Action")) && !stops(is) {
			return true
		}
		if !same(at(rule, "OverrideAction"), at(is, "OverrideAction")) && at(is, "OverrideAction.None") == nil {
			return true
		}
		if !same(at(rule, "Statement"), at(is, "Statement")) && !onlyStricter(at(rule, "Statement"), at(is, "Statement")) {
			return true
		}
	}
	was := index(before, "Name")
	for name, rule := range to {
		if was[name] == nil && lets(rule) {
			return true // what it lets pass, no later rule sees
		}
	}
	return false
}

func stops(rule any) bool {
	return at(rule, "Action.Block") != nil || at(rule, "Action.Captcha") != nil || at(rule, "Action.Challenge") != nil
}

func lets(rule any) bool { return at(rule, "Action.Allow") != nil }

// onlyStricter recognizes a rate limit that is lowered and nothing else.
func onlyStricter(before, after any) bool {
	was, ok := at(before, "RateBasedStatement").(object)
	to, both := at(after, "RateBasedStatement").(object)
	if !ok || !both {
		return false
	}
	was, to = maps.Clone(was), maps.Clone(to)
	lower := shorter(was["Limit"], to["Limit"])
	delete(was, "Limit")
	delete(to, "Limit")
	return lower && same(was, to)
}

func allowsByDefault(before, after any) bool {
	return at(before, "Block") != nil && at(after, "Block") == nil
}

// containersLoosen finds containers that may write to their root file system, run
// with privileges or as root, or have more capabilities.
func containersLoosen(before, after any) bool {
	was := index(before, "Name")
	for name, container := range index(after, "Name") {
		old := was[name]
		if old == nil {
			old = object{"ReadonlyRootFilesystem": "true"} // a new container is held to what is good
		}
		root := func(value any) bool { return slices.Contains([]string{"root", "0", "0:0"}, text(value, "User")) }
		if off(at(old, "ReadonlyRootFilesystem"), at(container, "ReadonlyRootFilesystem")) ||
			(on(nil, at(container, "Privileged")) && !same(at(old, "Privileged"), at(container, "Privileged"))) ||
			(root(container) && !root(old)) || (was[name] != nil && removed(at(old, "User"), at(container, "User"))) ||
			more(at(old, "LinuxParameters.Capabilities.Add"), at(container, "LinuxParameters.Capabilities.Add")) {
			return true
		}
	}
	return false
}

// conditionsLoosen finds a listener rule that answers what it did not answer: a
// condition is gone, or one of its values matches more.
func conditionsLoosen(before, after any) bool {
	if cfn.IsIntrinsic(after) || cfn.IsIntrinsic(before) {
		return true
	}
	to := index(after, "Field")
	for field, condition := range index(before, "Field") {
		if to[field] == nil {
			return true
		}
		was, is := values(condition), values(to[field])
		for _, value := range is {
			if !slices.ContainsFunc(was, func(old string) bool { return policy.Matches(old, value) }) {
				return true
			}
		}
	}
	return false
}

// values lists the values of a listener rule's condition, whatever its field.
func values(condition any) []string {
	var found []string
	for _, config := range []string{"Values", "PathPatternConfig.Values", "HostHeaderConfig.Values", "HttpHeaderConfig.Values",
		"HttpRequestMethodConfig.Values", "QueryStringConfig.Values", "SourceIpConfig.Values", "PathPatternConfig.RegexValues", "HostHeaderConfig.RegexValues"} {
		for _, value := range cfn.List(at(condition, config)) {
			found = append(found, cfn.Canonical(value))
		}
	}
	return found
}

// accessGrows compares the access strings of a cache user. Rules that only take
// away, and a user that is switched off, are narrower; anything else counts as
// wider, because the order of the rules has a meaning.
func accessGrows(before, after any) bool {
	was, to := strings.Fields(cfn.Canonical(before)), strings.Fields(cfn.Canonical(after))
	if slices.Contains(to, "off") {
		return false
	}
	if !slices.Equal(was, to[:min(len(was), len(to))]) {
		return true
	}
	for _, rule := range to[len(was):] {
		if !strings.HasPrefix(rule, "-") {
			return true
		}
	}
	return len(to) < len(was)
}

// grantsGrow compares the grants of our Kafka function: one for each resource,
// pattern and operation.
func grantsGrow(before, after any) bool {
	if cfn.IsIntrinsic(before) || cfn.IsIntrinsic(after) {
		return true
	}
	given := map[string]bool{}
	for _, grant := range cfn.List(before) {
		for _, operation := range cfn.List(at(grant, "Operations")) {
			given[strings.Join([]string{text(grant, "Resource"), text(grant, "Pattern"), text(grant, "Name"), cfn.Canonical(operation)}, " ")] = true
		}
	}
	for _, grant := range cfn.List(after) {
		for _, operation := range cfn.List(at(grant, "Operations")) {
			if !given[strings.Join([]string{text(grant, "Resource"), text(grant, "Pattern"), text(grant, "Name"), cfn.Canonical(operation)}, " ")] {
				return true
			}
		}
	}
	return false
}
