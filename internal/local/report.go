package local

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// Report is the evidence of a run.
type Report struct {
	Environment string `json:"environment"`
	Account     string `json:"account"`
	// Resources is how many the templates have, Exercised how many of them the
	// emulator made.
	Resources int     `json:"resources"`
	Exercised int     `json:"exercised"`
	Gaps      []Gap   `json:"gaps"`
	Steps     []Step  `json:"steps"`
	Checks    []Check `json:"checks"`
	// FilledIn are the references to another region's outputs that were written into
	// the copy, since the emulator does not look there.
	FilledIn []string `json:"filledIn"`
	// Stayed are the retained resources that were there after the removal.
	Stayed []string `json:"stayed"`
	// Lost are the retained resources that were not.
	Lost   []string `json:"lost"`
	Passed int      `json:"passed"`
	Failed int      `json:"failed"`
}

// Step is one step of a run with its counts of stacks and resources.
type Step struct {
	Name         string  `json:"name"`
	Stacks       int     `json:"stacks"`
	Created      int     `json:"created"`
	Updated      int     `json:"updated"` // resources whose template changed
	Deleted      int     `json:"deleted"`
	Missing      int     `json:"missing"` // types that the emulator lacks
	Passed       int     `json:"passed"`
	Failed       int     `json:"failed"`
	NotExercised int     `json:"notExercised"`
	Seconds      float64 `json:"seconds"`
	Problem      string  `json:"problem,omitempty"`
}

// count takes the step's own checks.
func (s *Step) count(checks []Check) {
	for _, check := range checks {
		if check.Step != s.Name {
			continue
		}
		switch check.Result {
		case passed:
			s.Passed++
		case failed:
			s.Failed++
		default:
			s.NotExercised++
		}
	}
}

func (s *Step) line() string {
	state := "done"
	if s.Problem != "" || s.Failed > 0 {
		state = "FAILED"
	}
	return fmt.Sprintf("%s: %s: %d stacks, %d created, %d updated, %d deleted; %d checks passed, %d failed, %d not exercised (%.0f s)",
		s.Name, state, s.Stacks, s.Created, s.Updated, s.Deleted, s.Passed, s.Failed, s.NotExercised, s.Seconds)
}

// filled notes a reference that was filled in, once.
func (r *Report) filled(stack, from, output string) {
	line := stack + " reads " + output + " of " + from
	if !slices.Contains(r.FilledIn, line) {
		r.FilledIn = append(r.FilledIn, line)
	}
}

// finish adds up.
func (r *Report) finish() {
	for _, step := range r.Steps {
		r.Passed += step.Passed
		r.Failed += step.Failed
	}
}

// Write writes the report as JSON.
func (r *Report) Write(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a build directory
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o600)
}

// Print writes the table, what failed, and how much was exercised.
func (r *Report) Print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nSTEP\tSTACKS\tCREATED\tUPDATED\tDELETED\tMISSING TYPES\tPASSED\tFAILED\tNOT EXERCISED\tSECONDS\t")
	for _, s := range r.Steps {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t\n",
			s.Name, s.Stacks, s.Created, s.Updated, s.Deleted, s.Missing, s.Passed, s.Failed, s.NotExercised, s.Seconds)
	}
	_ = table.Flush()
	for _, check := range r.Checks {
		if check.Result == failed {
			fmt.Fprintf(out, "FAILED %s: %s: want %q, got %q\n", check.Step, check.Subject, check.Want, check.Got)
		}
	}
	fmt.Fprintf(out, "\n%s: %d of %d resources exercised on an emulator; nothing of this was validated by AWS.\n",
		r.Environment, r.Exercised, r.Resources)
	fmt.Fprintf(out, "Not exercised: %d resources of %d types that the emulator lacks", len(r.Gaps), len(gapsByType(r.Gaps)))
	fmt.Fprintf(out, ". Filled in by hand: %d references to another region.\n", len(r.FilledIn))
	if len(r.Stayed) > 0 {
		fmt.Fprintf(out, "%d resources that the templates retain stand in the emulator: start it anew before the next run.\n", len(r.Stayed))
	}
}

// gapsByType counts gaps by type, with the reason of the first.
func gapsByType(gaps []Gap) []string {
	count, why := map[string]int{}, map[string]string{}
	for _, gap := range gaps {
		count[gap.Type]++
		if why[gap.Type] == "" {
			why[gap.Type] = gap.Why
		}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		lines = append(lines, fmt.Sprintf("%4d  %s: %s", count[name], name, why[name]))
	}
	return lines
}
