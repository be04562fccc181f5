package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheLongestValidNameFitsEverywhere(t *testing.T) {
	env := large()
	env.Name = strings.Repeat("x", 16)
	assert.NoError(t, env.Validate())
	for _, name := range env.limitedNames() {
		assert.LessOrEqual(t, len(name.value), name.limit, name.what)
	}
}
