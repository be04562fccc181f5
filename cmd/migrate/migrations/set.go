// Package migrations changes the schema of the wallet's database, forward only and
// one statement at a time, and decides whether a release may run on the schema that
// it finds.
//
// A release has a set of migrations, one file for each version of the schema. The
// set's last version is the release's own. A migration that only adds (expand)
// leaves every earlier release able to run. One that removes (contract) names its
// floor: the oldest version that a release must have of its own to run afterwards.
// The floor is kept in the database, where a release that has never heard of the
// migration finds it.
package migrations

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind tells what a migration does to the releases before it.
type Kind string

// The two kinds.
const (
	Expand   Kind = "expand"   // the releases before it still run
	Contract Kind = "contract" // only those run whose own version reaches its floor
)

// Migration is one version of the schema.
type Migration struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	// Floor is the oldest own version of a release that runs after a contract; 0 for
	// an expand.
	Floor int `json:"floor,omitempty"`

	statement string
}

// Set is a release's migrations, in order, from version 1 on without a gap.
type Set struct {
	Migrations []Migration
	files      fs.FS
}

// Version is the release's own version of the schema.
func (s Set) Version() int { return len(s.Migrations) }

// floorAt is the highest floor among the migrations up to a version.
func (s Set) floorAt(version int) int {
	floor := 0
	for _, each := range s.Migrations {
		if each.Version <= version {
			floor = max(floor, each.Floor)
		}
	}
	return floor
}

// fileName is NUMBER_NAME.up.sql, such as 0001_wallets.up.sql.
var fileName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.up\.sql$`)

// Read reads a set from a directory, and reports every problem of every file.
func Read(files fs.FS) (Set, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return Set{}, err
	}
	set := Set{files: files}
	var problems []error
	for _, entry := range entries {
		each, err := read(files, entry)
		if err != nil {
			problems = append(problems, err)
		}
		if each.Version > 0 {
			set.Migrations = append(set.Migrations, each)
		}
	}
	slices.SortStableFunc(set.Migrations, func(a, b Migration) int { return a.Version - b.Version })
	problems = append(problems, order(set.Migrations)...)
	if err := errors.Join(problems...); err != nil {
		return Set{}, err
	}
	return set, nil
}

// read reads one file; its migration has no version if the name says none.
func read(files fs.FS, entry fs.DirEntry) (Migration, error) {
	name := entry.Name()
	parts := fileName.FindStringSubmatch(name)
	switch {
	case strings.HasSuffix(name, ".down.sql"):
		return Migration{}, fmt.Errorf("%s: nothing runs a migration backward; undo it with another one forward", name)
	case parts == nil || entry.IsDir():
		return Migration{}, fmt.Errorf("%s: want a file 0001_name.up.sql, or nothing of that name here", name)
	}
	version, err := strconv.Atoi(parts[1])
	if err != nil || version == 0 {
		return Migration{}, fmt.Errorf("%s: want a number from 0001 on", name)
	}
	found := Migration{Version: version, Name: parts[2]}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return found, fmt.Errorf("%s: %w", name, err)
	}
	// Some editors begin a text with a byte order mark, which no server takes.
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	said, twice := header(content)
	found.Kind, found.statement = Kind(said["kind"]), string(content)
	problems := []error{twice, checkKind(&found, said), checkStatement(found, found.statement, said["because"])}
	for i, problem := range problems {
		if problem != nil {
			problems[i] = fmt.Errorf("%s: %w", name, problem)
		}
	}
	return found, errors.Join(problems...)
}

// headerLine is a line of the comment at the top of a file that says something
// about the migration.
var headerLine = regexp.MustCompile(`^--\s*(kind|floor|because):\s*(.*?)\s*$`)

// header reads what the comment at the top of a file says, and each thing once.
func header(content []byte) (map[string]string, error) {
	said := map[string]string{}
	var problems []error
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() && strings.HasPrefix(lines.Text(), "--") {
		if parts := headerLine.FindStringSubmatch(lines.Text()); parts != nil {
			if _, before := said[parts[1]]; before {
				problems = append(problems, fmt.Errorf("%s: says two things", parts[1]))
			}
			said[parts[1]] = parts[2]
		}
	}
	return said, errors.Join(problems...)
}

// checkKind holds the rules of the header.
func checkKind(m *Migration, said map[string]string) error {
	floor, hasFloor := said["floor"]
	switch {
	case m.Kind == Expand && hasFloor:
		return errors.New("an expand has no floor: every release before it still runs")
	case m.Kind == Expand:
		return nil
	case m.Kind != Contract:
		return fmt.Errorf("want a first line \"-- kind: expand\" or \"-- kind: contract\", got kind %q", m.Kind)
	case !hasFloor:
		return errors.New(`a contract wants a line "-- floor: N", the oldest version that a release must have to run after it`)
	}
	number, err := strconv.Atoi(floor)
	// While a migration runs, the release before it serves: it must be able to.
	if err != nil || number < 1 || number >= m.Version {
		return fmt.Errorf("floor: want a version from 1 to %d, which the release that serves meanwhile has, got %q", m.Version-1, floor)
	}
	m.Floor = number
	return nil
}

// order finds gaps and versions that stand twice: two branches that were merged.
func order(all []Migration) []error {
	if len(all) == 0 {
		return []error{errors.New("no migration in the directory: want at least 0001")}
	}
	var problems []error
	next := 1
	for _, each := range all {
		switch {
		case each.Version < next:
			problems = append(problems, fmt.Errorf("version %04d: two files have it, %s is one", each.Version, each.Name))
			continue
		case each.Version > next:
			problems = append(problems, fmt.Errorf("version %04d: missing, before %04d_%s", next, each.Version, each.Name))
		}
		next = each.Version + 1
	}
	return problems
}
