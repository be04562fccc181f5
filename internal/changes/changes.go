// Package changes tells what a change of CloudFormation templates does to what is
// deployed. It compares two sets of templates and ranks each change: does it
// destroy state, replace a resource, interrupt a service, widen who may do or
// reach what, weaken a protection, or move traffic?
//
// It reads templates alone and asks no account. Which property replaces a
// resource, and which types hold state, is CloudFormation's own knowledge
// (package schema). Which update interrupts is in no machine-readable source: the
// tables of rules name AWS's document behind each such row. Where it cannot judge, it
// says so; it never takes the unknown for safe.
package changes

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Verdict says what a change does, ranked: the worst is the highest.
type Verdict int

// The verdicts, from harmless to worst.
const (
	// Safe needs nobody's attention.
	Safe Verdict = iota
	// Traffic moves requests: a listener's or rule's targets, their weights, DNS.
	Traffic
	// Weakens takes away what protects or carries: encryption, retention, a backup,
	// a log, an alarm, capacity.
	Weakens
	// Widens lets someone do, or reach, what was not possible before.
	Widens
	// Enters is a way by which code, trust or secrets get in: an image, a command, a
	// role to run with, a function that is called.
	Enters
	// Interrupts stops a service for a while, or for good.
	Interrupts
	// Replaces makes a new resource and deletes the old one.
	Replaces
	// Refused is what CloudFormation or the service behind it does not do: the
	// deployment fails, and is rolled back.
	Refused
	// Unknown is what cannot be judged: no rule is about it.
	Unknown
	// Orphans leaves something behind that nothing manages any more.
	Orphans
	// Destroys loses data, keys or credentials, or takes them away from the service.
	Destroys
)

// verdicts are the words for the verdicts: as a key in files, and for a reader.
var verdicts = map[Verdict]struct{ key, title string }{
	Safe:       {"safe", "safe"},
	Traffic:    {"traffic", "moves traffic"},
	Weakens:    {"weakens", "takes a protection away"},
	Widens:     {"widens", "widens access"},
	Enters:     {"enters", "lets code or trust in"},
	Interrupts: {"interrupts", "interrupts"},
	Replaces:   {"replaces", "replaces"},
	Refused:    {"refused", "will be refused"},
	Unknown:    {"unknown", "cannot be judged"},
	Orphans:    {"orphans", "leaves behind"},
	Destroys:   {"destroys", "destroys state"},
}

// Verdicts lists all verdicts, worst first.
func Verdicts() []Verdict {
	var all []Verdict
	for verdict := Destroys; verdict >= Safe; verdict-- {
		all = append(all, verdict)
	}
	return all
}

// String is the verdict's key, such as "destroys".
func (v Verdict) String() string { return verdicts[v].key }

// Title is the verdict in words, such as "destroys state".
func (v Verdict) Title() string { return verdicts[v].title }

// MarshalText writes the verdict's key.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict's key and refuses any other word.
func (v *Verdict) UnmarshalText(text []byte) error {
	for verdict, words := range verdicts {
		if words.key == string(text) {
			*v = verdict
			return nil
		}
	}
	var known []string
	for _, verdict := range Verdicts() {
		known = append(known, verdict.String())
	}
	return fmt.Errorf("verdict: want one of %s, got %q", strings.Join(known, ", "), text)
}

// Report is the result of a comparison.
type Report struct {
	// Findings stand worst first, then by stack and resource. Each changed resource
	// has at least one; what is safe has one too.
	Findings []Finding `json:"findings"`
	// Notes concern the acknowledgements: what is kept although it matched nothing.
	Notes []string `json:"notes,omitempty"`
	// Problems are acknowledgements that are out of place.
	Problems []string `json:"problems,omitempty"`
}

// Finding is one verdict on one resource, with everything that led to it.
type Finding struct {
	Stack    string  `json:"stack"`              // the stack's name in CloudFormation
	Resource string  `json:"resource,omitempty"` // the logical ID; empty for the stack itself
	Type     string  `json:"type,omitempty"`     // such as "AWS::S3::Bucket"
	Path     string  `json:"path,omitempty"`     // in the construct tree, where the template says it
	Verdict  Verdict `json:"verdict"`
	// Maybe says that every detail depends on something that templates do not show.
	Maybe   bool     `json:"maybe,omitempty"`
	Details []Detail `json:"details"`
	// Acknowledged holds the reasons that were given when all details are covered.
	Acknowledged []string `json:"acknowledged,omitempty"`
}

// Detail is one reason for a verdict.
type Detail struct {
	Text     string `json:"text"`
	Property string `json:"property,omitempty"` // with dots for nesting
	Maybe    bool   `json:"maybe,omitempty"`
	Source   string `json:"source,omitempty"` // where AWS says so
	Rule     string `json:"rule,omitempty"`   // that led to it, see [Rules]
	// Change names exactly this detail: an acknowledgement quotes it, and no other
	// change has the same.
	Change string `json:"change"`
}

// NeedsAcknowledgement says that someone has to decide, and nobody has.
func (f Finding) NeedsAcknowledgement() bool {
	return f.Verdict != Safe && len(f.Acknowledged) == 0
}

// Title is the verdict in words, with its doubt.
func (f Finding) Title() string {
	if f.Maybe {
		return "maybe " + f.Verdict.Title()
	}
	return f.Verdict.Title()
}

// Open counts the findings that need an acknowledgement and have none.
func (r Report) Open() int {
	count := 0
	for _, finding := range r.Findings {
		if finding.NeedsAcknowledgement() {
			count++
		}
	}
	return count
}

// Passes says that nothing is left for a person to decide.
func (r Report) Passes() bool { return r.Open() == 0 && len(r.Problems) == 0 }

// Count is the number of findings of a verdict.
func (r Report) Count(verdict Verdict) int {
	count := 0
	for _, finding := range r.Findings {
		if finding.Verdict == verdict {
			count++
		}
	}
	return count
}

// Worst is the highest verdict of the report.
func (r Report) Worst() Verdict {
	if len(r.Findings) == 0 {
		return Safe
	}
	return r.Findings[0].Verdict
}

// TrafficRules returns the findings that concern listeners and listener rules:
// updating one of them sets the weights of its targets back to the template's,
// wherever a deployment has moved them meanwhile. A deployment asks for this
// before it starts.
func (r Report) TrafficRules() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(finding Finding) bool {
		rule := finding.Type == listener || finding.Type == listenerRule
		return !rule || finding.Verdict != Traffic && finding.Verdict < Replaces
	})
}

// sort brings the findings into the order in which they are read.
func (r Report) sort() {
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Verdict, a.Verdict),
			cmp.Compare(a.Stack, b.Stack),
			cmp.Compare(a.Resource, b.Resource),
		)
	})
}

// fingerprint names a detail by what it says about which resource and to which
// value it leads. It does not cover the value before, so that one
// acknowledgement holds for environments that are some changes behind.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:12]
}
