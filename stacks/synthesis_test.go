package stacks

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPanicsOfTheCDKLibraryBecomePlainErrors(t *testing.T) {
	const trace = "Error: Bad thing\n    at least one subnet\n    at new Vpc (/a/b.js:1:2)\n    at Kernel.create (/c.js:33:44)\n"
	assert.EqualError(t, Synthesize(func() { panic(errors.New(trace)) }), "synthesis failed: Error: Bad thing\n    at least one subnet")
	assert.EqualError(t, Synthesize(func() { panic("text") }), "synthesis failed: text")
	assert.EqualError(t, Synthesize(func() { panic("") }), "the CDK library failed without a message")
	assert.NoError(t, Synthesize(func() {}))
}

func TestAMistakeInThisProgramKeepsItsTrace(t *testing.T) {
	assert.Panics(t, func() {
		_ = Synthesize(func() {
			var empty []int
			_ = empty[len(os.Args)]
		})
	})
}
