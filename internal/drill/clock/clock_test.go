package clock

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestSleepersSideBySideTakeAsLongAsTheLongest(t *testing.T) {
	v := NewVirtual(start)
	nap := func(d time.Duration, times int) func() {
		return func() {
			for range times {
				_ = v.Sleep(context.Background(), d)
			}
		}
	}
	v.Together(nap(5*time.Second, 9), nap(time.Minute, 2), nap(7*time.Second, 3))
	assert.Equal(t, 2*time.Minute, v.Now().Sub(start))
	_ = v.Sleep(context.Background(), time.Second)
	assert.Equal(t, 121*time.Second, v.Now().Sub(start))
}

func TestAnEndedContextDoesNotMoveTheClock(t *testing.T) {
	v := NewVirtual(start)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, v.Sleep(ctx, time.Hour), context.Canceled)
	assert.Equal(t, start, v.Now())
}
