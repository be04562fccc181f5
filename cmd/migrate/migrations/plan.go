package migrations

import (
	"errors"
	"fmt"

	"wallet-infra/internal/exit"
)

// StatusOf is the exit status of an error, of the one table: that of a refusal, or
// [exit.MigrationFailed]. lambda/migration knows these too.
func StatusOf(err error) exit.Status {
	var refusal exit.Failure
	switch {
	case err == nil:
		return exit.Done
	case errors.As(err, &refusal):
		return refusal.Status
	}
	return exit.MigrationFailed
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
		return nil, exit.With(exit.HalfWay,
			"nobody knows what became of the migration to version %d. Compare the schema with the statement of that version. Then, with the image that holds it, "+
				"run \"repair --version %d\" with --not-applied if nothing of it is there, or with --applied if all of it is", now.Version, now.Version)
	case now.Floor > own:
		return nil, exit.With(exit.SchemaTooNew,
			"the schema is at version %d and runs releases from version %d on; this release knows %d. Deploy a newer release", now.Version, now.Floor, own)
	case now.Version >= own:
		return nil, nil
	case now.ReadOnly:
		return nil, exit.With(exit.ReadOnly,
			"the schema is at version %d, this release needs %d, and the database cannot be written to here: deploy the release first in the region that writes", now.Version, own)
	}
	pending := s.Migrations[now.Version:]
	for _, each := range pending {
		if each.Kind != Contract {
			continue
		}
		if why := now.breaks(each.Floor, serving); why != "" {
			return nil, exit.With(exit.Contract,
				"version %d (%s) removes what a release that serves now may need: it asks for version %d, and %s", each.Version, each.Name, each.Floor, why)
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
