package progress

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// lines keeps what the reporter prints beside the test.
type lines struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.Write(text)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.String()
}

func (l *lines) Reset() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.buffer.Reset()
}

func TestNothingWaitsInSilenceForMoreThanTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass := func(length time.Duration) {
			time.Sleep(length)
			synctest.Wait() // until the reporter has said what it has to say by now
		}
		var said lines
		var out bytes.Buffer
		ctx, reporter, stop := Watch(context.Background(), "wallet", &said, 0)
		heard := reporter.Heard(&out)
		pass(9*time.Second + time.Millisecond)
		assert.Empty(t, said.String(), "who prints is not silent yet")
		fmt.Fprintln(heard, "a line")
		pass(9 * time.Second)
		assert.Empty(t, said.String())

		done := Doing(ctx, "synthesizing %s", "staging")
		pass(25 * time.Second)
		assert.Equal(t, "... synthesizing staging (2s)\n... synthesizing staging (12s)\n... synthesizing staging (22s)\n", said.String())
		done()
		said.Reset()
		pass(10 * time.Second)
		assert.Equal(t, "... wallet (50s)\n", said.String())

		said.Reset()
		asked := Pause(ctx)
		pass(time.Hour)
		assert.Empty(t, said.String(), "a person thinks")
		asked()
		pass(9 * time.Second)
		assert.Empty(t, said.String())
		pass(2 * time.Second)
		assert.Contains(t, said.String(), "... wallet (")
		stop()
		said.Reset()
		pass(time.Hour)
		assert.Empty(t, said.String())
		assert.Equal(t, "a line\n", out.String())
	})
}

func TestALineOfProgressStaysOnOneLineOfTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said lines
		ctx, _, stop := Watch(context.Background(), "wallet", &said, 40)
		done := Doing(ctx, "deploying %s", "the stack of a name that is longer than the terminal is wide")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		done()
		stop()
		assert.Equal(t, "... deploying the stack of a name… (10s)\n", said.String())
	})
}

func TestACommandThatIsNotWatchedRunsAllTheSame(t *testing.T) {
	Doing(context.Background(), "x")()
	Pause(context.Background())()
}
