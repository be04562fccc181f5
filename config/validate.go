package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Validate reports everything in the environment that AWS would refuse or that
// breaks a rule of the platform, each problem with the field, the limit and the
// value. It returns nil for a deployable environment.
//
// The rules stand with the types; what AWS offers in which region stands in catalog.go.
func (e Environment) Validate() error {
	p := &problems{environment: e.Name}
	validateSite(p, e)
	validateTags(p, e.Tags)
	validateRegions(p, e)
	validateNames(p, e)
	validateNetwork(p, "Network", e.Network, e.Primary, e)
	validateDatabase(p, e)
	validateCache(p, e.Cache, e.Primary)
	validateMessaging(p, e.Messaging, e.Primary)
	validateStorage(p, e.Storage)
	validateBackup(p, e.Backup)
	validateService(p, e.Service)
	validateDelivery(p, e)
	validateRegistry(p, e.Registry)
	validateEdge(p, e.Edge)
	validateServiceData(p, e)
	validateObservability(p, e.Observability)
	validateLimits(p, e.Observability.Limits, e.Messaging)
	validateDR(p, e)
	validatePipeline(p, e.Pipeline)
	return errors.Join(p.found...)
}

// validateTogether reports what is wrong between environments: each is fine by
// itself, and yet they cannot all be deployed.
func validateTogether(all []Environment) error {
	var found []error
	for i, e := range all {
		p := &problems{environment: e.Name}
		for _, other := range all[:i] {
			validateApart(p, e, other)
		}
		found = append(found, p.found...)
	}
	return errors.Join(found...)
}

// validateApart reports what the environment takes from one written before it.
// Two that are not protected may share an account, since their names differ.
func validateApart(p *problems, e, other Environment) {
	p.check(e.Name != other.Name, "Name", e.Name, "a name that no other environment has")
	taken := append(other.regionalDomains(), other.Site.APIDomain, other.Site.StaticDomain)
	for _, mine := range append(e.regionalDomains(), e.Site.APIDomain) {
		p.check(!slices.Contains(taken, mine), "Site.APIDomain", mine, "a host name that %s does not use", other.Name)
	}
	p.check(!slices.Contains(taken, e.Site.StaticDomain), "Site.StaticDomain", e.Site.StaticDomain, "a host name that %s does not use", other.Name)
	// The bootstrap is one for the account: who may deploy the other environment, perhaps
	// without a reviewer, could deploy the protected one with its roles.
	p.check(e.Site.Account != other.Site.Account || !e.Protected && !other.Protected,
		"Site.Account", e.Site.Account, "an account that %s is not in: a protected environment is alone in its account", other.Name)
	// An account and region has one replication configuration in ECR, and
	// CloudFormation's creation of a second one fails.
	p.check(e.Site.Account != other.Site.Account || e.Primary.Name != other.Primary.Name || e.DR.Mode != DRStandby || other.DR.Mode != DRStandby,
		"DR.Mode", string(e.DR.Mode), "at most one environment of an account in %q, because ECR replicates by account, and %s is one", DRStandby, other.Name)
	p.check(e.Site.Account != other.Site.Account || e.Site.GitHub.SharedProvider == other.Site.GitHub.SharedProvider,
		"Site.GitHub.SharedProvider", e.Site.GitHub.SharedProvider, "what %s says of the account that they share", other.Name)
	for _, mine := range e.blocks() {
		for _, theirs := range other.blocks() {
			p.check(!mine.prefix.Overlaps(theirs.prefix), mine.field, mine.prefix.String(),
				"a block apart from %s's %s %v", other.Name, theirs.field, theirs.prefix)
		}
	}
}

// problems collects what is wrong with one environment, in the order in which it
// is found.
type problems struct {
	environment string
	found       []error
}

// add reports a field: what it must be, as a format and its arguments, and what
// it is.
func (p *problems) add(field string, got any, want string, arguments ...any) {
	if text, ok := got.(string); ok {
		got = fmt.Sprintf("%q", text)
	}
	p.found = append(p.found, fmt.Errorf("%s: %s: want %s, got %v",
		cmp.Or(p.environment, "(unnamed)"), field, fmt.Sprintf(want, arguments...), got))
}

// check reports the field unless it is as wanted.
func (p *problems) check(ok bool, field string, got any, want string, arguments ...any) {
	if !ok {
		p.add(field, got, want, arguments...)
	}
}

// between reports a number outside the bounds, which both belong to the range.
func between[N int | float64](p *problems, field string, got, least, most N) {
	p.check(least <= got && got <= most, field, got, "%v to %v", least, most)
}

// positive reports a number under one.
func (p *problems) positive(field string, got int) {
	p.check(got >= 1, field, got, "at least 1")
}

// seconds reports a duration outside the bounds or with a fraction of a second,
// which AWS has no field for.
func (p *problems) seconds(field string, got, least, most time.Duration) {
	p.check(least <= got && got <= most && got%time.Second == 0, field, got, "whole seconds, %v to %v", least, most)
}

// minutes reports a duration outside the bounds or with a fraction of a minute.
func (p *problems) minutes(field string, got, least, most time.Duration) {
	p.check(least <= got && got <= most && got%time.Minute == 0, field, got, "whole minutes, %v to %v", least, most)
}

// milliseconds reports a duration outside the bounds or with a fraction of a
// millisecond, which would be rounded to another value, perhaps to 0.
func (p *problems) milliseconds(field string, got, least, most time.Duration) {
	p.check(least <= got && got <= most && got%time.Millisecond == 0, field, got, "whole milliseconds, %v to %v", least, most)
}

// hours reports a duration outside the bounds or with a fraction of an hour.
func (p *problems) hours(field string, got time.Duration, least, most int) {
	ok := time.Duration(least)*time.Hour <= got && got <= time.Duration(most)*time.Hour && got%time.Hour == 0
	p.check(ok, field, got, "%d to %d whole hours", least, most)
}

// oneOf reports a value that is not in the list.
func oneOf[V ~string](p *problems, field string, got V, known ...V) {
	var list []string
	for _, value := range known {
		list = append(list, string(value))
	}
	p.check(slices.Contains(known, got), field, string(got), "one of %s", strings.Join(list, ", "))
}

// unique reports each value that occurs a second time.
func (p *problems) unique(field string, values []string) {
	for i, value := range values {
		p.check(!slices.Contains(values[:i], value), field, value, "each value once")
	}
}

// logRetention reports a time that CloudWatch Logs does not offer.
func (p *problems) logRetention(field string, days int) {
	p.check(slices.Contains(logRetentionDays, days), field, days,
		"a retention of CloudWatch Logs (%s)", strings.Trim(fmt.Sprint(logRetentionDays), "[]"))
}
