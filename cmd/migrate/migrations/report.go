package migrations

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"wallet-infra/internal/exit"
)

// Report is what status shows, and the JSON that other tools read.
type Report struct {
	Database State `json:"database"`
	// Running tells whether a migration is at work, which also marks its version
	// dirty until it is done.
	Running bool `json:"running"`
	// Own is the version that this release has.
	Own        int         `json:"own"`
	Migrations []Migration `json:"migrations"`
	// Exit is the status that up would end with now, and Verdict says why.
	Exit    exit.Status `json:"exit"`
	Verdict string      `json:"verdict"`
}

// Report looks at the database without taking the lock and without changing
// anything.
func (r Runner) Report(ctx context.Context) (Report, error) {
	db, err := r.connect(ctx)
	if err != nil {
		return Report{}, err
	}
	defer db.Close()
	now, err := readState(ctx, db)
	if err != nil {
		return Report{}, err
	}
	busy, err := running(ctx, db, r.Database)
	if err != nil {
		return Report{}, err
	}
	found := Report{Database: now, Running: busy, Own: r.Set.Version(), Migrations: r.Set.Migrations}
	pending, err := r.Set.Plan(now, r.Serving)
	found.Exit = StatusOf(err)
	switch {
	case busy:
		found.Verdict = "a migration is running"
	case err != nil:
		found.Verdict = err.Error()
	case len(pending) > 0:
		found.Verdict = fmt.Sprintf("%d to run", len(pending))
	case now.Version > found.Own:
		found.Verdict = "the schema is newer, and this release runs on it"
	default:
		found.Verdict = "up to date"
	}
	return found, nil
}

// PrintJSON writes the report for other tools.
func (r Report) PrintJSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Print writes the report as a table for people.
func (r Report) Print(to io.Writer) error {
	table := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "version\tname\tkind\tfloor\tstate")
	for _, each := range r.Migrations {
		floor := "-"
		if each.Floor > 0 {
			floor = fmt.Sprint(each.Floor)
		}
		fmt.Fprintf(table, "%04d\t%s\t%s\t%s\t%s\n", each.Version, each.Name, each.Kind, floor, r.stateOf(each.Version))
	}
	if r.Database.Version > r.Own {
		fmt.Fprintf(table, "%04d\t(not in this image)\t\t\t%s\n", r.Database.Version, r.stateOf(r.Database.Version))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(to, "\nschema at version %d, runs releases from version %d on; this one has %d\n", r.Database.Version, r.Database.Floor, r.Own)
	for _, tag := range slices.Sorted(maps.Keys(r.Database.Releases)) {
		fmt.Fprintf(to, "release %s has %d\n", tag, r.Database.Releases[tag])
	}
	_, err := fmt.Fprintln(to, r.Verdict)
	return err
}

func (r Report) stateOf(version int) string {
	switch {
	case version > r.Database.Version:
		return "pending"
	case version < r.Database.Version || !r.Database.Dirty:
		return "applied"
	case r.Running:
		return "running"
	}
	return "HALF-WAY"
}
