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
// has touched has version 0.
type State struct {
	Version int  `json:"version"`
	Dirty   bool `json:"dirty"`
	// Floor is the oldest own version of a release that may run.
	Floor int `json:"floor"`
	// ReadOnly says that another region, or instance, writes.
	ReadOnly bool `json:"readOnly"`
	// Releases are the own versions of the releases that have come here, by tag,
	// whether they ever served or not.
	Releases map[string]int `json:"releases"`
}

// Serving are the releases whose tasks run while this one migrates, by tag: what ECS
// says of the deployment, and not what the database remembers of the one before.
type Serving struct {
	Known    bool
	Releases []string
}

// Plan returns the migrations that are still to run on a database, none if its
// schema is as new or newer, or the reason why this release may not run on it.
func (s Set) Plan(now State, serving Serving) ([]Migration, error) {
	own := s.Version()
	switch {
	case now.Dirty:
		return nil, Refusal{Dirty, fmt.Sprintf(
			"nobody knows what became of the migration to version %d. Compare the schema with the statement of that version. Then, with the image that holds it, "+
				"run \"repair --version %d\" with --not-applied if nothing of it is there, or with --applied if all of it is", now.Version, now.Version)}
	case now.Floor > own:
		return nil, Refusal{TooNew, fmt.Sprintf(
			"the schema is at version %d and runs releases from version %d on; this release knows %d. Deploy a newer release", now.Version, now.Floor, own)}
	case now.Version >= own:
		return nil, nil
	case now.ReadOnly:
		return nil, Refusal{ReadOnly, fmt.Sprintf(
			"the schema is at version %d, this release needs %d, and the database cannot be written to here: deploy the release first in the region that writes", now.Version, own)}
	}
	pending := s.Migrations[now.Version:]
	for _, each := range pending {
		if each.Kind != Contract {
			continue
		}
		if why := now.breaks(each.Floor, serving); why != "" {
			return nil, Refusal{TooEarly, fmt.Sprintf(
				"version %d (%s) removes what a release that serves now may need: it asks for version %d, and %s", each.Version, each.Name, each.Floor, why)}
		}
	}
	return pending, nil
}

// breaks says which release that serves a floor leaves behind, or nothing. What is
// not known is left behind.
func (s State) breaks(floor int, serving Serving) string {
	if !serving.Known {
		return "it is not known which releases serve. A deployment knows it: let its hook run this migration, or say it with --serving"
	}
	for _, tag := range serving.Releases {
		version, known := s.Releases[tag]
		switch {
		case !known:
			return fmt.Sprintf("no migration of %s, which serves, has run here. Deploy a release with version %d first, in every region, and this one after it", tag, floor)
		case version < floor:
			return fmt.Sprintf("%s, which serves, knows %d. Deploy a release with version %d first, in every region, and this one after it", tag, version, floor)
		}
	}
	return ""
}
