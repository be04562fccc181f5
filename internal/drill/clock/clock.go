// Package clock lets the drill wait without waiting: every time-out, poll and
// backoff goes through a [Clock], so that a test of a step that takes ten
// minutes takes none.
package clock

import (
	"context"
	"sync"
	"time"

	"wallet-infra/internal/poll"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep waits, and returns the context's error when it ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// Kind is "real" or "virtual", for the report.
	Kind() string
	// Together runs functions at the same time and waits for all of them.
	Together(run ...func())
}

// Real is the machine's clock.
type Real struct{}

// Now is the time.
func (Real) Now() time.Time { return time.Now() }

// Kind says that the durations are those of a watch.
func (Real) Kind() string { return "real" }

// Sleep waits for d.
func (Real) Sleep(ctx context.Context, d time.Duration) error { return poll.Sleep(ctx, d) }

// Together runs the functions at the same time and waits for all.
func (Real) Together(run ...func()) {
	var all sync.WaitGroup
	for _, one := range run {
		all.Go(one)
	}
	all.Wait()
}

// Virtual is a clock that stands still while anybody works. When all who use it
// sleep, it jumps to the moment at which the first of them wakes up. Functions
// that run at the same time must be started by [Virtual.Together].
type Virtual struct {
	mu       sync.Mutex
	now      time.Time
	awake    int // how many use the clock and do not sleep
	sleepers map[chan struct{}]time.Time
}

// NewVirtual starts a virtual clock at a time.
func NewVirtual(start time.Time) *Virtual {
	return &Virtual{now: start, awake: 1, sleepers: map[chan struct{}]time.Time{}}
}

// Now is the virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Kind says that the durations are those of the simulation.
func (*Virtual) Kind() string { return "virtual" }

// Sleep waits until the clock shows d later.
func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	woken := make(chan struct{})
	v.mu.Lock()
	v.sleepers[woken] = v.now.Add(d)
	v.awake--
	v.jump()
	v.mu.Unlock()
	<-woken
	return ctx.Err()
}

// jump moves the clock on when nobody is awake, and wakes whoever is due.
func (v *Virtual) jump() {
	if v.awake > 0 || len(v.sleepers) == 0 {
		return
	}
	var next time.Time
	for _, due := range v.sleepers {
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	v.now = next
	for woken, due := range v.sleepers {
		if !due.After(next) {
			delete(v.sleepers, woken)
			v.awake++
			close(woken)
		}
	}
}

// Together runs the functions at the same time and waits for all; who waits here
// does not hold the clock up.
func (v *Virtual) Together(run ...func()) {
	v.mu.Lock()
	v.awake += len(run) - 1
	v.mu.Unlock()
	var all sync.WaitGroup
	for _, one := range run {
		all.Go(func() {
			one()
			v.mu.Lock()
			v.awake--
			v.jump()
			v.mu.Unlock()
		})
	}
	all.Wait()
	v.mu.Lock()
	v.awake++
	v.mu.Unlock()
}
