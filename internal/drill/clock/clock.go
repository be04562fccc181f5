// Package clock lets the drill wait without waiting: every time-out, poll and
// backoff goes through a [Clock], so that a test of a step that takes ten
// minutes takes none.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep waits, and returns the context's error when it ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// Kind is "real" or "virtual", for the report.
	Kind() string
}

// Real is the machine's clock.
type Real struct{}

// Now is the time.
func (Real) Now() time.Time { return time.Now() }

// Kind says that the durations are those of a watch.
func (Real) Kind() string { return "real" }

// Sleep waits for d.
func (Real) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Virtual is a clock that stands still but for those who sleep on it: sleeping
// moves it on at once. It is safe for several goroutines.
type Virtual struct {
	mu  sync.Mutex
	now time.Time
}

// NewVirtual starts a virtual clock at a time.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start} }

// Now is the virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Kind says that the durations are those of the simulation.
func (*Virtual) Kind() string { return "virtual" }

// Sleep moves the clock on by d.
func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(d)
	return nil
}
