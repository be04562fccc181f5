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
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
	"wallet-infra/internal/stacks"
)

// Session is one command's view of one environment.
type Session struct {
	Env     config.Environment
	Console console.Console
	CDK     CDK
	// Wait is how long an operation of somebody else on a stack is waited for.
	Wait    time.Duration
	account *account.Account
	stacks  stacks.Reader
	held    bool // this command has the environment's lock
	// runCDK runs a command of CDK, the real one outside of tests.
	runCDK func(ctx context.Context, arguments ...string) error
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

// NewSession opens an environment's account, without asking it anything yet.
// asCaller reads with the caller's own permissions and not through the lookup
// role.
func NewSession(ctx context.Context, env config.Environment, to console.Console, cdk CDK, asCaller bool) (*Session, error) {
	opened, err := account.Open(ctx, env, asCaller)
	if err != nil {
		return nil, err
	}
	return &Session{Env: env, Console: to, CDK: cdk, account: opened, stacks: stacks.NewReader(opened), runCDK: cdk.run}, nil
}

// identify signs in, and says who did.
func (s *Session) identify(ctx context.Context) error {
	who, err := s.account.SignIn(ctx)
	if err == nil {
		s.Console.Say("account %s, as %s", s.Env.Site.Account, who)
	}
	return err
}
