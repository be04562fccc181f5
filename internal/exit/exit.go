// Package exit is the one table of the exit statuses of every command here. A
// status means the same whichever command ends with it, and two outcomes that ask
// for different next steps have two statuses. Each command's --help shows its own.
package exit

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Status is how a process ends.
type Status int

// The statuses. 2 is never chosen: Go's runtime ends with it after a panic
// (https://pkg.go.dev/runtime), and make after any failure, so that it says of a
// command only that nobody can say. `go run` turns every status into 1.
const (
	Done             Status = 0
	Refused          Status = 1
	Broken           Status = 2
	SchemaTooNew     Status = 3
	HalfWay          Status = 4
	Locked           Status = 5
	Contract         Status = 6
	MigrationFailed  Status = 7
	MigrationInvalid Status = 8
	ReadOnly         Status = 9
	Declined         Status = 10
	Stale            Status = 11
	Failed           Status = 12
	Found            Status = 13
	CheckFailed      Status = 14
	ImagesMissing    Status = 15
	Interrupted      Status = 130 // what a shell reports of a program that SIGINT ended
)

// Table is what each status means, in the order of the numbers.
var Table = []struct {
	Status  Status
	Meaning string
}{
	{Done, "done, or there was nothing to do or to find"},
	{Refused, "refused: the input, the account, a check before the change, or the synthesis; nothing was changed"},
	{Broken, "the program broke, or could not be built; `go tool wallet ENV status` says what stands"},
	{SchemaTooNew, "migrations: the schema no longer has what this release needs"},
	{HalfWay, "migrations: nobody knows what became of one, and a person must look"},
	{Locked, "migrations: another run held the lock all the time"},
	{Contract, "migrations: one would remove what a release that serves now may need"},
	{MigrationFailed, "migrations: the database was not reached or refused a statement, or the task was told to stop; nothing is half-done"},
	{MigrationInvalid, "migrations: the image's set, the task's command line or its environment is not valid"},
	{ReadOnly, "migrations: the schema must change first in the region that writes"},
	{Declined, "a person did not confirm; nothing was changed"},
	{Stale, "what was reviewed is no longer what would be executed; prepare and review again"},
	{Failed, "something was begun and failed; the last lines say what stands and how to go on"},
	{Found, "something was found that a person must judge: a change to acknowledge, or a drift"},
	{CheckFailed, "a check of the synthesis failed; the output says which"},
	{ImagesMissing, "the repositories stand and the release's images are not pushed yet; nothing more was created"},
	{Interrupted, "interrupted; CloudFormation or ECS finishes what was begun, the same command goes on from there"},
}

// OfMigration is the status of a command whose migration task ended with code: the
// task's own where the table has it for migrations, and [Failed] for any other, such
// as that of a task that was killed.
func OfMigration(code int) Status {
	switch status := Status(code); status {
	case Done, SchemaTooNew, HalfWay, Locked, Contract, MigrationFailed, MigrationInvalid, ReadOnly:
		return status
	default:
		return Failed
	}
}

// Explain lists some statuses with their meanings, for a command's help.
func Explain(some ...Status) string {
	lines := []string{"Exit status:"}
	for _, row := range Table {
		for _, status := range some {
			if row.Status == status {
				lines = append(lines, fmt.Sprintf("  %3d  %s", row.Status, row.Meaning))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// Failure is an error with the status of the command that met it.
type Failure struct {
	Status Status
	Cause  error
}

// Error says what happened, in a line for people.
func (f Failure) Error() string { return f.Cause.Error() }

// Unwrap gives the cause.
func (f Failure) Unwrap() error { return f.Cause }

// With makes a [Failure].
func With(status Status, format string, arguments ...any) error {
	return Failure{Status: status, Cause: fmt.Errorf(format, arguments...)}
}

// Of is the status that an error asks for; an error that is no [Failure] happened
// before anything was changed.
func Of(err error) Status {
	var failure Failure
	switch {
	case err == nil:
		return Done
	case errors.As(err, &failure):
		return failure.Status
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Refused
}
