package rollout

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFailuresAreLimitedAsECSLimitsThem(t *testing.T) {
	for wanted, limit := range map[int]int{0: 3, 1: 3, 6: 3, 7: 4, 8: 4, 20: 10, 399: 200, 1000: 200} {
		assert.Equal(t, limit, failuresAllowed(wanted), wanted)
	}
}
