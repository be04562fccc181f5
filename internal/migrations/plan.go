package migrations

import (
	"errors"
	"fmt"

	"wallet-infra/internal/exit"
)

// Status is how a command of the runner ends; the number is the program's exit
// status, of the one table. lambda/migration knows it too.
type Status int

// The exit statuses.
const (
	OK       = Status(exit.Done)
	TooNew   = Status(exit.SchemaTooNew)     // the schema no longer has what this release needs
	Dirty    = Status(exit.HalfWay)          // nobody knows what became of a migration: a person must look
	Locked   = Status(exit.Locked)           // another migration held the lock all the time
	TooEarly = Status(exit.Contract)         // a contract that a release that serves cannot live with
	Failure  = Status(exit.MigrationFailed)  // not reached, refused or told to stop; nothing is half-done
	Invalid  = Status(exit.MigrationInvalid) // the set, the command line or the environment
	ReadOnly = Status(exit.ReadOnly)         // the schema must change first in the region that writes
)

// Refusal is an error with the exit status that tells its kind.
type Refusal struct {
	Status Status
	Reason string
}

// Error is the reason.
func (r Refusal) Error() string { return r.Reason }

// StatusOf is the exit status of an error.
func StatusOf(err error) Status {
	var refusal Refusal
	switch {
	case err == nil:
		return OK
	case errors.As(err, &refusal):
		return refusal.Status
	}
	return Failure
}

// State is what the database says about its schema. A database that no migration
// has touched has the zero value.
type State struct {
	Version int  `json:"version"`
	Dirty   bool `json:"dirty"`
	// Floor is the oldest own version of a release that may run.
	Floor int `json:"floor"`
	// Release is the own version of the last release that was let through, which is
	// the one that serves while the next one migrates. It can be lower than Version.
	Release int `json:"release"`
}

// Plan returns the migrations that are still to run on a database, none if its
// schema is as new or newer, or the reason why this release may not run on it.
func (s Set) Plan(now State) ([]Migration, error) {
	own := s.Version()
	switch {
	case now.Dirty:
		return nil, Refusal{Dirty, fmt.Sprintf(
			"the migration to version %d stopped half-way. Compare the schema with the statement of that version. Then, with the image that holds it, "+
				"run \"repair --version %d\" with --not-applied if nothing of it is there, or with --applied if all of it is", now.Version, now.Version)}
	case now.Floor > own:
		return nil, Refusal{TooNew, fmt.Sprintf(
			"the schema is at version %d and runs releases from version %d on; this release knows %d. Deploy a newer release", now.Version, now.Floor, own)}
	case now.Version >= own:
		return nil, nil
	}
	pending := s.Migrations[now.Version:]
	for _, each := range pending {
		if serving := now.serving(); serving > 0 && each.Floor > serving {
			return nil, Refusal{TooEarly, fmt.Sprintf(
				"version %d (%s) removes what the release that serves now may need: that one knows version %d, and the migration asks for %d. "+
					"Deploy the release with version %d first, and this one after it", each.Version, each.Name, serving, each.Floor, each.Floor)}
		}
	}
	return pending, nil
}

// serving is the own version of the release that serves now, 0 if none can.
func (s State) serving() int {
	if s.Release > 0 {
		return s.Release
	}
	return s.Version
}
