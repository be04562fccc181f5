package progress

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNothingWaitsInSilenceForMoreThanTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said, out bytes.Buffer
		ctx, reporter, stop := Watch(context.Background(), "deliver", &said)
		heard := reporter.Heard(&out)
		time.Sleep(9*time.Second + time.Millisecond)
		assert.Empty(t, said.String(), "who prints is not silent yet")
		fmt.Fprintln(heard, "a line")
		time.Sleep(9 * time.Second)
		assert.Empty(t, said.String())

		done := Doing(ctx, "synthesizing %s", "staging")
		time.Sleep(25 * time.Second)
		assert.Equal(t, "... synthesizing staging (2s)\n... synthesizing staging (12s)\n... synthesizing staging (22s)\n", said.String())
		done()
		said.Reset()
		time.Sleep(10 * time.Second)
		assert.Equal(t, "... deliver (50s)\n", said.String())

		said.Reset()
		asked := Pause(ctx)
		time.Sleep(time.Hour)
		assert.Empty(t, said.String(), "a person thinks")
		asked()
		time.Sleep(9 * time.Second)
		assert.Empty(t, said.String())
		time.Sleep(2 * time.Second)
		assert.Contains(t, said.String(), "... deliver (")
		stop()
		said.Reset()
		time.Sleep(time.Hour)
		assert.Empty(t, said.String())
		assert.Equal(t, "a line\n", out.String())
	})
}

func TestACommandThatIsNotWatchedRunsAllTheSame(t *testing.T) {
	Doing(context.Background(), "x")()
	Pause(context.Background())()
}
