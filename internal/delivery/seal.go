package delivery

import (
	"errors"
	"io/fs"
	"os"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// hold takes the environment's lock, unless this command has it.
func (s *Session) hold(what string) (func(), error) {
	if s.held {
		return func() {}, nil
	}
	release, err := account.Lock(s.CDK.Dir, s.Env.Name, what)
	s.held = err == nil
	return func() { s.held = false; release() }, err
}

// directory makes the one in which this run synthesizes, and nobody else: the one that
// was asked for, or one of its own, which goes with the run.
func (s *Session) directory(output string) (dir string, temporary bool, err error) {
	if output != "" {
		entries, err := os.ReadDir(output)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", false, err
		case len(entries) > 0:
			return "", false, exit.With(exit.Refused, "--output: %s is not empty: another run may be deploying what it wrote there", output)
		}
		return output, false, nil
	}
	parent := account.DeployDir(s.CDK.Dir)
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return "", false, err
	}
	dir, err = os.MkdirTemp(parent, s.Env.Name+"-")
	return dir, true, err
}

// discard removes a synthesis that only this run needs.
func (a Assembly) discard() {
	if a.temporary {
		_ = os.RemoveAll(a.Dir)
	}
}

// seal notes what each stack is deployed from, file by file.
func (a *Assembly) seal() error {
	a.seals = map[string]string{}
	for _, stack := range a.Stacks {
		sum, err := stack.Seal()
		if err != nil {
			return err
		}
		a.seals[stack.Name] = sum
	}
	return nil
}

// intact fails where the files of a stack are not those that were judged and shown.
func (a Assembly) intact(stack cfn.Stack) error {
	sum, err := stack.Seal()
	if err == nil && sum != a.seals[stack.Name] {
		err = errors.New("they are others now")
	}
	if err != nil {
		return exit.With(exit.Stale, "%s: what it is deployed from in %s was changed since it was read (%w): it is not deployed", stacks.Short(stack), a.Dir, err)
	}
	return nil
}
