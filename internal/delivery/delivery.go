// Package delivery brings an environment from a commit to AWS and back: it looks
// before it acts (preflight), deploys stack by stack with the CDK CLI, runs
// migrations, returns to an earlier release and removes an environment.
//
// A command is a method of [Session]. Every method may be repeated after any
// interruption, tells all problems at once, changes nothing before it has asked,
// and fails with a [Failure], whose status the process ends with ([Exits]).
package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wallet-infra/config"
)

// The exit statuses of every delivery command. [Exits] explains them.
const (
	ExitDone        = 0
	ExitRefused     = 1
	ExitFailed      = 2
	ExitDeclined    = 10
	ExitStale       = 11
	ExitInterrupted = 130 // what a shell reports of a program that SIGINT ended
)

// The migration program's own exit statuses (internal/migrations). scripts/migrate.sh
// ends with them, and a rollback with those of its check.
const (
	ExitSchemaTooNew    = 3
	exitHalfWay         = 4
	exitLocked          = 5
	exitContract        = 6
	exitMigrationFailed = 7
	exitMigrationBad    = 8
	exitReadOnly        = 9
)

// Exits is what each exit status means; docs/DEPLOYMENT.md shows the same table.
var Exits = []struct {
	Status  int
	Meaning string
}{
	{ExitDone, "done, or there was nothing to do"},
	{ExitRefused, "refused: the input, the account, a check before the change, or the synthesis; nothing was changed"},
	{ExitFailed, "something was begun and failed; the last lines say what stands and how to go on"},
	{ExitSchemaTooNew, "migrations: the schema no longer has what this release needs"},
	{exitHalfWay, "migrations: nobody knows what became of one, and a person must look"},
	{exitLocked, "migrations: another run held the lock all the time"},
	{exitContract, "migrations: one would remove what a release that serves now may need"},
	{exitMigrationFailed, "migrations: the database was not reached or refused a statement, or the task was told to stop; nothing is half-done"},
	{exitMigrationBad, "migrations: the image's set, the task's command line or its environment is not valid"},
	{exitReadOnly, "migrations: the schema must change first in the region that writes"},
	{ExitDeclined, "a person did not confirm; nothing was changed"},
	{ExitStale, "a reviewed change set no longer fits what is deployed; prepare and review again"},
	{ExitInterrupted, "interrupted; CloudFormation or ECS finishes what was begun, the same command goes on from there"},
}

// Failure is an error with the exit status of the command that met it.
type Failure struct {
	Status int
	Cause  error
}

// Error says what happened, in a line for people.
func (f Failure) Error() string { return f.Cause.Error() }

// Unwrap gives the cause.
func (f Failure) Unwrap() error { return f.Cause }

// fail makes a Failure.
func fail(status int, format string, arguments ...any) error {
	return Failure{Status: status, Cause: fmt.Errorf(format, arguments...)}
}

// refused is a Failure of AWS's before anything was changed.
func refused(err error) error {
	if errors.Is(err, context.Canceled) {
		return fail(ExitInterrupted, "interrupted: nothing was changed")
	}
	return fail(ExitRefused, "%s", explain(err))
}

// StatusOf is the exit status that an error asks for; an error that is no
// [Failure] happened before anything was changed.
func StatusOf(err error) int {
	var failure Failure
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &failure):
		return failure.Status
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitRefused
}

// Session is one command's view of one environment.
type Session struct {
	Env     config.Environment
	Console Console
	CDK     CDK
	// Wait is how long an operation of somebody else on a stack is waited for.
	Wait time.Duration
	// Sleep waits, or ends early with the context's error.
	Sleep func(context.Context, time.Duration) error

	account *account
	// runCDK runs a command of CDK, the real one outside of tests.
	runCDK func(ctx context.Context, arguments ...string) error
}

// Sleep waits for a while, or until the context ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Select is the environment of that name with the image tag in place of its
// own; an empty tag leaves it. It fails on an unknown or invalid environment.
func Select(name, imageTag string) (config.Environment, error) {
	if name == "" { // which would select them all
		return config.Environment{}, errors.New("want the name of an environment, got none")
	}
	selected, err := config.Select(config.All(), config.Choice{Env: name, ImageTag: imageTag})
	if err != nil {
		return config.Environment{}, err
	}
	return selected[0], nil
}

// interrupted says that the person, or the pipeline, stopped the command.
func interrupted(ctx context.Context) bool { return ctx.Err() != nil }

// afterwards is a context for looking around after an interruption: it outlives
// the command's own, and not for long.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
}
