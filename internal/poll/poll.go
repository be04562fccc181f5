// Package poll waits: for a while, or until something that is looked at is done.
package poll

import (
	"context"
	"errors"
	"time"
)

// ErrTooLong says that what was looked at did not end in its time.
var ErrTooLong = errors.New("it did not end in its time")

// Sleep waits for a while, or ends early with the context's error.
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

// Until looks again and again, every so often, until look says that it is done or
// fails. It fails with [ErrTooLong] when the next look would come after longest.
func Until(ctx context.Context, every, longest time.Duration, look func() (done bool, err error)) error {
	for waited := time.Duration(0); ; waited += every {
		done, err := look()
		if done || err != nil {
			return err
		}
		if waited+every > longest {
			return ErrTooLong
		}
		if err := Sleep(ctx, every); err != nil {
			return err
		}
	}
}
