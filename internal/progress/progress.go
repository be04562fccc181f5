// Package progress says what a command is waiting for, when it has said nothing for
// a while: silence looks like a program that hangs.
package progress

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Quiet is how long a command may say nothing.
const Quiet = 10 * time.Second

// Reporter watches what a command prints.
type Reporter struct {
	out     io.Writer
	columns int // of the terminal; 0 for none

	mutex  sync.Mutex
	last   time.Time // when something was printed
	doing  []activity
	paused int
}

type activity struct {
	what  string
	since time.Time
}

// key is the context's key of its [Reporter].
type key struct{}

// Watch begins to watch a command, and returns a context for what it does, and what
// ends the watching. The lines go to out, a terminal of so many columns; 0 for none.
func Watch(ctx context.Context, what string, out io.Writer, columns int) (context.Context, *Reporter, func()) {
	reporter := &Reporter{out: out, columns: columns, last: time.Now()}
	ctx = context.WithValue(ctx, key{}, reporter)
	done := Doing(ctx, "%s", what)
	ticker, stop := time.NewTicker(time.Second), make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case now := <-ticker.C:
				reporter.tick(now)
			case <-stop:
				return
			}
		}
	})
	return ctx, reporter, func() {
		ticker.Stop()
		close(stop)
		ended.Wait()
		done()
	}
}

// tick prints the innermost activity when it has been quiet for long.
func (r *Reporter) tick(now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.paused > 0 || len(r.doing) == 0 || now.Sub(r.last) < Quiet {
		return
	}
	current := r.doing[len(r.doing)-1]
	what, elapsed := []rune(current.what), now.Sub(current.since).Round(time.Second).String()
	if room := r.columns - len("...  ()") - len(elapsed); r.columns > 0 && len(what) > room {
		what = append(what[:max(0, room-1)], '…') // a second line would look like another activity
	}
	fmt.Fprintf(r.out, "... %s (%s)\n", string(what), elapsed)
	r.last = now
}

// Heard makes a writer whose output counts as being heard of.
func (r *Reporter) Heard(out io.Writer) io.Writer { return heard{r, out} }

type heard struct {
	*Reporter
	to io.Writer
}

// Write passes on, and never in the middle of a line of the reporter's.
func (h heard) Write(text []byte) (int, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.last = time.Now()
	return h.to.Write(text)
}

// Doing says what a command does until the returned function is called, and with it what
// was begun since. Without a [Reporter] in the context it does nothing.
func Doing(ctx context.Context, format string, arguments ...any) (done func()) {
	reporter, watched := ctx.Value(key{}).(*Reporter)
	if !watched {
		return func() {}
	}
	reporter.mutex.Lock()
	defer reporter.mutex.Unlock()
	before := reporter.doing
	reporter.doing = append(slices.Clip(before), activity{fmt.Sprintf(format, arguments...), time.Now()})
	return func() {
		reporter.mutex.Lock()
		defer reporter.mutex.Unlock()
		reporter.doing = before
	}
}

// Pause keeps the reporter still while a person is asked something.
func Pause(ctx context.Context) (done func()) {
	reporter, watched := ctx.Value(key{}).(*Reporter)
	if !watched {
		return func() {}
	}
	pause := func(by int) {
		reporter.mutex.Lock()
		defer reporter.mutex.Unlock()
		reporter.paused += by
		reporter.last = time.Now()
	}
	pause(1)
	return func() { pause(-1) }
}
