package account

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"wallet-infra/internal/exit"
)

// DeployDir is where a checkout keeps its locks and syntheses.
func DeployDir(checkout string) string { return filepath.Join(checkout, "build", "deploy") }

// Lock keeps the other commands of a checkout from changing an environment at the
// same time: two releases would deploy their stacks in turns. The kernel takes the
// lock back from a process that ends in any way. Between machines CloudFormation's own
// states stand in: a stack at work is not touched.
func Lock(checkout, environment, what string) (release func(), err error) {
	path := filepath.Join(DeployDir(checkout), environment+".lock")
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
		return nil, exit.With(exit.Refused, "another command changes %s from this checkout (%s): wait for its end", environment, who)
	}
	note := fmt.Sprintf("%s, process %d, since %s", what, os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(path, []byte(note), 0o600); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return func() { _ = lock.Unlock() }, nil
}
