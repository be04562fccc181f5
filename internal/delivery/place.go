package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
)

// place of the syntheses and locks, below the repository's root.
var deployDir = filepath.Join("build", "deploy")

// hold keeps the other commands of this checkout from changing the environment at the
// same time: two releases would deploy their stacks in turns. The kernel takes the
// lock back from a process that ends in any way. Between machines CloudFormation's own
// states stand in: a stack at work is not touched.
func (s *Session) hold(what string) (release func(), err error) {
	if s.held {
		return func() {}, nil
	}
	path := filepath.Join(s.CDK.Dir, deployDir, s.Env.Name+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	lock := flock.New(path)
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !got {
		who, _ := os.ReadFile(path)
		return nil, exit.With(exit.Refused, "another command changes %s from this checkout (%s): wait for its end", s.Env.Name, who)
	}
	note := fmt.Sprintf("%s, process %d, since %s", what, os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(path, []byte(note), 0o600); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	s.held = true
	return func() {
		s.held = false
		_ = lock.Unlock()
	}, nil
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
	parent := filepath.Join(s.CDK.Dir, deployDir)
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
		return exit.With(exit.Stale, "%s: what it is deployed from in %s was changed since it was read (%w): it is not deployed", short(stack), a.Dir, err)
	}
	return nil
}
