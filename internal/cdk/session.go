package cdk

import (
	"context"
	"time"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
	"wallet-infra/internal/stacks"
)

// Session is what a command that changes an environment works with.
type Session struct {
	Env     config.Environment
	Account *account.Account
	Console console.Console
	CDK     CLI
	// Wait is how long an operation of somebody else on a stack is waited for.
	Wait time.Duration
}

// Lock keeps the checkout's other commands from changing the environment meanwhile.
func (s Session) Lock(what string) (release func(), err error) {
	return account.Lock(s.CDK.Dir, s.Env.Name, what)
}

// Begin takes the lock and signs in.
func (s Session) Begin(ctx context.Context, what string) (end func(), err error) {
	if end, err = s.Lock(what); err != nil {
		return nil, err
	}
	if err = s.Account.SignIn(ctx, s.Console); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// Stacks reads the account's stacks.
func (s Session) Stacks() stacks.Reader { return stacks.NewReader(s.Account) }
