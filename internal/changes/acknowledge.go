package changes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Acknowledgements are the decisions of a reviewed file.
type Acknowledgements struct {
	entries []acknowledgement
	resumed bool
}

// Resumed are the same decisions for a deployment that was stopped and goes on: a
// part of what they accept is deployed by now, and what they quote may be done.
func (a Acknowledgements) Resumed() Acknowledgements {
	a.resumed = true
	return a
}

// acknowledgement accepts changes of one verdict on one resource. It quotes each
// change, so that it covers no other one that comes later.
type acknowledgement struct {
	Stack    string   `yaml:"stack"`
	Resource string   `yaml:"resource,omitempty"` // none for the stack itself
	Verdict  string   `yaml:"verdict"`
	Changes  []string `yaml:"changes"`
	Reason   string   `yaml:"reason"`
	// Until is the last day of the acknowledgement. Until then it may stay although
	// nothing matches it, for the environments that are yet to be deployed.
	Until   string `yaml:"until,omitempty"`
	verdict Verdict
	until   time.Time
}

var changeForm = regexp.MustCompile(`^[0-9a-f]{12}$`)

// ReadAcknowledgements parses a file of acknowledgements and reports everything
// that is wrong with it at once.
func ReadAcknowledgements(content []byte) (Acknowledgements, error) {
	var file struct {
		Acknowledged []acknowledgement `yaml:"acknowledged"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return Acknowledgements{}, err
	}
	var problems []error
	seen := map[string]bool{}
	for i := range file.Acknowledged {
		entry := &file.Acknowledged[i]
		for _, problem := range entry.check(seen) {
			problems = append(problems, fmt.Errorf("acknowledged[%d] (%s %s): %w", i, entry.Stack, entry.Resource, problem))
		}
	}
	return Acknowledgements{entries: file.Acknowledged}, errors.Join(problems...)
}

// check reads the entry's words and says what is wrong with them.
func (a *acknowledgement) check(seen map[string]bool) []error {
	var problems []error
	if strings.TrimSpace(a.Stack) == "" {
		problems = append(problems, errors.New("stack: want the stack's name, got nothing"))
	}
	if err := a.verdict.UnmarshalText([]byte(a.Verdict)); err != nil {
		problems = append(problems, err)
	} else if a.verdict == Safe {
		problems = append(problems, errors.New("verdict: what is safe needs no acknowledgement"))
	}
	if strings.TrimSpace(a.Reason) == "" {
		problems = append(problems, errors.New("reason: want why this is right, got nothing"))
	}
	if len(a.Changes) == 0 {
		problems = append(problems, errors.New("changes: want the changes as the report names them, got none"))
	}
	for _, change := range a.Changes {
		if !changeForm.MatchString(change) {
			problems = append(problems, fmt.Errorf("changes: want 12 hexadecimal digits, got %q", change))
		}
		if seen[change] {
			problems = append(problems, fmt.Errorf("changes: %s is acknowledged twice", change))
		}
		seen[change] = true
	}
	if a.Until != "" {
		var err error
		if a.until, err = time.Parse(time.DateOnly, a.Until); err != nil {
			problems = append(problems, fmt.Errorf("until: want a day such as 2027-01-31, got %q", a.Until))
		}
	}
	return problems
}

// ended says whether the entry's last day is over.
func (a *acknowledgement) ended(now time.Time) bool {
	return a.Until != "" && now.After(a.until.AddDate(0, 0, 1))
}

// covers says whether the entry is about a finding.
func (a *acknowledgement) covers(f Finding) bool {
	return a.Stack == f.Stack && a.Resource == f.Resource && a.verdict == f.Verdict
}

// Acknowledge applies acknowledgements to a report. A finding is acknowledged when
// each of its details is quoted. What is quoted and not found is a problem, unless
// its stack was not compared, it is kept until a day that is to come, or the
// acknowledgements are [Acknowledgements.Resumed].
func (a Acknowledgements) Acknowledge(report Report, stacks []string, now time.Time) Report {
	used := map[string]bool{}
	report.Findings = slices.Clone(report.Findings)
	for i := range report.Findings {
		found := &report.Findings[i]
		var reasons []string
		covered := found.Verdict != Safe
		for _, detail := range found.Details {
			entry := a.find(*found, detail.Change, now)
			if entry < 0 {
				covered = false
				continue
			}
			used[detail.Change] = true
			reasons = appendNew(reasons, a.entries[entry].Reason)
		}
		if covered {
			found.Acknowledged = reasons
		}
	}
	for _, entry := range a.entries {
		problem, note := entry.leftOver(used, stacks, a.resumed, now)
		report.Problems = append(report.Problems, problem...)
		report.Notes = append(report.Notes, note...)
	}
	return report
}

// find returns the index of the entry that quotes a change of a finding, or -1.
func (a Acknowledgements) find(f Finding, change string, now time.Time) int {
	return slices.IndexFunc(a.entries, func(entry acknowledgement) bool {
		return entry.covers(f) && !entry.ended(now) && slices.Contains(entry.Changes, change)
	})
}

// leftOver says what is wrong with an entry, or worth knowing.
func (a *acknowledgement) leftOver(used map[string]bool, stacks []string, resumed bool, now time.Time) (problems, notes []string) {
	name := fmt.Sprintf("%s %s, %s", a.Stack, a.Resource, a.Verdict)
	if a.ended(now) {
		return []string{fmt.Sprintf("the acknowledgement of %s ended on %s: remove it, or decide again", name, a.Until)}, nil
	}
	for _, change := range a.Changes {
		switch {
		case used[change]:
		case !slices.Contains(stacks, a.Stack):
			notes = append(notes, fmt.Sprintf("the acknowledgement %s of %s is of a stack that was not compared", change, name))
		case a.Until != "":
			notes = append(notes, fmt.Sprintf("the acknowledgement %s of %s matches nothing here and stays until %s", change, name, a.Until))
		case resumed:
			notes = append(notes, fmt.Sprintf("the acknowledgement %s of %s matches nothing here: it is deployed", change, name))
		default:
			problems = append(problems, fmt.Sprintf("the acknowledgement %s of %s matches no change: remove it", change, name))
		}
	}
	return problems, notes
}

// Suggestion is the entry for a finding as it would stand in the file, without the
// reason, which only a person can give.
func Suggestion(f Finding) string {
	var changes []string
	for _, detail := range f.Details {
		changes = append(changes, detail.Change)
	}
	content, err := yaml.Marshal([]acknowledgement{{
		Stack: f.Stack, Resource: f.Resource, Verdict: f.Verdict.String(), Changes: changes,
	}})
	if err != nil {
		return "" // texts can always be written
	}
	return string(content)
}
