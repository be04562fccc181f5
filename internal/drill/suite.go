package drill

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"wallet-infra/internal/drill/plan"
)

// Suite is every rehearsal: both ways and every fault, each with its way back and
// each from the beginning.
func Suite(settings Settings) []Settings {
	var all []Settings
	for _, mode := range []plan.Mode{plan.Graceful, plan.Ungraceful} {
		one := settings
		one.Mode, one.Fault, one.Discard = mode, "", true
		all = append(all, one)
	}
	return append(all, FaultSuite(settings)...)
}

// FaultSuite is every fault, in the mode of the day on which it matters.
func FaultSuite(settings Settings) []Settings {
	var all []Settings
	for _, fault := range Faults() {
		one := settings
		one.Mode, one.Fault, one.Discard = plan.Ungraceful, fault.Name, true
		all = append(all, one)
	}
	return all
}

// RunAll makes the rehearsals one after another, each in a laboratory of its own,
// writes their reports, and returns them. It ends early only when the context
// does.
func RunAll(ctx context.Context, open func(Settings) (Lab, error), all []Settings) ([]Report, error) {
	var reports []Report
	for _, settings := range all {
		report, err := runOne(ctx, open, settings)
		if err != nil {
			report.Error = err.Error()
		}
		if err := report.Write(settings.Directory); err != nil {
			return reports, err
		}
		reports = append(reports, report)
		if ctx.Err() != nil {
			return reports, ctx.Err()
		}
	}
	return reports, nil
}

func runOne(ctx context.Context, open func(Settings) (Lab, error), settings Settings) (Report, error) {
	lab, err := open(settings)
	if err != nil {
		return Report{Name: settings.Name(), Mode: settings.Mode, NotProven: NotProven()}, err
	}
	report, err := Rehearse(ctx, lab, settings)
	if closed := lab.Close(); err == nil {
		err = closed
	}
	return report, err
}

// Summarize prints a table of the reports, writes it beside them, and says
// whether all passed.
func Summarize(w io.Writer, directory string, reports []Report) (bool, error) {
	passed := len(reports) > 0
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "drill\tmode\tresult\tchecks\tbudget\tsteps took\tinterrupted\tends")
	var failures []string
	for _, report := range reports {
		good := 0
		for _, check := range report.Checks {
			if check.OK {
				good++
			} else {
				failures = append(failures, fmt.Sprintf("%s: %s: %s", report.Name, check.Name, check.Detail))
			}
		}
		result := "passed"
		if !report.Passed() {
			result, passed = "FAILED", false
		}
		if report.Error != "" {
			failures = append(failures, report.Name+": "+report.Error)
		}
		var stops []string
		for _, stop := range report.Interruptions {
			stops = append(stops, string(stop.State))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d of %d\t%s\t%s\t%s\t%s\n", report.Name, report.Mode, result, good, len(report.Checks),
			report.Budget.Total(), report.Measured.Round(time.Millisecond), strings.Join(stops, ", "), ends(report))
	}
	if err := table.Flush(); err != nil {
		return false, err
	}
	if len(reports) > 0 {
		fmt.Fprintf(&b, "\nat %s, on a %s clock: what the steps took here says nothing about AWS.\n", reports[0].Endpoint, reports[0].Clock)
	}
	for _, failure := range failures {
		fmt.Fprintln(&b, "failed:", failure)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return false, err
	}
	return passed, os.WriteFile(filepath.Join(directory, "summary.txt"), []byte(b.String()), 0o600)
}

// ends is the region that serves when the rehearsal is over.
func ends(report Report) string {
	if report.Failback.State == Completed {
		return report.Failback.Target
	}
	return fmt.Sprintf("failover %s", report.Failover.State)
}
