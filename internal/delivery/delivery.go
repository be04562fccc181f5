// Package delivery brings an environment from a commit to AWS and back: it looks
// before it acts (preflight), deploys stack by stack with the CDK CLI, runs
// migrations, returns to an earlier release and removes an environment.
//
// A command is a method of [Session]. Every method may be repeated after any
// interruption, tells all problems at once, changes nothing before it has asked,
// and fails with an [exit.Failure], whose status the process ends with.
package delivery

import (
	"context"
	"errors"
	"time"

	"wallet-infra/config"
	"wallet-infra/internal/exit"
)

// refused is a Failure of AWS's before anything was changed.
func refused(err error) error {
	if errors.Is(err, context.Canceled) {
		return exit.With(exit.Interrupted, "interrupted: nothing was changed")
	}
	return exit.With(exit.Refused, "%s", explain(err))
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

	// Now is the time.
	Now func() time.Time

	account *account
	held    bool // this command has the environment's lock
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
