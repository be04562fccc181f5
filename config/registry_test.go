package config

import (
	"testing"
)

func TestRegistryThatCutsAPushThatIsUnderWay(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"untagged at once": {func(e *Environment) { e.Registry.UntaggedDays = 0 }, `Registry.UntaggedDays: want 1 to 36500, got 0`},
	})
}
