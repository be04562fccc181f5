package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFargateSizesOfAWSAndNoOthers(t *testing.T) {
	for _, size := range [][2]int{{256, 512}, {256, 2048}, {512, 4096}, {1024, 2048}, {2048, 16384}, {4096, 30720}, {8192, 61440}, {16384, 122880}} {
		assert.True(t, fargateOffers(size[0], size[1]), "%v", size)
	}
	for _, size := range [][2]int{{256, 1536}, {256, 4096}, {512, 512}, {1024, 1024}, {2048, 17408}, {8192, 17408}, {16384, 36864}, {32768, 65536}} {
		assert.False(t, fargateOffers(size[0], size[1]), "%v", size)
	}
	assert.Equal(t, "one of [512 1024 2048] MiB for CPU 256", fargateSizes(256))
}
