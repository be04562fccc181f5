package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheCommittedEnvironmentsAreDeployable(t *testing.T) {
	for _, env := range All() {
		assert.NoError(t, env.Validate(), env.Name)
	}
	assert.NoError(t, validateTogether(All()))
}
